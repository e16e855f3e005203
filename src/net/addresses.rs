//! Where a host is: at an address, or at those that its name stood for when it was last looked up.
//!
//! Looking up is the business of somebody who has time: whoever connects finds what is known, and waits only before the first
//! answer. A lookup that fails takes nothing away.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{oneshot, watch};

/// The addresses of one host.
#[derive(Debug)]
pub struct Addresses {
    /// What has to be looked up.
    name: Option<Box<str>>,
    port: u16,
    known: watch::Sender<Known>,
    /// Whose turn it is to be tried first.
    turn: AtomicUsize,
    /// Lookups that had an answer.
    pub good: AtomicU64,
    /// Lookups that had none.
    pub failed: AtomicU64,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Arc<[SocketAddr]>,
    /// Counts the sets, from 0 for none.
    version: u64,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It was not looked up yet.
    New,
    /// The last lookup had an answer.
    Good,
    /// The last lookup had none.
    Failed,
}

/// What a lookup has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing.
    Nothing,
    /// There are other addresses than before.
    Others,
    /// There is an answer again, after there was none.
    Again,
    /// There is none any more, or none yet.
    Lost,
}

impl Addresses {
    /// Of a name or an address; of an address they are known for ever.
    pub fn new(host: &str, port: u16, most: usize) -> Self {
        let known = watch::Sender::new(Known { addresses: [].into(), version: 0, standing: Standing::New });
        let (turn, good, failed) = Default::default();
        let mut of = Self { name: None, port, known, turn, good, failed };
        match host.parse::<IpAddr>() {
            Ok(address) => drop(of.learn(Some(vec![address]), most)),
            Err(_) => of.name = Some(host.into()),
        }
        of
    }

    /// What has to be looked up, if anything has to.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.known.borrow().addresses.len()
    }

    /// Counts the sets of addresses that there have been.
    pub fn version(&self) -> u64 {
        self.known.borrow().version
    }

    /// Whether this is one of them.
    pub fn contain(&self, address: SocketAddr) -> bool {
        self.known.borrow().addresses.contains(&address)
    }

    /// Up to `most` of them, each time another first. Waits for the first lookup to end; empty where it failed.
    pub async fn in_turn(&self, most: usize) -> Vec<SocketAddr> {
        let mut known = self.known.subscribe();
        // `self` has the sender.
        let Ok(known) = known.wait_for(|known| known.standing != Standing::New).await else { return Vec::new() };
        let addresses = &known.addresses;
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len().max(1);
        addresses.iter().cycle().skip(first).take(most.min(addresses.len())).copied().collect()
    }

    /// Takes in what a lookup has found, up to `most`; `None` or nothing: it has failed, and what was known stays.
    pub fn learn(&self, found: Option<Vec<IpAddr>>, most: usize) -> Learned {
        let mut addresses: Vec<_> =
            found.unwrap_or_default().into_iter().map(|address| SocketAddr::new(address, self.port)).collect();
        // Answers come in another order each time.
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(most);
        let is_good = !addresses.is_empty();
        if is_good { &self.good } else { &self.failed }.fetch_add(1, Ordering::Relaxed);
        let mut learned = Learned::Nothing;
        self.known.send_modify(|known| {
            let now = if is_good { Standing::Good } else { Standing::Failed };
            learned = match (std::mem::replace(&mut known.standing, now), now) {
                (Standing::Failed, Standing::Good) => Learned::Again,
                (Standing::New | Standing::Good, Standing::Failed) => Learned::Lost,
                (_, _) if is_good && *known.addresses != *addresses => Learned::Others,
                (_, _) => Learned::Nothing,
            };
            if is_good && *known.addresses != *addresses {
                known.addresses = addresses.into();
                known.version += 1;
            }
        });
        learned
    }
}

