//! What third parties are told of the resources behind the gateway (RFC 9728): META-1 to META-4. Exact documents, exact
//! challenges, and nothing of it from an upstream.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::keys;
use crate::support::proofs::{ALGS, ORIGIN, SPACE};
use crate::support::server::nobody;
use crate::support::tokens::{ISSUER, NOW, Token};
use crate::support::wire::Message;
use scopegate::config;
use scopegate::gateway::observe::metrics::Metrics;
use scopegate::gateway::resource::Resources;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const IN_QUERY: &str = "An access token in the query string is not accepted; use the Authorization header";

/// A gateway that is known as `ORIGIN`, with these sections beside the usual ones.
fn known(further: &str, routes: &[String]) -> Setup {
    let server = format!("  workers: 1\n  public_origin: {ORIGIN}\n");
    Setup { server, further: further.to_owned(), ..Setup::routes(routes) }
}

/// Two APIs beside one that belongs to neither.
fn two() -> Setup {
    let details = "authorization_details: { type: payment_initiation }";
    let routes = [
        route("/aisp/accounts", "GET", "scopes: [accounts]\nissuers: [bank]"),
        route("/aisp/{id}/balances", "GET", "any_scope: [\"balances\", accounts]\nissuers: [bank, named]"),
        route("/aisp/open", "GET", "access: open"),
        route("/pisp/{*rest}", "POST", "scopes: [payments]\nissuers: [other]"),
        route("/pisp/details", "POST", details),
        route("/pispers", "GET", "scopes: [x]"),
        route("/health", "GET", "access: open"),
    ];
    let resources = format!(
        "resources:\n  - {{ resource: {ORIGIN}/aisp, name: \"Accounts \\\"AIS\\\"\", documentation: https://developer.bank.example }}\n  \
         - {{ resource: {ORIGIN}/pisp, scopes: [\"payments:write\"], issuers: [other] }}\n"
    );
    let issuers = [
        issuer("bank", ISSUER, "{ file: jwks.json }"),
        issuer("named", "urn:bank", "{ file: jwks.json }"),
        issuer("other", "https://other.example", "{ file: jwks.json }"),
    ];
    Setup { issuers: issuers.concat(), ..known(&resources, &routes) }
}

fn ask(world: &World, method: &str, target: &str) -> Message {
    let mut client = world.client();
    client.send(&Request::new(method, target))
}

