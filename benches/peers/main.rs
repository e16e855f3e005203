//! scopegate beside the proxies that are found on this machine, on the same work: CPU per request at a constant rate.
//!
//! `cargo bench --bench peers -- --rounds 15 --secs 5`. Everything stays on loopback and ends with the benchmark.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the time, and stops where it cannot go on"
)]

mod contenders;
mod figures;
mod load;
mod process;
#[path = "../support"]
mod support {
    pub(crate) mod configuration;
    pub(crate) mod issuer;
    pub(crate) mod upstream;
}

use anyhow::{Context as _, bail};
use clap::Parser;
use contenders::{Contender, World};
use figures::{Row, Sample};
use load::Load;
use process::Pins;
use std::process::ExitCode;
use std::time::Duration;
use support::issuer::Issuer;

/// Measures scopegate beside nginx and haproxy on this machine.
#[derive(Parser)]
struct Options {
    /// Rounds; every contender takes part in each, in random order.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds measured for each contender in each round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    secs: u64,
    /// Requests a second; 0: as fast as they are answered.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    rate: u32,
    /// Connections of the load.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    conns: u16,
    /// Distinct RS256 tokens, used in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    tokens: u32,
    /// Routes in scopegate's configuration beside the three that are used.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    routes: u32,
    /// Cargo says so when it benches; without it, it tests.
    #[arg(long, hide = true)]
    bench: bool,
    /// Cargo's filter.
    #[arg(hide = true)]
    filter: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench || options.filter.as_ref().is_some_and(|filter| !"peers".contains(filter.as_str())) {
        println!("peers: nothing to do; `cargo bench --bench peers` runs it");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("peers: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let pins = Pins::find();
    let folder = tempfile::tempdir()?;
    let issuer = Issuer::new();
    let routes = usize::try_from(options.routes).unwrap_or(0);
    let world = World::prepare(folder.path(), &issuer, routes, &pins)?;
    let requests: Vec<_> = (0..options.tokens).map(|number| request(&issuer.token("RS256", number as usize))).collect();
    introduce(options, &world, &pins);

    let mut rows: Vec<_> = world.contenders.iter().map(|one| Row { name: one.name, samples: Vec::new() }).collect();
    let mut left_out = 0;
    for round in 1..=options.rounds {
        let before = process::stolen();
        let samples = run_round(&world.contenders, options, &requests, &pins)?;
        let after = process::stolen();
        // A hypervisor that takes the CPU away takes it from one contender and not from the next.
        let stole_much = (after.0 - before.0) * 100 > after.1 - before.1;
        if stole_much {
            left_out += 1;
            println!("round {round} of {} left out: the hypervisor took more than 1 %", options.rounds);
        } else {
            rows.iter_mut().zip(samples).for_each(|(row, sample)| row.samples.push(sample));
            println!("round {round} of {} done", options.rounds);
        }
    }
    println!();
    if left_out == options.rounds {
        bail!("no round is left: this machine is too busy to be measured");
    }
    figures::print(&rows, "nginx");
    Ok(())
}

/// Every contender once, in random order; the samples come in the order of `contenders`.
fn run_round(
    contenders: &[Contender],
    options: &Options,
    requests: &[Vec<u8>],
    pins: &Pins,
) -> anyhow::Result<Vec<Sample>> {
    let mut order: Vec<_> = contenders.iter().enumerate().collect();
    fastrand::shuffle(&mut order);
    let mut samples = Vec::new();
    for (place, contender) in order {
        samples.push((place, measure(contender, options, requests, pins)?));
    }
    samples.sort_by_key(|(place, _)| *place);
    Ok(samples.into_iter().map(|(_, sample)| sample).collect())
}

fn measure(contender: &Contender, options: &Options, requests: &[Vec<u8>], pins: &Pins) -> anyhow::Result<Sample> {
    let process = contender.start(&requests[0], pins)?;
    let cpu_ns = || process.as_ref().and_then(process::Process::cpu_ns);
    let mut load = Load::connect(contender.address, options.conns.into()).context(contender.name)?;
    load.run(requests, options.rate, WARM_UP).context(contender.name)?;
    let before = cpu_ns();
    let time = Duration::from_secs(options.secs);
    let outcome = load.run(requests, options.rate, time).context(contender.name)?;
    let after = cpu_ns();
    #[expect(clippy::cast_precision_loss, reason = "no benchmark runs that long")]
    let (answers, spent_ns) = ((outcome.good + outcome.bad) as f64, before.zip(after).map(|(b, a)| (a - b) as f64));
    Ok(Sample {
        cpu_us: spent_ns.map(|ns| ns / 1000.0 / answers),
        rate: answers / time.as_secs_f64(),
        p50_us: outcome.percentile_us(50),
        p99_us: outcome.percentile_us(99),
        bad: outcome.bad,
    })
}

fn introduce(options: &Options, world: &World, pins: &Pins) {
    let Options { rounds, secs, rate, conns, tokens, routes, .. } = options;
    let offered = if *rate == 0 { "as fast as it goes".to_owned() } else { format!("{rate} requests a second") };
    println!("peers: {offered}, {conns} connections, {rounds} rounds of {secs} s, answers of 1 KiB");
    println!(
        "scopegate with everything on: {tokens} RS256 token(s), {} routes, scope, identity headers, metrics, access log to a file",
        routes + 3
    );
    println!("{}", pins.describe());
    for peer in &world.missing {
        println!("not here: {peer}");
    }
    println!();
}

fn request(token: &str) -> Vec<u8> {
    format!(
        "GET /accounts HTTP/1.1\r\nhost: api.bank.example\r\nuser-agent: peers\r\naccept: application/json\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// Long enough for every connection to be opened upstream, and for every token of a usual run to be cached.
const WARM_UP: Duration = Duration::from_secs(1);
