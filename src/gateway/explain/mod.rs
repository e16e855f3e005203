//! What would become of a request that nobody sent, and why: the path's own decision, told stage by stage. Nothing is
//! forwarded, counted, remembered or used up. The token and its customer are never told.

pub mod case;
mod doubt;
mod stages;
mod text;
pub mod trail;
pub mod words;

use super::authorize::Replay;
use super::connection::Peer;
use super::http1::fields::Fields;
use super::pipeline;
use super::policy::{Policy, Route};
use super::reason::Reason;
use super::refusal::{Extra, Refusal};
use super::request::Request;
use super::rules::{Decided, Rules};
use super::verify::label::Label;
use crate::clock::{Clock, UnixSeconds};
use crate::oauth::bearer::{self, Credentials};
use case::Case;
use doubt::{Doubted, stamp};
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
use serde::Serialize;
use stages::Stage;
use trail::{Network, Trail};

/// The answer to "why?".
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// As of when, by RFC 3339.
    pub at: String,
    /// `GET`
    pub method: String,
    /// The host that it is for.
    pub host: String,
    /// Its path, without the query.
    pub path: String,
    /// What becomes of it.
    pub decision: Decision,
    /// The status of the answer, where the gateway gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The reason's name in logs and metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The OAuth error code that the client reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// What exactly was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What the reason means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
    /// Whose fault it is: `client`, `customer`, `operator`, `issuer`, `upstream` or `gateway`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// What would have to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<&'static str>,
    /// Scopes that the route needs and the token lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
    /// The route's path template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Where it would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// What the tokens say of themselves; nothing of it is verified by standing here.
    pub tokens: Vec<Label>,
    /// Stage by stage, as far as the request came, and which checks would refuse as well.
    pub stages: Vec<Stage>,
    /// What else is to be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It goes to the upstream.
    LetThrough,
    /// The gateway answers it, without a token.
    Answered,
    /// It is refused.
    Refused,
    /// Somebody would have to be asked, and was not.
    Undecided,
}

/// What a request brought that is not kept by its stages.
struct Brought {
    request: Request,
    tokens: Vec<Vec<u8>>,
    has_certificate: bool,
}

/// Decides on `case` as of `now`, as the gateway would that has this policy.
pub async fn explain(policy: &Policy, case: Case, (now, network): (UnixSeconds, Network)) -> Explanation {
    let Case { mut request, certificate } = case;
    if !request.fields.has(HOST) {
        let host = policy.router.hosts_of(request.target.path()).into_iter().next().unwrap_or(ANY_HOST);
        request.fields.push(HOST.as_str(), host.as_bytes());
    }
    let tokens = tokens(policy, &request.fields);
    let brought = Brought { tokens, request: request.clone(), has_certificate: certificate.is_some() };
    let peer = Peer::imagined(certificate.as_deref(), &policy.certificates, &Clock::System);
    let verifier = policy.verifier.onlooker();
    let rules = Rules { policy, verifier: &verifier, route: None, replay: Replay::Look };
    let mut trail = Trail::new(now, network);
    let outcome = match pipeline::head(policy, Box::new(request)) {
        Ok(head) => pipeline::decide(&rules, &head, &peer, &mut trail).await,
        Err(refusal) => Err(refusal),
    };
    told(policy, (&outcome, &trail), &brought)
}

