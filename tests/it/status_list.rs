//! VERIFY, status lists (draft-ietf-oauth-status-list): what a list says of a token, which lists are believed, and where
//! they may be fetched.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World, issuer};
use crate::support::introspection::{Introspection, active_with, assert_unavailable, json_answer, pay};
use crate::support::keys::{self, Key};
use crate::support::server::{Server, always, ok};
use crate::support::status_list::{Lists, ask, deflated, fetches, listed, metric, packed};
use crate::support::tokens::{ISSUER, NOW, Token};
use serde_json::{Value, json};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// E9, SL-5: 0 is good, everything else is not, and nobody but the log learns more.
#[test]
fn only_the_status_zero_is_good() {
    let lists = Lists::of(&[0, 1, 2, 3, 0]);
    let world = lists.gateway();
    let row = |name, index| (name, lists.token(1, index).mint(), "token_status");
    world.accepts(&[("valid", lists.token(1, 0).mint()), ("valid too", lists.token(1, 4).mint())]);
    world.refuses(&[row("invalid", 1), row("suspended", 2), row("the issuer's own", 3), row("again", 1)]);
    assert_eq!(lists.fetches(), 1);
    let request = lists.server.only();
    assert_eq!(request.one("accept"), "application/statuslist+jwt");
    assert!(request.get("authorization").is_none() && request.get("cookie").is_none());

    lists.serves(2, &lists.list_with(2, &deflated(8, &[0, 1, 255]), &json!({})));
    world.accepts(&[("a whole octet", lists.token(2, 0).mint())]);
    let row = |name, index| (name, lists.token(2, index).mint(), "token_status");
    world.refuses(&[row("invalid", 1), row("the last there is", 2)]);
}

/// SL-1, JWT-18: a token that is refused without its list never makes us fetch one.
#[test]
fn a_bad_token_fetches_no_list() {
    let lists = Lists::of(&[0, 0]);
    let world = lists.gateway();
    let body = json!({"issuer": ISSUER, "token_id": "revoked"}).to_string();
    let revoke = Request::new("POST", "/revoke").field("content-type: application/json").body(body);
    assert_eq!(world.ask_admin(&revoke).status(), 204);
    let token = || lists.token(1, 0);
    world.refuses(&[
        ("signature", token().by(&Key::new("ec")).mint(), "signature_wrong"),
        ("key", token().by(&Key::new("unknown")).mint(), "key_unknown"),
        ("type", token().header("typ", "JWT").mint(), "type_wrong"),
        ("audience", token().claim("aud", "https://other").mint(), "audience_wrong"),
        ("issuer", token().claim("iss", "https://other").mint(), "issuer_unknown"),
        ("claim", token().without("client_id").mint(), "claim_missing"),
        ("expired", token().claim("exp", NOW - 6).mint(), "token_expired"),
        ("early", token().claim("nbf", NOW + 11).mint(), "token_early"),
        ("revoked", token().claim("jti", "revoked").mint(), "token_revoked"),
        ("a list itself", lists.list(1, &[0]).mint(), "issuer_unknown"),
        ("a list with an issuer", lists.list_with(1, &packed(&[0]), &json!({"iss": ISSUER})).mint(), "type_wrong"),
    ]);
    assert_eq!(lists.fetches(), 0);
    world.accepts(&[("a good one", token().mint())]);
    assert_eq!(lists.fetches(), 1);
}

