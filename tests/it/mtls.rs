//! Tokens that are bound to a client certificate, over TLS (RFC 8705): MTLS-1 to MTLS-7, E10. Refusals have the exact
//! challenge, the exact reason in the log, and reach nobody.

use crate::support::client::{Request, id};
use crate::support::gateway::{Setup, World};
use crate::support::keys::{Key, base64url};
use crate::support::proofs::{ALGS, ORIGIN, Proof, thumbprint};
use crate::support::reasons::description;
use crate::support::tls::{Authority, Caller, Identity};
use crate::support::tokens::Token;
use crate::support::wire::Message;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rcgen::date_time_ymd;
use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion};
use serde_json::json;

const THUMBPRINT_MODE: &str = ", client_certificate: optional";
const AUTHORITY_MODE: &str = ", client_certificate: optional, client_ca: ca.pem";

fn plain() -> Identity {
    Identity::self_signed(|_| {})
}

fn get(token: &Token) -> Request {
    Request::get("/accounts").token(&token.mint())
}

/// Demands 401 with exactly this challenge, this reason in the log, and nothing upstream.
fn assert_refused(world: &World, answer: &Message, reason: &str, name: &str) {
    let expected =
        format!("Bearer realm=\"bank\", error=\"invalid_token\", error_description=\"{}\"", description(reason));
    assert_eq!((answer.status(), answer.get("www-authenticate")), (401, Some(expected.as_str())), "{name}");
    assert_eq!(answer.one("cache-control"), "no-store", "{name}");
    let id = answer.one("x-fapi-interaction-id").to_owned();
    let line = crate::support::eventually("its line", || {
        let log = world.log();
        log.lines()
            .find(|line| line.contains(&id))
            .and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok())
    });
    assert_eq!(line["reason"], reason, "{name}");
    assert_eq!(world.upstream.hits(), 0, "{name}");
}

/// MTLS-1, MTLS-3, E10: in both versions of TLS, for its holder and for nobody else.
#[test]
fn a_bound_token_is_good_with_its_certificate_only() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let (mine, other) = (plain(), plain());
    let expired = Identity::self_signed(|params| params.not_after = date_time_ymd(2020, 1, 1));
    for version in [&TLS12, &TLS13] {
        let rows = [
            ("none", None, mine.token()),
            ("another", Some(&other), mine.token()),
            ("another's thumbprint", Some(&mine), other.token()),
            // MTLS-4, RFC 8705 §6.3: the same key under a new certificate is another certificate.
            ("renewed", Some(&mine), mine.renewed().token()),
        ];
        for (name, shown, token) in rows {
            let answer = Caller::speaking(shown, version).send(&world, &get(&token));
            assert_refused(&world, &answer, "sender_mismatch", name);
        }
    }
    for version in [&TLS12, &TLS13] {
        for (name, shown, token) in [
            ("its holder", Some(&mine), mine.token()),
            // RFC 8705 §6.2: whose it is says the thumbprint, not an authority, and not a date.
            ("expired", Some(&expired), expired.token()),
            ("unbound, without a certificate", None, Token::good()),
            ("unbound, with any certificate", Some(&other), Token::good()),
        ] {
            assert_eq!(Caller::speaking(shown, version).send(&world, &get(&token)).status(), 200, "{name}");
        }
    }
}

/// MTLS-2, MTLS-6: what is not exactly one thumbprint is refused before anybody compares it.
#[test]
fn a_malformed_confirmation_is_refused() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let mine = plain();
    let good = mine.thumbprint();
    let caller = Caller::new(Some(&mine));
    let octets = digest(&SHA256, mine.der());
    let hex = octets.as_ref().iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat();
    let sha1 = base64url(digest(&SHA1_FOR_LEGACY_USE_ONLY, mine.der()));
    for (name, confirmation, reason) in [
        ("padding", json!({"x5t#S256": format!("{good}=")}), "claim_invalid"),
        ("white space", json!({"x5t#S256": format!(" {good}")}), "claim_invalid"),
        ("a line", json!({"x5t#S256": format!("{good}\n")}), "claim_invalid"),
        ("hexadecimal", json!({"x5t#S256": hex}), "claim_invalid"),
        ("SHA-1", json!({"x5t#S256": sha1}), "claim_invalid"),
        ("a list", json!({"x5t#S256": [good]}), "claim_invalid"),
        ("null", json!({"x5t#S256": null}), "claim_invalid"),
        ("text", json!(good), "claim_invalid"),
        ("SHA-1's name", json!({"x5t": sha1}), "sender_unproven"),
        ("unknown", json!({"kid": "a"}), "sender_unproven"),
        ("unknown beside it", json!({"x5t#S256": good, "kid": "a"}), "sender_unproven"),
        ("empty", json!({}), "sender_unproven"),
        // The other method, which nothing here can prove.
        ("a key", json!({"jkt": good}), "sender_unproven"),
    ] {
        let answer = caller.send(&world, &get(&Token::good().claim("cnf", confirmation)));
        assert_refused(&world, &answer, reason, name);
    }
    assert_eq!(caller.send(&world, &get(&mine.token())).status(), 200);
}

