//! Properties: the router against a plain reference, and the promise that no spelling of a path comes under another
//! rule than the one that was checked.

use crate::support::client::Request;
use crate::support::gateway::{Setup, route};
use crate::support::server::nobody;
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::Config;
use scopegate::clock::Clock;
use scopegate::gateway::observe::metrics::Metrics;
use scopegate::gateway::policy::{Parts, Policy};
use scopegate::gateway::reason::Reason;
use scopegate::gateway::verify::Verifier;
use scopegate::gateway::{read, route as router};
use scopegate::state::revocations::Revocations;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A template and its one method.
type Rule = (String, &'static str);

const METHODS: [&str; 2] = ["GET", "POST"];

/// A policy of these rules, or nothing where the configuration refuses them as overlapping.
fn policy(rules: &[Rule]) -> Option<Policy> {
    let routes: Vec<_> = rules.iter().map(|(path, method)| route(path, method, "access: open")).collect();
    let setup = Setup { issuers: String::new(), ..Setup::routes(&routes) };
    let settings = scopegate::config::parse(&setup.yaml(nobody()), Path::new("scopegate.yaml")).ok()?;
    let verifier =
        Arc::new(Verifier::new(Vec::new(), 1, Arc::new(Revocations::new(0, Duration::ZERO)), Clock::manual(0)));
    Some(Policy::compile(
        &settings,
        1,
        Parts {
            verifier,
            senders: Arc::default(),
            keys: None,
            endpoints: Vec::new(),
            quotas: Vec::new(),
            tracing: None,
        },
        &Metrics::new(1),
    ))
}

/// What the gateway decides: the rule's place, or why there is none.
fn decide(policy: &Policy, method: &str, target: &str) -> Result<usize, Reason> {
    let request = http::Request::builder().method(method).uri(target).header("host", "a").body(());
    // hyper refuses what is no URI before we see it.
    let parts = request.map_err(|_| Reason::HeadMalformed)?.into_parts().0;
    let head = read::head(Box::new(parts.into()), 8192).map_err(|refusal| refusal.reason())?;
    assert_eq!(head.path(), target.split(['?', '#']).next().unwrap(), "decided on is what was sent");
    router::find(&policy.router, &head).map(|route| route.place).map_err(|refusal| refusal.reason())
}

/// How specific a match is, segment by segment: a literal (2) beats a parameter (1) beats the remainder (0).
fn matches(template: &str, path: &str) -> Option<Vec<u8>> {
    let (wanted, given): (Vec<_>, Vec<_>) = (template[1..].split('/').collect(), path[1..].split('/').collect());
    let mut rank = Vec::new();
    for (at, segment) in wanted.iter().enumerate() {
        let here = given.get(at)?;
        if segment.starts_with("{*") {
            rank.push(0);
            return given[at..].iter().any(|rest| !rest.is_empty()).then_some(rank);
        }
        if segment.starts_with('{') && !here.is_empty() {
            rank.push(1);
        } else if segment == here {
            rank.push(2);
        } else {
            return None;
        }
    }
    (wanted.len() == given.len()).then_some(rank)
}

/// The reference: every rule is asked, the most specific one with the method wins.
fn reference(rules: &[Rule], method: &str, path: &str) -> Result<usize, Reason> {
    let matching = rules.iter().enumerate().filter_map(|(place, rule)| Some((matches(&rule.0, path)?, place, rule.1)));
    let matching: Vec<_> = matching.collect();
    let best = matching.iter().filter(|(_, _, has)| *has == method).max();
    match best {
        Some((_, place, _)) => Ok(*place),
        None if matching.is_empty() => Err(Reason::RouteUnknown),
        None => Err(Reason::MethodUnknown),
    }
}

fn template() -> impl Strategy<Value = String> {
    let segment = prop_oneof![3 => "(a|b|me|@me|a b)".prop_map(|s| s.replace(' ', "+")), 2 => Just("{P}".to_owned())];
    let tail = prop_oneof![4 => Just(""), 1 => Just("/{*rest}"), 1 => Just("/")];
    (proptest::collection::vec(segment, 0..4), tail).prop_map(|(segments, tail)| {
        let named = segments.iter().enumerate().map(|(n, segment)| segment.replace('P', &format!("p{n}")));
        let path: String = named.flat_map(|segment| ["/".to_owned(), segment]).collect();
        let whole = format!("{path}{tail}");
        if whole.is_empty() { "/".to_owned() } else { whole }
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    proptest::collection::vec((template(), proptest::sample::select(&METHODS[..])), 1..8)
}

/// Targets made of what routes are made of, and of everything that tempts a parser.
fn target() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "a", "b", "me", "@me", "a+b", "/", "/", "/", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", "\\", ";", ";x=1",
        "%40me", "%40", "%61", "%", "%25", "%00", "%C5%9F", "%c5%9f", "%ff", "//", "?", "?a=/b", "#", "{p}", "*", "%2",
        "+", "~", "A",
    ]);
    let wild = proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let segment = proptest::sample::select(vec!["a", "me", "@me", "%40me", "%40m", "a+b", "a%2Bb", "%C5%9F"]);
    let tame = proptest::collection::vec(segment, 1..4).prop_map(|segments| segments.join("/"));
    prop_oneof![wild, tame].prop_map(|path| format!("/{path}"))
}

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut octets, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let pair = path.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let (octet, width) =
            if bytes[at] == b'%' { pair.map_or((b'%', 1), |octet| (octet, 3)) } else { (bytes[at], 1) };
        octets.push(octet);
        at += width;
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// As servers behind us may read the path.
fn readings(path: &str) -> Vec<String> {
    let once = decoded(path);
    let cut = |path: &str| {
        path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect::<Vec<_>>().join("/")
    };
    let lower_hex = path.split('%').enumerate().map(|(n, part)| match (n, part.get(..2)) {
        (0, _) | (_, None) => part.to_owned(),
        (_, Some(hex)) => format!("{}{}", hex.to_ascii_lowercase(), &part[2..]),
    });
    let lower_hex = lower_hex.collect::<Vec<_>>().join("%");
    vec![
        decoded(&once),
        once.replace('\\', "/"),
        cut(&once),
        without_dots(&once),
        once,
        cut(path),
        without_dots(path),
        lower_hex,
    ]
}

