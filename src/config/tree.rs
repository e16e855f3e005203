//! Turns YAML text into a tree in which every value and every key knows its line and column.
//! Knows nothing of the configuration's meaning; what a key is for is decided by the sections.

use super::bounds;
use super::fault::{self, Mark, Problem};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Spanned};
use std::collections::HashMap;
use std::fmt;

/// One value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Where the value begins; for an alias, where the alias stands.
    pub(super) mark: Mark,
    /// What it holds.
    pub(super) kind: Kind,
}

/// What a node holds. Scalars keep the text of the source wherever YAML would change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`; `yes`, `on` and their like are strings.
    Bool(bool),
    /// An unquoted number as it was written: `0x10`, `1.10` and `8080` stay what they are.
    Number(Box<str>),
    /// Any other scalar.
    Text(Box<str>),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the text; no key stands twice.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Where the key begins.
    pub(super) mark: Mark,
    /// As it was written.
    pub(super) name: Box<str>,
}

/// Something that is no YAML, or YAML that no configuration may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where; `None` for what concerns the whole text.
    pub(super) mark: Option<Mark>,
    /// What is wrong, and what to do.
    pub(super) problem: Problem,
}

impl Kind {
    /// What a person would call it.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one document. The tree is there unless the text is no YAML; flaws may come with a tree.
pub(super) fn parse(text: &str) -> (Option<Node>, Vec<Flaw>) {
    if text.len() > bounds::CONFIG_BYTES_MAX {
        let problem = Problem::new(format!("the file is longer than {} bytes", bounds::CONFIG_BYTES_MAX));
        return (None, vec![Flaw { mark: None, problem }]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_saphyr::from_str_with_options::<Raw>(text, options()) {
        Ok(raw) => {
            let mut settle = Settle { text, flaws: Vec::new() };
            let node = settle.node(raw);
            (Some(node), settle.flaws)
        }
        Err(error) => (None, vec![flaw_of(&error)]),
    }
}

/// Bounds that a configuration of the greatest length can meet, and an alias bomb cannot.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_events: 2 * NODES_MAX,
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            max_recorded_anchor_events: REPLAYED_MAX,
            max_depth: DEPTH_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED_MAX,
            max_replay_stack_depth: DEPTH_MAX,
        },
        // We look for duplicates ourselves, so that all of them are reported and not the first alone.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        // Whether `.inf` fits is for the section to say, as for every other number.
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn flaw_of(error: &Error) -> Flaw {
    Flaw { mark: error.location().filter(|place| place.line() > 0).map(mark_of), problem: problem_of(error) }
}

fn problem_of(error: &Error) -> Problem {
    if matches!(error, Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. }) {
        return Problem::new("more nesting, values or aliases than any configuration needs");
    }
    if matches!(error, Error::RecursiveReferencesRequireWeakTypes { .. }) {
        return Problem::new("an alias stands inside what it names");
    }
    if matches!(error, Error::MultipleDocuments { .. }) {
        return Problem::new("a second document begins here").hint("one file holds one document: remove the `---`");
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    // The place is reported apart: a message that ends with it would say it twice.
    let what = line.split_once(" at line ").map_or(line, |(what, _)| what);
    Problem::new(format!("not valid YAML: {what}"))
        .hint("if this line looks right, a bracket or a quote above it is still open")
}

fn mark_of(place: Location) -> Mark {
    Mark { line: place.line(), column: place.column() }
}

/// A tree as serde hands it over: numbers have lost their spelling, keys may stand twice.
struct Raw(Spanned<RawKind>);

enum RawKind {
    Null,
    Bool(bool),
    Number,
    Text(Box<str>),
    Sequence(Vec<Raw>),
    Mapping(Vec<(Raw, Raw)>),
}

/// Gives numbers their spelling back and takes duplicate keys out.
struct Settle<'t> {
    text: &'t str,
    flaws: Vec<Flaw>,
}

impl Settle<'_> {
    fn node(&mut self, Raw(raw): Raw) -> Node {
        let mark = mark_of(raw.referenced);
        let kind = match raw.value {
            RawKind::Null => Kind::Null,
            RawKind::Bool(value) => Kind::Bool(value),
            RawKind::Number => Kind::Number(self.source(raw.defined).into()),
            RawKind::Text(value) => Kind::Text(value),
            RawKind::Sequence(items) => Kind::Sequence(items.into_iter().map(|item| self.node(item)).collect()),
            RawKind::Mapping(entries) => Kind::Mapping(self.entries(entries)),
        };
        Node { mark, kind }
    }

