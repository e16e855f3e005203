//! Every kind of change, and what it does to who may pass.

use super::*;
use crate::gateway::route::Places;
use http::Method;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A configuration made of lines; the first column is the key by which a row replaces one.
const BASE: &[(&str, &str)] = &[
    ("server", "server: { listen: 127.0.0.1:0, public_origin: 'https://api.example' }"),
    ("dpop", "dpop: { algorithms: [ES256, PS256], max_age: 1m }"),
    ("limits", "limits: { connections: 1000 }"),
    ("revocations", "revocations: { keep: 24h }"),
    ("events", "events: { audience: e, issuers: [one] }"),
    ("issuers", "issuers:"),
    (
        "one",
        "  - { name: one, issuer: 'https://one', audiences: [x, y], algorithms: [ES256, PS256], jwks: { uri: 'https://one/jwks' } }",
    ),
    (
        "two",
        "  - { name: two, issuer: 'https://two', audiences: [x, z], algorithms: [ES256], jwks: { uri: 'https://two/jwks' } }",
    ),
    ("upstreams", "upstreams:"),
    ("u", "  - { name: u, servers: ['http://[::1]:1'] }"),
    ("v", "  - { name: v, servers: ['http://[::1]:2'] }"),
    ("routes", "routes:"),
    ("a", "  - { path: '/a/{id}', methods: [GET], upstream: u, scopes: [a, b] }"),
    ("o", "  - { path: /o, methods: [GET], upstream: u, access: open }"),
];

const ROUTE: &str = "  - { path: '/a/{id}', methods: [GET], upstream: u, ";
const ONE: &str = "  - { name: one, issuer: 'https://one', ";
const KEYS: &str = "jwks: { uri: 'https://one/jwks' }";

fn settings(key: &str, line: &str) -> Settings {
    let line_of = |(name, text): &(&str, &str)| if *name == key { line.to_owned() } else { (*text).to_owned() };
    let text = BASE.iter().map(line_of).collect::<Vec<_>>().join("\n");
    config::parse(&text, Path::new("x.yaml")).unwrap_or_else(|faults| panic!("{line}\n{faults}"))
}

/// `became: request: what old -> new`, one line for each change.
fn lines(old: &Settings, new: &Settings) -> Vec<String> {
    let line = |row: &Row| {
        let words = [&row.method, &row.path, &row.host].into_iter().flatten().map(String::as_str);
        let request = words.collect::<Vec<_>>().join(" ");
        let change = |change: &Change| format!("{}: {} -> {}", change.what, change.old, change.new);
        let changes = row.changes.iter().map(change).collect::<Vec<_>>().join("; ");
        format!("{} [{request}] {changes}", row.became.words())
    };
    compare(old, new).iter().map(line).collect()
}

