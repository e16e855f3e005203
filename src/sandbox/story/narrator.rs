//! Prints the story: a title, the line to paste, the answer, a tick or a cross.

use super::agent::{self, Answer};
use http::{StatusCode, header};
use serde_json::Value;
use std::io::{self, Write};

/// What an answer has to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Its status.
    pub(super) status: StatusCode,
    /// What its body or its challenge holds; empty: anything.
    pub(super) holds: &'static str,
}

/// Tells the story and counts what did not come true.
pub(super) struct Narrator<'a> {
    out: &'a mut dyn Write,
    chapter: usize,
    unmet: usize,
}

impl<'a> Narrator<'a> {
    /// Tells it to `out`.
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, chapter: 0, unmet: 0 }
    }

    /// How many expectations were not met.
    pub(super) fn unmet(&self) -> usize {
        self.unmet
    }

    /// Begins a step.
    pub(super) fn chapter(&mut self, title: &str) -> io::Result<()> {
        self.chapter += 1;
        writeln!(self.out, "\n{}. {title}", self.chapter)
    }

    /// What somebody does, in words.
    pub(super) fn says(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "   {text}")
    }

    /// The line to paste.
    pub(super) fn command(&mut self, curl: &str) -> io::Result<()> {
        writeln!(self.out, "   $ {curl}")
    }

    /// The answer and whether it is the expected one.
    pub(super) fn answer(&mut self, answer: &Answer, expected: Expected) -> io::Result<()> {
        let status = answer.status();
        writeln!(self.out, "   < {status}")?;
        if let Some(challenge) = challenge(answer) {
            writeln!(self.out, "   < WWW-Authenticate: {challenge}")?;
        }
        for line in pretty(agent::text(answer)) {
            writeln!(self.out, "     {line}")?;
        }
        let held = agent::text(answer).contains(expected.holds)
            || challenge(answer).is_some_and(|challenge| challenge.contains(expected.holds));
        let met = status == expected.status && held;
        if expected.holds.is_empty() {
            self.verdict(met, &format!("{}", expected.status))
        } else {
            self.verdict(met, &format!("{}, {}", expected.status, expected.holds))
        }
    }

    /// A tick or a cross.
    pub(super) fn verdict(&mut self, met: bool, expected: &str) -> io::Result<()> {
        if met {
            return writeln!(self.out, "   ✓ {expected}");
        }
        self.unmet += 1;
        writeln!(self.out, "   ✗ expected: {expected}")
    }
}

fn challenge(answer: &Answer) -> Option<&str> {
    answer.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok())
}

/// JSON indented, secrets and long lists shortened; a page is not repeated.
fn pretty(body: &str) -> Vec<String> {
    let Ok(mut json) = serde_json::from_str::<Value>(body) else {
        return if body.is_empty() { Vec::new() } else { vec![format!("({} bytes of text)", body.len())] };
    };
    shorten(&mut json);
    let text = serde_json::to_string_pretty(&json).unwrap_or_default();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(format!("… {more} more lines"));
    }
    lines
}

fn shorten(json: &mut Value) {
    match json {
        Value::String(text) if text.len() > WORD_BYTES_MAX && text.is_ascii() && !text.contains(' ') => {
            let (head, tail) = (text.get(..12).unwrap_or_default(), text.get(text.len() - 6..).unwrap_or_default());
            *text = format!("{head}…{tail}");
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Enough to see the shape of an answer.
const LINES_MAX: usize = 12;
/// Longer words are tokens; an `urn:uuid:` has 45.
const WORD_BYTES_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shortened_and_sentences_are_not() {
        let sentence = "a sentence that is quite a bit longer than any token would have to be";
        let body = format!(r#"{{"access_token":"{}","text":"{sentence}"}}"#, "abcdefghij".repeat(10));
        let lines = pretty(&body).join("\n");
        assert!(lines.contains("\"abcdefghijab…efghij\"") && lines.contains(sentence), "{lines}");
    }

    #[test]
    fn long_answers_are_cut_and_pages_are_not_repeated() {
        let lines = pretty(&format!("[{}1]", "1,".repeat(50)));
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (LINES_MAX + 1, "… 41 more lines"));
        assert_eq!(pretty("<html>"), ["(6 bytes of text)"]);
    }
}
