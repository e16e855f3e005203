//! Reads the sources: who may use whom, how long a file is, what must not stand anywhere. The map of it is in `lib.rs`.

use scopegate::gateway::reason::Reason;
use std::path::{Path, PathBuf};

/// Which top-level modules a module may name, beside its own. `commands` and `lib.rs` may name all.
const IMPORTS: [(&str, &[&str]); 10] = [
    ("src/main.rs", &["cli", "commands", "telemetry"]),
    ("src/cli.rs", &[]),
    ("src/clock.rs", &[]),
    ("src/digest.rs", &[]),
    ("src/telemetry.rs", &[]),
    ("src/oauth/", &["clock", "digest"]),
    ("src/config/", &["oauth", "digest"]),
    ("src/net/", &["clock"]),
    ("src/state/", &["net", "clock"]),
    ("src/admin/", &["gateway", "state", "net", "clock", "digest"]),
];
const GATEWAY: [&str; 6] = ["net", "oauth", "state", "clock", "digest", "config"];
const SANDBOX: [&str; 4] = ["net", "oauth", "clock", "digest"];

/// The gateway's files that need the settings' own types. The others may know bounds, and nothing else of `config`.
const KNOW_SETTINGS: [&str; 47] = [
    "src/gateway/assertion/keys.rs",
    "src/gateway/assertion/mod.rs",
    "src/gateway/authorize/audience.rs",
    "src/gateway/authorize/client_token.rs",
    "src/gateway/authorize/consent.rs",
    "src/gateway/authorize/details.rs",
    "src/gateway/authorize/headers.rs",
    "src/gateway/authorize/issuer.rs",
    "src/gateway/authorize/mod.rs",
    "src/gateway/authorize/proof.rs",
    "src/gateway/authorize/role.rs",
    "src/gateway/authorize/sender.rs",
    "src/gateway/authorize/step_up.rs",
    "src/gateway/certificate.rs",
    "src/gateway/cors.rs",
    "src/gateway/envelope.rs",
    "src/gateway/explain/doubt.rs",
    "src/gateway/forward/connect.rs",
    "src/gateway/forward/health.rs",
    "src/gateway/forward/pool.rs",
    "src/gateway/forward/server.rs",
    "src/gateway/mod.rs",
    "src/gateway/observe/access_log.rs",
    "src/gateway/observe/audit/mod.rs",
    "src/gateway/observe/audit/writer.rs",
    "src/gateway/observe/metrics.rs",
    "src/gateway/observe/record.rs",
    "src/gateway/observe/services.rs",
    "src/gateway/observe/trace/export.rs",
    "src/gateway/observe/trace/mod.rs",
    "src/gateway/pipeline.rs",
    "src/gateway/policy.rs",
    "src/gateway/quotas/caller.rs",
    "src/gateway/quotas/fields.rs",
    "src/gateway/quotas/mod.rs",
    "src/gateway/resource.rs",
    "src/gateway/respond.rs",
    "src/gateway/route.rs",
    "src/gateway/texts.rs",
    "src/gateway/verify/introspect/call.rs",
    "src/gateway/verify/introspect/mod.rs",
    "src/gateway/verify/jwt.rs",
    "src/gateway/verify/key_source.rs",
    "src/gateway/verify/mod.rs",
    "src/gateway/verify/status/fetch.rs",
    "src/gateway/verify/status/mod.rs",
    "src/gateway/verify/tests.rs",
];

/// The one call of each stage, which stands in `pipeline.rs` alone.
const STAGES: [&str; 20] = [
    "read::head(",
    "via::refuse_loop(",
    "credentials::refuse_query_token(",
    "resource::document(",
    "cors::preflight(",
    "options::answer(",
    "route::find(",
    "permit::open(",
    "credentials::find(",
    "verifier.recall(",
    "unseen.verify(",
    "inquiry.answer(",
    "pending.answer(",
    "permit::grant(",
    "quotas::take(",
    "upgrade::wanted(",
    "rewrite::target(",
    "asserter.assert(",
    "forward::send(",
    "respond::refuse(",
];

/// Lines of a file without its tests; longer ones have their reason here.
const LINES_MAX: usize = 300;
const LONGER: [(&str, usize); 6] = [
    // One value: all that a configuration says.
    ("src/config/mod.rs", 350),
    // One value: all that is known of a request.
    ("src/gateway/observe/record.rs", 350),
    ("src/config/reader.rs", 440),
    // One table: every reason with its status, code and text side by side.
    ("src/gateway/reason.rs", 520),
    // One value: all that a request is decided by.
    ("src/gateway/policy.rs", 330),
    ("src/oauth/jwk.rs", 330),
];

struct Source {
    /// With `/`, from the package's folder.
    path: String,
    text: String,
}

impl Source {
    /// Without unit tests.
    fn code(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default()
    }

    /// The code without comments.
    fn statements(&self) -> impl Iterator<Item = &str> {
        self.code().lines().filter(|line| !line.trim_start().starts_with("//"))
    }

