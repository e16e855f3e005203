//! Documents beside configurations: every kind of difference, and which of them count.

use super::*;

const CONFIG: &str = "
server: { listen: 127.0.0.1:0 }
issuers: [{ name: i, issuer: 'https://i', audiences: [x], algorithms: [ES256], jwks: { uri: 'https://i/jwks' } }]
upstreams: [{ name: u, servers: ['http://[::1]:1'] }]
";
const DOCUMENT: &str = "
openapi: 3.0.0
servers: [{ url: /v1 }]
paths:
  /a: { get: { operationId: GetA, security: [{ TPP: [a, b] }] } }
  /a/{id}: { delete: { operationId: DeleteA, security: [{ PSU: [a] }] } }
  /free: { get: { operationId: GetFree, security: [] } }
components:
  securitySchemes:
    TPP: { type: oauth2, flows: { clientCredentials: { scopes: {} } } }
    PSU: { type: oauth2, flows: { authorizationCode: { scopes: {} } } }
";
const FREE: &str = "{ path: /v1/free, methods: [GET], access: open, upstream: u }";

struct Files(tempfile::TempDir);

impl Files {
    fn new(config: &str, document: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("api.yaml"), document).unwrap();
        std::fs::write(folder.path().join("gate.yaml"), format!("{CONFIG}{config}")).unwrap();
        Self(folder)
    }

    fn run(&self, base_path: Option<&str>, form: Form) -> anyhow::Result<(ExitCode, String)> {
        let path = |name: &str| self.0.path().join(name);
        let mut output = Vec::new();
        let code = run(&path("gate.yaml"), (&path("api.yaml"), base_path), form, &mut output)?;
        Ok((code, String::from_utf8(output).unwrap()))
    }

    /// What differs from this document.
    fn found(&self, document: &str) -> (ExitCode, Vec<serde_json::Value>) {
        let path = |name: &str| self.0.path().join(name);
        let mut output = Vec::new();
        let code = run(&path("gate.yaml"), (&path(document), None), Form::Json, &mut output).unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output).unwrap();
        (code, found["differences"].as_array().unwrap().clone())
    }

    /// `METHOD path what difference document | configuration`
    fn differences(&self) -> Vec<String> {
        let (code, found) = self.found("api.yaml");
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or("null").to_owned();
        let rows: Vec<String> = found
            .iter()
            .map(|row| {
                let words = ["method", "path", "what", "difference", "document"].map(|key| text(row, key)).join(" ");
                format!("{words} | {}", text(row, "configuration"))
            })
            .collect();
        let counts = found.iter().any(|row| row["because"].is_null());
        assert_eq!(code, if counts { ExitCode::from(1) } else { ExitCode::SUCCESS });
        rows
    }
}

fn by_hand(a: &str, delete: &str, further: &str) -> Files {
    let routes = format!(
        "routes:
  - {{ path: /v1/a, methods: [GET], upstream: u, {a} }}
  - {{ path: '/v1/a/{{any}}', methods: [DELETE], upstream: u, {delete} }}
  - {FREE}
{further}"
    );
    Files::new(&routes, DOCUMENT)
}

#[test]
fn every_kind_of_difference_is_found() {
    let (a, delete) = ("scopes: [a, b], grants: [client_credentials]", "scopes: [a], grants: [authorization_code]");
    assert_eq!(by_hand(a, delete, "").differences(), [""; 0]);
    for (a, delete, further, expected) in [
        ("scopes: [a], grants: [client_credentials]", delete, "", "GET /v1/a scopes less a b | a"),
        ("scopes: [a, b, c], grants: [client_credentials]", delete, "", "GET /v1/a scopes more a b | a b c"),
        ("scopes: [a, c], grants: [client_credentials]", delete, "", "GET /v1/a scopes other a b | a c"),
        ("any_scope: [a, b], grants: [client_credentials]", delete, "", "GET /v1/a scopes less a b | a|b"),
        ("scopes: [a, b]", delete, "", "GET /v1/a grants less client_credentials | any"),
        (
            a,
            "scopes: [a], grants: [client_credentials]",
            "",
            "DELETE /v1/a/{id} grants other authorization_code | client_credentials",
        ),
        (
            a,
            "scopes: [a], grants: [client_credentials, authorization_code]",
            "",
            "DELETE /v1/a/{id} grants less authorization_code | client_credentials authorization_code",
        ),
        (a, "access: open", "", "DELETE /v1/a/{id} access less a, authorization_code | open"),
        (
            a,
            delete,
            "  - { path: /v1/b, methods: [GET], scopes: [z], upstream: u }\n",
            "GET /v1/b operation extra - | z",
        ),
        (
            a,
            delete,
            "  - { path: /v1, methods: [GET], access: open, upstream: u }\n",
            "GET /v1 operation extra - | open",
        ),
        (
            a,
            delete,
            "  - { path: '/v1/a/{*rest}', methods: [GET], access: open, upstream: u }\n",
            "GET /v1/a/{*rest} operation extra - | open",
        ),
        (a, delete, "  - { path: /v10, methods: [GET], access: open, upstream: u }\n", ""),
    ] {
        let found = by_hand(a, delete, further).differences();
        assert_eq!(found.join("\n"), expected, "{a} {delete} {further}");
    }
}

