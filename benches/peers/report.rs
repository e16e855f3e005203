//! Tables: one for each scenario, for who looks closer, and one of all, for who has a minute.

use super::figures::{Quantity, Row};
use super::statistics;
use super::wanted::Line;

/// One line a contender, with its ratios to the one called `base` where that took part.
pub(crate) fn print(rows: &[Row], base: &str, offered: u32) {
    let base = rows.iter().find(|row| row.name == base);
    let ratio_to = format!("× {}", base.map_or("-", |base| base.name));
    let head = ["", "CPU µs/req", "user", &ratio_to, "95 %", "rate/s", "p50 µs", "p99 µs", "× p99", "MiB"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    table.extend(rows.iter().map(|row| cells(row, base)));
    print_aligned(&table);
    for row in rows.iter().filter(|row| row.fell_short(offered)) {
        println!(
            "{}: did not reach {offered}/s: a CPU was full, or busy with something else. Compare nothing with it",
            row.name
        );
    }
    warn(rows, base);
}

fn cells(row: &Row, base: Option<&Row>) -> Vec<String> {
    let figure = |quantity, digits| row.median(quantity).map_or("-".to_owned(), |figure| format!("{figure:.digits$}"));
    let ratios = |quantity| base.map(|base| row.ratios(base, quantity)).unwrap_or_default();
    let ratio = |quantity| statistics::median(&ratios(quantity)).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    let interval = statistics::interval(&ratios(Quantity::Cpu));
    vec![
        row.name.to_owned(),
        figure(Quantity::Cpu, 1),
        figure(Quantity::User, 1),
        ratio(Quantity::Cpu),
        interval.map_or("-".to_owned(), |(low, high)| format!("{low:.2} to {high:.2}")),
        figure(Quantity::Rate, 0),
        figure(Quantity::P50, 0),
        figure(Quantity::P99, 0),
        ratio(Quantity::P99),
        figure(Quantity::Memory, 1),
    ]
}

/// What a run that is not to be quoted has.
fn warn(rows: &[Row], base: Option<&Row>) {
    if let Some((base, (low, high))) = base.and_then(|base| Some((base, base.spread(Quantity::Cpu)?))) {
        let verdict =
            if base.is_unsteady() { ": unsteady, the machine was too busy. Do not quote this run" } else { "" };
        println!("{} from round to round: {low:.1} to {high:.1} µs{verdict}", base.name);
    }
    let beside = rows.iter().filter_map(|row| row.median(Quantity::Beside)).reduce(f64::max);
    if let Some(share) = beside {
        let verdict = if share > BESIDE_MAX { ": nearly full, so latencies are the load's own" } else { "" };
        println!("load and upstream took {:.0} % of their CPU at most{verdict}", share * 100.0);
    }
}

/// The same for memory.
pub(crate) fn print_memory(rows: &[Row]) {
    let head = ["", "MiB at rest", "KiB a connection", "with TLS"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let figure = |quantity| row.median(quantity).map_or("-".to_owned(), |figure| format!("{figure:.1}"));
        table.push(vec![
            row.name.to_owned(),
            figure(Quantity::AtRest),
            figure(Quantity::IdlePlain),
            figure(Quantity::IdleTls),
        ]);
    }
    print_aligned(&table);
}

/// A table in Markdown that reads well as it is.
pub(crate) fn print_summary(lines: &[Line]) {
    let head = ["scenario", "scopegate's", "wanted at most", "stretch", "got", "95 %", "met"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    table.extend(lines.iter().map(|line| {
        let Line { scenario, what, wanted, stretch, got, interval, met } = line;
        [scenario.shape().name, what, wanted, stretch, got, interval, met].map(str::to_owned).to_vec()
    }));
    let widths = widths(&table);
    table.insert(1, widths.iter().map(|wide| "-".repeat(*wide)).collect());
    for row in &table {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, wide)| format!("{cell}{}", space(cell, *wide))).collect();
        println!("| {} |", cells.join(" | "));
    }
}

/// The first column to the left, the others to the right.
fn print_aligned(table: &[Vec<String>]) {
    let widths = widths(table);
    for row in table {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, wide))| match column {
            0 => format!("{cell}{}", space(cell, *wide)),
            _ => format!("{}{cell}", space(cell, *wide)),
        });
        println!("{}", cells.collect::<Vec<_>>().join("   ").trim_end());
    }
}

/// Of the columns.
fn widths(table: &[Vec<String>]) -> Vec<usize> {
    let columns = table.first().map_or(0, Vec::len);
    (0..columns).map(|column| table.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect()
}

fn space(cell: &str, wide: usize) -> String {
    " ".repeat(wide - width(cell))
}

/// On a terminal; nothing here has letters of two.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// Share of the CPU beside; above it requests wait for the load itself.
const BESIDE_MAX: f64 = 0.85;
