//! VERIFY, opaque tokens: what is remembered for how long, who shares a call, and issuers that are away.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, route};
use crate::support::introspection::{
    Introspection, active, active_with, ask, assert_unavailable, calls, json_answer, pay, secret,
};
use crate::support::server::{After, nobody, write};
use crate::support::tokens::{ISSUER, NOW};
use scopegate::config::bounds::INTROSPECTION_QUEUE_MAX;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// INT-4, INT-5, Kong OIDC 3.15.0.1, liboauth2 CWE-613: an answer never outlives `exp` nor the configured time.
#[test]
fn an_answer_is_remembered_for_its_time_and_never_beyond_exp() {
    let issuer = Introspection::saying(&json_answer(&active_with("exp", json!(NOW + 2))));
    let world = issuer.gateway(", cache: 1m");
    assert_eq!((ask(&world, "short").status(), ask(&world, "short").status(), issuer.calls()), (200, 200, 1));
    world.clock.advance(Duration::from_secs(3));
    issuer.says(&json_answer(&json!({"active": false})));
    assert_eq!((ask(&world, "short").status(), issuer.calls()), (401, 2), "asked again");

    issuer.says(&json_answer(&active_with("exp", json!(NOW + 600))));
    assert_eq!((ask(&world, "long").status(), ask(&world, "long").status(), issuer.calls()), (200, 200, 3));
    issuer.says(&json_answer(&json!({"active": false})));
    world.clock.advance(Duration::from_secs(59));
    assert_eq!((ask(&world, "long").status(), issuer.calls()), (200, 3));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!((ask(&world, "long").status(), issuer.calls()), (401, 4), "the bound on a revocation's delay");
    assert!((world.metric("scopegate_introspection_cache_seconds{issuer=\"bank\"}") - 60.0).abs() < 0.1);

    issuer.says(&json_answer(&active_with("exp", json!(NOW + 62))));
    for n in 5..8 {
        assert_eq!((ask(&world, "in-its-leeway").status(), issuer.calls()), (200, n), "a past `exp` is not stored");
    }
}

/// INT-5: a route that always asks sees a revocation at once, and so do the others after it.
#[test]
fn a_route_that_always_asks_sees_a_revocation_at_once() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    let mut client = world.client();
    let payment = Request::new("POST", "/payments").token("t").body("");
    assert_eq!((ask(&world, "t").status(), ask(&world, "t").status(), issuer.calls()), (200, 200, 1));
    for n in 2..5 {
        assert_eq!((client.send(&payment).status(), issuer.calls()), (200, n));
    }
    issuer.says(&json_answer(&json!({"active": false})));
    assert_eq!(ask(&world, "t").status(), 200, "within the stated time");
    assert_eq!(client.send(&payment).status(), 401);
    assert_eq!(ask(&world, "t").status(), 401, "what one route learns the others know");
    issuer.says(&json_answer(&active()));
    assert_eq!((ask(&world, "t").status(), client.send(&payment).status()), (401, 200), "refusals are remembered too");
    assert_eq!(ask(&world, "t").status(), 200);
}

/// INT-5: a connection that remembers its last token is told as soon as everybody else.
#[test]
fn what_a_connection_remembers_is_no_older_than_what_others_know() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    let mut client = world.client();
    let mut status = || client.send(&Request::get("/accounts").token("t")).status();
    assert_eq!((status(), status(), status(), issuer.calls()), (200, 200, 200, 1));
    issuer.says(&json_answer(&active_with("scope", json!("payments"))));
    assert_eq!((status(), pay(&world, "t").status(), status()), (200, 200, 403), "another answer is in its place");
    issuer.says(&json_answer(&json!({"active": false})));
    assert_eq!((status(), pay(&world, "t").status(), status()), (403, 401, 401), "it was taken back");
    assert_eq!(issuer.calls(), 3);
}

/// Zero: every request asks.
#[test]
fn a_cache_of_no_time_remembers_nothing() {
    let issuer = Introspection::active();
    let world = issuer.gateway(", cache: 0s, negative_cache: 0s");
    assert_eq!((ask(&world, "t").status(), ask(&world, "t").status(), issuer.calls()), (200, 200, 2));
    issuer.says(&json_answer(&json!({"active": false})));
    assert_eq!((ask(&world, "t").status(), ask(&world, "t").status(), issuer.calls()), (401, 401, 4));
}

