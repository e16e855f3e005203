//! What the status lists of one issuer say of its tokens (draft-ietf-oauth-status-list §8.3). The lists belong to all
//! workers; the control thread fetches them before they are due. A request takes no lock, and waits only for a list that
//! it is the first to need, or that nobody could keep fresh in time.

pub mod counts;
pub mod fetch;
mod list;
pub mod pending;

use crate::clock::{Clock, UnixSeconds};
use crate::config;
use crate::config::bounds::{STATUS_LIST_RETRY_INTERVAL, STATUS_LISTS_MAX};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::status_list::Reference;
use arc_swap::ArcSwap;
use counts::Counts;
use list::State;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// The status lists of one issuer, as they are now.
pub struct StatusLists {
    /// Where they may be fetched, and how old they may be.
    pub settings: config::status_list::StatusLists,
    /// What is counted about them.
    pub counts: Counts,
    /// By address. Replaced whole when a list is added or forgotten, by whoever holds `changing`.
    lists: ArcSwap<HashMap<Box<str>, Arc<List>>>,
    changing: Mutex<()>,
    /// Whether the operator was told that tokens name lists which may not be fetched.
    is_foreign: AtomicBool,
    /// The issuer's, for the log.
    name: Arc<str>,
    waiters: AtomicUsize,
    queue: mpsc::Sender<Arc<List>>,
    added: Mutex<Option<mpsc::Receiver<Arc<List>>>>,
    clock: Clock,
}

/// One list, whatever its state.
pub struct List {
    uri: Box<str>,
    state: ArcSwap<State>,
    /// Whether a token was looked up in it since somebody last looked here.
    is_used: AtomicBool,
    /// Fetches that ended, well or not.
    ended: watch::Sender<u64>,
    /// The number of the fetch that somebody waits for.
    wanted: AtomicU64,
    wake: Notify,
}

/// What a look into the lists says of a token that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is good.
    Valid,
    /// The list must be fetched first.
    Unknown,
}

impl StatusLists {
    /// No list is known, and none is fetched before somebody works on `take_added`.
    pub fn new(name: Arc<str>, settings: config::status_list::StatusLists, clock: Clock) -> Self {
        let (queue, added) = mpsc::channel(STATUS_LISTS_MAX);
        Self {
            settings,
            counts: Counts::default(),
            lists: ArcSwap::default(),
            changing: Mutex::default(),
            is_foreign: AtomicBool::new(false),
            name,
            waiters: AtomicUsize::new(0),
            queue,
            added: Mutex::new(Some(added)),
            clock,
        }
    }

