//! The calls that the gateway saw, read from its access log as any log consumer would. Nothing runs in the background:
//! whoever asks reads first what was written since.

mod book;
pub(super) mod line;
mod minutes;
mod tail;

pub(super) use line::Line;
pub(super) use minutes::{Count, MINUTES, PROBE_PREFIX};

use crate::clock::Clock;
use book::Book;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tail::Tail;

/// The gateway's access log, as far as it was read.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Calls(Option<Arc<Mutex<Reader>>>);

/// Why there are no calls to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum NoLog {
    /// Nobody told us where it is.
    Unknown,
    /// It cannot be read now.
    Unreadable,
}

#[derive(Debug)]
struct Reader {
    tail: Tail,
    book: Book,
    clock: Clock,
}

impl Calls {
    /// Follows the log at `path`.
    pub(in crate::sandbox) fn follow(path: Option<PathBuf>, clock: Clock) -> Self {
        Self(path.map(|path| Arc::new(Mutex::new(Reader { tail: Tail::new(path), book: Book::default(), clock }))))
    }

    /// The last calls of `client_id`, newest first.
    pub(super) async fn of(&self, client_id: &str) -> Result<Vec<Arc<Line>>, NoLog> {
        let client_id = client_id.to_owned();
        self.ask(move |reader| reader.book.calls(&client_id)).await
    }

    /// The call with this correlation id, if it is `client_id`'s or nobody can be named for it.
    pub(super) async fn find(&self, client_id: &str, id: &str) -> Result<Option<Arc<Line>>, NoLog> {
        let (client_id, id) = (client_id.to_owned(), id.to_owned());
        self.ask(move |reader| reader.book.find(&client_id, &id)).await
    }

    /// The call with this correlation id, whosever it is: for who just made it.
    pub(super) async fn find_any(&self, id: &str) -> Result<Option<Arc<Line>>, NoLog> {
        let id = id.to_owned();
        self.ask(move |reader| reader.book.find_any(&id)).await
    }

    /// The last `MINUTES`, the running one last.
    pub(super) async fn minutes(&self) -> Result<Vec<Count>, NoLog> {
        self.ask(|reader| reader.book.minutes.last(reader.clock.now_ms())).await
    }

    /// Disks wait, so this happens where waiting is allowed.
    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Reader) -> T + Send + 'static) -> Result<T, NoLog> {
        let reader = Arc::clone(self.0.as_ref().ok_or(NoLog::Unknown)?);
        let answer = tokio::task::spawn_blocking(move || {
            // A panic elsewhere must not end this: each line leaves the book whole.
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader.catch_up()?;
            Ok(question(&reader))
        });
        answer.await.map_err(|_| NoLog::Unreadable)?.map_err(|fault: io::Error| {
            tracing::warn!(%fault, "the gateway's access log cannot be read");
            NoLog::Unreadable
        })
    }
}

impl Reader {
    fn catch_up(&mut self) -> io::Result<()> {
        let Self { tail, book, clock } = self;
        let now_ms = clock.now_ms();
        tail.read(|text| {
            if let Some(line) = line::parse(text) {
                book.add(line, now_ms);
            }
        })
    }
}
