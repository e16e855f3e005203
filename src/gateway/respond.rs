//! RESPOND: a refusal becomes an answer here and nowhere else (RFC 6750 §3, RFC 9110 §15); an upstream's answer passes
//! through. Every answer carries the correlation id.

use super::answer::Answer;
use super::envelope::{self, Told};
use super::forward::body::Response;
use super::reason::{Afterwards, Reason};
use super::refusal::{Extra, Refusal};
use super::resource::Document;
use crate::config::envelope::Envelope;
use crate::oauth::challenge::{Attributes, Challenges};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// An upstream's answer, with the nonce for the client's next proof if it needs another (RFC 9449 §8.2).
pub fn pass(response: Response, nonce: Option<&HeaderValue>) -> Answer {
    let mut answer = Answer::theirs(response);
    if let Some(nonce) = nonce {
        answer.fields_mut().insert(DPOP_NONCE, nonce.clone());
        answer.fields_mut().insert(header::CACHE_CONTROL, NO_STORE);
    }
    answer
}

/// The metadata of a resource. It may be kept, and a change of it is everywhere soon (RFC 9728 §3.2, §7.10).
pub fn tell(document: &Document) -> Answer {
    let mut answer = Answer::ours(StatusCode::OK, document.json.clone());
    answer.fields_mut().insert(header::CONTENT_TYPE, JSON);
    answer.fields_mut().insert(header::CACHE_CONTROL, FIVE_MINUTES);
    answer
}

/// The answer to a refused request. `challenges` are those of the resource that was asked for.
pub fn refuse(refusal: &Refusal, challenges: &Challenges, envelope: Envelope, told: Told<'_>) -> Answer {
    let reason = refusal.reason();
    let (kind, body) = envelope::write(envelope, reason, told).unzip();
    let mut answer = Answer::ours(reason.status(), body.unwrap_or_default());
    let fields = answer.fields_mut();
    if let Some(kind) = kind {
        fields.insert(header::CONTENT_TYPE, kind);
    }
    // RFC 9111 §3.5: an answer about one caller's rights is no one else's.
    fields.insert(header::CACHE_CONTROL, NO_STORE);
    if let Some(challenge) = challenge_for(refusal, challenges) {
        fields.insert(header::WWW_AUTHENTICATE, challenge);
    }
    match refusal.extra() {
        Extra::Allow(methods) => fields.insert(header::ALLOW, methods.clone()),
        Extra::RetryAfter(seconds) => fields.insert(header::RETRY_AFTER, HeaderValue::from(*seconds)),
        Extra::Nonce(nonce) => fields.insert(DPOP_NONCE, nonce.clone()),
        Extra::None | Extra::Challenge(_) => {}
    }
    if reason.afterwards() == Afterwards::Close {
        fields.insert(header::CONNECTION, CLOSE);
    }
    answer
}

/// RFC 9110 §11.6.1: every 401 carries a challenge; RFC 6750 §3.1: without a token it carries no error.
fn challenge_for(refusal: &Refusal, challenges: &Challenges) -> Option<HeaderValue> {
    let reason = refusal.reason();
    let attributes = match (refusal.extra(), reason.code()) {
        (Extra::Challenge(attributes), _) => attributes.clone(),
        (_, Some(code)) => Attributes::error(code, reason.description()),
        (_, None) => return (reason.status() == StatusCode::UNAUTHORIZED).then(|| challenges.bare()),
    };
    Some(if reason == Reason::TokenTwice {
        challenges.refusing_all(&attributes)
    } else if reason == Reason::ProofAvoided {
        challenges.refusing_bearer(&attributes)
    } else {
        challenges.refusing(refusal.scheme(), &attributes)
    })
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("max-age=300");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Asks the client to end the connection after this answer.
pub const CLOSE: HeaderValue = HeaderValue::from_static("close");