/// WSO2 api-manager#1344: the verdict is remembered, whose hands the token is in is not.
#[test]
fn a_remembered_verdict_is_no_licence_for_another_certificate() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let (mine, other) = (plain(), plain());
    let (mine_caller, other_caller) = (Caller::new(Some(&mine)), Caller::new(Some(&other)));
    let request = get(&mine.token());
    let mut connection = mine_caller.connect(&world);
    assert_eq!(connection.send(&request.clone().numbered(1)).status(), 200);
    assert_eq!(connection.send(&request.clone().numbered(2)).status(), 200);
    assert_eq!((&world.log_line(1)["verdict"], &world.log_line(2)["verdict"]), (&"fresh".into(), &"remembered".into()));
    world.upstream.take();
    for (n, caller) in [(3, other_caller), (4, Caller::new(None))] {
        assert_refused(&world, &caller.send(&world, &request.clone().numbered(n)), "sender_mismatch", &id(n));
        assert_eq!(world.log_line(n)["verdict"], "remembered");
    }
    assert_eq!(connection.send(&request).status(), 200);
}

/// MTLS-5, RFC 9440 §3.3: a resumed session keeps its certificate, and no other session has it.
#[test]
fn a_resumed_session_has_the_certificate_of_its_first_handshake() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let clients: Vec<Identity> = (0..3).map(|_| plain()).collect();
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let callers: Vec<Caller> = clients.iter().map(|one| Caller::speaking(Some(one), version)).collect();
        for round in 0..3 {
            for (place, caller) in callers.iter().enumerate() {
                for (owner, client) in clients.iter().enumerate() {
                    let mut connection = caller.connect(&world);
                    let status = connection.send(&get(&client.token())).status();
                    assert_eq!(status, if owner == place { 200 } else { 401 }, "{place} with the token of {owner}");
                    let (kind, version) = connection.handshake();
                    assert_eq!(version, spoken);
                    let is_first = round == 0 && owner == 0;
                    assert_eq!(kind == HandshakeKind::Resumed, !is_first, "{version:?} {round} {owner}");
                }
            }
        }
    }
}

/// MTLS-5: whoever remembers another's sessions shows his own certificate, or is the other.
#[test]
fn a_session_is_not_resumed_under_another_certificate() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let (mine, other) = (plain(), plain());
    for version in [&TLS12, &TLS13] {
        let sessions = Resumption::in_memory_sessions(8);
        let caller = |identity| Caller::with(identity, &[version], sessions.clone());
        assert_eq!(caller(Some(&mine)).send(&world, &get(&mine.token())).status(), 200);
        for shown in [Some(&other), None] {
            let mut connection = caller(shown).connect(&world);
            assert_eq!(connection.send(&get(&mine.token())).status(), 401);
            assert_ne!(connection.handshake().0, HandshakeKind::Resumed);
        }
    }
}

