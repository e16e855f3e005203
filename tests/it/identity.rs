//! FORWARD: what the upstream may trust comes from us alone, in whichever spelling somebody else sends it.

use crate::support::client::{Request, id};
use crate::support::gateway::{Setup, World};
use crate::support::server::{Server, ok};
use crate::support::tokens::Token;
use crate::support::wire::Message;

fn ours(seen: &Message) -> Vec<String> {
    let ours = seen.fields.iter().filter(|(name, _)| name.starts_with("x-auth"));
    ours.map(|(name, value)| format!("{name}: {value}")).collect()
}

const CUSTOMER: [&str; 7] = [
    "x-auth-client-id: tpp-1",
    "x-auth-scope: accounts payments",
    "x-auth-subject: customer-1",
    "x-auth-token-id: token-1",
    "x-auth-subject-type: user",
    "x-auth-grant: authorization_code",
    "x-auth-issuer: https://auth.bank.example",
];

#[test]
fn the_upstream_learns_who_calls() {
    let world = World::start();
    world.get("/accounts", &Token::good());
    assert_eq!(ours(&world.upstream.last()), CUSTOMER);
    world.get("/accounts", &Token::good().claim("consent_id", "consent-7"));
    assert_eq!(world.upstream.last().one("x-auth-consent-id"), "consent-7");
    // AT-6, RFC 9700 §4.15: a client is never a customer, even when its `sub` is a customer's.
    world.get("/accounts", &Token::good().claim("gty", "client_credentials"));
    let seen = world.upstream.last();
    assert_eq!((seen.one("x-auth-subject-type"), seen.all("x-auth-subject").len()), ("client", 0));
    world.get("/accounts", &Token::good().without("gty").claim("sub", "tpp-1"));
    let seen = world.upstream.last();
    assert_eq!((seen.one("x-auth-subject-type"), seen.one("x-auth-grant")), ("client", "client_credentials"));
    assert!(seen.all("x-auth-subject").is_empty());
    // No grant claim, and the subject is somebody: a customer, by a grant that nobody knows.
    world.get("/accounts", &Token::good().without("gty"));
    let seen = world.upstream.last();
    assert_eq!((seen.one("x-auth-subject-type"), seen.all("x-auth-grant").len()), ("user", 0));
}

/// oauth2-proxy CVE-2025-64484, Traefik CVE-2026-39858 and CVE-2026-35051, Caddy GHSA-f59h-q822-g45g (`_`), GHSA-x677-9fxg-v5c5
/// (`.`); Caddy GHSA-7r4p-vjf4-gxv4 and krakend-jose#124: also where the token has no such claim.
#[test]
fn every_spelling_of_a_trusted_field_is_removed() {
    let world = World::start();
    let token = Token::good().mint();
    let trusted = [
        "X-Auth-Client-Id",
        "X-Auth-Subject",
        "X-Auth-Subject-Type",
        "X-Auth-Organisation-Id",
        "X-Auth-Scope",
        "X-Auth-Issuer",
        "X-Auth-Grant",
        "X-Auth-Consent-Id",
        "X-Auth-Token-Id",
        "X-Auth-Assertion",
        "X-Auth-Whatever",
        "Client-Cert",
        "Client-Cert-Chain",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-User",
        "X-Real-IP",
        "Forwarded",
    ];
    let mut spellings: Vec<String> = Vec::new();
    for name in trusted {
        spellings.extend([name.to_owned(), name.to_lowercase(), name.to_uppercase()]);
        // Every character of a field name (RFC 9110 §5.6.2) that is neither letter, digit nor hyphen.
        for folded in ["_", ".", "~", "!", "*", "'", "|", "#", "$", "%", "&", "+", "^", "`"] {
            spellings.push(name.replace('-', folded));
            spellings.push(name.replacen('-', folded, 1));
            spellings.push(format!("{name}{folded}"));
        }
    }
    for spelling in &spellings {
        world.send(&Request::get("/accounts").token(&token).field(&format!("{spelling}: canary")));
        let seen = world.upstream.take().remove(0);
        let leaked: Vec<_> = seen.fields.iter().filter(|(_, value)| value.contains("canary")).collect();
        assert!(leaked.is_empty(), "{spelling}: {leaked:?}");
        assert_eq!(ours(&seen), CUSTOMER, "{spelling}");
    }
    // All at once and twice, before and after the token.
    let all: Vec<String> = spellings.iter().take(40).map(|name| format!("{name}: canary")).collect();
    let request = Request::get("/accounts").field(&all.join("\r\n")).token(&token).field(&all.join("\r\n"));
    assert_eq!(world.send(&request).status(), 200);
    assert!(!String::from_utf8_lossy(&world.upstream.last().raw).contains("canary"));
}

