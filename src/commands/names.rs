//! Looks up the names of servers again and again, so that no request has to: on the control thread, which hands each question
//! to a thread of its own, of which there are so many at most.

use crate::config::bounds::{LOOKUP_RETRY_INTERVAL, LOOKUP_TIMEOUT, LOOKUPS_MAX};
use crate::gateway::forward::connect::Endpoint;
use crate::gateway::policy::Policy;
use crate::net::addresses;
use crate::net::thread;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The questions that may be asked at once.
#[derive(Clone)]
pub(super) struct Lookups(Rc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Rc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

impl Lookups {
    /// Begins to look up names that nobody looks up yet. Each is until no policy and no worker has its server any more.
    pub(super) fn watch(&self, policy: &Policy) {
        for endpoint in policy.endpoints.iter().flat_map(|endpoints| endpoints.servers.iter()) {
            if let Some((name, interval)) = endpoint.take_name() {
                let (lookups, endpoint, name) = (self.clone(), Arc::downgrade(endpoint), name.to_owned());
                thread::beside(async move { lookups.keep(&endpoint, &name, interval).await });
            }
        }
    }

    async fn keep(&self, endpoint: &Weak<Endpoint>, name: &str, interval: Duration) {
        while let Some(endpoint) = endpoint.upgrade() {
            self.look_up(&endpoint, name).await;
            let pause = if endpoint.addresses().count() > 0 { interval } else { interval.min(LOOKUP_RETRY_INTERVAL) };
            drop(endpoint);
            tokio::time::sleep(pause).await;
        }
    }

    /// A question whose answer does not come counts as failed, and nobody asks it again before it has come.
    async fn look_up(&self, endpoint: &Endpoint, name: &str) {
        let Ok(_question) = self.0.acquire().await else { return };
        let mut answer = addresses::look_up(name);
        if let Ok(answered) = tokio::time::timeout(LOOKUP_TIMEOUT, &mut answer).await {
            return endpoint.learn(flat(answered));
        }
        endpoint.learn(Err(io::ErrorKind::TimedOut.into()));
        endpoint.learn(flat(answer.await));
    }
}

fn flat<E>(answered: Result<io::Result<Vec<IpAddr>>, E>) -> io::Result<Vec<IpAddr>> {
    answered.unwrap_or_else(|_nobody| Err(io::Error::other("no thread could be started for it")))
}