#[test]
fn what_is_not_there_is_missing_and_a_wider_route_counts() {
    let found = Files::new(&format!("routes: [{FREE}]\n"), DOCUMENT).differences();
    let missing = [
        "GET /v1/a operation missing a b, client_credentials | -",
        "DELETE /v1/a/{id} operation missing a, authorization_code | -",
    ];
    assert_eq!(found, missing);
    let wide = "routes: [{ path: '/v1/{*rest}', methods: [GET, DELETE], scopes: [a], upstream: u }]\n";
    let found = Files::new(wide, DOCUMENT).differences();
    let expected = [
        "GET /v1/a scopes less a b | a",
        "GET /v1/a grants less client_credentials | any",
        "DELETE /v1/a/{id} grants less authorization_code | any",
        "GET /v1/free access more open | a",
        "GET /v1/{*rest} operation extra - | a",
        "DELETE /v1/{*rest} operation extra - | a",
    ];
    assert_eq!(found, expected);
    let hosts = by_hand(
        "scopes: [a, b], grants: [client_credentials], hosts: [a.example]",
        "scopes: [a], grants: [authorization_code]",
        "  - { path: /v1/a, methods: [GET], hosts: [b.example], scopes: [b], grants: [client_credentials], upstream: u }\n",
    );
    assert_eq!(hosts.differences(), ["GET /v1/a scopes less a b | b"], "one host is weaker");
}

#[test]
fn a_certificate_that_nobody_asks_for_is_drift() {
    let document = DOCUMENT
        .replace("[{ PSU: [a] }]", "[{ PSU: [a], MTLS: [] }]")
        .replace("  securitySchemes:", "  securitySchemes:\n    MTLS: { type: mutualTLS }");
    let over =
        "{ operation: GetFree, access: open }, { operation: DeleteA, scopes: [a], grants: [authorization_code] }";
    let apis = format!("apis: [{{ openapi: api.yaml, upstream: u, override: [{over}] }}]\n");
    assert_eq!(Files::new(&apis, &document).differences(), ["DELETE /v1/a/{id} certificate less needed | -"]);
}

/// A difference that the configuration gives a reason for is shown and is no drift.
#[test]
fn an_override_without_a_reason_is_drift() {
    let apis = |over: &str| {
        format!(
            "apis: [{{ openapi: api.yaml, upstream: u, override: [{{ operation: GetFree, access: open }}{over}] }}]\n"
        )
    };
    assert_eq!(Files::new(&apis(""), DOCUMENT).differences(), [""; 0]);
    let weaker = ", { operation: GetA, scopes: [a]because }";
    let out = ", { operation: DeleteA, exclude: truebecause }";
    for (over, expected) in [
        (weaker, "GET /v1/a scopes less a b | a"),
        (out, "DELETE /v1/a/{id} operation missing a, authorization_code | -"),
    ] {
        for (because, code) in [("", 1), (", because: 'it is so'", 0)] {
            let files = Files::new(&apis(&over.replace("because", because)), DOCUMENT);
            assert_eq!(files.differences(), [expected]);
            let (found, text) = files.run(None, Form::Table).unwrap();
            assert_eq!(found, ExitCode::from(code));
            assert_eq!(text.contains("because: it is so"), code == 0, "{text}");
        }
    }
}

