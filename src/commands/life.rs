//! What the audit log is told of the process itself: that it began, was told something else, and ended.

use crate::gateway::Shared;
use crate::gateway::observe::audit::Audit;
use crate::gateway::observe::audit::writer::Writer;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Starts the log's writer, if there is a log.
pub(super) fn write(shared: &Arc<Shared>) -> io::Result<Option<JoinHandle<()>>> {
    let writer = shared.audit.as_ref().and_then(Audit::take_writer);
    let start = |writer| std::thread::Builder::new().name("audit-log".to_owned()).spawn(move || Writer::run(writer));
    writer.map(start).transpose()
}

/// Requests are let in from now on.
pub(super) fn started(shared: &Shared) {
    let (policy, process) = (shared.policy.load(), std::process::id().to_string());
    let version = env!("CARGO_PKG_VERSION");
    shared.audit("start", &[("version", version), ("process", &process), ("configuration", &policy.digest)]);
}

/// Another configuration was to be taken; what is in force then is told in any case.
pub(super) fn reloaded(shared: &Shared, is_good: bool) {
    let policy = shared.policy.load();
    let (outcome, generation) = (if is_good { "applied" } else { "refused" }, policy.generation.to_string());
    shared.audit("reload", &[("outcome", outcome), ("generation", &generation), ("configuration", &policy.digest)]);
}

/// Another process takes over, or would not.
pub(super) fn handed_over(shared: &Shared, outcome: &str) {
    shared.audit("takeover", &[("outcome", outcome), ("process", &std::process::id().to_string())]);
}

/// Everybody who had something to tell is gone.
pub(super) fn ended(shared: &Shared) {
    shared.audit("stop", &[("process", &std::process::id().to_string())]);
    if let Some(audit) = &shared.audit {
        audit.end();
    }
}
