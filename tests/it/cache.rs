//! The verdict cache: it remembers signatures, never permissions, and no verdict outlives what it rests on.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::http2::{END_HEADERS, END_STREAM, Frames, HEADERS, block, frame};
use crate::support::keys::{self, Key};
use crate::support::server::Server;
use crate::support::tokens::{AUDIENCE, ISSUER, NOW, Token};
use std::time::Duration;

const EXPIRED: &str = "Bearer realm=\"bank\", error=\"invalid_token\", error_description=\"The access token expired\"";

/// CVE-2021-32701.
#[test]
fn a_remembered_token_is_checked_against_each_route_anew() {
    let world = World::start();
    let token = Token::good().scope("accounts").mint();
    for n in 0..3 {
        assert_eq!(world.send(&Request::get("/accounts").token(&token).numbered(n)).status(), 200);
        let refused = world.send(&Request::new("POST", "/payments").token(&token).numbered(100 + n));
        assert_eq!(refused.status(), 403);
    }
    assert_eq!(world.log_line(0)["verdict"], "fresh");
    assert_eq!(
        (&world.log_line(2)["verdict"], &world.log_line(102)["verdict"]),
        (&"remembered".into(), &"remembered".into())
    );
    assert!(world.metric("scopegate_verdict_hits_total") >= 5.0);
    assert_eq!(world.upstream.hits(), 3);
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let world = World::start();
    let token = Token::good().claim("exp", NOW + 60).mint();
    let get = || world.send(&Request::get("/accounts").token(&token));
    assert_eq!((get().status(), get().status()), (200, 200));
    world.clock.advance(Duration::from_secs(64));
    assert_eq!(get().status(), 200, "the leeway is 5 s");
    world.clock.advance(Duration::from_secs(1));
    let answer = get();
    assert_eq!((answer.status(), answer.one("www-authenticate")), (401, EXPIRED));
    assert_eq!(get().status(), 401);
    assert_eq!(world.upstream.hits(), 3);
}

/// liboauth2 CWE-613, Kong OIDC 3.15.0.1: a second's life is a second's, primed or not.
#[test]
fn a_token_that_lives_for_a_second_is_dead_after_two() {
    let strict = format!("{}    leeway: 0s\n", issuer("bank", ISSUER, "{ file: jwks.json }"));
    let world = Setup::issuers(&[strict]).start();
    let token = Token::good().claim("exp", NOW + 1).mint();
    world.accepts(&[("primed", token.clone()), ("remembered", token.clone())]);
    world.clock.advance(Duration::from_secs(2));
    world.refuses(&[("two seconds later", token, "token_expired")]);
}

#[test]
fn an_expired_or_early_token_is_not_remembered() {
    let world = World::start();
    let expired = Token::good().claim("exp", NOW - 60).mint();
    let early = Token::good().claim("nbf", NOW + 60).mint();
    for token in [&expired, &early, &expired, &early] {
        assert_eq!(world.send(&Request::get("/accounts").token(token)).status(), 401);
    }
    assert_eq!((world.metric("scopegate_verdicts"), world.metric("scopegate_verdict_hits_total")), (0.0, 0.0));
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.send(&Request::get("/accounts").token(&early)).status(), 200, "by now it is valid");
}

/// WSO2 product-apim#7406 and #9269, api-manager#2355: same id and same signature are not the same token.
#[test]
fn a_tampered_twin_of_a_remembered_token_is_refused() {
    let world = World::start();
    let token = Token::good().scope("accounts").mint();
    let signature = token.rsplit('.').next().unwrap();
    world.accepts(&[("primed", token.clone())]);
    let twin = Token::good().scope("accounts payments");
    world.refuses(&[
        ("more scope", format!("{}.{signature}", twin.signed_part()), "signature_wrong"),
        ("another header", format!("{}.{signature}", Token::good().header("x", 1).signed_part()), "signature_wrong"),
        ("one character more", format!("{token}A"), "signature_wrong"),
    ]);
}

