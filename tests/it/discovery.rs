//! VERIFY, the keys: an issuer's keys found through its metadata (RFC 8414): META-5. A document that is not the issuer's
//! own leads nowhere, and what goes wrong is the issuer's fault and not the token's.

use crate::support::gateway::{Setup, World, issuer};
use crate::support::keys::{self, Key};
use crate::support::server::{After, Server, always, ok, write};
use crate::support::tokens::Token;
use crate::support::wire::Message;
use crate::support::{eventually, keys::ec};
use scopegate::config::bounds::METADATA_BYTES_MAX;
use serde_json::json;
use std::net::{SocketAddr, TcpStream};

const INSERTED: &str = "/.well-known/oauth-authorization-server";
const APPENDED: &str = "/.well-known/openid-configuration";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// Answers each path with its answer, and any other with 404.
fn pages(pages: Vec<(String, String)>) -> impl Fn(&Message, &mut TcpStream) -> After + Send + Sync {
    move |request, stream| {
        let found = pages.iter().find(|(path, _)| path == request.target());
        write(stream, found.map_or(NOT_FOUND, |(_, answer)| answer))
    }
}

fn metadata(issuer: &str, jwks_uri: &str) -> String {
    ok("application/json", &json!({"issuer": issuer, "jwks_uri": jwks_uri, "jwks": {"keys": []}}).to_string())
}

fn key_set(keys: &[Key]) -> String {
    ok("application/jwk-set+json", &keys::set(keys).to_string())
}

fn at(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// An issuer that is yet to say anything, and its entry.
fn unsaid(name: &str, path: &str) -> (Server, String, String) {
    let server = Server::with(always(NOT_FOUND));
    let identifier = at(server.address(), path);
    let entry = issuer(name, &identifier, "{ discover: true, refresh: 1s, refetch: 1s }");
    (server, identifier, entry)
}

fn ask(world: &World, iss: &str, key: &Key) -> Message {
    world.get("/accounts", &Token::good().by(key).claim("iss", iss))
}

fn count(world: &World, name: &str, outcome: &str) -> f64 {
    world.metric(&format!("scopegate_issuer_discoveries_total{{issuer=\"{name}\",outcome=\"{outcome}\"}}"))
}

fn expect_away(world: &World, iss: &str, key: &Key, name: &str) {
    let answer = ask(world, iss, key);
    assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None), "{name}");
    assert!(answer.one("retry-after").parse::<u32>().unwrap() >= 1, "{name}");
    assert_eq!(answer.json()["detail"], "The access token cannot be checked at the moment", "{name}");
}

/// META-5: without `jwks`, with and without a path, in either place.
#[test]
fn keys_are_found_where_the_metadata_is() {
    let mut entries = Vec::new();
    let mut issuers = Vec::new();
    for (name, path, place) in [
        ("plain", "", INSERTED.to_owned()),
        ("slash", "/", INSERTED.to_owned()),
        ("tenant", "/tenant", format!("{INSERTED}/tenant")),
        ("nested", "/a/b/", format!("{INSERTED}/a/b")),
        ("openid", "", APPENDED.to_owned()),
        ("openid-tenant", "/tenant", format!("/tenant{APPENDED}")),
    ] {
        let server = Server::with(always(NOT_FOUND));
        let identifier = at(server.address(), path);
        let document = metadata(&identifier, &at(server.address(), "/keys?v=1"));
        server.becomes(pages(vec![(place.clone(), document), ("/keys?v=1".to_owned(), key_set(&[ec()]))]));
        entries.push(issuer(name, &identifier, "").replace("    jwks: \n", ""));
        issuers.push((name, identifier, place, server));
    }
    let world = Setup::issuers(&entries).start();
    world.wait_ready();
    for (name, identifier, place, server) in &issuers {
        assert_eq!(ask(&world, identifier, &ec()).status(), 200, "{name}");
        let asked = server.requests();
        assert!(asked.iter().all(|request| request.method() == "GET" && request.get("authorization").is_none()));
        let asked: Vec<&str> = asked.iter().map(Message::target).collect();
        // META-5: the form of RFC 8414 first, the other one only where that is not found.
        let path = place.strip_suffix(APPENDED).map(|path| format!("{INSERTED}{path}"));
        let expected: Vec<&str> = path.as_deref().into_iter().chain([place.as_str(), "/keys?v=1"]).collect();
        assert_eq!(asked, expected, "{name}");
        assert!((count(&world, name, "good") - 1.0).abs() < f64::EPSILON, "{name}");
    }
}

