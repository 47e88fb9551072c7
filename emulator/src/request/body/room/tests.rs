//! Who gets room, who waits, and that nobody waits for ever.

use tokio::task::JoinSet;

use super::*;

const KIB: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// Room for 64 KiB, of which one client has 48, for bodies of up to 16
fn budget() -> BodyBudget {
    budget_of(64, 16, 75)
}

fn budget_of(total: usize, largest: usize, percent: usize) -> BodyBudget {
    BodyBudget::of_aws_api(&Limits {
        in_flight_body_bytes_max: total * KIB,
        body_bytes_max: largest * KIB,
        client_body_share_percent_max: percent,
        ..Limits::default()
    })
}

fn client(budget: &BodyBudget, number: u8) -> Client {
    budget.client([127, 0, 0, number].into())
}

fn account<'a>(budget: &'a BodyBudget, client: &'a Client) -> Account<'a> {
    Account {
        budget,
        client,
        access_key_id: Some("test"),
    }
}

/// Room for so many KiB that have arrived, of a body of `bytes_max` KiB
async fn grow(room: &mut Room, account: &Account<'_>, arrived: usize, bytes_max: usize) -> Option<Duration> {
    room.grow(account, arrived * KIB, bytes_max * KIB, PATIENCE)
        .await
        .ok()
}

/// Bodies of 16 KiB of which so much has arrived, until there is no room for another without waiting
async fn fill(account: &Account<'_>, arrived: usize) -> Vec<Room> {
    let mut rooms = Vec::new();
    'bodies: loop {
        let mut room = account.open();
        for arrived in 1..=arrived {
            // A second half that is not there at once would be waited for.
            let grown = timeout_at(Instant::now(), grow(&mut room, account, arrived, 16)).await;
            if !matches!(grown, Ok(Some(_))) {
                break 'bodies rooms;
            }
        }
        rooms.push(room);
    }
}

#[track_caller]
fn assert_all_is_given_back(budget: &BodyBudget) {
    let left = |half: &Semaphore| half.available_permits() as u32;
    let pool = &budget.all;
    assert_eq!(left(&pool.first_half), pool.size.first_half);
    assert_eq!(left(&pool.second_half), pool.size.second_half);
}

