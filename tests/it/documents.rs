//! Reads what people read: every link leads somewhere, every command is one, every configuration can be loaded, every metric
//! is counted.

use clap::Parser as _;
use clap::error::ErrorKind;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use scopegate::cli::Cli;
use scopegate::commands::check;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Folders of other people's documents.
const NOT_OURS: [&str; 3] = ["target", "node_modules", ".git"];

/// A Markdown file, by its path from the package's folder.
struct Document {
    path: PathBuf,
    text: String,
}

/// A fenced block, and the word behind its fence.
struct Block<'d> {
    language: &'d str,
    lines: Vec<&'d str>,
}

fn documents() -> Vec<Document> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut documents) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !path.is_symlink() && !NOT_OURS.contains(&name) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                documents.push(Document { path: path.strip_prefix(root).unwrap().to_owned(), text });
            }
        }
    }
    assert!(documents.len() > 5, "{} documents", documents.len());
    documents
}

impl Document {
    /// What is said outside fences.
    fn prose(&self) -> String {
        let mut is_fenced = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            } else if !is_fenced {
                prose += line;
                prose.push('\n');
            }
        }
        prose
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut is_fenced = false;
        for line in self.text.lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                is_fenced = !is_fenced;
                if is_fenced {
                    blocks.push(Block { language, lines: Vec::new() });
                }
            } else if is_fenced {
                blocks.last_mut().unwrap().lines.push(line);
            }
        }
        blocks
    }

    /// The targets of its links and pictures.
    fn targets(&self) -> Vec<String> {
        let prose = self.prose();
        prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
    }

    /// The names by which its headings can be linked to: lower case, words joined by `-`, what is neither left out.
    fn anchors(&self) -> HashSet<String> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let prose = self.prose();
        let titles = prose
            .lines()
            .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
        titles
            .map(|title| {
                let kept = title.trim().to_lowercase().replace(' ', "-");
                let name: String = kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
                let count = seen.entry(name.clone()).or_insert(0);
                *count += 1;
                if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
            })
            .collect()
    }
}

fn expect_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = documents();
    let mut wrong = Vec::new();
    for document in &documents {
        for target in document.targets() {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) =
                target.split_once('#').map_or((target.as_str(), None), |(file, name)| (file, Some(name)));
            let folder = document.path.parent().unwrap();
            let path = if file.is_empty() { document.path.clone() } else { folder.join(file) };
            let Ok(found) = root.join(&path).canonicalize() else {
                wrong.push(format!("{}: {target}", document.path.display()));
                continue;
            };
            let Some(anchor) = anchor else { continue };
            let there = documents.iter().find(|other| root.join(&other.path).canonicalize().unwrap() == found);
            if there.is_none_or(|there| !there.anchors().contains(anchor)) {
                wrong.push(format!("{}: {target} has no such heading", document.path.display()));
            }
        }
    }
    expect_none("links that lead nowhere", &wrong);
}

#[test]
fn headings_are_linked_to_as_readers_know_it() {
    let text = "# A `b` (c, d)\n```sh\n# none\n```\n## A b\n## A b\n".to_owned();
    let anchors = Document { path: PathBuf::new(), text }.anchors();
    assert_eq!(anchors, ["a-b-c-d", "a-b", "a-b-1"].map(str::to_owned).into());
}

/// The words of a command, up to what the shell does with it.
fn words(line: &str) -> Option<Vec<&str>> {
    let line = line.trim_start().trim_start_matches("$ ");
    let command = line.split([';', '|', '>', '#', '&']).next()?;
    let words: Vec<_> = command.split_whitespace().collect();
    (words.first() == Some(&"scopegate")).then_some(words)
}

