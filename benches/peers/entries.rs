//! Who takes part in a scenario, and with which tokens.

use super::contenders::{Gate, Who};
use super::names;
use super::scenarios::Scenario;
use super::support::issuer::Issuer;
use super::tokens::Tokens;
use super::verification::Verification;
use anyhow::bail;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Who is measured in a scenario, and how.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
}

/// What is done.
pub(crate) enum Work {
    Requests(Requests),
    /// No proxy: the mathematics by itself.
    Verification(Verification),
}

/// What is sent, and to whom.
pub(crate) struct Requests {
    pub(crate) who: Who,
    /// Before the figures count.
    pub(crate) warm: Rc<Tokens>,
    pub(crate) tokens: Rc<Tokens>,
    pub(crate) life: Life,
    /// A forged one is sent beside them, as fast as it is refused.
    pub(crate) is_flooded: bool,
}

/// How long a contender's process lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Round,
    /// Through all rounds: every token was sent to it before the first.
    Filled,
}

/// Everybody in this scenario. `sent` is how many requests one of them gets in a round.
pub(crate) fn of(scenario: Scenario, issuer: &Issuer, sent: usize) -> anyhow::Result<Vec<Entry>> {
    let one = Tokens::one(issuer, "RS256");
    Ok(match scenario {
        Scenario::Plain => LIMITS.iter().chain(&CHECKED).chain(&PEERS).map(same(&one)).collect(),
        Scenario::Bodies => LIMITS.iter().chain(&PEERS).map(same(&one)).collect(),
        Scenario::Tls | Scenario::Http2 | Scenario::Handshakes | Scenario::Idle => {
            PEERS.iter().map(same(&one)).collect()
        }
        Scenario::Flood => CHECKING.iter().map(same(&one)).map(Entry::flooded).collect(),
        Scenario::Routes => SIZES.iter().map(same(&one)).collect(),
        Scenario::Tokens => {
            let gate = Who::Gate(Gate::USUAL);
            let thousand = Tokens::in_turn(issuer, "RS256", 1_000);
            vec![same(&one)(&(names::ONE_TOKEN, gate)), same(&thousand)(&(names::THOUSAND, gate))]
        }
        Scenario::Million => million(issuer),
        Scenario::Cold => {
            let mut entries = cold(issuer, "ES256", [names::RAW_ES256, names::WARM_ES256, names::COLD_ES256], sent)?;
            entries.extend(cold(issuer, "RS256", [names::RAW_RS256, names::WARM_RS256, names::COLD_RS256], sent)?);
            entries
        }
    })
}

/// This build and others of scopegate, with the tokens of the scenario.
pub(crate) fn of_builds(
    builds: &[PathBuf],
    scenario: Scenario,
    issuer: &Issuer,
    sent: usize,
) -> anyhow::Result<Vec<Entry>> {
    let one = Tokens::one(issuer, "RS256");
    let tokens = match scenario {
        Scenario::Tokens => Tokens::in_turn(issuer, "RS256", 1_000),
        Scenario::Cold => Tokens::once(issuer, "RS256", sent),
        Scenario::Million | Scenario::Routes => bail!("it compares scopegate with itself, and no builds"),
        Scenario::Plain
        | Scenario::Tls
        | Scenario::Http2
        | Scenario::Handshakes
        | Scenario::Flood
        | Scenario::Bodies
        | Scenario::Idle => Rc::clone(&one),
    };
    let others = builds.iter().map(|build| {
        // Named for as long as the benchmark runs.
        let (name, build): (&str, &Path) = (build.display().to_string().leak(), build.clone().leak());
        (name, Gate { build: Some(build), ..Gate::USUAL })
    });
    let all = std::iter::once((names::GATE, Gate::USUAL)).chain(others);
    let entries = all.map(|(name, gate)| requests(name, Who::Gate(gate), &one, &tokens));
    Ok(if scenario == Scenario::Flood { entries.map(Entry::flooded).collect() } else { entries.collect() })
}

/// Everybody with these tokens, before and while it counts.
fn same(tokens: &Rc<Tokens>) -> impl Fn(&(&'static str, Who)) -> Entry {
    move |(name, who)| requests(name, *who, tokens, tokens)
}

fn requests(name: &'static str, who: Who, warm: &Rc<Tokens>, tokens: &Rc<Tokens>) -> Entry {
    let (warm, tokens) = (Rc::clone(warm), Rc::clone(tokens));
    Entry { name, work: Work::Requests(Requests { who, warm, tokens, life: Life::Round, is_flooded: false }) }
}

impl Entry {
    /// The same beside a flood.
    fn flooded(mut self) -> Self {
        if let Work::Requests(requests) = &mut self.work {
            requests.is_flooded = true;
        }
        self
    }
}

/// Both in processes that stay, since to fill the cache takes longer than to measure. Tokens go on where the round before
/// ended, so none comes again soon.
fn million(issuer: &Issuer) -> Vec<Entry> {
    let who = Who::Gate(Gate { verdicts: 1_200_000, ..Gate::USUAL });
    let (one, all) = (Tokens::one(issuer, "ES256"), Tokens::in_turn(issuer, "ES256", 1_000_000));
    let filled = |name, tokens: Rc<Tokens>| {
        let warm = Rc::clone(&tokens);
        Entry { name, work: Work::Requests(Requests { who, warm, tokens, life: Life::Filled, is_flooded: false }) }
    };
    vec![filled(names::ONE_TOKEN, one), filled(names::MILLION, all)]
}

/// A known token, new ones, and their signatures by themselves.
fn cold(issuer: &Issuer, algorithm: &str, names: [&'static str; 3], sent: usize) -> anyhow::Result<Vec<Entry>> {
    let [raw, warm, cold] = names;
    let gate = Who::Gate(Gate::USUAL);
    let (one, new) = (Tokens::one(issuer, algorithm), Tokens::once(issuer, algorithm, sent));
    let verification = Verification::of(issuer, algorithm, &new)?;
    Ok(vec![
        requests(warm, gate, &one, &one),
        requests(cold, gate, &one, &new),
        Entry { name: raw, work: Work::Verification(verification) },
    ])
}

/// Who forwards over any transport.
const PEERS: [(&str, Who); 4] = [
    (names::NGINX, Who::Nginx),
    (names::HAPROXY, Who::Haproxy),
    (names::ENVOY, Who::Envoy),
    (names::GATE, Who::Gate(Gate::USUAL)),
];
/// Who verifies signatures.
const CHECKING: [(&str, Who); 3] =
    [(names::HAPROXY_JWT, Who::HaproxyJwt), (names::ENVOY, Who::Envoy), (names::GATE, Who::Gate(Gate::USUAL))];
const CHECKED: [(&str, Who); 1] = [(names::HAPROXY_JWT, Who::HaproxyJwt)];
const LIMITS: [(&str, Who); 2] = [(names::DIRECT, Who::Direct), (names::RELAY, Who::Relay)];
/// Three routes come with every configuration.
const SIZES: [(&str, Who); 3] = [
    (names::FEW_ROUTES, Who::Gate(Gate::USUAL)),
    (names::MANY_ROUTES, Who::Gate(Gate { routes: 9_997, ..Gate::USUAL })),
    (names::MANY_ISSUERS, Who::Gate(Gate { issuers: 100, ..Gate::USUAL })),
];
