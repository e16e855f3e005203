//! Roles of payment service providers by their certificates (PSD2, TS 119 495): QC-1 to QC-5, E19.

use crate::support::assertions;
use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, route};
use crate::support::reasons::description;
use crate::support::statements::{der, extension, kind, provider, seal, website};
use crate::support::tls::{Authority, Caller, Identity};
use crate::support::tokens::{NOW, Token};
use rcgen::{CertificateParams, CustomExtension, DnType, date_time_ymd};
use serde_json::json;
use std::time::Duration;

/// A certificate as an authority makes them for providers.
fn qualified(statements: CustomExtension) -> impl FnOnce(&mut CertificateParams) {
    |params| {
        params.distinguished_name.push(DnType::CommonName, "A provider");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), "PSDDE-BAFIN-123456");
        params.custom_extensions = vec![statements];
    }
}

fn setup() -> Setup {
    Setup::routes(&[
        route("/accounts", "GET", "scopes: [accounts]\npsd2_role: PSP_AI"),
        route("/payments", "POST", "scopes: [payments]\npsd2_role: PSP_PI"),
        route("/funds", "POST", "scopes: [accounts]\npsd2_role: [PSP_IC, PSP_PI]"),
        route("/plain", "GET", "scopes: [accounts]"),
        route("/open", "GET", "access: open"),
    ])
}

fn start(authority: &Authority) -> World {
    setup().with_tls(", client_certificate: optional, client_ca: ca.pem", &[("ca.pem", authority.pem())])
}

/// Sends each row's request and demands its refusal, by the exact answer and the exact reason.
fn refuses(world: &World, rows: &[(&str, Option<&Identity>, Request, u16, &str)]) {
    let before = world.upstream.hits();
    for (n, (name, shown, request, status, reason)) in rows.iter().enumerate() {
        let answer = Caller::new(*shown).send(world, &request.clone().numbered(n));
        // Every 401 has a challenge, which blames no token; a 403 for want of a role names no scope.
        let challenge = (*status == 401).then_some("Bearer realm=\"bank\"");
        assert_eq!((answer.status(), answer.get("www-authenticate")), (*status, challenge), "{name}");
        assert_eq!(answer.json()["detail"], description(reason), "{name}");
        assert_eq!(world.log_line(n)["reason"], *reason, "{name}");
    }
    assert_eq!(world.upstream.hits(), before);
}

fn with(method: &str, path: &str, token: &Token) -> Request {
    Request::new(method, path).token(&token.mint())
}

/// QC-1, QC-3, E19.
#[test]
fn each_route_asks_for_the_role_of_its_service() {
    let authority = Authority::new("ours");
    let world = start(&authority);
    let provider = |roles: &[&str]| authority.issue(qualified(website(roles)));
    let (information, initiation, issuing) = (provider(&["PSP_AI"]), provider(&["PSP_PI"]), provider(&["PSP_IC"]));
    let (servicing, all) = (provider(&["PSP_AS"]), provider(&["PSP_AS", "PSP_PI", "PSP_AI", "PSP_IC"]));
    let ordinary = authority.issue(|_| {});
    let none = provider(&[]);
    let (accounts, payments, funds) = (("GET", "/accounts"), ("POST", "/payments"), ("POST", "/funds"));
    let mut rows = Vec::new();
    for (name, shown, (method, path), is_good) in [
        ("AIS by AI", &information, accounts, true),
        ("AIS by PI", &initiation, accounts, false),
        ("AIS by IC", &issuing, accounts, false),
        ("AIS by AS", &servicing, accounts, false),
        ("AIS by all", &all, accounts, true),
        ("AIS by nobody", &none, accounts, false),
        ("AIS by a client that is no provider", &ordinary, accounts, false),
        ("PIS by PI", &initiation, payments, true),
        ("PIS by AI", &information, payments, false),
        ("PIS by all", &all, payments, true),
        ("CoF by IC", &issuing, funds, true),
        ("CoF by PI", &initiation, funds, true),
        ("CoF by AI", &information, funds, false),
    ] {
        let request = with(method, path, &shown.token());
        if is_good {
            assert_eq!(Caller::new(Some(shown)).send(&world, &request).status(), 200, "{name}");
        } else {
            rows.push((name, Some(shown), request, 403, "role_missing"));
        }
    }
    rows.push(("none", None, with("GET", "/accounts", &Token::good()), 401, "certificate_missing"));
    refuses(&world, &rows);
    // The role does not replace the scope, nor the certificate the token.
    let answer =
        Caller::new(Some(&information)).send(&world, &with("GET", "/accounts", &Token::good().scope("payments")));
    assert!(answer.status() == 403 && answer.one("www-authenticate").contains("insufficient_scope"));
    let answer = Caller::new(Some(&information)).send(&world, &Request::get("/accounts"));
    assert_eq!((answer.status(), answer.one("www-authenticate")), (401, "Bearer realm=\"bank\""));
}

