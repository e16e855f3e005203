//! The report as JSON: numbers as numbers, what is not known left out. Members may be added; those that are there stay.

use super::psu::VALUES;
use super::report::{BENCHMARKS, Benchmarks, Report, Row};
use serde_json::{Map, Number, Value, json};

/// All of it.
pub(super) fn page(report: &Report<'_>) -> serde_json::Result<String> {
    let days = report.days.iter().enumerate().map(|(place, day)| {
        let mut object = json!({
            "date": day.date,
            "seconds": day.length_ms() / 1000,
            "services": services(report, &report.rows(place)),
            "endpoints": endpoints(report, place),
        });
        if let (Some(psu), Some(object)) = (report.psu, object.as_object_mut()) {
            let of = |interface: &String| (interface.clone(), named(VALUES, psu.values(&day.date, interface)));
            object.insert("customer_interfaces".to_owned(), Value::Object(psu.interfaces.iter().map(of).collect()));
        }
        object
    });
    let page = json!({
        "from": report.days.first().map(|day| &day.date),
        "to": report.days.last().map(|day| &day.date),
        "zone": report.zone,
        "days": days.collect::<Vec<_>>(),
        "period": services(report, &report.totals()),
        "log": {
            "lines": report.counts.lines,
            "malformed": report.counts.malformed,
            "unpublished": report.counts.unpublished,
            "late": report.read.late,
        },
    });
    Ok(serde_json::to_string_pretty(&page)? + "\n")
}

fn services(report: &Report<'_>, rows: &[Row]) -> Value {
    let of = |row: &Row| (row.service.to_owned(), service(report, row));
    Value::Object(rows.iter().map(of).collect())
}

fn service(report: &Report<'_>, row: &Row) -> Value {
    let mut object = named(
        [
            "uptime_percent",
            "downtime_percent",
            "downtime_seconds",
            "error_percent",
            "mean_response_ms",
            "mean_first_byte_ms",
        ],
        [
            row.uptime_percent.clone(),
            row.downtime_percent.clone(),
            row.downtime_seconds.clone(),
            row.error_percent.clone(),
            row.mean_response_ms.clone(),
            row.mean_first_byte_ms.clone(),
        ],
    );
    if let Some(object) = object.as_object_mut() {
        object.insert("requests".to_owned(), row.requests.into());
        object.insert("errors".to_owned(), row.errors.into());
        if report.benchmarks == Benchmarks::Shown {
            let kept =
                BENCHMARKS.into_iter().zip(row.kept).filter_map(|(name, kept)| Some((name.to_owned(), kept?.into())));
            object.extend(kept);
        }
    }
    object
}

fn endpoints(report: &Report<'_>, day: usize) -> Value {
    let tally = report.read.tallies.get(day);
    let counts = tally.into_iter().flat_map(|tally| &tally.endpoints);
    let members =
        counts.map(|(name, (requests, errors))| (name.to_string(), json!({ "requests": requests, "errors": errors })));
    Value::Object(members.collect())
}

/// Texts of digits as numbers.
fn named<const N: usize>(names: [&str; N], values: [Option<String>; N]) -> Value {
    let number = |text: String| text.parse::<f64>().ok().and_then(Number::from_f64);
    let members =
        names.into_iter().zip(values).filter_map(|(name, value)| Some((name.to_owned(), number(value?)?.into())));
    Value::Object(members.collect::<Map<_, _>>())
}