/// META-5, E24: what is not the issuer's own metadata is refused at the start, and its tokens are 503, never 401.
#[test]
fn metadata_that_is_not_the_issuers_own_leads_nowhere() {
    let canary = Server::with(always(key_set(&[ec()])));
    let elsewhere = at(canary.address(), "/keys");
    let long = |bytes: usize, iss: &str| {
        let start = format!("{{\"issuer\":\"{iss}\",\"jwks_uri\":\"{elsewhere}\",\"x\":\"");
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    };
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    let mut add = |name: &'static str, outcome: &'static str, say: &dyn Fn(&str) -> String| {
        let (server, identifier, entry) = unsaid(name, "/tenant");
        let answer = say(&identifier);
        server.becomes(pages(vec![
            (format!("{INSERTED}/tenant"), answer),
            // Where the first place has an answer, the second is never asked.
            (format!("/tenant{APPENDED}"), metadata(&identifier, &elsewhere)),
        ]));
        rows.push((name, outcome, server, identifier));
        entries.push(entry);
    };
    add("mix-up", "refused", &|_| metadata("https://evil.example", &elsewhere));
    add("trailing-slash", "refused", &|iss| metadata(&format!("{iss}/"), &elsewhere));
    add("prefix", "refused", &|iss| metadata(iss.trim_end_matches("/tenant"), &elsewhere));
    add("case", "refused", &|iss| metadata(&iss.replace("http", "HTTP"), &elsewhere));
    add("no-issuer", "refused", &|_| ok("application/json", &json!({"jwks_uri": elsewhere}).to_string()));
    add("no-keys", "refused", &|iss| ok("application/json", &json!({"issuer": iss}).to_string()));
    add("plain-http-abroad", "refused", &|iss| metadata(iss, "http://192.0.2.1/keys"));
    add("file", "refused", &|iss| metadata(iss, "file:///etc/passwd"));
    add("relative", "refused", &|iss| metadata(iss, "/keys"));
    add("twice", "refused", &|iss| {
        let text = format!("{{\"issuer\":\"x\",\"issuer\":\"{iss}\",\"jwks_uri\":\"{elsewhere}\"}}");
        ok("application/json", &text)
    });
    add("html", "refused", &|_| ok("text/html", "<html>maintenance</html>"));
    add("array", "refused", &|iss| ok("application/json", &json!([iss, elsewhere]).to_string()));
    add("cut", "refused", &|iss| {
        ok("application/json", &format!("{{\"issuer\":\"{iss}\",\"jwks_uri\":\"{elsewhere}\""))
    });
    add("oversize", "failed", &|iss| ok("application/json", &long(METADATA_BYTES_MAX + 1, iss)));
    add("redirect", "failed", &|_| format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"));
    add("error", "failed", &|_| "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned());
    add("gone", "failed", &|_| "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_owned());
    add("garbage", "failed", &|_| "\0\0\r\n\r\n".to_owned());
    let longest = Server::with(always(NOT_FOUND));
    let iss = at(longest.address(), "");
    longest.becomes(pages(vec![(INSERTED.to_owned(), ok("application/json", &long(METADATA_BYTES_MAX, &iss)))]));

    entries.push(issuer("longest", &iss, "{ discover: true }"));
    let world = Setup::issuers(&entries).start();
    for (name, outcome, server, identifier) in &rows {
        eventually(&format!("{name} to be {outcome}"), || (count(&world, name, outcome) >= 1.0).then_some(()));
        expect_away(&world, identifier, &ec(), name);
        assert!(count(&world, name, "good") < 1.0, "{name}");
        let second = server.requests().iter().any(|request| request.target().ends_with(APPENDED));
        assert!(!second, "{name}: the second place is for issuers without a first");
    }
    let ready = world.admin("/readyz");
    assert_eq!((ready.status(), ready.text().lines().count()), (503, rows.len()));
    eventually("the longest metadata", || (ask(&world, &iss, &ec()).status() == 200).then_some(()));
    assert_eq!(canary.hits(), 1, "only the longest led there");
}

/// META-5: keys that were had are kept whatever the metadata becomes, and an address that moves is followed.
#[test]
fn bad_metadata_keeps_the_old_keys_and_a_moved_address_heals() {
    let canary = Server::with(always(key_set(&[Key::new("evil")])));
    let evil = at(canary.address(), "/keys");
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (server, iss, entry) = unsaid("bank", "/tenant");
    let place = format!("{INSERTED}/tenant");
    let says = |document: String| {
        server.becomes(pages(vec![
            (place.clone(), document),
            ("/old".to_owned(), key_set(std::slice::from_ref(&old))),
            ("/new".to_owned(), key_set(&[old.clone(), new.clone()])),
        ]));
    };
    let world = Setup::issuers(&[entry]).start();
    // Away at the start: no keys, not ready; then it comes.
    eventually("a failed look", || (count(&world, "bank", "failed") >= 1.0).then_some(()));
    expect_away(&world, &iss, &old, "cold");
    assert_eq!(world.admin("/readyz").status(), 503);
    says(metadata(&iss, &at(server.address(), "/old")));
    world.wait_ready();
    assert_eq!(ask(&world, &iss, &old).status(), 200);

    for (outcome, document) in [
        ("refused", metadata("https://evil.example", &evil)),
        ("refused", metadata(&format!("{iss}/"), &evil)),
        ("refused", metadata(&iss, "http://192.0.2.1/keys")),
        ("refused", ok("text/html", "<html>maintenance</html>")),
        ("failed", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("failed", format!("HTTP/1.1 302 Found\r\nlocation: {evil}\r\ncontent-length: 0\r\n\r\n")),
        ("failed", NOT_FOUND.to_owned()),
    ] {
        let before = count(&world, "bank", outcome);
        says(document.clone());
        eventually(&document, || (count(&world, "bank", outcome) > before).then_some(()));
        assert_eq!((ask(&world, &iss, &old).status(), world.admin("/readyz").status()), (200, 200), "{document}");
        expect_away(&world, &iss, &new, &document);
    }
    says(metadata(&iss, &at(server.address(), "/new")));
    eventually("the moved keys", || (ask(&world, &iss, &new).status() == 200).then_some(()));
    assert_eq!(ask(&world, &iss, &old).status(), 200);
    assert_eq!(canary.hits(), 0, "nobody else was asked for keys");
}

/// Keys stay over a reload where they are found as before, and are fetched anew where they are not.
#[test]
fn a_reload_changes_how_keys_are_found() {
    let server = Server::with(always(NOT_FOUND));
    let iss = at(server.address(), "");
    server.becomes(pages(vec![
        (INSERTED.to_owned(), metadata(&iss, &at(server.address(), "/keys"))),
        ("/keys".to_owned(), key_set(&[ec()])),
    ]));
    let world = Setup::issuers(&[issuer("bank", &iss, "{ discover: true }")]).start();
    world.wait_ready();
    assert_eq!(ask(&world, &iss, &ec()).status(), 200);
    assert_eq!(server.take().len(), 2);
    world.reload(&Setup::issuers(&[issuer("bank", &iss, "{ discover: true }")])).unwrap();
    assert_eq!((ask(&world, &iss, &ec()).status(), server.hits()), (200, 0), "what did not change is not fetched anew");
    let uri = format!("{{ uri: \"{}\" }}", at(server.address(), "/keys"));
    world.reload(&Setup::issuers(&[issuer("bank", &iss, &uri)])).unwrap();
    eventually("the keys", || (ask(&world, &iss, &ec()).status() == 200).then_some(()));
    assert_eq!(server.take().iter().map(Message::target).collect::<Vec<_>>(), ["/keys"]);
    assert!(!world.admin("/metrics").text().contains("issuer_discoveries_total"));
}
