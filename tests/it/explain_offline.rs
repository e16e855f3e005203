//! `scopegate explain` without a running gateway: whom it asks, and what it cannot be asked. Nothing that is explained
//! shows a token.

use crate::support::client::Request;
use crate::support::explain::{offline, written};
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::issuer::Issuer;
use crate::support::keys::{self, Key, base64url};
use crate::support::server::nobody;
use crate::support::tokens::{ISSUER, NOW, Token};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use scopegate::clock::UnixSeconds;
use scopegate::gateway::explain::case::{Asked, Case};
use scopegate::gateway::explain::explain;
use scopegate::gateway::explain::trail::Network;
use scopegate::net::thread;
use serde_json::json;
use std::process::Output;

#[test]
fn keys_are_fetched_as_the_gateway_does_it_unless_that_is_forbidden() {
    let bank = Issuer::serving(&[keys::ec()]);
    let setup = |jwks: &str| Setup {
        routes: route("/accounts", "GET", "scopes: [accounts]"),
        ..Setup::issuers(&[issuer("bank", ISSUER, jwks)])
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |setup: &Setup| {
        let path = folder.path().join("gate.yaml");
        std::fs::write(&path, setup.yaml(nobody())).unwrap();
        path.display().to_string()
    };
    let said = |output: &Output| (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code());
    let config = write(&setup(&bank.jwks()));
    let good = Token::good().mint();
    let (told, code) = said(&offline(&config, &["GET", "/accounts", "--offline"], &good));
    assert!(told.contains("undecided") && code == Some(1) && bank.calls() == 0, "{told}");
    let (told, code) = said(&offline(&config, &["GET", "/accounts"], &good));
    assert!(told.contains("let through to api") && code == Some(0), "{told}");
    let (told, code) = said(&offline(&config, &["GET", "/accounts"], &Token::good().by(&Key::new("new")).mint()));
    assert!(
        told.contains("because of key_unknown") && told.contains("kid new is not among") && code == Some(1),
        "{told}"
    );
    // What needs no token is decided without anybody.
    let calls = bank.calls();
    let (told, _) = said(&offline(&config, &["GET", "/nowhere"], &good));
    assert!(told.contains("route_unknown") && bank.calls() == calls, "{told}");
    let away = write(&setup(&format!("{{ uri: \"http://{}/jwks\" }}", nobody())));
    let (told, code) = said(&offline(&away, &["GET", "/accounts"], &good));
    assert!(
        told.contains("503 Service Unavailable") && told.contains("could not be fetched: http://") && code == Some(1),
        "{told}"
    );
    // Where it was, and why not.
    let note = told.lines().find_map(|line| line.split_once("could not be fetched: ")).unwrap().1;
    assert!(note.split_once("/jwks: ").is_some_and(|(_, cause)| !cause.is_empty()), "{note}");
}

#[test]
fn what_cannot_be_explained_is_said_and_exits_2() {
    let world = World::start();
    let config = written(&world, &Setup::default());
    for arguments in [
        &["GE T", "/accounts"][..],
        &["GET", "accounts"],
        &["GET", "/a", "-H", "no colon"],
        &["GET", "/a", "-H", "a b: c"],
    ] {
        let output = offline(&config, arguments, "token");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    assert_eq!(offline(&config, &["GET", "/accounts"], " ").status.code(), Some(2));
    let output = offline(&config, &["GET", "/accounts", "--certificate", "nowhere.pem"], "token");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("--certificate nowhere.pem: No such file"), "{said}");
    let post = |body: &str| {
        let request = Request::new("POST", "/explain").field("content-type: application/json").body(body);
        world.ask_admin(&request).status()
    };
    for (body, status) in [
        ("", 400),
        ("[]", 400),
        ("{\"method\":\"GET\"}", 400),
        ("{\"method\":\"GET\",\"path\":\"/\",\"more\":1}", 400),
        ("{\"method\":\"GET\",\"path\":\"x\"}", 400),
        (&"x".repeat(64 * 1024), 400),
        (&"x".repeat(64 * 1024 + 1), 413),
    ] {
        assert_eq!(post(body), status, "{body:.60}");
    }
    let browser =
        Request::new("POST", "/explain").field("content-type: application/json").field("origin: https://x.example");
    assert_eq!(world.ask_admin(&browser.body("{}")).status(), 403);
    assert_eq!(world.admin("/explain").status(), 405);
}

/// A token of whatever kind, and what must not be shown of it.
fn token() -> impl Strategy<Value = (String, Vec<String>)> {
    let secret = || "[A-Za-z0-9]{16,40}";
    let jwt = (secret(), secret(), any::<bool>(), 0..4_usize).prop_map(|(subject, signature, is_signed, spoilt)| {
        let token = Token::good().claim("sub", subject.clone()).claim("email", format!("{subject}@bank.example"));
        let token = match spoilt {
            0 => token.claim("exp", NOW - 1),
            1 => token.scope("payments"),
            2 => token.claim("iss", "https://other.example"),
            _ => token,
        };
        let signature = base64url(&signature);
        let text = if is_signed { token.mint() } else { format!("{}.{signature}", token.signed_part()) };
        let mut hidden: Vec<_> = text.split('.').map(str::to_owned).collect();
        hidden.push(subject);
        (text, hidden)
    });
    let opaque = "[A-Za-z0-9._~+/-]{16,60}".prop_map(|text| (text.clone(), vec![text]));
    let odd = "[ -~]{16,60}".prop_map(|text| (text.clone(), vec![text.trim().to_owned()]));
    prop_oneof![jwt, opaque, odd]
}

#[test]
fn nothing_of_a_token_or_its_customer_is_shown() {
    let world = World::start();
    let policy = world.gateway().shared().policy.load_full();
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let places = proptest::sample::select(vec!["token", "field", "twice", "query", "cookie"]);
    let outcome = runner.run(&(token(), places), |((token, hidden), place)| {
        let query = format!("/accounts?access_token={}", token.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let bearer = format!("bearer {token}");
        let mut asked = Asked { method: "GET", path: "/accounts", ..Asked::default() };
        match place {
            "field" => asked.headers = vec![("authorization", &bearer)],
            "twice" => asked.headers = vec![("authorization", &bearer), ("Authorization", &bearer)],
            "query" => asked.path = &query,
            "cookie" => asked.headers = vec![("cookie", &token), ("x-token", &token)],
            _ => asked.token = Some(token.as_bytes()),
        }
        let case = Case::new(&asked).unwrap();
        let told = thread::here(explain(&policy, case, (UnixSeconds(NOW), Network::Allowed))).unwrap();
        for said in [told.to_string(), json!(told).to_string()] {
            for secret in hidden.iter().filter(|secret| secret.len() >= 16) {
                prop_assert!(!said.contains(secret.as_str()), "{secret} in {said}");
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
