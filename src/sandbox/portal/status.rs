//! `/status`: is everything up, is more refused than usual, and what changed last. Drawn here, without scripts.

use super::log::{Count, MINUTES, PROBE_PREFIX};
use super::visitor::{Frame, Visitor};
use crate::net::fetch::Bounds;
use crate::sandbox::bank::date;
use crate::sandbox::scopes::Api;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

#[derive(Template)]
#[template(path = "status.html", config = "src/sandbox/askama.toml")]
struct StatusPage {
    frame: Frame,
    headline: &'static str,
    is_up: bool,
    parts: [Part; 4],
    /// What the log says; none if it cannot be read.
    traffic: Option<Traffic>,
    now: String,
    started: String,
}

/// Something that is asked whether it is there.
#[derive(Debug)]
struct Part {
    name: &'static str,
    state: Health,
    took_ms: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Up,
    Degraded(StatusCode),
    Down,
}

/// How the last half hour went.
#[derive(Debug)]
struct Traffic {
    calls: u64,
    refused: u64,
    now_percent: Option<String>,
    before_percent: Option<String>,
    word: &'static str,
    is_calm: bool,
    calls_line: Sparkline,
    refused_line: Sparkline,
}

/// A line over the last minutes, as SVG.
#[derive(Debug)]
struct Sparkline {
    points: String,
    top: u64,
    last: u64,
}

/// Shows the page.
pub(super) async fn get(State(site): State<Arc<Site>>, visitor: Visitor) -> Response {
    let (gateway, accounts, payments, funds) = tokio::join!(
        ready(&site),
        probe(&site, Api::AccountInformation, "/accounts"),
        probe(&site, Api::PaymentInitiation, "/domestic-payments/probe"),
        probe(&site, Api::FundsConfirmation, "/funds-confirmation-consents/probe"),
    );
    let parts = [gateway, accounts, payments, funds];
    let is_up = parts.iter().all(|part| part.state == Health::Up);
    let is_down = parts.iter().all(|part| part.state == Health::Down);
    let headline = match (is_up, is_down) {
        (true, _) => "Everything is up",
        (false, true) => "Everything is down",
        (false, false) => "Something is down",
    };
    let page = StatusPage {
        frame: visitor.frame("/status"),
        headline,
        is_up,
        parts,
        traffic: site.calls.minutes().await.ok().map(|minutes| Traffic::of(&minutes)),
        now: date::print(site.clock.now()),
        started: date::print(site.started),
    };
    visitor.keep(page::show(StatusCode::OK, &page))
}

/// Whether the gateway calls itself ready.
async fn ready(site: &Site) -> Part {
    let request = Request::get(format!("{}/readyz", site.admin)).body(Bytes::new());
    ask(site, "Gateway", request, StatusCode::OK).await
}

/// Whether an API's door answers as it should somebody who shows no token. Its id tells the log's readers who asked.
async fn probe(site: &Site, api: Api, path: &'static str) -> Part {
    let id = format!("{PROBE_PREFIX}{:012x}", site.clock.now_ms() & 0xFFFF_FFFF_FFFF);
    let request = Request::get(format!("{}{path}", api.audience(&site.gateway))).header("x-fapi-interaction-id", id);
    ask(site, api.title(), request.body(Bytes::new()), StatusCode::UNAUTHORIZED).await
}

async fn ask(site: &Site, name: &'static str, request: http::Result<Request<Bytes>>, wanted: StatusCode) -> Part {
    let started = site.clock.instant();
    let state = match request {
        Err(_) => Health::Down,
        Ok(request) => match site.fetcher.send(request, BOUNDS).await {
            Ok(answer) if answer.status() == wanted => Health::Up,
            Ok(answer) => Health::Degraded(answer.status()),
            Err(_) => Health::Down,
        },
    };
    Part { name, state, took_ms: site.clock.instant().duration_since(started).as_millis() }
}

impl Part {
    fn word(&self) -> String {
        match self.state {
            Health::Up => "Up".to_owned(),
            Health::Degraded(status) => format!("Answers {}", status.as_u16()),
            Health::Down => "Down".to_owned(),
        }
    }

    fn is_up(&self) -> bool {
        self.state == Health::Up
    }
}

impl Traffic {
    fn of(minutes: &[Count]) -> Self {
        let (before, now) = minutes.split_at(minutes.len().saturating_sub(RECENT_MINUTES));
        let (before, now, all) = (Count::of(before), Count::of(now), Count::of(minutes));
        let (word, is_calm) = match (now.permille(), before.permille()) {
            (None, _) => ("No calls in the last five minutes", true),
            (Some(now), Some(before)) if now > before + NOTABLE_PERMILLE => ("More refused than before", false),
            (Some(now), Some(before)) if now + NOTABLE_PERMILLE < before => ("Fewer refused than before", true),
            (Some(_), Some(_)) => ("As usual", true),
            (Some(_), None) => ("Nothing to compare with yet", true),
        };
        let line = |value: fn(&Count) -> u64| Sparkline::of(&minutes.iter().map(value).collect::<Vec<_>>());
        Self {
            calls: all.calls,
            refused: all.refused,
            now_percent: now.permille().map(percent),
            before_percent: before.permille().map(percent),
            word,
            is_calm,
            calls_line: line(|count| count.calls),
            refused_line: line(|count| count.refused),
        }
    }
}

impl Sparkline {
    fn of(values: &[u64]) -> Self {
        let top = values.iter().copied().max().unwrap_or_default();
        let mut points = String::new();
        for (place, value) in values.iter().enumerate() {
            let x = place * WIDTH / values.len().saturating_sub(1).max(1);
            let y = HEIGHT - value * HEIGHT / top.max(1);
            write!(points, "{x},{y} ").expect("writing to a String does not fail");
        }
        Self { points: points.trim_end().to_owned(), top, last: values.last().copied().unwrap_or_default() }
    }
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// A person waits three seconds for an answer.
const BOUNDS: Bounds = Bounds { total: Duration::from_millis(2_500), body_bytes_max: 64 * 1024 };
/// What "now" means beside the half hour.
const RECENT_MINUTES: usize = 5;
/// Five in a hundred are not noise.
const NOTABLE_PERMILLE: u64 = 50;
const WIDTH: usize = 240;
const HEIGHT: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_within_its_frame() {
        let line = Sparkline::of(&[0, 5, 10]);
        assert_eq!((line.points.as_str(), line.top, line.last), ("0,40 120,20 240,0", 10, 10));
        assert_eq!(Sparkline::of(&[0, 0]).points, "0,40 240,40");
        assert_eq!(Sparkline::of(&[]).points, "");
    }

    #[test]
    fn more_refusals_than_before_are_noticed() {
        let count = |calls, refused| Count { calls, refused };
        let mut minutes = vec![count(10, 0); 30];
        assert_eq!(Traffic::of(&minutes).word, "As usual");
        minutes[29] = count(10, 10);
        let traffic = Traffic::of(&minutes);
        assert_eq!((traffic.word, traffic.is_calm), ("More refused than before", false));
        assert_eq!(traffic.now_percent.as_deref(), Some("20.0 %"));
        assert_eq!(Traffic::of(&[]).word, "No calls in the last five minutes");
    }
}
