//! Quotas: how often, within which time, by whom counted; what answers say of them, and what is no call.

use crate::support::client::Request;
use crate::support::quotas::{FOUR_A_DAY, LATE, consent, setup, status, world};
use crate::support::server::{Server, always, ok};
use crate::support::tokens::Token;
use crate::support::wire::Message;
use std::time::Duration;

fn fields(answer: &Message) -> [Option<&str>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| answer.get(name))
}

/// E23. The answer of each request says what is left, and when there will be more.
#[test]
fn a_burst_passes_at_once_and_the_next_when_its_second_has_come() {
    let world = world(&["name: calls, per: client, rate: 1/s, burst: 3"], &[("/a", "quotas: calls")]);
    for (left, wait) in [(2, 1), (1, 1), (0, 1)] {
        let answer = world.get("/a", &Token::good());
        let standing = format!("\"calls\";r={left};t={wait}");
        assert_eq!(fields(&answer), [Some("\"calls\";q=3;w=3"), Some(standing.as_str()), None]);
        assert_eq!(answer.status(), 200);
    }
    let refused = world.send(&Request::get("/a").token(&Token::good().mint()).numbered(7));
    assert_eq!(fields(&refused), [Some("\"calls\";q=3;w=3"), Some("\"calls\";r=0;t=1"), Some("1")]);
    assert_eq!((refused.status(), refused.one("content-type")), (429, "application/problem+json"));
    assert_eq!((refused.get("www-authenticate"), refused.one("cache-control")), (None, "no-store"));
    let line = world.log_line(7);
    assert_eq!((line["reason"].as_str(), line["quota"].as_str()), (Some("quota_spent"), Some("calls")));
    assert_eq!(world.upstream.hits(), 3, "nothing of it went on");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(
        [(); 2].map(|()| status(&world, "/a", &Token::good())),
        [200, 429],
        "refused ones had prolonged nothing"
    );
    world.clock.advance(Duration::from_mins(4));
    assert_eq!([(); 4].map(|()| status(&world, "/a", &Token::good())), [200, 200, 200, 429]);
}

/// RTS-1, BG-3, OB-8: the fifth within any 24 hours, to the second.
#[test]
fn four_unattended_accesses_in_any_twenty_four_hours() {
    let world = world(&[FOUR_A_DAY], &[("/a", "quotas: unattended")]);
    for (hours, left, wait) in [(0, 3, 86_400), (5, 2, 68_400), (5, 1, 50_400), (5, 0, 32_400)] {
        world.clock.advance(Duration::from_hours(hours));
        let answer = world.get("/a", &consent("c").claim("exp", LATE));
        let standing = format!("\"unattended\";r={left};t={wait}");
        assert_eq!(fields(&answer), [Some("\"unattended\";q=4;w=86400"), Some(standing.as_str()), None]);
    }
    let token = || consent("c").claim("exp", LATE);
    assert_eq!(fields(&world.get("/a", &token()))[2], Some("32400"));
    world.clock.advance(Duration::from_secs(32_399));
    let refused = world.get("/a", &token());
    assert_eq!((refused.status(), fields(&refused)[2]), (429, Some("1")));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!([(); 2].map(|()| status(&world, "/a", &token())), [200, 429], "the first has left, the others have not");
    assert_eq!(status(&world, "/a", &token().claim("consent_id", "d")), 200);
}