/// INT-6: refusals are remembered for a short time, and a flood of random tokens evicts no good verdict.
#[test]
fn a_flood_of_random_tokens_evicts_no_good_verdict() {
    let endpoint = Introspection::with(|question, stream| {
        let is_good = question.text().starts_with("token=good");
        write(stream, json_answer(&if is_good { active() } else { json!({"active": false}) }))
    });
    let setup = Setup { limits: "  verdicts: 16\n".to_owned(), ..endpoint.setup("") };
    let world = setup.with_files(&secret());
    let mut client = world.client();
    let mut status = |token: &str| client.send(&Request::get("/accounts").token(token)).status();
    for n in 0..8 {
        assert_eq!(status(&format!("good-{n}")), 200);
    }
    for n in 0..500 {
        assert_eq!(status(&format!("random-{n}")), 401);
    }
    assert_eq!((status("random-499"), endpoint.calls()), (401, 508), "remembered");
    for n in 0..8 {
        assert_eq!(status(&format!("good-{n}")), 200);
    }
    assert_eq!(endpoint.calls(), 508, "a good token was asked about again");
    world.clock.advance(Duration::from_secs(10));
    assert_eq!((status("random-499"), endpoint.calls()), (401, 509), "not for longer than ten seconds");
}

/// INT-6, lua-resty-openidc#573: a thousand requests of two workers with one new token are one call.
#[test]
fn a_thousand_requests_with_one_new_token_are_one_call() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let endpoint = Introspection::with(move |_, stream| {
        held.lock().unwrap().recv().unwrap();
        write(stream, json_answer(&active()))
    });
    let setup = Setup { server: "  workers: 2\n".to_owned(), ..endpoint.setup(", timeout: 20s") };
    let world = setup.with_files(&secret());
    let mut clients: Vec<Client> = (0..1000).map(|_| world.client()).collect();
    let request = Request::get("/accounts").token("new").bytes();
    for client in &mut clients {
        assert!(client.write(&request));
    }
    let coalesced = "scopegate_introspections_coalesced_total{issuer=\"bank\"}";
    eventually("everybody to wait", || (world.metric(coalesced) >= 999.0).then_some(()));
    // Who leaves takes nobody else's answer along.
    drop(clients.drain(..10));
    release.send(()).unwrap();
    for client in &mut clients {
        assert_eq!(client.answer().status(), 200);
    }
    assert_eq!((endpoint.calls(), ask(&world, "new").status(), endpoint.calls()), (1, 200, 1));
}

/// INT-6: as many questions wait as the queue holds, beside the call under way; one more may be on its way to be the next
/// call, and the one after that is 503 at once. The others get their answers.
#[test]
fn one_question_more_than_the_queue_holds_is_503() {
    let is_held = Arc::new(AtomicBool::new(true));
    let held = Arc::clone(&is_held);
    let endpoint = Introspection::with(move |_, stream| {
        eventually("the release", || (!held.load(Ordering::Relaxed)).then_some(()));
        write(stream, json_answer(&active()))
    });
    let world = endpoint.gateway(", timeout: 20s, calls: 1");
    let turned_away = "scopegate_introspections_turned_away_total{issuer=\"bank\"}";
    for (round, waiting, away) in [(0, INTROSPECTION_QUEUE_MAX, 0..=0), (1, INTROSPECTION_QUEUE_MAX + 2, 1..=2)] {
        is_held.store(true, Ordering::Relaxed);
        let before = endpoint.calls();
        let mut clients: Vec<Client> = (0..=waiting).map(|_| world.client()).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            let request = Request::get("/accounts").token(&format!("token-{round}-{n}")).numbered(10_000 * round + n);
            assert!(client.write(request.bytes()));
            if n == 0 {
                // It is the call under way before the queue fills.
                endpoint.0.wait_for(before + 1);
            }
        }
        assert_eq!(world.send(&Request::get("/open")).status(), 200);
        if *away.start() > 0 {
            eventually("one that is turned away", || (world.metric(turned_away) > 0.5).then_some(()));
        }
        is_held.store(false, Ordering::Relaxed);
        let answers: Vec<_> = clients.iter_mut().map(Client::answer).collect();
        let refused: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.status() != 200).collect();
        assert!(away.contains(&refused.len()), "{round}: {} were turned away", refused.len());
        for (n, answer) in refused {
            assert_unavailable(answer, "the queue is full");
            assert_eq!(world.log_line(10_000 * round + n)["reason"], "issuer_busy");
        }
    }
}

