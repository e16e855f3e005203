//! `scopegate audit verify FILE…`: whether an audit log is as it was written. Exit 0: it is; 1: it is not; 2: it could not
//! be looked at.

use super::{CannotServe, counted};
use crate::config::bounds::{AUDIT_LINE_BYTES_MAX, PEM_BYTES_MAX};
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
    let known = Known { key: anchors.key.is_some(), from: anchors.from.is_some() };
    let mut found = Found::default();
    for path in &wish.files {
        if path.is_dir() { found.look(path)? } else { found.logs.push(path.clone()) }
    }
    let code = match &found.spoilt {
        Some(path) => {
            let name = path.display();
            writeln!(output, "broken: {name}: named as the log is, and holds no line of it: altered, or compressed")?;
            ExitCode::from(BROKEN)
        }
        None => judge(Verifier::new(anchors), &found.logs, known, output)?,
    };
    for (path, what) in &found.left_out {
        writeln!(output, "left out: {}: {what}", path.display())?;
    }
    output.flush()?;
    Ok(code)
}

fn judge(mut verifier: Verifier, files: &[PathBuf], known: Known, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let mut outcome = Ok(());
    for path in files {
        outcome = outcome.and_then(|()| {
            let name = path.display().to_string();
            if name == "-" {
                return verifier.file("standard input", io::stdin().lock());
            }
            let opened = File::open(path).map_err(NoReport::Unreadable);
            let read = opened.and_then(|file| verifier.file(&name, BufReader::with_capacity(READ_BYTES, file)));
            read.map_err(|why| named(why, &name))
        });
    }
    match outcome.and_then(|()| verifier.finish()) {
        Ok(report) if report.lines == 0 => Err(cannot("there is no line in it")),
        Ok(report) => {
            tell(&report, (files.len(), known), output)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(NoReport::Broken(broken)) => {
            writeln!(output, "broken: {}", explain(&broken))?;
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

/// What is to be looked at.
#[derive(Debug, Default)]
struct Found {
    /// Files of an audit log, the oldest first.
    logs: Vec<PathBuf>,
    /// Other files of a folder, and what they are.
    left_out: Vec<(PathBuf, &'static str)>,
    /// The first that has the name of the log, and something else in it.
    spoilt: Option<PathBuf>,
}

impl Found {
    /// Looks through a folder. A file is of an audit log where a line of one is near its beginning: what stands before that
    /// line is the verifier's matter. One that is empty was only just begun.
    fn look(&mut self, folder: &Path) -> anyhow::Result<()> {
        let named = |path: &Path, fault: io::Error| cannot(&format!("{}: {fault}", path.display()));
        let (mut logs, mut others) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(folder).map_err(|fault| named(folder, fault))? {
            let path = entry?.path();
            if path.is_file() {
                match first_line(&path).map_err(|fault| named(&path, fault))? {
                    Some(seq) => logs.push((seq, path)),
                    None => others.push(path),
                }
            }
        }
        logs.sort();
        others.sort();
        let plain: Vec<_> = logs.iter().map(|(_, path)| plain_name(path)).collect();
        for path in others {
            let is_empty = std::fs::metadata(&path).map_err(|fault| named(&path, fault))?.len() == 0;
            if is_empty {
                self.left_out.push((path, "empty"));
            } else if plain.iter().any(|name| plain_name(&path).starts_with(name)) {
                self.spoilt.get_or_insert(path);
            } else {
                self.left_out.push((path, "no audit log"));
            }
        }
        self.logs.extend(logs.into_iter().map(|(_, path)| path));
        Ok(())
    }
}

/// The number of the first line of an audit log.
fn first_line(path: &Path) -> io::Result<Option<u64>> {
    let mut text = BufReader::new(File::open(path)?).take(SEARCH_BYTES_MAX);
    let mut piece = Vec::new();
    loop {
        piece.clear();
        if text.by_ref().take(AUDIT_LINE_BYTES_MAX as u64).read_until(b'\n', &mut piece)? == 0 {
            return Ok(None);
        }
        if let Some(line) = piece.strip_suffix(b"\n").and_then(Line::read) {
            return Ok(Some(line.seq));
        }
    }
}

/// A file's name without what rotation puts into it: numbers, dates, and what stands between them.
fn plain_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars().filter(|letter| !letter.is_ascii_digit() && !matches!(letter, '.' | '-' | '_')).collect()
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

/// Which anchors were given.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: bool,
    from: bool,
}

fn tell(report: &Report, (files, known): (usize, Known), output: &mut impl Write) -> io::Result<()> {
    let (first, since) = report.first.as_ref().map_or((0, ""), |(seq, time)| (*seq, time));
    let Some((last, until)) = &report.last else { return Ok(()) };
    let (lines, files) = (report.lines, counted(files, "file"));
    writeln!(output, "intact: {lines} lines in {files}, {first} to {}, {since} to {until}", last.seq)?;
    writeln!(output, "last hash: {}", last.hash)?;
    if first != 1 && !known.from {
        writeln!(output, "begins at line {first}: what was before is not here")?;
    }
    match (known.key, report.signed) {
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
    Ok(())
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
/// How far into a file of a folder the first line of an audit log is looked for.
const SEARCH_BYTES_MAX: u64 = 1024 * 1024;
