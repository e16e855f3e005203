//! The gateway's admin listener, as a bank's own servers use it: its public keys, and what is revoked.

use crate::net::fetch::{Bounds, FetchError, Fetcher};
use crate::oauth::jwk::KeySet;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::json;
use std::fmt;
use std::time::Duration;

/// Where the gateway listens for us.
#[derive(Debug)]
pub(super) struct Admin {
    origin: String,
    /// Whose tokens are meant: ours.
    issuer: String,
    fetcher: Fetcher,
}

/// The gateway did not do what it was asked.
#[derive(Debug)]
pub(super) enum AdminFault {
    /// It did not answer.
    Unreachable(FetchError),
    /// It said no.
    Refused(StatusCode),
    /// Its keys cannot be read, or its address is none.
    Unreadable,
}

impl Admin {
    /// The gateway whose admin listener is `origin`, and tokens of `issuer`.
    pub(super) fn new(origin: &str, issuer: &str, fetcher: Fetcher) -> Self {
        Self { origin: origin.to_owned(), issuer: issuer.to_owned(), fetcher }
    }

    /// The public keys of its assertions.
    pub(super) async fn keys(&self) -> Result<KeySet, AdminFault> {
        let request = Request::get(format!("{}/jwks.json", self.origin)).body(Bytes::new());
        let body = self.ask(request, StatusCode::OK).await?;
        KeySet::parse(&body, KEYS_MAX).map_err(|_| AdminFault::Unreadable)
    }

    /// From the next request on, the gateway takes no token of this authorization.
    pub(super) async fn revoke_authorization(&self, authorization_id: &str) -> Result<(), AdminFault> {
        let body = json!({ "issuer": self.issuer, "consent_id": authorization_id }).to_string();
        let request = Request::post(format!("{}/revoke", self.origin)).header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body.into()), StatusCode::NO_CONTENT).await.map(drop)
    }

    async fn ask(&self, request: http::Result<Request<Bytes>>, wanted: StatusCode) -> Result<Bytes, AdminFault> {
        let request = request.map_err(|_| AdminFault::Unreadable)?;
        let answer = self.fetcher.send(request, BOUNDS).await.map_err(AdminFault::Unreachable)?;
        if answer.status() == wanted { Ok(answer.into_body()) } else { Err(AdminFault::Refused(answer.status())) }
    }
}

impl fmt::Display for AdminFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(fault) => write!(f, "the gateway's admin listener: {fault}"),
            Self::Refused(status) => write!(f, "the gateway's admin listener answered {status}"),
            Self::Unreadable => f.write_str("the gateway's admin listener: no address, or no key set"),
        }
    }
}

impl std::error::Error for AdminFault {}

/// On the same machine.
const BOUNDS: Bounds = Bounds { total: Duration::from_secs(2), body_bytes_max: 64 * 1024 };
/// One signs, one is next, some were before.
const KEYS_MAX: usize = 16;
