//! Quotas that two gateways count together in a real Valkey or Redis: one number for both, whatever each of them has seen; and
//! the script does what the arithmetic of one gateway does, call by call.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::World;
use crate::support::quotas::{FOUR_A_DAY, LATE, consent, setup, status};
use crate::support::server::{Server, always, ok};
use crate::support::store::{Delay, Store, calls, is_up, section};
use crate::support::tokens::{NOW, Token};
use scopegate::clock::Clock;
use scopegate::net::dial::Dial;
use scopegate::state::limits::gcra::{Rate, Restored};
use scopegate::state::limits::key::KeyMaker;
use scopegate::state::limits::window::{Call, Calls, Window};
use scopegate::state::limits::{Limit, Outcome};
use scopegate::state::shared::count::{Claim, Counted, SKEW_US};
use scopegate::state::shared::link::Link;
use scopegate::state::shared::{self, LimitsAway, Login, ProofsAway, RevocationsAway, Terms};
use std::sync::Arc;
use std::time::Duration;

/// Gateways with these quotas on `/a`, with one clock.
fn two(store: &Store, terms: &str, quotas: &[&str]) -> [World; 2] {
    let names: Vec<&str> = quotas.iter().map(|quota| quota.split([':', ',']).nth(1).unwrap().trim()).collect();
    let clock = Clock::manual(NOW);
    [(); 2].map(|()| {
        let mut setup = setup(quotas, &[("/a", &format!("quotas: [{}]", names.join(", ")))]);
        setup.further.push_str(&store.section(terms));
        setup.clock = clock.clone();
        let world = setup.start();
        world.wait_ready();
        world
    })
}

fn shared(quota: &str) -> String {
    format!("{quota}, shared: true")
}

/// RTS-1 at two gateways: the customer gave one consent, and does not know how many gateways there are.
#[test]
fn four_unattended_accesses_at_two_gateways_are_four() {
    let Some(store) = Store::start() else { return };
    let [here, there] = two(&store, "", &[&shared(FOUR_A_DAY)]);
    let token = || consent("c").claim("exp", LATE);
    let send = |world: &World| {
        let answer = world.get("/a", &token());
        (answer.status(), answer.one("ratelimit").to_owned())
    };
    let told = |status: u16, left: u64, wait: u64| (status, format!("\"unattended\";r={left};t={wait}"));
    assert_eq!(send(&here), told(200, 3, 86_400));
    here.clock.advance(Duration::from_hours(5));
    assert_eq!(send(&there), told(200, 2, 68_400));
    assert_eq!([send(&here), send(&there)], [told(200, 1, 68_400), told(200, 0, 68_400)]);
    for world in [&here, &there] {
        let refused = world.get("/a", &token());
        assert_eq!((refused.status(), refused.one("retry-after")), (429, "68400"));
    }
    assert_eq!(status(&there, "/a", &consent("d").claim("exp", LATE)), 200, "another consent has its own");
    here.clock.advance(Duration::from_hours(19));
    assert_eq!([send(&there).0, send(&here).0], [200, 429], "one has left");
    assert!(calls(&here, "limits", "answered") > 3.5);
    assert!(here.metric("scopegate_quota_decisions_total{quota=\"unattended\",outcome=\"refused\"}") > 1.5);
}

#[test]
fn a_rate_is_one_for_both_and_of_a_hundred_at_once_no_more_than_the_burst_pass() {
    let Some(store) = Store::start() else { return };
    let worlds = two(&store, "", &[&shared("name: calls, per: client, rate: 1/s, burst: 10")]);
    let barrier = std::sync::Barrier::new(100);
    let passed = std::thread::scope(|scope| {
        let send = |n: usize| {
            let (world, barrier) = (&worlds[n % 2], &barrier);
            scope.spawn(move || {
                let (mut client, request) = (world.client(), Request::get("/a").token(&Token::good().mint()));
                barrier.wait();
                client.send(&request).status()
            })
        };
        let threads: Vec<_> = (0..100).map(send).collect();
        threads.into_iter().filter_map(|thread| (thread.join().unwrap() == 200).then_some(())).count()
    });
    assert_eq!(passed, 10);
    worlds[0].clock.advance(Duration::from_secs(2));
    let after: Vec<u16> = (0..4).map(|n| status(&worlds[n % 2], "/a", &Token::good())).collect();
    assert_eq!(after, [200, 200, 429, 429]);
}

