//! Two gateways and a real Valkey or Redis: what one of them knows, the other knows too.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::proofs::{Proof, accepts, bound, dpop, error, refuses};
use crate::support::store::{Store, by_id, calls, is_up, ready, revoke, sharing, two, with_id};
use crate::support::tls::Authority;
use crate::support::tokens::{ISSUER, NOW, Token};
use scopegate::clock::Clock;
use serde_json::json;
use std::sync::Barrier;
use std::time::Duration;

/// RFC 9449 §11.1, with as many gateways as there are.
#[test]
fn of_a_hundred_copies_of_a_proof_at_two_gateways_one_is_accepted() {
    let Some(store) = Store::start() else { return };
    store.is_old();
    let worlds = two(&store.section(""));
    let (key, token) = bound();
    for _ in 0..5 {
        let request = dpop(&token, &Proof::good(&key, &token).mint());
        let barrier = Barrier::new(100);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|n| {
                    let (world, request, barrier) = (&worlds[n % 2], &request, &barrier);
                    scope.spawn(move || {
                        let mut client = world.client();
                        barrier.wait();
                        client.send(request).status()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 99, "{statuses:?}");
    }
    assert_eq!(worlds.iter().map(|world| world.upstream.hits()).sum::<usize>(), 5);
    let asked: f64 = worlds.iter().map(|world| calls(world, "proofs", "answered")).sum();
    assert!(asked <= 10.0, "who finds it used here does not ask: {asked}");
}

#[test]
fn requests_without_a_proof_do_not_touch_the_store() {
    let Some(store) = Store::start() else { return };
    let world = ready(sharing(&store.section("")));
    world.accepts(&[("bearer", Token::good().mint())]);
    assert_eq!(world.send(&Request::get("/open/a")).status(), 200);
    assert!(["answered", "late", "failed", "away"].iter().all(|outcome| calls(&world, "proofs", outcome) < 0.5));
}

/// What a first try costs, and a restart without data: one more request, with a nonce.
#[test]
fn a_store_without_a_past_asks_for_nonces_which_are_good_at_every_gateway() {
    let Some(mut store) = Store::start() else { return };
    let [here, there] = two(&store.section(""));
    let (key, token) = bound();
    let good = || Proof::good(&key, &token);
    let asked = here.send(&dpop(&token, &good().mint()));
    assert_eq!((asked.status(), asked.one("www-authenticate")), (401, error("proof_nonce").as_str()));
    let nonce = asked.one("dpop-nonce").to_owned();
    let with_nonce = dpop(&token, &good().claim("nonce", nonce.as_str()).mint());
    accepts(&there, vec![("the other's", with_nonce.clone())]);
    refuses(&here, vec![("used there", with_nonce.clone(), "proof_replayed")]);

    store.kill();
    eventually("its end", || (!is_up(&here) && !is_up(&there)).then_some(()));
    store.run();
    eventually("its return", || (is_up(&here) && is_up(&there)).then_some(()));
    // Its own memory may know a proof that the store has forgotten; the other's does not.
    let late = ready(sharing(&store.section("")));
    refuses(&late, vec![("a proof of before", with_nonce, "proof_nonce")]);
    let asked = late.send(&dpop(&token, &good().mint()));
    assert_ne!(asked.one("dpop-nonce"), nonce, "nonces of before are gone with the proofs");
    let again = dpop(&token, &good().claim("nonce", asked.one("dpop-nonce")).mint());
    accepts(&here, vec![("a nonce of the new era", again)]);
}

/// The very call that puts a proof there finds out: there is no moment in which a used proof is good.
#[test]
fn a_store_that_is_emptied_under_its_gateways_lets_no_proof_in_twice() {
    let Some(store) = Store::start() else { return };
    store.is_old();
    let [here, there] = two(&store.section(""));
    let (key, token) = bound();
    let used = dpop(&token, &Proof::good(&key, &token).mint());
    accepts(&here, vec![("first", used.clone())]);
    assert_eq!(store.say(&["FLUSHALL"]), "+OK");
    refuses(&there, vec![("again, elsewhere", used, "proof_nonce")]);
}

#[test]
fn a_revocation_at_one_gateway_is_in_force_at_the_other_within_100_ms() {
    let Some(store) = Store::start() else { return };
    let [here, there] = two(&store.section(""));
    let mut waits: Vec<Duration> = (0..21)
        .map(|n| {
            let (id, mut client) = (format!("token-{n}"), there.client());
            let request = with_id(&id);
            assert_eq!(client.send(&request).status(), 200, "and it is remembered");
            let start = Clock::System.instant();
            assert_eq!(revoke(&here, &by_id(&id)).status(), 204);
            eventually("the refusal", || (client.send(&request).status() == 401).then_some(()));
            start.elapsed()
        })
        .collect();
    waits.sort();
    eprintln!("refused elsewhere after {:?} (median), {:?} at most", waits[10], waits[20]);
    assert!(waits[10] < Duration::from_millis(100), "{waits:?}");
    there.refuses(&[("the reason", Token::good().claim("jti", "token-3").mint(), "token_revoked")]);
}

#[test]
fn who_starts_later_knows_what_was_revoked_before() {
    let Some(store) = Store::start() else { return };
    let here = ready(sharing(&store.section("")));
    for n in 0..2500 {
        let until = NOW + 5000 + n;
        assert_eq!(
            revoke(&here, &json!({"issuer": ISSUER, "token_id": format!("t{n}"), "until": until})).status(),
            204
        );
    }
    for before in [NOW - 9, NOW - 5, NOW - 7] {
        let body = json!({"issuer": ISSUER, "subject": "customer-9", "issued_before": before});
        assert_eq!(revoke(&here, &body).status(), 204);
    }
    let late = ready(sharing(&store.section("")));
    assert!((late.metric("scopegate_revocations") - 2501.0).abs() < 0.5);
    for id in ["t0", "t1234", "t2499"] {
        late.refuses(&[(id, Token::good().claim("jti", id).mint(), "token_revoked")]);
    }
    let of_customer = |issued: i64| Token::good().claim("sub", "customer-9").claim("iat", issued).mint();
    late.refuses(&[("the latest date", of_customer(NOW - 6), "token_revoked")]);
    late.accepts(&[("after it", of_customer(NOW - 4)), ("another", Token::good().claim("jti", "t2500").mint())]);
    eventually("one date instead of three", || (store.say(&["ZCARD", "scopegate:revoked"]) == ":2501").then_some(()));
}

#[test]
fn what_nobody_of_us_has_put_there_changes_nothing() {
    let Some(store) = Store::start() else { return };
    let here = ready(sharing(&store.section("")));
    for nonsense in ["", "x", "00 1 -", "\u{ff}", &format!("{} 99999999999 -\nx", "ab".repeat(32))] {
        store.say(&["PUBLISH", "scopegate:revoked", nonsense]);
    }
    store.say(&["ZADD", "scopegate:revoked", "99999999999", "nonsense", "inf", &format!("{} -", "ab".repeat(32))]);
    eventually("their count", || (here.metric("scopegate_state_malformed_total") > 3.5).then_some(()));
    let late = ready(sharing(&store.section("")));
    assert!((late.metric("scopegate_state_malformed_total") - 2.0).abs() < 0.5);
    assert!(late.metric("scopegate_revocations") < 0.5);
    assert_eq!(store.say(&["SET", &store.era(), "ours"]), "+OK");
    let strange = sharing(&store.section("")).start();
    assert_eq!(strange.admin("/readyz").status(), 503, "what it has under `era` is not ours");
}

#[test]
fn others_revocations_stand_in_ones_own_file_too() {
    let Some(mut store) = Store::start() else { return };
    let here = ready(sharing(&store.section("")));
    let setup = || {
        let mut setup = sharing(&store.section(""));
        setup.further.push_str("revocations: { file: revocations }\n");
        setup
    };
    let (first, second) = (setup(), setup());
    let mut there = ready(first);
    assert_eq!(revoke(&here, &by_id("a")).status(), 204);
    eventually("a line", || {
        std::fs::read_to_string(there.path("revocations")).ok().filter(|text| text.lines().count() == 1)
    });
    drop(here);
    there.drain();
    store.kill();
    store.run();
    there.restart(&second);
    there.wait_ready();
    there.refuses(&[("a", Token::good().claim("jti", "a").mint(), "token_revoked")]);
    assert_eq!(store.say(&["ZCARD", "scopegate:revoked"]), ":1", "and the store has it back");
}

/// The rights that `config/scopegate.yaml` names, and no more; encrypted, by a root of its own.
#[test]
fn a_store_with_tls_and_a_user_of_few_rights_is_all_that_is_needed() {
    let Some(mut store) = Store::absent() else { return };
    let authority = Authority::new("store");
    let identity = authority.issue_for("localhost");
    let (chain, key) = (store.file("chain.pem", &identity.pem()), store.file("key.pem", &identity.key_pem()));
    let sample = include_str!("../../config/scopegate.yaml");
    let rights =
        sample.lines().find_map(|line| line.split_once("user gate on >SECRET ")).expect("the sample names them").1;
    let users = store.file("users.acl", &format!("user default off\nuser gate on >s3cret {rights}\n"));
    let tls = crate::support::server::nobody().port();
    let port = tls.to_string();
    store.add(&["--tls-port", &port, "--tls-cert-file", &chain, "--tls-key-file", &key, "--tls-auth-clients", "no"]);
    store.add(&["--aclfile", &users]);
    store.run();
    let state = |password: &str| {
        format!(
            "state: {{ store: \"rediss://localhost:{tls}/0\", ca_file: ca.pem, username: gate, password: {{ file: {password} }}, timeout: 2s }}\n"
        )
    };
    let files = [("ca.pem", authority.pem()), ("password", "s3cret\n".to_owned()), ("wrong", "secret".to_owned())];
    let start = |password: &str| {
        let set = crate::support::keys::set(&[crate::support::keys::ec()]).to_string();
        let files: Vec<_> = files.iter().cloned().chain([("jwks.json", set)]).collect();
        sharing(&state(password)).with_files(&files)
    };
    let (here, there) = (start("password"), start("password"));
    here.wait_ready();
    there.wait_ready();
    assert_eq!(revoke(&here, &by_id("a")).status(), 204);
    eventually("the refusal", || (there.send(&with_id("a")).status() == 401).then_some(()));
    let (key, token) = bound();
    let asked = here.send(&dpop(&token, &Proof::good(&key, &token).mint()));
    assert_eq!(asked.status(), 401);
    let again = dpop(&token, &Proof::good(&key, &token).claim("nonce", asked.one("dpop-nonce")).mint());
    accepts(&there, vec![("a nonce of the other", again)]);
    let stranger = start("wrong");
    assert_eq!(stranger.admin("/readyz").status(), 503);
    assert!(stranger.metric("scopegate_state_up{link=\"requests\"}") < 0.5);
}

/// Worse than with it, and no reason to be away.
#[test]
fn a_store_that_does_not_say_which_run_of_it_this_is_is_used_all_the_same() {
    let Some(mut store) = Store::absent() else { return };
    let users = store.file("users.acl", "user default on nopass ~* &* +@all -info\n");
    store.add(&["--aclfile", &users]);
    store.run();
    let [here, there] = two(&store.section(""));
    let (key, token) = bound();
    let asked = here.send(&dpop(&token, &Proof::good(&key, &token).mint()));
    let again = dpop(&token, &Proof::good(&key, &token).claim("nonce", asked.one("dpop-nonce")).mint());
    accepts(&there, vec![("a nonce of the other", again)]);
    assert_eq!(store.say(&["EXISTS", "scopegate:era"]), ":1");
}

#[test]
fn every_metric_of_the_store_is_named_and_explained() {
    let Some(store) = Store::start() else { return };
    let world = ready(sharing(&store.section("")));
    let page = world.admin("/metrics").text();
    let named: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE scopegate_state_")).collect();
    let expected = [
        "behind gauge",
        "call_seconds_total counter",
        "calls_total counter",
        "connections_lost_total counter",
        "malformed_total counter",
        "up gauge",
    ];
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}
