//! Work that goes on beside everything else and ends with whoever holds it.

use std::future::Future;
use tokio::task::JoinHandle;

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Background(JoinHandle<()>);

impl Background {
    /// Starts `work` on the runtime that polls this call.
    pub fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        #[expect(clippy::disallowed_methods, reason = "net/ is where tasks are started")]
        let task = tokio::spawn(work);
        Self(task)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}