/// E19, BG-7, TR-6: in the words of each regime.
#[test]
fn refusals_for_want_of_a_role_have_the_codes_of_their_regime() {
    let authority = Authority::new("ours");
    let terms = |form: &str| format!("scopes: [accounts]\npsd2_role: PSP_AI\nerrors: {form}");
    let routes = [route("/berlin", "GET", &terms("berlin")), route("/ohvps", "GET", &terms("ohvps"))];
    let tls = ", client_certificate: optional, client_ca: ca.pem";
    let world = Setup::routes(&routes).with_tls(tls, &[("ca.pem", authority.pem())]);
    let other = authority.issue(qualified(website(&["PSP_PI"])));
    let sealed = authority.issue(qualified(seal(&["PSP_AI"])));
    for (shown, path, status, code) in [
        (None, "/berlin", 401, "CERTIFICATE_MISSING"),
        (Some(&sealed), "/berlin", 401, "CERTIFICATE_INVALID"),
        (Some(&other), "/berlin", 401, "ROLE_INVALID"),
        (Some(&other), "/ohvps", 403, "TR.OHVPS.Connection.InvalidTPPRole"),
    ] {
        let answer = Caller::new(shown).send(&world, &with("GET", path, &Token::good()));
        assert_eq!((answer.status(), answer.get("www-authenticate").is_some()), (status, status == 401), "{code}");
        let body = answer.json();
        let said = body["tppMessages"][0]["code"].as_str().or(body["errorCode"].as_str());
        assert_eq!(said, Some(code), "{body}");
    }
}

/// QC-4, QC-5: one for seals, one that does not say for what it is, one that cannot be read.
#[test]
fn a_certificate_for_something_else_gives_no_role() {
    let authority = Authority::new("ours");
    let world = start(&authority);
    let issue = |statements| authority.issue(qualified(statements));
    let both = issue(extension(&[der(0x30, &[kind(3), provider(&["PSP_AI"])].concat())]));
    let certificates = [
        ("a seal", issue(seal(&["PSP_AI"]))),
        ("of no kind", issue(extension(&[provider(&["PSP_AI"])]))),
        ("twice", issue(extension(&[kind(3), provider(&["PSP_AI"]), provider(&["PSP_AI"])]))),
        ("nested", both),
        ("garbage", issue(extension(&[vec![0xFF; 40]]))),
        (
            "no list",
            issue(CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 5, 5, 7, 1, 3],
                vec![0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            )),
        ),
        ("empty", issue(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 3], Vec::new()))),
    ];
    let rows: Vec<_> = certificates
        .iter()
        .map(|(name, one)| (*name, Some(one), with("GET", "/accounts", &one.token()), 401, "certificate_invalid"))
        .collect();
    refuses(&world, &rows);
    // Where no role is asked for, it is a certificate like any other; nobody is told what stands in it.
    for (name, one) in &certificates {
        assert_eq!(Caller::new(Some(one)).send(&world, &with("GET", "/plain", &one.token())).status(), 200, "{name}");
        assert!(world.upstream.last().all("x-auth-organisation-id").is_empty(), "{name}");
    }
}