    /// Every top-level module of ours that the code names.
    fn names(&self) -> Vec<&str> {
        let root = if self.path == "src/main.rs" { "scopegate::" } else { "crate::" };
        let mut names: Vec<&str> = Vec::new();
        for line in self.statements() {
            for (at, _) in line.match_indices(root) {
                let rest = &line[at + root.len()..];
                let list = rest.strip_prefix('{').map_or(rest, |list| list.split('}').next().unwrap_or_default());
                let names_here = if rest.starts_with('{') { list.split(',').collect() } else { vec![rest] };
                names.extend(names_here.into_iter().map(|name| first_word(name.trim())));
            }
        }
        names
    }
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().display().to_string();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty());
    sources
}

fn expect_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let allowed: &[&str] = match IMPORTS.iter().find(|(place, _)| source.path.starts_with(place)) {
            Some((_, allowed)) => allowed,
            None if source.path.starts_with("src/gateway/") => &GATEWAY,
            None if source.path.starts_with("src/sandbox/") => &SANDBOX,
            None if source.path.starts_with("src/commands/") || source.path == "src/lib.rs" => continue,
            None => panic!("{} has no rule here", source.path),
        };
        let own = first_word(source.path.strip_prefix("src/").unwrap());
        for name in source.names() {
            if name != own && !allowed.contains(&name) {
                wrong.push(format!("{} uses {name}", source.path));
            }
        }
    }
    expect_none("not allowed by the import rules", &wrong);
}

#[test]
fn few_files_of_the_gateway_know_the_settings() {
    let mut wrong = Vec::new();
    let mut knowing = Vec::new();
    for source in sources("src/gateway") {
        let is_number =
            |line: &str| ["bounds", "limits"].iter().any(|file| line.contains(&format!("crate::config::{file}")));
        let knows = source.statements().any(|line| line.contains("crate::config") && !is_number(line));
        if knows {
            knowing.push(source.path.clone());
        }
        if knows && !KNOW_SETTINGS.contains(&source.path.as_str()) {
            wrong.push(source.path);
        }
    }
    expect_none("these know the settings", &wrong);
    let idle: Vec<_> = KNOW_SETTINGS
        .iter()
        .filter(|path| !knowing.iter().any(|known| known == *path))
        .map(ToString::to_string)
        .collect();
    expect_none("these need not be allowed to know the settings any more", &idle);
}

/// Time comes in as an argument to what is pure; `UnixSeconds` is a word, not a clock.
#[test]
fn the_words_of_oauth_read_no_clock() {
    for source in sources("src/oauth") {
        for line in source.statements().filter(|line| line.contains("crate::clock")) {
            assert_eq!(line, "use crate::clock::UnixSeconds;", "{}", source.path);
        }
    }
}

#[test]
fn only_the_pipeline_calls_stages() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let is_pipeline = source.path == "src/gateway/pipeline.rs";
        for stage in STAGES {
            let calls = source.statements().filter(|line| line.contains(stage)).count();
            if calls != usize::from(is_pipeline) {
                wrong.push(format!("{} calls {stage}…) {calls} times", source.path));
            }
        }
    }
    expect_none("stages are called once, by the pipeline", &wrong);
}

#[test]
fn every_file_tells_one_story() {
    let mut wrong = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests/it")) {
        // Below `src` tests are not counted, in a file of their own neither.
        let lines = if source.path.starts_with("src/")
            && (source.path.contains("/tests/") || source.path.ends_with("/tests.rs"))
        {
            0
        } else {
            source.code().lines().count()
        };
        let longest = LONGER.iter().find(|(path, _)| *path == source.path).map_or(LINES_MAX, |(_, lines)| *lines);
        if lines > longest {
            wrong.push(format!("{}: {lines} lines", source.path));
        }
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{} does not begin by saying what it is for", source.path));
        }
    }
    expect_none("too long, or without a header", &wrong);
}

#[test]
fn nothing_is_put_off() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("dbg", "!(")];
    let ignored = concat!("#[ig", "nore");
    let mut wrong = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for word in words.iter().chain([&ignored]) {
            if source.text.contains(word) {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    expect_none("do it, or write an issue", &wrong);
}

/// The gateway works without the sandbox: the feature shows in three files at most.
#[test]
fn the_sandbox_can_be_left_out() {
    let uses = |source: &Source| source.text.contains("feature = \"sandbox\"");
    let places: Vec<_> = sources("src").into_iter().filter(uses).map(|source| source.path).collect();
    assert!(places.len() <= 3, "{places:?}");
    assert!(places.iter().all(|path| !path.starts_with("src/gateway") && !path.starts_with("src/net")), "{places:?}");
}

/// A developer who is refused reads why, and what to do, on a page of the sandbox's portal.
#[test]
fn every_reason_is_explained_to_developers() {
    let text = std::fs::read_to_string("src/sandbox/portal/explain.rs").unwrap();
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !text.contains(&format!("\"{}\",", reason.name())))
        .map(|reason| reason.name().to_owned())
        .collect();
    expect_none("not in src/sandbox/portal/explain.rs", &missing);
}