/// RTS-2, OB-6, BG-3, TR-4: who waits for an answer is never counted, and what cannot be read is no customer.
#[test]
fn a_request_with_its_customer_is_never_counted() {
    let with = |errors: &str| format!("quotas: unattended\nerrors: {errors}");
    let paths = ["obie", "berlin", "ohvps", "problem"].map(|form| (format!("/{form}"), with(form)));
    let paths: Vec<_> = paths.iter().map(|(path, terms)| (path.as_str(), terms.as_str())).collect();
    let world = world(&[FOUR_A_DAY], &paths);
    let send = |path: &str, field: &str| {
        let request = Request::get(path).token(&consent("c").mint());
        world.send(&if field.is_empty() { request } else { request.field(field) }).status()
    };
    for (path, attended) in [
        ("/obie", &["x-fapi-customer-ip-address: 192.0.2.1", "X-FAPI-Customer-IP-Address: 2001:db8::1"][..]),
        ("/problem", &["x-fapi-customer-ip-address: 192.0.2.1"]),
        ("/berlin", &["PSU-IP-Address: 192.0.2.1"]),
        ("/ohvps", &["PSU-Initiated: E", "PSU-Initiated: O"]),
    ] {
        for field in attended.iter().cycle().take(10) {
            assert_eq!(send(path, field), 200, "{field}");
        }
    }
    for (path, unattended) in [
        ("/obie", ["", "x-fapi-customer-ip-address: unknown", "x-fapi-customer-ip-address:", "PSU-IP-Address: ::1"]),
        ("/berlin", ["", "PSU-IP-Address: -", "psu-ip-address: a\r\npsu-ip-address: ::1", "PSU-Initiated: E"]),
        ("/ohvps", ["PSU-Initiated: H", "", "PSU-Initiated: e", "PSU-IP-Address: ::1"]),
    ] {
        for field in unattended {
            assert_eq!(send(path, field), 200, "{field}");
        }
        assert_eq!(send(path, unattended[0]), 429, "{path}");
    }
    for (path, kept_back) in [
        ("/obie", "x-fapi-customer-ip-address: ::1\r\nconnection: x-fapi-customer-ip-address"),
        ("/ohvps", "PSU-Initiated: E\r\nconnection: PSU-Initiated"),
    ] {
        assert_eq!(send(path, kept_back), 429, "{kept_back}: the upstream hears of no customer");
    }
    assert_eq!(send("/ohvps", "PSU-Initiated: O"), 200, "a customer comes through however often others asked");
}

#[test]
fn a_field_of_ones_own_can_say_that_the_customer_is_there() {
    let quota = "name: q, per: client, calls: 1, within: 1h, unattended: true, attended_by: X-Customer-Present";
    let world = world(&[quota], &[("/a", "quotas: q")]);
    let send = |field: &str| world.send(&Request::get("/a").token(&Token::good().mint()).field(field)).status();
    assert_eq!([send("X-Customer-Present: yes"), send("X-Customer-Present: yes")], [200, 200]);
    assert_eq!([send("X-Customer-Present:"), send("x-fapi-customer-ip-address: ::1")], [200, 429]);
}

/// E23, TR-4, BG-3, OB-8: each API's third parties read it in their own form.
#[test]
fn each_form_has_its_code_and_its_fields() {
    let terms = |form: &str| format!("quotas: day\nerrors: {form}");
    let paths = ["obie", "berlin", "ohvps", "problem"].map(|form| (format!("/{form}"), terms(form)));
    let paths: Vec<_> = paths.iter().map(|(path, terms)| (path.as_str(), terms.as_str())).collect();
    let world = world(&["name: day, per: [client, route], calls: 1, within: 24h"], &paths);
    for (path, pointer, code) in [
        ("/obie", "/Errors/0/ErrorCode", "UK.OBIE.UnexpectedError"),
        ("/berlin", "/tppMessages/0/code", "ACCESS_EXCEEDED"),
        ("/ohvps", "/errorCode", "TR.OHVPS.Connection.ExceededRate"),
        ("/problem", "/title", "Too Many Requests"),
    ] {
        let x_fields = |answer: &Message| {
            ["limit", "remaining", "reset"].map(|name| answer.get(&format!("x-ratelimit-{name}")).map(str::to_owned))
        };
        let own = |left: &str| {
            if path == "/ohvps" { ["1", left, "86400"].map(|text| Some(text.to_owned())) } else { [None, None, None] }
        };
        let good = world.get(path, &Token::good());
        assert_eq!((good.status(), x_fields(&good)), (200, own("0")), "{path}");
        let refused = world.get(path, &Token::good());
        assert_eq!((refused.status(), x_fields(&refused)), (429, own("0")), "{path}");
        assert_eq!(refused.json().pointer(pointer).and_then(|code| code.as_str()), Some(code), "{path}");
        let expected = [Some("\"day\";q=1;w=86400"), Some("\"day\";r=0;t=86400"), Some("86400")];
        assert_eq!(fields(&refused), expected, "{path}");
    }
}