/// SL-2, SL-3, JWT-18: a list that is not exactly the one that was asked for, signed by the issuer, blames no token.
#[test]
fn a_list_that_is_not_exactly_right_is_none() {
    let lists = Lists::empty();
    let world = lists.gateway();
    let with = |number, members: Value| lists.list_with(number, &packed(&[0]), &members);
    let of = |number, list: Value| lists.list_with(number, &list, &json!({}));
    let rows: [(&str, &dyn Fn(usize) -> String); 21] = [
        ("type of an access token", &|n| lists.list(n, &[0]).header("typ", "at+jwt").mint()),
        ("type of any token", &|n| lists.list(n, &[0]).header("typ", "JWT").mint()),
        ("type of a CWT", &|n| lists.list(n, &[0]).header("typ", "statuslist+cwt").mint()),
        ("no type", &|n| lists.list(n, &[0]).without_header("typ").mint()),
        ("signature", &|n| lists.list(n, &[0]).by(&Key::new("ec")).mint()),
        ("key", &|n| lists.list(n, &[0]).by(&Key::new("unknown")).mint()),
        ("algorithm not allowed", &|n| lists.list(n, &[0]).header("alg", "ES384").mint()),
        ("no algorithm", &|n| lists.list(n, &[0]).header("alg", "none").mint_with(|_| Vec::new()) + "AA"),
        ("shared secret", &|n| lists.list(n, &[0]).header("alg", "HS256").mint()),
        ("critical", &|n| lists.list(n, &[0]).header("crit", json!(["x"])).mint()),
        ("another list", &|n| with(n, json!({"sub": lists.uri(n + 1)})).mint()),
        ("another spelling", &|n| with(n, json!({"sub": lists.uri(n).replace("http", "HTTP")})).mint()),
        ("no subject", &|n| with(n, json!({"sub": null})).mint()),
        ("no date", &|n| with(n, json!({"iat": null})).mint()),
        ("from the future", &|n| with(n, json!({"iat": NOW + 11})).mint()),
        ("expired", &|n| with(n, json!({"exp": NOW - 5})).mint()),
        ("negative time", &|n| with(n, json!({"ttl": -1})).mint()),
        ("three bits", &|n| of(n, deflated(3, &[0])).mint()),
        ("not compressed", &|n| of(n, json!({"bits": 1, "lst": "AAAA"})).mint()),
        ("zip bomb", &|n| of(n, deflated(1, &vec![0; (16 << 20) + 1])).mint()),
        ("no token", &|_| "{}".to_owned()),
    ];
    for (number, (name, list)) in rows.iter().enumerate() {
        lists.says(number, ok("application/statuslist+jwt", &list(number)));
        let request = Request::get("/accounts").token(&lists.token(number, 0).mint()).numbered(number);
        assert_unavailable(&world.send(&request), name);
        assert!(fetches(&world, "absurd") > number, "{name}");
    }
    for (number, (name, _)) in rows.iter().enumerate() {
        assert_eq!(world.log_line(number)["reason"], "status_unavailable", "{name}");
    }
    assert_eq!((fetches(&world, "good"), fetches(&world, "unreachable"), world.upstream.hits()), (0, 0, 0));
    lists.serves(90, &of(90, deflated(1, &vec![0; 16 << 20])));
    lists.serves(91, &with(91, json!({"iat": NOW + 10, "exp": NOW - 4})));
    lists.serves(92, &lists.list(92, &[0]).by(&keys::rsa()).header("typ", "application/statuslist+jwt"));
    for number in 90..93 {
        world.accepts(&[("at the bound", lists.token(number, 0).mint())]);
    }
}

