//! The keys of assertions: published before they sign and after, replaced by time or by file, on the admin listener alone.

use crate::support::assertions::{ids, is_private, last, of, published, setup, verify};
use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::tokens::{NOW, Token};
use crate::support::{eventually, keys};
use scopegate::config;
use serde_json::{Value, json};
use std::time::Duration;

const FILE: &str = "{ key: { file: assertion.pem } }";

/// An elliptic-curve key as PKCS #8 in PEM.
fn pem() -> String {
    rcgen::KeyPair::generate().unwrap().serialize_pem()
}

fn with_file(section: &str) -> World {
    let set = keys::set(&[keys::ec(), keys::rsa(), keys::ed()]).to_string();
    setup(section).with_files(&[("jwks.json", set), ("assertion.pem", pem())])
}

fn assertion(world: &World) -> String {
    assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    of(&world.upstream.last())
}

fn kid(jwt: &str, set: &Value) -> String {
    verify(jwt, set).expect("it verifies").header["kid"].as_str().unwrap().to_owned()
}

fn advance_until<T>(world: &World, minutes: u64, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
    world.clock.advance(Duration::from_mins(minutes));
    eventually(what, || look(&published(world)))
}

#[test]
fn the_set_is_public_and_for_operators() {
    let world = setup("{}").start();
    let answer = world.admin("/jwks.json");
    assert_eq!(
        (answer.status(), answer.one("content-type"), answer.one("cache-control")),
        (200, "application/jwk-set+json", "public, max-age=300")
    );
    assert_eq!(world.send(&Request::get("/jwks.json")).status(), 404, "not for third parties");
    let refused = world.ask_admin(&Request::new("POST", "/jwks.json"));
    assert_eq!((refused.status(), refused.one("allow")), (405, "GET, HEAD"));
    let set = answer.json();
    let [key] = set["keys"].as_array().unwrap().as_slice() else { panic!("one key: {set}") };
    let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}

/// AS-27, JWT-13: whoever fetches the set as often as it says never meets a key that is not in it.
#[test]
fn keys_take_turns_and_no_copy_of_the_set_misses_one() {
    let world = setup("{ rotate: 10m }").start();
    let token = Token::good().claim("exp", NOW + 100_000);
    let ask = || {
        assert_eq!(world.get("/accounts", &token).status(), 200);
        of(&world.upstream.last())
    };
    let first = ask();
    let copy = published(&world);
    let old = kid(&first, &copy);
    // Half way the next key is published, and does not sign yet.
    let copy = advance_until(&world, 5, "the next key", |set| (ids(set).len() == 2).then(|| set.clone()));
    assert_eq!(kid(&ask(), &copy), old);
    world.clock.advance(Duration::from_secs(299));
    let last_of_old = ask();
    assert_eq!(kid(&last_of_old, &copy), old);
    world.clock.advance(Duration::from_secs(1));
    let new = eventually("the turn", || Some(kid(&ask(), &copy)).filter(|kid| *kid != old));
    assert!(ids(&copy).contains(&new.as_str()), "a copy of five minutes ago has it");
    // What the old key signed last still verifies with a set that is fetched now, and with one just before it goes.
    assert_eq!(kid(&last_of_old, &published(&world)), old);
    world.clock.advance(Duration::from_secs(14 * 60 + 59));
    assert!(ids(&published(&world)).contains(&old.as_str()));
    advance_until(&world, 1, "the end of the old key", |set| (!ids(set).contains(&old.as_str())).then_some(()));
    assert!(ids(&published(&world)).len() <= 4, "the set is bounded");
    assert!(verify(&last_of_old, &published(&world)).is_none());
}

#[test]
fn a_key_in_a_file_is_taken_over_on_reload_and_signs_when_it_is_known() {
    let world = with_file(FILE);
    let first_pem = std::fs::read_to_string(world.path("assertion.pem")).unwrap();
    let before = assertion(&world);
    let old = kid(&before, &published(&world));
    world.reload(&setup(FILE)).unwrap();
    assert_eq!(ids(&published(&world)), [old.as_str()], "the same file is the same key");
    std::fs::write(world.path("assertion.pem"), pem()).unwrap();
    world.reload(&setup(FILE)).unwrap();
    let set = published(&world);
    assert_eq!((ids(&set).len(), ids(&set)[0]), (2, old.as_str()));
    assert_eq!(kid(&assertion(&world), &set), old, "upstreams may have a copy without the new one");
    let new = ids(&set)[1].to_owned();
    // Once more changes nothing: it does not begin to wait anew.
    world.clock.advance(Duration::from_secs(200));
    world.reload(&setup(FILE)).unwrap();
    world.clock.advance(Duration::from_secs(100));
    let token = Token::good().claim("exp", NOW + 100_000);
    eventually("the new key", || {
        world.get("/accounts", &token);
        Some(kid(&of(&world.upstream.last()), &set)).filter(|kid| *kid == new)
    });
    assert_eq!(kid(&before, &published(&world)), old, "the one before stays for the overlap");
    // It comes back before it is forgotten: once in the set, and the other one goes on signing until then.
    std::fs::write(world.path("assertion.pem"), first_pem).unwrap();
    world.reload(&setup(FILE)).unwrap();
    assert_eq!(ids(&published(&world)), [new.as_str(), old.as_str()]);
}

