//! A worker's own connection to the store. A request waits for its answer for as long as the terms say, and not at all
//! while there is no connection: that is a task's business, which makes it anew, and gives one up that does not answer.

use super::era::Era;
use super::tally::{Kind, Outcome, Tally};
use super::wire::{Driver, Wire};
use super::{Fault, PAUSE_MAX, PAUSE_MIN, Store};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// One connection, which may be away.
pub struct Link {
    store: Arc<Store>,
    index: usize,
    wire: RefCell<Option<Wire>>,
    /// Calls in a row that were not answered.
    unanswered: Cell<u32>,
    /// Ends the connection that there is.
    give_up: RefCell<Option<oneshot::Sender<()>>>,
}

/// What becomes of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Nobody had used it, in this era.
    First,
    /// Somebody had.
    Again,
    /// The era is another than its nonce and its date were held against.
    OtherEra,
    /// Nobody knows.
    Unknown,
}

impl Link {
    /// Of the worker with this number.
    pub fn new(store: Arc<Store>, index: usize) -> Self {
        Self { store, index, wire: RefCell::default(), unanswered: Cell::new(0), give_up: RefCell::default() }
    }

    /// Whose it is.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Uses the proof with this mark, which is remembered for `keep`, and was held against `era`.
    pub async fn spend(&self, mark: &[u8; 32], keep: Duration, era: Option<&Era>) -> Spent {
        let Store { keys, .. } = &*self.store;
        let mut key = keys.proof.clone();
        URL_SAFE_NO_PAD.encode_string(&mark[16..], &mut key);
        let ask = async |wire: Wire| {
            let (is_first, text) = wire.put_if_absent(&key, keep, &self.store.era_key(&wire)).await?;
            if !is_first {
                return Ok(Spent::Again);
            }
            // Asked after the proof was put there, of the server's run: so it has forgotten nothing since this era began.
            if era.is_some_and(|era| era.is(text.as_deref())) {
                return Ok(Spent::First);
            }
            self.store.learn_era(&wire).await?;
            Ok(Spent::OtherEra)
        };
        self.call(Kind::Proofs, ask).await.unwrap_or(Spent::Unknown)
    }

    /// `None` where there is no answer in time.
    pub(super) async fn call<T>(&self, kind: Kind, ask: impl AsyncFnOnce(Wire) -> Result<T, Fault>) -> Option<T> {
        let wire = self.wire.borrow().clone();
        let Some(wire) = wire else {
            self.count(kind, Outcome::Away, Duration::ZERO);
            return None;
        };
        let begun = self.store.clock.instant();
        let answer = tokio::time::timeout(self.store.terms.timeout, ask(wire)).await;
        let took = self.store.clock.instant().duration_since(begun);
        let (outcome, answer) = match answer {
            Ok(Ok(answer)) => (Outcome::Answered, Some(answer)),
            Ok(Err(fault)) => {
                tracing::debug!(%fault, "the store did not do what it was asked");
                (Outcome::Failed, None)
            }
            Err(_) => (Outcome::Late, None),
        };
        self.count(kind, outcome, took);
        if answer.is_some() {
            self.unanswered.set(0);
        } else {
            self.went_unanswered();
        }
        answer
    }

    /// Those that wait each have a budget of their own; the next ones need not spend theirs.
    fn went_unanswered(&self) {
        self.unanswered.set(self.unanswered.get() + 1);
        if self.unanswered.get() >= UNANSWERED_MAX
            && let Some(give_up) = self.give_up.take()
        {
            self.wire.take();
            // The task may have noticed by itself.
            give_up.send(()).ok();
        }
    }

    /// Keeps a connection for as long as it is polled.
    pub async fn keep(&self) {
        let mut pause = PAUSE_MIN;
        let mut is_told = false;
        loop {
            match self.introduce().await {
                Ok((wire, driver)) => {
                    if is_told {
                        tracing::info!(worker = self.index, "the store is there again");
                    }
                    self.work(wire, driver).await;
                    tracing::warn!(
                        worker = self.index,
                        "the store does not answer any more; a new connection is tried"
                    );
                    (pause, is_told) = (PAUSE_MIN, true);
                }
                Err(fault) => {
                    if !is_told {
                        tracing::error!(worker = self.index, store = %self.store.dial, %fault, "the store is away; it is tried again");
                    }
                    (pause, is_told) = ((pause * 2).min(PAUSE_MAX), true);
                }
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
    }

    /// What it answers to now it must answer within what a request would wait: else each would find out by itself.
    async fn introduce(&self) -> Result<(Wire, Driver), Fault> {
        let (wire, mut driver) = self.store.connect(None).await?;
        let limit = self.store.terms.timeout;
        let learned = tokio::select! {
            learned = tokio::time::timeout(limit, self.store.learn_era(&wire)) => learned,
            () = &mut driver => return Err(Fault::gone()),
        };
        learned.map_err(|_| Fault::late(limit))??;
        Ok((wire, driver))
    }

    /// Until the connection ends, or is given up.
    async fn work(&self, wire: Wire, driver: Driver) {
        let (give_up, is_given_up) = oneshot::channel();
        self.give_up.replace(Some(give_up));
        self.unanswered.set(0);
        self.wire.replace(Some(wire));
        self.tally(Tally::up);
        tokio::select! {
            () = driver => {}
            // Dropped without a word, it says the same.
            _ = is_given_up => {}
        }
        self.wire.take();
        self.give_up.take();
        self.tally(Tally::down);
    }

    fn count(&self, kind: Kind, outcome: Outcome, took: Duration) {
        self.tally(|tally| tally.count(kind, outcome, took));
    }

    fn tally(&self, write: impl FnOnce(&Tally)) {
        if let Some(tally) = self.store.tallies.get(self.index) {
            write(tally);
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("index", &self.index).finish_non_exhaustive()
    }
}

/// One may be chance; with more, whoever comes next would wait in vain too.
const UNANSWERED_MAX: u32 = 5;
