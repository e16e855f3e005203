//! ROUTE over the wire: templates, hosts, 404 and 405 (E21, E22).

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::tokens::Token;

#[test]
fn a_literal_beats_a_parameter_and_a_parameter_the_remainder() {
    let world = Setup::routes(&[
        route("/a/{id}", "GET", "scopes: [parameter]"),
        route("/a/me", "GET", "scopes: [literal]"),
        route("/a/{*rest}", "GET", "scopes: [rest]"),
        route("/a/{id}/b", "GET", "scopes: [nested]"),
        route("/a/me/{x}", "GET", "scopes: [under]"),
        route("/{top}", "GET", "scopes: [top]"),
    ])
    .start();
    for (path, scope) in [
        ("/a/me", "literal"),
        ("/a/you", "parameter"),
        ("/a/m", "parameter"),
        ("/a/me2", "parameter"),
        ("/a/you/b", "nested"),
        ("/a/you/c", "rest"),
        ("/a/you/b/c", "rest"),
        // The literal branch has it, so the parameter's `/b` is not asked.
        ("/a/me/b", "under"),
        // The literal branch ends without a rule: the others are tried.
        ("/a/me/b/c", "rest"),
        ("/a/you/", "rest"),
        ("/b", "top"),
        ("/a", "top"),
    ] {
        for held in ["literal", "parameter", "rest", "nested", "under", "top"] {
            let expected = if held == scope { 200 } else { 403 };
            assert_eq!(world.get(path, &Token::good().scope(held)).status(), expected, "{path} with {held}");
        }
    }
}

#[test]
fn what_no_route_takes_is_404_with_or_without_a_token() {
    let world = World::start();
    let token = Token::good().mint();
    for path in [
        "/",
        "/account",
        "/accountss",
        "/accounts/",
        "/accounts/1/2",
        "/Accounts",
        "/open",
        "/open/",
        "/payments/1",
        "/accounts/1/",
    ] {
        for request in [Request::get(path), Request::get(path).token(&token), Request::get(path).token("garbage")] {
            let answer = world.send(&request);
            assert_eq!((answer.status(), answer.get("www-authenticate")), (404, None), "{path}");
            assert_eq!(answer.json()["detail"], "There is no such resource");
        }
    }
    assert_eq!(world.upstream.hits(), 0);
}

#[test]
fn another_method_is_405_and_allow_names_those_of_the_path() {
    let world = Setup::routes(&[
        route("/accounts", "GET, HEAD", "scopes: [accounts]"),
        route("/consents", "POST", "scopes: [accounts]"),
        route("/{any}", "DELETE", "scopes: [accounts]"),
    ])
    .start();
    for (method, path, allow) in [
        ("POST", "/accounts", "DELETE, GET, HEAD"),
        ("PATCH", "/accounts", "DELETE, GET, HEAD"),
        ("GET", "/consents", "DELETE, POST"),
        ("OPTIONS", "/consents", "DELETE, POST"),
        ("GET", "/other", "DELETE"),
    ] {
        let answer = world.send(&Request::new(method, path));
        assert_eq!((answer.status(), answer.one("allow")), (405, allow), "{method} {path}");
    }
    let answer = world.send(&Request::new("HEAD", "/consents"));
    assert_eq!((answer.status(), answer.body.len()), (405, 0));
    assert_eq!(world.upstream.hits(), 0);
    // The better shape lacks the method, the lesser one has it.
    let delete = Request::new("DELETE", "/accounts").token(&Token::good().mint());
    assert_eq!(world.send(&delete).status(), 200);
}

/// CVE-2021-39155: hosts are compared without case, port and trailing dot.
#[test]
fn a_host_is_compared_without_case_port_and_dot() {
    let world = Setup::routes(&[
        route("/a", "GET", "access: open\nhosts: [api.bank.example]"),
        route("/a", "POST", "access: open\nhosts: [other.example, \"127.0.0.1\"]"),
        route("/b", "GET", "scopes: [accounts]"),
        route("/b", "POST", "access: open\nhosts: [open.example]"),
    ])
    .start();
    let status =
        |method: &str, path: &str, host: &str| world.send(&Request::new(method, path).host(Some(host))).status();
    for host in
        ["api.bank.example", "API.Bank.EXAMPLE", "api.bank.example.", "api.bank.example:8443", "API.bank.example.:80"]
    {
        assert_eq!(status("GET", "/a", host), 200, "{host}");
    }
    for host in ["bank.example", "xapi.bank.example", "api.bank.example.evil", "api-bank.example", "localhost"] {
        assert_eq!(status("GET", "/a", host), 404, "{host}");
    }
    assert_eq!(status("POST", "/a", "127.0.0.1:1"), 200);
    assert_eq!(status("POST", "/a", "api.bank.example"), 405);
    assert_eq!(status("GET", "/a", "other.example"), 405);
    // One rule for every host, one for one host: nobody else gets the open one's terms.
    assert_eq!((status("POST", "/b", "open.example"), status("GET", "/b", "open.example")), (200, 401));
    assert_eq!((status("POST", "/b", "open.example.evil"), status("GET", "/b", "a")), (405, 401));
}

/// Caddy CVE-2026-27588: what holds for one host holds among five hundred, and among ten thousand routes.
#[test]
fn ten_thousand_routes_and_five_hundred_hosts_change_nothing() {
    let hosts: Vec<_> = (0..500).map(|n| format!("h{n}.example")).collect();
    let mut routes: Vec<_> =
        (0..10_000).map(|n| route(&format!("/r{n}/{{id}}/x"), "GET", "scopes: [accounts]")).collect();
    routes.push(route("/hosts", "GET", &format!("access: open\nhosts: [{}]", hosts.join(", "))));
    routes.push(route("/r77/{id}/y", "GET", "access: open"));
    let world = Setup::routes(&routes).start();
    for n in [0, 1, 77, 5000, 9999] {
        assert_eq!(world.send(&Request::get(&format!("/r{n}/1/x"))).status(), 401, "{n}");
        assert_eq!(world.get(&format!("/r{n}/1/x"), &Token::good()).status(), 200, "{n}");
    }
    assert_eq!(world.send(&Request::get("/r10000/1/x")).status(), 404);
    assert_eq!(world.send(&Request::get("/r77/1/y")).status(), 200);
    for (host, status) in [("h0.example", 200), ("H499.EXAMPLE.", 200), ("h500.example", 404), ("h", 404)] {
        assert_eq!(world.send(&Request::get("/hosts").host(Some(host))).status(), status, "{host}");
    }
}
