//! `scopegate drift CONFIG OPENAPI`: what an API's document demands against what the configuration enforces, operation by
//! operation.

mod compare;
mod taken;

use super::routes::{Form, aligned};
use super::{CannotServe, counted};
use crate::config::openapi;
use crate::config::{self, Settings};
use serde::Serialize;
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Compares; `base_path` is what stands before the document's paths by the operator's word.
pub fn run(
    config: &Path,
    (document, base_path): (&Path, Option<&str>),
    form: Form,
    output: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let settings = config::load(config)?;
    let operations = openapi::operations(document)?;
    let mut found = Found { operations: operations.len(), differences: Vec::new() };
    let mut known = HashSet::new();
    for place in places(&settings, document, base_path)? {
        for row in compare::compare(&settings, &operations, &place)? {
            // Where it stands twice at one path, for two hosts, both times find the same.
            if known.insert(row.clone()) {
                found.differences.push(row);
            }
        }
    }
    match form {
        Form::Table => table(&found, output)?,
        Form::Json => writeln!(output, "{}", serde_json::to_string_pretty(&found)?)?,
    }
    output.flush()?;
    let counts = found.differences.iter().any(|row| row.because.is_none());
    Ok(if counts { ExitCode::from(super::diff::DIFFERENT) } else { ExitCode::SUCCESS })
}

/// The outcome.
#[derive(Serialize)]
struct Found {
    /// How many the document has.
    operations: usize,
    differences: Vec<Row>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Row {
    method: String,
    path: String,
    operation_id: Option<String>,
    /// `operation`, `access`, `scopes`, `grants`, `certificate`.
    what: &'static str,
    /// What the configuration does.
    difference: Difference,
    document: String,
    configuration: String,
    /// The reason that an override of the configuration gives; then it is no drift.
    because: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
enum Difference {
    /// It has no route for it.
    Missing,
    /// It has a route where the document has no operation.
    Extra,
    /// It demands more.
    More,
    /// It demands less.
    Less,
    /// It demands something else.
    Other,
    /// It demands what the document does not say, or says in a way that no route can.
    Unsaid,
}

impl Difference {
    fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::More => "more",
            Self::Less => "less",
            Self::Other => "other",
            Self::Unsaid => "unsaid",
        }
    }
}

/// How the document lies in the configuration, once.
struct Place {
    /// Which of its APIs it is, if it is one.
    api: Option<usize>,
    /// By the operator's word.
    base_path: Option<Box<str>>,
}

/// Wherever the document stands; of one that the configuration does not know, at the one place that its routes are sought.
fn places(settings: &Settings, document: &Path, base_path: Option<&str>) -> anyhow::Result<Vec<Place>> {
    let file = document.canonicalize().ok();
    let is_it = |api: &openapi::Api| file.is_some() && api.document.canonicalize().ok() == file;
    let said: Option<Box<str>> = match base_path {
        Some(text) if text.starts_with('/') => Some(text.trim_end_matches('/').into()),
        Some(text) => return Err(CannotServe(format!("--base-path {text:?} does not begin with `/`")).into()),
        None => None,
    };
    let apis = settings.apis.iter().enumerate().filter(|(_, api)| is_it(api));
    let mut places: Vec<Place> = apis
        .map(|(index, api)| Place { api: Some(index), base_path: said.clone().or_else(|| api.base_path.clone()) })
        .collect();
    if places.is_empty() {
        places.push(Place { api: None, base_path: said });
    }
    Ok(places)
}

fn table(found: &Found, output: &mut impl Write) -> std::io::Result<()> {
    let rows = &found.differences;
    if !rows.is_empty() {
        let heading = ["METHOD", "PATH", "DIFFERENCE", "DOCUMENT", "CONFIGURATION", "OPERATION", ""].map(str::to_owned);
        let cells = |row: &Row| {
            let because = row.because.as_ref().map(|because| format!("because: {because}")).unwrap_or_default();
            [
                row.method.clone(),
                row.path.clone(),
                format!("{} {}", row.what, row.difference.words()),
                row.document.clone(),
                row.configuration.clone(),
                row.operation_id.clone().unwrap_or_default(),
                because,
            ]
        };
        let lines: Vec<[String; 7]> = std::iter::once(heading).chain(rows.iter().map(cells)).collect();
        aligned(&lines, output)?;
        writeln!(output)?;
    }
    let operations = counted(found.operations, "operation");
    let accepted = rows.iter().filter(|row| row.because.is_some()).count();
    match (rows.len() - accepted, accepted) {
        (0, 0) => writeln!(output, "{operations}, no difference"),
        (0, accepted) => writeln!(output, "{operations}, no difference but {accepted} with a reason"),
        (count, 0) => writeln!(output, "{operations}, {}", counted(count, "difference")),
        (count, accepted) => {
            writeln!(output, "{operations}, {}, and {accepted} with a reason", counted(count, "difference"))
        }
    }
}

#[cfg(test)]
mod tests;
