//! Reads the command line, does what it says, and turns the outcome into an exit code:
//! 0 good, 1 the answer is no, 2 wrong usage or configuration, 70 a fault of ours.

use clap::Parser as _;
use scopegate::{cli, commands};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run(&cli::Cli::parse().command)
}
