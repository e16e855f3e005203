//! Keeps the deny-list in step with the store: what is revoked here is put there and published before it is acknowledged,
//! what is published by others comes into force here. After each break everything that is there is read anew, once nothing
//! can be missed any more; and what is missing there is told again, so a store that has lost everything learns it back.

use super::tally::{Kind, Outcome, Tally};
use super::wire::{Driver, Wire};
use super::{Fault, PAUSE_MAX, PAUSE_MIN, RevocationsAway, Store};
use crate::state::journal;
use crate::state::revocations::Revocations;
use crate::state::sharing::{self, Known};
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// Works for as long as it is polled.
pub async fn keep_in_step(store: &Store, list: &Revocations) {
    tokio::join!(repeat(store, list), end_patience(store, list));
}

async fn repeat(store: &Store, list: &Revocations) {
    let mut pause = PAUSE_MIN;
    let mut is_told = false;
    loop {
        let fault = match session(store, list).await {
            Ok(never) => match never {},
            Err(fault) => fault,
        };
        let was_up = tally(store).is_some_and(Tally::is_up);
        if let Some(tally) = tally(store) {
            tally.down();
        }
        if store.terms.revocations == RevocationsAway::Refuse {
            list.set_behind(true);
        }
        if was_up || !is_told {
            tracing::error!(store = %store.dial, %fault, "the store of revocations is away; it is tried again");
            is_told = true;
        }
        pause = if was_up { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// A store that stays away must not keep gateways from starting, where the terms say so.
async fn end_patience(store: &Store, list: &Revocations) {
    tokio::time::sleep(START_PATIENCE).await;
    if store.terms.revocations == RevocationsAway::GoOn {
        store.await_no_longer();
        if list.is_behind() {
            tracing::error!("revocations of other gateways could not be read; what is known here decides");
            list.set_behind(false);
        }
    }
}

async fn session(store: &Store, list: &Revocations) -> Result<Infallible, Fault> {
    let (inbox, messages) = mpsc::channel(MESSAGES_MAX);
    let (wire, driver) = store.connect(Some(inbox)).await?;
    let session = Session { store, list, wire, messages };
    ended_by(session.work(), driver).await
}

async fn ended_by(work: impl Future<Output = Result<Infallible, Fault>>, driver: Driver) -> Result<Infallible, Fault> {
    tokio::select! {
        outcome = work => outcome,
        () = driver => Err(Fault::gone()),
    }
}

struct Session<'s> {
    store: &'s Store,
    list: &'s Revocations,
    wire: Wire,
    messages: mpsc::Receiver<Vec<u8>>,
}

impl Session<'_> {
    async fn work(mut self) -> Result<Infallible, Fault> {
        // First, so that nothing falls between what is read and what is heard.
        self.ask(self.wire.subscribe(&self.store.keys.revoked)).await?;
        self.ask(self.store.learn_era(&self.wire)).await?;
        if self.wire.run_id().is_none() {
            tracing::warn!(
                "the store does not say which run of it this is: started from an older copy of its data, it lets proofs of \
                 that time in twice; allow `INFO` there"
            );
        }
        if self.ask(self.wire.evicts()).await? {
            tracing::warn!(
                "the store throws keys away when it is full, and used proofs with them: set `maxmemory-policy noeviction` there"
            );
        }
        self.read().await?;
        self.list.set_behind(false);
        if let Some(tally) = tally(self.store) {
            tally.up();
        }
        tracing::info!(store = %self.store.dial, entries = self.list.len(), "revocations are shared");
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 1_u64.. {
            // A beat, with as much as there is to hear and to tell until then.
            loop {
                tokio::select! {
                    message = self.messages.recv() => self.hear(message)?,
                    () = self.list.untold() => self.tell().await?,
                    _ = beats.tick() => break,
                }
            }
            self.ask(self.wire.ping()).await?;
            if count % BEATS_PER_SWEEP == 0 {
                self.sweep().await?;
            }
        }
        Err(Fault::gone())
    }

    /// Everything that is there.
    async fn read(&self) -> Result<(), Fault> {
        let now = self.store.clock.now();
        let (mut known, mut page) = (Known::default(), 0);
        loop {
            let (next, members) = self.ask(self.wire.ranked(&self.store.keys.revoked, page)).await?;
            for member in members {
                known.add(member, now);
            }
            page = next;
            if page == 0 {
                break;
            }
        }
        self.left_out(self.list.hear(known.entries(), now), known.malformed);
        self.list.tell_what_is_missing(&known, now);
        // What says the same comes before the others go.
        let (members, superfluous) = known.shorter();
        for some in members.chunks(BATCH) {
            self.ask(self.wire.add_ranked(&self.store.keys.revoked, some, None)).await?;
        }
        for some in superfluous.chunks(BATCH) {
            self.ask(self.wire.drop_members(&self.store.keys.revoked, some)).await?;
        }
        Ok(())
    }

    fn hear(&self, message: Option<Vec<u8>>) -> Result<(), Fault> {
        // More came than could be heard: what is missing stands in the set.
        let message = message.ok_or_else(|| Fault::new("it tells more than can be heard"))?;
        let entries = std::str::from_utf8(&message).ok().filter(|text| text.len() <= MESSAGE_BYTES_MAX);
        match entries.and_then(|text| journal::parse_all(text).ok()) {
            Some(entries) => self.left_out(self.list.hear(entries, self.store.clock.now()), 0),
            None => self.left_out(0, 1),
        }
        Ok(())
    }

    async fn tell(&self) -> Result<(), Fault> {
        let entries = self.list.next_untold(BATCH);
        let message = journal::text(entries.iter().map(|(digest, entry)| (digest, entry)));
        let members = sharing::changes(entries.iter().copied());
        self.ask(self.wire.add_ranked(&self.store.keys.revoked, &members, Some(&message))).await?;
        self.list.were_told(&entries);
        Ok(())
    }

    /// Lets go of what has expired long ago, and makes one date of many.
    async fn sweep(&self) -> Result<(), Fault> {
        self.ask(self.store.renew_era(&self.wire)).await?;
        let end = self.store.clock.now().0.saturating_sub(EXPIRED_KEPT_S);
        let left = self.ask(self.wire.drop_ranked(&self.store.keys.revoked, end)).await?;
        let most = self.list.len().saturating_mul(2).saturating_add(BATCH);
        if left > most as u64 { self.read().await } else { Ok(()) }
    }

    async fn ask<T>(&self, call: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let begun = self.store.clock.instant();
        let answer = tokio::time::timeout(ANSWER_MAX, call).await;
        let outcome = match &answer {
            Ok(Ok(_)) => Outcome::Answered,
            Ok(Err(_)) => Outcome::Failed,
            Err(_) => Outcome::Late,
        };
        if let Some(tally) = tally(self.store) {
            tally.count(Kind::Revocations, outcome, self.store.clock.instant().duration_since(begun));
        }
        answer.unwrap_or(Err(Fault::late(ANSWER_MAX)))
    }

    fn left_out(&self, no_room: usize, malformed: usize) {
        if no_room > 0 {
            tracing::error!(
                entries = no_room,
                "revocations of other gateways find no room: raise `revocations.entries`"
            );
        }
        if malformed > 0 {
            tracing::error!(entries = malformed, "the store has revocations that nobody of us can have put there");
            if let Some(tally) = tally(self.store) {
                tally.add_malformed(malformed);
            }
        }
    }
}

/// The control thread's.
fn tally(store: &Store) -> Option<&Tally> {
    store.tallies.last()
}

/// A gateway that starts may wait so long for what others have revoked.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// An operator waits meanwhile, and no request.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How soon a connection is found to be dead that says nothing.
const BEAT: Duration = Duration::from_secs(1);
const BEATS_PER_SWEEP: u64 = 60;
/// Our clock may be ahead of another gateway's, for which it has not expired.
const EXPIRED_KEPT_S: i64 = 3600;
/// Entries that are told at a time.
const BATCH: usize = 1000;
/// Of a batch: an entry is two lines at most, each of less than 110 octets.
const MESSAGE_BYTES_MAX: usize = BATCH * 220;
/// Messages that wait to be heard. More, and the whole set is read again.
const MESSAGES_MAX: usize = 1024;
