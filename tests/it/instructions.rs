//! The arithmetic of `benches/instructions`, which is a program without a test harness of its own.

#[path = "../../benches/instructions/baseline.rs"]
#[allow(dead_code, reason = "the benchmark reads and writes a file, which is not tested here")]
mod baseline;

use baseline::{Baseline, Change, Environment};

#[test]
fn two_percent_pass_and_one_instruction_more_does_not() {
    for (before, now, change) in [
        (10_000, 10_000, Change::Within),
        (10_000, 10_200, Change::Within),
        (10_000, 10_201, Change::Above),
        (10_000, 9_800, Change::Within),
        (10_000, 9_799, Change::Below),
    ] {
        assert_eq!(Change::new(before, now), change, "{before} and then {now}");
    }
}

#[test]
fn a_baseline_that_is_written_can_be_read() {
    let baseline = sample();
    assert_eq!(Baseline::parse(&baseline.text()).unwrap(), baseline);
}

#[test]
fn a_baseline_that_lacks_something_or_is_no_number_is_not_believed() {
    let text = sample().text();
    for (from, to, fault) in [
        ("rustc: ", "rust: ", "not a count: rust: 1.95.0 (59807616e 2026-04-14)"),
        ("libc: 2.36\n", "", "no `libc`"),
        ("29230", "29,230", "not a count: warm:                29,230"),
        ("warm:", "warm", "not `NAME: VALUE`: warm                29230"),
    ] {
        assert_eq!(Baseline::parse(&text.replace(from, to)).unwrap_err().to_string(), fault, "{to}");
    }
}

#[test]
fn the_baseline_of_this_repository_can_be_read() {
    let baseline = Baseline::read().unwrap().expect("there is one");
    assert!(baseline::find(&baseline.counts, "warm").is_some());
}

fn sample() -> Baseline {
    let environment = Environment {
        rustc: "1.95.0 (59807616e 2026-04-14)".to_owned(),
        cpu: "x86_64 avx avx2".to_owned(),
        libc: "2.36".to_owned(),
        valgrind: "3.19.0".to_owned(),
    };
    let counts = vec![("warm".to_owned(), 29_230), ("cold-es256".to_owned(), 812_795)];
    Baseline { date: "2026-11-26".to_owned(), environment, counts }
}