/// E24, CWE-918: whatever is no 200 is no list, and a redirect leads nowhere.
#[test]
fn an_answer_that_is_not_200_is_no_list() {
    let (lists, elsewhere) = (Lists::empty(), Server::echo());
    let world = lists.gateway();
    let long = |bytes: usize, number| {
        let list = lists.list(number, &[0]).mint();
        ok("application/statuslist+jwt", &(" ".repeat(bytes - list.len()) + &list))
    };
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.address());
    for (number, (name, answer)) in [
        ("redirect", moved.as_str()),
        ("missing", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        ("failing", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
        ("empty", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("no HTTP", "\0\0\r\n\r\n"),
        ("too long", &long((8 << 20) + 1, 5)),
    ]
    .into_iter()
    .enumerate()
    {
        lists.says(number, answer);
        assert_unavailable(&ask(&world, &lists.token(number, 0)), name);
        assert!(fetches(&world, "unreachable") > number, "{name}");
    }
    assert_eq!(elsewhere.hits(), 0);
    lists.says(6, long(8 << 20, 6));
    world.accepts(&[("as long as it may be", lists.token(6, 0).mint())]);
}

/// SL-3: an index beyond the end is refused; a token that is younger than the list makes it be fetched anew.
#[test]
fn an_index_beyond_the_end_is_refused_unless_the_list_has_grown() {
    let lists = Lists::of(&[0, 0, 0, 0]);
    let world = lists.gateway();
    world.accepts(&[("the last", lists.token(1, 3).mint())]);
    let row = |name, index| (name, lists.token(1, index).mint(), "token_status");
    world.refuses(&[row("one past it", 4), row("far away", u64::MAX)]);
    assert_eq!(lists.fetches(), 1);

    world.clock.advance(Duration::from_secs(2));
    lists.serves(1, &lists.list_with(1, &packed(&[0, 0, 0, 0, 0, 1]), &json!({"iat": NOW + 1})));
    let young = |index| lists.token(1, index).claim("iat", NOW + 1);
    world.accepts(&[("a new one", young(4).mint())]);
    assert_eq!(lists.fetches(), 2);
    world.refuses(&[
        ("a new one that was revoked", young(5).mint(), "token_status"),
        ("a new one that is not there", young(8).mint(), "token_status"),
    ]);
    assert_eq!(lists.fetches(), 2, "it is younger than the token now");
}

/// CWE-918: lists are fetched where the operator said, whatever a token says; that is not the token's fault.
#[test]
fn a_list_elsewhere_is_never_fetched() {
    let (lists, elsewhere) = (Lists::of(&[0]), Server::echo());
    let world = lists.gateway();
    let uris = [
        format!("http://{}/status/1", elsewhere.address()),
        lists.uri(1).replace("/status/", "/admin/"),
        lists.uri(1).replace("/status/", "/status/../admin/"),
        lists.uri(1).replace("/status/", "/status%2f..%2f"),
        lists.uri(1).replace("http://", &format!("http://{}@", elsewhere.address())),
        lists.uri(1).replace("http", "https"),
        lists.uri(1) + "#x",
        "/status/1".to_owned(),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ];
    for (number, uri) in uris.iter().enumerate() {
        let request = Request::get("/accounts").token(&listed(uri, 0).mint()).numbered(number);
        assert_unavailable(&world.send(&request), uri);
    }
    for (number, uri) in uris.iter().enumerate() {
        assert_eq!(world.log_line(number)["reason"], "status_foreign", "{uri}");
    }
    assert_eq!((lists.fetches(), elsewhere.hits(), world.upstream.hits()), (0, 0, 0));
}

/// What says of a token's status more than we understand may say that it was revoked.
#[test]
fn other_mechanisms_are_503_and_claims_of_another_shape_401() {
    let lists = Lists::of(&[0]);
    let world = lists.gateway();
    let place = json!({"idx": 0, "uri": lists.uri(1)});
    for foreign in [json!({}), json!({"other": {}}), json!({"status_list": place, "other": {}})] {
        assert_unavailable(&ask(&world, &Token::good().claim("status", foreign.clone())), &foreign.to_string());
    }
    let rows: Vec<_> = [
        json!("active"),
        json!(null),
        json!([place]),
        json!({"status_list": [0, lists.uri(1)]}),
        json!({"status_list": {"uri": lists.uri(1)}}),
        json!({"status_list": {"idx": -1, "uri": lists.uri(1)}}),
        json!({"status_list": {"idx": "0", "uri": lists.uri(1)}}),
    ]
    .into_iter()
    .map(|claim| ("shape", Token::good().claim("status", claim).mint(), "claim_invalid"))
    .collect();
    world.refuses(&rows);
    assert_eq!(lists.fetches(), 0);
}

/// The default is the issuer's own origin; `off` looks at nothing; `required` takes nothing on trust.
#[test]
fn the_configuration_says_whether_the_claim_is_looked_at() {
    let lists = Lists::of(&[1]);
    let origin = lists.uri(1).replace("/status/1", "");
    let own = Setup::issuers(&[issuer("bank", &origin, "{ file: jwks.json }")]).start();
    own.refuses(&[("own origin", lists.token(1, 0).claim("iss", origin).mint(), "token_status")]);
    assert_unavailable(&ask(&World::start(), &lists.token(1, 0)), "not at the issuer's origin");

    let entry = issuer("bank", ISSUER, "{ file: jwks.json }") + "    status_list: off\n";
    let off = Setup::issuers(&[entry]).start();
    off.accepts(&[("off", lists.token(1, 0).mint()), ("any", Token::good().claim("status", "active").mint())]);

    let required = lists.setup(", required: true").start();
    required.refuses(&[
        ("without", Token::good().mint(), "claim_missing"),
        ("revoked", lists.token(1, 0).mint(), "token_status"),
    ]);
    assert_eq!(lists.fetches(), 2);
}

/// RFC 7662: the issuer's answer is the status; what it calls so is not looked at.
#[test]
fn an_introspection_answer_has_no_status_of_its_own() {
    let lists = Lists::of(&[1]);
    for status in [json!("active"), json!({"status_list": {"idx": 0, "uri": lists.uri(1)}})] {
        let asked = Introspection::saying(&json_answer(&active_with("status", status)));
        let world = asked.gateway("");
        assert_eq!((world.send(&Request::get("/accounts").token("t")).status(), pay(&world, "t").status()), (200, 200));
    }
    assert_eq!(lists.fetches(), 0);
}

/// A token in a URL is revoked without waiting for its list; one that was refused is not.
#[test]
fn a_listed_token_that_leaked_is_revoked() {
    let lists = Lists::of(&[0]);
    let mut setup = lists.setup("");
    setup.server.push_str("  on_query_token: reject_and_revoke\n");
    let world = setup.start();
    let token = lists.token(1, 0).mint();
    assert_eq!(world.send(&Request::get(&format!("/accounts?access_token={token}"))).status(), 400);
    world.refuses(&[("it leaked", token, "token_revoked")]);
    assert_eq!(lists.fetches(), 0);
}

/// All clients of a thousand are told by one fetch, and none waits again.
#[test]
fn a_thousand_first_requests_are_one_fetch() {
    let (release, held) = mpsc::channel::<()>();
    let (lists, held) = (Lists::empty(), Mutex::new(held));
    let answer = ok("application/statuslist+jwt", &lists.list(1, &[0]).mint());
    let give = always(answer);
    lists.server.becomes(move |request, stream| {
        held.lock().unwrap().recv().unwrap();
        give(request, stream)
    });
    let world = Setup { server: "  workers: 2\n".to_owned(), ..lists.setup("") }.start();
    let mut clients: Vec<Client> = (0..1000).map(|_| world.client()).collect();
    let request = Request::get("/accounts").token(&lists.token(1, 0).mint()).bytes();
    for client in &mut clients {
        assert!(client.write(&request));
    }
    eventually("everybody to wait", || (metric(&world, "list_waits_total") >= 1000).then_some(()));
    drop(clients.drain(..10));
    release.send(()).unwrap();
    for client in &mut clients {
        assert_eq!(client.answer().status(), 200);
    }
    world.accepts(&[("after", lists.token(1, 0).mint())]);
    assert_eq!((lists.fetches(), metric(&world, "list_waits_total")), (1, 1000));
}
