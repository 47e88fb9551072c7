//! Room for the bodies that are in memory at one time, so that they never take more than they may, and nobody who sends
//! little or nothing keeps the others from sending.
//!
//! A [`Pool`] of room has two halves. Room in the first is taken as bytes arrive, so a body that is only announced holds
//! none. When the first half is used up a body asks for all the rest that it may need at once, in the second half, and
//! waits there in order of asking. Whoever got it never asks again and comes to its end, by success or by one of the
//! limits on slow bodies, so two half-read bodies never wait for each other; whoever does not get it within
//! `body_room_timeout` is refused.
//!
//! There is one pool for all bodies, and a smaller one for each client address and each access key, so that what is left
//! of the large one belongs to others. A body counts in all of its pools. The second halves are asked for in one order
//! (address, access key, all), so bodies do not wait in a circle for those either.
//!
//! ```text
//! 64 MiB in flight, 75 % for one client: 48 MiB, of which 24 as bytes arrive.
//! 64 uploads of 8 MB by one client: 24 MiB arrive, then three uploads at a time have room for their rest.
//! Somebody else uploads 16 MiB meanwhile: 8 MiB as they arrive, and 8 in the second half, without waiting.
//! ```

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{BodyError, memory::BodyMemory};
use crate::settings::Limits;

/// The room of one listener
#[derive(Debug)]
pub(crate) struct BodyBudget {
    all: Arc<Pool>,
    total_kibibytes: u32,
    /// What each client address and each access key has
    share: PoolSize,
    addresses: Pools<IpAddr>,
    access_keys: Pools<String>,
    memory: Arc<BodyMemory>,
    names: LimitNames,
}

/// The names of the limits that a listener keeps
#[derive(Debug, Clone, Copy)]
struct LimitNames {
    in_flight: &'static str,
    one_body: &'static str,
}

/// Who sends the requests of one connection
#[derive(Debug)]
pub(crate) struct Client {
    address: Arc<Pool>,
    /// The access key of its first request; nearly always that of all the others
    first_access_key: OnceLock<(Box<str>, Arc<Pool>)>,
    /// How many of its bodies may wait for room at one time. Over HTTP/2 a body that waits fills the connection's
    /// flow-control window, and the last part of that is for bodies that have room.
    waiting_places: Semaphore,
}

/// Whom a body's room is counted for
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) budget: &'a BodyBudget,
    pub(crate) client: &'a Client,
    /// The access key that the request says it is signed with; whether it is cannot be known before its body is in
    pub(crate) access_key_id: Option<&'a str>,
}

/// The room that one body has, given back when it is dropped
#[derive(Debug)]
pub(crate) struct Room {
    /// Address, access key, all: the order in which second halves are asked for
    pools: [Option<Arc<Pool>>; 3],
    /// Kibibytes in the first half of each pool
    as_it_came: u32,
    /// Kibibytes in the second half of each pool; less in the later ones while it is being asked for
    at_once: [u32; 3],
}

/// Room, counted in kibibytes
#[derive(Debug)]
struct Pool {
    first_half: Semaphore,
    second_half: Semaphore,
    size: PoolSize,
}

#[derive(Debug, Clone, Copy)]
struct PoolSize {
    first_half: u32,
    second_half: u32,
}

impl BodyBudget {
    /// The room of the AWS API
    pub(crate) fn of_aws_api(limits: &Limits) -> Self {
        let names = LimitNames {
            in_flight: "in_flight_body_bytes_max",
            one_body: "body_bytes_max",
        };
        let memory = BodyMemory::keeping(limits.body_memory_kept_bytes_max);
        Self::new(
            names,
            limits.in_flight_body_bytes_max,
            limits.body_bytes_max,
            limits,
            memory,
        )
    }

    /// The room of the control API, which is not to wait for uploads
    pub(crate) fn of_control_api(limits: &Limits) -> Self {
        let names = LimitNames {
            in_flight: "in_flight_control_body_bytes_max",
            one_body: "control_body_bytes_max",
        };
        Self::new(
            names,
            limits.in_flight_control_body_bytes_max,
            limits.control_body_bytes_max.max(limits.state_bytes_max),
            limits,
            BodyMemory::keeping(0),
        )
    }

