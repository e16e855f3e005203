//! VERIFY, status lists: how old they may be, what a revocation takes, and servers that are away.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::Setup;
use crate::support::introspection::assert_unavailable;
use crate::support::keys;
use crate::support::server::After;
use crate::support::status_list::{Lists, ask, fetches, key_file, metric, packed};
use crate::support::tokens::{NOW, Token};
use serde_json::json;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn statuses(clients: &mut [Client], request: &Request) -> Vec<u16> {
    let mut statuses: Vec<u16> = clients.iter_mut().map(|client| client.send(request).status()).collect();
    statuses.dedup();
    statuses
}

/// E9, SL-4, FAPI-4: a revocation takes as long as the list says, and then the next request of every worker is refused,
/// whatever it remembers; HTTP's caching headers have no say.
#[test]
fn a_revocation_is_seen_by_the_next_request_after_the_lists_time() {
    let lists = Lists::of(&[0, 0]);
    let world = Setup { server: "  workers: 2\n".to_owned(), ..lists.setup("") }.start();
    // Twelve connections: with two workers, hardly any is left out.
    let mut clients: Vec<Client> = (0..12).map(|_| world.client()).collect();
    let request = |index| Request::get("/accounts").token(&lists.token(1, index).mint());
    let (revoked, other) = (request(0), request(1));
    for _ in 0..2 {
        assert_eq!(statuses(&mut clients, &revoked), [200]);
    }
    assert_eq!(statuses(&mut clients, &other), [200]);
    assert_eq!(lists.fetches(), 1);

    lists.serves(1, &lists.list_with(1, &packed(&[1, 0]), &json!({"iat": NOW + 30})));
    world.clock.advance(seconds(59));
    assert_eq!((statuses(&mut clients, &revoked), lists.fetches()), (vec![200], 1), "within the stated time");
    assert_eq!(metric(&world, "list_age_seconds"), 59);
    world.clock.advance(seconds(1));
    assert_eq!(statuses(&mut clients, &revoked), [401]);
    assert_eq!((statuses(&mut clients, &other), lists.fetches()), (vec![200], 2));
    assert_eq!(metric(&world, "list_age_seconds"), 0);

    // And back: a suspension may end.
    lists.serves(1, &lists.list_with(1, &packed(&[0, 0]), &json!({"iat": NOW + 61})));
    world.clock.advance(seconds(60));
    assert_eq!((statuses(&mut clients, &revoked), lists.fetches()), (vec![200], 3));
}

/// SL-4: a list that says nothing, or something absurd, is fetched as often as the operator says.
#[test]
fn the_time_of_a_list_is_clamped() {
    for (members, due) in [
        (json!({"ttl": null}), 120),
        (json!({"ttl": 1_000_000_000}), 120),
        (json!({"ttl": 0}), 1),
        (json!({"ttl": null, "exp": NOW + 40}), 40),
    ] {
        let lists = Lists::empty();
        lists.serves(1, &lists.list_with(1, &packed(&[0]), &members));
        let world = lists.setup(", refresh: 2m").start();
        assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200);
        lists.serves(1, &lists.list_with(1, &packed(&[1]), &members));
        if due > 1 {
            world.clock.advance(seconds(due - 1));
            assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200, "{members}");
            assert_eq!(lists.fetches(), 1, "{members}");
        }
        world.clock.advance(seconds(1));
        assert_eq!(ask(&world, &lists.token(1, 0)).status(), 401, "{members}");
    }
}

/// Lists are fetched before they are due, so that nobody waits for them; one that nobody needs any more is forgotten.
#[test]
fn a_list_is_kept_fresh_while_it_is_used_and_then_forgotten() {
    let lists = Lists::empty();
    lists.serves(1, &lists.list_with(1, &packed(&[0]), &json!({"ttl": 1})));
    let world = lists.gateway();
    assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200);
    lists.server.wait_for(4);
    assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200);
    assert_eq!((metric(&world, "list_waits_total"), metric(&world, "lists")), (1, 1));
    // It was used just now, so the first round notes that and the next one finds it idle.
    lists.server.wait_for(lists.fetches() + 2);
    world.clock.advance(Duration::from_mins(59));
    lists.server.wait_for(lists.fetches() + 2);
    assert_eq!(metric(&world, "lists"), 1);
    world.clock.advance(Duration::from_mins(1));
    eventually("the list to be forgotten", || (metric(&world, "lists") == 0).then_some(()));
    let (before, token) = (lists.fetches(), lists.token(1, 0).claim("exp", NOW + 10_000));
    assert_eq!((ask(&world, &token).status(), lists.fetches()), (200, before + 1));
}

