//! The report as one page for publication: no script, nothing from elsewhere, readable on paper and in the dark.

use super::psu::VALUES;
use super::report::{BENCHMARKS, Benchmarks, Report, Row, WHOLE};
use std::fmt::{self, Write as _};

/// All of it.
pub(super) fn page(report: &Report<'_>) -> String {
    let (first, last) = (report.days.first(), report.days.last());
    let day = |day: Option<&super::days::Day>| day.map(|day| day.date.clone()).unwrap_or_default();
    let (from, to, zone) = (day(first), day(last), escaped(report.zone));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Availability and performance, {from} to {to}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Availability and performance</h1>\n\
         <p class=\"lead\">Daily statistics of the interface for account information, payment initiation and confirmation of \
         funds, <time datetime=\"{from}\">{from}</time> to <time datetime=\"{to}\">{to}</time>. Days are those of \
         {zone}.</p>\n"
    );
    summary(&mut page, report);
    for (place, (_, title)) in TITLES.into_iter().enumerate() {
        table(&mut page, report, (place, title));
    }
    page.push_str(METHOD);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// The whole period at a glance.
fn summary(page: &mut String, report: &Report<'_>) {
    page.push_str("<h2>The period</h2>\n<dl class=\"tiles\">\n");
    for row in report.totals() {
        let title = title(&row);
        let mean = row.mean_response_ms.as_ref().map_or_else(|| "–".to_owned(), |mean| format!("{mean} ms"));
        put(
            page,
            format_args!(
                "<div><dt>{title}</dt><dd><b>{} %</b> available</dd><dd>{mean} on average</dd>",
                or_dash(row.uptime_percent.as_ref())
            ),
        );
        put(page, format_args!("<dd>{} % errors</dd>", or_dash(row.error_percent.as_ref())));
        if report.benchmarks == Benchmarks::Shown {
            for (name, kept) in BENCHMARKS.into_iter().zip(row.kept) {
                let what = name.trim_end_matches("_kept");
                match kept {
                    None => {}
                    Some(true) => put(page, format_args!("<dd class=\"kept\">✓ {what} within the benchmark</dd>")),
                    Some(false) => put(page, format_args!("<dd class=\"missed\">✗ {what} misses the benchmark</dd>")),
                }
            }
        }
        page.push_str("</div>\n");
    }
    page.push_str("</dl>\n");
}

fn table(page: &mut String, report: &Report<'_>, (place, title): (usize, &str)) {
    let interfaces: Vec<&String> = report.psu.iter().filter(|_| place == 0).flat_map(|psu| &psu.interfaces).collect();
    put(
        page,
        format_args!(
            "<h2>{title}</h2>\n<div class=\"wide\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">\n<table>\n"
        ),
    );
    put(page, format_args!("<caption>{title}, by day</caption>\n<thead><tr>"));
    for column in COLUMNS {
        put(page, format_args!("<th scope=\"col\">{column}</th>"));
    }
    for interface in &interfaces {
        for value in PSU_COLUMNS {
            put(page, format_args!("<th scope=\"col\">{}: {value}</th>", escaped(interface)));
        }
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (number, day) in report.days.iter().enumerate() {
        let rows = report.rows(number);
        let Some(row) = rows.get(place) else { continue };
        put(page, format_args!("<tr><th scope=\"row\"><time datetime=\"{0}\">{0}</time></th>", day.date));
        cells(page, row);
        for (psu, interface) in report.psu.iter().flat_map(|psu| interfaces.iter().map(move |name| (psu, name))) {
            for value in psu.values(&day.date, interface) {
                put(page, format_args!("<td>{}</td>", or_dash(value.as_ref())));
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

fn cells(page: &mut String, row: &Row) {
    for value in [
        or_dash(row.uptime_percent.as_ref()),
        or_dash(row.downtime_seconds.as_ref()),
        &row.requests.to_string(),
        or_dash(row.mean_response_ms.as_ref()),
        or_dash(row.mean_first_byte_ms.as_ref()),
        or_dash(row.error_percent.as_ref()),
    ] {
        put(page, format_args!("<td>{value}</td>"));
    }
}

/// A page in memory takes whatever there is room for.
fn put(page: &mut String, text: fmt::Arguments<'_>) {
    page.write_fmt(text).ok();
}

fn title(row: &Row) -> &'static str {
    TITLES.into_iter().find(|(service, _)| *service == row.service).map_or("", |(_, title)| title)
}

fn or_dash(value: Option<&String>) -> &str {
    value.map_or("–", String::as_str)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const TITLES: [(&str, &str); 4] = [
    (WHOLE, "The interface as a whole"),
    ("ais", "Account information"),
    ("pis", "Payment initiation"),
    ("funds", "Confirmation of funds"),
];

const COLUMNS: [&str; 7] =
    ["Day", "Available, %", "Down, s", "Requests", "Response, ms", "First byte, ms", "Errors, %"];

const PSU_COLUMNS: [&str; VALUES.len()] = ["available, %", "response, ms", "errors, %"];

const METHOD: &str = "<h2>How these are computed</h2>\n<dl>\n\
<dt>Available</dt><dd>The share of the day, from midnight to midnight, in which the interface was not down. It is down from the \
receipt of the first of five requests in a row that were not replied to within 30 seconds, or that failed by our doing, until \
the receipt of the next request that was replied to. There is a dash where no log of the day was read. A day on which clocks change has 23 or 25 hours.</dd>\n\
<dt>Response</dt><dd>The mean time from the receipt of a whole request to the last byte of its answer, of requests that were \
answered well.</dd>\n\
<dt>First byte</dt><dd>The mean time from the receipt of a whole request to the beginning of its answer.</dd>\n\
<dt>Errors</dt><dd>The share of requests of the day that failed by our doing. What a third party did wrong, and limits that it \
exceeded, are not among them.</dd>\n\
</dl>\n";

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#16202a;--soft:#4d5a66;--paper:#fbfcfc;--line:#d5dbe0;--accent:#0b5d4e;--bad:#a4262c}\
@media(prefers-color-scheme:dark){:root{--ink:#e8edf0;--soft:#a9b5bf;--paper:#12181d;--line:#33404b;--accent:#6cc9b4;--bad:#ff9a9f}}\
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;\
font-variant-numeric:tabular-nums}main{max-width:72rem;margin:0 auto;padding:32px 16px 64px}\
h1{font-size:33px;line-height:1.2;margin:0 0 8px}h2{font-size:23px;line-height:1.2;margin:40px 0 12px}\
.lead,dl:not(.tiles) dd{max-width:65ch;color:var(--soft);margin:0 0 12px}dt{font-weight:600}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:16px;margin:0}\
.tiles>div{border:1px solid var(--line);border-radius:10px;padding:16px}.tiles dd{margin:4px 0 0}.tiles b{font-size:23px}\
.kept{color:var(--accent)}.missed{color:var(--bad);font-weight:600}\
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:10px}.wide:focus-visible{outline:2px solid var(--accent)}\
table{border-collapse:collapse;width:100%}caption{text-align:left;padding:12px;color:var(--soft)}\
th,td{padding:6px 12px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}\
thead th{font-weight:600;border-top:0}th:first-child{text-align:left}tbody th{font-weight:400}\
@media print{:root{color-scheme:light}main{max-width:none;padding:0}.wide{overflow:visible;border:0}\
th,td{padding:2px 6px;font-size:9pt}thead{display:table-header-group}tr{break-inside:avoid}}";
