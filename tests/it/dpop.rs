//! Tokens that are bound to a key, over the wire (RFC 9449): DPOP-1 to DPOP-22, E4, E11 to E14, INT-9. Each row is one
//! request; refusals have the exact challenge, the exact reason in the log, and reach nobody.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer};
use crate::support::keys::{self, Key, base64url};
use crate::support::proofs::{ALGS, ORIGIN, Proof, SPACE, accepts, bound, dpop, error, refuses, setup, thumbprint};
use crate::support::reasons::description;
use crate::support::tokens::{ISSUER, NOW, Token};
use scopegate::clock::Clock;
use serde_json::json;
use std::time::Duration;

/// DPOP-1 to 8, 12, 14, 15, 17; E12, E13.
#[test]
fn a_proof_that_proves_nothing_is_refused() {
    let world = setup("{}").start();
    let (key, token) = bound();
    let stranger = Key::new("stranger");
    let good = || Proof::good(&key, &token);
    let with = |proof: Proof| dpop(&token, &proof.mint());
    let mut rows = vec![
        ("DPOP-17", Request::get("/accounts").field(&format!("authorization: DPoP {token}")), "proof_missing"),
        ("DPOP-1", with(good()).field(&format!("dpop: {}", good().mint())), "proof_malformed"),
        ("DPOP-2 joined", dpop(&token, &format!("{}, {}", good().mint(), good().mint())), "proof_malformed"),
        ("DPOP-2 two segments", dpop(&token, "eyJh.eyJh"), "proof_malformed"),
        ("DPOP-2 JSON", dpop(&token, "{\"payload\":\"a\",\"signatures\":[]}"), "proof_malformed"),
        ("DPOP-2 empty", dpop(&token, ""), "proof_malformed"),
        ("DPOP-2 the token", dpop(&token, &token), "proof_malformed"),
        ("DPOP-4 JWT", with(good().header("typ", "JWT")), "proof_malformed"),
        ("DPOP-4 at+jwt", with(good().header("typ", "at+jwt")), "proof_malformed"),
        ("DPOP-5 none", with(good().header("alg", "none")), "proof_malformed"),
        ("DPOP-5 HS256", with(good().header("alg", "HS256")), "proof_malformed"),
        ("DPOP-5 RS256", dpop(&token, &Proof::good(&keys::rsa(), &token).mint()), "proof_malformed"),
        ("DPOP-5 another curve's", with(good().header("alg", "ES384")), "proof_malformed"),
        ("DPOP-5 another key's", with(good().header("alg", "PS256")), "proof_malformed"),
        ("crit", with(good().header("crit", json!(["exp"]))), "proof_malformed"),
        ("DPOP-6", with(good().signed_by(&stranger)), "proof_forged"),
        ("DPOP-7 private", with(good().jwk("d", "AAAA")), "proof_malformed"),
        ("DPOP-7 symmetric", with(good().header("jwk", json!({"kty": "oct", "k": "AAAA"}))), "proof_malformed"),
        ("no point", with(good().jwk("x", base64url([1; 32]))), "proof_malformed"),
        ("a key for another algorithm", with(good().jwk("alg", "RS256")), "proof_malformed"),
        ("DPOP-8", with(good().claim("htm", "PUT")), "proof_misplaced"),
        ("DPOP-8 case", with(good().claim("htm", "get")), "proof_misplaced"),
        ("DPOP-9 path", with(good().claim("htu", format!("{ORIGIN}/payments"))), "proof_misplaced"),
        ("DPOP-9 slash", with(good().claim("htu", format!("{ORIGIN}/accounts/"))), "proof_misplaced"),
        ("DPOP-9 scheme", with(good().claim("htu", "http://api.bank.example/accounts")), "proof_misplaced"),
        ("DPOP-9 port", with(good().claim("htu", "https://api.bank.example:8443/accounts")), "proof_misplaced"),
        ("DPOP-9 no origin", with(good().claim("htu", "/accounts")), "proof_misplaced"),
        ("DPOP-12 an hour ago", with(good().claim("iat", NOW - 3600)), "proof_stale"),
        ("DPOP-12 in an hour", with(good().claim("iat", NOW + 3600)), "proof_stale"),
        ("DPOP-12 61 s ago", with(good().claim("iat", NOW - 61)), "proof_stale"),
        ("DPOP-12 in 11 s", with(good().claim("iat", NOW + 11)), "proof_stale"),
        ("DPOP-12 over", with(good().claim("exp", NOW)), "proof_stale"),
        ("DPOP-12 not begun", with(good().claim("nbf", NOW + 60)), "proof_stale"),
        ("DPOP-12 text", with(good().claim("iat", NOW.to_string())), "proof_malformed"),
        ("DPOP-13 a long id", with(good().claim("jti", "a".repeat(257))), "proof_malformed"),
        ("DPOP-13 an empty id", with(good().claim("jti", "")), "proof_malformed"),
        ("DPOP-14", dpop(&token, &Proof::good(&key, "another").mint()), "proof_misplaced"),
        (
            "DPOP-14 padding",
            with(good().claim("ath", format!("{}=", crate::support::proofs::ath(&token)))),
            "proof_malformed",
        ),
        ("DPOP-15", dpop(&token, &Proof::good(&stranger, &token).mint()), "proof_key_wrong"),
    ];
    for member in ["typ", "alg", "jwk"] {
        rows.push(("DPOP-3", with(good().without_header(member)), "proof_malformed"));
    }
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        rows.push(("DPOP-3", with(good().without(claim)), "proof_malformed"));
    }
    let unbound = Token::good().mint();
    rows.push(("E13 unbound", dpop(&unbound, &Proof::good(&key, &unbound).mint()), "proof_key_wrong"));
    refuses(&world, rows);
}

