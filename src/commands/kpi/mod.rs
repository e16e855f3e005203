//! `scopegate kpi`: what a bank must publish each quarter of its interface for third parties, day by day, computed from access
//! logs: availability, response times and error rates (Article 32(4) of (EU) 2018/389, EBA GL 2018/07).

mod bounds;
mod csv;
mod days;
mod downtime;
mod html;
mod json;
pub mod line;
mod psu;
mod reading;
mod report;
mod sources;

use super::CannotServe;
use crate::cli::{KpiArgs, KpiFormat};
use crate::clock::Clock;
use crate::config;
use line::Known;
use psu::Psu;
use reading::Reading;
use report::{Benchmarks, Report};
use sources::{Counts, Sources};
use std::io::Write;
use std::process::ExitCode;

/// Writes the report to `output`, and to `notes` what of the logs it could not use. The answer is no where a benchmark was
/// asked for and missed.
pub fn run(
    wish: &KpiArgs,
    clock: &Clock,
    (output, notes): (&mut impl Write, &mut impl Write),
) -> anyhow::Result<ExitCode> {
    let days = days::days(&wish.from, &wish.to, &wish.zone).map_err(CannotServe)?;
    let known = wish.config.as_deref().map(config::load).transpose()?.map(|settings| Known::of(&settings.routes));
    let psu = wish.psu.as_deref().map(|path| Psu::load(path, &days)).transpose().map_err(CannotServe)?;
    let mut sources = Sources::open(&wish.log, known.as_ref()).map_err(CannotServe)?;
    let mut reading = Reading::new(&days);
    while let Some(event) = sources.next(known.as_ref()).map_err(CannotServe)? {
        reading.see(&event);
    }
    if sources.counts().lines == sources.counts().malformed {
        return Err(CannotServe(nothing(sources.counts())).into());
    }
    let read = reading.end(clock.now_ms());
    let report = Report {
        zone: &wish.zone,
        days: &days,
        read: &read,
        psu: psu.as_ref(),
        counts: sources.counts(),
        benchmarks: if wish.benchmarks || wish.require { Benchmarks::Shown } else { Benchmarks::Hidden },
    };
    // Made whole first: an error of the output is then the output's own.
    let text = match wish.format {
        KpiFormat::Csv => csv::page(&report),
        KpiFormat::Json => json::page(&report)?,
        KpiFormat::Html => html::page(&report),
    };
    output.write_all(text.as_bytes())?;
    output.flush()?;
    report.note(notes)?;
    Ok(if wish.require && !report.keeps_benchmarks() { ExitCode::from(MISSED) } else { ExitCode::SUCCESS })
}

/// What is said of logs without a line of use: a report would say that all was well.
fn nothing(Counts { lines, first_malformed, .. }: &Counts) -> String {
    match first_malformed {
        None => "there is no line in the logs: nothing is known of these days".to_owned(),
        Some(place) => format!("none of {lines} lines is of an access log; the first is {place}"),
    }
}

/// The answer is no.
const MISSED: u8 = 1;

#[cfg(test)]
mod tests;
