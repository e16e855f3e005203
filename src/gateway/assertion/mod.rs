//! ASSERT: a permitted request gets a JWT of ours, by which its upstream knows without trusting any network that it
//! came through here, was permitted, for which method and path, and whose token it was.
//!
//! It says what was decided on, which is host, method, path and token, and nothing else: the query and the body were not
//! looked at. The path is the one that the upstream gets. It repeats while it is young, so it has no `jti` and proves no single request.

mod cache;
pub mod keys;

use super::authorize::permit::Permit;
use super::observe::metrics::WorkerMetrics;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use super::rewrite::Target;
use super::verify::identity;
use super::verify::token::VerifiedToken;
use crate::clock::UnixSeconds;
use crate::config::assertion::{Assertion as Settings, Audience};
use cache::{Remembered, Request, Signed};
use keys::Keys;
use serde_json::{Map, Value};
use std::rc::Rc;
use std::sync::Arc;

/// How a policy has requests vouched for.
#[derive(Debug)]
pub struct Assertions {
    settings: Settings,
    keys: Arc<Keys>,
}

/// Vouches for the requests of one worker under one policy, and remembers what it signed.
pub struct Asserter {
    assertions: Arc<Assertions>,
    remembered: Remembered,
}

/// A line of a request's head that vouches for it. Made only here, and only for a `Permit`.
pub struct Assertion(Rc<[u8]>);

impl Assertions {
    /// By these settings, with these keys.
    pub fn new(settings: Settings, keys: Arc<Keys>) -> Self {
        Self { settings, keys }
    }

    /// What is signed with.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }
}

impl Asserter {
    /// Nothing is remembered yet.
    pub fn new(assertions: Arc<Assertions>) -> Self {
        Self { assertions, remembered: Remembered::new() }
    }

    /// Vouches for a permitted request of this organisation, if its upstream wants that. On an open route there is nobody to speak of. Where it
    /// cannot be signed the request must not go on: an upstream could take it for one that needs none.
    pub fn assert(
        &self,
        permit: &Permit<'_>,
        (head, target, organisation): (&Head, &Target<'_>, Option<&str>),
        now: UnixSeconds,
        counters: &WorkerMetrics,
    ) -> Result<Option<Assertion>, Refusal> {
        let Some(token) = permit.token() else { return Ok(None) };
        let upstream = permit.route().upstream;
        let audience = match self.assertions.settings.audiences.get(upstream).ok_or(Reason::Internal)? {
            Audience::Nobody => return Ok(None),
            Audience::Named(name) => name,
        };
        let key = self.assertions.keys.current();
        // The upstream compares it with the path that it sees.
        let (host, method, path) = (head.host(), head.method(), target.path());
        let request = Request { verdict: token.verdict(), upstream, host, method, path, organisation };
        if let Some(line) = self.remembered.find(&request, key.number, now) {
            return Ok(Some(Assertion(line)));
        }
        let (claims, ends) = self.assertions.claims(&request, audience, token, now)?;
        let jwt = key.sign(&claims).ok_or(Reason::Internal)?;
        counters.assertions_signed.add(1);
        let line: Rc<[u8]> = [self.assertions.settings.header.as_str(), ": ", &jwt, "\r\n"].concat().as_bytes().into();
        let signed = Signed { line: Rc::clone(&line), key: key.number, begins: now, stales: middle(now, ends) };
        self.remembered.keep(&request, signed);
        Ok(Some(Assertion(line)))
    }
}

impl Assertion {
    /// As it stands in a request.
    pub(super) fn line(&self) -> &[u8] {
        &self.0
    }
}

impl Assertions {
    /// What is asserted, and until when: never longer than the token is accepted.
    fn claims(
        &self,
        request: &Request<'_>,
        audience: &str,
        token: &VerifiedToken,
        now: UnixSeconds,
    ) -> Result<(String, UnixSeconds), Refusal> {
        let ends = now.later(self.settings.lifetime).min(token.ends());
        let text = |bytes| str::from_utf8(bytes).map_err(|_| Reason::Internal);
        let [own, alike] = token.identity();
        let (own, alike, host) = (text(own)?, text(alike)?, text(request.host)?);
        // Whoever the headers say it is: a claim is a header's value under its name, so that the two cannot differ.
        let mut claims: Map<String, Value> = own
            .split_terminator("\r\n")
            .chain(alike.split_terminator("\r\n"))
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (claim(name), value.into()))
            .collect();
        // The certificate's and no token's: it stands beside the block.
        claims.extend(request.organisation.map(|name| (claim(identity::ORGANISATION_ID), name.into())));
        claims.extend([
            ("iss".to_owned(), Value::from(&*self.settings.issuer)),
            ("aud".to_owned(), audience.into()),
            ("iat".to_owned(), now.0.into()),
            ("exp".to_owned(), ends.0.into()),
            ("host".to_owned(), host.into()),
            ("method".to_owned(), request.method.as_str().into()),
            ("path".to_owned(), request.path.into()),
        ]);
        Ok((Value::Object(claims).to_string(), ends))
    }
}

/// What an identity header is called among the claims.
fn claim(header: &str) -> String {
    match header {
        identity::SUBJECT => "sub".to_owned(),
        // `iss` is who signs this.
        identity::ISSUER => "token_iss".to_owned(),
        other => other.strip_prefix(identity::IDENTITY_PREFIX).unwrap_or(other).replace('-', "_"),
    }
}

/// Until then more than half of a life is left.
fn middle(begins: UnixSeconds, ends: UnixSeconds) -> UnixSeconds {
    UnixSeconds(begins.0 + ends.0.saturating_sub(begins.0) / 2)
}
