//! What we want of a request's cost, in one table, and whether a run shows it.

use super::figures::{Quantity, Row};
use super::names;
use super::scenarios::Scenario::{self, Bodies, Cold, Http2, Idle, Million, Plain, Routes, Tls, Tokens};
use super::statistics::{self, Verdict};

/// A figure that shall be at most `must`, and better at most `stretch`.
pub(crate) struct Wanted {
    pub(crate) scenario: Scenario,
    row: &'static str,
    quantity: Quantity,
    against: Against,
    must: f64,
    stretch: Option<f64>,
}

/// What a figure is divided by, within each round.
enum Against {
    Row(&'static str),
    /// What two cost together.
    Sum(&'static str, &'static str),
    /// Whichever of these is the cheapest.
    Best(&'static [&'static str]),
    /// Nothing: the figure itself.
    Nothing,
}

/// One line of the summary.
pub(crate) struct Line {
    pub(crate) scenario: Scenario,
    pub(crate) what: String,
    pub(crate) wanted: String,
    pub(crate) stretch: String,
    pub(crate) got: String,
    pub(crate) interval: String,
    pub(crate) met: String,
}

const CPU: Quantity = Quantity::Cpu;
const P99: Quantity = Quantity::P99;

#[rustfmt::skip]
pub(crate) const WANTED: [Wanted; 18] = [
    want(Plain, names::GATE, CPU, Against::Row(names::NGINX), (0.90, Some(0.80))),
    want(Plain, names::GATE, CPU, Against::Row(names::HAPROXY), (0.90, Some(0.80))),
    want(Plain, names::GATE, CPU, Against::Row(names::HAPROXY_JWT), (0.33, Some(0.28))),
    want(Plain, names::GATE, CPU, Against::Row(names::ENVOY), (0.33, Some(0.27))),
    want(Plain, names::GATE, CPU, Against::Row(names::RELAY), (1.50, Some(1.30))),
    want(Plain, names::GATE, P99, Against::Row(names::NGINX), (1.00, None)),
    want(Tokens, names::THOUSAND, CPU, Against::Row(names::ONE_TOKEN), (1.05, None)),
    want(Million, names::MILLION, CPU, Against::Row(names::ONE_TOKEN), (1.15, None)),
    want(Cold, names::COLD_ES256, CPU, Against::Sum(names::RAW_ES256, names::WARM_ES256), (1.10, None)),
    want(Cold, names::COLD_RS256, CPU, Against::Sum(names::RAW_RS256, names::WARM_RS256), (1.10, None)),
    want(Routes, names::MANY_ROUTES, CPU, Against::Row(names::FEW_ROUTES), (1.05, None)),
    want(Routes, names::MANY_ISSUERS, CPU, Against::Row(names::FEW_ROUTES), (1.05, None)),
    want(Tls, names::GATE, CPU, Against::Row(names::NGINX), (0.90, None)),
    want(Http2, names::GATE, CPU, Against::Row(names::NGINX), (0.90, Some(0.80))),
    want(Bodies, names::GATE, CPU, Against::Best(&[names::NGINX, names::HAPROXY, names::ENVOY]), (1.00, None)),
    want(Idle, names::GATE, Quantity::AtRest, Against::Nothing, (40.0, None)),
    want(Idle, names::GATE, Quantity::IdlePlain, Against::Nothing, (6.0, Some(4.0))),
    want(Idle, names::GATE, Quantity::IdleTls, Against::Nothing, (14.0, Some(12.0))),
];

const fn want(
    scenario: Scenario,
    row: &'static str,
    quantity: Quantity,
    against: Against,
    (must, stretch): (f64, Option<f64>),
) -> Wanted {
    Wanted { scenario, row, quantity, against, must, stretch }
}

/// Every line of this scenario, from what was measured while so much was offered.
pub(crate) fn judge(scenario: Scenario, rows: &[Row], offered: u32) -> Vec<Line> {
    let base = rows.iter().find(|row| row.name == scenario.shape().base);
    let steady = if base.is_some_and(Row::is_unsteady) { " (unsteady)" } else { "" };
    let wanted = WANTED.iter().filter(|wanted| wanted.scenario == scenario);
    let judged = wanted.map(|wanted| wanted.judge(rows, offered));
    judged.map(|line| Line { met: line.met + steady, ..line }).collect()
}

/// The lines of a scenario that came to no end.
pub(crate) fn failed(scenario: Scenario) -> Vec<Line> {
    let wanted = WANTED.iter().filter(|wanted| wanted.scenario == scenario);
    wanted.map(|wanted| Line { met: "FAILED".to_owned(), ..wanted.line() }).collect()
}