/// PostgREST#4014, resty-openidc#399 and #569: a reload with stricter settings reaches tokens that are remembered.
#[test]
fn a_reload_with_another_audience_refuses_the_remembered_token() {
    let world = World::start();
    let token = Token::good().mint();
    world.accepts(&[("primed", token.clone()), ("remembered", token.clone())]);
    let entry = issuer("bank", ISSUER, "{ file: jwks.json }").replace(AUDIENCE, "https://new.bank.example");
    world.reload(&Setup { issuers: entry, ..Setup::default() }).unwrap();
    world.refuses(&[("after the reload", token, "audience_wrong")]);
    world.accepts(&[("for the new audience", Token::good().claim("aud", "https://new.bank.example").mint())]);
}

#[test]
fn a_reload_without_the_key_refuses_the_remembered_token() {
    let world = World::start();
    let token = Token::good().mint();
    world.accepts(&[("primed", token.clone()), ("remembered", token.clone())]);
    std::fs::write(world.path("jwks.json"), keys::set(&[Key::new("new"), keys::rsa()]).to_string()).unwrap();
    world.reload(&Setup::default()).unwrap();
    world.refuses(&[("its key is gone", token, "key_unknown")]);
    world.accepts(&[("a kept key goes on", Token::good().by(&keys::rsa()).mint())]);
}

/// A key that is replaced under its old id takes its verdicts with it.
#[test]
fn a_reload_with_another_key_under_the_same_kid_refuses_the_remembered_token() {
    let world = World::start();
    let token = Token::good().mint();
    let new = Key::new("ec");
    world.accepts(&[("primed", token.clone())]);
    std::fs::write(world.path("jwks.json"), keys::set(std::slice::from_ref(&new)).to_string()).unwrap();
    world.reload(&Setup::default()).unwrap();
    world.refuses(&[("signed by the old key", token, "signature_wrong")]);
    world.accepts(&[("signed by the new key", Token::good().by(&new).mint())]);
}

/// A route that becomes stricter is stricter at once.
#[test]
fn a_reload_with_another_scope_reaches_the_remembered_token() {
    let world = World::start();
    let token = Token::good().mint();
    world.accepts(&[("primed", token.clone())]);
    world.reload(&Setup::routes(&[route("/accounts", "GET", "scopes: [admin]")])).unwrap();
    assert_eq!(world.send(&Request::get("/accounts").token(&token)).status(), 403);
}

/// fast-jwt GHSA-rp9m-7r4c-75qg: a flood of tokens neither evicts without bound nor mixes verdicts up.
#[test]
fn a_full_cache_still_tells_tokens_apart() {
    let setup = Setup { limits: "  verdicts: 8\n".to_owned(), ..Setup::default() };
    let world = setup.before(Server::echo());
    for n in 0..64 {
        let scope = if n % 2 == 0 { "accounts" } else { "payments" };
        let token = Token::good().claim("jti", format!("token-{n}")).scope(scope).mint();
        let expected = if n % 2 == 0 { 200 } else { 403 };
        for _ in 0..2 {
            assert_eq!(world.send(&Request::get("/accounts").token(&token)).status(), expected);
        }
    }
    assert!(world.metric("scopegate_verdicts") <= 8.0);
}

/// INT-6 for JWTs: what is refused is not remembered, so no flood of it evicts a good verdict.
#[test]
fn a_flood_of_bad_tokens_evicts_no_good_verdict() {
    let setup = Setup { limits: "  verdicts: 16\n".to_owned(), ..Setup::default() };
    let world = setup.before(Server::echo());
    let good: Vec<_> = (0..8).map(|n| Token::good().claim("jti", format!("good-{n}")).mint()).collect();
    let mut client = world.client();
    let mut status = |token: &str| client.send(&Request::get("/accounts").token(token)).status();
    assert!(good.iter().all(|token| status(token) == 200));
    for n in 0..200 {
        let random = Token::good().claim("jti", format!("random-{n}"));
        assert_eq!(status(&random.mint_with(|_| vec![1; 64])), 401);
        assert_eq!(status(&random.clone().claim("exp", NOW - 60).mint()), 401);
        assert_eq!(status(&random.claim("aud", "https://other.example").mint()), 401);
    }
    let hits = world.metric("scopegate_verdict_hits_total");
    assert!(good.iter().all(|token| status(token) == 200));
    assert!((world.metric("scopegate_verdict_hits_total") - hits - 8.0).abs() < 0.5, "a good verdict was evicted");
    assert!((world.metric("scopegate_verdicts") - 8.0).abs() < 0.5);
}

