//! What exactly is wrong with a token: what it says beside what was expected.

use crate::clock::UnixSeconds;
use crate::config::issuers::TokenType;
use crate::gateway::observe::stamp::Seconds;
use crate::gateway::reason::Reason;
use crate::gateway::verify::label::Label;
use crate::gateway::verify::{Issuer, Verifier};
use crate::oauth::algorithm::Algorithm;

/// A token that was refused.
pub(super) struct Doubted<'a> {
    pub(super) label: &'a Label,
    pub(super) verifier: &'a Verifier,
    pub(super) now: UnixSeconds,
}

type Saying = fn(&Doubted<'_>, &Issuer) -> Option<String>;

/// The reasons that have more to say than their name, once the issuer is known.
const SAYINGS: [(Reason, Saying); 9] = [
    (Reason::AlgorithmRefused, |it, issuer| {
        let allowed = list(issuer.settings.algorithms.iter().copied().map(Algorithm::as_str));
        Some(format!("alg is {}; {} may use {allowed}", said(it.label.algorithm.as_deref()), issuer.settings.name))
    }),
    (Reason::TypeWrong, |it, issuer| {
        let wanted = match issuer.settings.typ {
            TokenType::AccessToken => "at+jwt",
            TokenType::Legacy => "at+jwt, JWT or none",
        };
        Some(format!("typ is {}; {} is set to {wanted}", said(it.label.typ.as_deref()), issuer.settings.name))
    }),
    (Reason::KeyUnknown, |it, issuer| Some(key(it.label, issuer))),
    (Reason::IssuerUnreachable, |it, issuer| Some(key(it.label, issuer))),
    (Reason::SignatureWrong, |it, _| {
        let (kid, alg) = (said(it.label.key_id.as_deref()), said(it.label.algorithm.as_deref()));
        Some(format!("it names kid {kid} and alg {alg}; the key of that id did not make its signature"))
    }),
    (Reason::ClaimMissing, |it, issuer| Some(format!("missing: {}", list(missing(it.label, issuer))))),
    (Reason::AudienceWrong, |it, issuer| {
        let ours = list(issuer.settings.audiences.iter().map(AsRef::as_ref));
        let theirs = list(texts(&it.label.audiences));
        Some(format!("aud is {theirs}; accepted from {} are {ours}", issuer.settings.name))
    }),
    (Reason::TokenExpired, |it, issuer| {
        let (expires, leeway) = (it.label.expires?, issuer.settings.leeway.as_secs());
        Some(format!(
            "exp is {}, {} ago; {leeway} s are forgiven",
            stamp(expires),
            span(it.now.0.saturating_sub(expires))
        ))
    }),
    (Reason::TokenEarly, |it, _| {
        let begins = it.label.not_before.max(it.label.issued)?;
        Some(format!("it begins at {}, in {}", stamp(begins), span(begins.saturating_sub(it.now.0))))
    }),
];

impl Doubted<'_> {
    /// Why it was refused for this reason, where there is more to say than the reason.
    pub(super) fn about(&self, reason: Reason) -> Option<String> {
        if reason == Reason::IssuerUnknown {
            let known = self.verifier.issuers().iter().map(|issuer| &*issuer.settings.issuer);
            return Some(format!("iss is {}; configured are {}", said(self.label.iss.as_deref()), list(known)));
        }
        let (_, saying) = SAYINGS.iter().find(|(of, _)| *of == reason)?;
        saying(self, self.label.issuer(self.verifier)?)
    }
}

/// What is known of the issuer's keys, beside the one that the token names.
fn key(label: &Label, issuer: &Issuer) -> String {
    let keys = issuer.keys.current();
    let kid = said(label.key_id.as_deref());
    if issuer.keys.is_empty() {
        return format!("it names kid {kid}; there are no keys of {} here", issuer.settings.name);
    }
    let is_there = keys.ids().any(|id| Some(id) == label.key_id.as_deref());
    let among = if is_there { "is" } else { "is not" };
    format!("kid {kid} {among} among the keys of {}: {}", issuer.settings.name, list(keys.ids()))
}

fn missing<'i>(label: &'i Label, issuer: &'i Issuer) -> impl Iterator<Item = &'i str> {
    let settings = &issuer.settings;
    let status = settings.status_list.as_ref().filter(|lists| lists.is_required).map(|_| "status");
    let required = settings.required_claims.iter().map(AsRef::as_ref);
    let all = ["exp", "aud"].into_iter().chain(required).chain(status);
    all.filter(|name| !label.claims.iter().any(|claim| claim == name))
}

fn said(text: Option<&str>) -> &str {
    text.unwrap_or("not there")
}

pub(super) fn texts(all: &[String]) -> impl Iterator<Item = &str> {
    all.iter().map(AsRef::as_ref)
}

pub(super) fn list<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let all: Vec<&str> = words.collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// As RFC 3339, to the second.
pub(super) fn stamp(seconds: i64) -> String {
    match u64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000)) {
        Some(ms) if seconds < YEAR_10000 => Seconds::default().stamp(ms).as_str().replace(".000Z", "Z"),
        Some(_) | None => format!("{seconds} s since 1970"),
    }
}

/// A length of time in its two largest units.
pub(super) fn span(seconds: i64) -> String {
    let all = seconds.unsigned_abs();
    let (days, hours, minutes) = (all / 86_400, all / 3600 % 24, all / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{all} s"),
        (0, 0, _) => format!("{minutes} min {} s", all % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Beyond it RFC 3339 has no text.
const YEAR_10000: i64 = 253_402_300_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        for (seconds, text) in
            [(0, "0 s"), (-59, "59 s"), (61, "1 min 1 s"), (3_660, "1 h 1 min"), (180_000, "2 d 2 h")]
        {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(stamp(1_795_435_404), "2026-11-23T12:03:24Z");
        assert_eq!((stamp(-1).as_str(), stamp(i64::MAX).contains("since 1970")), ("-1 s since 1970", true));
    }
}