impl Wanted {
    /// Before anything is known.
    fn line(&self) -> Line {
        Line {
            scenario: self.scenario,
            what: self.describe(),
            wanted: self.figure(self.must),
            stretch: self.stretch.map_or("-".to_owned(), |stretch| self.figure(stretch)),
            got: "-".to_owned(),
            interval: "-".to_owned(),
            met: "not measured".to_owned(),
        }
    }

    fn judge(&self, rows: &[Row], offered: u32) -> Line {
        let line = self.line();
        let (figures, taking_part) = match self.figures(rows) {
            Ok(figures) => figures,
            Err(absent) => return Line { met: format!("not measured: no {absent}"), ..line },
        };
        let Some(middle) = statistics::median(&figures) else {
            return line;
        };
        let interval = statistics::interval(&figures);
        let short = taking_part.iter().find(|row| row.fell_short(offered));
        let met = match (short, interval) {
            (Some(row), _) => format!("not shown: {} did not reach the rate", row.name),
            (None, None) => "not shown: fewer than 5 rounds".to_owned(),
            (None, Some(_)) => self.say(interval),
        };
        let best = match self.against {
            Against::Best(_) => taking_part.last().map_or(String::new(), |row| format!(": {}", row.name)),
            Against::Row(_) | Against::Sum(..) | Against::Nothing => String::new(),
        };
        let interval = interval.map_or("-".to_owned(), |(low, high)| format!("{low:.2} to {high:.2}"));
        Line { what: format!("{}{best}", line.what), got: self.figure(middle), interval, met, ..line }
    }

    fn say(&self, interval: Option<(f64, f64)>) -> String {
        let word = |bound| match Verdict::of(interval, bound) {
            Verdict::Met => "yes",
            Verdict::Missed => "NO",
            Verdict::NotShown => "not shown",
        };
        let must = word(self.must);
        self.stretch.map_or(must.to_owned(), |stretch| format!("{must}; stretch: {}", word(stretch)))
    }

    /// Of each round, and whose they are. In place of figures: who is missing.
    fn figures<'r>(&self, rows: &'r [Row]) -> Result<(Vec<f64>, Vec<&'r Row>), &'static str> {
        let find = |name: &'static str| rows.iter().find(|row| row.name == name).ok_or(name);
        let ours = find(self.row)?;
        match self.against {
            Against::Row(name) => {
                let theirs = find(name)?;
                Ok((ours.ratios(theirs, self.quantity), vec![ours, theirs]))
            }
            Against::Sum(first, second) => {
                let (first, second) = (find(first)?, find(second)?);
                let both = first.figures(self.quantity).into_iter().zip(second.figures(self.quantity));
                let sums: Vec<_> = both.map(|(first, second)| Some(first? + second?)).collect();
                Ok((statistics::paired(&ours.figures(self.quantity), &sums), vec![ours, first, second]))
            }
            Against::Best(names) => {
                let measured = names.iter().filter_map(|name| find(name).ok());
                let costs = measured.filter_map(|row| Some((row.median(self.quantity)?, row)));
                let best = costs.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, row)| row).ok_or("rival")?;
                Ok((ours.ratios(best, self.quantity), vec![ours, best]))
            }
            Against::Nothing => Ok((ours.figures(self.quantity).into_iter().flatten().collect(), vec![ours])),
        }
    }

    fn describe(&self) -> String {
        match (&self.against, self.quantity) {
            (Against::Row(name), Quantity::P99) => format!("99th percentile of latency, against {name}"),
            (Against::Row(name), _) if self.row == names::GATE => format!("CPU, against {name}"),
            (Against::Row(name), _) => format!("CPU, {} against {name}", self.row),
            (Against::Sum(first, second), _) => format!("CPU, {} against {first} + {second}", self.row),
            (Against::Best(_), _) => "CPU, against the best rival".to_owned(),
            (Against::Nothing, Quantity::AtRest) => "resident at rest".to_owned(),
            (Against::Nothing, Quantity::IdleTls) => "resident for an idle connection, TLS".to_owned(),
            (Against::Nothing, _) => "resident for an idle connection, plain".to_owned(),
        }
    }

    fn figure(&self, figure: f64) -> String {
        match (&self.against, self.quantity) {
            (Against::Nothing, Quantity::AtRest) => format!("{figure:.1} MiB"),
            (Against::Nothing, _) => format!("{figure:.1} KiB"),
            (Against::Row(_) | Against::Sum(..) | Against::Best(_), _) => format!("{figure:.2} ×"),
        }
    }
}
