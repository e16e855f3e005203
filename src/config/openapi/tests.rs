//! Documents as people write them: what becomes a route exactly, and what is a fault until an override answers it.

use super::*;
use crate::config::routes::Access;
use crate::config::{Settings, parse_with};
use proptest::prelude::*;
use std::fmt::Write as _;

const SCHEMES: &str = "
components:
  securitySchemes:
    TPP: { type: oauth2, flows: { clientCredentials: { tokenUrl: /t, scopes: { a: '', b: '', c: '' } } } }
    PSU: { type: oauth2, flows: { authorizationCode: { tokenUrl: /t, authorizationUrl: /a, scopes: { a: '', b: '', c: '', p: '' } } } }
    BOTH: { type: oauth2, flows: { clientCredentials: { scopes: { a: '', b: '' } }, authorizationCode: { scopes: { a: '', c: '' } }, x-flow: {} } }
    FREE: { type: oauth2, flows: { clientCredentials: { scopes: {} } } }
    HALF: { type: oauth2, flows: { clientCredentials: { scopes: {} }, authorizationCode: { scopes: { a: '' } } } }
    OLD: { type: oauth2, flows: { implicit: { scopes: { a: '' } }, authorizationCode: { scopes: { b: '' } } } }
    PASS: { type: oauth2, flows: { password: { scopes: { a: '' } } } }
    OIDC: { type: openIdConnect, openIdConnectUrl: 'https://a/.well-known/openid-configuration' }
    BEARER: { type: http, scheme: Bearer }
    BASIC: { type: http, scheme: basic }
    KEY: { type: apiKey, in: header, name: X-Key }
    MTLS: { type: mutualTLS }
    ALIAS: { $ref: '#/components/securitySchemes/PSU' }
    LOOP: { $ref: '#/components/securitySchemes/LOOP' }
    AWAY: { $ref: 'other.yaml#/x' }
    NONE: {}
";

/// The configuration in front of this document, with these lines beside `openapi`.
fn with(document: &str, beside: &str) -> Result<Settings, String> {
    with_server(document, beside, "listen: 127.0.0.1:0")
}

fn with_server(document: &str, beside: &str, server: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("api.yaml"), document).unwrap();
    let text = format!(
        "server: {{ {server} }}
issuers:
  - {{ name: i, issuer: 'https://i', audiences: [x, y], algorithms: [ES256], jwks: {{ uri: 'https://i/jwks' }} }}
upstreams: [{{ name: u, servers: ['http://[::1]:1'] }}]
apis:
  - openapi: api.yaml
    upstream: u
{beside}"
    );
    let inside = format!("{}/", folder.path().display());
    parse_with(&text, &folder.path().join("gate.yaml"), &|_| Some("of the environment".to_owned()))
        .map_err(|faults| faults.to_string().replace(&inside, ""))
}

/// A document with one operation, `GET /x`, and this `security`.
fn one(security: &str) -> String {
    format!("openapi: 3.0.3\npaths:\n  /x:\n    get:\n      operationId: GetX\n      security: {security}\n{SCHEMES}")
}

/// `METHOD /path a b (c|d) grant,grant`
fn shown(settings: &Settings) -> Vec<String> {
    let row = |route: &Route| {
        let method = route.methods[0].as_str();
        let terms = match &route.access {
            Access::Open => "open".to_owned(),
            Access::Token(demands) => {
                let texts =
                    |scopes: &[crate::oauth::scope::ScopeToken]| scopes.iter().map(|one| one.as_str().into()).collect();
                let scopes = Scopes { all: texts(&demands.all), any: texts(&demands.any) };
                let grants: Vec<&str> = demands.grants.iter().map(|grant| grant.as_str()).collect();
                format!("{} {}", scopes.shown(), grants.join(",")).trim().to_owned()
            }
        };
        format!("{method} {} {terms}", route.path)
    };
    settings.routes.iter().map(row).collect()
}

fn rule(document: &str, beside: &str) -> Result<String, String> {
    with(document, beside).map(|settings| shown(&settings)[0].strip_prefix("GET /x ").unwrap().to_owned())
}

