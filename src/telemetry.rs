//! The process's own log, on standard error: one line per change of state. What must not be in it is kept out by the
//! types that hold it: tokens and bodies have no `Debug`.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts the log. `SCOPEGATE_LOG` sets its levels (`debug`, `scopegate::gateway=debug`); the default is `info`.
pub fn init() {
    let filter = EnvFilter::builder()
        .with_env_var("SCOPEGATE_LOG")
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    // It tells of every frame, and of the targets of malformed requests.
    let filter = "h2=info".parse().into_iter().fold(filter, EnvFilter::add_directive);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second call, as tests make it, leaves the first log in place.
    log.try_init().ok();
}
