//! Defects of other gateways, one row or test each under its number: what a request says of itself beside its request
//! line and its one token, and what a remembered verdict is worth on another route, in other hands.

use crate::support::client::{Client, Request};
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::introspection::{Introspection, active_with, json_answer, secret};
use crate::support::keys::Key;
use crate::support::proofs::{self, Proof, accepts, bound, dpop, refuses, thumbprint};
use crate::support::server::Server;
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use serde_json::json;

/// Envoy CVE-2023-27487 and CVE-2024-45806, Oathkeeper GHSA-vhr5-ggp3-qq85 (CVE-2026-33495), oauth2-proxy CVE-2026-40575,
/// Traefik CVE-2026-35051: nobody is believed what another hop would say. There are no trusted hops here.
#[test]
fn no_field_but_the_request_line_decides_and_none_of_them_is_passed_on() {
    let world = Setup::routes(&[
        route("/accounts", "GET", "scopes: [accounts]"),
        route("/open", "GET, OPTIONS", "access: open"),
        route("/inner", "GET", "scopes: [accounts]\nhosts: [inner.example]"),
    ])
    .start();
    let token = Token::good().mint();
    let narrow = Token::good().scope("other").mint();
    for field in [
        "x-forwarded-uri: /open?canary",
        "x-forwarded-path: /open/canary",
        "x-forwarded-prefix: /canary",
        "x-forwarded-method: OPTIONS-canary",
        "x-forwarded-host: inner.example-canary",
        "x-forwarded-for: 127.0.0.1, canary",
        "x-forwarded-user: canary",
        "x-forwarded-access-token: canary",
        "x-original-url: /open?canary",
        "x-rewrite-url: /open?canary",
        "x-http-method-override: OPTIONS-canary",
        "x-real-ip: canary",
        "forwarded: for=127.0.0.1;host=inner.example;by=canary",
        "x-envoy-original-path: /open?canary",
        "x-envoy-internal: canary",
        "x-envoy-external-address: canary",
        "x-envoy-peer-metadata: canary",
        "x-auth-scope: accounts canary",
    ] {
        let ask = |path: &str| Request::get(path).field(field);
        assert_eq!(world.send(&ask("/accounts")).status(), 401, "{field}");
        assert_eq!(world.send(&ask("/accounts").token(&narrow)).status(), 403, "{field}");
        assert_eq!(world.send(&ask("/inner").token(&token)).status(), 404, "{field}");
        assert_eq!(world.upstream.hits(), 0, "{field}");
        assert_eq!(world.send(&ask("/accounts").token(&token)).status(), 200, "{field}");
        let seen = world.upstream.take().remove(0);
        assert_eq!(seen.target(), "/accounts", "{field}");
        assert!(!String::from_utf8_lossy(&seen.raw).contains("canary"), "{field}: {:?}", seen.fields);
    }
}

