//! `scopegate diff OLD NEW`: what a change of the configuration does to who may pass, request by request, before it is in force.

mod audit_log;
pub(super) mod change;
mod gateway;
mod issuer;
mod places;
mod quota;
pub(super) mod requests;
mod route;
mod shape;
mod store;

use super::routes::{self, Form};
use crate::cli::FailOn;
use crate::config::{self, Settings};
use change::{Change, Turn};
use requests::Pair;
use route::Placed;
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Compares two configurations.
pub fn run([old, new]: [&Path; 2], fail_on: FailOn, form: Form, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let (before, mut after) = (config::load(old)?, config::load(new)?);
    places::align((&before, old), (&mut after, new));
    let rows = compare(&before, &after);
    match form {
        Form::Table => text(&rows, output)?,
        Form::Json => writeln!(output, "{}", serde_json::to_string_pretty(&rows)?)?,
    }
    output.flush()?;
    let counts = |row: &Row| match fail_on {
        FailOn::Change => true,
        FailOn::Open => row.became.opens(),
    };
    Ok(if rows.iter().any(counts) { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}

/// What became of the requests of one route, or of all requests.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// `None`: every request.
    method: Option<String>,
    path: Option<String>,
    /// `None`: every host, or every one that no other row names.
    host: Option<String>,
    became: Became,
    changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Became {
    /// Nobody might pass.
    New,
    MoreOpen,
    Different,
    Stricter,
    /// Nobody may pass any more.
    Gone,
    /// Nothing that decides who may pass.
    Changed,
}

impl Became {
    fn opens(self) -> bool {
        match self {
            Self::New | Self::MoreOpen | Self::Different => true,
            Self::Stricter | Self::Gone | Self::Changed => false,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::MoreOpen => "more open",
            Self::Different => "different",
            Self::Stricter => "stricter",
            Self::Gone => "gone",
            Self::Changed => "changed, not about access",
        }
    }
}

impl From<Turn> for Became {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::MoreOpen => Self::MoreOpen,
            Turn::Different => Self::Different,
            Turn::Stricter => Self::Stricter,
            Turn::Changed => Self::Changed,
        }
    }
}

/// Everything that changed: of all requests first, then in the order of the routes, what opens before what closes.
fn compare(old: &Settings, new: &Settings) -> Vec<Row> {
    let everywhere = gateway::compare(old, new).found;
    let for_all = everywhere.into_iter().map(|change| Row {
        method: None,
        path: None,
        host: None,
        became: change.turn.into(),
        changes: vec![change],
    });
    let mut rows: Vec<Row> = for_all.collect();
    rows.extend(requests::pairs(old, new).iter().filter_map(|pair| row(old, new, pair)));
    rows.sort_by_key(|row| row.became);
    rows
}

fn row(old: &Settings, new: &Settings, pair: &Pair<'_>) -> Option<Row> {
    let demand = |placed: Placed<'_>| routes::summary(placed.settings, placed.route);
    let whole = |old: String, new: String, turn| vec![Change { what: "route".to_owned(), old, new, turn }];
    let nothing = || change::NOTHING.to_owned();
    let (became, changes) = match (placed(old, pair.old), placed(new, pair.new)) {
        (None, None) => return None,
        (None, Some(new)) => (Became::New, whole(nothing(), demand(new), Turn::MoreOpen)),
        (Some(old), None) => (Became::Gone, whole(demand(old), nothing(), Turn::Stricter)),
        (Some(old), Some(new)) => {
            let changes = route::compare(old, new).found;
            (Turn::of(changes.iter().map(|change| change.turn))?.into(), changes)
        }
    };
    let (method, path) = (Some(pair.method.to_string()), Some(pair.path.clone()));
    Some(Row { method, path, host: pair.host.map(str::to_owned), became, changes })
}

fn placed(settings: &Settings, place: Option<usize>) -> Option<Placed<'_>> {
    let route = place.and_then(|place| settings.routes.get(place))?;
    Some(Placed { settings, route })
}

fn text(rows: &[Row], output: &mut impl Write) -> std::io::Result<()> {
    let repeated = repeated(rows);
    for (Change { what, old, new, turn }, requests) in &repeated {
        let turn = Became::from(*turn);
        writeln!(output, "{}: {what}: {old} -> {new}  ({requests} requests)", turn.words())?;
    }
    let is_told = |change: &Change| repeated.iter().any(|(told, _)| *told == change);
    for row in rows.iter().filter(|row| !row.changes.iter().all(is_told)) {
        let request = match (&row.method, &row.path, &row.host) {
            (Some(method), Some(path), Some(host)) => format!("{method} {path} of {host}"),
            (Some(method), Some(path), None) => format!("{method} {path}"),
            (_, _, _) => "every request".to_owned(),
        };
        writeln!(output, "{}: {request}", row.became.words())?;
        for Change { what, old, new, turn } in row.changes.iter().filter(|change| !is_told(change)) {
            let turn = Became::from(*turn);
            let aside = if turn == row.became || row.became != Became::Different && turn != Became::Changed {
                String::new()
            } else {
                format!("  ({})", turn.words())
            };
            writeln!(output, "    {what}: {old} -> {new}{aside}")?;
        }
    }
    let opened = rows.iter().filter(|row| row.became.opens()).count();
    match rows.len() {
        0 => writeln!(output, "no difference"),
        count => writeln!(
            output,
            "\n{}, of which {opened} may let somebody pass who may not now",
            super::counted(count, "difference")
        ),
    }
}

/// What changed of an issuer, and with it many requests that nobody need read one by one; each with their number.
fn repeated(rows: &[Row]) -> Vec<(&Change, usize)> {
    let mut found: Vec<(&Change, usize)> = Vec::new();
    for change in rows.iter().flat_map(|row| &row.changes).filter(|change| change.what.starts_with(issuer::PREFIX)) {
        match found.iter_mut().find(|(known, _)| *known == change) {
            Some((_, requests)) => *requests += 1,
            None => found.push((change, 1)),
        }
    }
    found.retain(|(_, requests)| *requests > 1);
    found
}

/// Of two that were compared.
pub(super) const DIFFERENT: u8 = 1;

#[cfg(test)]
mod tests;