/// `null` is a wrong type: a derived reader takes it for absence, and another reader of the proof does not.
#[test]
fn a_member_that_is_null_is_not_absent() {
    let world = setup("{}").start();
    let (key, token) = bound();
    let good = || Proof::good(&key, &token);
    let with = |proof: Proof| dpop(&token, &proof.mint());
    let mut rows: Vec<_> = ["exp", "nbf", "nonce", "iat", "jti", "ath"]
        .map(|name| (name, with(good().claim(name, json!(null))), "proof_malformed"))
        .into();
    for name in ["d", "alg", "use", "key_ops", "kid", "k"] {
        rows.push((name, with(good().jwk(name, json!(null))), "proof_malformed"));
    }
    refuses(&world, rows);
}

/// DPOP-6, 9, 10, 11, 12, 20; ERR-6.
#[test]
fn a_good_proof_is_good_in_every_spelling() {
    let begun = Clock::manual(NOW - 60);
    let world = Setup { clock: begun, ..setup("{ algorithms: [ES256, EdDSA, PS256] }") }.start();
    world.clock.advance(Duration::from_mins(1));
    let (key, token) = bound();
    let good = || Proof::good(&key, &token);
    let with = |proof: Proof| dpop(&token, &proof.mint());
    let odd = good().claim("htu", "HTTPS://API.bank.example:443/%61ccounts?a=1#b");
    let plain = Request::get("/accounts").field(&format!("authorization: dpop {token}"));
    let ed = Token::good().claim("cnf", json!({"jkt": thumbprint(&keys::ed())})).mint();
    accepts(
        &world,
        vec![
            ("plain", with(good())),
            ("case", plain.field(&format!("DPOP: {}", good().mint()))),
            ("DPOP-9, DPOP-10", with(odd)),
            (
                "DPOP-9 a query in the request",
                Request::get("/accounts?x=1")
                    .field(&format!("authorization: DPoP {token}"))
                    .field(&format!("dpop: {}", good().mint())),
            ),
            ("DPOP-11: nobody's host decides", with(good()).host(Some("other.example"))),
            ("DPOP-12 8 s ahead", with(good().claim("iat", NOW + 8))),
            ("DPOP-12 60 s ago", with(good().claim("iat", NOW - 60))),
            ("DPOP-12 dates that hold", with(good().claim("exp", NOW + 5).claim("nbf", NOW))),
            ("DPOP-20", with(good().claim("other", json!({"a": 1})).header("other", 1))),
            ("Ed25519", dpop(&ed, &Proof::good(&keys::ed(), &ed).mint())),
            (
                "a bearer token with a needless proof",
                Request::get("/accounts").token(&Token::good().mint()).field("dpop: x"),
            ),
        ],
    );
    let request = world.upstream.requests().pop().unwrap();
    assert!(request.get("authorization").is_none() && request.get("x-auth-client-id") == Some("tpp-1"));
}

