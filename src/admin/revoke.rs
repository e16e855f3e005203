//! `POST /revoke`: puts tokens on the deny-list. When it answers 204, the revocation is written down and holds for the
//! next request of every worker, whatever they remember; and where there is a store, it is there and published. Where the
//! store does not answer it is 503, and the revocation holds here and is told later: to ask again does no harm.
//!
//! The body is one JSON object: `issuer`, at most one of `token_id`, `subject`, `client_id` and `consent_id`, and where
//! wanted `issued_before` and `until`, in seconds since 1970. An issuer alone is everybody, which needs `issued_before`.

use super::{text, typed};
use crate::clock::UnixSeconds;
use crate::gateway::Shared;
use crate::state::revocations::{Refused, Revocation, Whose};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    issuer: String,
    token_id: Option<String>,
    subject: Option<String>,
    client_id: Option<String>,
    consent_id: Option<String>,
    issued_before: Option<i64>,
    until: Option<i64>,
}

/// Answers one request whose body is `body`.
pub(super) async fn answer(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Response<Full<Bytes>> {
    if let Some((status, why)) = wrong_sender(headers) {
        return text(status, why.to_owned());
    }
    let wanted: Wanted = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        // serde_json says which member and where; a value of a wrong type would stand in it too.
        Err(fault) if fault.is_data() => return bad("a member is unknown, missing or of the wrong type"),
        Err(_) => return bad("the body is not JSON"),
    };
    match wanted.revocation(shared) {
        Ok(revocation) => match shared.revocations.revoke(&[revocation], shared.clock.now()) {
            Ok(()) => {
                tracing::info!(issuer = revocation.issuer, kind = kind(revocation.whose), "tokens were revoked");
                let done =
                    || Response::builder().status(StatusCode::NO_CONTENT).body(Full::default()).unwrap_or_default();
                wanted.audit(shared, kind(revocation.whose));
                only_here(shared).await.unwrap_or_else(done)
            }
            Err(refused) => not_taken(&refused),
        },
        Err(why) => bad(why),
    }
}

/// Waits until other gateways know, or gives the answer that they do not. What was taken stays in force here, and is told as
/// soon as somebody can be.
pub(super) async fn only_here(shared: &Shared) -> Option<Response<Full<Bytes>>> {
    if tokio::time::timeout(TELL_MAX, shared.revocations.told()).await.is_ok() {
        return None;
    }
    tracing::error!("a revocation is in force here, and other gateways do not know of it yet");
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, ONLY_HERE.to_owned());
    answer.headers_mut().insert(header::RETRY_AFTER, TELL_RETRY_S.into());
    Some(answer)
}

/// A page in an operator's browser must not be able to revoke: it can send neither this type nor, without `Origin`, a
/// request of this method.
pub(super) fn wrong_sender(headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    });
    match (headers.contains_key(header::ORIGIN), is_json) {
        (true, _) => Some((StatusCode::FORBIDDEN, "not for browsers\n")),
        (false, false) => Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is application/json\n")),
        (false, true) => None,
    }
}

impl Wanted {
    fn audit(&self, shared: &Shared, kind: &str) {
        let subject = self.subject.as_deref().and_then(|subject| shared.audit_subject(&self.issuer, subject));
        let before = self.issued_before.map(|before| before.to_string());
        let named = [
            ("token_id", self.token_id.as_deref()),
            ("subject", subject.as_deref()),
            ("client_id", self.client_id.as_deref()),
            ("consent", self.consent_id.as_deref()),
            ("issued_before", before.as_deref()),
        ];
        let mut fields = vec![("issuer", &*self.issuer), ("kind", kind)];
        fields.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
        shared.audit("revoke", &fields);
    }

    fn revocation(&self, shared: &Shared) -> Result<Revocation<'_>, &'static str> {
        let policy = shared.policy.load();
        if !policy.verifier.issuers().iter().any(|issuer| *issuer.settings.issuer == *self.issuer) {
            return Err("`issuer` is none of the configured ones: it is compared character by character");
        }
        let names = [
            self.token_id.as_deref().map(Whose::Token),
            self.subject.as_deref().map(Whose::Customer),
            self.client_id.as_deref().map(Whose::Client),
            self.consent_id.as_deref().map(Whose::Consent),
        ];
        let mut given = names.into_iter().flatten();
        let whose = match (given.next(), given.next()) {
            (Some(whose), None) => whose,
            (Some(_), Some(_)) => return Err("name one of token_id, subject, client_id and consent_id"),
            (None, _) if self.issued_before.is_some() => Whose::Everybody,
            (None, _) => {
                return Err(
                    "everybody's tokens can be revoked only with `issued_before`: name a token, subject, client or consent",
                );
            }
        };
        if self.until.is_some_and(|until| until <= shared.clock.now().0) {
            return Err("`until` has passed");
        }
        Ok(Revocation {
            issuer: &self.issuer,
            whose,
            issued_before: self.issued_before.map(UnixSeconds),
            until: self.until.map(UnixSeconds),
        })
    }
}

fn kind(whose: Whose<'_>) -> &'static str {
    match whose {
        Whose::Token(_) => "token",
        Whose::Customer(_) => "subject",
        Whose::Client(_) => "client",
        Whose::CustomerAt(_, _) => "subject_at_client",
        Whose::Consent(_) => "consent",
        Whose::Everybody => "everybody",
    }
}

fn bad(why: &str) -> Response<Full<Bytes>> {
    typed(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", format!("nothing was revoked: {why}\n"))
}

fn not_taken(refused: &Refused) -> Response<Full<Bytes>> {
    tracing::error!(%refused, "a revocation was not taken");
    text(StatusCode::INSUFFICIENT_STORAGE, format!("nothing was revoked: {refused}\n"))
}

/// Longer than a store takes that is there.
const TELL_MAX: Duration = Duration::from_secs(2);
/// It is tried again by itself meanwhile.
const TELL_RETRY_S: u32 = 5;
const ONLY_HERE: &str = "it is revoked at this gateway; the others are told as soon as the store answers\n";