/// MTLS-6, peers §3f: bound to both, it needs both; and neither way of proving replaces the other.
#[test]
fn certificate_and_key_must_both_hold() {
    let server = format!("  workers: 1\n  public_origin: {ORIGIN}\n");
    let world = Setup { server, further: "dpop: {}\n".to_owned(), ..Setup::default() }.with_tls(THUMBPRINT_MODE, &[]);
    let (mine, other, key, stranger) = (plain(), plain(), Key::new("client"), Key::new("stranger"));
    let by_certificate = mine.token().mint();
    let by_key = Token::good().claim("cnf", json!({"jkt": thumbprint(&key)})).mint();
    let by_both = Token::good().claim("cnf", json!({"jkt": thumbprint(&key), "x5t#S256": mine.thumbprint()})).mint();
    let bearer = |token: &str| Request::get("/accounts").token(token);
    let dpop = |token: &str, key: &Key| crate::support::proofs::dpop(token, &Proof::good(key, token).mint());
    for (n, (name, shown, request, reason)) in [
        ("both, no certificate", None, dpop(&by_both, &key), "sender_mismatch"),
        ("both, another certificate", Some(&other), dpop(&by_both, &key), "sender_mismatch"),
        ("both, no proof", Some(&mine), bearer(&by_both), "proof_avoided"),
        ("both, another key", Some(&mine), dpop(&by_both, &stranger), "proof_key_wrong"),
        ("by certificate, with a proof", Some(&mine), dpop(&by_certificate, &key), "proof_key_wrong"),
        ("by certificate, with a proof instead", None, dpop(&by_certificate, &key), "sender_mismatch"),
        ("by key, with a certificate instead", Some(&mine), bearer(&by_key), "proof_avoided"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = Caller::new(shown).send(&world, &request.numbered(n));
        assert_eq!((answer.status(), &world.log_line(n)["reason"]), (401, &reason.into()), "{name}");
        let challenge = answer.one("www-authenticate").to_owned();
        assert!(challenge.contains("error=\"invalid_token\""), "{name}: {challenge}");
        assert!(challenge.starts_with("Bearer") || challenge.ends_with(ALGS), "{name}: {challenge}");
    }
    assert_eq!(world.upstream.hits(), 0);
    for (name, shown, request) in [
        ("both", Some(&mine), dpop(&by_both, &key)),
        ("by certificate", Some(&mine), bearer(&by_certificate)),
        ("by key", None, dpop(&by_key, &key)),
    ] {
        assert_eq!(Caller::new(shown).send(&world, &request).status(), 200, "{name}");
    }
}

/// E10, QC-4: what is not of the authorities, or not of today, does not come past the handshake.
#[test]
fn with_authorities_only_their_certificates_are_good() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mine = ours.issue(|_| {});
    let world = Setup::default().with_tls(AUTHORITY_MODE, &[("ca.pem", ours.pem())]);
    let expired = ours.issue(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = ours.issue(|params| params.not_before = date_time_ymd(2095, 1, 1));
    for version in [&TLS12, &TLS13] {
        for (name, shown) in [
            ("self-signed", plain()),
            ("another authority's", theirs.issue(|_| {})),
            ("of an authority of the same name", Authority::new("ours").issue(|_| {})),
            ("expired", expired.clone()),
            ("not yet valid", early.clone()),
        ] {
            assert!(Caller::speaking(Some(&shown), version).is_turned_away(&world), "{name}");
        }
        assert_eq!(Caller::speaking(Some(&mine), version).send(&world, &get(&mine.token())).status(), 200);
        assert_eq!(Caller::speaking(None, version).send(&world, &get(&Token::good())).status(), 200);
    }
    assert!((world.metric("scopegate_handshakes_failed_total") - 10.0).abs() < 0.5);
    world.upstream.take();
    let answer = Caller::new(None).send(&world, &get(&mine.token()));
    assert_refused(&world, &answer, "sender_mismatch", "none");
}

#[test]
fn without_a_certificate_there_is_no_connection_where_one_is_required() {
    let world = Setup::default().with_tls(", client_certificate: required", &[]);
    let mine = plain();
    for version in [&TLS12, &TLS13] {
        assert!(Caller::speaking(None, version).is_turned_away(&world));
        assert_eq!(Caller::speaking(Some(&mine), version).send(&world, &get(&mine.token())).status(), 200);
    }
}

/// MTLS-7, FAPI 2.0 §5.3.4-5, without DPoP: the certificate is how senders are proven.
#[test]
fn the_financial_grade_profile_takes_tokens_bound_to_a_certificate() {
    let issuers = Setup::default().issuers.replace("[RS256, PS256, ES256, EdDSA]", "[ES256]");
    let server = "  workers: 1\n  profile: fapi2\n".to_owned();
    let further = "revocations: { file: revocations }\n".to_owned();
    let world = Setup { server, issuers, further, ..Setup::default() }.with_tls(THUMBPRINT_MODE, &[]);
    let mine = plain();
    let caller = Caller::new(Some(&mine));
    assert_refused(&world, &caller.send(&world, &get(&Token::good())), "sender_unbound", "unbound");
    assert_eq!(caller.send(&world, &get(&mine.token())).status(), 200);
}
