//! An issuer that serves its keys over a real socket, counts the calls, and can be as bad as issuers get.

use super::keys::{self, Key};
use super::server::{Server, always, ok, then_close};
use std::net::SocketAddr;

/// A running issuer.
pub struct Issuer(Server);

impl Issuer {
    /// Serves these keys.
    pub fn serving(keys: &[Key]) -> Self {
        Self(Server::with(always(document(keys))))
    }

    /// Answers with whatever bytes, then closes.
    pub fn saying(answer: impl AsRef<[u8]> + 'static) -> Self {
        Self(Server::with(then_close(answer)))
    }

    /// Serves these keys from now on.
    pub fn has(&self, keys: &[Key]) {
        self.0.becomes(always(document(keys)));
    }

    /// Answers with these bytes from now on, then closes.
    pub fn says(&self, answer: impl AsRef<[u8]> + 'static) {
        self.0.becomes(then_close(answer));
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.0.hits()
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The value of `jwks` in a configuration.
    pub fn jwks(&self) -> String {
        format!("{{ uri: \"http://{}/jwks\", refresh: 1h, refetch: 5s }}", self.address())
    }
}

fn document(keys: &[Key]) -> String {
    ok("application/jwk-set+json", &keys::set(keys).to_string())
}
