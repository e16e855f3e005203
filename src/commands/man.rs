//! `scopegate man`: the manual as pages of troff, made from the command line's own definitions.

use crate::cli::Cli;
use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Writes the page of `scopegate`, or into `folder` one of it and one of each of its commands.
pub fn run(folder: Option<&Path>, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let command = Cli::command().disable_help_subcommand(true);
    match folder {
        None => Man::new(command).render(output)?,
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .with_context(|| format!("cannot write the pages to {}", folder.display()))?;
            writeln!(output, "written to {}; see them: man {}/scopegate.1", folder.display(), folder.display())?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_each_command() {
        let folder = tempfile::tempdir().unwrap();
        run(Some(&folder.path().join("man1")), &mut Vec::new()).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = folder.path().join(format!("man1/scopegate-{}.1", command.get_name()));
            let text = std::fs::read_to_string(&page).unwrap_or_else(|fault| panic!("{}: {fault}", page.display()));
            assert!(text.contains(".SH NAME"), "{}", page.display());
        }
        let mut main = Vec::new();
        run(None, &mut main).unwrap();
        let main = String::from_utf8(main).unwrap();
        assert!(main.contains(".TH scopegate 1") && main.contains("scopegate\\-serve(1)"), "{main}");
    }
}
