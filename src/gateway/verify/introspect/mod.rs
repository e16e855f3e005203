//! Questions to one issuer about opaque tokens. Requests of all workers that ask about one token share one call; calls
//! are made by the control thread. Everything is bounded: calls, questions in the queue, requests that wait.

pub mod breaker;
pub mod call;
pub mod counts;

use super::Issuer;
use super::cache::VerdictCache;
use super::fingerprint::Fingerprint;
use super::verdict::Verdict;
use crate::clock::{Clock, UnixSeconds};
use crate::config::bounds::{INTROSPECTION_QUEUE_MAX, INTROSPECTION_REFUSALS_MAX, INTROSPECTION_WAITERS_MAX};
use crate::config::introspection::Introspection;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use breaker::Breaker;
use counts::Counts;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// What an issuer said about a token, or why nobody knows.
pub(super) type Finding = Result<Verdict, Refusal>;

/// The calls to one issuer: those under way, those to come, and what was refused lately.
pub struct Introspector {
    /// How it is asked.
    pub settings: Introspection,
    /// What is counted about it.
    pub counts: Counts,
    /// Whether it is asked at the moment.
    pub breaker: Breaker,
    under_way: Mutex<HashMap<Fingerprint, watch::Receiver<Option<Finding>>>>,
    /// Apart from the verdicts, so that a flood of random tokens evicts none of them.
    refused: Cache<Fingerprint, Refused>,
    waiters: AtomicUsize,
    queue: mpsc::Sender<Call>,
    calls: Mutex<Option<mpsc::Receiver<Call>>>,
    clock: Clock,
}

/// A refusal that is remembered.
#[derive(Clone, Copy)]
struct Refused {
    reason: Reason,
    /// Before it the clock was set back since.
    since: UnixSeconds,
    until: UnixSeconds,
}

/// A question about one token.
pub(super) struct Question<'q> {
    pub(super) issuer: &'q Arc<Issuer>,
    pub(super) cache: &'q Arc<VerdictCache>,
    pub(super) token: &'q [u8],
    pub(super) fingerprint: Fingerprint,
}

/// A question on its way to the issuer. Dropped, it is over: nobody can join it any more, and who waits for it learns
/// that there is no answer.
pub struct Call {
    issuer: Arc<Issuer>,
    introspector: Arc<Introspector>,
    cache: Arc<VerdictCache>,
    token: Box<[u8]>,
    fingerprint: Fingerprint,
    /// Whether others may join it.
    is_listed: bool,
    /// Whether the breaker knows how it went.
    is_settled: bool,
    deadline: Instant,
    answer: watch::Sender<Option<Finding>>,
}

impl Introspector {
    /// Nothing is asked before somebody works on `take_calls`.
    pub fn new(settings: Introspection, clock: Clock) -> Self {
        let (queue, calls) = mpsc::channel(INTROSPECTION_QUEUE_MAX);
        Self {
            settings,
            counts: Counts::default(),
            breaker: Breaker::default(),
            under_way: Mutex::default(),
            refused: Cache::new(INTROSPECTION_REFUSALS_MAX),
            waiters: AtomicUsize::new(0),
            queue,
            calls: Mutex::new(Some(calls)),
            clock,
        }
    }

