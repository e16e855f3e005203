//! `scopegate kpi` reads what the gateway writes: requests over sockets, their log, and the report of it.

use crate::support::client::Request;
use crate::support::gateway::{Setup, route};
use crate::support::server::{Server, always, ok};
use crate::support::tokens::{NOW, Token};
use scopegate::cli::{KpiArgs, KpiFormat};
use scopegate::clock::Clock;
use scopegate::commands::kpi;
use std::time::Duration;

/// RTS-7, KPI-8
#[test]
fn the_gateways_own_log_becomes_the_report() {
    let routes = [
        route("/accounts", "GET", "scopes: [accounts]\nservice: ais"),
        route("/payments", "POST", "scopes: [payments]\nservice: pis"),
        route("/open", "GET", "access: open"),
    ];
    let mut world = Setup::routes(&routes).before(Server::answering(ok("application/json", "{}")));
    let payment = || Request::new("POST", "/payments").token(&Token::good().scope("payments").mint()).body("{}");
    world.get("/accounts", &Token::good());
    world.get("/accounts", &Token::good().claim("exp", 1));
    world.send(&payment());
    world.send(&Request::get("/open"));
    world.upstream.becomes(always("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"));
    world.clock.advance(Duration::from_mins(1));
    for _ in 0..5 {
        world.send(&payment());
    }
    world.drain();
    let wish = KpiArgs {
        from: "2027-01-15".to_owned(),
        to: "2027-01-15".to_owned(),
        log: vec![world.path("access.log")],
        zone: "UTC".to_owned(),
        format: KpiFormat::Json,
        config: None,
        psu: None,
        benchmarks: false,
        require: true,
    };
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    // An hour after the first of them.
    let clock = Clock::manual(NOW + 60 + 3600);
    let code = kpi::run(&wish, &clock, (&mut output, &mut notes)).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output).unwrap();
    let services = &report["days"][0]["services"];
    for (service, requests, errors, down) in
        [("all", 8, 5, 3600.0), ("ais", 2, 0, 0.0), ("pis", 6, 5, 3600.0), ("funds", 0, 0, 0.0)]
    {
        let one = &services[service];
        assert_eq!((&one["requests"], &one["errors"]), (&requests.into(), &errors.into()), "{service}: {report}");
        assert_eq!(one["downtime_seconds"], down, "{service}");
    }
    assert!(services["pis"]["mean_response_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(report["log"], serde_json::json!({"lines": 9, "malformed": 0, "unpublished": 1, "late": 0}));
    assert_eq!((code, notes.as_slice()), (std::process::ExitCode::from(1), [].as_slice()));
}
