//! Rules that are held against live traffic and not enforced: every difference is counted, an example is told, and the
//! client gets what it would get without them.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::introspection::{Introspection, secret};
use crate::support::keys::{self, Key};
use crate::support::process::Process;
use crate::support::proofs::{self, Proof, bound, dpop};
use crate::support::server::{Server, nobody};
use crate::support::tokens::{ISSUER, NOW, Token};
use crate::support::{client::Client, eventually};
use scopegate::clock::Clock;
use std::time::Duration;

fn counted(world: &World, route: &str, difference: &str) -> u64 {
    let line = format!("scopegate_shadow_decisions_total{{route=\"{route}\",difference=\"{difference}\"}}");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = world.metric(&line) as u64;
    count
}

fn differences(world: &World, route: &str) -> [u64; 5] {
    ["same", "stricter", "opener", "other_reason", "undecided"].map(|name| counted(world, route, name))
}

/// Starts it with a whole candidate beside it.
fn beside(setup: Setup, candidate: &Setup) -> World {
    let keys = keys::set(&[keys::ec(), keys::rsa(), keys::ed()]).to_string();
    let files = [("jwks.json", keys), ("candidate.yaml", candidate.yaml(nobody()))];
    let upstream = Server::echo();
    let address = upstream.address();
    Setup { further: format!("{}shadow: {{ config: candidate.yaml }}\n", setup.further), ..setup }
        .launch(upstream, address, &files)
}

#[test]
fn each_difference_is_counted_and_nothing_is_enforced() {
    let routes = |with: bool| {
        let terms = |shadow: &str| {
            if with { format!("scopes: [accounts]\nshadow: {shadow}") } else { "scopes: [accounts]".to_owned() }
        };
        [
            route("/accounts", "GET", &terms("{ scopes: [cards], grants: [client_credentials] }")),
            route("/opener", "GET", &terms("{ access: open }")),
            route("/plain", "GET", "scopes: [accounts]"),
        ]
    };
    let (with, without) = (Setup::routes(&routes(true)).start(), Setup::routes(&routes(false)).start());
    let good = Token::good;
    let own = good().claim("gty", "client_credentials");
    let rows = [
        ("stricter", "/accounts", Some(good().mint())),
        ("same", "/accounts", Some(own.clone().scope("accounts cards").mint())),
        ("opener", "/accounts", Some(own.scope("cards").mint())),
        ("other_reason", "/accounts", Some(good().scope("payments").mint())),
        ("same", "/accounts", Some(good().claim("exp", NOW - 60).mint())),
        ("same", "/accounts", None),
        ("opener", "/opener", None),
        ("opener", "/opener", Some(good().by(&Key::new("stranger")).mint())),
        ("same", "/opener", Some(good().mint())),
        ("none", "/plain", Some(good().mint())),
    ];
    for (n, (difference, path, token)) in rows.iter().enumerate() {
        let before = counted(&with, path, difference);
        let ask = |world: &World| {
            let request = Request::get(path).numbered(n);
            let answer = world.send(&token.iter().fold(request, |request, token| request.token(token)));
            (answer.status(), answer.get("www-authenticate").map(str::to_owned))
        };
        assert_eq!(ask(&with), ask(&without), "{n}: {difference}");
        assert_eq!(with.log_line(n)["reason"], without.log_line(n)["reason"], "{n}");
        assert_eq!(counted(&with, path, difference), before + u64::from(*difference != "none"), "{n}: {difference}");
    }
    assert_eq!(differences(&with, "/accounts"), [3, 1, 1, 1, 0]);
    assert_eq!(differences(&with, "/opener"), [1, 0, 2, 0, 0]);
    assert_eq!(differences(&with, "/plain"), [0; 5]);
    assert_eq!(with.upstream.hits(), without.upstream.hits());
    assert!(!without.admin("/metrics").text().contains("shadow"));
}