    fn entries(&mut self, raw: Vec<(Raw, Raw)>) -> Vec<(Key, Node)> {
        let mut entries: Vec<(Key, Node)> = Vec::with_capacity(raw.len());
        let mut seen: HashMap<Box<str>, Mark> = HashMap::with_capacity(raw.len());
        for (key, value) in raw {
            let Some(key) = self.key(key) else { continue };
            if let Some(first) = seen.get(&key.name) {
                let name = fault::quoted(&key.name);
                let problem = Problem::new(format!("the key {name} stands twice, first in line {}", first.line));
                self.flaws.push(Flaw { mark: Some(key.mark), problem });
                continue;
            }
            seen.insert(key.name.clone(), key.mark);
            let value = self.node(value);
            entries.push((key, value));
        }
        entries
    }

    fn key(&mut self, Raw(raw): Raw) -> Option<Key> {
        let mark = mark_of(raw.referenced);
        let name = match raw.value {
            RawKind::Text(name) => name,
            RawKind::Null | RawKind::Bool(_) | RawKind::Number => self.source(raw.defined).into(),
            RawKind::Sequence(_) | RawKind::Mapping(_) => {
                self.flaws
                    .push(Flaw { mark: Some(mark), problem: Problem::new("a list or a mapping cannot be a key") });
                return None;
            }
        };
        Some(Key { mark, name })
    }

