//! By whom quotas are counted, and where there is no room to count somebody.

use crate::support::client::Request;
use crate::support::gateway::route;
use crate::support::quotas::{FOUR_A_DAY, LATE, consent, setup, status, world};
use crate::support::server::Server;
use crate::support::tokens::Token;
use std::time::Duration;

#[test]
fn each_dimension_tells_callers_apart_and_the_others_do_not() {
    let cases = [
        ("client", Token::good().claim("client_id", "tpp-2").claim("sub", "other")),
        ("subject", Token::good().claim("sub", "customer-2")),
        ("consent", consent("other")),
    ];
    for (per, other) in &cases {
        let quota = format!("name: q, per: {per}, calls: 1, within: 1h");
        let world = world(&[&quota], &[("/a", "quotas: q"), ("/b", "quotas: q")]);
        let mine = consent("mine");
        assert_eq!([status(&world, "/a", &mine), status(&world, "/b", &mine)], [200, 429], "{per}");
        assert_eq!([status(&world, "/a", other), status(&world, "/a", other)], [200, 429], "{per}");
    }
    for (per, alike) in [("route", 429), ("path", 200)] {
        let quota = format!("name: q, per: [client, {per}], calls: 1, within: 1h");
        let world = world(&[&quota], &[("/a/{id}", "quotas: q"), ("/b/{id}", "quotas: q")]);
        let send = |path| status(&world, path, &Token::good());
        assert_eq!([send("/a/1"), send("/a/1?x=1"), send("/b/1"), send("/a/2")], [200, 429, 200, alike], "{per}");
    }
}

/// A token without a consent must not use up what those with one have, nor what other clients have.
#[test]
fn who_has_no_consent_counts_with_the_same_client_alone() {
    let world = world(&["name: q, per: consent, calls: 1, within: 1h"], &[("/a", "quotas: q")]);
    let other = Token::good().claim("client_id", "tpp-2").claim("sub", "x");
    let named = consent("tpp-1");
    let sent = [&Token::good(), &other, &named, &Token::good(), &other].map(|token| status(&world, "/a", token));
    assert_eq!(sent, [200, 200, 200, 429, 429]);
}

/// The consent of ÖHVPS stands in a scope, and the request names it.
#[test]
fn a_consent_in_a_scope_counts_like_one_in_a_claim() {
    let terms = "consent: { header: X-Consent, scope: \"AIS:{id}\" }\nquotas: q";
    let world = world(&["name: q, per: consent, calls: 1, within: 1h"], &[("/a", terms)]);
    let send = |id: &str| {
        let token = Token::good().scope("accounts AIS:1 AIS:2").mint();
        world.send(&Request::get("/a").token(&token).field(&format!("x-consent: {id}"))).status()
    };
    assert_eq!([send("1"), send("2"), send("1"), send("3")], [200, 200, 429, 403]);
}

/// BG-4.
#[test]
fn the_consents_own_frequency_lowers_or_replaces_the_number() {
    let quota = |frequency| format!("name: q, per: consent, calls: 3, within: 24h, frequency: {frequency}");
    for (frequency, claim, passed) in [("lowers", 2, 2), ("lowers", 9, 3), ("lowers", 0, 0), ("replaces", 5, 5)] {
        let world = world(&[&quota(frequency)], &[("/a", "quotas: q")]);
        let token = consent("c").claim("frequencyPerDay", claim);
        let sent = (0..10).filter(|_| status(&world, "/a", &token) == 200).count();
        assert_eq!(sent, passed, "{frequency} {claim}");
        assert_eq!(status(&world, "/a", &consent("d")), 200, "without the claim the number holds");
    }
    let world = world(&[&quota("lowers")], &[("/a", "quotas: q")]);
    assert_eq!(status(&world, "/a", &consent("c").claim("frequencyPerDay", "4")), 401, "a number is no text");
}

#[test]
fn a_client_can_have_a_number_of_its_own() {
    let quota = "name: q, per: consent, calls: 1, within: 24h, overrides: [{ clients: [tpp-2, tpp-3], calls: 3 }]";
    let world = world(&[quota], &[("/a", "quotas: q")]);
    let sent = |client: &str| {
        let token = consent(client).claim("client_id", client).claim("sub", "x");
        (0..5).filter(|_| status(&world, "/a", &token) == 200).count()
    };
    assert_eq!(["tpp-1", "tpp-2", "tpp-3", "tpp-22"].map(sent), [1, 3, 3, 1]);
}

