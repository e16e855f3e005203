//! VERIFY, the keys: rotation, unknown ids, issuers that are away or absurd (E24).

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer};
use crate::support::issuer::Issuer;
use crate::support::keys::Key;
use crate::support::server::{Server, always, ok};
use crate::support::tokens::Token;
use crate::support::wire::Message;
use crate::support::{eventually, keys};

/// What issuers say when they are not themselves. `CANARY` is an address that nobody may call.
fn absurd(canary: &Server) -> Vec<(&'static str, String)> {
    let json = |body: &str| ok("application/json", body);
    let private = {
        let mut jwk = Key::new("private").jwk();
        jwk["d"] = "AAAA".into();
        jwk
    };
    vec![
        ("silence", String::new()),
        ("html", ok("text/html", "<html>maintenance</html>")),
        ("no-keys", json("{\"keys\":[]}")),
        ("no-list", json("{\"keys\":{}}")),
        ("no-set", json("{}")),
        ("cut", json("{\"keys\":[{\"kty\":\"EC\"")),
        ("private", json(&serde_json::json!({"keys": [private]}).to_string())),
        ("secret", json("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}")),
        ("oversize", json(&format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(600 * 1024)))),
        ("error", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
        (
            "redirect",
            format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", canary.address()),
        ),
        ("garbage", "\0\0\0\r\n\r\n".to_owned()),
    ]
}

fn canary() -> Server {
    Server::with(always(ok("application/json", &keys::set(&[Key::new("evil")]).to_string())))
}

fn iss(name: &str) -> String {
    format!("https://{name}.example")
}

fn token(name: &str, key: &Key) -> Token {
    Token::good().by(key).claim("iss", iss(name))
}

fn ask(world: &World, token: &Token) -> Message {
    world.get("/accounts", token)
}

fn failed(world: &World, name: &str) -> f64 {
    world.metric(&format!("scopegate_issuer_key_fetches_total{{issuer=\"{name}\",outcome=\"failed\"}}"))
}

/// E24: no key was ever had: 503, never 401, and the process says that it is not ready.
#[test]
fn a_cold_start_is_503_until_the_issuer_answers() {
    let canary = canary();
    let mut issuers = Vec::new();
    let mut entries = Vec::new();
    for (name, answer) in absurd(&canary) {
        let one = Issuer::saying(answer);
        entries.push(issuer(name, &iss(name), &one.jwks()));
        issuers.push((name, one));
    }
    let world = Setup::issuers(&entries).start();
    let key = Key::new("k");
    assert_eq!(world.admin("/metrics").status(), 200, "an operator wants to know now of all times");
    for (name, _) in &issuers {
        eventually(&format!("a failed fetch of {name}"), || (failed(&world, name) >= 1.0).then_some(()));
        let answer = ask(&world, &token(name, &key));
        assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None), "{name}");
        let wait: u32 = answer.one("retry-after").parse().unwrap();
        assert!((1..=11).contains(&wait), "{name}: {wait}");
        assert_eq!(answer.json()["detail"], "The access token cannot be checked at the moment", "{name}");
    }
    let ready = world.admin("/readyz");
    assert_eq!((ready.status(), ready.text().lines().count()), (503, issuers.len()));
    assert_eq!((world.admin("/livez").status(), world.send(&Request::get("/open/a")).status()), (200, 200));
    assert_eq!(canary.hits(), 0, "a redirect was followed");
    for (_, issuer) in &issuers {
        issuer.has(std::slice::from_ref(&key));
    }
    world.wait_ready();
    for (name, _) in &issuers {
        assert_eq!(ask(&world, &token(name, &key)).status(), 200, "{name}");
    }
}