    /// The characters of a scalar as they stand in the text.
    fn source(&self, place: Location) -> &str {
        let span = place.span();
        let bounds = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
        bounds.and_then(|bounds| self.text.get(bounds)).unwrap_or_default().trim()
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawKind, E> {
        Ok(RawKind::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawKind, E> {
        Ok(RawKind::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawKind, E> {
        Ok(RawKind::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawKind, E> {
        Ok(RawKind::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<RawKind, E> {
        Ok(RawKind::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawKind::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(RawKind::Mapping(entries))
    }
}

/// Values and keys together; 16 MiB of routes hold fewer.
const NODES_MAX: usize = 4_000_000;
/// Anchors, and uses of them.
const ALIASES_MAX: usize = 10_000;
/// Values that aliases may add to the text.
const REPLAYED_MAX: usize = 100_000;
/// Nesting; the configuration needs five levels, an OpenAPI document some twenty.
const DEPTH_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// The tree on one line: `key@line:column=value`.
    fn show(node: &Node) -> String {
        let list = |items: Vec<String>| items.join(" ");
        match &node.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(text) => format!("#{text}"),
            Kind::Text(text) => format!("'{text}'"),
            Kind::Sequence(items) => format!("[{}]", list(items.iter().map(show).collect())),
            Kind::Mapping(entries) => {
                let entry = |(key, value): &(Key, Node)| format!("{}={}", key.name, show(value));
                format!("{{{}}}", list(entries.iter().map(entry).collect()))
            }
        }
    }

    fn tree(text: &str) -> String {
        let (node, flaws) = parse(text);
        assert_eq!(flaws, [], "{text}");
        show(&node.unwrap())
    }

    fn flaws(text: &str) -> Vec<(u64, u64, String)> {
        let place = |flaw: &Flaw| flaw.mark.map_or((0, 0), |mark| (mark.line, mark.column));
        parse(text).1.iter().map(|flaw| (place(flaw).0, place(flaw).1, flaw.problem.what.clone())).collect()
    }

    #[test]
    fn scalars_keep_what_was_written() {
        for (text, expected) in [
            ("127.0.0.1:8080", "'127.0.0.1:8080'"),
            ("8080", "#8080"),
            ("0x10", "#0x10"),
            ("1.10", "#1.10"),
            ("1_000", "#1_000"),
            (".inf", "#.inf"),
            ("1e999", "#1e999"),
            ("true", "true"),
            ("yes", "'yes'"),
            ("on", "'on'"),
            ("off", "'off'"),
            ("~", "null"),
            ("\"8080\"", "'8080'"),
            ("'true'", "'true'"),
            ("${NAME}", "'${NAME}'"),
            ("", "null"),
            ("# a comment alone", "null"),
            ("404: {a: 1}", "{404={a=#1}}"),
            ("true: 1", "{true=#1}"),
            ("\u{feff}a: 12\r\nb: 34\r\n", "{a=#12 b=#34}"),
            ("é: 12\nü: [34, 5.60]", "{é=#12 ü=[#34 #5.60]}"),
            ("a: &x {k: 1.50}\nb: *x\nc: {<<: *x, l: 2}", "{a={k=#1.50} b={k=#1.50} c={l=#2 k=#1.50}}"),
        ] {
            assert_eq!(tree(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_value_and_key_knows_its_place() {
        let (node, _) =
            parse("\u{feff}server:\r\n  listen: 127.0.0.1:8080\r\n  names: [é, *]\r\n".replace('*', "b").as_str());
        let Kind::Mapping(root) = node.unwrap().kind else { panic!("a mapping") };
        let Kind::Mapping(server) = &root[0].1.kind else { panic!("a mapping") };
        let Kind::Sequence(names) = &server[1].1.kind else { panic!("a list") };
        let places = [root[0].0.mark, server[0].0.mark, server[0].1.mark, server[1].1.mark, names[1].mark];
        let expected = [(1, 1), (2, 3), (2, 11), (3, 10), (3, 14)].map(|(line, column)| Mark { line, column });
        assert_eq!(places, expected);
    }

    #[test]
    fn duplicate_and_compound_keys_are_all_reported() {
        assert_eq!(
            flaws("a: 1\nb: {c: 1, c: 2}\n\"a\": 2\n[1]: 3\n"),
            [
                (2, 11, "the key \"c\" stands twice, first in line 2".to_owned()),
                (3, 1, "the key \"a\" stands twice, first in line 1".to_owned()),
                (4, 1, "a list or a mapping cannot be a key".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_no_yaml_is_one_flaw_with_its_line() {
        for (text, line) in [
            ("a: [1, 2\nb: 3\n", 2),
            ("a: 1\n  b: 2\n", 2),
            ("a: \"open\n", 1),
            ("a: 1\n---\nb: 2\n", 3),
            ("a: 1\nb: *nowhere\n", 2),
            ("a: &a [*a]\n", 1),
            ("a: 1\nb: !odd x\n", 2),
        ] {
            let found = flaws(text);
            assert_eq!(found.iter().map(|(at, _, _)| *at).collect::<Vec<_>>(), [line], "{text:?} {found:?}");
            assert!(!found[0].2.contains("line "), "{found:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(DEPTH_MAX)).1.is_empty());
        assert_eq!(flaws(&nested(DEPTH_MAX + 1)).len(), 1);
        assert_eq!(flaws(&nested(100_000)).len(), 1);
    }

    #[test]
    fn aliases_cannot_multiply() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
        }
        assert_eq!(flaws(&bomb).len(), 1);
    }

    #[test]
    fn length_is_bounded() {
        let text = |length: usize| format!("a: 1 #{}", "x".repeat(length - 6));
        assert!(parse(&text(bounds::CONFIG_BYTES_MAX)).1.is_empty());
        assert_eq!(flaws(&text(bounds::CONFIG_BYTES_MAX + 1)).len(), 1);
    }
}