/// Each lets the others go first before it looks at the signature, and looks once more whether one of them has.
#[test]
fn a_new_token_that_many_bring_at_once_is_verified_once() {
    let world = Setup::default().with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    let bearer = format!("Bearer {}", Token::good().mint());
    let head = block(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "api.bank.example"),
        (":path", "/accounts"),
        ("authorization", &bearer),
    ]);
    let together: Vec<_> =
        [1, 3, 5].into_iter().flat_map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &head)).collect();
    frames.bytes(&together);
    for _ in 0..3 {
        assert_eq!(frames.next_of(&[HEADERS]).unwrap().status(), 200);
    }
    let verdicts = |kind| world.metric(&format!("scopegate_verdict_{kind}_total"));
    assert_eq!((verdicts("misses"), verdicts("hits")), (1.0, 2.0));
}

/// A connection may remember its last token; that changes no answer.
#[test]
fn what_a_connection_remembers_is_checked_anew() {
    let world = World::start();
    let token = Token::good().scope("accounts").claim("exp", NOW + 60).mint();
    let twin = Token::good().scope("accounts payments").signed_part();
    let forged = format!("{twin}.{}", token.rsplit('.').next().unwrap());
    let mut client = world.client();
    let mut status =
        |method: &str, path: &str, token: &str| client.send(&Request::new(method, path).token(token)).status();
    assert_eq!((status("GET", "/accounts", &token), status("GET", "/accounts", &token)), (200, 200));
    assert_eq!(status("POST", "/payments", &token), 403);
    assert_eq!(status("GET", "/accounts", &forged), 401);
    assert_eq!(status("GET", "/accounts", &token[..token.len() - 1]), 401);
    assert_eq!(status("GET", "/accounts", &format!("{token}A")), 401);
    // The last one says only some of its bits: those that say nothing are no way to spell a token anew.
    for place in [token.rfind('.').unwrap() + 1, token.len() - 40, token.len() - 1] {
        let other = if token.as_bytes()[place] == b'B' { "C" } else { "B" };
        let twin = [&token[..place], other, &token[place + 1..]].concat();
        assert_eq!(status("GET", "/accounts", &twin), 401, "another letter at {place}");
    }
    assert_eq!(status("GET", "/accounts", &token), 200);
    world.reload(&Setup::routes(&[route("/accounts", "GET", "scopes: [admin]")])).unwrap();
    assert_eq!(status("GET", "/accounts", &token), 403);
    world.reload(&Setup::default()).unwrap();
    assert_eq!(status("GET", "/accounts", &token), 200);
    let entry = issuer("bank", ISSUER, "{ file: jwks.json }").replace(AUDIENCE, "https://new.bank.example");
    world.reload(&Setup { issuers: entry, ..Setup::default() }).unwrap();
    assert_eq!(status("GET", "/accounts", &token), 401, "another audience");
    world.reload(&Setup::default()).unwrap();
    assert_eq!(status("GET", "/accounts", &token), 200);
    std::fs::write(world.path("jwks.json"), keys::set(&[Key::new("new")]).to_string()).unwrap();
    world.reload(&Setup::default()).unwrap();
    assert_eq!(status("GET", "/accounts", &token), 401, "its key is gone");
    std::fs::write(world.path("jwks.json"), keys::set(&[keys::ec()]).to_string()).unwrap();
    world.reload(&Setup::default()).unwrap();
    assert_eq!(status("GET", "/accounts", &token), 200);
    world.clock.advance(Duration::from_secs(65));
    assert_eq!(status("GET", "/accounts", &token), 401, "expired");
}