/// Whatever is counted here and whatever is counted together: a request takes of all or of none.
#[test]
fn what_one_count_refuses_takes_nothing_of_the_others() {
    let Some(store) = Store::start() else { return };
    let (own, day) =
        ("name: own, per: client, calls: 3, within: 1h", shared("name: day, per: client, calls: 4, within: 24h"));
    let (fast, open) = (shared("name: fast, per: client, rate: 1/s, burst: 1"), "name: open, per: client, at_once: 1");
    let [here, there] = two(&store, "", &[open, own, &fast, &day]);
    let send = |world: &World| status(world, "/a", &Token::good());
    assert_eq!([send(&here), send(&here), send(&there), send(&here)], [200, 429, 429, 429]);
    here.clock.advance(Duration::from_secs(1));
    let answer = here.get("/a", &Token::good());
    let left = answer.one("ratelimit").to_owned();
    assert!(left.contains("\"own\";r=1") && left.contains("\"day\";r=2"), "{left}");
    here.clock.advance(Duration::from_secs(1));
    assert_eq!(send(&there), 200);
    here.clock.advance(Duration::from_secs(1));
    assert_eq!(send(&here), 200, "its own third, the day's fourth");
    here.clock.advance(Duration::from_secs(1));
    assert_eq!([send(&here), send(&there)], [429, 429]);
}

/// What we or the upstream failed to do was no call, at any gateway.
#[test]
fn a_call_that_came_to_nothing_is_given_back_to_all() {
    let Some(store) = Store::start() else { return };
    let mut terms = setup(&[&shared("name: day, per: client, calls: 2, within: 24h")], &[("/a", "quotas: day")]);
    terms.further.push_str(&store.section(""));
    let world = terms.before(Server::answering("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"));
    world.wait_ready();
    for _ in 0..5 {
        assert_eq!(status(&world, "/a", &Token::good()), 500);
        eventually("the return", || {
            let keys = store.say(&["KEYS", "scopegate:window:*"]);
            let key = keys.lines().find(|line| line.starts_with("scopegate:"))?;
            (store.say(&["GET", key]).lines().nth(1).unwrap_or_default().is_empty()).then_some(())
        });
    }
}

#[test]
fn while_the_store_is_away_each_rule_is_kept() {
    let Some(mut store) = Store::start() else { return };
    let quota = shared("name: day, per: client, calls: 2, within: 24h");
    let [local, _] = two(&store, "", &[&quota]);
    let [refuse, _] = two(&store, ", when_away: { limits: refuse }", &[&quota]);
    let [allow, _] = two(&store, ", when_away: { limits: allow }", &[&quota]);
    store.kill();
    let send = |world: &World| [(); 4].map(|()| status(world, "/a", &Token::good()));
    assert_eq!(send(&local), [200, 200, 429, 429]);
    assert_eq!(send(&refuse), [503; 4]);
    let answer = refuse.get("/a", &Token::good());
    assert_eq!((answer.one("retry-after"), answer.get("www-authenticate")), ("1", None));
    assert_eq!(send(&allow), [200; 4]);
    store.run();
    eventually("all", || [&local, &refuse, &allow].iter().all(|world| is_up(world)).then_some(()));
    assert_eq!([status(&refuse, "/a", &Token::good()), status(&allow, "/a", &Token::good())], [200, 200]);
    assert_eq!(send(&local), [429; 4], "and what others count counts again");
}

/// A store that is late does what it was asked: what was refused meanwhile is given back behind it.
#[test]
fn what_a_late_store_counted_of_refused_calls_is_given_back() {
    let Some(store) = Store::start() else { return };
    for (terms, while_late) in [("refuse", [503, 503]), ("local", [500, 500])] {
        assert_eq!(store.say(&["FLUSHALL"]), "+OK");
        let delay = Delay::before(store.address());
        let mut setup = setup(&[&shared("name: day, per: client, calls: 3, within: 24h")], &[("/a", "quotas: day")]);
        setup
            .further
            .push_str(&section(delay.address(), &format!(", timeout: 200ms, when_away: {{ limits: {terms} }}")));
        let world = setup.before(Server::answering(ok("text/plain", "a")));
        world.wait_ready();
        let send = || status(&world, "/a", &Token::good());
        assert_eq!(send(), 200);
        world.upstream.becomes(always("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"));
        delay.by(500);
        assert_eq!([send(), send()], while_late, "{terms}");
        delay.by(0);
        world.upstream.becomes(always(ok("text/plain", "a")));
        assert!(calls(&world, "limits", "late") > 1.5, "{terms}");
        eventually("its return", || {
            let key = store.say(&["KEYS", "scopegate:window:*"]).lines().nth(2)?.to_owned();
            let text = store.say(&["GET", &key]).lines().nth(1)?.to_owned();
            (text.matches(':').count() == 1 && text.ends_with(":1")).then_some(())
        });
    }
}

