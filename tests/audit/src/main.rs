//! Compares a lock file with the RustSec advisories in a directory; needs no network.
//!
//! Exit codes: 0 nothing known, 1 an advisory concerns a locked package, 2 usage or unreadable input.

use std::path::Path;
use std::process::ExitCode;

use rustsec::report::{Report, Settings};
use rustsec::{Database, Lockfile, Warning};

type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, lockfile] = arguments.as_slice() else {
        eprintln!("usage: scopegate-audit DATABASE_DIRECTORY LOCK_FILE");
        return ExitCode::from(2);
    };
    match audit(Path::new(database), Path::new(lockfile)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("audit: {fault}");
            ExitCode::from(2)
        }
    }
}

/// Prints what it finds and counts it.
fn audit(database: &Path, lockfile: &Path) -> Result<usize, Fault> {
    let database = Database::open(database)?;
    let lockfile = Lockfile::load(lockfile)?;
    let advisories = database.iter().count();
    if advisories == 0 {
        return Err("the database holds no advisory: nothing would be found".into());
    }
    // Unmaintained, unsound and so on count too: each is a decision somebody has to take.
    let settings = Settings {
        informational_warnings: vec![
            rustsec::advisory::Informational::Notice,
            rustsec::advisory::Informational::Unmaintained,
            rustsec::advisory::Informational::Unsound,
        ],
        ..Settings::default()
    };
    let report = Report::generate(&database, &lockfile, &settings);
    for found in &report.vulnerabilities.list {
        let advisory = &found.advisory;
        println!("{} {}: {} ({})", found.package.name, found.package.version, advisory.title, advisory.id);
    }
    let warnings: Vec<&Warning> = report.warnings.values().flatten().collect();
    for warning in &warnings {
        let text = warning.advisory.as_ref().map_or_else(String::new, |one| format!("{} ({})", one.title, one.id));
        println!("{} {}: {}: {text}", warning.package.name, warning.package.version, warning.kind.as_str());
    }
    let hits = report.vulnerabilities.list.len() + warnings.len();
    println!("{} packages, {advisories} advisories, {hits} hits", lockfile.packages.len());
    Ok(hits)
}
