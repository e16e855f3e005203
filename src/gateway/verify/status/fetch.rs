//! Fetches the status lists of one issuer on the control thread, each before it is due, and decides which are good
//! (draft-ietf-oauth-status-list §5.1, §8.3).

use super::counts::Outcome;
use super::list::{Kept, State, Terms};
use super::{List, StatusLists, without_query};
use crate::clock::{Clock, UnixSeconds};
use crate::config;
use crate::config::bounds::{
    STATUS_LIST_BYTES_MAX, STATUS_LIST_FETCH_TIMEOUT, STATUS_LIST_IDLE_MAX, STATUS_LIST_RETRY_INTERVAL,
    STATUS_LIST_TOKEN_BYTES_MAX,
};
use crate::gateway::verify::jwt::Signatory;
use crate::gateway::verify::keys::KeyStore;
use crate::gateway::verify::{Issuer, jwt};
use crate::net::fetch::{Bounds, Fetcher};
use crate::net::tls::{self, TlsFault};
use crate::oauth::status_list::StatusList;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Keeps the lists of one issuer fresh. It does not keep the lists: without a policy that has them nobody needs them. They
/// may outlive the issuer that they began with, as long as nothing changes that they are judged by.
pub struct Client {
    lists: Weak<StatusLists>,
    settings: config::issuers::Issuer,
    keys: Arc<KeyStore>,
    fetcher: Fetcher,
    clock: Clock,
}

/// Why there is no list. The text names nothing that stands in it.
#[derive(Debug)]
struct Fault(Outcome, String);

impl Client {
    /// Nothing is fetched yet. `None` for an issuer whose tokens' status nobody asks for.
    pub fn new(issuer: &Issuer, clock: Clock) -> Result<Option<Self>, TlsFault> {
        let Some(lists) = &issuer.status_lists else { return Ok(None) };
        let fetcher = Fetcher::new(tls::client(lists.settings.authorities.as_deref())?);
        let (lists, keys) = (Arc::downgrade(lists), Arc::clone(&issuer.keys));
        Ok(Some(Self { lists, settings: issuer.settings.clone(), keys, fetcher, clock }))
    }

    /// Fetches a list again and again, until no token was looked up in it for long, or nobody can.
    pub async fn keep_fresh(&self, list: &List) {
        let mut used = self.clock.now();
        while let Some(lists) = self.lists.upgrade() {
            let now = self.clock.now();
            if list.is_used.swap(false, Ordering::Relaxed) {
                used = now;
            } else if now >= used.later(STATUS_LIST_IDLE_MAX) {
                return lists.forget(list);
            }
            let pause = self.refresh(list, &lists).await;
            drop(lists);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = list.wanted() => {}
            }
        }
    }

    /// Fetches it once, tells whoever waits, and says when to do so again.
    async fn refresh(&self, list: &List, lists: &StatusLists) -> Duration {
        let before = list.state.load_full();
        let outcome = self.fetch(list, lists, before.list.as_deref()).await;
        report(&self.settings.name, list, &outcome, before.is_failing);
        let (count, state, pause) = match outcome {
            Ok(kept) => {
                let (pause, fetched) = (kept.refresh(), Some(kept.fetched));
                (Outcome::Good, State { list: Some(Arc::new(kept)), fetched, is_failing: false }, pause)
            }
            Err(Fault(outcome, _)) => {
                let (kept, fetched) = (self.not_dead(&before, list), before.fetched);
                (outcome, State { list: kept, fetched, is_failing: true }, STATUS_LIST_RETRY_INTERVAL)
            }
        };
        lists.counts.count(count);
        list.state.store(Arc::new(state));
        list.end();
        pause
    }

    /// What may not be used any more takes no memory either.
    fn not_dead(&self, before: &State, list: &List) -> Option<Arc<Kept>> {
        let kept = before.list.as_ref()?;
        if self.clock.now() < kept.dies {
            return Some(Arc::clone(kept));
        }
        let (issuer, list) = (&*self.settings.name, without_query(list.uri()));
        tracing::error!(issuer, list, "a status list could not be fetched for too long and is used no more");
        None
    }

    async fn fetch(&self, list: &List, lists: &StatusLists, before: Option<&Kept>) -> Result<Kept, Fault> {
        // What the answer says is at least as old as the question.
        let asked = self.clock.now();
        let request = Request::get(list.uri())
            .header(header::ACCEPT, "application/statuslist+jwt")
            .body(Bytes::new())
            .map_err(|_| Fault(Outcome::Absurd, "its address is no URI".to_owned()))?;
        let bounds = Bounds { total: STATUS_LIST_FETCH_TIMEOUT, body_bytes_max: STATUS_LIST_TOKEN_BYTES_MAX };
        let answer = self.fetcher.send(request, bounds).await;
        let answer = answer.map_err(|fault| Fault(Outcome::Unreachable, fault.to_string()))?;
        if answer.status() != StatusCode::OK {
            // A redirect is followed nowhere: it could lead out of what the operator allowed.
            return Err(Fault(Outcome::Unreachable, format!("the answer is {}", answer.status())));
        }
        self.read(answer.body(), list.uri(), (lists, asked), before).map_err(|why| Fault(Outcome::Absurd, why))
    }

    /// The signed type says what this is, whatever `Content-Type` says.
    fn read(
        &self,
        jwt: &[u8],
        uri: &str,
        (lists, asked): (&StatusLists, UnixSeconds),
        before: Option<&Kept>,
    ) -> Result<Kept, String> {
        // Read before they are used: keys that were replaced meanwhile are not taken for the new ones.
        let key_generation = self.keys.generation();
        let signatory = Signatory { settings: &self.settings, keys: &self.keys };
        let payload = jwt::signed(jwt.trim_ascii(), TYPE, signatory, self.clock.instant())
            .map_err(|refusal| format!("its signature is not accepted: {}", refusal.reason().name()))?;
        let list = StatusList::parse(&payload, STATUS_LIST_BYTES_MAX).map_err(|fault| fault.to_string())?;
        if list.uri != uri {
            return Err("its `sub` is another list".to_owned());
        }
        let config::status_list::StatusLists { refresh, stale_max, .. } = lists.settings;
        let terms = Terms { refresh, stale_max, leeway: self.settings.leeway };
        Kept::take(list, before, (key_generation, asked), terms).map_err(|fault| fault.to_string())
    }
}

/// One line per change of state: a list that is away for a night is one line, not ten thousand.
fn report(issuer: &str, list: &List, outcome: &Result<Kept, Fault>, was_failing: bool) {
    let list = without_query(list.uri());
    match outcome {
        Err(fault) if !was_failing => {
            tracing::warn!(issuer, list, %fault, "cannot fetch a status list; trying again");
        }
        Ok(_) if was_failing => tracing::info!(issuer, list, "the status list can be fetched again"),
        Ok(_) | Err(_) => {}
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

const TYPE: &str = "statuslist+jwt";