#[test]
fn every_command_is_one() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in documents() {
        for line in document.blocks().iter().filter(|block| block.language == "sh").flat_map(|block| &block.lines) {
            let Some(words) = words(line) else { continue };
            count += 1;
            if let Err(fault) = Cli::try_parse_from(&words) {
                wrong.push(format!("{}: {}: {}", document.path.display(), words.join(" "), fault.kind()));
            }
        }
        // In a sentence a command may stand without what it needs.
        for code in document.prose().split('`').skip(1).step_by(2) {
            let Some(words) = words(code).filter(|words| words.len() > 1) else { continue };
            count += 1;
            let kind = Cli::try_parse_from(&words).err().map(|fault| fault.kind());
            if kind.is_some_and(|kind| kind != ErrorKind::MissingRequiredArgument && kind != ErrorKind::DisplayHelp) {
                wrong.push(format!("{}: `{}`", document.path.display(), words.join(" ")));
            }
        }
    }
    expect_none("no commands of ours", &wrong);
    assert!(count > 10, "{count} commands");
}

#[test]
fn every_configuration_can_be_served() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["api.bank.example".to_owned()]).unwrap();
    std::fs::write(folder.path().join("server.pem"), cert.pem()).unwrap();
    std::fs::write(folder.path().join("server.key"), signing_key.serialize_pem()).unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        for block in document.blocks().iter().filter(|block| block.language == "yaml") {
            let has = |section: &str| block.lines.iter().any(|line| line.starts_with(section));
            if !["server:", "upstreams:", "routes:"].into_iter().all(has) {
                continue;
            }
            count += 1;
            let path = folder.path().join("gate.yaml");
            std::fs::write(&path, block.lines.join("\n")).unwrap();
            if let Err(fault) = check::run(&path, &mut Vec::new()) {
                wrong.push(format!("{}:\n{fault:#}\n{}", document.path.display(), block.lines.join("\n")));
            }
        }
    }
    expect_none("configurations that cannot be served", &wrong);
    assert!(count >= 4, "{count} configurations");
}

/// The sample has every key, so what a document calls `section.key` stands there. Of Kubernetes' keys it has none.
#[test]
fn every_key_of_a_section_is_one_of_the_sample() {
    let sample = include_str!("../../config/scopegate.yaml");
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
    let sections: HashSet<_> = sample
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| is_name(name))
        .collect();
    let keys: HashSet<_> = sample.split([' ', '{', '[', '`', '\n']).filter_map(|word| word.strip_suffix(':')).collect();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents().iter().filter(|document| !document.path.starts_with("deploy")) {
        for code in document.prose().split('`').skip(1).step_by(2) {
            let mut path = code.split('.').map(|name| name.trim_end_matches("[]"));
            let Some(section) = path.next().filter(|section| sections.contains(section)) else { continue };
            let names: Vec<_> = path.collect();
            if names.is_empty() || !names.iter().all(|name| is_name(name)) {
                continue;
            }
            count += 1;
            if !names.iter().all(|name| keys.contains(name)) {
                wrong.push(format!("{}: {section}.{}", document.path.display(), names.join(".")));
            }
        }
    }
    expect_none("keys that nobody reads", &wrong);
    assert!(count > 50, "{count} keys");
}

#[test]
fn every_metric_is_counted() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources += &std::fs::read_to_string(&path).unwrap_or_default();
            }
        }
    }
    let mut wrong = Vec::new();
    for document in documents() {
        for name in document.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let Some(short) =
                name.strip_prefix("scopegate_").filter(|short| !short.is_empty() && !short.ends_with('_'))
            else {
                continue;
            };
            // The names of a histogram's parts are made by whoever writes it.
            let base = ["_bucket", "_count", "_sum"].iter().find_map(|part| short.strip_suffix(part)).unwrap_or(short);
            if ![short, base]
                .iter()
                .any(|name| sources.contains(&format!("\"{name}\"")) || sources.contains(&format!("scopegate_{name}")))
            {
                wrong.push(format!("{}: {name}", document.path.display()));
            }
        }
    }
    expect_none("metrics that nobody counts", &wrong);
}
