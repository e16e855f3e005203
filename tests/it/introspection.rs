//! VERIFY, opaque tokens: what is asked, what is an answer and what it must say (RFC 7662, RFC 9701).

use crate::support::client::Request;
use crate::support::front::{Authority, Front, Identity};
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::introspection::{
    Introspection, active, active_with, ask, assert_unavailable, calls, json_answer, pay, secret, signed, signed_answer,
};
use crate::support::keys::{self, Key};
use crate::support::server::ok;
use crate::support::tokens::{AUDIENCE, ISSUER, NOW, Token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// INT-1: a form by POST, our credentials in the header, nothing in the target.
#[test]
fn the_issuer_is_asked_by_a_form_with_our_credentials() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    assert_eq!(ask(&world, "a+b/c~==").status(), 200);
    let question = issuer.0.only();
    assert_eq!((question.method(), question.target()), ("POST", "/introspect"));
    assert_eq!(question.text(), "token=a%2Bb%2Fc%7E%3D%3D&token_type_hint=access_token");
    assert_eq!(question.one("authorization"), format!("Basic {}", STANDARD.encode("gate:s3%20cret")));
    assert_eq!(question.one("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(question.one("accept"), "application/json");
    let forwarded = world.upstream.only();
    let identity = ["client-id", "subject", "scope", "grant", "token-id", "issuer"]
        .map(|name| forwarded.one(&format!("x-auth-{name}")).to_owned());
    assert_eq!(identity, ["tpp-1", "customer-1", "accounts payments", "authorization_code", "token-1", ISSUER]);
    assert!(!world.log().contains("a+b/c") && !world.admin("/metrics").text().contains("a+b/c"));
}

/// INT-2: only the JSON boolean counts; whatever is no answer is the issuer's fault, never the token's.
#[test]
fn only_a_json_boolean_is_an_answer() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    let html = ok("text/html", &active().to_string());
    let rows = [
        ("a string", json_answer(&active_with("active", json!("true")))),
        ("a number", json_answer(&active_with("active", json!(1)))),
        ("null", json_answer(&active_with("active", json!(null)))),
        ("missing", json_answer(&json!({}))),
        ("an array", json_answer(&json!([true]))),
        ("no JSON", ok("application/json", "active")),
        ("cut", ok("application/json", "{\"active\":true")),
        ("twice", ok("application/json", "{\"active\":true,\"active\":true}")),
        ("another type", html),
        ("no type", "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"active\":true}".to_owned()),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ("201", json_answer(&active()).replace("200 OK", "201 Created")),
        ("400", "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("a redirect", "HTTP/1.1 307 Go\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("oversize", ok("application/json", &active_with("x", json!("x".repeat(70_000))).to_string())),
        ("a claim of the wrong type", json_answer(&active_with("exp", json!("soon")))),
    ];
    for (n, (name, answer)) in rows.iter().enumerate() {
        issuer.says(answer);
        assert_unavailable(&ask(&world, &format!("token-{n}")), name);
    }
    issuer.says(&json_answer(&json!({"active": false})));
    world.refuses(&[("inactive", "inactive".to_owned(), "token_inactive")]);
    issuer.says(&json_answer(&active()));
    assert_eq!(ask(&world, "token-0").status(), 200, "absurd answers are not remembered");
    assert_eq!(world.upstream.hits(), 1);
}

/// INT-3, INT-9: an active answer is checked like a JWT's claims.
#[test]
fn an_active_answer_must_be_about_a_token_for_us_that_is_valid_now() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    let rows = [
        ("expired", active_with("exp", json!(NOW - 60)), "token_expired"),
        ("early", active_with("nbf", json!(NOW + 60)), "token_early"),
        ("issued in the future", active_with("iat", json!(NOW + 60)), "token_early"),
        ("another audience", active_with("aud", json!("https://other.example")), "audience_wrong"),
        ("a prefix of the audience", active_with("aud", json!(format!("{AUDIENCE}/x"))), "audience_wrong"),
        ("no audience", active_with("aud", json!([])), "audience_wrong"),
        ("another issuer", active_with("iss", json!("https://auth.bank.example/")), "issuer_unknown"),
        ("a refresh token", active_with("token_type", json!("refresh_token")), "type_wrong"),
        ("a subject that is no field", active_with("sub", json!("a\r\nb")), "claim_invalid"),
    ];
    for (n, (name, answer, reason)) in rows.iter().enumerate() {
        issuer.says(&json_answer(answer));
        world.refuses(&[(name, format!("token-{n}"), reason)]);
    }
    issuer.says(&json_answer(&active_with("scope", json!("payments"))));
    assert_eq!(ask(&world, "another-scope").status(), 403);
    let mut bare = active();
    for name in ["iss", "token_type", "exp", "iat", "jti", "gty"] {
        bare.as_object_mut().unwrap().remove(name);
    }
    issuer.says(&json_answer(&bare));
    assert_eq!(ask(&world, "bare").status(), 200, "RFC 7662 §2.2: these are optional");
}

/// E25: our own credentials are refused: 503 with a reason of its own, and a metric that says so.
#[test]
fn refused_credentials_are_our_fault() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let refusing = format!("HTTP/1.1 {status}\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n");
        let issuer = Introspection::saying(&refusing);
        let world = issuer.gateway("");
        let answer = world.send(&Request::get("/accounts").token("t").numbered(1));
        assert_unavailable(&answer, status);
        assert_eq!(world.log_line(1)["reason"], "introspection_refused");
        let alarm = "scopegate_introspection_credentials_refused{issuer=\"bank\"}";
        assert!(world.metric(alarm) > 0.5 && calls(&world, "credentials_refused") > 0.5);
        issuer.says(&json_answer(&active()));
        assert_eq!(ask(&world, "t").status(), 200);
        assert!(world.metric(alarm) < 0.5);
    }
}