/// RTS-1: further pages of one query are the same access, for ten minutes.
#[test]
fn further_pages_are_no_calls_while_their_call_is_young() {
    let quota = "name: q, per: consent, calls: 2, within: 24h, pages: [page, cursor]";
    let world = world(&[quota], &[("/a", "quotas: q")]);
    let send = |target: &str| status(&world, target, &consent("c").claim("exp", LATE));
    assert_eq!([send("/a"), send("/a?page=2"), send("/a?size=5&page"), send("/a?cursor=")], [200; 4]);
    world.clock.advance(Duration::from_mins(10));
    assert_eq!([send("/a?page=3"), send("/a?mypage=3"), send("/a?page=4")], [200; 3]);
    world.clock.advance(Duration::from_secs(601));
    assert_eq!([send("/a?page=5"), send("/a"), send("/a?%70age=5")], [429; 3], "of nothing that was asked lately");
}

/// Of several quotas all must have room, and what one refuses takes nothing of the others.
#[test]
fn one_quota_that_refuses_takes_nothing_of_the_others() {
    let quotas = [
        "name: rate, per: client, rate: 1/h, burst: 5",
        "name: day, per: client, calls: 5, within: 24h",
        "name: consent, per: consent, calls: 1, within: 24h, routes: all",
    ];
    let world = world(&quotas, &[("/a", "quotas: [day, rate]")]);
    let first = world.get("/a", &consent("c"));
    assert_eq!(first.get("ratelimit"), Some("\"rate\";r=4;t=3600, \"day\";r=4;t=86400, \"consent\";r=0;t=86400"));
    for _ in 0..10 {
        let refused = world.get("/a", &consent("c"));
        assert_eq!((refused.status(), fields(&refused)[1]), (429, Some("\"consent\";r=0;t=86400")));
    }
    let sent = ["d", "e", "f", "g", "h"].map(|id| status(&world, "/a", &consent(id)));
    assert_eq!(sent, [200, 200, 200, 200, 429]);
}

/// What is refused for another reason takes nothing, and what the bank failed to answer was no access.
#[test]
fn only_what_was_answered_counts() {
    let quota = "name: q, per: client, calls: 2, within: 24h";
    let world =
        setup(&[quota], &[("/a", "quotas: q\ntotal_timeout: 5s")]).before(Server::answering(ok("text/plain", "a")));
    assert_eq!(status(&world, "/a", &Token::good().scope("payments")), 403);
    assert_eq!(status(&world, "/a", &Token::good().claim("exp", 1)), 401);
    world.upstream.becomes(always("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"));
    for _ in 0..3 {
        let failed = world.get("/a", &Token::good());
        assert_eq!((failed.status(), fields(&failed)), (503, [None, None, None]));
    }
    world.upstream.becomes(always("no HTTP\r\n\r\n"));
    assert_eq!(status(&world, "/a", &Token::good()), 502);
    world.upstream.becomes(always("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
    assert_eq!(status(&world, "/a", &Token::good()), 404);
    world.upstream.becomes(always(ok("text/plain", "a")));
    assert_eq!([(); 2].map(|()| status(&world, "/a", &Token::good())), [200, 429]);
}

#[test]
fn counts_outlive_a_reload_that_changes_only_how_many_there_may_be() {
    let with = |quota: &str| setup(&[quota], &[("/a", "quotas: q")]);
    let world = with("name: q, per: client, calls: 2, within: 24h").start();
    let send = || status(&world, "/a", &Token::good());
    let decisions = || world.metric("scopegate_quota_decisions_total{quota=\"q\",outcome=\"refused\"}");
    assert_eq!([send(), send(), send()], [200, 200, 429]);
    world.reload(&with("name: q, per: client, calls: 2, within: 24h")).unwrap();
    assert_eq!(send(), 429);
    world.reload(&with("name: q, per: client, calls: 3, within: 24h, routes: all")).unwrap();
    assert_eq!([send(), send()], [200, 429]);
    assert!((decisions() - 3.0).abs() < 0.5);
    world.reload(&with("name: q, per: client, calls: 3, within: 23h")).unwrap();
    assert_eq!([send(), send(), send(), send()], [200, 200, 200, 429], "another count begins anew");
    assert!((decisions() - 1.0).abs() < 0.5);
}
