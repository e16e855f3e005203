//! `scopegate audit verify FILE…`: whether an audit log is as it was written. Exit 0: it is; 1: it is not; 2: it could not
//! be looked at.

use super::{CannotServe, counted};
use crate::config::limits::{AUDIT_LINE_BYTES_MAX, PEM_BYTES_MAX};
use crate::gateway::observe::audit::chain::{Hash, Line};
use crate::gateway::observe::audit::key::VerifyingKey;
use crate::gateway::observe::audit::verify::{Anchors, Break, Broken, NoReport, Notice, Report, Verifier};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is to be verified, and what is known beside it.
#[derive(Debug, Default)]
pub struct Wish {
    /// Files, the oldest first, or one folder; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// A public key in PEM form.
    pub key: Option<PathBuf>,
    /// The hash of the line before the first.
    pub from: Option<String>,
    /// A hash that must be reached.
    pub to: Option<String>,
}

/// Verifies, and says what was found.
pub fn verify(wish: &Wish, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let anchors = Anchors {
        from: wish.from.as_deref().map(|text| hash("--from", text)).transpose()?,
        reaches: wish.to.as_deref().map(|text| hash("--to", text)).transpose()?,
        key: wish.key.as_deref().map(key).transpose()?,
    };
    let has_key = anchors.key.is_some();
    let mut files = Vec::new();
    for path in &wish.files {
        if path.is_dir() { files.extend(in_folder(path)?) } else { files.push(path.clone()) }
    }
    let mut verifier = Verifier::new(anchors);
    let mut outcome = Ok(());
    for path in &files {
        outcome = outcome.and_then(|()| {
            let name = path.display().to_string();
            if name == "-" {
                return verifier.file("standard input", io::stdin().lock());
            }
            let file = File::open(path).map_err(NoReport::Unreadable)?;
            verifier.file(&name, BufReader::with_capacity(READ_BYTES, file)).map_err(|why| named(why, &name))
        });
    }
    match outcome.and_then(|()| verifier.finish()) {
        Ok(report) if report.lines == 0 => Err(cannot("there is no line in it")),
        Ok(report) => {
            tell(&report, (files.len(), has_key), output)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(NoReport::Broken(broken)) => {
            writeln!(output, "broken: {}", explain(&broken))?;
            output.flush()?;
            Ok(ExitCode::from(BROKEN))
        }
        Err(NoReport::Unreadable(fault)) => Err(cannot(&fault.to_string())),
    }
}

fn named(why: NoReport, name: &str) -> NoReport {
    match why {
        NoReport::Unreadable(fault) => NoReport::Unreadable(io::Error::new(fault.kind(), format!("{name}: {fault}"))),
        NoReport::Broken(_) => why,
    }
}

/// The files of a folder whose first line is one of an audit log, by its number. Others are told of, and left out: where
/// one was a part of the log, the chain shows it.
fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|fault| cannot(&format!("{}: {fault}", folder.display())))? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let mut first = Vec::new();
        BufReader::new(File::open(&path)?).take(AUDIT_LINE_BYTES_MAX as u64).read_until(b'\n', &mut first)?;
        match first.strip_suffix(b"\n").and_then(Line::read) {
            Some(line) => found.push((line.seq, path)),
            None => tracing::warn!(file = %path.display(), "left out: it does not begin with a line of an audit log"),
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn hash(option: &str, text: &str) -> anyhow::Result<Hash> {
    Hash::parse(text.as_bytes())
        .ok_or_else(|| cannot(&format!("{option} is no hash: 64 hexadecimal digits in lower case")))
}

fn key(path: &Path) -> anyhow::Result<VerifyingKey> {
    let mut pem = Vec::new();
    let name = path.display();
    let read = File::open(path).and_then(|file| file.take(PEM_BYTES_MAX as u64).read_to_end(&mut pem));
    read.map_err(|fault| cannot(&format!("{name}: {fault}")))?;
    VerifyingKey::read(&pem).ok_or_else(|| {
        cannot(&format!(
            "{name} holds no public Ed25519 key: `openssl pkey -in KEY -pubout` shows that of a private one"
        ))
    })
}

fn tell(report: &Report, (files, has_key): (usize, bool), output: &mut impl Write) -> io::Result<()> {
    let (first, since) = report.first.as_ref().map_or((0, ""), |(seq, time)| (*seq, time));
    let Some((last, until)) = &report.last else { return Ok(()) };
    let (lines, files) = (report.lines, counted(files, "file"));
    writeln!(output, "intact: {lines} lines in {files}, {first} to {}, {since} to {until}", last.seq)?;
    writeln!(output, "last hash: {}", last.hash)?;
    match (has_key, report.signed) {
        (true, Some(seq)) => writeln!(output, "signed by this key up to line {seq}")?,
        (false, _) if report.has_signatures => writeln!(output, "there are signatures, which `--key` would check")?,
        (_, _) => writeln!(output, "not signed: whoever could write the file could have written it anew as a whole")?,
    }
    if !report.is_ended {
        writeln!(output, "no `stop` at its end: the gateway runs, or was killed, or lines were cut off")?;
    }
    for (place, notice) in &report.notices {
        let what = match notice {
            Notice::Gap(count) => format!("says that {count} lines could not be written before it"),
            Notice::Torn(octets) => {
                format!("says that {octets} bytes before it are no whole line: the process was stopped")
            }
        };
        writeln!(output, "notice: {}:{} {what}", place.file, place.line)?;
    }
    if report.further_notices > 0 {
        writeln!(output, "notice: and {} more", report.further_notices)?;
    }
    output.flush()
}

fn explain(Broken { place, how }: &Broken) -> String {
    let what = match how {
        Break::NoBeginning => {
            "the beginning is missing: what stood before it is not here, and no `--from` names its hash".to_owned()
        }
        Break::OtherBeginning => "it does not follow the hash given by `--from`".to_owned(),
        Break::Altered => "altered: this line is not what was written here".to_owned(),
        Break::Missing(count) => format!("missing: {count} lines before it are gone"),
        Break::Truncated(count) => format!("truncated: the file before it lacks its last {count} lines"),
        Break::Reordered => "reordered: a line that was written before it comes later".to_owned(),
        Break::Repeated => "repeated: a line of this number was there before".to_owned(),
        Break::OtherChain => {
            "another chain: it goes on from another line than the one before it; are the files in order?".to_owned()
        }
        Break::Torn => "torn: the last line is not whole, and nothing was written since".to_owned(),
        Break::WrongKey => "wrong key: this signature is not by the key given".to_owned(),
        Break::Unsigned => "unsigned: nothing from here on is signed by the key given".to_owned(),
        Break::TooShort => "truncated: it ends here, and no line has the hash given by `--to`".to_owned(),
    };
    format!("{}:{}: {what}", place.file, place.line)
}

/// Shown as it is, and exit 2.
fn cannot(why: &str) -> anyhow::Error {
    CannotServe(format!("the audit log cannot be verified: {why}")).into()
}

const BROKEN: u8 = 1;
/// Of a file at a time.
const READ_BYTES: usize = 128 * 1024;