/// Both ways: what opens in one direction closes in the other.
fn both_ways(key: &str, (old, new): (&str, &str), expected: &str, reversed: &str) {
    let (old, new) = (settings(key, old), settings(key, new));
    let (there, back) = (lines(&old, &new), lines(&new, &old));
    assert!(there.iter().any(|line| line.starts_with(expected)), "{expected} is not in\n{}", there.join("\n"));
    assert!(back.iter().any(|line| line.starts_with(reversed)), "{reversed} is not in\n{}", back.join("\n"));
    assert_eq!((lines(&old, &old), lines(&new, &new)), (Vec::new(), Vec::new()));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_term_of_a_route_is_compared() {
    let base = "scopes: [a, b]";
    for (old, new, expected, reversed) in [
        (base, "scopes: [a]", "more open [GET /a/{id}] scopes: a b -> a", "stricter [GET /a/{id}] scopes: a -> a b"),
        (base, "any_scope: [a, b]", "more open [GET /a/{id}] scopes: a b -> a|b", "stricter"),
        (base, "scopes: [a], any_scope: [b, c]", "more open [GET /a/{id}] scopes: a b -> a b|c", "stricter"),
        (base, "scopes: [c]", "different [GET /a/{id}] scopes: a b -> c", "different"),
        (
            base,
            "access: open",
            "more open [GET /a/{id}] access: token -> open",
            "stricter [GET /a/{id}] access: open -> token",
        ),
        ("any_scope: [a]", "any_scope: [a, b]", "more open [GET /a/{id}] scopes: a -> a|b", "stricter"),
        (
            base,
            "scopes: [a, b], grants: [client_credentials]",
            "stricter [GET /a/{id}] grants: - -> client_credentials",
            "more open",
        ),
        (
            "scopes: [a], grants: [client_credentials]",
            "scopes: [a], grants: [authorization_code]",
            "different [GET /a/{id}] grants:",
            "different",
        ),
        (
            "scopes: [a], grants: [client_credentials]",
            "scopes: [a], grants: [authorization_code, client_credentials]",
            "more open [GET /a/{id}] grants:",
            "stricter",
        ),
        (
            base,
            "scopes: [a, b], issuers: [one]",
            "stricter [GET /a/{id}] issuers: https://one https://two -> https://one",
            "more open",
        ),
        ("scopes: [a], issuers: [two]", "scopes: [a], issuers: [one]", "different [GET /a/{id}] issuers:", "different"),
        (base, "scopes: [a, b], audience: x", "stricter [GET /a/{id}] audience: - -> x", "more open"),
        (
            "scopes: [a], audience: [x, y]",
            "scopes: [a], audience: [x, z]",
            "different [GET /a/{id}] audience: x y -> x z",
            "different",
        ),
        (base, "scopes: [a, b], consent: { parameter: id }", "stricter [GET /a/{id}] consent: - -> set", "more open"),
        (
            "scopes: [a], consent: { parameter: id }",
            "scopes: [a], consent: { header: Consent-ID }",
            "different [GET /a/{id}] consent:",
            "different",
        ),
        (
            "scopes: [a], consent: { parameter: id }",
            "scopes: [a], consent: { parameter: id, scope: 'A:{id}' }",
            "different [GET /a/{id}] consent:",
            "different",
        ),
        (
            base,
            "scopes: [a, b], step_up: { max_age: 1m }",
            "stricter [GET /a/{id}] step_up.max_age: - -> set",
            "more open",
        ),
        (
            "scopes: [a], step_up: { max_age: 1m }",
            "scopes: [a], step_up: { max_age: 2m }",
            "more open [GET /a/{id}] step_up.max_age: 60s -> 120s",
            "stricter",
        ),
        (
            base,
            "scopes: [a, b], step_up: { acr_values: [p] }",
            "stricter [GET /a/{id}] step_up.acr_values: - -> p",
            "more open",
        ),
        (
            "scopes: [a], step_up: { acr_values: [p] }",
            "scopes: [a], step_up: { acr_values: [p, q] }",
            "more open",
            "stricter",
        ),
        (
            base,
            "scopes: [a, b], authorization_details: { type: t }",
            "stricter [GET /a/{id}] authorization_details: - -> set",
            "more open",
        ),
        (
            "authorization_details: { type: t }",
            "authorization_details: { type: s }",
            "different [GET /a/{id}] authorization_details.type: t -> s",
            "different",
        ),
        (
            "authorization_details: { type: t }",
            "authorization_details: { type: t, actions: [r] }",
            "stricter [GET /a/{id}] authorization_details.actions: - -> r",
            "more open",
        ),
        (
            "authorization_details: { type: t }",
            "authorization_details: { type: t, locations: [l] }",
            "stricter [GET /a/{id}] authorization_details.locations: - -> l",
            "more open",
        ),
        (
            base,
            "scopes: [a, b], customer_token: { header: X-Token }",
            "different [GET /a/{id}] customer_token: - -> set",
            "different",
        ),
        (
            "scopes: [a], customer_token: { header: X-Token }",
            "scopes: [a], customer_token: { header: X-Other }",
            "different [GET /a/{id}] customer_token.header: x-token -> x-other",
            "different",
        ),
        (
            "scopes: [a], customer_token: { header: X-Token }",
            "scopes: [a], customer_token: { header: X-Token, client_scopes: [g] }",
            "stricter [GET /a/{id}] customer_token.client_scopes: - -> g",
            "more open",
        ),
        (
            base,
            "scopes: [a, b], required_headers: [{ name: X-Id, form: text }]",
            "stricter [GET /a/{id}] required_headers: - -> x-id",
            "more open",
        ),
        (
            "scopes: [a], required_headers: [{ name: X-Id, form: text }]",
            "scopes: [a], required_headers: [{ name: X-Id, form: uuid }]",
            "stricter [GET /a/{id}] required_headers: x-id -> x-id x-id:uuid",
            "more open",
        ),
        (base, "scopes: [a, b], body: 2MiB", "more open [GET /a/{id}] body: 1048576 -> 2097152", "stricter"),
        (base, "scopes: [a, b], upgrade: [websocket]", "more open [GET /a/{id}] upgrade: - -> websocket", "stricter"),
        (
            base,
            "scopes: [a, b], cors: { origins: ['https://app.example'] }",
            "more open [GET /a/{id}] cors.origins: - -> https://app.example",
            "stricter",
        ),
        (
            base,
            "scopes: [a, b], errors: obie",
            "changed, not about access [GET /a/{id}] errors: Problem -> Obie",
            "changed",
        ),
        (
            base,
            "scopes: [a, b], total_timeout: 1m",
            "changed, not about access [GET /a/{id}] total_timeout:",
            "changed",
        ),
        (
            base,
            "scopes: [a, b], rewrite: { from: /a, to: /b }",
            "changed, not about access [GET /a/{id}] rewrite:",
            "changed",
        ),
        // What opens and what closes, together.
        (
            base,
            "scopes: [a], grants: [client_credentials]",
            "different [GET /a/{id}] scopes: a b -> a; grants: - -> client_credentials",
            "different",
        ),
        // What is not about access does not hide what is.
        (
            base,
            "scopes: [a], errors: obie",
            "more open [GET /a/{id}] scopes: a b -> a; errors: Problem -> Obie",
            "stricter",
        ),
    ] {
        both_ways("a", (&format!("{ROUTE}{old} }}"), &format!("{ROUTE}{new} }}")), expected, reversed);
    }
    let moved = BASE[12].1.replace("upstream: u", "upstream: v");
    both_ways("a", (BASE[12].1, &moved), "changed, not about access [GET /a/{id}] upstream: u -> v", "changed");
}

#[test]
fn a_role_and_the_question_for_opaque_tokens_are_compared() {
    let hops = "server: { listen: 127.0.0.1:0, public_origin: 'https://api.example', trusted_hops: [10.0.0.0/8] }";
    let with = |terms: &str| {
        let text: Vec<String> = BASE
            .iter()
            .map(|(key, text)| match *key {
                "server" => hops.to_owned(),
                "a" => format!("{ROUTE}{terms} }}"),
                "two" => "  - { name: two, issuer: 'https://two', introspection: { endpoint: 'https://two/i', client_id: g, client_secret: { file: tests/fixtures/config/keys.json } } }".to_owned(),
                _ => (*text).to_owned(),
            })
            .collect();
        config::parse(&text.join("\n"), Path::new("x.yaml")).unwrap_or_else(|faults| panic!("{faults}"))
    };
    let (old, new) = (with("scopes: [a]"), with("scopes: [a], psd2_role: PSP_AI"));
    assert_eq!(lines(&old, &new), ["stricter [GET /a/{id}] psd2_role: - -> PSP_AI"]);
    assert_eq!(lines(&new, &old), ["more open [GET /a/{id}] psd2_role: PSP_AI -> -"]);
    let wider = with("scopes: [a], psd2_role: [PSP_AI, PSP_PI]");
    assert_eq!(lines(&new, &wider), ["more open [GET /a/{id}] psd2_role: PSP_AI -> PSP_AI PSP_PI"]);
    let always = with("scopes: [a], introspect: always");
    assert_eq!(lines(&old, &always), ["stricter [GET /a/{id}] introspect: false -> true"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_setting_of_an_issuer_is_compared_where_its_tokens_pass() {
    let issuer = |rest: &str| format!("{ONE}{rest} }}");
    let base = format!("audiences: [x, y], algorithms: [ES256, PS256], {KEYS}");
    for (old, new, expected, reversed) in [
        (
            base.clone(),
            format!("audiences: [x], algorithms: [ES256, PS256], {KEYS}"),
            "stricter [GET /a/{id}] issuer one: audiences: x y -> x",
            "more open",
        ),
        (
            base.clone(),
            format!("audiences: [x, y], algorithms: [ES256], {KEYS}"),
            "stricter [GET /a/{id}] issuer one: algorithms: ES256 PS256 -> ES256",
            "more open",
        ),
        (base.clone(), base.replace("one/jwks", "one/keys"), "different [GET /a/{id}] issuer one: jwks:", "different"),
        (
            base.clone(),
            base.replace("jwks' }", "jwks', refresh: 10m }"),
            "more open [GET /a/{id}] issuer one: jwks.refresh: 300s -> 600s",
            "stricter",
        ),
        (
            base.clone(),
            base.replace("jwks' }", "jwks', stale_max: 2h }"),
            "more open [GET /a/{id}] issuer one: jwks.stale_max",
            "stricter",
        ),
        (
            base.clone(),
            base.replace("jwks' }", "jwks', refetch: 40s }"),
            "changed, not about access [GET /a/{id}] issuer one: jwks.refetch",
            "changed",
        ),
        (
            base.clone(),
            format!("{base}, typ: legacy"),
            "more open [GET /a/{id}] issuer one: typ: true -> false",
            "stricter",
        ),
        (
            base.clone(),
            format!("{base}, required_claims: [sub, client_id, iat]"),
            "more open [GET /a/{id}] issuer one: required_claims",
            "stricter",
        ),
        (
            base.clone(),
            format!("{base}, claims: {{ grant: gty }}"),
            "different [GET /a/{id}] issuer one: claims.grant: - -> gty",
            "different",
        ),
        (
            base.clone(),
            format!("{base}, claims: {{ consent: c }}"),
            "different [GET /a/{id}] issuer one: claims.consent: - -> c",
            "different",
        ),
        (
            base.clone(),
            format!("{base}, claims: {{ scopes: scp }}"),
            "different [GET /a/{id}] issuer one: claims.scopes: - -> scp",
            "different",
        ),
        (
            base.clone(),
            format!("{base}, leeway: 6s"),
            "more open [GET /a/{id}] issuer one: leeway: 5s -> 6s",
            "stricter",
        ),
        (
            base.clone(),
            format!("{base}, status_list: off"),
            "more open [GET /a/{id}] issuer one: status_list: set -> -",
            "stricter",
        ),
        (
            base.clone(),
            format!("{base}, status_list: {{ required: true }}"),
            "stricter [GET /a/{id}] issuer one: status_list.required",
            "more open",
        ),
        (
            base.clone(),
            format!("{base}, status_list: {{ refresh: 6m }}"),
            "more open [GET /a/{id}] issuer one: status_list.refresh",
            "stricter",
        ),
        (
            base.clone(),
            format!("{base}, status_list: {{ uris: ['https://l'] }}"),
            "different [GET /a/{id}] issuer one: status_list.uris",
            "different",
        ),
        (
            format!("{base}, status_list: {{ required: true }}"),
            format!("{base}, status_list: {{ required: true }}, profile: fapi2"),
            "stricter [GET /a/{id}] issuer one: profile fapi2",
            "more open",
        ),
    ] {
        both_ways("one", (&issuer(&old), &issuer(&new)), expected, reversed);
    }
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["s", "t"].map(|secret| {
        let path = folder.path().join(secret);
        std::fs::write(&path, secret).unwrap();
        path.display().to_string()
    });
    let asked = |rest: &str| {
        format!(
            "{base}, introspection: {{ endpoint: 'https://one/i', client_id: g, client_secret: {{ file: {one} }}{rest} }}"
        )
    };
    // What an issuer that is asked need not prove by claims is another change; here it is kept alike.
    let claims = ", required_claims: [sub]";
    let plain = format!("{base}{claims}");
    for (old, new, expected, reversed) in [
        (
            plain,
            format!("{}{claims}", asked("")),
            "more open [GET /a/{id}] issuer one: introspection: - -> set",
            "stricter",
        ),
        (
            asked(""),
            asked(", cache: 31s"),
            "more open [GET /a/{id}] issuer one: introspection.cache: 30s -> 31s",
            "stricter",
        ),
        (asked(""), asked(", signed: true"), "stricter [GET /a/{id}] issuer one: introspection.signed", "more open"),
        (
            asked(""),
            asked(", timeout: 4s"),
            "changed, not about access [GET /a/{id}] issuer one: introspection.timeout",
            "changed",
        ),
        (
            asked(""),
            asked("").replace(&one, &two),
            "changed, not about access [GET /a/{id}] issuer one: introspection: proof of who we are: one -> another",
            "changed",
        ),
        (
            asked(""),
            asked("").replace("one/i", "one/j"),
            "different [GET /a/{id}] issuer one: introspection.endpoint",
            "different",
        ),
    ] {
        both_ways("one", (&issuer(&old), &issuer(&new)), expected, reversed);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_holds_for_all_requests_is_compared() {
    let server = |rest: &str| format!("server: {{ listen: 127.0.0.1:0, public_origin: 'https://api.example'{rest} }}");
    for (key, old, new, expected, reversed) in [
        ("server", server(""), server(", trusted_hops: [10.0.0.0/8]"), "more open [] server.trusted_hops", "stricter"),
        (
            "server",
            server(""),
            server(", trusted_hops: [10.0.0.0/8], proxy_protocol: true"),
            "different [] server.proxy_protocol",
            "different",
        ),
        (
            "server",
            server(""),
            server(", on_query_token: reject_and_revoke"),
            "stricter [] server.on_query_token",
            "more open",
        ),
        ("server", server(""), server("").replace("api.", "apj."), "different [] server.public_origin", "different"),
        (
            "server",
            server(""),
            server(", realm: other"),
            "changed, not about access [] server.realm: scopegate -> other",
            "changed",
        ),
        ("server", server(""), server(", errors: obie"), "changed, not about access [GET /a/{id}] errors", "changed"),
        ("dpop", BASE[1].1.to_owned(), String::new(), "stricter [] dpop: set -> -", "more open"),
        (
            "dpop",
            BASE[1].1.to_owned(),
            BASE[1].1.replace("1m", "2m"),
            "more open [] dpop.max_age: 60s -> 120s",
            "stricter",
        ),
        ("dpop", BASE[1].1.to_owned(), BASE[1].1.replace(", PS256", ""), "stricter [] dpop.algorithms", "more open"),
        (
            "dpop",
            BASE[1].1.to_owned(),
            BASE[1].1.replace("1m", "1m, nonce: required"),
            "stricter [] dpop.nonce required",
            "more open",
        ),
        (
            "limits",
            BASE[2].1.to_owned(),
            "limits: { connections: 2000 }".to_owned(),
            "more open [] limits.connections: 1000 -> 2000",
            "stricter",
        ),
        (
            "limits",
            BASE[2].1.to_owned(),
            "limits: { connections: 1000, min_rate: 1KiB }".to_owned(),
            "stricter [] limits.min_rate",
            "more open",
        ),
        (
            "limits",
            BASE[2].1.to_owned(),
            "limits: { connections: 1000, body: 2MiB }".to_owned(),
            "more open [GET /a/{id}] body",
            "stricter",
        ),
        (
            "revocations",
            BASE[3].1.to_owned(),
            "revocations: { keep: 25h }".to_owned(),
            "stricter [] revocations.keep",
            "more open",
        ),
        (
            "revocations",
            BASE[3].1.to_owned(),
            "revocations: { keep: 24h, file: r }".to_owned(),
            "stricter [] revocations.file: - -> set",
            "more open",
        ),
        (
            "revocations",
            "revocations: { keep: 24h, file: r }".to_owned(),
            "revocations: { keep: 24h, file: s }".to_owned(),
            "changed, not about access [] revocations.file: r -> s",
            "changed",
        ),
        ("events", BASE[4].1.to_owned(), String::new(), "more open [] events: set -> -", "stricter"),
        (
            "events",
            BASE[4].1.to_owned(),
            "events: { audience: e, issuers: [one, two] }".to_owned(),
            "stricter [] events.issuers",
            "more open",
        ),
        (
            "u",
            BASE[9].1.to_owned(),
            BASE[9].1.replace("]:1", "]:3"),
            "changed, not about access [] upstream u: one -> another",
            "changed",
        ),
    ] {
        both_ways(key, (&old, &new), expected, reversed);
    }
}

#[test]
fn what_clients_must_show_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        let made = rcgen::generate_simple_self_signed(vec![format!("{name}.example")]).unwrap();
        std::fs::write(path(&format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    let file = |name: &str| path(name).display().to_string();
    let tls = |name: &str, rest: &str| {
        let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        format!(
            "server: {{ listen: 127.0.0.1:0, public_origin: 'https://api.example', tls: {{ certificate: {certificate}, key: {key}{rest} }} }}"
        )
    };
    let ca = |name: &str| format!(", client_certificate: optional, client_ca: {}", file(&format!("{name}.pem")));
    let optional = ", client_certificate: optional";
    let required = ", client_certificate: required";
    for (old, new, expected, reversed) in [
        (BASE[0].1.to_owned(), tls("a", ""), "stricter [] server.tls: - -> set", "more open"),
        (tls("a", ""), tls("b", ""), "changed, not about access [] server.tls.certificates", "changed"),
        (tls("a", ""), tls("a", ", min_version: 1.3"), "stricter [] server.tls.min_version", "more open"),
        (
            tls("a", ""),
            tls("a", ", resumption: false"),
            "changed, not about access [] server.tls.resumption",
            "changed",
        ),
        (
            tls("a", optional),
            tls("a", required),
            "stricter [] server.tls.client_certificate: optional -> required",
            "more open",
        ),
        (tls("a", ""), tls("a", optional), "more open [] server.tls.client_certificate: none -> optional", "stricter"),
        (tls("a", ""), tls("a", required), "different [] server.tls.client_certificate: none -> required", "different"),
        (tls("a", optional), tls("a", &ca("a")), "stricter [] server.tls.client_ca", "more open"),
        (tls("a", &ca("a")), tls("a", &ca("b")), "different [] server.tls.client_ca", "different"),
    ] {
        both_ways("server", (&old, &new), expected, reversed);
    }
}

#[test]
fn every_term_of_a_quota_is_compared_where_it_bounds() {
    let with = |quota: &str, named: &str| {
        let route = format!("{ROUTE}scopes: [a]{named} }}");
        let section = format!("\nquotas: [{{ name: q, per: [client], {quota} }}]");
        let text: Vec<String> = BASE
            .iter()
            .map(|(key, text)| match *key {
                "a" => route.clone(),
                "limits" => format!("{text}{section}"),
                _ => (*text).to_owned(),
            })
            .collect();
        config::parse(&text.join("\n"), Path::new("x.yaml")).unwrap_or_else(|faults| panic!("{faults}"))
    };
    let named = ", quotas: [q]";
    let rate = "rate: 10/s";
    for (old, new, expected, reversed) in [
        ("rate: 10/s", "rate: 20/s", "more open [GET /a/{id}] quota q: rate: 10/1s -> 20/1s", "stricter"),
        (
            "rate: 10/s, burst: 10",
            "rate: 10/s, burst: 20",
            "more open [GET /a/{id}] quota q: burst: 10 -> 20",
            "stricter",
        ),
        ("rate: 60/m, burst: 10", "rate: 1/s, burst: 20", "more open [GET /a/{id}] quota q: burst", "stricter"),
        (
            "calls: 4, within: 24h",
            "calls: 5, within: 24h",
            "more open [GET /a/{id}] quota q: calls: 4 -> 5",
            "stricter",
        ),
        ("calls: 4, within: 24h", "calls: 4, within: 12h", "more open [GET /a/{id}] quota q: within", "stricter"),
        ("at_once: 4", "at_once: 5", "more open [GET /a/{id}] quota q: at_once: 4 -> 5", "stricter"),
        ("at_once: 4", "rate: 4/s", "different [GET /a/{id}] quota q: number", "different"),
    ] {
        let (old, new) = (with(old, named), with(new, named));
        let (there, back) = (lines(&old, &new), lines(&new, &old));
        assert!(there.len() == 1 && there[0].starts_with(expected), "{there:?}");
        assert!(back.len() == 1 && back[0].starts_with(reversed), "{back:?}");
    }
    let (none, some) = (settings("a", &format!("{ROUTE}scopes: [a] }}")), with(rate, named));
    assert_eq!(lines(&none, &some), ["stricter [GET /a/{id}] quotas: - -> q"]);
    assert_eq!(lines(&some, &none), ["more open [GET /a/{id}] quotas: q -> -"]);
}

/// Requests, not routes: what one route loses another may take.
#[test]
fn what_is_new_or_gone_is_judged_by_who_takes_it() {
    let route = |path: &str, terms: &str| format!("  - {{ path: '{path}', upstream: u, {terms} }}\n");
    let base = route("/a/{id}", "methods: [GET], scopes: [a]");
    let with = |routes: &str| settings("a", routes.trim_end());
    for (more, expected, reversed) in [
        (
            route("/b", "methods: [GET], scopes: [b]"),
            &["new [GET /b] route: - -> b"][..],
            &["gone [GET /b] route: b -> -"][..],
        ),
        (
            route("/a/{id}", "methods: [PUT], access: open"),
            &["new [PUT /a/{id}] route: - -> open"],
            &["gone [PUT /a/{id}] route: open -> -"],
        ),
        // Before, `/a/{id}` took it.
        (
            route("/a/live", "methods: [GET], scopes: [a, b]"),
            &["stricter [GET /a/live] scopes: a -> a b"],
            &["more open [GET /a/live] scopes: a b -> a"],
        ),
        (route("/a/live", "methods: [GET], scopes: [a]"), &[], &[]),
        (
            route("/a/{*rest}", "methods: [GET], access: open"),
            &["new [GET /a/{*rest}] route: - -> open"],
            &["gone [GET /a/{*rest}] route: open -> -"],
        ),
        (
            route("/{*rest}", "methods: [GET, POST], scopes: [z]"),
            &["new [GET /{*rest}] route: - -> z", "new [POST /{*rest}] route: - -> z"],
            &["gone [GET /{*rest}] route: z -> -", "gone [POST /{*rest}] route: z -> -"],
        ),
    ] {
        let (old, new) = (with(&base), with(&format!("{base}{more}")));
        assert_eq!(
            (lines(&old, &new), lines(&new, &old)),
            (expected.iter().map(ToString::to_string).collect(), reversed.iter().map(ToString::to_string).collect()),
            "{more}"
        );
    }
    // The names of parameters decide nothing, nor does the order of routes.
    let (b, renamed) = (route("/b", "methods: [GET, PUT], scopes: [b]"), base.replace("{id}", "{account_id}"));
    assert_eq!(
        lines(&with(&format!("{base}{b}")), &with(&format!("{}{renamed}", b.replace("GET, PUT", "PUT, GET")))),
        [""; 0]
    );
    let hosts =
        |hosts: &str, scope: &str| route("/a/{id}", &format!("methods: [GET], hosts: [{hosts}], scopes: [{scope}]"));
    let (every, one, two) = (
        with(&base),
        with(&hosts("h.example", "a")),
        with(&format!("{}{}", hosts("h.example", "a"), hosts("i.example", "b"))),
    );
    assert_eq!(lines(&every, &one), ["gone [GET /a/{id}] route: a -> -"], "of every host but that one");
    assert_eq!(lines(&one, &two), ["new [GET /a/{id} i.example] route: - -> b"]);
    let found = lines(&every, &two);
    assert_eq!(found, ["different [GET /a/{id} i.example] scopes: a -> b", "gone [GET /a/{id}] route: a -> -"]);
}

#[test]
fn what_another_route_takes_over_is_compared_where_both_cross() {
    let route = |path: &str, terms: &str| format!("  - {{ path: '{path}', methods: [GET], upstream: u, {terms} }}\n");
    let with = |routes: &[String]| settings("a", routes.concat().trim_end());
    for (gone, left, expected, reversed) in [
        (
            ("/a/b/{y}", "scopes: [payments]"),
            ("/a/{x}/c", "access: open"),
            ["more open [GET /a/b/c] access: token -> open", "gone [GET /a/b/{y}] route: payments -> -"],
            ["new [GET /a/b/{y}] route: - -> payments", "stricter [GET /a/b/c] access: open -> token"],
        ),
        (
            ("/a/{*rest}", "scopes: [payments]"),
            ("/{x}/pub", "access: open"),
            ["more open [GET /a/pub] access: token -> open", "gone [GET /a/{*rest}] route: payments -> -"],
            ["new [GET /a/{*rest}] route: - -> payments", "stricter [GET /a/pub] access: open -> token"],
        ),
    ] {
        let (gone, left) = (route(gone.0, gone.1), route(left.0, left.1));
        let (old, new) = (with(&[gone, left.clone()]), with(&[left]));
        assert_eq!(lines(&old, &new), expected);
        assert_eq!(lines(&new, &old), reversed);
    }
    // What is more exact in the new one takes from what is less in the old one.
    let parameter = route("/a/{id}/{*rest}", "scopes: [payments]");
    let (old, new) =
        (with(std::slice::from_ref(&parameter)), with(&[parameter.clone(), route("/a/{id}/live", "access: open")]));
    assert_eq!(lines(&old, &new), ["more open [GET /a/{id}/live] access: token -> open"]);
    // The one takes all that is deeper: the other has paths of one length left.
    let shallow = |terms| with(&[parameter.clone(), route("/a/{*rest}", terms)]);
    assert_eq!(
        lines(&shallow("scopes: [payments]"), &shallow("access: open")),
        ["more open [GET /a/{*rest}] access: token -> open"]
    );
}

/// How open a route is, by the terms of the tables below.
const TERMS: [&str; 3] = ["scopes: [p, q]", "scopes: [p]", "access: open"];

/// By path, host or none, method: a place in [`TERMS`].
type Table = BTreeMap<(String, bool, bool), usize>;

fn table() -> impl Strategy<Value = Table> {
    let segment = prop_oneof![Just("a"), Just("b"), Just("{}")];
    let last = prop_oneof![3 => Just(None), 2 => Just(Some("{*rest}")), 1 => Just(Some(""))];
    let path = (proptest::collection::vec(segment, 1..4), last).prop_map(|(segments, last)| {
        let name = |(place, segment): (usize, &str)| segment.replace("{}", &format!("{{p{place}}}"));
        let segments = segments.into_iter().chain(last).enumerate().map(name).collect::<Vec<_>>();
        format!("/{}", segments.join("/"))
    });
    proptest::collection::btree_map((path, any::<bool>(), any::<bool>()), 0..TERMS.len(), 0..6)
}

fn tabled(table: &Table) -> Settings {
    let line = |((path, has_host, reads), terms): (&(String, bool, bool), &usize)| {
        let hosts = if *has_host { ", hosts: [h.example]" } else { "" };
        let method = if *reads { "GET" } else { "PUT" };
        format!("\n  - {{ path: '{path}', methods: [{method}]{hosts}, upstream: u, {} }}", TERMS[*terms])
    };
    // A named host beside every host is refused for one path and method.
    let is_alone = |(path, has_host, reads): &(String, bool, bool)| {
        !*has_host || !table.contains_key(&(path.clone(), false, *reads))
    };
    let lines: String = table.iter().filter(|(key, _)| is_alone(key)).map(line).collect();
    settings("a", lines.trim_start_matches('\n'))
}

/// Whether a row with this template is about the path.
fn is_about(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let alike = |(one, segment): (&&str, &&str)| (one.starts_with('{') && !segment.is_empty()) || one == segment;
    match template.split_last() {
        Some((last, before)) if last.starts_with("{*") => {
            path.len() > before.len() && path[before.len()..] != [""] && before.iter().zip(&path).all(alike)
        }
        _ => template.len() == path.len() && template.iter().zip(&path).all(alike),
    }
}

/// Every path of few segments of few letters, of which one is no route's.
fn all_paths() -> Vec<String> {
    let longer = |paths: &[String]| -> Vec<String> {
        paths.iter().flat_map(|path| ["a", "b", "c"].map(|segment| format!("{path}/{segment}"))).collect()
    };
    let mut paths = vec![vec![String::new()]];
    for _ in 0..5 {
        paths.push(longer(paths.last().unwrap()));
    }
    paths.concat().into_iter().filter(|path| !path.is_empty()).flat_map(|path| [format!("{path}/"), path]).collect()
}

proptest! {
    #[test]
    fn no_request_that_opens_is_missed((old, new) in (table(), table()), kept in any::<bool>()) {
        // Half of them have most routes in common, as configurations have that follow each other.
        let new = if kept { old.iter().skip(1).map(|(key, terms)| (key.clone(), *terms)).chain(new.into_iter().take(1)).collect() } else { new };
        let (old, new) = (tabled(&old), tabled(&new));
        let (places, new_places) = (Places::new(&old.routes), Places::new(&new.routes));
        let openness = |settings: &Settings, place: Option<usize>| place.map(|place| {
            let shown = routes::summary(settings, &settings.routes[place]);
            ["p q", "p", "open"].iter().position(|terms| *terms == shown).expect("one of them")
        });
        let rows = compare(&old, &new);
        for (path, method, host) in all_paths().iter().flat_map(|path| {
            [Method::GET, Method::PUT].into_iter().flat_map(move |method| {
                ["h.example", "i.example"].map(|host| (path, method.clone(), host))
            })
        }) {
            let before = openness(&old, places.at(host, path, &method));
            let after = openness(&new, new_places.at(host, path, &method));
            let is_told = || rows.iter().any(|row| {
                row.became.opens()
                    && row.method.as_deref() == Some(method.as_str())
                    && row.host.as_deref().is_none_or(|named| named == host)
                    && row.path.as_deref().is_some_and(|template| is_about(template, path))
            });
            prop_assert!(after <= before || is_told(), "{method} {host} {path}: {before:?} {after:?}\n{:?}", lines(&old, &new));
        }
    }
}

fn files(old: &str, new: &str) -> (tempfile::TempDir, [PathBuf; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let paths = [("old.yaml", old), ("new.yaml", new)].map(|(name, line)| {
        let path = folder.path().join(name);
        let text: Vec<&str> = BASE.iter().map(|(key, text)| if *key == "a" { line } else { text }).collect();
        std::fs::write(&path, text.join("\n")).unwrap();
        path
    });
    (folder, paths)
}

#[test]
fn the_exit_code_says_what_counts() {
    let scopes = |scopes: &str| format!("{ROUTE}scopes: [{scopes}] }}");
    let beside = format!("{ROUTE}scopes: [a, b], errors: obie }}");
    for (new, changed, opened) in
        [(scopes("a, b"), 0, 0), (scopes("a"), 1, 1), (scopes("c"), 1, 1), (scopes("a, b, c"), 1, 0), (beside, 1, 0)]
    {
        let (_folder, [old, new]) = files(BASE[12].1, &new);
        for (fail_on, code) in [(FailOn::Change, changed), (FailOn::Open, opened)] {
            let found = run([&old, &new], fail_on, Form::Table, &mut Vec::new()).unwrap();
            assert_eq!(found, ExitCode::from(code), "{fail_on:?}");
        }
    }
    let (_folder, [old, _]) = files(BASE[12].1, BASE[12].1);
    assert!(run([&old, Path::new("no/such/file")], FailOn::Open, Form::Table, &mut Vec::new()).is_err());
}

#[test]
fn people_and_programs_are_told_the_same() {
    let (_folder, [old, new]) = files(BASE[12].1, &format!("{ROUTE}scopes: [a], audience: x, errors: obie }}"));
    let said = |form| {
        let mut output = Vec::new();
        run([&old, &new], FailOn::Change, form, &mut output).unwrap();
        String::from_utf8(output).unwrap()
    };
    let expected = "\
different: GET /a/{id}
    scopes: a b -> a  (more open)
    audience: - -> x  (stricter)
    errors: Problem -> Obie  (changed, not about access)

1 difference, of which 1 may let somebody pass who may not now
";
    assert_eq!(said(Form::Table), expected);
    let rows: serde_json::Value = serde_json::from_str(&said(Form::Json)).unwrap();
    let expected = serde_json::json!([{
        "method": "GET", "path": "/a/{id}", "host": null, "became": "different",
        "changes": [
            { "what": "scopes", "old": "a b", "new": "a", "turn": "more_open" },
            { "what": "audience", "old": "-", "new": "x", "turn": "stricter" },
            { "what": "errors", "old": "Problem", "new": "Obie", "turn": "changed" },
        ],
    }]);
    assert_eq!(rows, expected);
}

/// Two checkouts of one configuration: whatever files it names beside itself are at other places.
#[test]
fn files_are_compared_by_where_the_configuration_has_them_and_keys_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, file: &str, keys: &str| {
        let beside = folder.path().join(name);
        std::fs::create_dir_all(&beside).unwrap();
        std::fs::write(beside.join(file), keys).unwrap();
        let line = |(key, text): &(&str, &str)| match *key {
            "one" => format!("{ONE}audiences: [x], algorithms: [ES256], jwks: {{ file: {file} }} }}"),
            "revocations" => {
                let absolute = folder.path().join("a/access.log");
                format!(
                    "revocations: {{ file: state/r }}\naudit_log: {{ path: audit.log }}\naccess_log: {{ path: {} }}",
                    absolute.display()
                )
            }
            _ => (*text).to_owned(),
        };
        let path = beside.join("gate.yaml");
        std::fs::write(&path, BASE.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
        path
    };
    let said = |old: &Path, new: &Path| {
        let mut output = Vec::new();
        let code = run([old, new], FailOn::Change, Form::Table, &mut output).unwrap();
        (code, String::from_utf8(output).unwrap())
    };
    let one = written("a", "keys.json", r#"{"keys":[]}"#);
    let same = (ExitCode::SUCCESS, "no difference\n".to_owned());
    assert_eq!(said(&one, &written("b", "keys.json", r#"{"keys":[]}"#)), same);
    assert_eq!(said(&one, &written("c", "moved.json", r#"{"keys":[]}"#)), same, "the same keys");
    let (code, text) = said(&one, &written("d", "keys.json", r#"{"keys":[{}]}"#));
    assert_eq!(code, ExitCode::from(DIFFERENT));
    assert!(text.starts_with("different: ") && text.contains("jwks"), "{text}");
}

#[test]
fn what_changed_of_an_issuer_is_told_to_people_once() {
    let with = |leeway: &str, scopes: &str| {
        let line = |(key, text): &(&str, &str)| match *key {
            "one" => format!("{ONE}audiences: [x], algorithms: [ES256], leeway: {leeway}, {KEYS} }}"),
            "a" => format!(
                "{ROUTE}scopes: [a] }}\n  - {{ path: /b, methods: [GET, PUT], upstream: u, scopes: [{scopes}] }}"
            ),
            _ => (*text).to_owned(),
        };
        let text = BASE.iter().map(line).collect::<Vec<_>>().join("\n");
        config::parse(&text, Path::new("x.yaml")).unwrap_or_else(|faults| panic!("{faults}"))
    };
    let said = |old: &Settings, new: &Settings| {
        let mut output = Vec::new();
        text(&compare(old, new), &mut output).unwrap();
        String::from_utf8(output).unwrap()
    };
    let once = "more open: issuer one: leeway: 10s -> 20s  (3 requests)\n";
    let summary = "3 differences, of which 3 may let somebody pass who may not now\n";
    assert_eq!(said(&with("10s", "b"), &with("20s", "b")), format!("{once}\n{summary}"));
    let others = "\
different: GET /b
    scopes: b -> a b  (stricter)
different: PUT /b
    scopes: b -> a b  (stricter)
";
    assert_eq!(said(&with("10s", "b"), &with("20s", "a, b")), format!("{once}{others}\n{summary}"));
}