/// META-1, META-2, META-3.
#[test]
fn each_resource_has_its_document_where_its_path_is_inserted() {
    let world = two().start();
    let aisp = r#"{"resource":"https://api.bank.example/aisp","authorization_servers":["https://auth.bank.example"],"scopes_supported":["accounts","balances"],"bearer_methods_supported":["header"],"resource_name":"Accounts \"AIS\"","resource_documentation":"https://developer.bank.example"}"#;
    let pisp = r#"{"resource":"https://api.bank.example/pisp","authorization_servers":["https://other.example"],"scopes_supported":["payments:write"],"bearer_methods_supported":["header"],"authorization_details_types_supported":["payment_initiation"]}"#;
    for (path, document) in [("/aisp", aisp), ("/pisp", pisp)] {
        let target = format!("{WELL_KNOWN}{path}");
        for target in [target.clone(), format!("{target}?x=1")] {
            let answer = ask(&world, "GET", &target);
            assert_eq!((answer.status(), answer.text().as_str()), (200, document), "{target}");
            assert_eq!(answer.one("content-type"), "application/json");
            assert_eq!(answer.one("cache-control"), "max-age=300", "RFC 9728 §7.10");
            assert!(!answer.one("x-fapi-interaction-id").is_empty());
        }
        // META-2: what the client inserted the well-known path into.
        let resource = ask(&world, "GET", &target).json()["resource"].as_str().unwrap().to_owned();
        assert_eq!(resource.replacen(ORIGIN, WELL_KNOWN, 1), target);
        let head = ask(&world, "HEAD", &target);
        assert_eq!((head.status(), head.one("content-length")), (200, document.len().to_string().as_str()));
        assert!(head.body.is_empty() && head.one("content-type") == "application/json");
        // Nobody is asked who they are, and a bad token does not matter.
        let with_token = world.send(&Request::get(&target).token("nonsense").host(Some("other.example")));
        assert_eq!((with_token.status(), with_token.text().as_str()), (200, document));
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// META-1.
#[test]
fn what_is_no_document_is_refused_and_reaches_nobody() {
    let everything = route("/{*rest}", "GET, HEAD, POST, OPTIONS, PUT", "access: open");
    let near = route("/.well-known/{name}", "GET, POST", "access: open");
    let world = known("", &[everything, near]).start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"] {
        let answer = ask(&world, method, WELL_KNOWN);
        assert_eq!((answer.status(), answer.get("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(answer.get("www-authenticate"), None, "{method}");
    }
    for suffix in ["/", "/aisp", "/aisp/", "/{*rest}", "/accounts/1", "/."] {
        let status = if suffix.contains(['{']) || suffix == "/." { 400 } else { 404 };
        for method in ["GET", "POST"] {
            assert_eq!(ask(&world, method, &format!("{WELL_KNOWN}{suffix}")).status(), status, "{method} {suffix}");
        }
    }
    for spelling in
        ["/.well-known/oauth%2Dprotected-resource", "/%2ewell-known/oauth-protected-resource", "//.well-known"]
    {
        assert_eq!(ask(&world, "GET", spelling).status(), 400, "{spelling}");
    }
    let answer = ask(&world, "GET", &format!("{WELL_KNOWN}?access_token=x"));
    assert_eq!(answer.status(), 400, "a token in a URL is refused everywhere");
    assert_eq!(
        answer.one("www-authenticate"),
        format!("Bearer {SPACE}, error=\"invalid_request\", error_description=\"{IN_QUERY}\"")
    );
    assert_eq!(world.upstream.hits(), 0, "ours never comes from an upstream");
    // What merely begins alike is a route's.
    for other in ["/.well-known/oauth-protected-resources", "/.well-known/openid-configuration"] {
        assert_eq!(ask(&world, "GET", other).status(), 200, "{other}");
    }
    assert_eq!(world.upstream.hits(), 2);
}

/// META-4: Bearer and DPoP, 400, 401 and 403, each of the resource whose route was asked.
#[test]
fn challenges_say_where_the_document_of_their_resource_is() {
    let setup = two();
    let further = format!("dpop: {{}}\n{}", setup.further);
    let world = Setup { further, ..setup }.start();
    let space = |path: &str| format!("realm=\"bank\", resource_metadata=\"{ORIGIN}{WELL_KNOWN}{path}\"");
    let challenge = |request: &Request, status: u16| {
        let answer = world.send(request);
        assert_eq!(answer.status(), status);
        answer.one("www-authenticate").to_owned()
    };
    let error = |code: &str, text: &str| format!("error=\"{code}\", error_description=\"{text}\"");
    let get = |path: &str| Request::get(path);
    let post = |path: &str| Request::new("POST", path);
    assert_eq!(challenge(&get("/aisp/accounts"), 401), format!("Bearer {}, DPoP {ALGS}", space("/aisp")));
    assert_eq!(challenge(&post("/pisp/x"), 401), format!("Bearer {}, DPoP {ALGS}", space("/pisp")));
    let expired = Token::good().claim("exp", NOW - 60).mint();
    assert_eq!(
        challenge(&get("/aisp/7/balances").token(&expired), 401),
        format!("Bearer {}, {}", space("/aisp"), error("invalid_token", "The access token expired"))
    );
    assert_eq!(
        challenge(&get("/aisp/accounts").field("authorization: DPoP abc"), 401),
        format!("DPoP {}, {}, {ALGS}", space("/aisp"), error("invalid_token", "The access token is malformed"))
    );
    assert_eq!(
        challenge(&get("/aisp/accounts").token(&Token::good().scope("x").mint()), 403),
        format!(
            "Bearer {}, {}, scope=\"accounts\"",
            space("/aisp"),
            error("insufficient_scope", "The access token does not cover this resource")
        )
    );
    assert_eq!(
        challenge(&get("/aisp/accounts").field("authorization: Bearer a b"), 400),
        format!(
            "Bearer {}, {}",
            space("/aisp"),
            error("invalid_request", "The Authorization header is not a scheme followed by one token")
        )
    );
    // A route of no resource, and a request of which no route is known: nothing is made up.
    assert_eq!(challenge(&get("/pispers"), 401), format!("Bearer realm=\"bank\", DPoP {ALGS}"));
    assert_eq!(
        challenge(&get("/aisp/accounts?access_token=x"), 400),
        format!("Bearer realm=\"bank\", {}", error("invalid_request", IN_QUERY))
    );
    assert_eq!(world.upstream.hits(), 0);
}

/// META-1, META-3: without `resources` the origin itself is the one resource; without an origin there is none.
#[test]
fn the_origin_is_the_resource_where_nothing_is_said() {
    let world = known("", &[route("/a", "GET", "scopes: [b, a]"), route("/c", "GET", "any_scope: [a, c]")]).start();
    let document = r#"{"resource":"https://api.bank.example","authorization_servers":["https://auth.bank.example"],"scopes_supported":["b","a","c"],"bearer_methods_supported":["header"]}"#;
    assert_eq!(ask(&world, "GET", WELL_KNOWN).text(), document);
    assert_eq!(ask(&world, "GET", "/a").one("www-authenticate"), format!("Bearer {SPACE}"));
    let world = Setup::routes(&[route("/{*rest}", "GET", "scopes: [a]")]).start();
    let answer = ask(&world, "GET", WELL_KNOWN);
    assert_eq!(
        (answer.status(), answer.one("www-authenticate")),
        (401, "Bearer realm=\"bank\""),
        "a path like any other"
    );
}

/// META-3: what binds tokens.
#[test]
fn the_document_says_how_tokens_are_bound() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["api.bank.example".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("jwks.json", keys::set(&[keys::ec()]).to_string());
    write("server.pem", made.cert.pem());
    write("server.key", made.signing_key.serialize_pem());
    let bank = |profile: &str| {
        let entry = issuer("bank", ISSUER, "{ file: jwks.json }").replace("[RS256, PS256, ES256, EdDSA]", "[ES256]");
        entry + &format!("    profile: {profile}\n")
    };
    let other = issuer("other", "https://other.example", "{ file: jwks.json }");
    let fapi2 = "dpop: {}\nrevocations: { file: revocations }\n";
    let certificates =
        |policy: &str| format!("  tls: {{ certificate: server.pem, key: server.key, client_certificate: {policy} }}\n");
    let (algorithms, required) = (
        r#","dpop_signing_alg_values_supported":["ES256","PS256","EdDSA"]"#,
        r#","dpop_bound_access_tokens_required":true"#,
    );
    let bound = r#","tls_client_certificate_bound_access_tokens":true"#;
    for (name, server, issuers, further, expected) in [
        ("nothing", String::new(), bank("baseline"), "", String::new()),
        ("proofs", String::new(), bank("baseline"), "dpop: {}\n", algorithms.to_owned()),
        ("an issuer under fapi2", String::new(), bank("fapi2"), fapi2, format!("{algorithms}{required}")),
        ("another beside it", String::new(), bank("fapi2") + &other, fapi2, algorithms.to_owned()),
        ("a certificate would do", certificates("optional"), bank("fapi2"), fapi2, format!("{bound}{algorithms}")),
        ("certificates alone", certificates("required"), bank("baseline"), "", bound.to_owned()),
    ] {
        let setup = known(further, &[route("/a", "GET", "scopes: [a]")]);
        let setup = Setup { server: setup.server.clone() + &server, issuers, ..setup };
        let settings = config::parse(&setup.yaml(nobody()), &folder.path().join("scopegate.yaml"));
        let settings = settings.unwrap_or_else(|faults| panic!("{name}: {faults}"));
        let resources = Resources::compile(&settings, &Metrics::new(1));
        let text = String::from_utf8(resources.documents()[0].json.to_vec()).unwrap();
        let end = format!("\"bearer_methods_supported\":[\"header\"]{expected}}}");
        assert!(text.ends_with(&end), "{name}: {text}");
        assert!(!text.contains("none"), "{name}: {text}");
    }
}

/// The log and the metrics name the document, and a reload brings another one.
#[test]
fn documents_are_counted_logged_and_reloaded() {
    let world = two().start();
    world.send(&Request::get(&format!("{WELL_KNOWN}/aisp")).numbered(1));
    let line = world.log_line(1);
    assert_eq!((&line["route"], &line["status"]), (&format!("{WELL_KNOWN}/aisp").into(), &200.into()));
    assert!(line.get("upstream").is_none() && line.get("reason").is_none(), "{line}");
    let count = |path: &str| {
        world.metric(&format!("scopegate_requests_total{{reason=\"\",route=\"{WELL_KNOWN}{path}\",status=\"200\"}}"))
    };
    assert!((count("/aisp") - 1.0).abs() < f64::EPSILON);
    let setup = two();
    let further = setup.further.replace("/aisp,", ",");
    world.reload(&Setup { further, ..setup }).unwrap();
    assert_eq!(ask(&world, "GET", &format!("{WELL_KNOWN}/aisp")).status(), 404);
    assert_eq!(ask(&world, "GET", WELL_KNOWN).json()["resource"], ORIGIN);
    assert!(count("/aisp") < 1.0 && count("") >= 1.0, "labels come and go with the configuration");
}
