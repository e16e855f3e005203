//! One call to an introspection endpoint (RFC 7662 §2): the form, our credentials, and what the answer amounts to.

use super::counts::Outcome;
use super::{Call, Finding};
use crate::clock::{Clock, UnixSeconds};
use crate::config::bounds::{INTROSPECTION_AGE_MAX, INTROSPECTION_BYTES_MAX};
use crate::config::introspection::{Answers, Authentication, Introspection};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::token::is_early;
use crate::gateway::verify::{Issuer, jwt, opaque};
use crate::net::caller::Caller;
use crate::net::fetch::{Bounds, Fetcher};
use crate::net::tls::{self, TlsFault};
use crate::oauth::client_assertion;
use crate::oauth::introspection::{self, Introspected};
use crate::oauth::signer::{PrivateKey, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Makes the calls to one issuer; it belongs to the control thread.
pub struct Client {
    /// Of its issuer it keeps the name only: each call brings the issuer along, and the last of them ends the queue.
    audience: Arc<str>,
    settings: Introspection,
    caller: Caller,
    credentials: Credentials,
    clock: Clock,
}

enum Credentials {
    /// In a header field.
    Basic(HeaderValue),
    /// An assertion made anew for each call.
    Assertion(Signer),
    /// The connection's certificate; the form says whose it should be.
    Certificate,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Unreachable,
    Absurd,
    Refused,
}

/// Our side cannot be set up as the configuration asks.
#[derive(Debug)]
pub struct CannotAsk(String);

impl Client {
    /// Nothing is connected yet. `None` for an issuer that is not asked.
    pub fn new(issuer: &Arc<Issuer>, clock: Clock) -> Result<Option<Self>, CannotAsk> {
        let Some(settings) = issuer.settings.introspection.clone() else { return Ok(None) };
        let roots = settings.authorities.as_deref();
        let (tls, credentials) = match &settings.authentication {
            Authentication::Secret(secret) => {
                (tls::client(roots)?, Credentials::Basic(basic(&settings.client_id, secret.expose())?))
            }
            Authentication::PrivateKey { key, algorithm, key_id } => {
                let key = PrivateKey::read(key.expose(), *algorithm)
                    .ok_or_else(|| CannotAsk("the private key cannot be used".to_owned()))?;
                let signer = Signer::new(key, client_assertion::TYPE, key_id.as_deref());
                (tls::client(roots)?, Credentials::Assertion(signer))
            }
            Authentication::Certificate { chain, key } => {
                (tls::client_as(roots, chain.clone(), key.expose())?, Credentials::Certificate)
            }
        };
        let caller = Caller::new(Fetcher::new(tls), settings.calls_max);
        Ok(Some(Self { audience: Arc::clone(&issuer.settings.issuer), settings, caller, credentials, clock }))
    }

    /// How many calls may be under way at a time.
    pub fn calls_max(&self) -> usize {
        self.settings.calls_max
    }

    /// Asks, and tells whoever waits what came of it.
    pub async fn answer(&self, call: Call) {
        let begun = self.clock.instant();
        let left = call.deadline.saturating_duration_since(begun);
        if left.is_zero() || call.answer.is_closed() {
            // Whoever asked waits no longer. Dropping the call says so.
            return;
        }
        // An answer is at least as old as the question.
        let asked = self.clock.now();
        let answer = self.ask(&call, left, asked).await;
        let ended = self.clock.instant();
        let introspector = &call.introspector;
        let (outcome, finding) = match answer {
            Ok(judged) => judged,
            Err(Fault::Absurd) => (Outcome::Absurd, Err(Refusal::issuer_unreachable(1))),
            Err(Fault::Unreachable) => (Outcome::Unreachable, Err(Refusal::issuer_unreachable(1))),
            Err(Fault::Refused) => (Outcome::Refused, Err(Refusal::unavailable(Reason::IntrospectionRefused, 1))),
        };
        let changed = match outcome {
            Outcome::Active | Outcome::Inactive | Outcome::Absurd => introspector.breaker.answered(),
            Outcome::Unreachable => introspector.breaker.failed(Reason::IssuerUnreachable, ended),
            Outcome::Refused => introspector.breaker.failed(Reason::IntrospectionRefused, ended),
        };
        if changed {
            report(&call.issuer.settings.name, outcome);
        }
        introspector.counts.count(outcome, ended.duration_since(begun));
        call.settle(finding, asked);
    }

    async fn ask(&self, call: &Call, left: Duration, now: UnixSeconds) -> Result<Judged, Fault> {
        let request = self.request(&call.token, now).ok_or(Fault::Unreachable)?;
        let bounds = Bounds { total: left, body_bytes_max: INTROSPECTION_BYTES_MAX };
        let answer = self.caller.call(request, bounds).await.map_err(|fault| {
            tracing::debug!(issuer = &*call.issuer.settings.name, %fault, "an introspection call failed");
            Fault::Unreachable
        })?;
        match answer.status() {
            StatusCode::OK => self.read(&call.issuer, &answer, now),
            // RFC 7662 §2.3: about us, never about the token.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Fault::Refused),
            StatusCode::TOO_MANY_REQUESTS => Err(Fault::Unreachable),
            other if other.is_server_error() => Err(Fault::Unreachable),
            _ => Err(Fault::Absurd),
        }
    }

    /// `None` where no assertion can be made.
    fn request(&self, token: &[u8], now: UnixSeconds) -> Option<Request<Bytes>> {
        let accept = match self.settings.answers {
            Answers::Plain => "application/json",
            Answers::Signed => SIGNED,
        };
        let mut request = Request::post(&self.settings.endpoint)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut form = format!("token={}&token_type_hint=access_token", form_encoded(token));
        match &self.credentials {
            Credentials::Basic(value) => request = request.header(header::AUTHORIZATION, value),
            Credentials::Assertion(signer) => {
                let jwt = client_assertion::make(signer, &self.settings.client_id, &self.audience, now)?;
                // Infallible on a string; so is the next.
                let _written = write!(form, "&client_assertion_type={ASSERTION}&client_assertion={jwt}");
            }
            Credentials::Certificate => {
                let _written = write!(form, "&client_id={}", form_encoded(self.settings.client_id.as_bytes()));
            }
        }
        request.body(Bytes::from(form)).ok()
    }

    fn read(&self, issuer: &Arc<Issuer>, answer: &Response<Bytes>, now: UnixSeconds) -> Result<Judged, Fault> {
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let names = jwt::names(issuer);
        match self.settings.answers {
            Answers::Plain if kind.eq_ignore_ascii_case("application/json") => {
                let json = std::str::from_utf8(answer.body()).map_err(|_| Fault::Absurd)?;
                let answer = introspection::parse(json, names).map_err(|_| Fault::Absurd)?;
                Ok(judge(issuer, answer, now))
            }
            // A bare answer where a signed one was demanded is a downgrade (RFC 9701 §5).
            Answers::Signed if kind.eq_ignore_ascii_case(SIGNED) => {
                self.read_signed(issuer, answer.body(), now).ok_or(Fault::Absurd)
            }
            Answers::Plain | Answers::Signed => Err(Fault::Absurd),
        }
    }

    /// The signature, type, issuer, audience and date of the JWT around the answer.
    fn read_signed(&self, issuer: &Arc<Issuer>, jwt: &[u8], now: UnixSeconds) -> Option<Judged> {
        let settings = &issuer.settings;
        let payload = jwt::signed(jwt.trim_ascii(), ANSWER_TYPE, issuer.signatory(), self.clock.instant()).ok()?;
        let envelope = introspection::parse_signed(&payload, jwt::names(issuer)).ok()?;
        let date = envelope.claims.issued?;
        let is_ours = envelope.claims.issuer.as_deref() == Some(&*settings.issuer)
            && envelope.claims.audiences.iter().any(|audience| **audience == *self.settings.client_id)
            && date.later(INTROSPECTION_AGE_MAX + settings.leeway) >= now
            && !is_early(date, now, settings.leeway);
        is_ours.then(|| judge(issuer, envelope.answer, now))
    }
}

/// What an answer is to the counts, and to whoever asked.
type Judged = (Outcome, Finding);

fn judge(issuer: &Arc<Issuer>, answer: Introspected<'_>, asked: UnixSeconds) -> Judged {
    match answer {
        Introspected::Active(claims) => (Outcome::Active, opaque::judge(issuer, *claims, asked)),
        Introspected::Inactive => (Outcome::Inactive, Err(Reason::TokenInactive.into())),
    }
}

/// One line per change of state: an issuer that is away for a night is one line, not ten thousand.
fn report(issuer: &str, outcome: Outcome) {
    match outcome {
        Outcome::Active | Outcome::Inactive | Outcome::Absurd => {
            tracing::info!(issuer, "the issuer answers about tokens again");
        }
        Outcome::Unreachable => tracing::warn!(issuer, "the issuer does not answer about tokens; asking now and then"),
        Outcome::Refused => {
            tracing::error!(issuer, "the issuer refuses our introspection credentials; unknown tokens get 503");
        }
    }
}

/// RFC 6749 §2.3.1: both halves encoded as a form first.
fn basic(client_id: &str, secret: &[u8]) -> Result<HeaderValue, CannotAsk> {
    let pair = format!("{}:{}", form_encoded(client_id.as_bytes()), form_encoded(secret));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| CannotAsk("the client secret cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B): everything but letters, digits and `-._` as `%XX`.
fn form_encoded(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for octet in octets {
        if octet.is_ascii_alphanumeric() || b"-._".contains(octet) {
            text.push(char::from(*octet));
        } else {
            // Infallible on a string.
            let _written = write!(text, "%{octet:02X}");
        }
    }
    text
}

impl From<TlsFault> for CannotAsk {
    fn from(fault: TlsFault) -> Self {
        Self(fault.to_string())
    }
}

impl std::fmt::Display for CannotAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CannotAsk {}

const SIGNED: &str = "application/token-introspection+jwt";
const ANSWER_TYPE: &str = "token-introspection+jwt";
const ASSERTION: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_could_misread_is_encoded() {
        for (plain, encoded) in [
            ("abc-._9", "abc-._9"),
            ("a+b/c==", "a%2Bb%2Fc%3D%3D"),
            ("a&b=c", "a%26b%3Dc"),
            ("a:b c%", "a%3Ab%20c%25"),
            ("\u{e7}~", "%C3%A7%7E"),
        ] {
            assert_eq!(form_encoded(plain.as_bytes()), encoded);
        }
        assert_eq!(basic("a:b", b"s e").unwrap(), format!("Basic {}", STANDARD.encode("a%3Ab:s%20e")));
    }
}