fn told(policy: &Policy, (outcome, trail): (&Result<Decided<'_>, Refusal>, &Trail), brought: &Brought) -> Explanation {
    let labels: Vec<_> = brought.tokens.iter().map(|token| Label::read(token, &policy.verifier)).collect();
    let refusal = outcome.as_ref().err();
    let reason = refusal.map(Refusal::reason);
    let decision = match outcome {
        Ok(Decided::Permitted(..)) => Decision::LetThrough,
        Ok(Decided::Answered(_)) => Decision::Answered,
        Err(_) if trail.is_held_back => Decision::Undecided,
        Err(refusal) if is_cold(policy, &labels, trail, refusal.reason()) => Decision::Undecided,
        Err(_) => Decision::Refused,
    };
    let route = trail.route.and_then(|place| policy.router.routes().get(place));
    let upstream = route.and_then(|route| policy.upstreams.get(route.upstream));
    let words = reason.map(words::words);
    let mut notes = notes(trail, brought, route);
    notes.extend(reason.and_then(|reason| also_expired(reason, (policy, trail), &labels)));
    let stages = stages::of((policy, route), (trail, reason), &labels);
    let refusing = trail.findings.iter().find(|finding| finding.refusal.is_some());
    let status = match outcome {
        Ok(Decided::Answered(answer)) => Some(answer.status()),
        Ok(Decided::Permitted(..)) => None,
        Err(refusal) => Some(refusal.reason().status()),
    };
    Explanation {
        at: stamp(trail.now.0),
        method: brought.request.method.to_string(),
        host: brought.request.fields.all(HOST).next().map(|host| host.escape_ascii().to_string()).unwrap_or_default(),
        path: brought.request.target.path().escape_debug().to_string(),
        decision,
        status: status.as_ref().map(StatusCode::as_u16),
        reason: reason.map(Reason::name),
        error: reason.and_then(Reason::code).map(crate::oauth::challenge::ErrorCode::as_str),
        because: refusal.and_then(|refusal| because(policy, (refusal, trail), (brought, &labels))),
        meaning: words.map(|words| words.meaning),
        fault: words.map(|words| words.fault.as_str()),
        mend: words.map(|words| words.mend),
        missing_scopes: refusing
            .filter(|finding| finding.refusal == Some(Reason::ScopeMissing))
            .map(|finding| finding.compared.missing.clone())
            .unwrap_or_default(),
        route: route.map(|route| route.path.to_string()),
        upstream: upstream.map(|upstream| upstream.name.to_string()),
        tokens: labels,
        stages,
        notes,
    }
}

/// Whether nothing could be said for want of keys that nobody was let fetch.
fn is_cold(policy: &Policy, labels: &[Label], trail: &Trail, reason: Reason) -> bool {
    let is_cold = |label: &Label| label.issuer(&policy.verifier).is_some_and(|issuer| !issuer.keys.is_warm());
    trail.network == Network::Forbidden && reason == Reason::IssuerUnreachable && labels.iter().any(is_cold)
}

/// What exactly was found, where there is more to say than the reason.
fn because(
    policy: &Policy,
    (refusal, trail): (&Refusal, &Trail),
    (brought, labels): (&Brought, &[Label]),
) -> Option<String> {
    if let Extra::Allow(methods) = refusal.extra() {
        return Some(format!("the methods there are: {}", methods.to_str().unwrap_or_default()));
    }
    let reason = refusal.reason();
    if reason == Reason::RouteUnknown {
        let hosts = policy.router.hosts_of(brought.request.target.path());
        return (!hosts.is_empty()).then(|| format!("the path is there for {} alone", doubt::list(hosts.into_iter())));
    }
    if let Some(finding) = trail.findings.iter().find(|finding| finding.refusal.is_some()) {
        return Some(stages::comparison(&finding.compared));
    }
    let label = labels.get(trail.verdicts.len().checked_sub(1)?)?;
    Doubted { label, verifier: &policy.verifier, now: trail.now }.about(reason)
}

/// The tokens in the order in which they are looked at.
fn tokens(policy: &Policy, fields: &Fields) -> Vec<Vec<u8>> {
    let presented = fields.all(AUTHORIZATION).filter_map(|field| match bearer::parse(field) {
        Credentials::Token(_, token) => Some(token.to_vec()),
        Credentials::Malformed(_) | Credentials::OtherScheme => None,
    });
    let customers = policy.token_fields.iter().filter_map(|name| fields.all(name).next());
    presented.chain(customers.map(<[u8]>::to_vec)).collect()
}

/// A token that is not believed for another reason may be over besides.
fn also_expired(reason: Reason, (policy, trail): (&Policy, &Trail), labels: &[Label]) -> Option<String> {
    let label = labels.get(trail.verdicts.len().checked_sub(1)?)?;
    let is_over = trail.verdicts.last()?.0.is_err() && label.expires? <= trail.now.0 && reason != Reason::TokenExpired;
    let doubted = Doubted { label, verifier: &policy.verifier, now: trail.now };
    is_over
        .then(|| doubted.about(Reason::TokenExpired))
        .flatten()
        .map(|said| format!("the token has also expired: {said}"))
}

fn notes(trail: &Trail, brought: &Brought, route: Option<&Route>) -> Vec<String> {
    let mut notes = Vec::new();
    if route.is_some_and(|route| !route.quotas.strangers.is_empty() || !route.quotas.permitted.is_empty()) {
        notes.push("the route's quotas were not looked at: they count requests that are sent".to_owned());
    }
    if brought.has_certificate {
        notes.push("the handshake also checks who issued the certificate, which was not done here".to_owned());
    }
    if trail.would_revoke {
        notes.push("a request like this would have the token revoked, if it is a good one".to_owned());
    }
    if trail.is_held_back {
        notes.push("the issuer would have to be asked about this token, which was not done".to_owned());
    }
    notes
}

/// For routes that name none.
const ANY_HOST: &str = "localhost";
