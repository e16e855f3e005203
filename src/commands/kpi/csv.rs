//! The report as CSV (RFC 4180): a line for each day and service, the interface as a whole first, and beside it what the bank says
//! of its own interfaces.

use super::psu::VALUES;
use super::report::{BENCHMARKS, Benchmarks, Report, Row, WHOLE};

/// All of it. The first eleven columns stay what they are.
pub(super) fn page(report: &Report<'_>) -> String {
    let mut page = String::new();
    line(&mut page, &header(report));
    for (place, day) in report.days.iter().enumerate() {
        for row in report.rows(place) {
            line(&mut page, &cells(report, &day.date, &row));
        }
    }
    page
}

fn header(report: &Report<'_>) -> Vec<String> {
    let mut cells: Vec<String> = COLUMNS.map(str::to_owned).into();
    if report.benchmarks == Benchmarks::Shown {
        cells.extend(BENCHMARKS.map(str::to_owned));
    }
    let interfaces = report.psu.into_iter().flat_map(|psu| &psu.interfaces);
    cells.extend(interfaces.flat_map(|interface| VALUES.map(|value| format!("{interface} {value}"))));
    cells
}

fn cells(report: &Report<'_>, date: &str, row: &Row) -> Vec<String> {
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut cells = vec![
        date.to_owned(),
        row.service.to_owned(),
        row.seconds.to_string(),
        or_nothing(&row.uptime_percent),
        or_nothing(&row.downtime_percent),
        or_nothing(&row.downtime_seconds),
        row.requests.to_string(),
        row.errors.to_string(),
        or_nothing(&row.error_percent),
        or_nothing(&row.mean_response_ms),
        or_nothing(&row.mean_first_byte_ms),
    ];
    if report.benchmarks == Benchmarks::Shown {
        cells.extend(row.kept.map(|kept| kept.map_or("", |kept| if kept { "yes" } else { "no" }).to_owned()));
    }
    for (psu, interface) in report.psu.iter().flat_map(|psu| psu.interfaces.iter().map(move |name| (psu, name))) {
        let is_whole = row.service == WHOLE;
        let values = if is_whole { psu.values(date, interface) } else { Default::default() };
        cells.extend(values.map(Option::unwrap_or_default));
    }
    cells
}

fn line(page: &mut String, cells: &[String]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            page.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            page.push('"');
            page.push_str(&cell.replace('"', "\"\""));
            page.push('"');
        } else {
            page.push_str(cell);
        }
    }
    page.push_str("\r\n");
}

const COLUMNS: [&str; 11] = [
    "date",
    "service",
    "day_seconds",
    "uptime_percent",
    "downtime_percent",
    "downtime_seconds",
    "requests",
    "errors",
    "error_percent",
    "mean_response_ms",
    "mean_first_byte_ms",
];
