//! `audit_log`: where decisions are written down so that nobody can change them unnoticed, and what happens when they
//! cannot be.

use super::fault::Problem;
use super::reader::{Section, Value};
use super::secret::{self, Secret};
use super::{bounds, quantity};
use crate::oauth::algorithm::Algorithm;
use std::path::PathBuf;
use std::time::Duration;

/// The audit log's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLog {
    /// Its file: lines are appended, the file may be moved away at any time.
    pub path: PathBuf,
    /// What becomes of requests that cannot be told of.
    pub when_full: WhenFull,
    /// What was written is put on the disk after so long.
    pub sync: Duration,
    /// What checkpoints are signed with, Ed25519 as PKCS #8; `None`: nothing is signed.
    pub key: Option<Secret>,
    /// How customers are named.
    pub subject: Subject,
}

/// What becomes of requests while the log cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// They are refused.
    Refuse,
    /// They go on without a line, and the log says how many.
    Drop,
}

/// How customers are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Not at all.
    Off,
    /// By a digest that is keyed with this.
    Digest(Secret),
    /// As their issuer does.
    Clear,
}

impl AuditLog {
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let section = value.section(&["path", "when_full", "sync", "key", "subject", "subject_key"])?;
        let path = section.need("path").and_then(|value| Some(value.resolve(&value.text()?.value)));
        let when_full = section.read_or("when_full", WhenFull::Refuse, |value| value.parse(when_full));
        let sync = section.read_or("sync", SYNC_DEFAULT, |value| {
            let (least, most) = (bounds::AUDIT_SYNC_MIN, bounds::AUDIT_SYNC_MAX);
            value.parse(|text| quantity::within(quantity::duration(text)?, least, most))
        });
        let key = section.read_or("key", None, |value| Some(Some(secret::signing_key(&value, Algorithm::EdDsa)?)));
        let subject = subject(&section);
        Some(Self { path: path?, when_full: when_full?, sync: sync?, key: key?, subject: subject? })
    }
}

fn when_full(text: &str) -> Result<WhenFull, Problem> {
    match text {
        "refuse" => Ok(WhenFull::Refuse),
        "drop" => Ok(WhenFull::Drop),
        _ => {
            Err(Problem::new("is not what can become of such requests")
                .did_you_mean(text, ["refuse", "drop"].into_iter()))
        }
    }
}

/// A key alone asks for digests. A digest without a key would be none: names are few and can be tried.
fn subject(section: &Section<'_>) -> Option<Subject> {
    let key = section.read_or("subject_key", None, |value| {
        let key = secret::read(&value)?;
        if key.expose().len() < bounds::AUDIT_SUBJECT_KEY_BYTES_MIN {
            let least = bounds::AUDIT_SUBJECT_KEY_BYTES_MIN;
            value.refuse(Problem::new(format!("the key is shorter than {least} bytes")).hint("openssl rand -hex 32"));
            return None;
        }
        Some(Some(key))
    })?;
    let Some(value) = section.find("subject") else { return Some(key.map_or(Subject::Off, Subject::Digest)) };
    let how = value.parse(|text| {
        let known = ["off", "digest", "clear"];
        let problem = || Problem::new("is not how customers can be named").did_you_mean(text, known.into_iter());
        known.iter().find(|name| **name == text).copied().ok_or_else(problem)
    })?;
    match (how, key) {
        ("digest", Some(key)) => Some(Subject::Digest(key)),
        ("digest", None) => {
            value
                .refuse(Problem::new("a digest needs a key: names are few and can be tried").hint("add `subject_key`"));
            None
        }
        (_, Some(_)) => {
            value.refuse(Problem::new("the key beside it is used for nothing").hint("remove `subject_key`"));
            None
        }
        ("clear", None) => Some(Subject::Clear),
        (_, None) => Some(Subject::Off),
    }
}

/// A machine that loses its power forgets that much; a disk that is told so once a second does not mind.
const SYNC_DEFAULT: Duration = Duration::from_secs(1);
