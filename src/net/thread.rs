//! Threads with a runtime of their own. What runs on one never leaves it, so nothing there needs a lock.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinHandle as Task;

/// So many polls of tasks may follow one another before the kernel is asked what else has arrived: enough for the requests of
/// sixty-four connections to be read, sent on and answered in one turn, a millisecond at most of what does not stand in a line.
const POLLS_A_TURN: u32 = 256;

/// Runs what `body` makes on a new thread with a runtime of its own, until it is done.
pub fn spawn<B, F>(name: String, body: B) -> io::Result<JoinHandle<()>>
where
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    std::thread::Builder::new().name(name.clone()).spawn(move || {
        match Builder::new_current_thread()
            .event_interval(POLLS_A_TURN)
            .enable_all()
            .build_local(LocalOptions::default())
        {
            Ok(runtime) => runtime.block_on(body()),
            Err(fault) => tracing::error!(thread = name, %fault, "cannot start a runtime"),
        }
    })
}

/// Runs `work` on this thread until it is done.
pub fn here<F: Future>(work: F) -> io::Result<F::Output> {
    Ok(Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?.block_on(work))
}

/// Runs `task` beside the others of this thread. Dropped, the handle lets it go on.
pub fn beside<F: Future<Output = ()> + 'static>(task: F) -> Task<()> {
    tokio::task::spawn_local(task)
}
