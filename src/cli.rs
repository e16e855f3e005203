//! The command line as types. What the commands do is in `commands/`.

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use http::Uri;
#[cfg(feature = "sandbox")]
use std::net::SocketAddr;
use std::path::PathBuf;

/// An OAuth 2.0 gateway for open-banking APIs.
///
/// Validates the bearer token of each request, checks its scope against the route, and forwards the request with
/// identity headers that the API can trust.
///
/// Exit codes: 0 good, 1 the answer is no, 2 wrong usage or configuration, 70 a fault of scopegate.
#[derive(Debug, Parser)]
#[command(name = "scopegate", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Serve {
        /// The configuration; config/scopegate.yaml in the sources explains every key.
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// Say what is wrong with a configuration, all of it at once, and start nothing.
    Check {
        /// The configuration.
        #[arg(value_name = "FILE")]
        config: PathBuf,
    },
    /// List what a configuration lets through, and on which terms.
    Routes {
        /// The configuration.
        #[arg(value_name = "FILE")]
        config: PathBuf,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of configurations, for editors: with the YAML language server,
    /// `# yaml-language-server: $schema=scopegate.schema.json` in the first line.
    Schema,
    /// Ask a running gateway whether it is ready: for health checks where there is no curl.
    Probe {
        /// What to ask; good is 2xx within 2 seconds.
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090/readyz")]
        url: Uri,
        /// What an https URL's certificate is verified by, in place of the system's trust roots.
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
    },
    /// Write what a shell needs to complete these commands.
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Write the manual as a page for man(1).
    Man {
        /// A folder for it and for a page of each command. Without it, the one page goes to standard output.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Run a small bank behind a gateway, with authorization server and developer portal, to try things out.
    #[cfg(feature = "sandbox")]
    Sandbox {
        /// Where the gateway listens.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where the developer portal and the authorization server listen.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
        portal: SocketAddr,
        /// Speak TLS, with certificates made at the start.
        #[arg(long)]
        tls: bool,
        /// Keep everything in this folder. Without it, it is forgotten at the end.
        #[arg(long, value_name = "FOLDER")]
        data: Option<PathBuf>,
        /// Keep everything in this `PostgreSQL` database, `postgres://user@host/name`. The password comes from PGPASSWORD
        /// or from .pgpass, so that no list of processes shows it.
        #[arg(long, value_name = "URL", conflicts_with = "data")]
        database: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    #[test]
    fn the_definitions_contradict_each_other_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_take_what_the_manual_says() {
        for good in
            ["serve --config a.yaml", "serve -c a.yaml", "check a.yaml", "routes a.yaml", "routes a.yaml --json"]
                .into_iter()
                .chain([
                    "probe",
                    "probe --url https://a/readyz --ca-file a.pem",
                    "schema",
                    "completions zsh",
                    "man",
                    "man --out a",
                ])
        {
            let words = std::iter::once("scopegate").chain(good.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{good}");
        }
        for bad in
            ["serve", "serve a.yaml", "check", "check a b", "routes", "frobnicate", "check a --json", "--config a"]
                .into_iter()
                .chain(["probe a", "schema a", "completions", "completions csh", "man a"])
        {
            let words = std::iter::once("scopegate").chain(bad.split(' '));
            let error = Cli::try_parse_from(words).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn help_and_version_are_no_errors() {
        for (flag, kind) in [("--help", ErrorKind::DisplayHelp), ("--version", ErrorKind::DisplayVersion)] {
            let error = Cli::try_parse_from(["scopegate", flag]).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 0));
        }
    }
}