/// E24: a server that is away changes nothing until the list is too old; then it is 503, never 401, and it heals.
#[test]
fn a_server_that_is_away_is_503_once_the_list_is_too_old_and_heals() {
    let lists = Lists::of(&[0, 1]);
    let world = lists.setup(", refresh: 1m, stale_max: 150s").start();
    let good = || ask(&world, &lists.token(1, 0));
    assert_eq!((good().status(), lists.fetches()), (200, 1));
    for answer in ["HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "\0\r\n\r\n"] {
        lists.says(1, answer);
        world.clock.advance(seconds(70));
        assert_eq!(good().status(), 200, "the last good list");
        world.refuses(&[("what it said holds", lists.token(1, 1).mint(), "token_status")]);
    }
    assert!(fetches(&world, "unreachable") > 0);
    world.clock.advance(seconds(9));
    assert_eq!(good().status(), 200);
    world.clock.advance(seconds(1));
    assert_unavailable(&good(), "too old");
    assert_eq!((metric(&world, "list_age_seconds"), metric(&world, "lists_failing")), (150, 1));
    assert_unavailable(&ask(&world, &lists.token(1, 1)), "what it said holds no more");
    assert_eq!(ask(&world, &Token::good()).status(), 200, "others go on");
    lists.serves(1, &lists.list(1, &[0, 1]));
    eventually("the list to be fetched", || (good().status() == 200).then_some(()));
    assert_eq!((metric(&world, "list_age_seconds"), metric(&world, "lists_failing")), (0, 0));
    world.refuses(&[("and the other is refused", lists.token(1, 1).mint(), "token_status")]);
}

/// SL-2: past its own `exp` no list is used, however long the operator would.
#[test]
fn an_expired_list_is_used_no_more() {
    let lists = Lists::empty();
    lists.serves(1, &lists.list_with(1, &packed(&[0]), &json!({"exp": NOW + 30})));
    let world = lists.gateway();
    assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200);
    world.clock.advance(seconds(34));
    assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200, "within the clock difference that is forgiven");
    world.clock.advance(seconds(1));
    assert_unavailable(&ask(&world, &lists.token(1, 0)), "it has expired, and its successor too");
    lists.serves(1, &lists.list_with(1, &packed(&[0]), &json!({"exp": NOW + 90})));
    eventually("a list that lives", || (ask(&world, &lists.token(1, 0)).status() == 200).then_some(()));
}

/// A server behind the others would make revoked tokens good again.
#[test]
fn an_older_list_than_the_one_we_have_is_refused() {
    let lists = Lists::of(&[1, 0]);
    let world = lists.gateway();
    let revoked = || lists.token(1, 0).mint();
    world.refuses(&[("revoked", revoked(), "token_status")]);
    lists.serves(1, &lists.list_with(1, &packed(&[0, 0]), &json!({"iat": NOW - 1})));
    world.clock.advance(seconds(60));
    world.refuses(&[("by an older list it was not", revoked(), "token_status")]);
    assert!(fetches(&world, "absurd") > 0);
    lists.serves(1, &lists.list(1, &[0, 0]));
    eventually("a list as young", || (ask(&world, &lists.token(1, 0)).status() == 200).then_some(()));
}

/// JWKS-5: a key that was withdrawn takes what it signed with it, lists too.
#[test]
fn a_list_by_a_withdrawn_key_is_used_no_more() {
    let lists = Lists::of(&[0]);
    let setup = || lists.setup("");
    let world = setup().with_files(&key_file(&[keys::ec(), keys::rsa()]));
    let token = || lists.token(1, 0).by(&keys::rsa());
    assert_eq!((ask(&world, &token()).status(), lists.fetches()), (200, 1));
    let [(name, text)] = key_file(&[keys::rsa()]);
    std::fs::write(world.path(name), text).unwrap();
    world.reload(&setup()).unwrap();
    assert_unavailable(&ask(&world, &token()), "its key is gone");
    lists.serves(1, &lists.list(1, &[0]).by(&keys::rsa()));
    eventually("a list by the other key", || (ask(&world, &token()).status() == 200).then_some(()));
}