    fn new(
        names: LimitNames,
        in_flight_bytes_max: usize,
        body_bytes_max: usize,
        limits: &Limits,
        memory: Arc<BodyMemory>,
    ) -> Self {
        let total = kibibytes(in_flight_bytes_max).max(1);
        let largest = kibibytes(body_bytes_max).min(total);
        let percent = u64::try_from(limits.client_body_share_percent_max).unwrap_or(100);
        let share = u32::try_from(u64::from(total) * percent / 100).unwrap_or(total);
        Self {
            all: Arc::new(Pool::new(PoolSize::new(total, largest))),
            total_kibibytes: total,
            // The largest body always has room, or nobody could send it.
            share: PoolSize::new(share.max(largest), largest),
            addresses: Pools::default(),
            access_keys: Pools::default(),
            memory,
            names,
        }
    }

    /// Bytes of the bodies that are in flight, in whole kibibytes
    pub(crate) fn bytes_in_flight(&self) -> u64 {
        self.all.kibibytes_taken() * 1024
    }

    /// Where large bodies are held
    pub(super) fn memory(&self) -> &Arc<BodyMemory> {
        &self.memory
    }

    /// Somebody who connects from this address
    pub(crate) fn client(&self, address: IpAddr) -> Client {
        Client {
            // A listener for both protocols sees IPv4 addresses as those of IPv6.
            address: self.addresses.pool(&address.to_canonical(), self.share),
            first_access_key: OnceLock::new(),
            waiting_places: Semaphore::new(HTTP2_BUFFER_PARTS - 1),
        }
    }
}

impl Account<'_> {
    /// A room that has nothing yet
    pub(super) fn open(&self) -> Room {
        let access_key = self.access_key_id.map(|id| self.access_key(id));
        Room {
            pools: [
                Some(self.client.address.clone()),
                access_key,
                Some(self.budget.all.clone()),
            ],
            as_it_came: 0,
            at_once: [0; 3],
        }
    }

    /// The error that there is no room
    pub(super) fn no_room(&self) -> BodyError {
        BodyError::NoRoom {
            limit: self.budget.names.in_flight,
        }
    }

    /// The error that the body is larger than it may be
    pub(super) fn too_large(&self, bytes_max: usize) -> BodyError {
        BodyError::TooLarge {
            limit: self.budget.names.one_body,
            bytes_max,
        }
    }

    /// Whether a body of this many bytes would find no room even if there were no other
    pub(super) fn never_has_room_for(&self, bytes: usize) -> bool {
        kibibytes(bytes) > self.budget.total_kibibytes
    }

    fn access_key(&self, id: &str) -> Arc<Pool> {
        let pool = |id: &str| self.budget.access_keys.pool(id, self.budget.share);
        let (first_id, first_pool) = self.client.first_access_key.get_or_init(|| (id.into(), pool(id)));
        if **first_id == *id {
            first_pool.clone()
        } else {
            pool(id)
        }
    }
}

impl Room {
    /// Takes room for what has arrived of a body of at most `bytes_max` bytes; returns how long it had to wait
    ///
    /// # Errors
    /// When the room that the body asks for is more than it can ever have, when too many bodies of the connection wait
    /// already, or when none comes free within `body_room_timeout`.
    pub(super) async fn grow(
        &mut self,
        account: &Account<'_>,
        bytes_arrived: usize,
        bytes_max: usize,
        body_room_timeout: Duration,
    ) -> Result<Duration, BodyError> {
        let more = kibibytes(bytes_arrived).saturating_sub(self.as_it_came);
        if more <= self.at_once[LAST] {
            return Ok(Duration::ZERO);
        }
        if self.at_once[LAST] == 0 && self.take_from_first_halves(more) {
            return Ok(Duration::ZERO);
        }
        let rest = kibibytes(bytes_max)
            .min(account.budget.total_kibibytes)
            .saturating_sub(self.as_it_came);
        let fits = self.pools().all(|pool| rest <= pool.size.second_half);
        if self.at_once[LAST] > 0 || rest < more || !fits {
            return Err(account.no_room());
        }
        let began = Instant::now();
        match self.take_from_second_halves(rest) {
            true => Ok(Duration::ZERO),
            false => {
                // Held until the room is there, so that no more bodies than these wait.
                let _place = account
                    .client
                    .waiting_places
                    .try_acquire()
                    .map_err(|_| account.no_room())?;
                timeout_at(began + body_room_timeout, self.wait_for_second_halves(rest))
                    .await
                    .map_err(|_| account.no_room())?;
                Ok(began.elapsed())
            }
        }
    }