#[test]
fn what_a_route_can_say_is_said_exactly() {
    for (security, expected) in [
        ("[{ TPP: [a] }]", "a client_credentials"),
        ("[{ PSU: [a, b] }]", "a b authorization_code"),
        ("[{ ALIAS: [p] }]", "p authorization_code"),
        ("[{ TPP: [a, a] }]", "a client_credentials"),
        // Only flows that can give all of the scopes.
        ("[{ BOTH: [a] }]", "a authorization_code,client_credentials"),
        ("[{ BOTH: [b] }]", "b client_credentials"),
        ("[{ BOTH: [a, c] }]", "a c authorization_code"),
        // A flow that names none leaves them open.
        ("[{ FREE: [z] }]", "z client_credentials"),
        // One that names none beside others that do gives none.
        ("[{ HALF: [a] }]", "a authorization_code"),
        // `implicit` has no `b`.
        ("[{ OLD: [b] }]", "b authorization_code"),
        // Which flow it is stands in the issuer's metadata.
        ("[{ OIDC: [a] }]", "a"),
        // A token in `Authorization` is a bearer token.
        ("[{ BEARER: [], PSU: [a] }]", "a authorization_code"),
        // Alternatives in scopes, or in grants.
        ("[{ TPP: [a] }, { TPP: [b] }]", "a|b client_credentials"),
        ("[{ TPP: [a, b] }, { TPP: [a, c] }]", "a (b|c) client_credentials"),
        ("[{ TPP: [a] }, { TPP: [a, c] }]", "a client_credentials"),
        ("[{ TPP: [a] }, { PSU: [a] }]", "a authorization_code,client_credentials"),
        ("[{ TPP: [a, b] }, { PSU: [b, a] }]", "a b authorization_code,client_credentials"),
        ("[{ TPP: [a] }, { OIDC: [a] }]", "a"),
    ] {
        assert_eq!(rule(&one(security), "").as_deref(), Ok(expected), "{security}");
    }
}

#[test]
fn what_no_route_can_say_is_a_fault_that_names_its_override() {
    let scopes = "override: { operation: GetX, scopes: […] }";
    for (security, expected) in [
        ("[]", "api.yaml:6:17: paths./x.get.security: says that nobody needs a token"),
        (
            "[{}]",
            "api.yaml:6:18: paths./x.get.security[0]: `{}` among the alternatives: who shows nothing may pass too",
        ),
        ("[{}, { TPP: [a] }]", "api.yaml:6:18: paths./x.get.security[0]: `{}` among the alternatives"),
        ("[{ TPP: [a] }, {}]", "api.yaml:6:32: paths./x.get.security[1]: `{}` among the alternatives"),
        ("[{ TPP: [] }]", "names no scope: any token would pass"),
        ("[{ OIDC: [] }]", "names no scope: any token would pass"),
        ("[{ BEARER: [] }]", "names no scope: any token would pass"),
        ("[{ BEARER: [] }, { TPP: [a] }]", "has alternatives that differ in scopes and in how the token is obtained"),
        ("[{ TPP: [a] }, { PSU: [b] }]", "has alternatives that differ in scopes and in how the token is obtained"),
        ("[{ TPP: [a, b] }, { TPP: [c] }]", "has alternatives that no `scopes` and `any_scope` can say"),
        ("[{ TPP: [a], PSU: [a] }]", "security[0].PSU: asks for a token of its own beside that of `TPP`"),
        ("[{ TPP: [a], KEY: [] }]", "security[0].KEY: asks for an API key, which no route can"),
        ("[{ TPP: [a] }, { KEY: [] }]", "security[1].KEY: asks for an API key, which no route can"),
        ("[{ BASIC: [] }]", "asks for a password (HTTP Basic), which no route can"),
        ("[{ MTLS: [] }]", "asks for a certificate and no token"),
        ("[{ TPP: [a], MTLS: [] }]", "security[0].MTLS: asks for a client certificate"),
        ("[{ TPP: [a], MTLS: [] }, { TPP: [a] }]", "asks for a client certificate in some of its alternatives only"),
        ("[{ PSU: [a], BEARER: [superuser] }]", "security[0].BEARER: asks for roles, which no route can"),
        ("[{ PSU: [a], MTLS: [superuser] }]", "security[0].MTLS: asks for roles, which no route can"),
        ("[{ BEARER: [superuser] }]", "security[0].BEARER: asks for roles, which no route can"),
        ("[{ PASS: [a] }]", "the flow `password` gives tokens of no grant that a route can ask for"),
        ("[{ OLD: [a] }]", "the flow `implicit` gives tokens of no grant that a route can ask for"),
        ("[{ TPP: [aa] }]", "\"aa\" is a scope of none of its flows\n  hint: did you mean `a`?"),
        ("[{ BOTH: [b, c] }]", "no one of its flows has all of these scopes"),
        ("[{ TPPP: [a] }]", "is no security scheme of the document\n  hint: did you mean `TPP`?"),
        ("[{ LOOP: [a] }]", "more than 8 references follow one another, or a circle"),
        ("[{ AWAY: [a] }]", "\"other.yaml#/x\" is in another document"),
        ("[{ NONE: [a] }]", "components.securitySchemes.NONE: the security scheme has no `type`"),
        ("[{ TPP: a }]", "is no list of scopes"),
        ("[{ TPP: [[]] }]", "is no scope"),
        ("[TPP]", "is no mapping"),
        ("{}", "is no list"),
    ] {
        let said = rule(&one(security), "").unwrap_err();
        assert!(said.contains(expected), "{security}: {said}");
        assert!(!said.contains(scopes) && said.lines().count() == 2, "{security}: one fault with its hint: {said}");
        let answered =
            rule(&one(security), "    override: [{ operation: GetX, scopes: [q], grants: [client_credentials] }]\n");
        assert_eq!(answered.as_deref(), Ok("q client_credentials"), "{security}");
        let open = rule(&one(security), "    override: [{ operation: GetX, access: open }]\n");
        assert_eq!(open.as_deref(), Ok("open"), "{security}");
    }
    let undone = "openapi: 3.1.0\npaths: { /x: { get: { operationId: GetX } } }";
    let said = rule(undone, "").unwrap_err();
    let expected = "api.yaml:2:16: paths./x.get: nothing says who may call it\n  hint: say who may pass in an `override` of \
                    the configuration: { operation: GetX, scopes: […] }; or `access: open` in it, if no token is needed";
    assert_eq!(said, expected);
}