/// INT-8, RFC 9701 §5: every link of a signed answer, and no bare one instead.
#[test]
fn a_signed_answer_is_verified_whole() {
    let issuer = Introspection::active();
    let key = keys::ec();
    let world = issuer.gateway_with_keys(", signed: true", &keys::set(std::slice::from_ref(&key)));
    let claims = |name: &str, value: Value| {
        let mut claims = json!({"iss": ISSUER, "aud": "gate", "iat": NOW, "token_introspection": active()});
        claims[name] = value;
        signed_answer(&signed(&active(), &key).claims_text(claims.to_string()).mint())
    };
    let good = signed(&active(), &key);
    let rows = [
        ("bare JSON", json_answer(&active())),
        ("bare JSON under the JWT's type", signed_answer(&active().to_string())),
        ("a JWT under JSON's type", ok("application/json", &good.mint())),
        ("an access token's type", signed_answer(&good.clone().header("typ", "at+jwt").mint())),
        ("no type", signed_answer(&good.clone().without_header("typ").mint())),
        ("a stranger's key", signed_answer(&signed(&active(), &Key::new("ec")).mint())),
        ("an unknown key", signed_answer(&signed(&active(), &Key::new("unknown")).mint())),
        ("no algorithm", signed_answer(&good.clone().header("alg", "none").mint_with(|_| b"x".to_vec()))),
        ("another issuer", claims("iss", json!("https://other.example"))),
        ("another audience", claims("aud", json!("other"))),
        ("no date", claims("iat", json!(null))),
        ("an old date", claims("iat", json!(NOW - 600))),
        ("a date to come", claims("iat", json!(NOW + 600))),
        ("no answer in it", claims("token_introspection", json!(true))),
        ("a string in it", claims("token_introspection", active_with("active", json!("true")))),
    ];
    for (n, (name, answer)) in rows.iter().enumerate() {
        issuer.says(answer);
        assert_unavailable(&ask(&world, &format!("token-{n}")), name);
    }
    issuer.says(&signed_answer(&good.mint()));
    assert_eq!(ask(&world, "good").status(), 200);
    assert_eq!(issuer.0.last().one("accept"), "application/token-introspection+jwt");
    issuer.says(&signed_answer(&signed(&json!({"active": false}), &key).mint()));
    world.refuses(&[("inactive", "inactive".to_owned(), "token_inactive")]);
    let answer_as_token = good.claims_text(Token::good().claims_json()).mint();
    world.refuses(&[("the answer is no access token", answer_as_token, "type_wrong")]);
    assert_eq!(ask(&world, &Token::good().mint()).status(), 200, "a JWT of this issuer is verified here");
}

/// What names an issuer with keys is a JWT; the rest is opaque.
#[test]
fn jwts_of_known_issuers_are_verified_here_and_the_rest_is_asked_about() {
    let asked = Introspection::active();
    let issuers =
        [issuer("jwt", "https://jwt.example", "{ file: jwks.json }"), asked.issuer("bank", ISSUER, "")].concat();
    let setup = Setup { issuers, ..asked.setup("") };
    let [file] = secret();
    let world = setup.with_files(&[file, ("jwks.json", keys::set(&[keys::ec()]).to_string())]);
    let jwt = Token::good().claim("iss", "https://jwt.example");
    assert_eq!((ask(&world, &jwt.mint()).status(), asked.calls()), (200, 0));
    assert_eq!((ask(&world, &jwt.claim("exp", NOW - 60).mint()).status(), asked.calls()), (401, 0));
    assert_eq!(
        (pay(&world, &Token::good().claim("iss", "https://jwt.example").mint()).status(), asked.calls()),
        (200, 0)
    );
    for (n, opaque) in ["opaque", "a.b.c", "a.b", &Token::good().mint()].into_iter().enumerate() {
        assert_eq!((ask(&world, opaque).status(), asked.calls()), (200, n + 1), "{opaque}");
    }
    let nobody = World::start();
    nobody.refuses(&[("opaque, and nobody to ask", "opaque".to_owned(), "token_unreadable")]);
}

