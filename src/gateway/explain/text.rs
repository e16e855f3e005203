//! An explanation for people: the path as a list, then the decision and what it means.

use super::stages::Verdict;
use super::words::{self, Fault};
use super::{Decision, Explanation};
use crate::gateway::reason::Reason;
use http::StatusCode;
use std::fmt;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} at {}, as of {}\n", self.method, self.path, self.host, self.at)?;
        let width = self.stages.iter().map(|stage| stage.name.len()).max().unwrap_or_default();
        for stage in &self.stages {
            let decision = match stage.decision {
                Verdict::Passed => "ok                ",
                Verdict::Refused => "REFUSED           ",
                Verdict::WouldAlsoRefuse => "would also refuse ",
            };
            let reason = stage.reason.map(|reason| format!("{reason}: ")).unwrap_or_default();
            writeln!(f, "  {:width$}  {decision}{reason}{}", stage.name, stage.looked_at)?;
        }
        writeln!(f, "\n{}", self.headline())?;
        self.write_reason(f)?;
        for note in &self.notes {
            told(f, "note", note)?;
        }
        Ok(())
    }
}

impl Explanation {
    fn headline(&self) -> String {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        match (self.decision, self.reason) {
            (Decision::LetThrough, _) => format!("let through to {}", self.upstream.as_deref().unwrap_or_default()),
            (Decision::Answered, _) => format!("{status}, answered by the gateway"),
            (Decision::Undecided, _) => "undecided: an issuer would have to be asked".to_owned(),
            (Decision::Refused, Some(reason)) => format!("{status}, because of {reason}"),
            (Decision::Refused, None) => status,
        }
    }

    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = Reason::ALL.into_iter().find(|reason| Some(reason.name()) == self.reason);
        let Some(words) = reason.map(words::words) else { return Ok(()) };
        told(f, "what it means", words.meaning)?;
        if let Some(because) = &self.because {
            told(f, "what was found", because)?;
        }
        told(f, "whose fault", Fault::describe(words.fault))?;
        told(f, "what to change", words.mend)?;
        if self.stages.iter().any(|stage| stage.decision == Verdict::WouldAlsoRefuse) {
            told(f, "and", "mend what would also refuse, or the next try ends there")?;
        }
        Ok(())
    }
}

/// A line, or several where it is long.
fn told(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    write!(f, "  {name:NAME_WIDTH$}")?;
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.chars().count() > TEXT_WIDTH {
            write!(f, "\n  {:NAME_WIDTH$}", "")?;
            column = 0;
        }
        write!(f, "{}{word}", if column > 0 { " " } else { "" })?;
        column += word.chars().count() + usize::from(column > 0);
    }
    writeln!(f)
}

const NAME_WIDTH: usize = 16;
/// Beside the names, on a terminal of 100 columns.
const TEXT_WIDTH: usize = 80;