/// Envoy CVE-2026-26308: two fields of one name are not one field with a comma, wherever a field decides.
#[test]
fn a_field_that_decides_stands_once_or_decides_against() {
    let base = proofs::setup("{}");
    let world = Setup {
        routes: [
            route("/accounts", "GET, POST", "scopes: [accounts]"),
            route("/consent", "GET", "scopes: [accounts]\nconsent: { header: Consent-ID }"),
        ]
        .concat(),
        ..base
    }
    .start();
    let (key, proven) = bound();
    let token = Token::good().claim("consent_id", "c-1").mint();
    let get = |path: &str| Request::get(path);
    let proof = || Proof::good(&key, &proven).mint();
    for (name, request, status) in [
        ("authorization", get("/accounts").token(&token).token(&token), 400),
        ("authorization, the second empty", get("/accounts").token(&token).field("authorization:"), 400),
        ("host", get("/accounts").token(&token).field("host: api.bank.example"), 400),
        ("consent-id", get("/consent").token(&token).field("consent-id: c-1").field("consent-id: c-1"), 403),
        (
            "consent-id, the second another's",
            get("/consent").token(&token).field("consent-id: c-1").field("Consent-ID: c-2"),
            403,
        ),
        ("dpop", dpop(&proven, &proof()).field(&format!("dpop: {}", proof())), 401),
        (
            "content-length",
            Request::new("POST", "/accounts").token(&token).field("content-length: 0").field("content-length: 0"),
            400,
        ),
        (
            "transfer-encoding",
            Request::new("POST", "/accounts")
                .token(&token)
                .field("transfer-encoding: chunked")
                .field("transfer-encoding: chunked"),
            400,
        ),
    ] {
        assert_eq!(world.send(&request).status(), status, "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(world.send(&get("/consent").token(&token).field("consent-id: c-1")).status(), 200);
}

/// Envoy CVE-2026-73552: octets that are no UTF-8 make no rule fail open.
#[test]
fn octets_beyond_ascii_open_nothing() {
    let world = Setup::routes(&[
        route("/accounts", "GET", "scopes: [accounts]"),
        route("/accounts/{id}", "GET", "scopes: [accounts]"),
        route("/consent", "GET", "scopes: [accounts]\nconsent: { header: Consent-ID }"),
    ])
    .start();
    let token = Token::good().claim("consent_id", "c-1").mint();
    let good = format!("authorization: Bearer {token}");
    for octet in 0x80..=0xff {
        for (name, line, fields, status) in [
            ("path", "GET /accounts/@ HTTP/1.1", good.as_str(), 400),
            ("query", "GET /accounts?@ HTTP/1.1", good.as_str(), 400),
            ("method", "GET@ /accounts HTTP/1.1", good.as_str(), 400),
            ("version", "GET /accounts HTTP/1.1@", good.as_str(), 400),
            ("field name", "GET /accounts HTTP/1.1", &format!("{good}\r\nx-@: a"), 400),
            ("scheme", "GET /accounts HTTP/1.1", &good.replace("Bearer", "Bearer@"), 401),
            ("token", "GET /accounts HTTP/1.1", &format!("{good}@"), 400),
            ("before the scheme", "GET /accounts HTTP/1.1", &good.replace("Bearer", "@Bearer"), 401),
            ("consent", "GET /consent HTTP/1.1", &format!("{good}\r\nconsent-id: c-1@"), 403),
            ("host", "GET /accounts HTTP/1.1", &format!("{good}\r\nhost: a@"), 400),
        ] {
            let host = if name == "host" { "" } else { "host: a\r\n" };
            let mut bytes = format!("{line}\r\n{host}{fields}\r\n\r\n").into_bytes();
            let place = bytes.iter().position(|b| *b == b'@').unwrap();
            bytes[place] = octet;
            let mut client: Client = world.client();
            client.write(&bytes);
            assert_eq!(client.answer().status(), status, "{name}: {octet:02x}");
        }
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// ingress-nginx CVE-2026-24513, oauth2-proxy GHSA-5hvv: no page of ours, no probe and no error opens a protected host.
#[test]
fn nobody_is_let_in_for_looking_like_a_probe() {
    let world = World::start();
    for agent in ["kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Prometheus/2.5", "Consul Health Check"] {
        let ask = |path: &str| world.send(&Request::get(path).field(&format!("user-agent: {agent}"))).status();
        assert_eq!(ask("/accounts"), 401, "{agent}");
        for path in
            ["/livez", "/readyz", "/healthz", "/ping", "/metrics", "/ready", "/error", "/404", "/oauth2/sign_in"]
        {
            assert_eq!(ask(path), 404, "{agent} {path}");
        }
    }
    // What asks for a page about an error gets none.
    let custom =
        Request::get("/accounts").field("x-code: 200").field("x-format: text/html").field("x-original-uri: /open/a");
    assert_eq!(world.send(&custom).status(), 401);
    assert_eq!(world.upstream.hits(), 0);
}

/// RFC 9440 and the names before it: a certificate in a field is no certificate of the connection.
#[test]
fn a_certificate_in_a_field_proves_nothing() {
    let world = World::start();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
    let print =
        crate::support::keys::base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der()));
    let token = Token::good().claim("cnf", json!({"x5t#S256": print.clone()})).mint();
    let pem = certificate.pem().replace('\n', " ");
    let escaped = certificate.pem().replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B");
    let der = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(certificate.der())
    };
    for field in [
        format!("client-cert: :{der}:"),
        format!("client_cert: :{der}:"),
        format!("x-forwarded-client-cert: Hash={print};Cert=\"{escaped}\""),
        format!("x-forwarded-tls-client-cert: {der}"),
        format!("x-ssl-cert: {escaped}"),
        format!("x-ssl-client-cert: {pem}"),
        format!("ssl-client-cert: {escaped}"),
        format!("x-client-cert: {der}"),
        format!("x-arr-clientcert: {der}"),
    ] {
        let answer = world.send(&Request::get("/accounts").token(&token).field(&field));
        let name = field.split(':').next().unwrap();
        let challenge = answer.one("www-authenticate");
        assert_eq!(answer.status(), 401, "{name}");
        assert!(challenge.contains("bound to another client certificate"), "{name}: {challenge}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// WSO2 api-manager#1344: what a token is bound to is asked for on every request, remembered or not. The same of
/// certificates is in `tests/e2e/senders.test.mjs`.
#[test]
fn a_remembered_token_is_still_bound() {
    let world = proofs::setup("{}").start();
    let (key, token) = bound();
    let stranger = Key::new("stranger");
    let good = || dpop(&token, &Proof::good(&key, &token).mint());
    accepts(&world, vec![("primed", good()), ("remembered", good())]);
    refuses(
        &world,
        vec![
            ("another key", dpop(&token, &Proof::good(&stranger, &token).mint()), "proof_key_wrong"),
            ("none", Request::get("/accounts").field(&format!("authorization: DPoP {token}")), "proof_missing"),
        ],
    );
    assert_eq!(world.send(&Request::get("/accounts").token(&token)).status(), 401, "as a bearer token");
    // On one connection, which remembers its last token.
    let mut client = world.client();
    assert_eq!(client.send(&good()).status(), 200);
    assert_eq!(client.send(&dpop(&token, &Proof::good(&stranger, &token).mint())).status(), 401);
    assert_eq!(client.send(&Request::get("/accounts").token(&token)).status(), 401);
    assert_eq!(client.send(&good()).status(), 200);
}

/// liboauth2's shared cache, Tyk's external OAuth: a verdict for one API is none for another.
#[test]
fn a_verdict_primed_for_one_audience_does_not_serve_another() {
    let other = "https://api.bank.example/other";
    let issuers = issuer("bank", ISSUER, "{ file: jwks.json }")
        .replace(&format!("[\"{AUDIENCE}\"]"), &format!("[\"{AUDIENCE}\", \"{other}\"]"));
    let routes = [
        route("/a", "GET", &format!("scopes: [accounts]\naudience: {AUDIENCE}")),
        route("/b", "GET", &format!("scopes: [accounts]\naudience: {other}")),
    ];
    let world = Setup { issuers, ..Setup::routes(&routes) }.start();
    let token = Token::good().mint();
    let mut client = world.client();
    let mut status = |path: &str| client.send(&Request::get(path).token(&token)).status();
    assert_eq!([status("/a"), status("/b"), status("/a"), status("/b")], [200, 401, 200, 401]);
    assert_eq!(world.upstream.hits(), 2);
}

/// Kong 3.15, INT-9: what an introspection answer binds a token to is asked for like a JWT's.
#[test]
fn an_opaque_token_is_bound_by_its_answer() {
    let key = Key::new("client");
    let issuer = Introspection::saying(&json_answer(&active_with("cnf", json!({"jkt": thumbprint(&key)}))));
    let (asked, taking) = (issuer.setup(""), proofs::setup("{}"));
    let world = Setup { server: taking.server, further: taking.further, ..asked }.with_files(&secret());
    let good = || dpop("opaque", &Proof::good(&key, "opaque").mint());
    accepts(&world, vec![("asked about", good()), ("remembered", good())]);
    let stranger = Proof::good(&Key::new("stranger"), "opaque").mint();
    refuses(
        &world,
        vec![
            ("another key", dpop("opaque", &stranger), "proof_key_wrong"),
            ("no proof", Request::get("/accounts").field("authorization: DPoP opaque"), "proof_missing"),
        ],
    );
    assert_eq!(world.send(&Request::get("/accounts").token("opaque")).status(), 401, "E11");
    let print = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
    for (n, cnf) in
        [json!({"x5t#S256": print}), json!({"x5t#S256": print, "jkt": thumbprint(&key)}), json!({}), json!({"new": 1})]
            .into_iter()
            .enumerate()
    {
        issuer.says(&json_answer(&active_with("cnf", cnf.clone())));
        let token = format!("opaque-{n}");
        let proven = dpop(&token, &Proof::good(&key, &token).mint());
        assert_eq!(
            (world.send(&proven).status(), world.send(&Request::get("/accounts").token(&token)).status()),
            (401, 401),
            "{cnf}"
        );
    }
    // An answer with a `cnf` that cannot be read is the issuer's fault.
    issuer.says(&json_answer(&active_with("cnf", json!({"jkt": "short"}))));
    assert_eq!(world.send(&Request::get("/accounts").token("unread")).status(), 503);
}

/// E13: no scheme replaces the other's proof, in either direction.
#[test]
fn a_token_of_a_certificate_is_not_opened_by_a_key() {
    let world = proofs::setup("{}").before(Server::echo());
    let key = Key::new("client");
    let print = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
    for cnf in [json!({"x5t#S256": print}), json!({"x5t#S256": print, "jkt": thumbprint(&key)})] {
        let token = Token::good().claim("cnf", cnf.clone()).mint();
        let answer = world.send(&dpop(&token, &Proof::good(&key, &token).mint()));
        assert_eq!(answer.status(), 401, "{cnf}");
        assert!(answer.one("www-authenticate").contains("bound to another client certificate"), "{cnf}");
    }
    assert_eq!(world.upstream.hits(), 0);
}
