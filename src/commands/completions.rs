//! `scopegate completions SHELL`: what a shell needs to know to complete our commands.

use crate::cli::Cli;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

/// Writes the script for `shell`.
pub fn run(shell: Shell, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    // clap_complete panics where it cannot write: memory takes everything.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "scopegate", &mut script);
    output.write_all(&script)?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in Shell::value_variants() {
            let mut output = Vec::new();
            run(*shell, &mut output).unwrap();
            let script = String::from_utf8(output).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