#[tokio::test(start_paused = true)]
async fn who_only_announces_a_body_holds_no_room() {
    let budget = budget();
    let client = client(&budget, 1);
    let account = account(&budget, &client);
    let _announced: Vec<Room> = (0..1_000).map(|_| account.open()).collect();
    let mut room = account.open();
    assert_eq!(grow(&mut room, &account, 16, 16).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn one_client_leaves_the_others_room_for_the_largest_body() {
    let budget = budget();
    let (greedy, other) = (client(&budget, 1), client(&budget, 2));
    let greedy = account(&budget, &greedy);
    // With 1 KiB of each the first half is used up, with 2 KiB of some the second.
    for arrived in [1, 2, 16] {
        let held = fill(&greedy, arrived).await;
        let other = Account {
            access_key_id: Some("another"),
            ..account(&budget, &other)
        };
        let mut room = other.open();
        for arrived in 1..=16 {
            assert_eq!(
                grow(&mut room, &other, arrived, 16).await,
                Some(Duration::ZERO),
                "{arrived} beside {}",
                held.len()
            );
        }
    }
    assert_all_is_given_back(&budget);
}

#[tokio::test(start_paused = true)]
async fn one_access_key_leaves_the_others_room_from_however_many_addresses_it_comes() {
    let budget = budget();
    let clients: Vec<Client> = (1..=20).map(|number| client(&budget, number)).collect();
    let mut held = Vec::new();
    for client in &clients {
        held.extend(fill(&account(&budget, client), 16).await);
    }
    assert_eq!(held.len(), 3);
    let other = Account {
        access_key_id: Some("another"),
        ..account(&budget, &clients[0])
    };
    // The address of the first ones has its share as well.
    drop(held.pop());
    let mut room = other.open();
    assert_eq!(grow(&mut room, &other, 16, 16).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn two_half_read_bodies_do_not_wait_for_each_other() {
    // No room in the first half, and in the second for one body.
    for (total, before) in [(16, 0), (24, 4)] {
        let budget = budget_of(total, 16, 100);
        let client = client(&budget, 1);
        let account = account(&budget, &client);
        let upload = async |patience: Duration| {
            let mut room = account.open();
            if before > 0 {
                grow(&mut room, &account, before, 16)
                    .await
                    .expect("in the first half");
            }
            for arrived in before + 1..=16 {
                let grown = room.grow(&account, arrived * KIB, 16 * KIB, PATIENCE).await;
                grown.expect("in the second half, in the end");
                tokio::time::sleep(patience).await;
            }
        };
        tokio::join!(
            upload(Duration::from_secs(1)),
            upload(Duration::ZERO),
            upload(Duration::ZERO)
        );
        assert_all_is_given_back(&budget);
    }
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_room_in_time_is_refused_and_holds_none() {
    let budget = budget_of(16, 16, 100);
    let client = client(&budget, 1);
    let account = account(&budget, &client);
    let mut first = account.open();
    grow(&mut first, &account, 1, 16).await.unwrap();
    let began = Instant::now();
    let mut second = account.open();
    assert_eq!(grow(&mut second, &account, 1, 16).await, None);
    assert_eq!(began.elapsed(), PATIENCE);
    // The second one is still there.
    drop(first);
    let mut third = account.open();
    assert_eq!(grow(&mut third, &account, 1, 16).await, Some(Duration::ZERO));
    drop((second, third));
    assert_all_is_given_back(&budget);
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_first_has_room_first_and_is_told_how_long_it_waited() {
    let budget = budget_of(16, 16, 100);
    let client = client(&budget, 1);
    let account = account(&budget, &client);
    let mut first = account.open();
    grow(&mut first, &account, 1, 16).await.unwrap();
    let upload = async |seconds: u64| {
        let mut room = account.open();
        let waited = grow(&mut room, &account, 1, 16).await.unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        waited.as_secs()
    };
    let hold = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(first);
    };
    let ((), second, third) = tokio::join!(hold, upload(7), upload(1));
    assert_eq!((second, third), (5, 12));
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_length_was_not_known_gives_back_what_it_did_not_need() {
    let budget = budget_of(16, 16, 100);
    let client = client(&budget, 1);
    let account = account(&budget, &client);
    let mut room = account.open();
    grow(&mut room, &account, 3, 16).await.unwrap();
    let mut other = account.open();
    room.shrink(3 * KIB);
    assert_eq!(grow(&mut other, &account, 13, 13).await, Some(Duration::ZERO));
    drop((room, other));
    assert_all_is_given_back(&budget);
}

#[tokio::test(start_paused = true)]
async fn so_many_bodies_of_one_connection_wait_and_no_more() {
    let budget = Arc::new(budget_of(16, 16, 100));
    let holder = client(&budget, 1);
    let mut first = account(&budget, &holder).open();
    grow(&mut first, &account(&budget, &holder), 1, 16).await.unwrap();
    let client = Arc::new(client(&budget, 1));
    let began = Instant::now();
    let mut uploads = JoinSet::new();
    for _ in 0..HTTP2_BUFFER_PARTS + 1 {
        let (budget, client) = (budget.clone(), client.clone());
        uploads.spawn(async move {
            let account = account(&budget, &client);
            let grown = grow(&mut account.open(), &account, 1, 16).await;
            (grown, began.elapsed())
        });
    }
    let mut refused_after = Vec::new();
    while let Some(upload) = uploads.join_next().await {
        let (grown, after) = upload.expect("no upload panics");
        assert_eq!(grown, None);
        refused_after.push(after);
    }
    let (at_once, in_the_end) = refused_after.split_at(2);
    assert_eq!(at_once, [Duration::ZERO; 2]);
    assert_eq!(in_the_end, [PATIENCE; HTTP2_BUFFER_PARTS - 1]);
}

#[tokio::test(start_paused = true)]
async fn a_body_larger_than_all_room_is_refused_at_once() {
    let budget = budget_of(8, 16, 100);
    let client = client(&budget, 1);
    let account = account(&budget, &client);
    assert!(account.never_has_room_for(8 * KIB + 1));
    assert!(!account.never_has_room_for(8 * KIB));
    // A body whose length is not known is refused when it has grown so large.
    let mut room = account.open();
    for arrived in 1..=8 {
        assert_eq!(grow(&mut room, &account, arrived, 16).await, Some(Duration::ZERO));
    }
    assert_eq!(grow(&mut room, &account, 9, 16).await, None);
}

#[tokio::test(start_paused = true)]
async fn every_upload_of_a_burst_comes_to_its_end() {
    for seed in 0..20 {
        let budget = Arc::new(budget());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut uploads = JoinSet::new();
        for _ in 0..200 {
            let budget = budget.clone();
            let bytes = random.usize(1..=16 * KIB);
            let is_announced = random.bool();
            let (address, key) = (random.u8(1..=5), ["one", "two", "three"][random.usize(0..3)]);
            let mut random = random.fork();
            uploads.spawn(async move {
                let client = client(&budget, address);
                let account = Account {
                    access_key_id: Some(key),
                    ..account(&budget, &client)
                };
                let bytes_max = if is_announced { bytes } else { 16 * KIB };
                let mut room = account.open();
                let mut arrived = 0;
                while arrived < bytes {
                    arrived = bytes.min(arrived + random.usize(1..4 * KIB));
                    let grown = room.grow(&account, arrived, bytes_max, Duration::from_secs(100_000));
                    grown.await.expect("there is room in the end");
                    tokio::time::sleep(Duration::from_millis(random.u64(0..10))).await;
                }
                room.shrink(arrived);
                tokio::time::sleep(Duration::from_millis(random.u64(0..10))).await;
            });
        }
        while let Some(upload) = uploads.join_next().await {
            upload.expect("no upload panics");
        }
        assert_all_is_given_back(&budget);
    }
}

#[test]
fn pools_of_clients_that_are_gone_are_not_kept() {
    let budget = budget();
    let kept = client(&budget, 1);
    for number in 0..10_000_u32 {
        budget.client(IpAddr::from(std::net::Ipv4Addr::from(number)));
    }
    assert!(budget.addresses.0.lock().unwrap().len() < 20);
    assert!(Arc::ptr_eq(&kept.address, &client(&budget, 1).address));
    let mapped = budget.client("::ffff:127.0.0.1".parse().unwrap());
    assert!(Arc::ptr_eq(&kept.address, &mapped.address));
}
