//! `scopegate schema`: the form of a configuration as JSON Schema, for editors.

use crate::config::schema;
use std::io::Write;
use std::process::ExitCode;

/// Writes it.
pub fn run(output: &mut impl Write) -> anyhow::Result<ExitCode> {
    // serde_json would hide a closed pipe inside its own error.
    let text = serde_json::to_string_pretty(&schema::schema())?;
    writeln!(output, "{text}")?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}