/// CVE-2024-45410, CVE-2021-32813, CVE-2026-29054.
#[test]
fn nominating_our_fields_in_connection_removes_only_the_clients_copy() {
    let world = World::start();
    let token = Token::good().mint();
    for nominated in [
        "x-auth-subject",
        "X-Auth-Subject, X-AUTH-CLIENT-ID, x-auth-scope",
        "close, x-auth-subject-type ,x-auth-token-id",
        "authorization",
        "Forwarded, Via, x-fapi-interaction-id",
        "host",
        "content-length",
    ] {
        let request = Request::get("/accounts")
            .token(&token)
            .field(&format!("connection: {nominated}"))
            .field("x-auth-subject: root");
        assert_eq!(world.send(&request).status(), 200, "{nominated}");
        let seen = world.upstream.last();
        assert_eq!(ours(&seen), CUSTOMER, "{nominated}");
        assert_eq!((seen.one("host"), seen.all("connection").len()), ("api.bank.example", 0), "{nominated}");
        assert_eq!(
            (seen.all("forwarded").len(), seen.all("x-fapi-interaction-id").len(), seen.all("via").len()),
            (1, 1, 1)
        );
    }
    let nominated = Request::get("/accounts")
        .token(&token)
        .field("connection: x-secret, x-other")
        .field("x-secret: canary")
        .field("X-Other: canary");
    world.send(&nominated);
    assert!(!String::from_utf8_lossy(&world.upstream.last().raw).contains("canary"));
}

