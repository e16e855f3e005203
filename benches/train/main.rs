//! The load that a release is trained on (`deploy/release/build.sh`): every way that requests usually take, each about as
//! often as it is worth being fast. Any answer but the expected one ends it, since a profile of failures is worse than none.
//!
//! `cargo bench --profile dev --bench train -- --scopegate PROGRAM`. Everything stays on loopback and ends with it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the time, and stops where it cannot go on"
)]

mod client;
mod drills;
mod gate;
mod http2;
mod proof;
mod requests;
mod upstream;
#[path = "../support"]
mod support {
    pub(crate) mod issuer;
    pub(crate) mod message;
}

use anyhow::Context as _;
use clap::Parser;
use drills::{DRILLS, Ground};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Puts a scopegate through what a release is trained on.
#[derive(Parser)]
struct Options {
    /// The program: one that was built with `-Cprofile-generate`, or any other to see whether it passes.
    #[arg(long)]
    scopegate: PathBuf,
    /// A twentieth of the requests: enough to see that a program works.
    #[arg(long)]
    short: bool,
    /// Cargo says so when it benches.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match train(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("train: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn train(options: &Options) -> anyhow::Result<()> {
    let begin = Instant::now();
    let folder = tempfile::tempdir()?;
    let ground = Ground::prepare(&options.scopegate, folder.path(), if options.short { 20 } else { 1 })?;
    for (name, drill) in DRILLS {
        let started = Instant::now();
        drill(&ground).with_context(|| name.to_owned())?;
        println!("{:6.1} s  {name}", started.elapsed().as_secs_f32());
        if begin.elapsed() > PATIENCE {
            anyhow::bail!("this took more than {} s: let the machine finish what else it does", PATIENCE.as_secs());
        }
    }
    // Profiles are written at the end, by whoever ends in order.
    ground.end()?;
    println!("{:6.1} s  in all", begin.elapsed().as_secs_f32());
    Ok(())
}

/// Twenty times what it takes on two CPUs that have nothing else to do.
const PATIENCE: Duration = Duration::from_mins(15);