/// The script against the functions, by many random calls of each. Time goes on, as it does between two calls.
#[test]
fn the_script_counts_as_one_gateway_would() {
    let Some(store) = Store::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let link = link(&store);
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let kept = std::rc::Rc::clone(&link);
        tokio::task::spawn_local(async move { kept.keep().await });
        while link.store().era().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for seed in 0..60 {
            compare(&link, seed).await;
        }
    });
}

fn link(store: &Store) -> std::rc::Rc<Link> {
    let terms = Terms {
        prefix: "scopegate".into(),
        timeout: Duration::from_secs(5),
        proofs: ProofsAway::Refuse,
        revocations: RevocationsAway::GoOn,
        limits: LimitsAway::Local,
    };
    let dial = Dial::new("127.0.0.1".into(), store.address().port(), None);
    let login = Login { username: None, password: None, database: 0 };
    let store = Arc::new(shared::Store::new((dial, login), terms, 1, Clock::System));
    std::rc::Rc::new(Link::new(store, 0))
}

async fn compare(link: &Link, seed: u64) {
    let mut chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut upto = move |most: u64| {
        // xorshift64: the same calls in every run.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % most
    };
    let rate = Rate::new(
        1 + upto(50),
        [1_000_000, 60_000_000, 3_600_000_000][usize::try_from(upto(3)).unwrap()],
        1 + upto(20),
    );
    let window = Window {
        calls: [0, 1, 4, 24, 64, 65, 200][usize::try_from(upto(7)).unwrap()],
        within_us: 1_000_000 * (1 + upto(100_000)),
    };
    let (mut restored, mut calls) = (Restored::default(), Calls::default());
    let key = |kind: u8| {
        let mut names = KeyMaker::Everybodys.begin();
        names.add(kind, &seed.to_be_bytes());
        names.end()
    };
    let mut now_us = 1_767_225_600_000_000 + upto(1_000_000_000);
    for step in 0..150 {
        now_us += match upto(4) {
            0 => 0,
            1 => upto(rate.interval_us),
            2 => upto(rate.span_us() * 2),
            _ => upto(window.within_us / 40 + 2),
        };
        let call = if upto(5) == 0 { Call::FollowUp(window.within_us / 10) } else { Call::One };
        let claims = [
            Claim { name: "rate", key: key(0), limit: Limit::Rate(rate), call: Call::One },
            Claim { name: "window", key: key(1), limit: Limit::Window(window), call },
        ];
        let one = |outcome: Outcome| match outcome {
            Outcome::Refused { wait_us } => Counted::Refused { place: 0, wait_us },
            Outcome::Taken { .. } | Outcome::Free { .. } => Counted::Taken([outcome].into_iter().collect()),
        };
        let expected = [one(restored.take(now_us, rate)), one(calls.take(now_us, window, call))];
        for (claim, expected) in claims.iter().zip(expected) {
            let counted = link.take_all(&[*claim], (now_us, SKEW_US)).await.expect("the store is there");
            assert_eq!(counted, expected, "seed {seed}, step {step}: {claim:?}");
        }
        if upto(7) == 0 {
            calls.give_back(now_us);
            link.give_back(&claims[1..], now_us, upto(2) == 0).await;
        }
    }
}

/// Two gateways whose clocks differ within the skew, one asking after the other: neither gives away what the other took.
#[test]
fn clocks_that_differ_a_little_give_nothing_away() {
    let Some(store) = Store::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (link, local) = (link(&store), tokio::task::LocalSet::new());
    local.block_on(&runtime, async {
        let kept = std::rc::Rc::clone(&link);
        tokio::task::spawn_local(async move { kept.keep().await });
        while link.store().era().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (mut rates, mut windows) = (0, 0);
        for step in 0..200_u64 {
            // The second gateway is three seconds behind.
            let now_us = 1_767_225_600_000_000 + step * 50_000 - (step % 2) * 3_000_000;
            let key = KeyMaker::Everybodys.begin().end();
            let rate = Limit::Rate(Rate::new(1, 1_000_000, 2));
            let window = Limit::Window(Window { calls: 3, within_us: 8_000_000 });
            for (name, limit, passed) in [("a", rate, &mut rates), ("b", window, &mut windows)] {
                let claim = Claim { name, key, limit, call: Call::One };
                let counted = link.take_all(&[claim], (now_us, SKEW_US)).await.unwrap();
                *passed += u64::from(matches!(counted, Counted::Taken(_)));
            }
        }
        // Ten seconds: the burst and one a second; three in any eight seconds.
        assert!(rates <= 12, "{rates}");
        assert!(windows <= 6, "{windows}");
    });
}