/// Looks up a name as the system does, on a thread of its own, which ends when the system has answered. Nobody waits for it
/// but who asked: no worker, and not the end of the process.
pub fn look_up(name: &str) -> oneshot::Receiver<io::Result<Vec<IpAddr>>> {
    let (answer, answered) = oneshot::channel();
    let name = name.to_owned();
    let look = move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        // Who asked may be gone.
        drop(answer.send(found.map(|found| found.map(|address| address.ip()).collect())));
    };
    // Without a thread the answer is that nobody will answer.
    drop(std::thread::Builder::new().name("lookup".to_owned()).spawn(look));
    answered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn now(addresses: &Addresses, most: usize) -> Option<Vec<SocketAddr>> {
        match pin!(addresses.in_turn(most)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => Some(found),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_address_needs_no_lookup() {
        for host in ["127.0.0.1", "::1"] {
            let addresses = Addresses::new(host, 80, 8);
            assert_eq!((addresses.name(), addresses.count()), (None, 1));
            assert_eq!(now(&addresses, 4), Some(vec![SocketAddr::new(host.parse().unwrap(), 80)]));
        }
    }

    #[test]
    fn a_name_is_waited_for_once_and_kept_when_it_is_lost() {
        let addresses = Addresses::new("a.example", 80, 8);
        assert_eq!((addresses.name(), now(&addresses, 4)), (Some("a.example"), None));
        assert_eq!(addresses.learn(None, 8), Learned::Lost);
        assert_eq!(now(&addresses, 4), Some(vec![]), "it is not waited for again");
        assert_eq!(addresses.learn(None, 8), Learned::Nothing, "said once");
        assert_eq!(addresses.learn(Some(ips(&["10.0.0.1"])), 8), Learned::Again);
        let version = addresses.version();
        assert_eq!(addresses.learn(None, 8), Learned::Lost);
        assert_eq!(addresses.learn(Some(Vec::new()), 8), Learned::Nothing, "an empty answer is none");
        assert_eq!((now(&addresses, 4).unwrap().len(), addresses.version()), (1, version), "what was known stays");
        assert_eq!(addresses.learn(Some(ips(&["10.0.0.1"])), 8), Learned::Again);
        assert_eq!(addresses.version(), version);
        assert_eq!((addresses.good.load(Ordering::Relaxed), addresses.failed.load(Ordering::Relaxed)), (2, 4));
    }

    #[test]
    fn the_order_of_an_answer_is_no_change_and_each_has_its_turn() {
        let addresses = Addresses::new("a.example", 80, 3);
        assert_eq!(addresses.learn(Some(ips(&["10.0.0.2", "10.0.0.1", "10.0.0.2"])), 3), Learned::Others);
        assert_eq!(addresses.learn(Some(ips(&["10.0.0.1", "10.0.0.2"])), 3), Learned::Nothing);
        let firsts: Vec<_> = (0..4).map(|_| now(&addresses, 2).unwrap()[0].ip().to_string()).collect();
        assert_eq!(firsts, ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(now(&addresses, 1).unwrap().len(), 1);
        assert_eq!(addresses.learn(Some(ips(&["10.0.0.3"])), 3), Learned::Others);
        let [gone, there] = ["10.0.0.1:80", "10.0.0.3:80"].map(|text| text.parse().unwrap());
        assert!(!addresses.contain(gone) && addresses.contain(there));
    }

    #[test]
    fn at_most_so_many_are_kept() {
        let addresses = Addresses::new("a.example", 80, 3);
        for (count, kept) in [(3, 3), (4, 3)] {
            let found = (1..=count).map(|last| IpAddr::from([10, 0, 0, last])).collect();
            addresses.learn(Some(found), 3);
            assert_eq!(addresses.count(), kept);
        }
    }

    #[test]
    fn the_system_knows_this_machine_and_not_what_is_nowhere() {
        let found = look_up("localhost").blocking_recv().unwrap().unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
        assert!(look_up("nowhere.invalid").blocking_recv().unwrap().is_err());
    }
}