/// QC-4: the handshake looks at the dates once, and connections outlive them.
#[test]
fn dates_are_looked_at_on_every_request() {
    let authority = Authority::new("ours");
    let world = start(&authority);
    let mine = authority.issue(|params| {
        qualified(website(&["PSP_AI"]))(params);
        params.not_after = date_time_ymd(2096, 1, 1);
    });
    // 2096-01-01T00:00:00Z
    let end = 3_976_214_400;
    let mut connection = Caller::new(Some(&mine)).connect(&world);
    let at = |now: i64| {
        let token = mine.token().claim("iat", now).claim("exp", now + 300);
        with("GET", "/accounts", &token)
    };
    assert_eq!(connection.send(&at(NOW)).status(), 200);
    world.clock.advance(Duration::from_secs(u64::try_from(end - NOW).unwrap()));
    // The gateway's connection outlives every idle time, which a manual clock does not move.
    assert_eq!(connection.send(&at(end)).status(), 200);
    assert_eq!(world.upstream.last().one("x-auth-organisation-id"), "PSDDE-BAFIN-123456");
    world.clock.advance(Duration::from_secs(1));
    let answer = connection.send(&at(end + 1).numbered(7));
    assert_eq!((answer.status(), answer.one("www-authenticate")), (401, "Bearer realm=\"bank\""));
    assert_eq!(world.log_line(7)["reason"], "certificate_expired");
    let plain = with("GET", "/plain", &mine.token().claim("iat", end + 1).claim("exp", end + 300));
    assert_eq!(connection.send(&plain).status(), 200);
    assert!(world.upstream.last().all("x-auth-organisation-id").is_empty());
}

/// QC-2: the API learns the organisation from the certificate, and from nothing else.
#[test]
fn the_upstream_learns_the_organisation() {
    let authority = Authority::new("ours");
    let world = start(&authority);
    let mine = authority.issue(qualified(website(&["PSP_AI"])));
    let caller = Caller::new(Some(&mine));
    let request = with("GET", "/accounts", &mine.token()).field("x-auth-organisation-id: canary").numbered(1);
    assert_eq!(caller.send(&world, &request).status(), 200);
    assert_eq!(world.upstream.last().one("x-auth-organisation-id"), "PSDDE-BAFIN-123456");
    assert_eq!(world.log_line(1)["organisation"], "PSDDE-BAFIN-123456");
    caller.send(&world, &Request::get("/open"));
    assert_eq!(world.upstream.last().one("x-auth-organisation-id"), "PSDDE-BAFIN-123456");
    for spelling in
        ["x-auth-organisation-id", "X-AUTH-ORGANISATION-ID", "x_auth_organisation_id", "x.auth.organisation.id"]
    {
        let request = with("GET", "/plain", &Token::good()).field(&format!("{spelling}: canary")).numbered(2);
        Caller::new(None).send(&world, &request);
        assert!(!String::from_utf8_lossy(&world.upstream.last().raw).contains("canary"), "{spelling}");
    }
    assert_eq!(world.log_line(2).get("organisation"), None);
}

/// Where no authority is named, anybody can be any organisation by his own word.
#[test]
fn a_certificate_of_nobody_names_nobody() {
    let world = Setup::default().with_tls(", client_certificate: optional", &[]);
    let mine = Identity::self_signed(qualified(website(&["PSP_AI"])));
    let request = with("GET", "/accounts", &mine.token()).numbered(1);
    assert_eq!(Caller::new(Some(&mine)).send(&world, &request).status(), 200);
    let seen = world.upstream.last();
    assert!(seen.all("x-auth-organisation-id").is_empty() && seen.all("client-cert").is_empty());
    assert_eq!(world.log_line(1).get("organisation"), None);
}

