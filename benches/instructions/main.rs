//! How many instructions a request takes: counted by valgrind on the release binary, so that the machine's other work does
//! not show. `-- --check` is the gate: it fails where one takes 2 % more than `benches/instructions.baseline` says.
//!
//! Only what runs outside the kernel is counted. Everything stays on loopback and ends with the benchmark.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the time, and stops where it cannot go on"
)]

mod baseline;
mod clients;
mod doors;
mod environment;
mod report;
mod scenarios;
mod simulator;
#[path = "../support"]
mod support {
    #[allow(dead_code, reason = "others want less of it")]
    pub(crate) mod configuration;
    pub(crate) mod issuer;
    pub(crate) mod message;
    pub(crate) mod upstream;
}

use baseline::{Baseline, Counts};
use clap::Parser;
use doors::{Door, Kind};
use scenarios::{SCENARIOS, Scenario};
use simulator::Simulator;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use support::issuer::Issuer;

/// Counts scopegate's instructions per request.
#[derive(Parser)]
struct Options {
    /// Fail where a scenario is above the baseline by more than 2 %, or above its bound against another.
    #[arg(long)]
    check: bool,
    /// Make what is counted the baseline.
    #[arg(long, conflicts_with_all = ["check", "filter"])]
    record: bool,
    /// Keep callgrind's profile of each scenario in this folder, for `callgrind_annotate`.
    #[arg(long, value_name = "FOLDER")]
    profiles: Option<PathBuf>,
    /// Cargo says so when it benches; without it, it tests.
    #[arg(long, hide = true)]
    bench: bool,
    /// Only scenarios with this in their name.
    filter: Option<String>,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(environment::ASK) {
        println!("{}", environment::features());
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let chosen: Vec<_> = SCENARIOS.iter().filter(|scenario| options.chose(scenario)).collect();
    if !options.bench || chosen.is_empty() {
        println!("instructions: nothing to do; `cargo bench --bench instructions` runs it");
        return ExitCode::SUCCESS;
    }
    let Some(simulator) = Simulator::find() else {
        println!("instructions: NOT RUN, there is no valgrind here: install the package valgrind");
        return if options.check || options.record { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    };
    match run(&options, &simulator, &chosen) {
        Ok(code) => code,
        Err(fault) => {
            println!("instructions: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn chose(&self, scenario: &Scenario) -> bool {
        self.filter.as_ref().is_none_or(|filter| scenario.name.contains(filter.as_str()))
    }
}

fn run(options: &Options, simulator: &Simulator, chosen: &[&Scenario]) -> anyhow::Result<ExitCode> {
    let binary = std::env::var_os("SCOPEGATE_BIN").unwrap_or(env!("CARGO_BIN_EXE_scopegate").into());
    let environment = environment::find(simulator, Path::new(&binary))?;
    let counts = count(options, (simulator, Path::new(&binary)), chosen)?;
    let is_good = report::print(Baseline::read()?.as_ref(), &environment, &counts);
    if options.record {
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        Baseline { date, environment, counts }.write()?;
        println!("recorded in {}", baseline::FILE);
    }
    Ok(if is_good || !options.check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One gateway after the other, each with all scenarios that are for it.
fn count(options: &Options, gateway: (&Simulator, &Path), chosen: &[&Scenario]) -> anyhow::Result<Counts> {
    let issuer = Issuer::new();
    let mut counts = Counts::new();
    for kind in Kind::ALL {
        let here: Vec<_> = chosen.iter().filter(|scenario| scenario.door == kind).collect();
        if here.is_empty() {
            continue;
        }
        let mut door = Door::open(kind, gateway, &issuer)?;
        for scenario in here {
            let instructions = scenario.count(&mut door, &issuer, options.profiles.as_deref())?;
            counts.push((scenario.name.to_owned(), instructions));
        }
    }
    Ok(counts)
}
