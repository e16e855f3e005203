//! What the page shows, out of the snapshot: every number with its unit, every state with a word.

use super::chart::{self, Line};
use super::series::SAMPLES_MAX;
use super::snapshot::{Snapshot, State};
use super::traffic::{Refusal, Refusing};
use super::words::{self, Moment};
use crate::digest::sha256;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use std::sync::LazyLock;

/// The page; its template says where each stands.
#[derive(Template)]
#[template(path = "status.html", config = "src/admin/askama.toml")]
pub(super) struct Page<'s> {
    snapshot: &'s Snapshot,
    style: &'static str,
    script: &'static str,
    headline: &'static str,
    /// `good`, `soon` or `bad`.
    tone: &'static str,
    up_for: String,
    refusing: (&'static str, &'static str),
    now: Moment,
    started: Moment,
    reload: Moment,
    /// The newest is what changed last.
    history: Vec<Change<'s>>,
    charts: Vec<Chart>,
    refusals: Vec<RefusalLine<'s>>,
}

/// One thing that changed.
struct Change<'s> {
    at: Moment,
    words: &'static str,
    what: &'s str,
    is_bad: bool,
}

/// One chart: a number now, and how it came to it.
struct Chart {
    title: &'static str,
    /// The value now, with its unit.
    value: String,
    /// Whether there should be nothing of it.
    is_bad: bool,
    /// Further lines' values, with what they are.
    legend: Vec<(&'static str, String)>,
    top: String,
    lines: Vec<Line>,
    /// For those who cannot see it.
    label: String,
}

struct RefusalLine<'s> {
    reason: &'s str,
    status: u16,
    meaning: &'s str,
    recent: String,
    remembered: String,
    total: String,
    line: Line,
}

impl<'s> Page<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let (headline, tone) = match snapshot.state {
            State::Serving => ("Serving", "good"),
            State::Hindered => ("Serving, with warnings", "soon"),
            State::Cut => ("No upstream answers", "bad"),
            State::Starting => ("Not ready yet", "soon"),
            State::Draining => ("Draining", "soon"),
        };
        let refusing = match snapshot.traffic.refusing {
            Refusing::Unknown => ("Too early to tell", "calm"),
            Refusing::Usual => ("As usual", "good"),
            Refusing::More => ("More than usual", "bad"),
            Refusing::Fewer => ("Fewer than usual", "good"),
        };
        let moment = |at| Moment::of(at, snapshot.at);
        Self {
            style: STYLE,
            script: SCRIPT,
            headline,
            tone,
            up_for: words::span(snapshot.at.saturating_sub(snapshot.started)),
            refusing,
            now: moment(snapshot.at),
            started: moment(snapshot.started),
            reload: moment(snapshot.config.last_reload),
            history: snapshot
                .history
                .iter()
                .map(|event| Change {
                    at: moment(event.at),
                    words: event.kind.words(),
                    what: &event.what,
                    is_bad: event.kind.is_bad(),
                })
                .collect(),
            charts: charts(snapshot),
            refusals: refusals(snapshot),
            snapshot,
        }
    }

    /// How much of the recent requests is refused, and how much was before.
    fn refused(&self) -> String {
        let traffic = &self.snapshot.traffic;
        let now = match traffic.refused_share {
            None => format!("no requests in the last {} s", traffic.recent_seconds),
            share => format!("{} of the requests of the last {} s", words::percent(share), traffic.recent_seconds),
        };
        let before = match traffic.refused_share_before {
            None => "nothing to compare with".to_owned(),
            share => format!("{} before that", words::percent(share)),
        };
        format!("{now}; {before}")
    }

    /// As many changes as a person looks at; all of them are in the JSON.
    fn shown_changes(&self) -> impl Iterator<Item = &Change<'s>> {
        self.history.iter().take(CHANGES_SHOWN)
    }

    /// The time that the charts show, in minutes.
    fn minutes(&self) -> u64 {
        self.snapshot.series.step_seconds * self.snapshot.series.points_max as u64 / 60
    }
}