/// HTTP-18: a trailer is no header, here and there.
#[test]
fn trailers_end_here() {
    let world = World::start();
    let mut client = world.client();
    let request = Request::new("POST", "/payments")
        .token(&Token::good().mint())
        .field("transfer-encoding: chunked")
        .field("trailer: x-auth-subject");
    client.write(request.bytes());
    client.write("3\r\nabc\r\n0\r\nx-auth-subject: root\r\nx_auth_subject: root\r\nauthorization: Bearer x\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    let seen = world.upstream.only();
    assert_eq!((ours(&seen).join("\n"), seen.text()), (CUSTOMER.join("\n"), "abc".to_owned()));
    assert!(!String::from_utf8_lossy(&seen.raw).contains("root"));
}

/// HTTP-1: what belongs to the connection stays on it; everything else passes, in both directions.
#[test]
fn hop_by_hop_fields_end_here_and_others_pass() {
    let gone = [
        "keep-alive: 5",
        "proxy-connection: close",
        "te: deflate;q=0.5",
        "upgrade: h2c",
        "proxy-authorization: Basic YTpi",
        "connection: x-mine",
        "x-mine: 1",
    ];
    let kept = [
        "accept: */*",
        "cookie: a=b",
        "x-idempotency-key: k",
        "x-jws-signature: a..b",
        "psu-ip-address: 192.0.2.1",
        "x-fapi-customer-ip-address: 192.0.2.1",
        // FAPI-13, and the `Accept` that the OpenID Foundation's suite sends.
        "x-fapi-customer-ip-address: 2001:db8::1893:25c8:1946",
        "accept: application/json;charset=UTF-8",
        "tpp-signature-certificate: abc",
        "x-a: 1",
        "x-a: 2",
        "max-forwards: 3",
    ];
    let answer = format!(
        "HTTP/1.1 200 OK\r\n{}\r\nwww-authenticate: Custom x=\"y\"\r\nvary: accept\r\nx-fapi-interaction-id: theirs\r\ncontent-length: 0\r\n\r\n",
        "keep-alive: 5\r\nproxy-connection: x\r\nupgrade: h2c\r\nproxy-authenticate: Basic\r\ntrailer: x\r\nconnection: x-secret\r\nx-secret: canary"
    );
    let world = Setup::default().before(Server::answering(answer));
    let lines = [&gone[..], &kept[..]].concat().join("\r\n");
    let answer = world.send(&Request::get("/accounts").token(&Token::good().mint()).field(&lines).numbered(1));
    let seen = world.upstream.only();
    for line in kept {
        let (name, value) = line.split_once(": ").unwrap();
        assert!(seen.all(name).contains(&value), "{line}");
    }
    for line in gone {
        assert!(seen.all(line.split_once(':').unwrap().0).is_empty(), "{line}");
    }
    for name in ["keep-alive", "proxy-connection", "upgrade", "proxy-authenticate", "trailer", "x-secret", "connection"]
    {
        assert!(answer.all(name).is_empty(), "{name}");
    }
    assert_eq!((answer.one("www-authenticate"), answer.one("vary")), ("Custom x=\"y\"", "accept"));
    assert_eq!(answer.one("x-fapi-interaction-id"), id(1));
}

#[test]
fn via_and_forwarded_say_where_the_request_came_from() {
    let world = World::start();
    let request = Request::get("/accounts").token(&Token::good().mint());
    world.send(&request.clone().field("forwarded: for=203.0.113.9").field("via: 1.1 elsewhere"));
    let seen = world.upstream.last();
    assert_eq!(seen.one("forwarded"), "for=127.0.0.1;proto=http");
    assert_eq!(seen.all("via").join(", "), "1.1 elsewhere, 1.1 scopegate");
}

/// ERR-12, FAPI-11: the correlation id is echoed when it is a UUID, made when not, and on every answer.
#[test]
fn every_answer_carries_the_correlation_id() {
    let world = Setup::default().before(Server::with(|request, stream| {
        let status = request.target().rsplit('/').next().unwrap().to_owned();
        crate::support::server::write(stream, ok("text/plain", "x").replace("200 OK", &format!("{status} X")))
    }));
    let token = Token::good().mint();
    let good = "93BAC548-d2de-4546-b106-880a5018460d";
    for (path, status) in [
        ("/accounts/200", 200),
        ("/accounts/404", 404),
        ("/accounts/503", 503),
        ("/nowhere", 404),
        ("/payments", 405),
        ("/accounts/..", 400),
    ] {
        let request = Request::get(path).token(&token);
        let answer = world.send(&request.clone().field(&format!("x-fapi-interaction-id: {good}")));
        assert_eq!((answer.status(), answer.one("x-fapi-interaction-id")), (status, good), "{path}");
        for bad in [
            "",
            "x",
            "93bac548d2de4546b106880a5018460d",
            "93bac548-d2de-4546-b106-880a5018460d\r\nx-fapi-interaction-id: 93bac548-d2de-4546-b106-880a5018460e",
            "{93bac548-d2de-4546-b106-880a5018460d}",
            "93bac548-d2de-4546-b106-880a5018460d, b",
        ] {
            let answer = world.send(&request.clone().field(&format!("x-fapi-interaction-id: {bad}")));
            let made = answer.one("x-fapi-interaction-id");
            assert!(made.len() == 36 && !bad.contains(made), "{path} {bad:?}: {made}");
            if let Some(seen) = world.upstream.take().pop() {
                assert_eq!(seen.one("x-fapi-interaction-id"), made, "both sides have the same");
            }
        }
        let bare = world.send(&Request::get(path));
        assert_eq!(bare.one("x-fapi-interaction-id").len(), 36, "{path} without a token");
    }
}