/// DPOP-16, DPOP-21, DPOP-22; E1, E4, E11.
#[test]
fn neither_scheme_replaces_the_other() {
    let world = setup("{}").start();
    let (key, token) = bound();
    let get = || Request::get("/accounts");
    let none = world.send(&get());
    let bare = format!("Bearer {SPACE}, DPoP {ALGS}");
    assert_eq!((none.status(), none.one("www-authenticate")), (401, bare.as_str()), "DPOP-21");
    let proxy = world.send(&get().field(&format!("proxy-authorization: DPoP {token}")));
    assert_eq!((proxy.status(), proxy.one("www-authenticate")), (401, bare.as_str()), "DPOP-22");
    let expected = format!(
        "Bearer {SPACE}, error=\"invalid_token\", error_description=\"{}\", DPoP {ALGS}",
        description("proof_avoided")
    );
    let proof = Proof::good(&key, &token).mint();
    for request in [get().token(&token), get().token(&token).field(&format!("dpop: {proof}"))] {
        let answer = world.send(&request);
        assert_eq!((answer.status(), answer.one("www-authenticate")), (401, expected.as_str()), "DPOP-16");
    }
    let twice = "error=\"invalid_request\", error_description=\"The access token was sent more than once\"";
    let both = world.send(&get().token(&token).field(&format!("authorization: DPoP {token}")));
    let expected = format!("Bearer {SPACE}, {twice}, DPoP {ALGS}, {twice}");
    assert_eq!((both.status(), both.one("www-authenticate")), (400, expected.as_str()), "E4");
    // What is wrong with the token or its scope is said in the scheme that brought it.
    let expired = Token::good().claim("exp", NOW - 60).claim("cnf", json!({"jkt": thumbprint(&key)})).mint();
    let answer = world.send(&dpop(&expired, &Proof::good(&key, &expired).mint()));
    assert_eq!(
        answer.one("www-authenticate"),
        format!("DPoP {SPACE}, error=\"invalid_token\", error_description=\"The access token expired\", {ALGS}")
    );
    let narrow = Token::good().scope("x").claim("cnf", json!({"jkt": thumbprint(&key)})).mint();
    let answer = world.send(&dpop(&narrow, &Proof::good(&key, &narrow).mint()));
    assert_eq!(answer.status(), 403);
    assert!(answer.one("www-authenticate").starts_with(&format!("DPoP {SPACE}, error=\"insufficient_scope\"")));
    let malformed = world.send(&get().field("authorization: DPoP a b"));
    assert_eq!(malformed.status(), 400);
    assert!(malformed.one("www-authenticate").starts_with(&format!("DPoP {SPACE}, error=\"invalid_request\"")));
    assert_eq!(world.upstream.hits(), 0);
}

