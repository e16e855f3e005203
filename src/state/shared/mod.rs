//! What several gateways must agree on, in a Valkey or Redis beside them: which proofs were used, what is revoked, and what
//! nonces are made with. Each worker has a connection of its own, and the control thread one more.
//!
//! The store is there to agree, and nothing is believed because of it: who writes to it can have tokens refused, and have
//! revocations and used proofs forgotten, and can never have a token accepted that was not issued.

#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "without connections nobody runs a script"))]
pub mod count;
pub mod era;
pub mod link;
pub mod revoked;
pub mod tally;
#[cfg_attr(not(feature = "redis"), path = "no_wire.rs")]
mod wire;

use crate::clock::Clock;
use crate::net::dial::Dial;
use arc_swap::ArcSwapOption;
use era::Era;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tally::Tally;
use wire::{Driver, Inbox, Wire};

/// The store, as all threads know it.
#[derive(Debug)]
pub struct Store {
    dial: Dial,
    login: Login,
    terms: Terms,
    keys: Keys,
    clock: Clock,
    /// As it was last seen.
    era: ArcSwapOption<Era>,
    /// One of each worker, then the control thread's.
    tallies: Box<[Tally]>,
    /// Whether we still wait to be introduced to it.
    is_awaited: AtomicBool,
}

/// Who we are to it, and where in it.
pub struct Login {
    /// `None`: its default user.
    pub username: Option<Box<str>>,
    /// `None`: it asks for none.
    pub password: Option<Box<str>>,
    /// Its number.
    pub database: u32,
}

/// How it is used.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Our keys begin with it.
    pub prefix: Box<str>,
    /// What a request waits for it.
    pub timeout: Duration,
    /// What becomes of proofs while it is away.
    pub proofs: ProofsAway,
    /// What becomes of tokens while revocations may be unknown.
    pub revocations: RevocationsAway,
    /// What becomes of calls that gateways count together.
    pub limits: LimitsAway,
}

/// What becomes of a proof that the store cannot be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofsAway {
    /// 503: nobody knows whether it was used at another gateway.
    Refuse,
    /// What this gateway remembers decides.
    Local,
}

/// What becomes of tokens while other gateways' revocations do not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationsAway {
    /// What is known here decides.
    GoOn,
    /// 503: a token may be revoked.
    Refuse,
}

/// What becomes of a call that cannot be counted together with the others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitsAway {
    /// It is counted here.
    Local,
    /// 503.
    Refuse,
    /// It is let through uncounted.
    Allow,
}

/// What is kept where.
#[derive(Debug)]
struct Keys {
    era: String,
    proof: String,
    /// A sorted set by end; and a channel of the same name.
    revoked: String,
}

/// Why the store did not do what it was asked. The text names no key and no value.
#[derive(Debug)]
pub struct Fault(Box<str>);

impl Store {
    /// For so many workers. Nothing is connected yet.
    pub fn new((dial, login): (Dial, Login), terms: Terms, workers: usize, clock: Clock) -> Self {
        let prefix = &terms.prefix;
        let keys = Keys {
            era: format!("{prefix}:era"),
            proof: format!("{prefix}:proof:"),
            revoked: format!("{prefix}:revoked"),
        };
        let tallies = (0..=workers).map(|_| Tally::default()).collect();
        let (era, is_awaited) = (ArcSwapOption::empty(), AtomicBool::new(true));
        Self { dial, login, terms, keys, clock, era, tallies, is_awaited }
    }

    /// How it is used.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// `None` where it was never reached.
    pub fn era(&self) -> Option<Arc<Era>> {
        self.era.load_full()
    }

    /// Counts of each worker, then the control thread's.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Whether some thread has not reached it yet, and may yet.
    pub fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed) && !self.tallies.iter().all(Tally::was_up)
    }

    fn await_no_longer(&self) {
        self.is_awaited.store(false, Ordering::Relaxed);
    }

    /// A connection on which we are known. It works while the driver is polled.
    async fn connect(&self, inbox: Option<Inbox>) -> Result<(Wire, Driver), Fault> {
        let connect = async {
            let stream = self.dial.connect().await?;
            Wire::open(stream, &self.login, inbox).await
        };
        tokio::time::timeout(CONNECT_MAX, connect).await.unwrap_or(Err(Fault::late(CONNECT_MAX)))
    }

    /// Of the server's run: what it reads from a disk when it starts may be older than the last proofs.
    fn era_key(&self, wire: &Wire) -> String {
        let era = &self.keys.era;
        wire.run_id().map_or_else(|| era.clone(), |run| format!("{era}:{run}"))
    }

    /// Keeps the era that it is from being forgotten.
    async fn renew_era(&self, wire: &Wire) -> Result<(), Fault> {
        let keep = u64::try_from(era::KEEP.as_millis()).unwrap_or(u64::MAX);
        wire.run(&era::RENEW, &[self.era_key(wire)], &[count::Word::Number(keep)]).await.map(drop)
    }

    /// Asks which era it is, and begins one where there is none.
    async fn learn_era(&self, wire: &Wire) -> Result<Arc<Era>, Fault> {
        let text = wire.put_or_read(&self.era_key(wire), &Era::begin(self.clock.now()), era::KEEP).await?;
        let era = Era::read(&text).ok_or_else(|| Fault::new("what it has under `era` is not ours: delete it there"))?;
        let era = Arc::new(era);
        self.era.store(Some(Arc::clone(&era)));
        Ok(era)
    }
}

impl Fault {
    fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    fn late(limit: Duration) -> Self {
        Self::new(format!("it did not answer within {} ms", limit.as_millis()))
    }

    fn gone() -> Self {
        Self::new("the connection ended")
    }
}

impl From<io::Error> for Fault {
    fn from(fault: io::Error) -> Self {
        Self::new(format!("it cannot be reached: {fault}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("database", &self.database).finish_non_exhaustive()
    }
}

/// From the look-up of its name to its welcome.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Between two tries to reach it; it doubles from one to the next. Shorter than what anybody waits who restarts it.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
