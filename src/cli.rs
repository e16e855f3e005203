//! The command line as types. What the commands do is in `commands/`.

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Say what would become of a request, stage by stage, and why; send nothing.
    Explain(Explain),
    /// Compute from access logs what a bank must publish of its interface: availability, response times, errors, by day.
    Kpi(KpiArgs),
    /// Say what changes from one configuration to another: which requests become more open, stricter, new or gone.
    ///
    /// Exit code 1 if anything does; with `--fail-on open`, only if somebody may pass who may not now.
    Diff {
        /// The configuration in force.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The one that would replace it.
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// What makes the exit code 1.
        #[arg(long, value_enum, default_value_t = FailOn::Change)]
        fail_on: FailOn,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Compare what an API's document demands with what a configuration enforces, operation by operation.
    ///
    /// Exit code 1 if they differ anywhere, but for differences that an override of the configuration gives a reason for.
    Drift {
        /// The configuration.
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
        /// The document: OpenAPI 3.0 or 3.1, or Swagger 2.0; YAML or JSON.
        #[arg(value_name = "OPENAPI")]
        openapi: PathBuf,
        /// What stands before the document's paths. Default: what `apis` says of this document, or else its `servers`.
        #[arg(long, value_name = "PATH")]
        base_path: Option<String>,
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
    /// Look at an audit log.
    Audit {
        /// What to do with it.
        #[command(subcommand)]
        command: AuditCommand,
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

/// What is to be explained. Exits 0 where the request would be let through, 1 where it would be refused.
#[derive(Debug, Args)]
pub struct Explain {
    /// The configuration.
    #[arg(value_name = "FILE")]
    pub config: PathBuf,
    /// The request's method, such as GET.
    #[arg(value_name = "METHOD")]
    pub method: String,
    /// Path and query, such as /accounts.
    #[arg(value_name = "PATH")]
    pub path: String,
    /// Where the access token stands; `-` reads standard input. It is never printed, nor typed where other users see it.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The host asked for. Without it: one that the route names, or any.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// A further header field, as often as needed. With a DPoP proof among them the token comes by the DPoP scheme.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The certificate that the client shows, in PEM form.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// As of this time: 2026-11-26T03:00:00Z, or seconds since 1970. Without it: now.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Ask nobody for keys or tokens; what cannot be decided without is said.
    #[arg(long)]
    pub offline: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Of which days, from what, in which form.
#[derive(Debug, Args)]
pub struct KpiArgs {
    /// The first day, such as 2026-07-01.
    #[arg(long, value_name = "DAY")]
    pub from: String,
    /// The last day; it is part of the period.
    #[arg(long, value_name = "DAY")]
    pub to: String,
    /// Access logs: rotated ones and those of several gateways, in any order. The last one before the period belongs to them,
    /// for what was down at midnight. Not compressed; - is standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub log: Vec<PathBuf>,
    /// Where the bank's days begin: Europe/London, UTC or +03:00.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub zone: String,
    /// CSV for auditors, JSON for programs, HTML for publication.
    #[arg(long, value_enum, default_value_t = KpiFormat::Csv)]
    pub format: KpiFormat,
    /// A configuration that says for which service routes are, for logs that do not.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to publish of the interfaces for customers: `date,interface,uptime_percent,response_ms,error_percent`.
    #[arg(long, value_name = "FILE")]
    pub psu: Option<PathBuf>,
    /// Compare with the benchmarks of UK Open Banking.
    #[arg(long)]
    pub benchmarks: bool,
    /// Exit with 1 where the period misses one of them, or has a day without a line in the logs.
    #[arg(long)]
    pub require: bool,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KpiFormat {
    /// RFC 4180: a line for each day and service.
    Csv,
    /// One object.
    Json,
    /// One page that needs nothing else.
    Html,
}

/// Which differences count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// All of them.
    Change,
    /// Those by which somebody may pass who may not now.
    Open,
}

/// What can be done with an audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Say whether it is as it was written. Exit 0: it is; 1: it is not, and where; 2: it could not be looked at.
    Verify {
        /// Its files, the oldest first, or their folder; - is standard input.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// The public half of `audit_log.key`, in PEM form: a log that somebody wrote anew is noticed.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The last hash of the file before, where that one is not here.
        #[arg(long, value_name = "HASH")]
        from: Option<String>,
        /// A hash that was seen in it before: lines cut off at the end are noticed.
        #[arg(long, value_name = "HASH")]
        to: Option<String>,
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
        for good in [
            "serve --config a.yaml",
            "serve -c a.yaml",
            "check a.yaml",
            "routes a.yaml",
            "routes a.yaml --json",
            "explain a.yaml GET /a --token-file - -H x:y --offline",
            "diff a b",
            "diff a b --json --fail-on open",
            "diff --fail-on change a b",
            "drift a b",
            "drift a b --json --base-path /v1",
            "probe",
            "probe --url https://a/readyz --ca-file a.pem",
            "schema",
            "completions zsh",
            "man",
            "man --out a",
            "audit verify a b --key k --from h --to h",
        ] {
            let words = std::iter::once("scopegate").chain(good.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{good}");
        }
        for bad in [
            "serve",
            "serve a.yaml",
            "check",
            "check a b",
            "routes",
            "frobnicate",
            "check a --json",
            "--config a",
            "diff a",
            "diff a b --fail-on closed",
            "drift a",
            "probe a",
            "schema a",
            "completions",
            "completions csh",
            "man a",
        ] {
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
