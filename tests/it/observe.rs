//! OBSERVE: what operators are told, and what nobody is ever told.

use crate::support::client::{Request, id};
use crate::support::gateway::{Setup, World, route};
use crate::support::server::Server;
use crate::support::tokens::{NOW, Token};

/// Dashboards and alerts hang on these names.
const METRICS: [&str; 59] = [
    "scopegate_accept_failures_total counter",
    "scopegate_access_log_blocks_dropped_total counter",
    "scopegate_access_log_lines_unwritten_total counter",
    "scopegate_admin_refused_total counter",
    "scopegate_assertions_signed_total counter",
    "scopegate_build_info gauge",
    "scopegate_config_generation gauge",
    "scopegate_config_last_reload_failed gauge",
    "scopegate_config_last_reload_timestamp_seconds gauge",
    "scopegate_config_reloads_total counter",
    "scopegate_connections gauge",
    "scopegate_connections_accepted_total counter",
    "scopegate_connections_closed_total counter",
    "scopegate_connections_http2_total counter",
    "scopegate_connections_late_total counter",
    "scopegate_connections_max gauge",
    "scopegate_connections_moved_total counter",
    "scopegate_connections_refused_total counter",
    "scopegate_connections_strained_total counter",
    "scopegate_connections_untrusted_total counter",
    "scopegate_draining gauge",
    "scopegate_forwarded_malformed_total counter",
    "scopegate_handshakes_failed_total counter",
    "scopegate_handshakes_resumed_total counter",
    "scopegate_heads_unreadable_total counter",
    "scopegate_issuer_key_fetches_total counter",
    "scopegate_issuer_keys gauge",
    "scopegate_issuer_keys_age_seconds gauge",
    "scopegate_proofs gauge",
    "scopegate_proxy_headers_malformed_total counter",
    "scopegate_ready gauge",
    "scopegate_request_duration_seconds histogram",
    "scopegate_requests_total counter",
    "scopegate_service_requests_total counter",
    "scopegate_service_response_seconds histogram",
    "scopegate_status_list_fetches_total counter",
    "scopegate_status_list_refresh_seconds gauge",
    "scopegate_status_list_waits_total counter",
    "scopegate_status_lists gauge",
    "scopegate_status_lists_failing gauge",
    "scopegate_status_lists_turned_away_total counter",
    "scopegate_takeovers_failed_total counter",
    "scopegate_tokens_outlive_revocations_total counter",
    "scopegate_tunnels gauge",
    "scopegate_upstream_connect_failures_total counter",
    "scopegate_upstream_connections gauge",
    "scopegate_upstream_connects_total counter",
    "scopegate_upstream_ejections_total counter",
    "scopegate_upstream_handshakes_failed_total counter",
    "scopegate_upstream_pending gauge",
    "scopegate_upstream_pending_refused_total counter",
    "scopegate_upstream_response_seconds histogram",
    "scopegate_upstream_retries_refused_total counter",
    "scopegate_upstream_retries_total counter",
    "scopegate_upstream_server_up gauge",
    "scopegate_verdict_hits_total counter",
    "scopegate_verdict_misses_total counter",
    "scopegate_verdicts_max gauge",
    "scopegate_worker_connections gauge",
];