/// One wait of five seconds, the least time between two fetches, for everything that happens at a second fetch.
#[test]
fn a_second_fetch_rotates_removes_and_never_empties() {
    let canary = canary();
    let (old, new, gone) = (Key::new("old"), Key::new("new"), Key::new("gone"));
    let rotating = Issuer::serving(&[old.clone(), gone.clone()]);
    let mut entries = vec![issuer("rotating", &iss("rotating"), &rotating.jwks())];
    let mut bad = Vec::new();
    for (name, answer) in absurd(&canary) {
        let one = Issuer::serving(std::slice::from_ref(&old));
        entries.push(issuer(name, &iss(name), &one.jwks()));
        bad.push((name, one, answer));
    }
    let world = Setup::issuers(&entries).start();
    world.wait_ready();
    let gone_token = token("rotating", &gone);
    for _ in 0..2 {
        assert_eq!((ask(&world, &token("rotating", &old)).status(), ask(&world, &gone_token).status()), (200, 200));
    }
    assert_eq!(rotating.calls(), 1);

    // The issuer rotates; the others fall ill.
    rotating.has(&[old.clone(), new.clone()]);
    for (_, issuer, answer) in &bad {
        issuer.says(answer.clone());
    }
    // JWT-12: an unknown id is 503 at first, because it may be younger than our keys; a thousand are no more fetches.
    let answer = ask(&world, &token("rotating", &new));
    assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None));
    assert!(answer.one("retry-after").parse::<u32>().unwrap() <= 6);
    let unknown = token("rotating", &Key::new("unknown"));
    assert_eq!(ask(&world, &unknown).status(), 503);
    let mut client = world.client();
    for n in 0..1000 {
        let random = token("rotating", &old).header("kid", format!("random-{n}")).mint_with(|_| b"x".to_vec());
        assert_eq!(client.send(&Request::get("/accounts").token(&random)).status(), 503);
    }
    for (name, ..) in &bad {
        assert_eq!(ask(&world, &token(name, &new)).status(), 503, "{name}");
    }

    eventually("the new key", || (ask(&world, &token("rotating", &new)).status() == 200).then_some(()));
    assert_eq!(rotating.calls(), 2, "a thousand random key ids and one fetch");
    let answer = ask(&world, &unknown);
    assert_eq!((answer.status(), answer.all("www-authenticate").len()), (401, 1), "asked for, fetched, absent");
    assert_eq!(ask(&world, &token("rotating", &old)).status(), 200);
    assert_ne!(ask(&world, &gone_token).status(), 200, "the verdict outlived its key");

    for (name, ..) in &bad {
        eventually(&format!("a failed fetch of {name}"), || (failed(&world, name) >= 1.0).then_some(()));
        assert_eq!(ask(&world, &token(name, &old)).status(), 200, "{name} emptied the set");
        assert_eq!(ask(&world, &token(name, &new)).status(), 503, "{name}: still nobody knows");
    }
    assert_eq!((world.admin("/readyz").status(), canary.hits()), (200, 0));
}

/// JWT-12: a signature under no key id may be by a key that is younger than ours; under one it is right or wrong. Forgeries
/// are no more fetches than unknown ids.
#[test]
fn a_signature_under_no_key_id_is_503_until_the_keys_were_fetched() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let bank = Issuer::serving(std::slice::from_ref(&old));
    let world = Setup::issuers(&[issuer("bank", &iss("bank"), &bank.jwks().replace("5s", "1s"))]).start();
    world.wait_ready();
    let unnamed = |key: &Key| token("bank", key).without_header("kid");
    assert_eq!(ask(&world, &unnamed(&old)).status(), 200);
    bank.has(std::slice::from_ref(&new));
    assert_eq!((ask(&world, &token("bank", &new).header("kid", "old")).status(), bank.calls()), (401, 1));
    let answer = ask(&world, &unnamed(&new));
    assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None));
    assert!(answer.one("retry-after").parse::<u32>().unwrap() <= 2);
    eventually("the new key", || (ask(&world, &unnamed(&new)).status() == 200).then_some(()));
    assert_eq!(ask(&world, &unnamed(&old)).status(), 401, "the old one is gone");
    let mut client = world.client();
    for n in 0..1000_u32 {
        let forged = unnamed(&new).mint_with(|_| n.to_be_bytes().repeat(16));
        assert_eq!(client.send(&Request::get("/accounts").token(&forged)).status(), 401);
    }
    // One more where somebody asked while the keys were on their way.
    assert!(bank.calls() <= 3, "a thousand forgeries and {} fetches", bank.calls());
}

/// A key file that is bad keeps the old keys and refuses the reload.
#[test]
fn a_bad_key_file_refuses_the_reload() {
    let world = World::start();
    world.accepts(&[("before", Token::good().mint())]);
    for text in ["{\"keys\":[]}", "{\"keys\":[5]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"] {
        std::fs::write(world.path("jwks.json"), text).unwrap();
        assert!(world.reload(&Setup::default()).is_err(), "{text}");
        world.accepts(&[(text, Token::good().claim("jti", text).mint())]);
    }
    assert!(world.metric("scopegate_config_last_reload_failed") >= 1.0);
}

/// JWT-13: keys that nobody confirms any more are used for a stated time, and then no verdict by them holds.
#[test]
fn stale_keys_are_used_for_their_time_and_no_longer() {
    let key = Key::new("old");
    let bank = Issuer::serving(std::slice::from_ref(&key));
    let jwks = bank.jwks().replace("refresh: 1h", "refresh: 1s, stale_max: 3s");
    let world = Setup::issuers(&[issuer("bank", &iss("bank"), &jwks)]).start();
    world.wait_ready();
    let known = token("bank", &key);
    assert_eq!(ask(&world, &known).status(), 200);
    bank.says("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    eventually("a failed fetch", || (failed(&world, "bank") >= 1.0).then_some(()));
    assert_eq!(ask(&world, &known).status(), 200, "an issuer that stumbles is no reason to refuse");
    let answer =
        eventually("the end of its keys", || Some(ask(&world, &known)).filter(|answer| answer.status() != 200));
    assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None), "the token may be good");
    assert!(!answer.one("retry-after").is_empty());
    let ready = world.admin("/readyz");
    assert_eq!((ready.status(), ready.text()), (200, "ready\nissuer bank: no keys yet\n".to_owned()), "it serves");
    bank.has(&[key]);
    eventually("the issuer's return", || (ask(&world, &known).status() == 200).then_some(()));
}