/// A route that always asks, asks about the issuer's JWTs too.
#[test]
fn a_route_that_always_asks_believes_no_signature_alone() {
    let asked = Introspection::active();
    let world = asked.gateway_with_keys("", &keys::set(&[keys::ec()]));
    let token = Token::good().mint();
    assert_eq!((ask(&world, &token).status(), asked.calls()), (200, 0));
    asked.says(&json_answer(&json!({"active": false})));
    assert_eq!((pay(&world, &token).status(), asked.calls()), (401, 1));
}

/// INT-1: `private_key_jwt`; the assertion is for the issuer, short-lived and never the same twice.
#[test]
fn a_private_key_authenticates_us() {
    let issuer = Introspection::active();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let setup = issuer.setup("");
    let with = ", private_key: gate.pem, algorithm: ES256, key_id: gate-1";
    let issuers = setup.issuers.replace(", client_secret: { file: secret }", with);
    let world = Setup { issuers, ..setup }.with_files(&[("gate.pem", pair.serialize_pem())]);
    let mut seen = Vec::new();
    for token in ["one", "two"] {
        assert_eq!(ask(&world, token).status(), 200);
        let question = issuer.0.last();
        assert!(question.all("authorization").is_empty());
        let form = question.text();
        let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        assert!(form.contains(kind), "{form}");
        let jwt = form.split("client_assertion=").nth(1).unwrap();
        let parts: Vec<Vec<u8>> =
            jwt.split('.').map(|part| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let header: Value = serde_json::from_slice(&parts[0]).unwrap();
        let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &json!("gate-1")));
        assert_eq!((&claims["iss"], &claims["sub"], &claims["aud"]), (&json!("gate"), &json!("gate"), &json!(ISSUER)));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 60)));
        assert_eq!(parts[2].len(), 64);
        seen.push(claims["jti"].clone());
    }
    assert_ne!(seen[0], seen[1]);
}

/// INT-1: mutual TLS (RFC 8705 §2). Our certificate is who we are, the form names us, and there is no other secret.
#[test]
fn a_certificate_authenticates_us() {
    let issuer = Introspection::active();
    let (theirs, ours, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let front = Front::before(issuer.0.address(), &theirs, &ours);
    let gate = ours.issue("gate");
    let start = |identity: &Identity, roots: &Authority| {
        let setup = issuer.setup("");
        let with = ", certificate: gate.pem, key: gate.key, ca_file: ca.pem";
        let there = format!("https://{}", front.address());
        let issuers = setup.issuers.replace(", client_secret: { file: secret }", with);
        let issuers = issuers.replace(&format!("http://{}", issuer.0.address()), &there);
        Setup { issuers, ..setup }.with_files(&[
            ("gate.pem", identity.certificate.pem()),
            ("gate.key", identity.key.serialize_pem()),
            ("ca.pem", roots.pem()),
        ])
    };
    let world = start(&gate, &theirs);
    for token in ["one", "two"] {
        assert_eq!(ask(&world, token).status(), 200);
        let question = issuer.0.last();
        assert!(question.all("authorization").is_empty());
        let form = format!("token={token}&token_type_hint=access_token&client_id=gate");
        assert_eq!(question.text(), form);
    }
    assert_eq!(*front.seen.lock().unwrap(), [gate.certificate.der().clone()], "one connection, and ours");
    // Neither a certificate that the issuer does not accept nor an issuer that nobody vouches for: 503, and not a byte
    // of a token.
    let before = issuer.calls();
    assert_unavailable(&ask(&start(&strangers.issue("gate"), &theirs), "three"), "another's certificate");
    assert_unavailable(&ask(&start(&gate, &strangers), "four"), "another's issuer");
    assert_eq!((issuer.calls(), front.seen.lock().unwrap().len()), (before, 1));
}

/// INT-9: what an answer says of authentication, details and consent counts like a token's own claims.
#[test]
fn an_answer_is_authorized_like_a_token() {
    for (name, terms, member, good, bad) in [
        ("acr", "scopes: [accounts]\nstep_up: { acr_values: gold }", "acr", json!("gold"), json!("silver")),
        ("auth_time", "scopes: [accounts]\nstep_up: { max_age: 5m }", "auth_time", json!(NOW), json!(NOW - 900)),
        (
            "details",
            "authorization_details: { type: payment_initiation }",
            "authorization_details",
            json!([{"type": "payment_initiation"}]),
            json!([{"type": "account_information"}]),
        ),
        ("consent", "scopes: [accounts]\nconsent: { parameter: id }", "consent_id", json!("7"), json!("8")),
    ] {
        for (value, expected) in [(good, 200), (bad, if name.starts_with('a') { 401 } else { 403 })] {
            let issuer = Introspection::saying(&json_answer(&active_with(member, value)));
            let setup = Setup { routes: route("/accounts/{id}", "GET", terms), ..issuer.setup("") };
            let world = setup.with_files(&secret());
            let answer = world.send(&Request::get("/accounts/7").token("opaque"));
            assert_eq!(answer.status(), expected, "{name}: {}", answer.text());
        }
    }
}