    /// Whether nobody works on its questions yet.
    pub fn is_idle(&self) -> bool {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The questions to come, once. They end when the last policy that can ask has gone.
    pub fn take_calls(&self) -> Option<mpsc::Receiver<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The refusal of a token that the issuer refused a moment ago.
    pub(super) fn refused(&self, fingerprint: &Fingerprint, now: UnixSeconds) -> Option<Reason> {
        let refused = self.refused.get(fingerprint)?;
        (refused.since..refused.until).contains(&now).then_some(refused.reason)
    }

    /// Asks, or joins whoever asks about the same token already. The answer may be younger than the question: what is
    /// remembered is looked up once more.
    pub(super) async fn ask(self: &Arc<Self>, question: &Question<'_>, now: UnixSeconds) -> Finding {
        let waiting = Waiting::begin(self)?;
        let answer = {
            let under_way = self.under_way();
            if let Some(answer) = under_way.get(&question.fingerprint) {
                self.counts.coalesced.fetch_add(1, Ordering::Relaxed);
                answer.clone()
            } else if let Some(known) = self.known(question, now) {
                return known;
            } else {
                self.send(question, Some(under_way))?
            }
        };
        let finding = self.wait(answer).await;
        drop(waiting);
        finding
    }

    /// Asks by a call of its own: one that is under way may have been answered before this request came.
    pub(super) async fn ask_anew(self: &Arc<Self>, question: &Question<'_>) -> Finding {
        let waiting = Waiting::begin(self)?;
        let answer = self.send(question, None)?;
        let finding = self.wait(answer).await;
        drop(waiting);
        finding
    }

    async fn wait(&self, mut answer: watch::Receiver<Option<Finding>>) -> Finding {
        let answered = answer.wait_for(Option::is_some);
        match tokio::time::timeout(self.settings.timeout + GRACE, answered).await {
            Ok(Ok(finding)) => finding.clone().unwrap_or_else(|| Err(Refusal::issuer_unreachable(1))),
            // Too late, or the call was given up.
            Ok(Err(_)) | Err(_) => Err(Refusal::issuer_unreachable(1)),
        }
    }

    fn known(&self, question: &Question<'_>, now: UnixSeconds) -> Option<Finding> {
        if let Some(reason) = self.refused(&question.fingerprint, now) {
            return Some(Err(reason.into()));
        }
        question.cache.find(&question.fingerprint).filter(|verdict| verdict.is_answer_of(question.issuer, now)).map(Ok)
    }

    /// Queues the call. With `under_way`, others may join it: the lock is held until it stands there.
    fn send(
        self: &Arc<Self>,
        question: &Question<'_>,
        under_way: Option<MutexGuard<'_, HashMap<Fingerprint, watch::Receiver<Option<Finding>>>>>,
    ) -> Result<watch::Receiver<Option<Finding>>, Refusal> {
        let now = self.clock.instant();
        self.breaker.admit(now)?;
        let (answer, wait) = watch::channel(None);
        let call = Call {
            issuer: Arc::clone(question.issuer),
            introspector: Arc::clone(self),
            cache: Arc::clone(question.cache),
            token: question.token.into(),
            fingerprint: question.fingerprint,
            is_listed: under_way.is_some(),
            is_settled: false,
            deadline: now + self.settings.timeout,
            answer,
        };
        match (self.queue.try_send(call), under_way) {
            (Ok(()), Some(mut under_way)) => drop(under_way.insert(question.fingerprint, wait.clone())),
            (Ok(()), None) => {}
            (Err(full), under_way) => {
                // Dropping the call takes the lock if it is listed.
                drop(under_way);
                let mut call = full.into_inner();
                call.is_listed = false;
                self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
                return Err(Refusal::unavailable(Reason::IssuerBusy, 1));
            }
        }
        Ok(wait)
    }

    fn remember(&self, fingerprint: Fingerprint, reason: Reason, asked: UnixSeconds) {
        let until = asked.later(self.settings.negative_cache);
        if until > asked {
            self.refused.insert(fingerprint, Refused { reason, since: asked.a_moment_before(), until });
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Fingerprint, watch::Receiver<Option<Finding>>>> {
        // The map is whole after every statement, so a panic elsewhere did not break it.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Remembers what was found as of `asked`, and tells everybody who waits: in this order, so that nobody who comes
    /// between the two asks again.
    fn settle(mut self, finding: Finding, asked: UnixSeconds) {
        self.is_settled = true;
        match &finding {
            Ok(verdict) if verdict.is_answer_of(&self.issuer, asked) => {
                self.introspector.refused.remove(&self.fingerprint);
                self.cache.store(self.fingerprint, verdict.clone());
            }
            Err(refusal) if refusal.reason().status() == http::StatusCode::UNAUTHORIZED => {
                self.cache.forget(&self.fingerprint);
                // Time alone will make an early token good.
                if refusal.reason() != Reason::TokenEarly {
                    self.introspector.remember(self.fingerprint, refusal.reason(), asked);
                }
            }
            Ok(_) | Err(_) => {}
        }
        self.unlist();
        self.answer.send_replace(Some(finding));
    }

    fn unlist(&mut self) {
        if std::mem::take(&mut self.is_listed) {
            self.introspector.under_way().remove(&self.fingerprint);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.unlist();
        if !self.is_settled {
            self.introspector.breaker.withdrawn();
        }
    }
}

/// A request that waits; it counts until it is dropped.
struct Waiting<'i>(&'i Introspector);

impl<'i> Waiting<'i> {
    fn begin(introspector: &'i Introspector) -> Result<Self, Refusal> {
        let waiting = Self(introspector);
        if introspector.waiters.fetch_add(1, Ordering::Relaxed) < INTROSPECTION_WAITERS_MAX {
            return Ok(waiting);
        }
        introspector.counts.turned_away.fetch_add(1, Ordering::Relaxed);
        Err(Refusal::unavailable(Reason::IssuerBusy, 1))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A call that ends at its deadline has this long to say so.
const GRACE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::verify::tests::issuer;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// What a request knows when it is looked at once.
    fn look(request: impl Future<Output = Finding>) -> Option<Finding> {
        match pin!(request).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(finding) => Some(finding),
            Poll::Pending => None,
        }
    }

    fn is_busy(finding: Option<Finding>) -> bool {
        matches!(finding, Some(Err(refusal)) if refusal.reason() == Reason::IssuerBusy)
    }

    /// INT-6, at the bound and one past it: of requests that wait for one answer, and of questions in the queue.
    #[tokio::test]
    async fn requests_that_wait_and_questions_that_queue_are_bounded() {
        let issuer = issuer();
        let introspector = issuer.introspector.as_ref().unwrap();
        let cache = Arc::new(VerdictCache::new(10));
        let texts: Vec<_> = (0..=INTROSPECTION_WAITERS_MAX).map(|n| n.to_string()).collect();
        let question = |n: usize| Question {
            issuer: &issuer,
            cache: &cache,
            token: texts[n].as_bytes(),
            fingerprint: Fingerprint::of(texts[n].as_bytes()),
        };
        let turned_away = || introspector.counts.turned_away.load(Ordering::Relaxed);

        let one = question(0);
        let mut waiting: Vec<_> =
            (0..INTROSPECTION_WAITERS_MAX).map(|_| Box::pin(introspector.ask(&one, UnixSeconds(0)))).collect();
        assert!(waiting.iter_mut().all(|request| look(request.as_mut()).is_none()), "as many may wait");
        assert!(is_busy(look(introspector.ask(&one, UnixSeconds(0)))), "one more may not");
        assert!(is_busy(look(introspector.ask_anew(&one))));
        assert_eq!(turned_away(), 2);
        waiting.pop();
        let mut next = Box::pin(introspector.ask(&one, UnixSeconds(0)));
        assert!(look(next.as_mut()).is_none(), "who leaves makes room");
        drop((waiting, next));

        // One question stands in the queue still; each of the others takes a place of its own.
        let questions: Vec<_> = (1..=INTROSPECTION_QUEUE_MAX).map(question).collect();
        let mut queued: Vec<_> =
            questions.iter().map(|question| Box::pin(introspector.ask(question, UnixSeconds(0)))).collect();
        let last = queued.pop().unwrap();
        assert!(queued.iter_mut().all(|request| look(request.as_mut()).is_none()), "as many may queue");
        assert!(is_busy(look(last)), "one more may not");
        let mut joined = Box::pin(introspector.ask(&questions[0], UnixSeconds(0)));
        assert!(look(joined.as_mut()).is_none(), "joining takes no place");
        assert_eq!(turned_away(), 3);
    }
}
