//! One file per subcommand: the only place that wires the parts together.

pub mod arrival;
pub mod audit;
pub mod check;
pub mod completions;
mod concerns;
pub mod control;
pub mod diff;
mod door;
pub mod drift;
pub mod explain;
mod fixed;
pub mod front;
pub mod gateway;
mod health;
pub mod kpi;
mod legacy;
mod life;
pub mod man;
mod names;
mod parts;
pub mod probe;
mod read_keys;
mod reload;
pub mod routes;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod schema;
pub mod serve;
mod sockets;
mod takeover;
mod traces;
pub mod worker;

use crate::cli::{AuditCommand, Command};
use crate::clock::Clock;
use crate::config::fault::Faults;
use crate::telemetry;
use routes::Form;
#[cfg(feature = "sandbox")]
use sandbox::{Keep, Wish};
use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

/// Does what the command line asks for, and says on standard error what went wrong.
pub fn run(command: &Command) -> ExitCode {
    telemetry::init();
    let outcome = match command {
        Command::Serve { config } => serve::run(config),
        Command::Check { config } => check::run(config, &mut io::stdout().lock()),
        Command::Routes { config, json } => routes::run(config, Form::of(*json), &mut io::stdout().lock()),
        Command::Diff { old, new, fail_on, json } => {
            diff::run([old, new], *fail_on, Form::of(*json), &mut io::stdout().lock())
        }
        Command::Drift { config, openapi, base_path, json } => {
            drift::run(config, (openapi, base_path.as_deref()), Form::of(*json), &mut io::stdout().lock())
        }
        Command::Kpi(wish) => kpi::run(wish, &Clock::System, (&mut io::stdout().lock(), &mut io::stderr().lock())),
        Command::Explain(asked) => explain::run(asked, &mut io::stdout().lock()),
        Command::Schema => schema::run(&mut io::stdout().lock()),
        Command::Probe { url, ca_file } => probe::run(url, ca_file.as_deref(), &mut io::stdout().lock()),
        Command::Completions { shell } => completions::run(*shell, &mut io::stdout().lock()),
        Command::Man { out } => man::run(out.as_deref(), &mut io::stdout().lock()),
        Command::Audit { command: AuditCommand::Verify { files, key, from, to } } => {
            let (files, key, from, to) = (files.clone(), key.clone(), from.clone(), to.clone());
            audit::verify(&audit::Wish { files, key, from, to }, &mut io::stdout().lock())
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox { listen, portal, tls, data, database } => {
            let keep = match (data, database) {
                (Some(folder), _) => Keep::Folder(folder.clone()),
                (None, Some(url)) => Keep::Database(url.clone()),
                (None, None) => Keep::Nothing,
            };
            sandbox::run(&Wish { listen: *listen, portal: *portal, is_tls: *tls, keep })
        }
    };
    outcome.unwrap_or_else(|error| explain(&error, undone(command), &mut io::stderr().lock()))
}

/// What faults are in, and what was not done for their sake.
fn undone(command: &Command) -> &'static str {
    match command {
        Command::Diff { .. } => "in the configurations; nothing was compared",
        // One of them is the API's document.
        Command::Drift { .. } => "in these files; nothing was compared",
        Command::Explain(_) => "in the configuration; nothing was explained",
        Command::Kpi(_) => "in the configuration; nothing was computed",
        Command::Routes { .. } => "in the configuration; nothing was listed",
        Command::Serve { .. }
        | Command::Check { .. }
        | Command::Schema
        | Command::Probe { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Audit { .. } => STARTED,
        #[cfg(feature = "sandbox")]
        Command::Sandbox { .. } => STARTED,
    }
}

/// Says what went wrong, and whose fault it is: that is the exit code.
fn explain(error: &anyhow::Error, undone: &str, output: &mut impl io::Write) -> ExitCode {
    if let Some(faults) = error.downcast_ref::<Faults>() {
        let count = counted(faults.count(), "fault");
        say(output, &format_args!("{faults}\n\n{count} {undone}"));
        return ExitCode::from(CONFIGURATION);
    }
    if error.downcast_ref::<CannotServe>().is_some() || error.downcast_ref::<BadUse>().is_some() {
        say(output, &format_args!("error: {error:#}"));
        return ExitCode::from(CONFIGURATION);
    }
    // `scopegate routes … | head` closes the pipe when it has seen enough.
    let is_broken_pipe = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<io::Error>().is_some_and(is_broken_pipe) {
        return ExitCode::SUCCESS;
    }
    say(output, &format_args!("error: {error:#}"));
    ExitCode::from(OURS)
}

/// The configuration has no fault of its own, yet it cannot be served here and now: a port is taken, a key set holds
/// no usable key, the log cannot be written.
#[derive(Debug)]
pub struct CannotServe(pub String);

impl Display for CannotServe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CannotServe {}

/// What was typed cannot be meant.
#[derive(Debug)]
pub struct BadUse(pub String);

impl Display for BadUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUse {}

/// `1 route`, `2 routes`.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Where standard error is closed too there is nobody left to tell; the exit code still says it.
fn say(output: &mut impl io::Write, text: &dyn Display) {
    writeln!(output, "{text}").ok();
}

const STARTED: &str = "in the configuration; nothing was started";
/// Usage or configuration; clap exits with the same number.
const CONFIGURATION: u8 = 2;
/// Ours: `EX_SOFTWARE` of sysexits.
const OURS: u8 = 70;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use anyhow::Context as _;
    use std::path::Path;

    fn explained(error: &anyhow::Error) -> (ExitCode, String) {
        let mut output = Vec::new();
        let code = explain(error, STARTED, &mut output);
        (code, String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_bad_configuration_is_named_in_full() {
        let faults = config::parse("admin: {}\nadmn: {}\n", Path::new("gate.yaml")).unwrap_err();
        let (code, said) = explained(&faults.into());
        assert_eq!(code, ExitCode::from(2));
        assert!(said.starts_with("gate.yaml:1:1: the key `server` is missing\n"), "{said}");
        assert!(said.contains("gate.yaml:2:1: admn: unknown key\n  hint: did you mean `admin`?\n"), "{said}");
        assert!(said.ends_with("\n\n4 faults in the configuration; nothing was started\n"), "{said}");
    }

    #[test]
    fn a_closed_pipe_is_success_and_everything_else_is_ours() {
        let error = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(explained(&error.into()), (ExitCode::SUCCESS, String::new()));
        let error = Err::<(), _>(io::Error::other("no more files")).context("cannot listen").unwrap_err();
        assert_eq!(explained(&error), (ExitCode::from(70), "error: cannot listen: no more files\n".to_owned()));
    }
}