fn charts(snapshot: &Snapshot) -> Vec<Chart> {
    let (series, traffic) = (&snapshot.series, &snapshot.traffic);
    let all = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    let rate = words::rate;
    vec![
        Chart::new(
            ("Requests", rate(traffic.requests_per_second)),
            &[("passed and refused", rate(traffic.requests_per_second), all(&series.requests_per_second))],
            rate,
        ),
        Chart::new(
            ("Latency", words::ms(traffic.p99_ms)),
            &[
                ("99 of 100 within", words::ms(traffic.p99_ms), series.p99_ms.clone()),
                ("half within", words::ms(traffic.p50_ms), series.p50_ms.clone()),
            ],
            |value| words::ms(Some(value)),
        ),
        Chart::new(
            ("Refused", rate(traffic.refused_per_second)),
            &[("4xx of ours", rate(traffic.refused_per_second), all(&series.refused_per_second))],
            rate,
        ),
        Chart::new(
            ("Failed", rate(traffic.failed_per_second)),
            &[("5xx, ours and upstreams'", rate(traffic.failed_per_second), all(&series.failed_per_second))],
            rate,
        )
        .bad(traffic.failed_per_second > 0.0),
        Chart::new(
            ("Client connections", format!("{} open", words::count(snapshot.connections.open))),
            &[("on all workers", String::new(), words::floats(&series.connections))],
            |value| format!("{} open", words::number(value)),
        ),
        Chart::new(
            ("Tokens remembered", words::percent(series.remembered_share.first().copied().flatten())),
            &[("of all tokens", String::new(), series.remembered_share.clone())],
            |value| words::percent(Some(value)),
        ),
    ]
}

impl Chart {
    fn new(
        (title, value): (&'static str, String),
        lines: &[(&'static str, String, Vec<Option<f64>>)],
        unit: impl Fn(f64) -> String,
    ) -> Self {
        let top = chart::round_top(lines.iter().flat_map(|(_, _, values)| values.iter().copied().flatten()));
        let drawn = lines.iter().map(|(_, _, values)| chart::line(values, SAMPLES_MAX, top)).collect();
        let legend = if lines.len() > 1 {
            lines.iter().map(|(name, value, _)| (*name, value.clone())).collect()
        } else {
            lines.iter().map(|(name, _, _)| (*name, String::new())).collect()
        };
        let label = format!("{title}: {value} now, on a scale up to {}", unit(top));
        Self { title, value, is_bad: false, legend, top: unit(top), lines: drawn, label }
    }
}

impl Chart {
    fn bad(self, is_bad: bool) -> Self {
        Self { is_bad, ..self }
    }
}

fn refusals<'s>(snapshot: &'s Snapshot) -> Vec<RefusalLine<'s>> {
    let shown = snapshot.refusals.iter().take(REASONS_SHOWN);
    let top = chart::round_top(shown.clone().flat_map(|refusal| refusal.per_second.iter().copied()));
    let one = |refusal: &'s Refusal| {
        let Refusal { reason, status, meaning, recent, remembered, total, per_second } = refusal;
        let values: Vec<_> = per_second.iter().copied().map(Some).collect();
        RefusalLine {
            reason,
            status: *status,
            meaning,
            recent: words::count(*recent),
            remembered: words::count(*remembered),
            total: words::count(*total),
            line: chart::line(&values, SAMPLES_MAX, top),
        }
    };
    shown.map(one).collect()
}

/// What the page may do: show its own style, run its own script, ask its own server. Nothing else, from nowhere else.
pub(super) fn policy() -> &'static HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let hash = |text: &str| STANDARD.encode(sha256(text.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; connect-src 'self'; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        );
        HeaderValue::try_from(policy).expect("base64 and these words are visible ASCII")
    });
    &POLICY
}

const STYLE: &str = include_str!("../pages/status.css");
const SCRIPT: &str = include_str!("../pages/status.js");
/// The last changes; the first of them is what changed last.
const CHANGES_SHOWN: usize = 8;
/// As many as a person takes in; all of them are in `/status.json`.
const REASONS_SHOWN: usize = 8;
