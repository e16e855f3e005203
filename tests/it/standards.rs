//! Reads `docs/standards.md`: each rule that we say we keep names its tests, and every test that it names is there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The rows of all tables: id, rule, proof.
fn rows() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(root().join("docs/standards.md")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id |"));
    lines.map(|line| cells(line).try_into().unwrap_or_else(|cells| panic!("not three cells: {cells:?}"))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The text between each pair of backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether there is such a test: `module::test` below `tests/it`, `path::test` in any source, or a file.
fn is_there(proof: &str) -> bool {
    let Some((place, name)) = proof.split_once("::") else { return root().join(proof).is_file() };
    let file = if place.starts_with("src/") { place.to_owned() } else { format!("tests/it/{place}.rs") };
    let Ok(text) = std::fs::read_to_string(root().join(file)) else { return false };
    text.match_indices(&format!("fn {name}(")).any(|(at, _)| {
        let before = text[..at].trim_end();
        before.ends_with("#[test]") || before.ends_with("#[tokio::test]")
    })
}

#[test]
fn every_rule_that_is_kept_names_tests_that_exist() {
    let rows = rows();
    assert!(rows.len() > 150, "{} rows", rows.len());
    let mut ids = HashSet::new();
    let mut wrong = Vec::new();
    for [id, rule, proof] in &rows {
        if rule.is_empty() || !id.split(", ").all(|id| ids.insert(id.to_owned())) {
            wrong.push(format!("{id}: stands twice, or says nothing"));
        }
        // What is not kept says why, and names no test.
        let is_kept = !proof.starts_with('–');
        if is_kept != quoted(proof).next().is_some() || (!is_kept && proof.len() < "– why".len()) {
            wrong.push(format!("{id}: {proof}"));
        }
        wrong.extend(
            quoted(proof).filter(|_| is_kept).filter(|proof| !is_there(proof)).map(|proof| format!("{id}: no {proof}")),
        );
    }
    assert!(wrong.is_empty(), "in docs/standards.md:\n  {}", wrong.join("\n  "));
}

#[test]
fn a_test_that_is_not_there_is_not_found() {
    assert!(is_there("standards::a_test_that_is_not_there_is_not_found"));
    assert!(is_there("src/oauth/scope.rs::membership_is_exact"));
    assert!(is_there("tests/e2e/door.test.mjs"));
    for missing in ["standards::rows", "standards::nothing", "nowhere::test", "tests/e2e/nothing.mjs", "src/none.rs::a"]
    {
        assert!(!is_there(missing), "{missing}");
    }
}