/// Oathkeeper GHSA-4mq7-pvjg-xp2r (CVE-2026-33496): the same octets at another issuer are another token.
#[test]
fn an_answer_of_one_issuer_is_none_of_another() {
    let (one, other) = (Introspection::active(), Introspection::saying(&json_answer(&json!({"active": false}))));
    let issuers = [one.issuer("one", ISSUER, ""), other.issuer("other", "https://other.example", "")].concat();
    let routes = [
        route("/one", "GET", "scopes: [accounts]\nissuers: [one]"),
        route("/other", "GET", "scopes: [accounts]\nissuers: [other]"),
    ];
    let world = Setup { issuers, ..Setup::routes(&routes) }.with_files(&secret());
    let mut client = world.client();
    let mut status = |path: &str| client.send(&Request::get(path).token("t")).status();
    assert_eq!((status("/one"), status("/one"), status("/other")), (200, 200, 401));
    assert_eq!((one.calls(), other.calls()), (1, 1));
    assert_eq!((status("/one"), status("/other")), (200, 401));
}

/// INT-7, E24: an issuer that is away is 503, never 401; known tokens go on; it heals by itself.
#[test]
fn an_issuer_that_is_away_is_503_and_heals() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    assert_eq!(ask(&world, "known").status(), 200);
    for (name, answer) in [
        ("500", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
        ("503", "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"),
        ("429", "HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n"),
        ("garbage", "\0\0\r\n\r\n"),
    ] {
        issuer.says(answer);
        assert_unavailable(&ask(&world, &format!("new-{name}")), name);
    }
    issuer.0.becomes(|_, _| After::Close);
    assert_unavailable(&ask(&world, "new-close"), "it closes");
    let breaker = "scopegate_introspection_breaker{issuer=\"bank\"}";
    assert!(world.metric(breaker) > 1.5, "five failures in a row");
    let before = issuer.calls();
    for n in 0..20 {
        assert_unavailable(&ask(&world, &format!("open-{n}")), "it is left alone");
        assert_eq!(ask(&world, "known").status(), 200);
    }
    assert_eq!(issuer.calls(), before);
    issuer.says(&json_answer(&active()));
    eventually("the breaker to close", || (ask(&world, "new").status() == 200).then_some(()));
    assert!(world.metric(breaker) < 0.5);
    assert!(calls(&world, "unreachable") >= 5.0);
}

/// INT-7: a bound on the wait, and a client that waits for nothing holds up nobody.
#[test]
fn an_issuer_that_says_nothing_is_503_in_time() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let issuer = Introspection::with(move |_, _| {
        let _never = held.lock().unwrap().recv();
        After::Close
    });
    let world = issuer.gateway(", timeout: 1s, calls: 1");
    let mut first = world.client();
    first.write(Request::get("/accounts").token("first").bytes());
    issuer.0.wait_for(1);
    assert_unavailable(&ask(&world, "second"), "it waited for a free call");
    assert_unavailable(&first.answer(), "the call took too long");
    assert_eq!(world.send(&Request::get("/open")).status(), 200);
    drop(release);
}

#[test]
fn nobody_at_the_endpoint_is_503() {
    let issuer = Introspection::active();
    let setup = issuer.setup("");
    let issuers = setup.issuers.replace(&issuer.0.address().to_string(), &nobody().to_string());
    let world = Setup { issuers, ..setup }.with_files(&secret());
    assert_unavailable(&ask(&world, "t"), "nobody listens");
    assert_unavailable(&pay(&world, "t"), "nobody listens");
    assert_eq!(world.admin("/readyz").status(), 200, "there are no keys to wait for");
}

/// Connections are kept, and one that ended while it was idle costs no answer.
#[test]
fn connections_to_the_issuer_are_kept() {
    let issuer = Introspection::active();
    let world = issuer.gateway(", calls: 1");
    for n in 0..5 {
        assert_eq!(ask(&world, &format!("token-{n}")).status(), 200);
    }
    assert_eq!((issuer.calls(), issuer.0.connections()), (5, 1));
    let served = Arc::new(Mutex::new(0));
    let count = Arc::clone(&served);
    issuer.0.becomes(move |_, stream| {
        *count.lock().unwrap() += 1;
        write(stream, json_answer(&active()));
        After::Close
    });
    for n in 5..10 {
        assert_eq!(ask(&world, &format!("token-{n}")).status(), 200);
    }
    assert_eq!(*served.lock().unwrap(), 5);
}

/// A reload that leaves the issuer as it is keeps what it said; another cache time does not.
#[test]
fn a_reload_with_other_settings_asks_again() {
    let issuer = Introspection::active();
    let world = issuer.gateway("");
    assert_eq!((ask(&world, "t").status(), issuer.calls()), (200, 1));
    world.reload(&issuer.setup("")).unwrap();
    assert_eq!((ask(&world, "t").status(), issuer.calls()), (200, 1));
    world.reload(&issuer.setup(", cache: 5s")).unwrap();
    assert_eq!((ask(&world, "t").status(), issuer.calls()), (200, 2));
}
