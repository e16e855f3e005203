//! READ over the wire: every spelling of a path that another server could read otherwise is refused (HTTP-23).

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::server::Server;
use crate::support::tokens::Token;

/// A public and a scoped prefix side by side: what a traversal wants to cross.
fn two_doors() -> World {
    Setup::routes(&[
        route("/public/{*rest}", "GET", "access: open"),
        route("/public", "GET", "access: open"),
        route("/admin/{*rest}", "GET", "scopes: [admin]"),
        route("/users/@me", "GET", "scopes: [accounts]"),
        route("/users/{id}", "GET", "scopes: [admin]"),
    ])
    .start()
}

#[test]
fn every_spelling_of_a_traversal_is_refused() {
    let world = two_doors();
    let rows = [
        ("CVE-2019-9901", "/public/../admin/secrets"),
        ("CVE-2026-33494", "/public/./../admin/secrets"),
        ("CVE-2025-32431", "/public/%2e%2e/admin/secrets"),
        ("CVE-2025-47952", "/public/%2E%2e/admin/secrets"),
        ("half encoded", "/public/.%2e/admin/secrets"),
        ("double encoded", "/public/%252e%252e/admin/secrets"),
        ("one dot", "/public/./a"),
        ("one dot encoded", "/public/%2e/a"),
        ("at the end", "/public/.."),
        ("at the end, one dot", "/public/."),
        ("CVE-2021-29492 encoded slash", "/public%2f..%2fadmin"),
        ("CVE-2025-66490 encoded slash, capital", "/public/a%2Fb"),
        ("backslash", "/public/..\\admin"),
        ("encoded backslash", "/public/..%5cadmin"),
        ("CVE-2021-31920 double slash", "/public//admin"),
        ("double slash first", "//public/a"),
        ("double slash last", "/public/a//"),
        ("encoded NUL", "/public/a%00"),
        ("encoded semicolon", "/public/a%3Bb"),
        ("encoded question mark", "/public/a%3Fb"),
        ("encoded hash", "/public/a%23b"),
        ("encoded percent", "/public/a%25b"),
        ("encoded LF", "/public/a%0a"),
        ("encoded CRLF", "/public/a%0d%0aHost:%20evil"),
        ("encoded DEL", "/public/a%7f"),
        ("CVE-2026-73511 path parameter", "/public/..;/admin"),
        ("path parameter", "/public;x=1/a"),
        ("session parameter", "/public/a;jsessionid=1"),
        ("CVE-2026-27587 encoded letter", "/%61dmin/a"),
        ("encoded hyphen", "/public/a%2Db"),
        ("encoded tilde", "/public/%7Ea"),
        ("overlong dot", "/public/%c0%ae%c0%ae/admin"),
        ("overlong slash", "/public/%c0%afadmin"),
        ("UTF-16 surrogate", "/public/%ed%a0%80"),
        ("broken UTF-8", "/public/%ff"),
        ("IIS spelling", "/public/%u002e%u002e/admin"),
        ("percent alone", "/public/%"),
        ("percent and one digit", "/public/%2"),
        ("percent and letters", "/public/%zz"),
        ("brackets", "/public/[a]"),
        ("braces", "/public/{a}"),
        ("bar", "/public/a|b"),
        ("caret", "/public/a^b"),
        ("grave", "/public/a`b"),
    ];
    for (id, target) in rows {
        let answer = world.send(&Request::get(target));
        assert_eq!(answer.status(), 400, "{id}: {target}: {}", answer.text());
        assert_eq!(world.upstream.hits(), 0, "{id}");
    }
    // Octets that no URI has: hyper refuses them before we see them, or we do.
    for target in ["/public/a\"b", "/public/<a>", "/public/\u{e7}", "/public/a b"] {
        assert_eq!(world.send(&Request::get(target)).status(), 400, "{target}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// CVE-2021-32779, CVE-2021-39156, CVE-2023-45539, CVE-2026-41059: a fragment is no part of a request target.
#[test]
fn a_fragment_is_no_part_of_a_target() {
    let world = two_doors();
    for target in [
        "/admin/a#/public",
        "/admin/a#",
        "/admin/a?x#/public/b",
        "/admin#/../public/a",
        "/public/a#/admin",
        "/public/a#../admin/b",
    ] {
        assert_eq!(world.send(&Request::get(target)).status(), 400, "{target}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// RFC 3986 §3.4: an octet beyond ASCII has no place in a query, and no two servers read it alike.
#[test]
fn a_query_is_ascii() {
    let world = two_doors();
    for target in ["/public/a?günaydın", "/public/a?x=%\u{5f4}1", "/public/a?\u{80}"] {
        assert_eq!(world.send(&Request::get(target)).status(), 400, "{target}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(world.send(&Request::get("/public/a?x=%C3%A9&{}|")).status(), 200, "what is encoded passes");
}

/// oauth2-proxy CVE-2025-54576, CVE-2020-8595: the query decides nothing.
#[test]
fn nothing_in_a_query_opens_a_route() {
    let world = two_doors();
    for target in
        ["/admin/a?x=/public/", "/admin/a?/public/a", "/admin/a?/../public/a", "/admin/a?", "/admin/a?path=%2fpublic"]
    {
        assert_eq!(world.send(&Request::get(target)).status(), 401, "{target}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(world.send(&Request::get("/public/a?x=/../../admin")).status(), 200);
    assert_eq!(world.upstream.only().target(), "/public/a?x=/../../admin");
}

/// An encoded octet is the same resource to many servers: where it would be under another rule it is refused.
#[test]
fn an_encoded_spelling_of_a_literal_is_not_the_parameter_beside_it() {
    let world = two_doors();
    let admin = Token::good().scope("admin");
    for target in ["/users/%40me", "/users/%40%6de"] {
        let answer = world.get(target, &admin);
        assert_eq!(answer.status(), 400, "{target}");
    }
    assert_eq!(world.upstream.hits(), 0);
    for target in ["/users/%40you", "/users/a%20b", "/users/%C5%9F", "/users/a+b!$&'()*,=:@~"] {
        assert_eq!(world.get(target, &admin).status(), 200, "{target}");
        assert_eq!(world.upstream.last().target(), target, "byte for byte");
    }
}

/// Case is part of a path, and a slash at its end too.
#[test]
fn no_path_is_folded() {
    let world = two_doors();
    for target in ["/Public/a", "/PUBLIC/a", "/public/", "/publicx/a", "/publi/a", "/"] {
        assert_eq!(world.send(&Request::get(target)).status(), 404, "{target}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(world.send(&Request::get("/public/a/")).status(), 200);
    assert_eq!(world.upstream.only().target(), "/public/a/");
}

#[test]
fn absolute_form_is_the_same_request_and_goes_on_in_origin_form() {
    let world = two_doors();
    let ask = |target: &str, host: &str| world.send(&Request::get(target).host(Some(host)));
    assert_eq!(ask("http://a.example/public/a?b=c", "a.example").status(), 200);
    assert_eq!(world.upstream.last().target(), "/public/a?b=c");
    assert_eq!(world.upstream.last().one("host"), "a.example");
    for (target, host, status) in [
        ("http://a.example/admin/a", "a.example", 401),
        ("http://a.example/public/../admin/a", "a.example", 400),
        ("http://a.example//admin/a", "a.example", 400),
        ("http://b.example/public/a", "a.example", 400),
        ("http://a.example:80/public/a", "a.example", 400),
        ("http://a.example@b.example/public/a", "a.example", 400),
    ] {
        assert_eq!(ask(target, host).status(), status, "{target}");
    }
    assert_eq!(world.upstream.hits(), 1);
}

/// An upstream that cuts path parameters off, folds case and decodes twice, as some do, still gets no other path.
#[test]
fn a_lenient_upstream_reads_what_the_rule_saw() {
    let world = Setup::routes(&[route("/public/{*rest}", "GET", "access: open")]).before(Server::echo());
    let corpus =
        ["a/b", "a/..", "a/%2e%2e/b", "a;b/c", "%2e", "a%2fb", "a%5c..%5cb", "a/b..", "a/...", "a/.b", "%c5%9f/b"];
    for rest in corpus {
        world.send(&Request::get(&format!("/public/{rest}")));
    }
    for request in world.upstream.requests() {
        let mut path = request.target().to_owned();
        for _ in 0..2 {
            path = percent_encoding(&path);
        }
        let path = path.replace('\\', "/");
        assert!(!path.split('/').any(|segment| matches!(segment.split(';').next(), Some(".." | "."))), "{path}");
    }
    assert_eq!(world.upstream.hits(), 5);
}

fn percent_encoding(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let pair = path.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], pair) {
            (b'%', Some(octet)) => {
                decoded.push(octet);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
