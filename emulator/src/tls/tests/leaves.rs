//! How long leaves last, how many are kept, and what ever new names cost.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::SignedDuration;
use rustls::pki_types::UnixTime;

use super::*;

/// A clock that stands where the test put it
#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn at(now: Timestamp) -> Arc<Self> {
        let clock = Self(AtomicU64::new(0));
        clock.set(now);
        Arc::new(clock)
    }

    fn set(&self, now: Timestamp) {
        self.0
            .store(now.as_second().try_into().unwrap(), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            self.0.load(Ordering::Relaxed),
        )))
    }
}

/// Leaves by name, with the clock that judges them
struct Bench {
    authority: Arc<CertificateAuthority>,
    clock: Arc<Clock>,
    leaves: Leaves,
    start: Timestamp,
}

fn bench(entries_max: usize) -> Bench {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let names = ServedNames::new(&[], None).unwrap();
    let authority = Arc::new(CertificateAuthority::make(names, start).unwrap());
    let clock = Clock::at(start);
    let leaves = Leaves::new(authority.clone(), entries_max, clock.clone(), Box::new(|_| {})).unwrap();
    Bench {
        authority,
        clock,
        leaves,
        start,
    }
}

impl Bench {
    fn leaf(&self, name: &str) -> Arc<CertifiedKey> {
        self.leaves.leaf(Some(name)).unwrap()
    }

    fn after(&self, days: i64) -> &Self {
        self.clock.set(self.start + SignedDuration::from_hours(days * 24));
        self
    }
}

#[test]
fn a_leaf_is_made_once_whatever_the_names_case() {
    let bench = bench(8);
    assert!(Arc::ptr_eq(
        &bench.leaf(SERVICE),
        &bench.leaf(&SERVICE.to_uppercase())
    ));
}

#[test]
fn a_leaf_is_made_again_a_month_before_it_ends() {
    let bench = bench(8);
    let first = bench.leaf(SERVICE);
    assert!(Arc::ptr_eq(&first, &bench.after(366).leaf(SERVICE)));
    let second = bench.after(368).leaf(SERVICE);
    assert!(!Arc::ptr_eq(&first, &second));
    // The second one ends with the authority, and is kept until then.
    assert!(Arc::ptr_eq(&second, &bench.after(729).leaf(SERVICE)));
}

#[test]
fn a_leaf_is_made_again_when_the_clock_was_set_back() {
    let bench = bench(8);
    let first = bench.after(100).leaf(SERVICE);
    assert!(!Arc::ptr_eq(&first, &bench.after(1).leaf(SERVICE)));
}

#[test]
fn no_leaf_outlives_its_authority_and_the_reason_says_what_to_do() {
    let bench = bench(8);
    let refusal = bench.after(731).leaves.leaf(Some(SERVICE)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        format!(
            "the certificate authority expired on {}; start the emulator again to have a new one made",
            bench.authority.not_after()
        )
    );
}

#[test]
fn a_client_that_asks_for_ever_new_names_fills_the_cache_and_no_more() {
    let bench = bench(8);
    let endpoint = |number: u32| format!("vpce-{number:08x}.lookoutvision.us-east-1.vpce.amazonaws.com");
    let busy = bench.leaf(SERVICE);
    for number in 0..100 {
        bench.leaf(&endpoint(number));
        assert!(bench.leaves.len() <= 8);
        assert!(Arc::ptr_eq(&busy, &bench.leaf(SERVICE)), "the name in use stays");
    }
    assert_eq!(bench.leaves.len(), 8);
    assert!(Arc::ptr_eq(
        &bench.leaf(&endpoint(99)),
        &bench.leaf(&endpoint(99))
    ));
}

#[test]
fn names_that_are_refused_take_no_room() {
    let bench = bench(8);
    assert!(bench.leaves.leaf(Some("example.com")).is_err());
    assert_eq!(bench.leaves.len(), 0);
}

#[test]
fn leaves_last_at_most_397_days_and_start_a_little_before_now() {
    let bench = bench(8);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let now = bench.start + SignedDuration::from_hours(24);
    let validity = bench
        .authority
        .certify(&[SERVICE.parse().unwrap()], &key, now)
        .unwrap()
        .validity;
    assert_eq!(
        now.duration_since(validity.not_before),
        SignedDuration::from_hours(1)
    );
    assert_eq!(
        validity.not_after.duration_since(validity.not_before),
        SignedDuration::from_hours(397 * 24)
    );
    let validity = bench
        .authority
        .certify(&[SERVICE.parse().unwrap()], &key, bench.authority.not_after())
        .unwrap()
        .validity;
    assert_eq!(validity.not_after, bench.authority.not_after());
}