    /// Gives back what it may have needed and did not
    pub(super) fn shrink(&mut self, bytes_arrived: usize) {
        let needed = kibibytes(bytes_arrived).saturating_sub(self.as_it_came);
        for (pool, held) in self.pools.iter().zip(&mut self.at_once) {
            let surplus = held.saturating_sub(needed);
            if let Some(pool) = pool
                && surplus > 0
            {
                pool.second_half.add_permits(surplus as usize);
                *held -= surplus;
            }
        }
    }

    fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> + Clone {
        self.pools.iter().flatten()
    }

    /// All or nothing
    fn take_from_first_halves(&mut self, kibibytes: u32) -> bool {
        let is_taken = take_from_all(self.pools().map(|pool| &pool.first_half), kibibytes);
        if is_taken {
            self.as_it_came += kibibytes;
        }
        is_taken
    }

    /// All or nothing
    fn take_from_second_halves(&mut self, kibibytes: u32) -> bool {
        let is_taken = take_from_all(self.pools().map(|pool| &pool.second_half), kibibytes);
        if is_taken {
            self.at_once = [kibibytes; 3];
        }
        is_taken
    }

    /// One pool after the other; if it is given up, what it has by then is given back with the room
    async fn wait_for_second_halves(&mut self, kibibytes: u32) {
        for (pool, held) in self.pools.iter().zip(&mut self.at_once) {
            if let Some(pool) = pool {
                let permit = pool.second_half.acquire_many(kibibytes).await;
                permit.expect("the semaphore is never closed").forget();
            }
            *held = kibibytes;
        }
    }
}

fn take_from_all<'s>(halves: impl Iterator<Item = &'s Semaphore> + Clone, kibibytes: u32) -> bool {
    for (taken, half) in halves.clone().enumerate() {
        match half.try_acquire_many(kibibytes) {
            Ok(permit) => permit.forget(),
            Err(_) => {
                for half in halves.take(taken) {
                    half.add_permits(kibibytes as usize);
                }
                return false;
            }
        }
    }
    true
}

impl Drop for Room {
    fn drop(&mut self) {
        for (pool, at_once) in self.pools.iter().zip(self.at_once) {
            let Some(pool) = pool else { continue };
            if self.as_it_came > 0 {
                pool.first_half.add_permits(self.as_it_came as usize);
            }
            if at_once > 0 {
                pool.second_half.add_permits(at_once as usize);
            }
        }
    }
}

impl Pool {
    fn new(size: PoolSize) -> Self {
        Self {
            first_half: Semaphore::new(size.first_half as usize),
            second_half: Semaphore::new(size.second_half as usize),
            size,
        }
    }

    fn kibibytes_taken(&self) -> u64 {
        let free = self.first_half.available_permits() + self.second_half.available_permits();
        let all = u64::from(self.size.first_half) + u64::from(self.size.second_half);
        all.saturating_sub(free as u64)
    }
}

impl PoolSize {
    /// So much room in two halves, the second of which has room for the largest body
    fn new(kibibytes: u32, largest_body: u32) -> Self {
        let second_half = (kibibytes / 2).max(largest_body);
        Self {
            first_half: kibibytes.saturating_sub(second_half),
            second_half,
        }
    }
}

/// The pools of the clients that there are at this moment
#[derive(Debug)]
struct Pools<K>(Mutex<HashMap<K, Weak<Pool>>>);

impl<K> Default for Pools<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Pools<K> {
    /// The pool of a client, made if it has none
    fn pool<Q>(&self, key: &Q, size: PoolSize) -> Arc<Pool>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        // A poisoned lock only means that somebody panicked; the map is whole between any two of its calls.
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(key).and_then(Weak::upgrade) {
            return pool;
        }
        // The pools of clients that are gone are removed before the map would have to grow.
        if pools.len() == pools.capacity() {
            pools.retain(|_, pool| pool.strong_count() > 0);
        }
        let pool = Arc::new(Pool::new(size));
        pools.insert(key.to_owned(), Arc::downgrade(&pool));
        pool
    }
}

/// In whole kibibytes, rounded up
fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Into how many parts `http2_buffer_bytes_max` of an HTTP/2 connection is divided. What nobody has read yet of one
/// stream's body may fill one part. One body less than there are parts may wait for room, so that the last part is for
/// bodies that have room.
pub(crate) const HTTP2_BUFFER_PARTS: usize = 8;

/// The index of the pool of all bodies, among the pools of one body
const LAST: usize = 2;

#[cfg(test)]
mod tests;