/// QC-4: revoked, not known to be not revoked, or known too long ago.
#[test]
fn a_revoked_certificate_does_not_come_past_the_handshake() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let [good, bad] = [(), ()].map(|()| ours.issue(qualified(website(&["PSP_AI"]))));
    let unlisted = theirs.issue(qualified(website(&["PSP_AI"])));
    let terms = ", client_certificate: optional, client_ca: ca.pem, client_crl: crl.pem";
    let authorities = ours.pem() + &theirs.pem();
    let is_let_in = |world: &World, identity: &Identity| {
        let caller = Caller::new(Some(identity));
        let is_away = caller.is_turned_away(world);
        assert!(is_away || caller.send(world, &with("GET", "/accounts", &identity.token())).status() == 200);
        !is_away
    };
    let lists =
        |revoked: &[&Identity], year| [("ca.pem", authorities.clone()), ("crl.pem", ours.revocations(revoked, year))];
    let world = setup().with_tls(terms, &lists(&[&bad], 2095));
    assert_eq!([&good, &bad, &unlisted].map(|one| is_let_in(&world, one)), [true, false, false]);
    let stale = setup().with_tls(terms, &lists(&[], 2021));
    assert_eq!([&good, &bad].map(|one| is_let_in(&stale, one)), [false, false]);
}

/// QC-4: a new list is in force for every handshake after the reload, also for sessions that were begun before.
#[test]
fn a_reload_brings_a_new_list_of_what_was_revoked() {
    let ours = Authority::new("ours");
    let mine = ours.issue(qualified(website(&["PSP_AI"])));
    let terms = ", client_certificate: optional, client_ca: ca.pem, client_crl: crl.pem";
    let files = [("ca.pem", ours.pem()), ("crl.pem", ours.revocations(&[], 2095))];
    let world = setup().with_tls(terms, &files);
    let caller = Caller::new(Some(&mine));
    assert_eq!(caller.send(&world, &with("GET", "/accounts", &mine.token())).status(), 200);
    std::fs::write(world.path("crl.pem"), ours.revocations(&[&mine], 2095)).unwrap();
    world.reload(&setup().tls_terms(terms)).unwrap();
    eventually("the new list", || caller.is_turned_away(&world).then_some(()));
    let fault = world.reload(&Setup::default().tls_terms(", client_certificate: optional")).unwrap_err().to_string();
    assert!(fault.starts_with("what server.tls asks of clients changed"), "{fault}");
}

/// The organisation is the certificate's: the same token shown by another is another request.
#[test]
fn an_organisation_is_asserted_where_its_certificate_is_vouched_for() {
    let authority = Authority::new("ours");
    let organised = |name: &'static str| {
        authority.issue(|params| params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), name))
    };
    let tls = ", client_certificate: optional, client_ca: ca.pem";
    let world = assertions::setup("{}").with_tls(tls, &[("ca.pem", authority.pem())]);
    let (one, other, plain) = (organised("PSDDE-BAFIN-1"), organised("PSDDE-BAFIN-2"), authority.issue(|_| {}));
    let request = Request::get("/accounts").token(&Token::good().mint());
    for (shown, expected) in [
        (Some(&one), json!("PSDDE-BAFIN-1")),
        (Some(&other), json!("PSDDE-BAFIN-2")),
        (Some(&plain), json!(null)),
        (None, json!(null)),
        (Some(&one), json!("PSDDE-BAFIN-1")),
    ] {
        assert_eq!(Caller::new(shown).send(&world, &request).status(), 200);
        assert_eq!(assertions::last(&world).claims["organisation_id"], expected);
    }
    assert!((world.metric("scopegate_assertions_signed_total") - 3.0).abs() < 0.5, "one for each, and one for none");
}