#[test]
fn the_metrics_are_these() {
    let world = World::start();
    world.get("/accounts", &Token::good());
    let page = world.admin("/metrics");
    assert_eq!(page.one("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let page = page.text();
    let mut names: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE scopegate_"))
        .map(|name| format!("scopegate_{name}"))
        .collect();
    names.sort();
    let mut expected: Vec<_> = METRICS
        .iter()
        .map(ToString::to_string)
        .chain(["scopegate_verdicts gauge".to_owned(), "scopegate_revocations gauge".to_owned()])
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(page.matches("# HELP scopegate_").count(), expected.len());
    assert!(page.contains("# TYPE process_resident_memory_bytes gauge"));
}

#[test]
fn the_metrics_page_is_there_before_the_first_request_and_without_issuers() {
    assert_eq!(World::start().admin("/metrics").status(), 200);
    let open = Setup { issuers: String::new(), ..Setup::routes(&[route("/open", "GET", "access: open")]) };
    let world = open.start();
    assert_eq!((world.admin("/metrics").status(), world.admin("/readyz").status()), (200, 200));
}

#[test]
fn requests_are_counted_by_route_status_and_reason() {
    let world = World::start();
    for _ in 0..3 {
        world.get("/accounts", &Token::good());
    }
    world.get("/accounts/17", &Token::good().claim("exp", 1));
    world.send(&Request::get("/nowhere/at/all"));
    world.send(&Request::new("POST", "/payments").token(&Token::good().scope("accounts").mint()));
    for (line, count) in [
        ("{reason=\"\",route=\"/accounts\",status=\"200\"}", 3.0),
        ("{reason=\"token_expired\",route=\"/accounts/{id}\",status=\"401\"}", 1.0),
        ("{reason=\"route_unknown\",route=\"\",status=\"404\"}", 1.0),
        ("{reason=\"scope_missing\",route=\"/payments\",status=\"403\"}", 1.0),
    ] {
        assert!((world.metric(&format!("scopegate_requests_total{line}")) - count).abs() < 0.5, "{line}");
    }
    assert!(world.metric("scopegate_request_duration_seconds_count{route=\"/accounts\"}") >= 3.0);
    assert!(world.metric("scopegate_request_duration_seconds_bucket{route=\"/accounts\",le=\"+Inf\"}") >= 3.0);
}

#[test]
fn the_access_log_has_these_fields() {
    let world = World::start();
    world.send(&Request::get("/accounts/17?q=1").token(&Token::good().mint()).numbered(1));
    world.send(&Request::get("/accounts").numbered(2));
    world.send(&Request::get("/open/../x").numbered(3));
    let keys = |n: usize| {
        let line = world.log_line(n);
        line.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let mut passed = [
        "time",
        "id",
        "client",
        "method",
        "path",
        "protocol",
        "route",
        "status",
        "issuer",
        "client_id",
        "verdict",
        "upstream",
        "upstream_us",
        "first_us",
        "duration_us",
        "bytes",
    ];
    passed.sort_unstable();
    assert_eq!(keys(1), passed);
    let mut refused =
        ["time", "id", "client", "method", "path", "protocol", "route", "status", "reason", "duration_us", "bytes"];
    refused.sort_unstable();
    assert_eq!(keys(2), refused);
    assert!(!keys(3).contains(&"path".to_owned()), "a path that was refused may hold anything");
    let line = world.log_line(1);
    for (name, value) in [
        ("id", id(1).as_str()),
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("path", "/accounts/17"),
        ("protocol", "HTTP/1.1"),
        ("route", "/accounts/{id}"),
        ("issuer", "bank"),
        ("client_id", "tpp-1"),
        ("verdict", "fresh"),
        ("upstream", "api"),
        ("time", "2027-01-15T08:00:00.000Z"),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    assert_eq!((&line["status"], &line["bytes"]), (&200.into(), &"GET /accounts/17?q=1 HTTP/1.1".len().into()));
}

/// CVE-2022-29266 and BEAR-7: nothing secret is in any log, metric or error.
#[test]
fn nothing_secret_is_told_to_anybody() {
    let mut world = Setup::default().before(Server::echo());
    let base = Token::good().claim("sub", "canary-subject").claim("jti", "canary-jti").claim("secret", "canary-claim");
    let tokens = [
        base.clone(),
        base.clone().claim("exp", NOW - 99),
        base.clone().claim("aud", "canary-audience"),
        base.clone().claim("iss", "https://canary-issuer.example"),
        base.clone().scope("canary-scope"),
        base.clone().header("kid", "canary-kid"),
        base.clone().header("crit", "canary-crit"),
        base.clone().header("typ", "canary-typ"),
        base.clone().claim("scope", 5),
    ];
    let mut secrets: Vec<String> = ["canary", "c2VjcmV0"].map(str::to_owned).to_vec();
    let mut answers = String::new();
    for token in &tokens {
        let token = token.mint();
        secrets.extend(token.split('.').map(str::to_owned));
        for request in [
            Request::get("/accounts?q=canary-query").token(&token),
            Request::get("/accounts?access_token=canary-query").token(&token),
            Request::get(&format!("/accounts?access_token={token}")),
            Request::get("/accounts").token(&format!("{token},{token}")),
            Request::get("/accounts").field("authorization: Basic c2VjcmV0"),
            Request::get("/nowhere").token(&token).field("cookie: s=canary-cookie"),
            Request::new("POST", "/payments").token(&token).body("canary-body"),
        ] {
            let answer = world.send(&request);
            if answer.status() >= 400 {
                answers.push_str(&String::from_utf8_lossy(&answer.raw));
            }
        }
    }
    let metrics = world.admin("/metrics").text();
    let ready = world.admin("/readyz").text();
    world.drain();
    let log = world.log();
    assert_eq!(log.lines().count(), tokens.len() * 7);
    for secret in secrets.iter().filter(|secret| secret.len() > 5) {
        for (place, text) in
            [("an answer", &answers), ("the metrics", &metrics), ("the log", &log), ("readiness", &ready)]
        {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

#[test]
fn the_admin_listener_says_little_and_only_to_readers() {
    let world = World::start();
    assert_eq!((world.admin("/livez").status(), world.admin("/readyz").status()), (200, 200));
    for (path, status) in [("/", 404), ("/metrics/", 404), ("/status/", 404), ("/accounts", 404), ("/../livez", 404)] {
        assert_eq!(world.admin(path).status(), status, "{path}");
    }
    for method in ["POST", "DELETE", "TRACE", "OPTIONS"] {
        let answer = world.ask_admin(&Request::new(method, "/metrics"));
        assert_eq!((answer.status(), answer.one("allow")), (405, "GET, HEAD"), "{method}");
    }
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(world.send(&Request::get(path)).status(), 404, "{path} is not for third parties");
    }
}