/// DPOP-13. wso2/product-is#23358: of a hundred at once on two workers one is the first; sourcebot#1395: a proof from the
/// future is remembered to the end of its life.
#[test]
fn a_proof_is_good_once() {
    let world = setup("{}").start();
    let (key, token) = bound();
    let proof = Proof::good(&key, &token).claim("iat", NOW + 10).mint();
    let statuses = std::thread::scope(|scope| {
        let send = || world.send(&dpop(&token, &proof)).status();
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    world.clock.advance(Duration::from_secs(69));
    refuses(&world, vec![("at the end of its life", dpop(&token, &proof), "proof_replayed")]);
    world.clock.advance(Duration::from_secs(2));
    refuses(&world, vec![("after it", dpop(&token, &proof), "proof_stale")]);
    // Another client may use the same id.
    let (other, theirs) = bound();
    let same = |key, token| Proof::good(key, token).claim("jti", "same").claim("iat", NOW + 71).mint();
    accepts(&world, vec![("one", dpop(&token, &same(&key, &token))), ("other", dpop(&theirs, &same(&other, &theirs)))]);
}

/// A proof that is refused for another reason is not used up, and the memory for proofs has its bound.
#[test]
fn only_good_proofs_are_remembered_and_no_more_than_there_is_room() {
    let world = setup("{ proofs: 64 }").start();
    let (key, token) = bound();
    let proof = Proof::good(&key, &token).mint();
    refuses(
        &world,
        vec![(
            "another request's",
            Request::new("PUT", "/accounts/1")
                .field(&format!("authorization: DPoP {token}"))
                .field(&format!("dpop: {proof}")),
            "proof_misplaced",
        )],
    );
    accepts(&world, vec![("its own", dpop(&token, &proof))]);
    let mut statuses: Vec<u16> =
        (0..200).map(|_| world.send(&dpop(&token, &Proof::good(&key, &token).mint())).status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 503]);
    assert!(world.metric("scopegate_proofs") <= 64.0);
    world.clock.advance(Duration::from_secs(200));
    let late = Proof::good(&key, &token).claim("iat", NOW + 200).mint();
    accepts(&world, vec![("when the others are forgotten", dpop(&token, &late))]);
}

/// DPOP-19, E14.
#[test]
fn a_nonce_is_asked_for_accepted_and_replaced() {
    let world = setup("{ nonce: required, nonce_life: 60s }").start();
    let (key, token) = bound();
    let nonce_of = |request: &Request, n: usize| {
        let answer = world.send(&request.clone().numbered(n));
        let challenge = error("proof_nonce");
        assert_eq!((answer.status(), answer.one("www-authenticate")), (401, challenge.as_str()));
        assert_eq!(answer.one("cache-control"), "no-store");
        assert_eq!(world.log_line(n)["reason"], "proof_nonce");
        answer.one("dpop-nonce").to_owned()
    };
    let with =
        |nonce: &str, now: i64| dpop(&token, &Proof::good(&key, &token).claim("nonce", nonce).claim("iat", now).mint());
    let first = nonce_of(&dpop(&token, &Proof::good(&key, &token).mint()), 0);
    assert!(first.len() >= 22 && first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    assert_eq!(nonce_of(&with("wrong", NOW), 1), first);
    let answer = world.send(&with(&first, NOW));
    assert_eq!((answer.status(), answer.get("dpop-nonce")), (200, None));
    // Old but recent: accepted, with the next one beside the answer.
    world.clock.advance(Duration::from_mins(1));
    let answer = world.send(&with(&first, NOW + 60));
    assert_eq!((answer.status(), answer.one("cache-control")), (200, "no-store"));
    let second = answer.one("dpop-nonce").to_owned();
    assert_ne!(first, second);
    world.clock.advance(Duration::from_mins(1));
    let third = nonce_of(&with(&first, NOW + 120), 2);
    assert!(third != second && third != first);
    accepts(&world, vec![("second", with(&second, NOW + 120)), ("third", with(&third, NOW + 120))]);
    // §11.3: whoever was given one cannot go back to proofs without.
    nonce_of(&dpop(&token, &Proof::good(&key, &token).claim("iat", NOW + 120).mint()), 3);
}

/// One that was made before the gateway began may have been used at the one before it, which nobody remembers.
#[test]
fn a_proof_from_before_the_start_is_good_with_a_nonce_only() {
    let world = setup("{}").start();
    let (key, token) = bound();
    let early = || Proof::good(&key, &token).claim("iat", NOW - 1);
    let answer = world.send(&dpop(&token, &early().mint()));
    assert_eq!((answer.status(), answer.one("www-authenticate")), (401, error("proof_nonce").as_str()));
    let with_nonce = dpop(&token, &early().claim("nonce", answer.one("dpop-nonce")).mint());
    accepts(&world, vec![("with a nonce", with_nonce), ("of now", dpop(&token, &Proof::good(&key, &token).mint()))]);
}

/// Without `dpop:` the scheme is unknown, and a bound token is worth nothing.
#[test]
fn without_proofs_a_bound_token_opens_nothing() {
    let world = World::start();
    let (key, token) = bound();
    let answer = world.send(&dpop(&token, &Proof::good(&key, &token).mint()));
    assert_eq!((answer.status(), answer.one("www-authenticate")), (401, "Bearer realm=\"bank\""));
    world.refuses(&[("as a bearer token", token, "sender_unproven")]);
}

/// MTLS-7, FAPI 2.0 §5.3.4: no token that anybody could use.
#[test]
fn the_financial_grade_profile_wants_every_token_bound() {
    let issuers = issuer("bank", ISSUER, "{ file: jwks.json }").replace("[RS256, PS256, ES256, EdDSA]", "[ES256]");
    let further = "dpop: {}\nrevocations: { file: revocations }\n".to_owned();
    let server = format!("  workers: 1\n  profile: fapi2\n  public_origin: {ORIGIN}\n");
    let world = Setup { server, issuers, further, ..Setup::default() }.start();
    let (key, token) = bound();
    accepts(&world, vec![("bound", dpop(&token, &Proof::good(&key, &token).mint()))]);
    world.refuses(&[
        ("unbound", Token::good().mint(), "sender_unbound"),
        ("JWT-3", Token::good().by(&keys::rsa()).mint(), "algorithm_refused"),
    ]);
}