/// A reason is one for what its override says, not for all that the route is.
#[test]
fn a_reason_excuses_what_its_override_sets() {
    let changed = DOCUMENT
        .replace("[{ TPP: [a, b] }]", "[{ PSU: [a, c], MTLS: [] }]")
        .replace("  securitySchemes:", "  securitySchemes:\n    MTLS: { type: mutualTLS }");
    let (scopes, grants, certificate) = ("scopes", "grants", "certificate");
    for (over, excused) in [
        ("body: 1KiB", &[][..]),
        ("scopes: [a, b]", &[scopes]),
        ("any_scope: [a]", &[scopes]),
        ("authorization_details: { type: t }", &[]),
        ("grants: [client_credentials]", &[grants]),
        ("scopes: [a, b], grants: [client_credentials]", &[scopes, grants]),
        ("access: open", &["access"]),
    ] {
        let over = format!("{{ operation: GetFree, access: open }}, {{ operation: GetA, {over}, because: so }}");
        let files =
            Files::new(&format!("apis: [{{ openapi: api.yaml, upstream: u, override: [{over}] }}]\n"), DOCUMENT);
        std::fs::write(files.0.path().join("new.yaml"), &changed).unwrap();
        let (code, found) = files.found("new.yaml");
        let told = |is_excused: bool| -> Vec<&str> {
            let rows = found.iter().filter(|row| row["because"].is_null() != is_excused);
            rows.map(|row| row["what"].as_str().unwrap()).collect()
        };
        assert_eq!(told(true), excused, "{over}");
        let mut others = vec![scopes, grants, certificate];
        others.retain(|what| !excused.contains(what) && !over.contains("open, because"));
        assert_eq!(told(false), others, "{over}");
        assert_eq!(code, ExitCode::from(u8::from(!others.is_empty())));
    }
    let certain = changed.replace("[{ PSU: [a, c], MTLS: [] }]", "[{ TPP: [a], MTLS: [] }]");
    let over = "{ operation: GetFree, scopes: [z], because: so }, \
                { operation: GetA, scopes: [a], grants: [client_credentials], because: so }";
    let files = Files::new(&format!("apis: [{{ openapi: api.yaml, upstream: u, override: [{over}] }}]\n"), &certain);
    let expected = ["GET /v1/a certificate less needed | -", "GET /v1/free access more open | z"];
    assert_eq!(files.differences(), expected);
    assert_eq!(files.found("api.yaml").0, ExitCode::SUCCESS, "both were answered, and the reason given");
}

#[test]
fn a_document_is_compared_wherever_it_stands() {
    let free = "{ operation: GetFree, access: open }";
    let apis = format!(
        "apis:
  - {{ openapi: api.yaml, upstream: u, override: [{free}] }}
  - {{ openapi: api.yaml, upstream: u, base_path: /legacy, override: [{{ path: '/{{*rest}}', access: open }}] }}
  - {{ openapi: api.yaml, upstream: u, base_path: /old, override: [{free}, {{ operation: DeleteA, exclude: true }}] }}
"
    );
    let expected = [
        "GET /legacy/a access less a b, client_credentials | open",
        "DELETE /legacy/a/{id} access less a, authorization_code | open",
        "DELETE /old/a/{id} operation missing a, authorization_code | -",
    ];
    assert_eq!(Files::new(&apis, DOCUMENT).differences(), expected);
    let hosts = format!(
        "apis:
  - {{ openapi: api.yaml, upstream: u, hosts: [a.example], override: [{free}, {{ operation: GetA, scopes: [a] }}] }}
  - {{ openapi: api.yaml, upstream: u, hosts: [b.example], override: [{free}] }}
"
    );
    assert_eq!(Files::new(&hosts, DOCUMENT).differences(), ["GET /v1/a scopes less a b | a"], "told once");
}

