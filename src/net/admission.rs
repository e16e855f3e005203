//! Who may come in: so many connections in all, so many of one network, and each to a worker that has few. It is looked
//! at when a connection begins and when it ends, never for a request.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open connections of all workers.
#[derive(Debug)]
pub struct Admission {
    total: AtomicUsize,
    total_max: usize,
    of_network_max: usize,
    /// Each holds as many entries as it has open connections, at most.
    networks: Vec<Mutex<HashMap<Network, usize>>>,
    hasher: RandomState,
    loads: Box<[AtomicUsize]>,
}

/// One open connection. Dropped, it has ended.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    worker: usize,
    network: Option<Network>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// There are as many as there may be.
    Full,
    /// There are as many of its network as there may be.
    NetworkFull,
}

/// The addresses that count as one client's: those that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network(Ipv6Addr);

impl Admission {
    /// Nobody is here yet.
    pub fn new(workers: usize, total_max: usize, of_network_max: usize) -> Self {
        Self {
            total: AtomicUsize::new(0),
            total_max,
            of_network_max,
            networks: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            loads: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Takes a connection in for the worker of this number. `client` is its address, or `None` where the peer speaks for
    /// others.
    pub fn admit(self: &Arc<Self>, worker: usize, client: Option<IpAddr>) -> Result<Place, Turned> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.total_max {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err(Turned::Full);
        }
        if let Some(load) = self.loads.get(worker) {
            load.fetch_add(1, Ordering::Relaxed);
        }
        let mut place = Place { admission: Arc::clone(self), worker, network: None };
        match client {
            Some(client) => place.count(client).map(|()| place),
            None => Ok(place),
        }
    }

    /// As many as there may be.
    pub fn total_max(&self) -> usize {
        self.total_max
    }

    /// Open connections.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Open connections of each worker.
    pub fn loads(&self) -> impl Iterator<Item = usize> {
        self.loads.iter().map(|load| load.load(Ordering::Relaxed))
    }

    /// The worker that should have the next connection which `worker` accepted, if that is another one. The kernel picks
    /// listeners by a hash of addresses, which spreads many short connections well and a few long ones badly.
    pub fn better_than(&self, worker: usize) -> Option<usize> {
        let own = self.loads.get(worker)?.load(Ordering::Relaxed);
        let (least, place) = self.loads().zip(0..).min()?;
        (own.saturating_sub(least) > own / TOLERANCE).then_some(place)
    }

    fn shard(&self, network: Network) -> Option<MutexGuard<'_, HashMap<Network, usize>>> {
        let place = self.hasher.hash_one(network) % SHARDS as u64;
        // A panicking thread leaves a whole map: each change is one entry.
        Some(self.networks.get(usize::try_from(place).ok()?)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// Counts it for its client's network too, once that is known.
    pub fn count(&mut self, client: IpAddr) -> Result<(), Turned> {
        if self.network.is_some() {
            return Ok(());
        }
        let network = Network::of(client);
        let Some(mut shard) = self.admission.shard(network) else { return Ok(()) };
        let open = shard.entry(network).or_default();
        if *open >= self.admission.of_network_max {
            return Err(Turned::NetworkFull);
        }
        *open += 1;
        self.network = Some(network);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(network) = self.network
            && let Some(mut shard) = self.admission.shard(network)
            && let Some(open) = shard.get_mut(&network)
        {
            *open -= 1;
            if *open == 0 {
                shard.remove(&network);
            }
        }
        if let Some(load) = self.admission.loads.get(self.worker) {
            load.fetch_sub(1, Ordering::Relaxed);
        }
        self.admission.total.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Network {
    fn of(client: IpAddr) -> Self {
        Self(network(client))
    }
}

/// The first address of the network that counts as one client's.
pub fn network(client: IpAddr) -> Ipv6Addr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => (address.to_bits() & (u128::MAX << (128 - V6_PREFIX))).into(),
    }
}

/// Of an IPv6 address, so many bits are the network that one client is given: homes and offices get a /56 or more
/// (RIPE-690), and whoever counted addresses would count nothing.
pub const V6_PREFIX: u32 = 56;
/// Enough that workers seldom meet.
const SHARDS: usize = 64;
/// A worker keeps what it accepted while it has no more than an eighth above the one with the fewest: handing over costs
/// two system calls and a wake-up.
const TOLERANCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_its_bound_and_others_have_theirs() {
        let admission = Arc::new(Admission::new(1, 100, 2));
        let admit = |client| admission.admit(0, Some(ip(client)));
        let first = admit("192.0.2.1").unwrap();
        let _second = admit("::ffff:192.0.2.1").unwrap();
        assert_eq!(admit("192.0.2.1").unwrap_err(), Turned::NetworkFull);
        let _other = admit("192.0.2.2").unwrap();
        let _long = [admit("2001:db8:0:100::1").unwrap(), admit("2001:db8:0:1ff::2").unwrap()];
        assert_eq!(admit("2001:db8:0:1aa::3").unwrap_err(), Turned::NetworkFull, "a /56 is one client");
        let _next = admit("2001:db8:0:200::1").unwrap();
        let _hop = [(); 5].map(|()| admission.admit(0, None).unwrap());
        drop(first);
        let _again = admit("192.0.2.1").unwrap();
        assert_eq!(admission.total(), 11, "who was turned away is not counted");
    }

    #[test]
    fn nothing_is_kept_of_whom_is_gone() {
        let admission = Arc::new(Admission::new(1, 3, 2));
        for _ in 0..10 {
            let places: Vec<_> = ["::1", "::2", "192.0.2.1", "192.0.2.9"]
                .into_iter()
                .filter_map(|it| admission.admit(0, Some(ip(it))).ok())
                .collect();
            assert_eq!(places.len(), 3);
            assert_eq!(admission.admit(0, Some(ip("192.0.2.7"))).unwrap_err(), Turned::Full);
        }
        assert_eq!((admission.total(), admission.loads().sum::<usize>()), (0, 0));
        assert!(admission.networks.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }

    /// As the kernel may do it at worst: all arrive at one worker.
    #[test]
    fn whatever_arrives_where_no_worker_has_many_more_than_another() {
        for (workers, connections) in [(1_usize, 10_usize), (2, 3), (4, 4), (4, 10), (4, 40), (8, 1000)] {
            let admission = Arc::new(Admission::new(workers, 10_000, 10_000));
            let place = |_| {
                let worker = admission.better_than(0).unwrap_or(0);
                admission.admit(worker, None).unwrap()
            };
            let _places: Vec<_> = (0..connections).map(place).collect();
            let most = admission.loads().max().unwrap();
            let even = connections.div_ceil(workers);
            assert!(
                most <= even + even / TOLERANCE + 1,
                "{workers} {connections} {:?}",
                admission.loads().collect::<Vec<_>>()
            );
        }
    }
}
