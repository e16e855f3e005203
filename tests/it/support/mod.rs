//! What every test stands on: real sockets, bounded waits, no fixed ports.

pub mod assertions;
pub mod audit;
pub mod client;
pub mod events;
pub mod explain;
pub mod front;
pub mod gateway;
pub mod hello;
pub mod http2;
pub mod http2_server;
pub mod introspection;
pub mod issuer;
pub mod keys;
pub mod process;
pub mod proofs;
pub mod quotas;
pub mod reasons;
pub mod secure;
pub mod server;
pub mod statements;
pub mod status_list;
pub mod store;
pub mod switch;
pub mod tls;
pub mod tokens;
pub mod verdicts;
pub mod wire;

use scopegate::clock::Clock;
use std::time::Duration;

/// Looks again and again until `look` finds something, and fails the test when it takes too long.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Clock::System.instant();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < WAIT, "waited in vain for {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The longest that any wait may take: more than a loaded machine needs, less than a build server kills.
pub const WAIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);
