//! The path as a list: each stage, what it looked at, what it decided.

use super::doubt::{list, span, stamp, texts};
use super::trail::Trail;
use crate::gateway::authorize::Compared;
use crate::gateway::authorize::permit::Finding;
use crate::gateway::policy::{Entry, Policy, Route};
use crate::gateway::reason::Reason;
use crate::gateway::verify::cache::CacheUse;
use crate::gateway::verify::label::Label;
use crate::gateway::verify::token::VerifiedToken;
use crate::oauth::grant::Grant;
use serde::Serialize;

/// One stage.
#[derive(Debug, Serialize)]
pub struct Stage {
    /// Its name: a stage of the path, or a check by its key in the configuration.
    pub name: &'static str,
    /// What it decided.
    pub decision: Verdict,
    /// Why, where it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What it looked at.
    pub looked_at: String,
    /// Of what it asks for, what is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// What a stage decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The request goes on.
    Passed,
    /// It is refused here.
    Refused,
    /// It is refused before, and would be here too.
    WouldAlsoRefuse,
}

/// The stages of a request that came so far, and was refused for `reason` if it was.
pub(super) fn of(
    (policy, route): (&Policy, Option<&Route>),
    (trail, reason): (&Trail, Option<Reason>),
    labels: &[Label],
) -> Vec<Stage> {
    let mut stages = Vec::new();
    let Some(route) = route else {
        stages.push(before(trail, reason));
        return stages;
    };
    stages.push(Stage::passed("read", "host and path have one reading; no token in the address".to_owned()));
    let upstream = policy.upstreams.get(route.upstream).map_or("", |upstream| &upstream.name);
    stages.push(Stage::passed("route", format!("{} to upstream {upstream}", route.path)));
    if matches!(route.entry, Entry::Open) {
        stages.push(Stage::passed("access", "open: no token is asked for".to_owned()));
        return stages;
    }
    if trail.verdicts.is_empty() {
        stages
            .extend(reason.map(|reason| Stage::refused("credentials", reason, "the Authorization header".to_owned())));
        return stages;
    }
    let count = if trail.verdicts.len() > 1 { "two tokens" } else { "one token" };
    stages.push(Stage::passed("credentials", count.to_owned()));
    for (place, (verdict, cache)) in trail.verdicts.iter().enumerate() {
        let label = labels.get(place);
        let name =
            if route.customer_token.is_some() && place == 0 { "verify the client's own token" } else { "verify" };
        stages.push(match verdict {
            Ok(token) => Stage::passed(name, verified((token, *cache), label, trail)),
            Err(reason) => Stage::refused(name, *reason, label.map(claimed).unwrap_or_default()),
        });
    }
    let first = trail.findings.iter().position(|finding| finding.refusal.is_some());
    stages.extend(trail.findings.iter().enumerate().map(|(place, finding)| found(finding, Some(place) == first)));
    stages
}

/// Where a request ended that found no route.
fn before(trail: &Trail, reason: Option<Reason>) -> Stage {
    let Some(reason) = reason else {
        let what = trail.document.as_ref().map_or("OPTIONS", |path| path);
        return Stage::passed("answer", format!("{what}: the gateway answers by itself, without a token"));
    };
    let (stage, looked_at) = if matches!(reason, Reason::RouteUnknown | Reason::MethodUnknown) {
        ("route", "host, path and method")
    } else if matches!(reason, Reason::TokenInQuery | Reason::TokenTwice) {
        ("read", "the query")
    } else {
        ("read", "the request's head")
    };
    Stage::refused(stage, reason, looked_at.to_owned())
}

fn found(finding: &Finding, is_first: bool) -> Stage {
    let looked_at = comparison(&finding.compared);
    let mut stage = match finding.refusal {
        None => Stage::passed(finding.check, looked_at),
        Some(reason) => Stage::refused(finding.check, reason, looked_at),
    };
    if finding.refusal.is_some() {
        stage.missing.clone_from(&finding.compared.missing);
        if !is_first {
            stage.decision = Verdict::WouldAlsoRefuse;
        }
    }
    stage
}

/// What a check held against each other, in one sentence.
pub(super) fn comparison(compared: &Compared) -> String {
    let Compared { needs, found, missing } = compared;
    let missing = if missing.is_empty() { String::new() } else { format!("; missing: {}", list(texts(missing))) };
    format!("needs {needs}; found: {found}{missing}")
}

/// A token that is good, as the gateway calls it.
fn verified((token, cache): (&VerifiedToken, CacheUse), label: Option<&Label>, trail: &Trail) -> String {
    let client = token.client_id().map_or("of no client by name".to_owned(), |client| format!("of client {client}"));
    let grant = token.holder().grant().map_or("by an unknown grant", Grant::as_str);
    let key =
        label.and_then(|label| Some(format!(", {} by key {}", label.algorithm.as_ref()?, label.key_id.as_ref()?)));
    let left = token.ends().0.saturating_sub(trail.now.0);
    let remembered = if cache == CacheUse::Hit { ", remembered" } else { "" };
    format!(
        "issuer {}, {client}, {grant}{}; good for {}{remembered}; scopes: {}",
        token.issuer().settings.name,
        key.unwrap_or_default(),
        span(left),
        list(token.scope().iter()),
    )
}

/// A token that is not, by what it says of itself.
fn claimed(label: &Label) -> String {
    let mut said = vec![format!("{} token", label.form)];
    let texts = [
        ("iss", &label.iss),
        ("client_id", &label.client_id),
        ("alg", &label.algorithm),
        ("kid", &label.key_id),
        ("typ", &label.typ),
    ];
    said.extend(texts.into_iter().filter_map(|(name, text)| Some(format!("{name} {}", text.as_ref()?))));
    for (name, all) in [("aud", &label.audiences), ("scopes", &label.scopes)] {
        if !all.is_empty() {
            said.push(format!("{name} {}", all.join(" ")));
        }
    }
    said.extend(label.expires.map(|date| format!("exp {}", stamp(date))));
    format!("as it says itself: {}", said.join(", "))
}

impl Stage {
    fn passed(name: &'static str, looked_at: String) -> Self {
        Self { name, decision: Verdict::Passed, reason: None, looked_at, missing: Vec::new() }
    }

    fn refused(name: &'static str, reason: Reason, looked_at: String) -> Self {
        Self { reason: Some(reason.name()), decision: Verdict::Refused, ..Self::passed(name, looked_at) }
    }
}
