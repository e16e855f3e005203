//! The table and the verdict.

use crate::baseline::{Baseline, Change, Counts, Environment, TOLERANCE_PERCENT, find};
use crate::scenarios::SCENARIOS;

/// Prints what was counted beside the baseline. Whether nothing is above what it may be.
pub(crate) fn print(baseline: Option<&Baseline>, environment: &Environment, counts: &Counts) -> bool {
    let comparable = baseline.filter(|baseline| baseline.environment == *environment);
    println!("{:16}{:>12}{:>12}{:>13}", "instructions", "baseline", "now", "difference");
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (name, now) in counts {
        let Some(before) = comparable.and_then(|baseline| find(&baseline.counts, name)) else {
            println!("{name:16}{:>12}{:>12}{:>13}", "-", grouped(*now), "-");
            continue;
        };
        let difference = format!("{:+.2} %", 100.0 * (ratio(*now, before) - 1.0));
        println!("{name:16}{:>12}{:>12}{difference:>13}", grouped(before), grouped(*now));
        match Change::new(before, *now) {
            Change::Above => above.push(name.as_str()),
            Change::Below => below.push(name.as_str()),
            Change::Within => {}
        }
    }
    println!();
    match (baseline, comparable) {
        (None, _) => println!("NOT COMPARED: there is no baseline yet; `-- --record` makes it"),
        (Some(baseline), None) => print_differences(&baseline.environment, environment),
        (Some(_), Some(baseline)) => print_changes(&baseline.date, &above, &below),
    }
    let is_bounded = print_bounds(counts);
    is_bounded && above.is_empty()
}

fn print_changes(date: &str, above: &[&str], below: &[&str]) {
    if !above.is_empty() {
        println!("ABOVE the baseline of {date} by more than {TOLERANCE_PERCENT} %: {}", above.join(", "));
        println!(
            "where: `-- --profiles FOLDER NAME` here and before the change, then `callgrind_annotate FOLDER/NAME.callgrind`"
        );
        println!("if it is meant, commit what `-- --record` writes with the change that it pays for");
    }
    if !below.is_empty() {
        println!("BELOW the baseline of {date} by more than {TOLERANCE_PERCENT} %: {}", below.join(", "));
        println!("commit what `-- --record` writes, or the next change may spend it unseen");
    }
    if above.is_empty() && below.is_empty() {
        println!("no more than {TOLERANCE_PERCENT} % from the baseline of {date}");
    }
}

fn print_differences(before: &Environment, now: &Environment) {
    println!(
        "NOT COMPARED: the baseline was taken with other tools, so other code runs; what holds on any machine is checked"
    );
    for (what, before, now) in [
        ("rustc", &before.rustc, &now.rustc),
        ("cpu", &before.cpu, &now.cpu),
        ("libc", &before.libc, &now.libc),
        ("valgrind", &before.valgrind, &now.valgrind),
    ] {
        if before != now {
            println!("  {what}: the baseline's is {before}, here it is {now}");
        }
    }
}

/// What holds on any machine, since both sides are counted on this one.
fn print_bounds(counts: &Counts) -> bool {
    let mut is_good = true;
    for scenario in &SCENARIOS {
        let pair = |other| Some((find(counts, scenario.name)?, find(counts, other)?));
        let Some((other, (now, measure))) = scenario.bound_to.and_then(|other| Some((other, pair(other)?))) else {
            continue;
        };
        let ratio = ratio(now, measure);
        let is_kept = ratio <= RATIO_MAX;
        println!("{} is {ratio:.3} × {other}, {} {RATIO_MAX}", scenario.name, if is_kept { "within" } else { "ABOVE" });
        is_good &= is_kept;
    }
    is_good
}

#[expect(clippy::cast_precision_loss, reason = "no request takes that many")]
fn ratio(now: u64, before: u64) -> f64 {
    now as f64 / before as f64
}

/// With commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What 10,000 routes or 100 issuers may cost beside one.
const RATIO_MAX: f64 = 1.05;