#[test]
fn a_reload_turns_assertions_on_and_off_and_nothing_else_is_lost() {
    let world = World::start();
    let request = Request::get("/accounts").token(&Token::good().mint());
    let mut client = world.client();
    for section in ["", "{}", "{ lifetime: 1m, issuer: gate }", "{ algorithm: EdDSA }", ""] {
        let setup = if section.is_empty() { Setup::default() } else { setup(section) };
        world.reload(&setup).unwrap();
        for _ in 0..2 {
            assert_eq!(client.send(&request).status(), 200);
        }
        let expected = usize::from(!section.is_empty());
        assert_eq!(world.upstream.last().all("x-auth-assertion").len(), expected, "{section}");
        if expected == 1 {
            last(&world);
        }
        assert_eq!(world.admin("/jwks.json").status(), if expected == 1 { 200 } else { 404 }, "{section}");
    }
    assert_eq!(world.upstream.connections(), 1, "connections to the upstream are kept");
    assert!((world.metric("scopegate_verdict_misses_total") - 1.0).abs() < 0.5, "verdicts are kept");
}

/// Whole or not at all: neither half of a reload that fails is seen.
#[test]
fn a_reload_that_fails_changes_no_key() {
    const NAMED: &str = "{ key: { file: assertion.pem }, key_id: k1 }";
    let world = with_file(NAMED);
    let old = published(&world);
    assert_eq!(ids(&old), ["k1"]);
    let (good, bad) = (pem(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    std::fs::write(world.path("assertion.pem"), &good).unwrap();
    let refused = world.reload(&setup(NAMED)).unwrap_err().to_string();
    assert!(refused.starts_with("assertion.key: another key was published under this `key_id`"), "{refused}");
    // An issuer's keys that cannot be read spoil the reload after the new key was found good.
    let issuers = std::fs::read_to_string(world.path("jwks.json")).unwrap();
    std::fs::write(world.path("jwks.json"), "{\"keys\":[]}").unwrap();
    let other = NAMED.replace("k1", "k2");
    assert!(world.reload(&setup(&other)).is_err());
    std::fs::write(world.path("jwks.json"), issuers).unwrap();
    assert_eq!(published(&world), old);
    world.reload(&setup(&other)).unwrap();
    assert_eq!(ids(&published(&world)), ["k1", "k2"]);
    // What is no key, or another algorithm's, does not become a configuration.
    for (text, algorithm, said) in [
        (bad, "ES256", "the key cannot sign with ES256"),
        (&good, "EdDSA", "cannot sign with EdDSA"),
        (&good, "PS256", "cannot sign with PS256"),
        ("", "ES256", "no private key in PKCS #8 form"),
    ] {
        std::fs::write(world.path("assertion.pem"), text).unwrap();
        let section = format!("{{ algorithm: {algorithm}, key: {{ file: assertion.pem }} }}");
        let yaml = setup(&section).yaml(world.upstream.address());
        let faults = config::parse(&yaml, &world.path("scopegate.yaml")).unwrap_err().to_string();
        assert!(faults.contains(said) && !faults.contains("AAAA"), "{faults}");
    }
}

#[test]
fn each_algorithm_signs_what_its_key_verifies() {
    for algorithm in ["ES256", "EdDSA", "PS256"] {
        let world = setup(&format!("{{ algorithm: {algorithm} }}")).start();
        world.get("/accounts", &Token::good());
        let set = published(&world);
        let jwt = of(&world.upstream.last());
        assert_eq!(verify(&jwt, &set).unwrap().header["alg"], algorithm);
        // Any other bit is another message.
        let mut spoilt: Vec<String> = jwt.split('.').map(str::to_owned).collect();
        spoilt[1] = keys::base64url(json!({"path": "/payments", "method": "POST"}).to_string());
        assert!(verify(&spoilt.join("."), &set).is_none());
        let other = setup(&format!("{{ algorithm: {algorithm} }}")).start();
        assert!(verify(&jwt, &published(&other)).is_none(), "another gateway has keys of its own");
        assert!(!set["keys"].as_array().unwrap().iter().any(is_private));
    }
}