/// The candidate neither uses a proof up nor takes the one that was just used for a replay.
#[test]
fn a_proof_is_used_once_for_both() {
    let routes = route("/accounts", "GET", "scopes: [accounts]\nshadow: { scopes: [cards] }");
    let world = Setup { routes, ..proofs::setup("{}") }.start();
    let (key, token) = bound();
    let proof = Proof::good(&key, &token).mint();
    assert_eq!(world.send(&dpop(&token, &proof)).status(), 200);
    assert_eq!(differences(&world, "/accounts"), [0, 1, 0, 0, 0]);
    assert_eq!(world.send(&dpop(&token, &proof)).status(), 401);
    assert_eq!(differences(&world, "/accounts"), [1, 1, 0, 0, 0]);
    assert!((world.metric("scopegate_proofs") - 1.0).abs() < 0.5);
}

#[test]
fn a_whole_candidate_is_held_against_every_route() {
    let candidate = Setup {
        issuers: issuer("bank", ISSUER, "{ file: jwks.json }")
            .replace("audiences: [", "audiences: [\"https://new.example\", "),
        ..Setup::routes(&[
            route("/accounts", "GET", "scopes: [accounts]\naudience: https://new.example"),
            route("/new", "GET", "scopes: [accounts]"),
        ])
    };
    let world = beside(Setup::default(), &candidate);
    let good = Token::good().mint();
    let both =
        Token::good().claim("aud", serde_json::json!(["https://new.example", crate::support::tokens::AUDIENCE])).mint();
    let new = Token::good().claim("aud", "https://new.example").mint();
    let get = |path: &str, token: &str| world.send(&Request::get(path).token(token)).status();
    // Twice each: the second time both remember the token.
    for _ in 0..2 {
        assert_eq!((get("/accounts", &good), get("/accounts", &both), get("/accounts", &new)), (200, 200, 401));
    }
    assert_eq!(differences(&world, "/accounts"), [2, 2, 2, 0, 0]);
    assert_eq!((get("/accounts/7", &good), get("/new", &new), get("/nowhere", &good)), (200, 404, 404));
    assert_eq!(differences(&world, "/accounts/{id}"), [0, 1, 0, 0, 0]);
    assert_eq!(differences(&world, ""), [1, 0, 1, 0, 0]);
    // What is wrong before there is a route is so for every rule.
    assert_eq!(get("/accounts?access_token=a", &good), 400);
    assert_eq!(differences(&world, ""), [1, 0, 1, 0, 0]);
}

/// Whom the candidate would have to ask: an issuer whose keys it has not, or about an opaque token.
#[test]
fn nobody_is_asked_for_a_candidate() {
    let stranger = "https://new.example";
    let away = issuer("new", stranger, &format!("{{ uri: \"http://{}/jwks\" }}", nobody()));
    let candidate =
        Setup { issuers: [issuer("bank", ISSUER, "{ file: jwks.json }"), away].concat(), ..Setup::default() };
    let world = beside(Setup::default(), &candidate);
    let unknown = Token::good().claim("iss", stranger).mint();
    assert_eq!(world.send(&Request::get("/accounts").token(&unknown)).status(), 401);
    assert_eq!(differences(&world, "/accounts"), [0, 0, 0, 0, 1]);
    world.accepts(&[("of the issuer that is the same", Token::good().mint())]);
    assert_eq!(differences(&world, "/accounts"), [1, 0, 0, 0, 1]);

    let introspection = Introspection::active();
    let setup = introspection.setup("");
    let changed = introspection.setup(", cache: 7s");
    let candidate = changed.yaml(nobody());
    let [secret] = secret();
    let further = "shadow: { config: candidate.yaml }\n".to_owned();
    let world = Setup { further, ..setup }.with_files(&[secret, ("candidate.yaml", candidate)]);
    for _ in 0..3 {
        assert_eq!(world.send(&Request::get("/accounts").token("opaque")).status(), 200);
    }
    assert_eq!((differences(&world, "/accounts"), introspection.calls()), ([0, 0, 0, 0, 3], 1));
}