/// A literal segment beats a parameter, whoever wrote it.
#[test]
fn what_another_takes_of_the_documents_requests_is_drift() {
    let other = DOCUMENT
        .replace("GetA,", "GetB,")
        .replace("/a:", "/a/special:")
        .replace("get: { operationId: GetB", "delete: { operationId: DeleteSpecial")
        .replace("  /a/{id}:", "  /b/{id}:")
        .replace("/free:", "/b:");
    let free = "{ operation: GetFree, access: open }";
    for (over, expected) in [
        ("access: open", &["DELETE /v1/a/special access less a, authorization_code | open"][..]),
        ("scopes: [b], grants: [authorization_code]", &["DELETE /v1/a/special scopes other a | b"]),
        ("scopes: [a, b], grants: [authorization_code]", &[]),
        ("scopes: [a], grants: [authorization_code]", &[]),
        ("access: open, because: so", &["DELETE /v1/a/special access less a, authorization_code | open"]),
    ] {
        let apis = format!(
            "apis:
  - {{ openapi: api.yaml, upstream: u, override: [{free}] }}
  - {{ openapi: other.yaml, upstream: u, override: [{free}, {{ operation: DeleteSpecial, {over} }}] }}
"
        );
        let files = Files::new(&apis, DOCUMENT);
        std::fs::write(files.0.path().join("other.yaml"), &other).unwrap();
        assert_eq!(files.differences(), expected, "{over}");
    }
    let twice = "apis:
  - { openapi: api.yaml, upstream: u, hosts: [a.example] }
  - { openapi: api.yaml, upstream: u, hosts: [b.example] }
";
    let document = "openapi: 3.0.0
security: [{ T: [a] }]
paths:
  /a/{x}/{y}: { get: {} }
  /a/b/{y}: { get: { security: [{ T: [b] }] } }
  /a/b/c: { get: { security: [{ T: [c] }] } }
components: { securitySchemes: { T: { type: oauth2, flows: { clientCredentials: { scopes: {} } } } } }
";
    assert_eq!(Files::new(twice, document).differences(), [""; 0], "these are its own");
    let by_hand = |path: &str| {
        let api = format!("apis: [{{ openapi: api.yaml, upstream: u, override: [{free}] }}]\n");
        let route = format!("routes: [{{ path: '{path}', methods: [DELETE], access: open, upstream: u }}]\n");
        Files::new(&format!("{api}{route}"), DOCUMENT).differences()
    };
    assert_eq!(by_hand("/v1/a/special"), ["DELETE /v1/a/special operation extra - | open"]);
    assert_eq!(by_hand("/v1/a/{id}/{*rest}"), ["DELETE /v1/a/{id}/{*rest} operation extra - | open"]);
    assert_eq!(by_hand("/{any}/a/special"), [""; 0], "the document's is taken first");
}

#[test]
fn what_no_route_can_say_is_told_and_where_paths_begin_may_be_said() {
    let document =
        DOCUMENT.replace("[{ PSU: [a] }]", "[{}, { PSU: [a] }]").replace("[{ TPP: [a, b] }]", "[{ TPP: [] }]");
    let files = Files::new(
        "routes:
  - { path: /v2/a, methods: [GET], upstream: u, scopes: [a], grants: [client_credentials] }
  - { path: '/v2/a/{id}', methods: [DELETE], upstream: u, scopes: [a] }
  - { path: /v2/free, methods: [GET], upstream: u, access: open }
",
        &document,
    );
    let (code, text) = files.run(Some("/v2/"), Form::Table).unwrap();
    assert_eq!(code, ExitCode::from(1));
    let expected = "\
METHOD  PATH        DIFFERENCE     DOCUMENT                                 CONFIGURATION  OPERATION
GET     /v2/a       scopes unsaid  names no scope: any token would pass     a              GetA
DELETE  /v2/a/{id}  access more    open                                     a              DeleteA

3 operations, 2 differences
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&text), squeezed(expected));
    assert!(files.run(Some("v2"), Form::Table).unwrap_err().to_string().contains("does not begin with `/`"));
    let uncertain = Files::new(&format!("routes: [{FREE}]\n"), &DOCUMENT.replace("url: /v1", "url: '/{v}'"));
    let said = uncertain.run(None, Form::Table).unwrap_err().to_string();
    assert!(said.contains("api.yaml:3:18") && said.contains("--base-path"), "{said}");
    assert!(uncertain.run(Some("/v1"), Form::Table).is_ok());
}
