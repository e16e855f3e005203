//! REWRITE: the upstream knows the beginning of a path by another name. Who may pass is decided on the path that was asked
//! for, and no path leads out of what the rewrite names (Traefik CVE-2026-48020).

use crate::support::assertions::last;
use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::http2_server::Http2;
use crate::support::server::nobody;
use crate::support::tokens::Token;
use crate::upstream_http2::PROTOCOL;
use proptest::prelude::*;
use scopegate::config;
use scopegate::gateway::read;
use serde_json::json;
use std::path::Path;

fn rewritten(path: &str, terms: &str, from: &str, to: &str) -> String {
    route(path, "GET, POST", &format!("{terms}\nrewrite: {{ from: {from}, to: {to} }}"))
}

fn world() -> World {
    Setup {
        further: "assertion: {}\n".to_owned(),
        ..Setup::routes(&[
            rewritten("/open-banking/v4/accounts/{id}", "scopes: [accounts]", "/open-banking/v4", "/v1"),
            rewritten("/open-banking/v4/admin/{*rest}", "scopes: [admin]", "/open-banking/v4/admin", "/admin"),
            rewritten("/public/{*rest}", "access: open", "/public", "/"),
            rewritten("/public", "access: open", "/public", "/"),
            rewritten("/root/{*rest}", "access: open", "/", "/api/v2"),
            rewritten("/slash/", "access: open", "/slash", "/s"),
            rewritten("/whole", "access: open", "/whole", "/a/b"),
            route("/v1/{*rest}", "GET", "scopes: [admin]"),
        ])
    }
    .start()
}

#[test]
fn the_beginning_changes_and_nothing_else() {
    let world = world();
    let token = Token::good().mint();
    for (target, expected) in [
        ("/open-banking/v4/accounts/1", "/v1/accounts/1"),
        ("/open-banking/v4/accounts/%C5%9F%c5%9f?q=%41+b&&=", "/v1/accounts/%C5%9F%c5%9f?q=%41+b&&="),
        ("/open-banking/v4/accounts/1?", "/v1/accounts/1?"),
        ("/open-banking/v4/accounts/1?/../open-banking/v4", "/v1/accounts/1?/../open-banking/v4"),
        ("/open-banking/v4/accounts/open-banking", "/v1/accounts/open-banking"),
        ("/public/public/a/", "/public/a/"),
        ("/public?a=/b", "/?a=/b"),
        ("/public", "/"),
        ("/root/a", "/api/v2/root/a"),
        ("/slash/", "/s/"),
        ("/whole", "/a/b"),
        ("http://api.bank.example/whole?x", "/a/b?x"),
    ] {
        let answer = world.send(&Request::get(target).token(&token));
        assert_eq!((answer.status(), answer.text()), (200, format!("GET {expected} HTTP/1.1")), "{target}");
    }
    // A body goes where its path does.
    let post = Request::new("POST", "/whole").body("pay");
    assert_eq!(world.send(&post).text(), "POST /a/b HTTP/1.1");
    assert_eq!(world.upstream.last().text(), "pay");
}

/// The same to a server that is spoken to by HTTP/2.
#[test]
fn the_beginning_changes_by_http_2_too() {
    let server = Http2::echo();
    let setup = Setup::routes(&[rewritten("/public/{*rest}", "access: open", "/public", "/v2")]);
    let world = Setup { servers: server.servers(), upstream: PROTOCOL.to_owned(), ..setup }.start();
    assert_eq!(world.send(&Request::get("/public/a?b=/public")).status(), 200);
    assert_eq!(server.seen().pop().unwrap().head.uri.path_and_query().unwrap(), "/v2/a?b=/public");
}

/// The rule is that of the path which was asked for, whatever rule the other path would have come under.
#[test]
fn rules_are_decided_on_the_path_that_was_asked_for() {
    let world = world();
    let token = Token::good().mint();
    for (target, status) in [
        ("/open-banking/v4/accounts/1", 200),
        ("/open-banking/v4/admin/a", 403),
        ("/v1/accounts/1", 403),
        ("/public/admin/a", 200),
        ("/admin/a", 404),
        ("/api/v2/root/a", 404),
    ] {
        assert_eq!(world.send(&Request::get(target).token(&token).numbered(1)).status(), status, "{target}");
    }
    assert_eq!(world.log_line(1)["path"], "/open-banking/v4/accounts/1", "the log keeps to it too");
}

/// CVE-2026-48020: what is left when a prefix is taken away is no new path to be read.
#[test]
fn no_spelling_leads_out_of_what_the_rewrite_names() {
    let world = world();
    for target in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public..",
        "/public../admin",
        "/public/..",
        "/public//evil.example/a",
        "/public//",
        "/public/.",
        "/public/%2e%2e%2fadmin",
        "/public/..%2fadmin",
        "/public\\..\\admin",
        "/public/;/../admin",
        "/publicadmin",
        "/public%2f..%2fadmin",
        "//public/admin",
        "/Public/admin",
        "/%70ublic/admin",
    ] {
        let status = world.send(&Request::get(target)).status();
        assert!(matches!(status, 400 | 404), "{target}: {status}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// HTTP-26: an API compares what is asserted with what it sees.
#[test]
fn an_assertion_names_the_path_that_goes_on() {
    let world = world();
    for (target, expected) in
        [("/open-banking/v4/accounts/1?q=1", "/v1/accounts/1"), ("/open-banking/v4/accounts/2", "/v1/accounts/2")]
    {
        assert_eq!(world.get(target, &Token::good()).status(), 200);
        assert_eq!(last(&world).claims["path"], json!(expected));
    }
}

fn segments(text: &'static str, count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    proptest::collection::vec(text, count).prop_map(|all| all.iter().flat_map(|one| ["/", one]).collect())
}

proptest! {
    /// Whatever a route matches goes where its rewrite says and nowhere above, in one reading.
    #[test]
    fn what_goes_on_is_canonical_and_stays_below(
        from in segments("[ab.~]{1,3}", 0..4),
        to in segments("[ab.~]{1,3}", 0..4),
        rest in segments("(a|\\.|%2e|%C5%9F|%2f|;|@){1,3}", 0..4),
        slash in "/?",
    ) {
        let root = |path: &str| if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        let entry = rewritten(&format!("{from}/{{*rest}}"), "access: open", &format!("\"{}\"", root(&from)), &format!("\"{}\"", root(&to)));
        let setup = Setup { issuers: String::new(), ..Setup::routes(&[entry]) };
        // Dots alone and a beginning that replaces itself are refused.
        let settings = config::parse(&setup.yaml(nobody()), Path::new("scopegate.yaml"));
        let is_plain = |path: &str| read::is_canonical(root(path).as_bytes());
        prop_assert_eq!(settings.is_ok(), is_plain(&from) && is_plain(&to) && from != to);
        let path = root(&format!("{from}{rest}{slash}"));
        if let Ok(settings) = settings && read::is_canonical(path.as_bytes()) {
            let rewrite = settings.routes[0].rewrite.as_ref().unwrap();
            let on = rewrite.of(&path).unwrap();
            prop_assert!(read::is_canonical(on.as_bytes()), "{path} became {on}");
            prop_assert!(on.starts_with(&to) && on[to.len()..].starts_with('/') || on == root(&to), "{path} became {on}");
            prop_assert_eq!(on.strip_prefix(to.as_str()).unwrap().trim_start_matches('/'), path.strip_prefix(from.as_str()).unwrap().trim_start_matches('/'));
        }
    }
}