/// A complaint about one half is not answered by the other.
#[test]
fn an_override_answers_what_it_names() {
    for (security, over, expected) in [
        ("[{ TPP: [] }]", "scopes: [q]", Ok("q client_credentials")),
        ("[{ TPP: [] }]", "any_scope: [q, r]", Ok("q|r client_credentials")),
        ("[{ TPP: [] }]", "authorization_details: { type: t }", Ok("client_credentials")),
        ("[{ TPP: [] }]", "grants: [authorization_code]", Err("names no scope")),
        ("[{ OLD: [a] }]", "grants: [authorization_code]", Ok("a authorization_code")),
        ("[{ OLD: [a] }]", "scopes: [q]", Err("the flow `implicit`")),
        ("[{ TPP: [a] }, { PSU: [b] }]", "scopes: [a]", Err("differ in scopes")),
        ("[{}, { TPP: [a] }]", "scopes: [a]", Err("`{}` among")),
        ("[{}, { BEARER: [] }]", "scopes: [a]", Ok("a")),
        ("[]", "scopes: [a]", Ok("a")),
        ("[]", "audience: x", Err("nobody needs a token")),
        // What the document says stays where nothing else is said.
        ("[{ TPP: [a, b] }]", "audience: x", Ok("a b client_credentials")),
        ("[{ TPP: [a, b] }]", "grants: [authorization_code]", Ok("a b authorization_code")),
        ("[{ TPP: [a, b] }]", "any_scope: [c]", Ok("c client_credentials")),
        ("[{ TPP: [a], MTLS: [] }]", "grants: [client_credentials]", Err("a client certificate")),
        ("[{ TPP: [a], MTLS: [] }]", "scopes: [a], grants: [client_credentials]", Ok("a client_credentials")),
        ("[{ TPP: [a] }]", "access: open, scopes: [a]", Err("is never asked")),
        ("[{ TPP: [a] }]", "access: closed", Err("is not an access")),
    ] {
        let said = rule(&one(security), &format!("    override: [{{ operation: GetX, {over} }}]\n"));
        match (&said, expected) {
            (Ok(rule), Ok(expected)) => assert_eq!(rule, expected, "{security} {over}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{security} {over}: {said}"),
            (_, _) => panic!("{security} {over}: {said:?}"),
        }
    }
}

#[test]
fn a_certificate_is_asked_for_where_everybody_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["api.bank.example".to_owned()]).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("a.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("a.key"), made.signing_key.serialize_pem()).unwrap();
    let server = |clients: &str| {
        let (certificate, key) = (path("a.pem"), path("a.key"));
        format!("listen: 127.0.0.1:0, tls: {{ certificate: {certificate}, key: {key}, client_certificate: {clients} }}")
    };
    let document = one("[{ TPP: [a], MTLS: [] }]");
    assert!(with_server(&document, "", &server("required")).is_ok());
    assert!(with_server(&document, "", &server("optional")).is_err());
    let ca = format!("optional, client_ca: {}", path("a.pem"));
    assert!(with_server(&document, "    psd2_role: PSP_AI\n", &server(&ca)).is_ok());
}

#[test]
fn what_stands_nearest_to_the_operation_counts() {
    let document = format!(
        "openapi: 3.1.0
servers: [{{ url: 'https://one.example/v1/' }}, {{ url: '/v1' }}]
security: [{{ TPP: [a] }}]
paths:
  /a: {{ get: {{}}, post: {{ security: [{{ PSU: [p] }}] }}, summary: x, x-more: 1, parameters: [] }}
  /b/{{b.c}}:
    servers: [{{ url: 'https://{{where}}.example:{{port}}/v2' }}]
    put: {{}}
    delete: {{ servers: [{{ url: 'https://two.example' }}] }}
  /c: {{ $ref: '#/components/pathItems/c~1%7B%7D' }}
  x-path: {{}}
webhooks: {{ hook: {{ post: {{}} }} }}
{SCHEMES}  pathItems: {{ 'c/{{}}': {{ head: {{}}, options: {{}}, patch: {{}} }} }}
"
    );
    let expected = [
        "GET /v1/a a client_credentials",
        "POST /v1/a p authorization_code",
        "PUT /v2/b/{b_c} a client_credentials",
        "DELETE /b/{b_c} a client_credentials",
        "HEAD /v1/c a client_credentials",
        "OPTIONS /v1/c a client_credentials",
        "PATCH /v1/c a client_credentials",
    ];
    assert_eq!(shown(&with(&document, "").unwrap()), expected);
    let moved = expected.map(|row| {
        let (method, rest) = row.split_once(" /").unwrap();
        format!("{method} /api/{}", rest.trim_start_matches("v1/").trim_start_matches("v2/"))
    });
    assert_eq!(shown(&with(&document, "    base_path: /api\n").unwrap()), moved, "one for all");
}