/// RFC 3986 §5.2.4, and empty segments collapsed.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let end = if path.ends_with('/') { "/" } else { "" };
    let inner: Vec<_> = kept.into_iter().filter(|segment| !segment.is_empty()).collect();
    if inner.is_empty() { "/".to_owned() } else { format!("/{}{end}", inner.join("/")) }
}

proptest! {
    #![proptest_config(Config { cases: 1000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_router_agrees_with_the_reference(rules in rules(), paths in proptest::collection::vec("(/(a|b|me|@me|a\\+b|x)){0,4}/?", 1..20)) {
        let Some(policy) = policy(&rules) else { return Ok(()) };
        for path in paths.iter().filter(|path| path.starts_with('/')) {
            for method in METHODS {
                prop_assert_eq!(decide(&policy, method, path), reference(&rules, method, path), "{} {} in {:?}", method, path, &rules);
            }
        }
    }

    /// CVE-2021-43557 and its whole family: `decide(path) == decide(any reading of path)`.
    #[test]
    fn no_reading_of_a_path_comes_under_another_rule(rules in rules(), targets in proptest::collection::vec(target(), 1..40)) {
        let Some(policy) = policy(&rules) else { return Ok(()) };
        for target in &targets {
            if let Ok(place) = decide(&policy, "GET", target) {
                let path = target.split(['?', '#']).next().unwrap();
                for reading in readings(path) {
                    prop_assert_eq!(reference(&rules, "GET", &reading), Ok(place), "{} reads {} in {:?}", target, reading, &rules);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 8, failure_persistence: None, ..Config::default() })]

    /// The same over the wire: what reaches the upstream is what was sent, octet by octet, and nothing else does.
    #[test]
    fn what_reaches_the_upstream_is_what_was_decided_on(targets in proptest::collection::vec(target(), 100)) {
        let rules: Vec<Rule> = ["/a", "/a/{p}", "/a/me", "/b/{*rest}", "/{p}/@me"].map(|path| (path.to_owned(), "GET")).to_vec();
        let routes: Vec<_> = rules.iter().map(|(path, method)| route(path, method, "access: open")).collect();
        let world = Setup::routes(&routes).start();
        for target in targets {
            let answer = world.send(&Request::get(&target));
            let seen = world.upstream.take();
            prop_assert_eq!(seen.len(), usize::from(answer.status() == 200), "{}", &target);
            if let Some(seen) = seen.first() {
                prop_assert_eq!(seen.target(), target.split('#').next().unwrap());
                let path = seen.target().split('?').next().unwrap();
                let rule = reference(&rules, Method::GET.as_str(), path);
                for reading in readings(path) {
                    prop_assert_eq!(reference(&rules, "GET", &reading), rule, "{} reads {}", path, reading);
                }
            }
        }
    }
}