/// While a list cannot be fetched nobody waits: a server that says nothing holds up the first requests only.
#[test]
fn a_server_that_says_nothing_holds_up_the_first_requests_only() {
    let (release, held) = mpsc::channel::<()>();
    let (lists, held) = (Lists::of(&[0]), Mutex::new(held));
    let world = lists.gateway();
    assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200);
    lists.server.becomes(move |_, _| {
        let _never = held.lock().unwrap().recv();
        After::Close
    });
    world.clock.advance(seconds(60));
    assert_eq!(
        (ask(&world, &lists.token(1, 0)).status(), metric(&world, "list_waits_total")),
        (200, 2),
        "it waited for the timeout"
    );
    lists.server.wait_for(3);
    for _ in 0..10 {
        assert_eq!(ask(&world, &lists.token(1, 0)).status(), 200);
    }
    assert_eq!((metric(&world, "list_waits_total"), fetches(&world, "unreachable")), (2, 1));
    drop(release);
}

/// Another rule is no reason to forget what was revoked: the lists' server may be away at that moment, or have only an
/// older list. They are kept fresh as before.
#[test]
fn lists_survive_a_change_of_the_issuers_other_rules() {
    let lists = Lists::of(&[0, 1]);
    let changed = |from: &str, to: &str| {
        let setup = lists.setup("");
        Setup { issuers: setup.issuers.replace(from, to), ..setup }
    };
    let world = lists.gateway();
    let (good, revoked) = (|| ask(&world, &lists.token(1, 0)), || lists.token(1, 1).mint());
    assert_eq!(good().status(), 200);
    lists.says(1, "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    world.reload(&changed("    claims:", "    typ: legacy\n    claims:")).unwrap();
    assert_eq!((good().status(), lists.fetches()), (200, 1));
    world.refuses(&[("what it said holds", revoked(), "token_status")]);

    lists.serves(1, &lists.list_with(1, &packed(&[0, 0]), &json!({"iat": NOW - 1})));
    world.clock.advance(seconds(60));
    world.refuses(&[("by an older list it was not", revoked(), "token_status")]);
    assert_eq!((good().status(), fetches(&world, "absurd")), (200, 1));
    lists.serves(1, &lists.list_with(1, &packed(&[1, 0]), &json!({"iat": NOW + 30})));
    eventually("the next list", || (good().status() == 401).then_some(()));
    assert_eq!(ask(&world, &lists.token(1, 1)).status(), 200);

    // What a list is judged by is another: it must be judged anew.
    for (from, to) in [("    claims:", "    leeway: 7s\n    claims:"), ("RS256, PS256, ", "")] {
        let before = lists.fetches();
        world.reload(&changed(from, to)).unwrap();
        assert_eq!((good().status(), lists.fetches()), (401, before + 1), "{to}");
    }
}

/// A reload that leaves the issuer as it is keeps its lists; other settings fetch them anew.
#[test]
fn a_reload_with_other_settings_fetches_again() {
    let lists = Lists::of(&[0]);
    let world = lists.gateway();
    assert_eq!((ask(&world, &lists.token(1, 0)).status(), lists.fetches()), (200, 1));
    world.reload(&lists.setup("")).unwrap();
    assert_eq!((ask(&world, &lists.token(1, 0)).status(), lists.fetches()), (200, 1));
    world.reload(&lists.setup(", stale_max: 2h")).unwrap();
    assert_eq!((ask(&world, &lists.token(1, 0)).status(), lists.fetches()), (200, 2));
}

/// Lists are bounded: one more is 503 and the others go on.
#[test]
fn there_are_sixty_four_lists_and_no_more() {
    let lists = Lists::empty();
    let world = lists.gateway();
    for number in 0..=64 {
        lists.serves(number, &lists.list(number, &[0]));
    }
    for number in 0..64 {
        assert_eq!(ask(&world, &lists.token(number, 0)).status(), 200, "{number}");
    }
    assert_unavailable(&ask(&world, &lists.token(64, 0)), "one too many");
    assert_eq!(ask(&world, &lists.token(0, 0)).status(), 200);
    assert_eq!((lists.fetches(), metric(&world, "lists")), (64, 64));
    assert_eq!(metric(&world, "lists_turned_away_total"), 1);
}
