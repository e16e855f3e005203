//! What becomes of requests and revocations while the store of several gateways is away, slow, or has forgotten everything.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::proofs::{Proof, accepts, bound, dpop, refuses};
use crate::support::store::{Delay, Store, by_id, calls, is_up, ready, revoke, section, sharing, two, with_id};
use crate::support::tokens::Token;
use scopegate::clock::Clock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn while_the_store_is_away_proofs_are_503_and_nothing_else_is() {
    let Some(mut store) = Store::start() else { return };
    store.is_old();
    let [here, there] = two(&store.section(", timeout: 200ms"));
    let (key, token) = bound();
    let proof = || dpop(&token, &Proof::good(&key, &token).mint());
    accepts(&here, vec![("before", proof())]);
    store.kill();
    let request = proof().numbered(1);
    for _ in 0..20 {
        let start = Clock::System.instant();
        let answer = here.send(&request);
        assert_eq!((answer.status(), answer.one("retry-after")), (503, "1"));
        assert_eq!(answer.get("www-authenticate"), None, "the token is not blamed");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    assert_eq!(here.log_line(1)["reason"], "state_unavailable");
    assert!(calls(&here, "proofs", "away") + calls(&here, "proofs", "failed") > 19.5);
    here.accepts(&[("bearer", Token::good().mint())]);
    assert_eq!(here.admin("/readyz").status(), 200, "and it stays in its balancer's list");

    let answer = revoke(&here, &by_id("lost"));
    assert_eq!((answer.status(), answer.one("retry-after")), (503, "5"));
    assert!(answer.text().contains("at this gateway"), "{}", answer.text());
    here.refuses(&[("in force here", Token::good().claim("jti", "lost").mint(), "token_revoked")]);
    there.accepts(&[("not known there", Token::good().claim("jti", "lost").mint())]);

    store.run();
    store.is_old();
    eventually("the other's refusal", || (there.send(&with_id("lost")).status() == 401).then_some(()));
    eventually("both", || (is_up(&here) && is_up(&there)).then_some(()));
    assert_eq!(revoke(&here, &by_id("lost")).status(), 204, "asked again, it is everywhere");
    // The request that was 503 was good all the while, and is good once.
    let answer = eventually("the same proof", || Some(here.send(&request)).filter(|answer| answer.status() != 503));
    assert_eq!(answer.status(), 200);
    assert_eq!(there.send(&request).status(), 401);
}

#[test]
fn a_store_that_lost_everything_learns_it_back_from_any_gateway() {
    let Some(mut store) = Store::start() else { return };
    let here = ready(sharing(&store.section("")));
    for id in ["a", "b"] {
        assert_eq!(revoke(&here, &by_id(id)).status(), 204);
    }
    store.kill();
    eventually("its end", || (!is_up(&here)).then_some(()));
    store.run();
    eventually("two entries", || (store.say(&["ZCARD", "scopegate:revoked"]) == ":2").then_some(()));
    let late = ready(sharing(&store.section("")));
    late.refuses(&[("a", Token::good().claim("jti", "a").mint(), "token_revoked")]);
}

/// Started from a snapshot, as a store makes them by default: it knows its past, and not what came after.
#[test]
fn a_store_that_lost_the_last_minutes_lets_no_proof_in_twice() {
    let Some(mut store) = Store::start() else { return };
    store.is_old();
    let [here, there] = two(&store.section(""));
    let old = store.era();
    assert_eq!(store.say(&["SAVE"]), "+OK");
    let (key, token) = bound();
    let used = dpop(&token, &Proof::good(&key, &token).mint());
    accepts(&here, vec![("first", used.clone())]);
    store.kill();
    eventually("its end", || (!is_up(&here) && !is_up(&there)).then_some(()));
    store.run();
    eventually("both", || (is_up(&here) && is_up(&there)).then_some(()));
    assert_eq!(store.say(&["EXISTS", &old]), ":1", "it is the snapshot");
    refuses(&there, vec![("again, elsewhere", used, "proof_nonce")]);
    let left: u64 = store.say(&["TTL", &store.era()]).trim_start_matches(':').parse().unwrap();
    assert!((86_000..=86_400).contains(&left), "runs that are over leave nothing for good: {left}");
}

#[test]
fn a_store_that_keeps_its_data_begins_an_era_all_the_same() {
    let Some(mut store) = Store::with(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    store.is_old();
    let [here, there] = two(&store.section(""));
    let (key, token) = bound();
    let used = dpop(&token, &Proof::good(&key, &token).mint());
    accepts(&here, vec![("first", used.clone())]);
    store.kill();
    store.run();
    eventually("both", || (is_up(&here) && is_up(&there)).then_some(()));
    refuses(&there, vec![("again", used, "proof_nonce")]);
}

#[test]
fn gateways_that_decide_by_themselves_accept_a_proof_once_each_while_the_store_is_away() {
    let Some(mut store) = Store::start() else { return };
    store.is_old();
    let [here, there] = two(&store.section(", when_away: { proofs: local }"));
    store.kill();
    let (key, token) = bound();
    let used = dpop(&token, &Proof::good(&key, &token).mint());
    for world in [&here, &there] {
        accepts(world, vec![("first", used.clone())]);
        refuses(world, vec![("again", used.clone(), "proof_replayed")]);
    }
}

#[test]
fn tokens_that_may_be_revoked_elsewhere_are_refused_where_the_terms_say_so() {
    let Some(mut store) = Store::start() else { return };
    let world = ready(sharing(&store.section(", when_away: { revocations: refuse }")));
    world.accepts(&[("before", Token::good().mint())]);
    store.kill();
    let refused = || {
        Some(world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(1)))
            .filter(|it| it.status() == 503)
    };
    let answer = eventually("the refusal", refused);
    assert_eq!(answer.one("retry-after"), "1");
    assert!(eventually("its line", || Some(world.log()).filter(|log| log.contains("state_unavailable"))).len() > 1);
    assert_eq!(world.send(&Request::get("/open/a")).status(), 200, "without a token nothing is revoked");
    assert_eq!(world.admin("/readyz").status(), 503);
    assert!(world.metric("scopegate_state_behind") > 0.5);
    store.run();
    world.wait_ready();
    world.accepts(&[("after", Token::good().mint())]);
}

/// Ten seconds of real time: the least that a gateway waits before it starts without the others' revocations.
#[test]
fn who_starts_without_a_store_waits_for_it_and_not_forever() {
    let Some(store) = Store::absent() else { return };
    let start = Clock::System.instant();
    let patient = sharing(&store.section(", when_away: { revocations: refuse }")).start();
    let world = sharing(&store.section("")).start();
    let token = Request::get("/accounts").token(&Token::good().mint());
    assert_eq!(world.send(&token).status(), 503, "a token may be revoked");
    assert_eq!(world.send(&Request::get("/open/a")).status(), 200);
    assert!(world.admin("/readyz").text().contains("revoked"));
    world.wait_ready();
    assert!(start.elapsed() >= Duration::from_secs(9), "{:?}", start.elapsed());
    assert_eq!(world.send(&token).status(), 200);
    assert_eq!((patient.admin("/readyz").status(), patient.send(&token).status()), (503, 503));
}

#[test]
fn a_slow_store_costs_a_request_its_budget_and_then_none_at_all() {
    let Some(store) = Store::start() else { return };
    store.is_old();
    let delay = Delay::before(store.address());
    let world = ready(sharing(&section(delay.address(), ", timeout: 300ms")));
    let (key, token) = bound();
    let mut client = world.client();
    let mut send = || {
        let start = Clock::System.instant();
        let status = client.send(&dpop(&token, &Proof::good(&key, &token).mint())).status();
        (status, start.elapsed())
    };
    assert_eq!(send().0, 200);
    delay.by(2000);
    let mut late = 0;
    loop {
        let (status, took) = send();
        assert_eq!(status, 503);
        assert!(took < Duration::from_millis(900), "{took:?}");
        if took < Duration::from_millis(250) {
            break;
        }
        late += 1;
        assert!(late <= 5, "nobody waits any more");
    }
    assert!(calls(&world, "proofs", "late") > 4.5 && calls(&world, "proofs", "away") > 0.5);
    delay.by(0);
    eventually("its return", || (send().0 == 200).then_some(()));
    assert!(world.metric("scopegate_state_connections_lost_total") > 0.5);
}

/// Bearer tokens all the while; proofs are refused while it is away, and accepted again soon after.
#[test]
fn a_store_that_ends_and_begins_under_load_is_felt_by_proofs_alone() {
    let Some(mut store) = Store::start() else { return };
    store.is_old();
    let worlds = two(&store.section(", timeout: 100ms"));
    let is_over = AtomicBool::new(false);
    let (key, token) = bound();
    std::thread::scope(|scope| {
        let bearers: Vec<_> = (0..4)
            .map(|n| {
                let (world, is_over) = (&worlds[n % 2], &is_over);
                scope.spawn(move || {
                    let (mut client, request) =
                        (world.client(), Request::get("/accounts").token(&Token::good().mint()));
                    let mut waits = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let start = Clock::System.instant();
                        assert_eq!(client.send(&request).status(), 200);
                        waits.push(start.elapsed());
                    }
                    waits.sort();
                    waits[waits.len() * 99 / 100]
                })
            })
            .collect();
        let mut client = worlds[0].client();
        let mut proof = || client.send(&dpop(&token, &Proof::good(&key, &token).mint())).status();
        for _ in 0..3 {
            eventually("a proof", || (proof() == 200).then_some(()));
            store.kill();
            for _ in 0..50 {
                assert_eq!(proof(), 503);
            }
            store.run();
            store.is_old();
        }
        eventually("a proof", || (proof() == 200).then_some(()));
        is_over.store(true, Ordering::Relaxed);
        for bearer in bearers {
            let p99 = bearer.join().unwrap();
            eprintln!("p99 of bearer tokens meanwhile: {p99:?}");
            assert!(p99 < Duration::from_millis(200), "{p99:?}");
        }
    });
}
