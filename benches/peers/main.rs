//! scopegate beside the proxies that are found on this machine, on the same work, with what we want of it.
//!
//! `cargo bench --bench peers -- --scenario plain --rounds 15 --secs 5`. Everything stays on loopback and ends with the
//! benchmark.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the time, starts tasks, and stops where it cannot go on"
)]

mod contenders;
mod entries;
mod figures;
mod flood;
mod idle;
mod load;
mod names;
mod process;
mod report;
mod rounds;
mod scenarios;
mod statistics;
mod tokens;
mod tools;
mod verification;
mod wanted;
#[path = "../support"]
mod support {
    #[allow(dead_code, reason = "others want less of it")]
    pub(crate) mod configuration;
    pub(crate) mod issuer;
    pub(crate) mod message;
    pub(crate) mod upstream;
}

use anyhow::{Context as _, bail};
use clap::Parser;
use contenders::{Site, relay};
use figures::Row;
use load::stream::Transport;
use process::Pins;
use rounds::{Conditions, Extent};
use scenarios::{Scenario, Shape};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use support::issuer::Issuer;
use tools::Tools;
use wanted::Line;

/// Measures scopegate beside nginx, `HAProxy` and Envoy on this machine.
#[derive(Parser)]
struct Options {
    /// What is measured; may be given several times. Default: all but `million`.
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Rounds; every contender takes part in each, in random order.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds measured for each contender in each round.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    secs: u64,
    /// Requests a second, where a scenario's own are too many for this machine; 0: as fast as they are answered.
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    rate: Option<u32>,
    /// Connections of the load.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=8000))]
    conns: Option<u16>,
    /// Requests that are due at the same moment; 1: one after the other, evenly. Default: one of each connection.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8000))]
    together: Option<u32>,
    /// Another build of scopegate, say the one before a change; may be given several times. They and the one that is measured
    /// take part, and nobody else.
    #[arg(long, value_name = "PROGRAM")]
    beside: Vec<PathBuf>,
    /// Cargo says so when it benches; without it, it tests.
    #[arg(long, hide = true)]
    bench: bool,
    /// From the first address to the second, for the benchmark itself.
    #[arg(long, hide = true, num_args = 2)]
    relay: Vec<SocketAddr>,
    /// Cargo's filter.
    #[arg(hide = true)]
    filter: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.relay.as_slice() {
        [listen, upstream] => relay::run(*listen, *upstream),
        _ if options.is_asked_for() => run(&options),
        _ => {
            println!("peers: nothing to do; `cargo bench --bench peers` runs it");
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("peers: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

/// Every scenario, then what came of all. One that fails does not keep the others from being measured.
fn run(options: &Options) -> anyhow::Result<()> {
    process::raise_files();
    let (begin, tools, pins, issuer) = (Instant::now(), Tools::find(), Pins::find(), Issuer::new());
    let folder = tempfile::tempdir()?;
    introduce(options, &tools, &pins);
    let usual = Scenario::USUAL.to_vec();
    let chosen = if options.scenario.is_empty() { &usual } else { &options.scenario };
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for scenario in chosen {
        println!("\n## {}: {}\n", scenario.shape().name, scenario.shape().title);
        let bench = Bench { options, tools: &tools, pins: &pins, issuer: &issuer, folder: folder.path() };
        match bench.run(*scenario) {
            Ok(judged) => lines.extend(judged),
            Err(fault) => {
                println!("\nFAILED: {fault:#}");
                lines.extend(wanted::failed(*scenario));
                failed.push(scenario.shape().name);
            }
        }
    }
    if !lines.is_empty() {
        println!("\n## What we want, and what this run shows ({:.0} s)\n", begin.elapsed().as_secs_f64());
        report::print_summary(&lines);
    }
    if !failed.is_empty() {
        bail!("nothing is known of {}: it failed, see above", failed.join(", "));
    }
    Ok(())
}

/// What scenarios have in common.
struct Bench<'a> {
    options: &'a Options,
    tools: &'a Tools,
    pins: &'a Pins,
    issuer: &'a Issuer,
    folder: &'a Path,
}

impl Bench<'_> {
    fn run(&self, scenario: Scenario) -> anyhow::Result<Vec<Line>> {
        let (options, shape) = (self.options, scenario.shape());
        let connections = options.conns.map_or(shape.connections, usize::from);
        let extent = Extent {
            rounds: options.rounds,
            time: Duration::from_secs(options.secs),
            rate: options.rate.unwrap_or(shape.rate),
            connections,
            together: options.together.unwrap_or_else(|| shape.habit.together(connections)),
        };
        if scenario == Scenario::Cold && extent.rate == 0 {
            bail!("it needs a rate: tokens are signed before");
        }
        println!("{}", describe(scenario, extent));
        let entries = match options.beside.as_slice() {
            [] => entries::of(scenario, self.issuer, extent.sent()).context("its tokens")?,
            builds => entries::of_builds(builds, scenario, self.issuer, extent.sent())?,
        };
        // Not before the tokens are signed, with which every CPU may help.
        self.pins.stand_beside();
        let site = self.site(&shape, shape.transport)?;
        if scenario == Scenario::Idle {
            let rows = idle::run(&entries, (&site, &self.site(&shape, Transport::Tls)?), extent, self.pins)?;
            report::print_memory(&rows);
            return Ok(self.judge(scenario, &rows, 0));
        }
        let rows = rounds::run(entries, &Conditions { extent, habit: shape.habit, site: &site, pins: self.pins })?;
        let base = if options.beside.is_empty() { shape.base } else { names::GATE };
        report::print(&rows, base, extent.rate);
        Ok(self.judge(scenario, &rows, extent.rate))
    }

    /// What is wanted is wanted of the build that is measured, beside the others' proxies.
    fn judge(&self, scenario: Scenario, rows: &[Row], offered: u32) -> Vec<Line> {
        if self.options.beside.is_empty() { wanted::judge(scenario, rows, offered) } else { Vec::new() }
    }

    fn site(&self, shape: &Shape, transport: Transport) -> anyhow::Result<Site<'_>> {
        let folder = self.folder.join(format!("{}-{transport:?}", shape.name));
        Site::prepare(folder, self.tools, self.issuer, (transport, shape.body_bytes), self.pins)
    }
}

impl Options {
    fn is_asked_for(&self) -> bool {
        self.bench && self.filter.as_ref().is_none_or(|filter| "peers".contains(filter.as_str()))
    }
}

fn describe(scenario: Scenario, extent: Extent) -> String {
    let Extent { rounds, time, rate, connections, together } = extent;
    match (scenario, rate) {
        (Scenario::Idle, _) => format!("{connections} connections, {rounds} rounds\n"),
        (_, 0) => format!("as fast as it goes, {connections} connections, {rounds} rounds of {} s\n", time.as_secs()),
        (_, _) => {
            let secs = time.as_secs();
            format!(
                "{rate} requests a second, {together} at a time, {connections} connections, {rounds} rounds of {secs} s\n"
            )
        }
    }
}

/// What a figure must be quoted with.
fn introduce(options: &Options, tools: &Tools, pins: &Pins) {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    println!("peers, {}", httpdate::fmt_http_date(SystemTime::now()));
    println!("{count} CPUs: {model}; {}", pins.describe());
    for tool in tools.describe() {
        println!("{tool}");
    }
    if options.rounds < ROUNDS_TO_QUOTE || options.secs < SECONDS_TO_QUOTE {
        println!("a look, nothing to quote: that takes --rounds {ROUNDS_TO_QUOTE} --secs {SECONDS_TO_QUOTE}");
    }
}

const ROUNDS_TO_QUOTE: u32 = 15;
const SECONDS_TO_QUOTE: u64 = 5;
