//! Reads `docs/metrics.md`, the rules, the alerts and the dashboards: what they name is what the gateway exposes, and every alert
//! has a paragraph for whoever it wakes.

use crate::support::gateway::World;
use crate::support::tokens::Token;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The files of a folder, one after the other.
fn texts(folder: &str, extension: &str) -> String {
    let paths = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let found = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    found.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The rows of the catalogue: name and type.
fn documented() -> BTreeMap<String, String> {
    let text = text("docs/metrics.md");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.trim_end_matches('|').split('|');
        Some((
            cells.next()?.trim_end().trim_end_matches('`').to_owned(),
            cells.next()?.trim().to_owned(),
            cells.count(),
        ))
    });
    let mut names = BTreeMap::new();
    for (name, kind, further) in rows {
        assert_eq!(further, 3, "{name}: labels, meaning, what to do");
        assert!(names.insert(name.clone(), kind).is_none(), "{name} stands twice");
    }
    names
}

/// Every word of `text` that begins so.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn the_catalogue_and_the_exposition_have_the_same_metrics() {
    let documented = documented();
    let world = World::start();
    world.get("/accounts", &Token::good());
    world.get("/accounts", &Token::good().claim("exp", 1));
    let page = world.admin("/metrics").text();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let said = documented.get(name).map(String::as_str);
        assert!(said == Some(kind) || name.starts_with("process_"), "{name} is a {kind}; docs/metrics.md: {said:?}");
    }
    // Some are there only with what they are about, so the rest is looked for in what writes the page.
    let sources = texts("src/admin", "rs");
    for name in documented.keys() {
        let bare = name.strip_prefix("scopegate_").unwrap();
        assert!(sources.contains(&format!("\"{bare}\"")), "{name} is in docs/metrics.md and nowhere else");
    }
}

#[test]
fn rules_alerts_and_dashboards_name_metrics_that_exist() {
    let documented = documented();
    let rules = texts("deploy/prometheus", "yml");
    let all = [rules.clone(), texts("deploy/grafana", "json")].concat();
    let exists = |name: &str| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        documented.contains_key(name)
            || part.is_some_and(|name| documented.get(name).is_some_and(|kind| kind == "histogram"))
    };
    let missing: Vec<_> = words(&all, "scopegate_").into_iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let recorded: BTreeSet<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    // The titles of dashboards begin so, too.
    let is_known = |name: &String| name == "scopegate:" || recorded.contains(name.as_str());
    let unknown: Vec<_> = words(&all, "scopegate:").into_iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_alert_has_a_paragraph_and_a_test() {
    let (alerts, runbook) = (text("deploy/prometheus/alerts.rules.yml"), text("docs/runbook.md"));
    let tests = text("tests/fixtures/prometheus/alerts.test.yml");
    let titles: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## Alert: "))
        .map(|title| title.replace(' ', "-"))
        .collect();
    let mut named = BTreeSet::new();
    for alert in alerts.split("\n      - alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        let (_, anchor) = alert.split_once("runbook: docs/runbook.md#alert-").unwrap();
        named.insert(anchor.lines().next().unwrap().to_owned());
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        let fires =
            tests.split("alertname: ").any(|test| test.lines().next() == Some(name) && test.contains("exp_labels"));
        assert!(fires, "no test makes {name} fire");
    }
    assert_eq!(named, titles);
}