#[test]
fn a_reload_swaps_the_candidate_with_the_policy() {
    let stricter = Setup::routes(&[route("/accounts", "GET", "scopes: [cards]")]);
    let with = || Setup { further: "shadow: { config: candidate.yaml }\n".to_owned(), ..Setup::default() };
    let world = beside(Setup::default(), &stricter);
    world.accepts(&[("first", Token::good().mint())]);
    assert_eq!(differences(&world, "/accounts"), [0, 1, 0, 0, 0]);
    std::fs::write(world.path("candidate.yaml"), Setup::default().yaml(nobody())).unwrap();
    world.reload(&with()).unwrap();
    world.accepts(&[("after the reload", Token::good().mint())]);
    assert_eq!(differences(&world, "/accounts"), [1, 1, 0, 0, 0]);
    world.reload(&Setup::default()).unwrap();
    world.accepts(&[("without one", Token::good().mint())]);
    assert_eq!(differences(&world, "/accounts"), [1, 1, 0, 0, 0]);
    // A candidate that has faults is a fault of the file that names it.
    std::fs::write(world.path("candidate.yaml"), "routes: 7\n").unwrap();
    let yaml = with().yaml(nobody());
    let faults = scopegate::config::parse(&yaml, &world.path("scopegate.yaml")).unwrap_err().to_string();
    assert!(faults.contains("candidate.yaml") && faults.contains("routes"), "{faults}");
}

/// A reload that is refused changes nothing, the keys of issuers that stay included.
#[test]
fn a_candidate_that_cannot_be_had_leaves_the_keys_in_force_alone() {
    let world = beside(Setup::default(), &Setup::default());
    world.accepts(&[("before", Token::good().mint())]);
    std::fs::write(world.path("jwks.json"), keys::set(&[Key::new("another")]).to_string()).unwrap();
    std::fs::write(world.path("none.json"), "{\"keys\":[]}").unwrap();
    let broken = issuer("new", "https://new.example", "{ file: none.json }");
    let candidate =
        Setup { issuers: [issuer("bank", ISSUER, "{ file: jwks.json }"), broken].concat(), ..Setup::default() };
    std::fs::write(world.path("candidate.yaml"), candidate.yaml(nobody())).unwrap();
    let with = Setup { further: "shadow: { config: candidate.yaml }\n".to_owned(), ..Setup::default() };
    let fault = world.reload(&with).unwrap_err().to_string();
    assert!(fault.contains("none.json"), "{fault}");
    world.accepts(&[("after it was refused", Token::good().mint())]);
    world.reload(&Setup::default()).unwrap();
    world.refuses(&[("once one was taken", Token::good().mint(), "key_unknown")]);
}

#[test]
fn an_example_a_second_is_told_and_no_token() {
    let routes = route("/accounts", "GET", "scopes: [accounts]\nshadow: { scopes: [cards] }");
    let process = Process::start(&Setup { routes, clock: Clock::System, ..Setup::default() });
    let now = Clock::System.now().0;
    let token = Token::good().claim("iat", now).claim("exp", now + 300).mint();
    let (mut client, begun) = (Client::connect(process.address), Clock::System.instant());
    for _ in 0..50 {
        assert_eq!(client.send(&Request::get("/accounts").token(&token)).status(), 200);
    }
    let seconds = begun.elapsed() + Duration::from_secs(2);
    let lines = || {
        process
            .said()
            .lines()
            .filter(|line| line.contains("a candidate rule decides otherwise"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let told = eventually("an example", || Some(lines()).filter(|lines| !lines.is_empty()));
    assert!(told.len() as u64 <= seconds.as_secs(), "{told:?}");
    for word in ["/accounts", "stricter", "let_through", "scope_missing"] {
        assert!(told[0].contains(word), "{}", told[0]);
    }
    assert!(!process.said().contains(&token[..20]) && !process.said().contains("customer-1"));
}