/// Each of these says something that the reader would not see, or would see at the wrong place.
#[test]
fn a_reference_stands_alone_and_for_a_whole_path() {
    for (path, item, expected) in [
        (
            "get: { $ref: '#/components/x/get' }",
            "x-item: {}",
            "api.yaml:4:22: paths./x.get.$ref: stands in an operation",
        ),
        ("$ref: '#/components/x/item', servers: [{ url: /v2 }]", "get: {}", "paths./x.servers: stands beside a `$ref`"),
        ("$ref: '#/components/x/item'", "$ref: '#/components/x/end', get: {}", "get: stands beside a `$ref`"),
        ("$ref: '#/components/x/item'", "$ref: '#/components/x/end', servers: []", "servers: stands beside a `$ref`"),
    ] {
        let document = format!(
            "openapi: 3.1.0
security: [{{ TPP: [a] }}]
paths:
  /x: {{ {path} }}
{SCHEMES}  x: {{ get: {{ security: [{{ TPP: [b] }}] }}, item: {{ {item} }}, end: {{ post: {{}} }} }}
"
        );
        let said = with(&document, "").map(|settings| shown(&settings)).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn where_paths_begin_is_certain_or_asked_for() {
    let with_servers = |servers: &str| format!("servers: {servers}\n{}", one("[{ TPP: [a] }]"));
    for (servers, expected) in [
        ("[]", Ok("/x")),
        ("[{ url: / }]", Ok("/x")),
        ("[{ url: 'https://a.example' }]", Ok("/x")),
        ("[{ url: '//a.example/b/c/' }]", Ok("/b/c/x")),
        ("[{ url: /b }, { url: 'https://a/b' }, { url: 'https://b/b/' }]", Ok("/b/x")),
        ("[{ url: /b }, { url: /c }]", Err("servers have different paths: \"/b\" and \"/c\"")),
        ("[{ url: 'https://a/{version}' }]", Err("the path \"/{version}\" has a variable")),
        ("[{ url: '{everything}' }]", Err("has a variable")),
        ("[{ url: b }]", Err("\"b\" is no path that begins with `/`")),
        ("[{ url: 'https://a?x' }]", Err("\"?x\" is no path that begins with `/`")),
        ("[{ url: '' }]", Err("is no path")),
        ("[{}]", Err("is no path")),
        ("[{ url: '/a//b' }]", Err("the path \"/a//b\" has nothing")),
        ("[{ url: '/a%20b' }]", Err("has a character that no route may hold")),
        ("[{ url: '/a/../b' }]", Err("has dots alone")),
        ("x", Err("is no list")),
    ] {
        match (with(&with_servers(servers), ""), expected) {
            (Ok(settings), Ok(expected)) => assert_eq!(&*settings.routes[0].path, expected, "{servers}"),
            (Err(said), Err(expected)) => {
                assert!(said.contains(expected) && said.contains("base_path: /…"), "{servers}: {said}");
                assert_eq!(&*with(&with_servers(servers), "    base_path: /\n").unwrap().routes[0].path, "/x");
            }
            (found, _) => panic!("{servers}: {:?}", found.map(|settings| shown(&settings))),
        }
    }
}

/// The same terms as `what_a_route_can_say_is_said_exactly`, in the words of another time.
#[test]
fn swagger_is_read_too_and_json_is_yaml() {
    let json = r#"{
	"swagger": "2.0", "host": "a.example", "basePath": "/v1", "schemes": ["https"],
	"info": { "title": "caf\u00e9 \ud83d\ude00 \/ \t", "description": "a\nb: \"c\" # no comment" },
	"paths": { "/x": { "get": { "operationId": "GetX", "responses": { "200": {} } },
	                   "post": { "security": [ { "code": ["a", "b"] } ] } } },
	"security": [ { "app": ["a"] } ],
	"securityDefinitions": {
		"app": { "type": "oauth2", "flow": "application", "tokenUrl": "https://a", "scopes": { "a": "", "x-b": 1 } },
		"code": { "type": "oauth2", "flow": "accessCode", "scopes": { "a": "", "b": "" } },
		"basic": { "type": "basic" }
	}
}"#;
    let expected = ["GET /v1/x a client_credentials", "POST /v1/x a b authorization_code"];
    assert_eq!(shown(&with(json, "").unwrap()), expected);
    let settings = with(&json.replace(r#", "basePath": "/v1""#, ""), "").unwrap();
    assert_eq!(&*settings.routes[0].path, "/x");
    for (from, to, expected) in [
        ("\"/v1\"", "\"v1\"", "\"v1\" is no path that begins with `/`"),
        ("\"app\": [\"a\"]", "\"basic\": []", "asks for a password"),
        ("\"application\"", "\"implicit\"", "the flow `implicit`"),
        ("\"2.0\"", "\"1.2\"", "swagger: \"1.2\" is not a version that can be read"),
    ] {
        let said = with(&json.replace(from, to), "").unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_document_that_cannot_be_read_says_where() {
    let good = one("[{ TPP: [a] }]");
    for (from, to, expected) in [
        ("openapi: 3.0.3", "openapi: 3.2.0", "api.yaml:1:10: openapi: \"3.2.0\" is not a version that can be read"),
        ("openapi: 3.0.3", "openapi: 3.01", "is not a version"),
        ("openapi: 3.0.3", "asyncapi: 3.0.0", "is no OpenAPI document"),
        ("paths:", "path:", "the document has no `paths`"),
        ("  /x:", "  x:", "api.yaml:3:3: paths.x: is no path: it does not begin with `/`"),
        ("    get:", "    gett:", "api.yaml:4:5: paths./x.gett: is no method\n  hint: did you mean `get`?"),
        ("    get:", "    GET:", "is no method"),
        ("    get:", "    x-get:", "the document has no operation"),
        ("    get:", "    trace:", "asks for"),
        ("operationId: GetX", "operationId: []", "expected a string, found a list"),
        ("  /x:", "  /x/{y}.json:", "has a parameter beside other text"),
        ("  /x:", "  /x/{*y}:", "has a parameter whose name begins with `*`"),
        ("  /x:", "  /x/{y*}:", "has no valid parameter name in segment 2"),
        ("  /x:", "  /x?y:", "has a character that no route may hold"),
        ("  /x:", "  /x/{a.b}/{a_b}:", "uses the name of segment 3 twice"),
        ("  /x:\n", "  /x:\n    $ref: '#/paths/~1x'\n", "stands beside a `$ref`"),
        ("openapi: 3.0.3", "openapi: 3.0.3\nopenapi: 3.0.3", "api.yaml:2:1: the key \"openapi\" stands twice"),
        ("openapi: 3.0.3", "openapi: [", "not valid YAML"),
        ("[{ TPP: [a] }]", "[{ TPP: ['a b'] }]", "\"a b\" is a scope of none of its flows"),
        ("[{ TPP: [a] }]", "[{ FREE: ['a b'] }]", "\"a b\" is not a scope"),
        ("[{ TPP: [a] }]", "[{ FREE: ['${HOME}'] }]", ""),
    ] {
        let document = good.replacen(from, to, 1);
        let from_trace = if to == "    trace:" { "would send a client's token back to it" } else { expected };
        match with(&document, "") {
            Ok(settings) => {
                assert_eq!(expected, "", "{to}");
                assert_eq!(shown(&settings), ["GET /x ${HOME} client_credentials"], "nothing of the environment");
            }
            Err(said) => assert!(said.contains(from_trace), "{to}: {said}"),
        }
    }
    let said = with("openapi: 3.0.0\npaths:\n  /a: { $ref: 'b.yaml' }\n  /b: 1\n  /c: { get: 1 }\n", "").unwrap_err();
    let places: Vec<_> =
        said.lines().filter(|line| !line.starts_with(' ')).map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["api.yaml:3:15", "api.yaml:4:7", "api.yaml:5:14"], "all at once: {said}");
}

#[test]
fn an_override_must_name_what_is_there() {
    let document = format!(
        "openapi: 3.0.3
security: [{{ TPP: [a] }}]
paths:
  /x: {{ get: {{ operationId: GetX }}, post: {{ operationId: Twice }} }}
  /y: {{ get: {{ operationId: Twice }}, trace: {{}} }}
{SCHEMES}"
    );
    let trace = "{ path: /y, methods: [TRACE], exclude: true, because: nobody needs it }";
    let settings = with(&document, &format!("    override: [{trace}]\n")).unwrap();
    assert_eq!(settings.routes.len(), 3);
    let expected = Excluded { method: "TRACE".into(), path: "/y".into(), because: Some("nobody needs it".into()) };
    assert_eq!(settings.apis[0].excluded, [expected]);
    let origin = |operation: &str, because: Option<&str>| {
        let because = because.map(Box::from);
        Some(Origin { api: 0, operation: Some(operation.into()), because, instead: Instead::default() })
    };
    assert_eq!(settings.routes[0].origin, origin("GetX", None));
    for (over, expected) in [
        (
            "operation: Getx",
            "apis[0].override[1].operation: \"Getx\" is no operation of the document\n  hint: did you mean `GetX`?",
        ),
        ("operation: Twice", "\"Twice\" names several operations"),
        ("operation: [GetX, GetY]", "override[1].operation[1]: \"GetY\" is no operation"),
        ("operation: []", "the list is empty"),
        ("operation: GetX, path: /x", "needs exactly one of `operation` and `path`"),
        ("scopes: [a]", "needs exactly one of `operation` and `path`"),
        ("operation: GetX, methods: [GET]", "belongs to `path`"),
        ("path: /z", "\"/z\" is no path of the document"),
        ("path: /x, methods: [PUT]", "\"PUT\" is no method of this path in the document"),
        ("path: /y", "an operation of it is overridden in line"),
        ("operation: GetX, scope: [a]", "override[1].scope: unknown key\n  hint: did you mean `scopes`?"),
        ("operation: GetX, exclude: true, scopes: [a]", "is never asked of an operation that is left out"),
        ("operation: GetX, exclude: yes", "expected `true` or `false`"),
        ("operation: GetX, scopes: ['a b']", "gate.yaml:10:35: apis[0].override[1].scopes[0]: \"a b\" is not a scope"),
        ("operation: GetX, audience: z", "override[1].audience: is an audience of no issuer"),
        ("operation: GetX, consent: { parameter: id }", "is no parameter of the route's path"),
    ] {
        let said = with(&document, &format!("    override:\n    - {trace}\n    - {{ {over} }}\n")).unwrap_err();
        assert!(said.contains(expected), "{over}: {said}");
    }
    let over =
        format!("    override: [{trace}, {{ operation: GetX, audience: y, because: 'as agreed' }}]\n    audience: x\n");
    let settings = with(&document, &over).unwrap();
    let audiences = |place: usize| match &settings.routes[place].access {
        Access::Token(demands) => demands.audiences.clone(),
        Access::Open => panic!("open"),
    };
    assert_eq!((audiences(0), audiences(1)), (vec!["y".into()], vec!["x".into()]), "the nearest counts");
    assert_eq!(settings.routes[0].origin, origin("GetX", Some("as agreed")));
}

/// BG-8: a whole document whose operations may all be called without a token.
#[test]
fn the_more_exact_override_has_the_say() {
    let document = "openapi: 3.0.3
security: [{}, { B: [] }]
paths:
  /v1/accounts: { get: {}, post: {} }
  /v1/accounts/{id}: { get: { operationId: One }, delete: {} }
  /v1/payments: { post: {} }
  /v2: { get: {} }
components: { securitySchemes: { B: { type: http, scheme: bearer } } }
";
    let over = |items: &[&str]| {
        let items = items.iter().map(|item| format!("      - {{ {item} }}\n")).collect::<Vec<_>>().concat();
        with(document, &format!("    override:\n{items}")).map(|settings| shown(&settings))
    };
    let found = over(&[
        "operation: One, scopes: [one]",
        "path: '/{*all}', scopes: [all]",
        "path: '/v1/accounts/{*rest}', scopes: [rest]",
        "path: '/v1/{*all}', methods: [POST], scopes: [post], grants: [authorization_code]",
    ]);
    let expected = [
        "GET /v1/accounts all",
        "POST /v1/accounts post authorization_code",
        "GET /v1/accounts/{id} one",
        "DELETE /v1/accounts/{id} rest",
        "POST /v1/payments post authorization_code",
        "GET /v2 all",
    ];
    assert_eq!(found.unwrap(), expected);
    let without = "    override: [{ path: '/{*all}', scopes: [all] }, { path: '/v1/{*all}', exclude: true }]\n";
    let settings = with(document, without).unwrap();
    assert_eq!((shown(&settings), settings.apis[0].excluded.len()), (vec!["GET /v2 all".to_owned()], 5));
    for (items, expected) in [
        (&["path: '/v3/{*all}', scopes: [a]"][..], "override[0].path: names no operation of the document"),
        (&["path: '/{*all}', methods: [PUT], scopes: [a]"], "names no operation of the document"),
        (&["path: '/{*all}', scopes: [a]", "path: '/{*rest}', methods: [GET], scopes: [b]"], "is overridden in line"),
        (&["path: '/v1/{*all}', scopes: [a]"], "api.yaml:2:12: security[0]: `{}` among the alternatives"),
    ] {
        let said = over(items).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_holds_for_the_whole_api_is_read_as_on_any_route_and_told_once() {
    let document = format!(
        "openapi: 3.0.3
security: [{{ TPP: [a] }}]
paths: {{ /x: {{ get: {{ operationId: GetX }}, post: {{}} }} }}
{SCHEMES}"
    );
    let beside = "    base_path: /v1
    hosts: [api.example]
    body: 2KiB
    errors: obie
    issuers: [i]
    required_headers: [{ name: X-Request-ID, form: uuid }]
    rewrite: { from: /v1, to: / }
    total_timeout: 1m
    step_up: { max_age: 1m }
    override: [{ operation: GetX, access: open, body: 1KiB }]
";
    let settings = with(&document, beside).unwrap();
    assert_eq!(shown(&settings), ["GET /v1/x open", "POST /v1/x a client_credentials"]);
    let [get, post] = settings.routes.as_slice() else { panic!("two routes") };
    assert_eq!((get.body_bytes_max, post.body_bytes_max), (1024, 2048));
    assert_eq!((&get.hosts, &get.errors, &get.rewrite), (&post.hosts, &post.errors, &post.rewrite));
    let Access::Token(demands) = &post.access else { panic!("a token") };
    assert_eq!((demands.headers.len(), demands.issuers.as_slice()), (1, &[0][..]));
    for (bad, expected) in [
        ("errors: odd", "gate.yaml:8:13: apis[0].errors: \"odd\""),
        ("scopes: [a]", "apis[0].scopes: unknown key"),
        ("access: open", "apis[0].access: unknown key"),
        ("methods: [GET]", "apis[0].methods: unknown key"),
        ("base_path: v1", "apis[0].base_path: \"v1\" does not begin with `/`"),
        ("base_path: '/{v}'", "has a parameter"),
    ] {
        let said = with(&document, &format!("    {bad}\n")).unwrap_err();
        assert!(said.contains(expected), "{said}");
        assert_eq!(said.lines().filter(|line| !line.starts_with(' ')).count(), 1, "once: {said}");
    }
}

#[test]
fn two_that_could_take_one_request_are_a_fault_across_files() {
    let document = one("[{ TPP: [a] }]");
    let by_hand = "routes: [{ path: /x, methods: [GET], scopes: [b], upstream: u }]\n";
    let said = with(&document, by_hand).unwrap_err();
    assert!(said.contains("api.yaml:3:3: paths./x.get: "), "{said}");
    assert!(said.contains("takes the same GET requests as routes[0].path in line 8 of gate.yaml"), "{said}");
    assert!(
        with(
            &document,
            &format!("    hosts: [a.example]\n{}", by_hand.replace("methods", "hosts: [b.example], methods"))
        )
        .is_ok()
    );
    let twice = "  - { openapi: api.yaml, upstream: u }\n";
    let said = with(&document, twice).unwrap_err();
    assert!(said.contains("takes the same GET requests as paths./x.get in line 3"), "{said}");
    assert_eq!(with(&document, "  - { openapi: api.yaml, upstream: u, base_path: /two }\n").unwrap().routes.len(), 2);
}

#[test]
fn a_file_that_is_no_document_is_a_fault_of_the_key() {
    for (api, expected) in [
        ("{ openapi: none.yaml, upstream: u }", "apis[1].openapi: cannot read \"none.yaml\""),
        ("{ upstream: u }", "apis[1]: the key `openapi` is missing"),
        ("{ openapi: api.yaml }", "apis[1]: the key `upstream` is missing"),
        ("{ openapi: api.yaml, upstream: v }", "apis[1].upstream: no upstream is named \"v\""),
        ("x", "expected a mapping"),
    ] {
        let said = with(&one("[{ TPP: [a] }]"), &format!("  - {api}\n")).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
    let text = "server: { listen: 127.0.0.1:0 }\nupstreams: [{ name: u, servers: ['http://[::1]:1'] }]\napis: []\n";
    let said = parse_with(text, Path::new("x.yaml"), &|_| None).unwrap_err().to_string();
    assert_eq!(said, "x.yaml:3:7: apis: the list is empty\n  hint: name at least one");
}

#[test]
fn every_bound_of_a_document_has_one_past_it() {
    let operations = |count: usize| {
        let mut text = "openapi: 3.0.3\nsecurity: [{ FREE: [a] }]\npaths:\n".to_owned();
        for index in 0..count {
            writeln!(text, "  /{index}: {{ get: {{}} }}").unwrap();
        }
        text + SCHEMES
    };
    assert_eq!(
        with(&operations(bounds::OPENAPI_OPERATIONS_MAX), "").unwrap().routes.len(),
        bounds::OPENAPI_OPERATIONS_MAX
    );
    let said = with(&operations(bounds::OPENAPI_OPERATIONS_MAX + 1), "").unwrap_err();
    assert_eq!(said, "api.yaml:4:3: paths: more than 10000 operations");
    let length = |length: usize| {
        let text = one("[{ TPP: [a] }]");
        format!("{text}#{}", "x".repeat(length - text.len() - 1))
    };
    assert!(with(&length(bounds::OPENAPI_BYTES_MAX), "").is_ok());
    assert!(with(&length(bounds::OPENAPI_BYTES_MAX + 1), "").unwrap_err().contains("it is longer than 8388608 bytes"));
    let most = bounds::OPENAPI_SECURITY_MAX;
    let scopes = |count: usize| (0..count).map(|index| format!("s{index}")).collect::<Vec<_>>().join(", ");
    assert!(with(&one(&format!("[{{ FREE: [{}] }}]", scopes(most))), "").is_ok());
    assert!(
        with(&one(&format!("[{{ FREE: [{}] }}]", scopes(most + 1))), "").unwrap_err().contains("more than 64 scopes")
    );
    let ways = |count: usize| (0..count).map(|index| format!("{{ FREE: [s{index}] }}")).collect::<Vec<_>>().join(", ");
    assert!(with(&one(&format!("[{}]", ways(most))), "").is_ok());
    assert!(with(&one(&format!("[{}]", ways(most + 1))), "").unwrap_err().contains("more than 64 ways of passing"));
    let references = |count: usize| {
        let mut text = one("[{ R0: [a] }]");
        for index in 0..count {
            writeln!(text, "    R{index}: {{ $ref: '#/components/securitySchemes/R{}' }}", index + 1).unwrap();
        }
        writeln!(text, "    R{count}: {{ type: oauth2, flows: {{ clientCredentials: {{ scopes: {{ a: '' }} }} }} }}")
            .unwrap();
        text
    };
    assert!(with(&references(bounds::OPENAPI_REFERENCES_MAX), "").is_ok());
    assert!(with(&references(bounds::OPENAPI_REFERENCES_MAX + 1), "").unwrap_err().contains("more than 8 references"));
    let apis = |count: usize| {
        (1..count)
            .map(|index| format!("  - {{ openapi: api.yaml, upstream: u, base_path: /{index} }}\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(with(&one("[{ TPP: [a] }]"), &apis(bounds::APIS_MAX)).unwrap().routes.len(), bounds::APIS_MAX);
    assert!(
        with(&one("[{ TPP: [a] }]"), &apis(bounds::APIS_MAX + 1)).unwrap_err().contains("apis: there are more than 64")
    );
}

/// The block in the sample configuration, with the comment signs taken away.
#[test]
fn what_the_sample_says_is_read() {
    let sample = include_str!("../../../config/scopegate.yaml");
    let lines = sample.lines().skip_while(|line| *line != "# apis:").take_while(|line| line.starts_with('#'));
    let block = lines.map(|line| line.get(2..).unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let folder = tempfile::tempdir().unwrap();
    let document = "openapi: 3.0.3
security: [{ T: [a] }]
paths:
  /domestic-vrps: { post: { operationId: CreateDomesticVRP } }
  /everything: { delete: { operationId: DeleteEverything } }
  /status: { get: { security: [] } }
components: { securitySchemes: { T: { type: oauth2, flows: { clientCredentials: { scopes: { a: x } } } } } }
";
    std::fs::write(folder.path().join("account-info.yaml"), document).unwrap();
    let text = format!(
        "server: {{ listen: 127.0.0.1:0 }}
issuers: [{{ name: i, issuer: 'https://i', audiences: ['https://api.bank.example'], algorithms: [ES256], jwks: {{ uri: 'https://i/j' }} }}]
upstreams: [{{ name: accounts, servers: ['http://[::1]:1'] }}]
{block}"
    );
    let settings =
        parse_with(&text, &folder.path().join("x.yaml"), &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    let base = "/open-banking/v4.0/aisp";
    assert_eq!(
        shown(&settings),
        [format!("POST {base}/domestic-vrps a authorization_code"), format!("GET {base}/status open")]
    );
}

/// OB-1, OB-3, OB-4: the sandbox's own documents, which are modelled on the UK's.
#[test]
fn the_sandboxs_documents_are_routes() {
    let of = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/bank/openapi").join(name);
        let settings = with(&std::fs::read_to_string(path).unwrap(), "").unwrap();
        let rows = shown(&settings);
        let by = |grant: &str| rows.iter().filter(|row| row.ends_with(grant)).count();
        (rows.len(), by("client_credentials"), by("authorization_code"))
    };
    for (name, expected) in [
        ("account-information.yaml", (9, 3, 6)),
        ("payment-initiation.yaml", (5, 3, 2)),
        ("funds-confirmation.yaml", (4, 3, 1)),
    ] {
        assert_eq!(of(name), expected, "{name}");
    }
}

proptest! {
    /// A document that is damaged anywhere makes faults or routes, and never an open one.
    #[test]
    fn a_damaged_document_never_panics_and_never_opens(at in 0_usize..2_400, length in 0_usize..40, insert in "[-:,{}\\[\\]&*!'\"$ \na-z0-9]{0,6}") {
        let sample = format!("servers: [{{ url: /v1 }}]\n{}", one("[{ TPP: [a] }, { BOTH: [a] }]"));
        let start = at.min(sample.len());
        let end = (start + length).min(sample.len());
        prop_assume!(sample.is_char_boundary(start) && sample.is_char_boundary(end));
        let damaged = format!("{}{insert}{}", &sample[..start], &sample[end..]);
        match with(&damaged, "") {
            Ok(settings) => prop_assert!(settings.routes.iter().all(|route| route.access != Access::Open)),
            Err(said) => prop_assert!(!said.contains("a defect of ours"), "{}", said),
        }
    }
}