    /// Whether nobody fetches its lists yet.
    pub fn is_idle(&self) -> bool {
        self.added.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The lists to be fetched, once. They end when the last policy that can ask for one has gone.
    pub fn take_added(&self) -> Option<mpsc::Receiver<Arc<List>>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Lists that are kept.
    pub fn len(&self) -> usize {
        self.lists.load().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lists that could not be fetched the last time.
    pub fn failing(&self) -> usize {
        self.lists.load().values().filter(|list| list.state.load().is_failing).count()
    }

    /// How long ago that list was last fetched with success which is the furthest behind.
    pub fn age(&self) -> Option<Duration> {
        let now = self.clock.now();
        let age = |list: &Arc<List>| u64::try_from(now.0 - list.state.load().fetched?.0).ok();
        self.lists.load().values().filter_map(age).max().map(Duration::from_secs)
    }

    /// The status of a token that was `issued` then, by lists that keys of this generation vouch for.
    ///
    /// A list that cannot be had blames no token: 503. So does one that we may not fetch, which is between the issuer
    /// and our operator.
    pub(super) fn look_up(
        &self,
        reference: &Reference,
        issued: Option<UnixSeconds>,
        key_generation: u64,
        now: UnixSeconds,
    ) -> Result<Standing, Refusal> {
        let lists = self.lists.load();
        let Some(list) = lists.get(&reference.uri) else {
            let is_ours = self.settings.sites.iter().any(|site| site.holds(&reference.uri));
            return if is_ours { Ok(Standing::Unknown) } else { Err(self.elsewhere(&reference.uri)) };
        };
        // Read before it is written, so that the workers share the line.
        if !list.is_used.load(Ordering::Relaxed) {
            list.is_used.store(true, Ordering::Relaxed);
        }
        let state = list.state.load();
        let kept = state.list.as_deref().filter(|kept| {
            kept.key_generation == key_generation && kept.is_alive(now) && kept.covers(reference.index, issued)
        });
        // While a list cannot be fetched nobody waits for it: the old one is used, or there is no answer.
        if !state.is_failing && kept.is_none_or(|kept| now >= kept.due) {
            return Ok(Standing::Unknown);
        }
        match kept.map(|kept| kept.statuses.get(reference.index)) {
            Some(Some(0)) => Ok(Standing::Valid),
            // §7.1: revoked, suspended, or what only the issuer's own applications understand; §8.3: beyond the end.
            Some(Some(_) | None) => Err(Reason::TokenStatus.into()),
            None => Err(unavailable()),
        }
    }

    /// The operator is told of the first; the line of each request has the reason.
    fn elsewhere(&self, uri: &str) -> Refusal {
        if !self.is_foreign.swap(true, Ordering::Relaxed) {
            let (issuer, list) = (&*self.name, without_query(uri));
            tracing::error!(issuer, ?list, "a token names a status list that is not below `status_list.uris`: 503");
        }
        foreign()
    }

    /// The list at `uri`, which is fetched from now on if nobody knew it.
    fn list(&self, uri: &str) -> Result<Arc<List>, Refusal> {
        let changing = self.changing();
        let lists = self.lists.load();
        if let Some(known) = lists.get(uri) {
            return Ok(Arc::clone(known));
        }
        let list = Arc::new(List::new(uri));
        if lists.len() >= STATUS_LISTS_MAX || self.queue.try_send(Arc::clone(&list)).is_err() {
            self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(unavailable());
        }
        let mut more = HashMap::clone(&lists);
        more.insert(uri.into(), Arc::clone(&list));
        self.lists.store(Arc::new(more));
        drop(changing);
        Ok(list)
    }

    /// Whoever waits for it is told, and asks again.
    fn forget(&self, list: &List) {
        let changing = self.changing();
        let mut fewer = HashMap::clone(&self.lists.load());
        fewer.remove(&list.uri);
        self.lists.store(Arc::new(fewer));
        drop(changing);
        list.end();
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        // There is nothing in it to be broken.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn new(uri: &str) -> Self {
        Self {
            uri: uri.into(),
            state: ArcSwap::default(),
            is_used: AtomicBool::new(true),
            ended: watch::Sender::new(0),
            wanted: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    /// Where it is fetched.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Asks for the fetch after `seen`. If it is under way already, that is the one.
    fn want_after(&self, seen: u64) {
        self.wanted.fetch_max(seen + 1, Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Until somebody wants a fetch that has not ended.
    async fn wanted(&self) {
        while self.wanted.load(Ordering::Acquire) <= *self.ended.borrow() {
            self.wake.notified().await;
        }
    }

    /// A fetch ended.
    fn end(&self) {
        self.ended.send_modify(|ended| *ended += 1);
    }
}

/// A token that says of its status what nobody here can look up, or may.
pub(super) fn foreign() -> Refusal {
    Refusal::unavailable(Reason::StatusForeign, retry_after())
}

fn unavailable() -> Refusal {
    Refusal::unavailable(Reason::StatusUnavailable, retry_after())
}

/// Of a list's address what can be no secret.
fn without_query(uri: &str) -> &str {
    uri.split('?').next().unwrap_or_default()
}

/// Until we have tried again, in seconds.
fn retry_after() -> u32 {
    u32::try_from(STATUS_LIST_RETRY_INTERVAL.as_secs()).unwrap_or(u32::MAX)
}

impl fmt::Debug for StatusLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusLists").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn lists() -> StatusLists {
        let settings = config::status_list::StatusLists {
            sites: Vec::new(),
            authorities: None,
            refresh: Duration::from_mins(5),
            stale_max: Duration::from_hours(1),
            is_required: false,
        };
        StatusLists::new("bank".into(), settings, Clock::manual(0))
    }

    #[test]
    fn a_list_that_is_forgotten_makes_room_and_wakes_who_waits() {
        let lists = lists();
        let first = lists.list("0").unwrap();
        for number in 1..STATUS_LISTS_MAX {
            assert!(lists.list(&number.to_string()).is_ok());
        }
        assert!(lists.list("one more").is_err() && lists.list("0").is_ok());
        let ended = first.ended.subscribe();
        lists.forget(&first);
        assert_eq!((lists.len(), ended.has_changed().unwrap()), (STATUS_LISTS_MAX - 1, true));
        let mut added = lists.take_added().unwrap();
        added.try_recv().unwrap();
        assert!(lists.list("one more").is_ok());
    }

    /// A wish that the fetch under way fulfils is none any more when it ends.
    #[test]
    fn a_fetch_under_way_is_the_one_that_is_wanted() {
        let list = List::new("u");
        let is_wanted = |list: &List| list.wanted.load(Ordering::Relaxed) > *list.ended.borrow();
        list.want_after(0);
        list.want_after(0);
        assert!(is_wanted(&list));
        list.end();
        assert!(!is_wanted(&list));
        list.want_after(1);
        assert!(is_wanted(&list));
    }
}