/// A bound on floods comes before tokens are looked at; no other bound can be used up by strangers.
#[test]
fn a_network_is_bounded_before_anybody_knows_who_calls() {
    let quotas =
        ["name: flood, per: network, rate: 1/s, burst: 4, routes: all", "name: q, per: route, calls: 9, within: 1h"];
    let mut setup = setup(&quotas, &[("/a", "quotas: q")]);
    setup.server.push_str("  trusted_hops: [127.0.0.0/8]\n");
    setup.routes.push_str(&route("/open", "GET", "access: open"));
    let world = setup.start();
    let send = |path: &str, from: &str, token: &str| {
        world.send(&Request::get(path).token(token).field(&format!("forwarded: for=\"{from}\"")))
    };
    let statuses =
        |from: &str| ["/a", "/a", "/open", "/nowhere", "/a", "/a"].map(|path| send(path, from, "x").status());
    assert_eq!(statuses("192.0.2.1"), [401, 401, 200, 404, 401, 429]);
    assert_eq!(statuses("[2001:db8:1:100::1]"), [401, 401, 200, 404, 401, 429]);
    assert_eq!(send("/a", "[2001:db8:1:1ff::2]", "x").status(), 429, "a /56 is one network");
    let good = send("/a", "192.0.2.2", &Token::good().mint());
    assert_eq!(good.get("ratelimit"), Some("\"flood\";r=3;t=1, \"q\";r=8;t=3600"), "strangers took nothing of it");
    let hop = world.send(&Request::get("/open"));
    assert_eq!(hop.status(), 200, "who names nobody counts for himself");
}

/// A flood is one, also of requests that we fail to answer: that is when the bound is needed most.
#[test]
fn a_window_of_a_network_counts_what_came_to_nothing() {
    let quotas =
        ["name: flood, per: network, calls: 3, within: 1h, routes: all", "name: q, per: client, calls: 9, within: 1h"];
    let failing = Server::answering("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
    let world = setup(&quotas, &[("/a", "quotas: q")]).before(failing);
    assert_eq!([(); 4].map(|()| status(&world, "/a", &Token::good())), [500, 500, 500, 429]);
}

/// Where no more callers can be counted it is our fault, unless the operator would rather let them through.
#[test]
fn a_caller_that_cannot_be_counted_is_503_or_let_through() {
    for (when_full, expected) in [("refuse", 503), ("allow", 200)] {
        let quota = format!("name: q, per: consent, calls: 1, within: 1h, keys: 1, when_full: {when_full}");
        let world = world(&[&quota], &[("/a", "quotas: q")]);
        let sent: Vec<_> = (0..300).map(|id| status(&world, "/a", &consent(&format!("c{id}")))).collect();
        let counted = world.metric("scopegate_quota_keys{quota=\"q\"}");
        assert!((1.0..=64.0).contains(&counted), "{counted}: one in each of 64 parts at most");
        let full = world.metric("scopegate_quota_decisions_total{quota=\"q\",outcome=\"full\"}");
        assert!((full + counted - 300.0).abs() < 0.5);
        assert!(sent.iter().all(|status| [200, expected].contains(status)), "{when_full}");
        assert_eq!(sent.iter().filter(|status| **status == 503).count() > 0, expected == 503);
        let last = world.get("/a", &consent("c299"));
        assert_eq!(last.get("ratelimit").is_some(), last.status() == 429, "nobody knows what is left to the uncounted");
        world.clock.advance(Duration::from_hours(2));
        let later = consent("c299").claim("exp", LATE);
        assert_eq!(status(&world, "/a", &later), 200, "others have run out");
    }
}

/// Names of clients, customers and consents stand in no metric.
#[test]
fn metrics_say_how_many_are_counted_and_never_whom() {
    let world =
        world(&[FOUR_A_DAY, "name: at-once, per: subject, at_once: 5"], &[("/a", "quotas: [unattended, at-once]")]);
    for n in 0..6 {
        let token = consent("consent-77").claim("client_id", "tpp-77").claim("sub", "customer-77");
        assert_eq!(status(&world, "/a", &token), if n < 4 { 200 } else { 429 });
    }
    let page = world.admin("/metrics").text();
    for line in [
        "scopegate_quota_decisions_total{quota=\"unattended\",outcome=\"allowed\"} 4",
        "scopegate_quota_decisions_total{quota=\"unattended\",outcome=\"refused\"} 2",
        "scopegate_quota_decisions_total{quota=\"unattended\",outcome=\"full\"} 0",
        "scopegate_quota_keys{quota=\"unattended\"} 1",
        "scopegate_quota_keys{quota=\"at-once\"} 0",
        "# TYPE scopegate_quota_decisions_total counter",
        "# TYPE scopegate_quota_keys gauge",
    ] {
        assert!(page.contains(line), "{line}");
    }
    assert!(!page.contains("-77"));
}
