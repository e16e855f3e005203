//! Reloads: how they went, and `POST /reload`, which asks for one and waits for its outcome.

use super::exposition::{counter, family, gauge, label, signed};
use super::history::{History, Kind};
use super::{text, typed};
use crate::clock::UnixSeconds;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prometheus::proto::{MetricFamily, MetricType};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What became of the reloads so far.
#[derive(Debug, Default)]
pub struct Reloads {
    last: Mutex<Option<Reload>>,
    applied: AtomicU64,
    refused: AtomicU64,
    wishes: OnceLock<mpsc::Sender<Wish>>,
}

/// One that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When.
    pub at: UnixSeconds,
    /// What was applied, or why nothing was.
    pub outcome: Outcome,
}

/// The generation that is in force since, or what was wrong, in the words of `scopegate check`: they quote the file, never
/// the environment.
pub type Outcome = Result<u64, Box<str>>;

/// Somebody who wants a reload and waits for its outcome.
pub type Wish = oneshot::Sender<Outcome>;

impl Reloads {
    /// One has ended.
    pub fn ended(&self, reload: Reload, history: &History) {
        let (count, kind, what) = match &reload.outcome {
            Ok(generation) => (&self.applied, Kind::Reloaded, format!("generation {generation} is in force")),
            Err(why) => (&self.refused, Kind::ReloadRefused, why.lines().next().unwrap_or_default().to_owned()),
        };
        count.fetch_add(1, Ordering::Relaxed);
        history.note(reload.at, kind, &what);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reload);
    }

    /// The last one; `None`: what was read at the start is in force.
    pub fn last(&self) -> Option<Reload> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that want one from now on, for the one who can reload; nobody else may call it.
    pub fn take_wishes(&self) -> mpsc::Receiver<Wish> {
        let (wishes, wanted) = mpsc::channel(WISHES_MAX);
        // A second one would be a fault of ours; the first goes on to be heard then.
        drop(self.wishes.set(wishes));
        wanted
    }

    /// Answers `POST /reload`.
    pub(super) async fn answer(&self) -> Response<Full<Bytes>> {
        let Some(wishes) = self.wishes.get() else {
            return text(StatusCode::NOT_IMPLEMENTED, "there is no file that could be read again\n".to_owned());
        };
        let (wish, outcome) = oneshot::channel();
        if wishes.try_send(wish).is_err() {
            return later("others wait for a reload already");
        }
        match tokio::time::timeout(OUTCOME_TIMEOUT, outcome).await {
            Ok(Ok(Ok(generation))) => {
                typed(StatusCode::OK, "application/json", format!("{{\"generation\":{generation}}}\n"))
            }
            Ok(Ok(Err(why))) => text(StatusCode::UNPROCESSABLE_ENTITY, format!("nothing was changed:\n{why}\n")),
            Ok(Err(_)) => later("this process leaves: ask its successor"),
            Err(_) => later("a takeover is under way: whether the file was read again is not known"),
        }
    }

    /// Three lines for each reload that somebody wonders about; `started` is when the first configuration was applied.
    pub(super) fn families(&self, started: UnixSeconds) -> [MetricFamily; 3] {
        let last = self.last();
        let failed = last.as_ref().is_some_and(|reload| reload.outcome.is_err());
        let at = last.map_or(started, |reload| reload.at);
        let counts = [("applied", &self.applied), ("refused", &self.refused)];
        let counts =
            counts.map(|(name, count)| counter(count.load(Ordering::Relaxed), vec![label("outcome", name)])).into();
        let one = |value| vec![gauge(value, Vec::new())];
        [
            family(
                "config_reloads_total",
                "Reloads by outcome: applied whole, or refused whole.",
                MetricType::COUNTER,
                counts,
            ),
            family(
                "config_last_reload_timestamp_seconds",
                "When the configuration was last read: at the start, or by a reload, whatever came of it.",
                MetricType::GAUGE,
                one(signed(at.0)),
            ),
            family(
                "config_last_reload_failed",
                "1 where the last reload was refused and the old policy kept.",
                MetricType::GAUGE,
                one(f64::from(u8::from(failed))),
            ),
        ]
    }
}

impl Reload {
    /// One that failed for these reasons, of which as many are kept as a person reads.
    pub fn refused(at: UnixSeconds, why: &str) -> Self {
        let end = (0..=ERROR_BYTES_MAX.min(why.len())).rev().find(|end| why.is_char_boundary(*end)).unwrap_or_default();
        let kept = why.get(..end).unwrap_or_default();
        let kept = if end < why.len() { format!("{kept}…") } else { kept.to_owned() };
        Self { at, outcome: Err(kept.into()) }
    }
}

fn later(why: &str) -> Response<Full<Bytes>> {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// Of what was wrong: forty faults with their hints.
const ERROR_BYTES_MAX: usize = 8 * 1024;
/// Who waits for a reload at the same time; one more is told to come again.
const WISHES_MAX: usize = 8;
/// A reload takes milliseconds. Only during a takeover nobody has time for one.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_faults_the_first_are_kept() {
        let at = UnixSeconds(7);
        assert_eq!(Reload::refused(at, "a\nb").outcome, Err("a\nb".into()));
        let whole = "ü".repeat(ERROR_BYTES_MAX / 2);
        assert_eq!(Reload::refused(at, &whole).outcome, Err(whole.clone().into()));
        let kept = Reload::refused(at, &format!("x{whole}")).outcome.unwrap_err();
        assert!(kept.len() <= ERROR_BYTES_MAX + 2 && kept.ends_with("ü…"), "{}", kept.len());
    }

    #[tokio::test]
    async fn who_wishes_is_answered_and_one_too_many_is_told_to_come_again() {
        let reloads = std::sync::Arc::new(Reloads::default());
        assert_eq!(reloads.answer().await.status(), StatusCode::NOT_IMPLEMENTED, "nobody could do it");
        let mut wishes = reloads.take_wishes();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WISHES_MAX {
            let reloads = std::sync::Arc::clone(&reloads);
            waiting.spawn(async move { reloads.answer().await.status() });
        }
        tokio::task::yield_now().await;
        let more = reloads.answer().await;
        assert_eq!(
            (more.status(), more.headers().contains_key("retry-after")),
            (StatusCode::SERVICE_UNAVAILABLE, true)
        );
        wishes.recv().await.unwrap().send(Ok(2)).unwrap();
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), StatusCode::OK);
        wishes.recv().await.unwrap().send(Err("no".into())).unwrap();
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), StatusCode::UNPROCESSABLE_ENTITY);
        // The process leaves: who waits is not left alone.
        drop(wishes);
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn the_last_reload_is_the_one_that_counts() {
        let (reloads, history) = (Reloads::default(), History::default());
        reloads.ended(Reload::refused(UnixSeconds(1), "no"), &history);
        reloads.ended(Reload { at: UnixSeconds(2), outcome: Ok(3) }, &history);
        assert_eq!(reloads.last(), Some(Reload { at: UnixSeconds(2), outcome: Ok(3) }));
        assert_eq!(history.newest_first().len(), 2);
    }
}
