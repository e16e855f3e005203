//! The form of a configuration as JSON Schema, for editors. It is not written down but learned: samples of every kind are put
//! at every place, and what the sections ask of them is the form. So it cannot differ from what is read. It says nothing of
//! what depends on other values or on files: `scopegate check` does.

use super::asked::Asked;
use super::fault::{Fault, Mark};
use super::reader::Context;
use super::tree::{self, Key, Kind, Node};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The schema, in the dialect of 2020-12.
pub fn schema() -> Value {
    let mut forms = Forms::default();
    let mut open = vec![Way::default()];
    while let Some(way) = open.pop() {
        let form = forms.learn(&way);
        open.extend(form.children().map(|step| way.and(step)));
        forms.0.insert(way, form);
    }
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("The configuration of scopegate"));
    schema.extend(forms.describe(&Way::default()));
    Value::Object(schema)
}

/// How a place is reached from the top.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Way(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// To the value of this key.
    Key(Box<str>),
    /// To the items of a list.
    Item,
}

impl Way {
    /// What may stand beside it.
    fn beside(&self) -> impl Iterator<Item = Beside> {
        let is_below = |section: &str| self.0.first() == Some(&Step::Key(section.into()));
        let neighbours = NEIGHBOURS.iter().filter(move |(section, _)| is_below(section));
        [Beside::Everything, Beside::Nothing].into_iter().chain(neighbours.map(|(_, text)| Beside::Neighbours(text)))
    }

    fn and(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// As faults name it; of a list we only ever make the first item.
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Item => path.push_str("[0]"),
            }
        }
        path
    }
}

/// What may stand at one place.
#[derive(Clone, Debug, Default)]
struct Form {
    mapping: Option<Keys>,
    /// A list, with so many items at least.
    items_min: Option<usize>,
    is_text: bool,
    is_truth: bool,
    number: Option<(usize, usize)>,
    /// The only words that a text may be.
    words: Option<Vec<String>>,
}

/// The keys of a mapping.
#[derive(Clone, Debug)]
struct Keys {
    known: BTreeSet<Box<str>>,
    /// Those that must be there whatever else is.
    required: BTreeSet<Box<str>>,
}

impl Form {
    fn children(&self) -> impl Iterator<Item = Step> {
        let keys = self.mapping.iter().flat_map(|keys| keys.known.iter().cloned().map(Step::Key));
        keys.chain(self.items_min.map(|_| Step::Item)).collect::<Vec<_>>().into_iter()
    }
}

#[derive(Default)]
struct Forms(BTreeMap<Way, Form>);

/// What stands beside the way to a sample: sections look at all keys first, stop where two exclude each other, or want a good one.
#[derive(Clone, Copy)]
enum Beside {
    /// Every other key, with nothing.
    Everything,
    /// No other key.
    Nothing,
    /// What stands in this text.
    Neighbours(&'static str),
}

/// Good neighbours of what stands below a section: where `every_place_was_seen` fails, one is wanting.
const NEIGHBOURS: [(&str, &str); 9] = [
    ("apis", "apis: [{ upstream: x, override: [{ operation: x }] }]"),
    ("apis", "apis: [{ upstream: x, override: [{ path: x }] }]"),
    ("resources", "server: { listen: 127.0.0.1:1, public_origin: https://a.example }"),
    ("issuers", "issuers: [{ jwks: { uri: x }, introspection: { private_key: x, algorithm: ES256 } }]"),
    ("issuers", "issuers: [{ introspection: { certificate: x } }]"),
    ("issuers", "issuers: [{ issuer: https://a.example, jwks: { uri: https://a.example/jwks } }]"),
    ("quotas", "quotas: [{ rate: 1/s, overrides: [{ rate: 1/s }] }]"),
    ("quotas", "quotas: [{ calls: 1, within: 1s }]"),
    ("quotas", "quotas: [{ at_once: 1 }]"),
];

impl Forms {
    /// Puts samples where `way` leads.
    fn learn(&self, way: &Way) -> Form {
        let mut form = Form::default();
        for beside in way.beside() {
            for sample in samples() {
                self.ask(way, sample, beside, &mut form);
            }
        }
        // Which keys must be there shows once each other stands alone.
        let keys: Vec<_> = form.mapping.iter().flat_map(|keys| keys.known.iter().cloned()).collect();
        for key in keys {
            for beside in way.beside() {
                self.ask(way, Kind::Mapping(vec![entry(&key, node(Kind::Null))]), beside, &mut form);
            }
        }
        form
    }

    /// Puts one sample there, and adds what is learned.
    fn ask(&self, way: &Way, sample: Kind, beside: Beside, form: &mut Form) {
        let given: BTreeSet<Box<str>> = match &sample {
            Kind::Mapping(entries) => entries.iter().map(|(key, _)| key.name.clone()).collect(),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Sequence(_) => BTreeSet::new(),
        };
        let is_text = matches!(sample, Kind::Text(_));
        let root = match beside {
            Beside::Neighbours(text) => put(tree::parse(text).0.unwrap_or_else(|| node(Kind::Null)), &way.0, sample),
            Beside::Everything => self.around(&Way::default(), &way.0, sample),
            Beside::Nothing => put(node(Kind::Null), &way.0, sample),
        };
        let (asked, faults) = read(&root);
        let path = way.path();
        let here: Vec<Asked> = asked.into_iter().filter(|(place, _)| *place == path).map(|(_, asked)| asked).collect();
        if here.contains(&Asked::Other) {
            return;
        }
        for asked in &here {
            match asked {
                Asked::Mapping(known) => {
                    let known: BTreeSet<_> = known.iter().cloned().collect();
                    let fresh = || Keys { known: known.clone(), required: known.clone() };
                    let keys = form.mapping.get_or_insert_with(fresh);
                    keys.required.retain(|key| given.contains(key) || here.contains(&Asked::Key(key.clone())));
                    keys.known.extend(known);
                }
                Asked::List => {
                    let is_empty_refused =
                        faults.iter().any(|fault| fault.path == path && fault.what == "the list is empty");
                    form.items_min = form.items_min.max(Some(usize::from(is_empty_refused)));
                }
                Asked::Truth => form.is_truth = true,
                Asked::Number(least, most) => form.number = Some((*least, *most)),
                Asked::Text => {
                    form.is_text = true;
                    if is_text {
                        form.words = words(&faults, &path);
                    }
                }
                Asked::Key(_) | Asked::Other => {}
            }
        }
    }

    /// A configuration in which `sample` stands where `rest` leads from `done`, and nothing at every other key.
    fn around(&self, done: &Way, rest: &[Step], sample: Kind) -> Node {
        let Some((step, rest)) = rest.split_first() else { return node(sample) };
        let inner = self.around(&done.and(step.clone()), rest, sample);
        node(match step {
            Step::Item => Kind::Sequence(vec![inner]),
            Step::Key(name) => {
                let known = self.0.get(done).and_then(|form| form.mapping.as_ref()).map(|keys| &keys.known);
                let others = known.into_iter().flatten().filter(|key| *key != name);
                Kind::Mapping(others.map(|key| entry(key, node(Kind::Null))).chain([entry(name, inner)]).collect())
            }
        })
    }

    /// The form at `way`, in words of JSON Schema.
    fn describe(&self, way: &Way) -> Map<String, Value> {
        let form = self.0.get(way).cloned().unwrap_or_default();
        let mut choices = Vec::new();
        if let Some(keys) = &form.mapping {
            let inner = |key: &str| Value::Object(self.describe(&way.and(Step::Key(key.into()))));
            let properties: Map<_, _> = keys.known.iter().map(|key| (key.to_string(), inner(key))).collect();
            choices.push(json!({
                "type": "object",
                "properties": properties,
                "required": keys.required,
                "additionalProperties": false,
            }));
        }
        if let Some(least) = form.items_min {
            choices.push(json!({ "type": "array", "items": self.describe(&way.and(Step::Item)), "minItems": least }));
        }
        match (&form.words, form.number) {
            (_, Some((least, most))) => {
                choices.push(json!({ "type": "integer", "minimum": least, "maximum": most }));
                choices.push(json!({ "type": "string", "pattern": VARIABLE }));
            }
            (Some(words), None) => {
                choices.push(json!({ "enum": words }));
                choices.push(json!({ "type": "string", "pattern": VARIABLE }));
            }
            // What is written as a number is taken as the text that it is.
            (None, None) if form.is_text => choices.push(json!({ "type": ["string", "number"] })),
            (None, None) => {}
        }
        if form.is_truth {
            choices.push(json!({ "type": "boolean" }));
        }
        match choices.pop() {
            Some(Value::Object(only)) if choices.is_empty() => only,
            Some(last) => Map::from_iter([("anyOf".to_owned(), choices.into_iter().chain([last]).collect())]),
            None => Map::new(),
        }
    }
}

/// `tree` with `sample` where `way` leads.
fn put(tree: Node, way: &[Step], sample: Kind) -> Node {
    let Some((step, rest)) = way.split_first() else { return node(sample) };
    node(match (step, tree.kind) {
        (Step::Item, Kind::Sequence(items)) => {
            let mut items = items.into_iter();
            let first = items.next().unwrap_or_else(|| node(Kind::Null));
            Kind::Sequence([put(first, rest, sample)].into_iter().chain(items).collect())
        }
        (Step::Item, _) => Kind::Sequence(vec![put(node(Kind::Null), rest, sample)]),
        (Step::Key(name), Kind::Mapping(mut entries)) => {
            let place = entries.iter().position(|(key, _)| key.name == *name);
            let old = place.map_or_else(|| node(Kind::Null), |place| entries.swap_remove(place).1);
            entries.push(entry(name, put(old, rest, sample)));
            Kind::Mapping(entries)
        }
        (Step::Key(name), _) => Kind::Mapping(vec![entry(name, put(node(Kind::Null), rest, sample))]),
    })
}

/// Lets every section look at `root`.
fn read(root: &Node) -> (Vec<(String, Asked)>, Vec<Fault>) {
    let context = Context::new(Path::new(""), &|_| None, super::Role::Main).watched();
    let _nobody_serves_it = super::settings(&context.root(root));
    context.into_answers()
}

/// The words that a hint names because the sample is none of them.
fn words(faults: &[Fault], path: &str) -> Option<Vec<String>> {
    let hint = faults.iter().filter(|fault| fault.path == path).find_map(|fault| fault.hint.as_deref())?;
    let words = hint.strip_prefix("known here: ")?;
    Some(words.split(", ").map(|word| word.trim_matches('`').to_owned()).collect())
}

/// One of each kind, and an empty list.
fn samples() -> [Kind; 6] {
    [
        Kind::Text(TEXT.into()),
        Kind::Bool(true),
        Kind::Number("1".into()),
        Kind::Sequence(vec![node(Kind::Null)]),
        Kind::Sequence(Vec::new()),
        Kind::Mapping(Vec::new()),
    ]
}

fn entry(name: &str, value: Node) -> (Key, Node) {
    (Key { mark: MARK, name: name.into() }, value)
}

fn node(kind: Kind) -> Node {
    Node { mark: MARK, kind }
}

/// Samples stand nowhere.
const MARK: Mark = Mark { line: 1, column: 1 };
/// No word of ours, and far from each.
const TEXT: &str = "?";
/// A value that the environment will have.
const VARIABLE: &str = r"\$\{";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_was_seen() {
        let schema = schema();
        let mut unseen = Vec::new();
        find_unseen(&schema, "", &mut unseen);
        // Nobody looks at it before there are authorities, which come out of a file.
        unseen.retain(|place| place != ".server.tls.client_crl");
        assert!(unseen.is_empty(), "nobody asked anything of: {}; NEIGHBOURS wants one", unseen.join(" "));
    }

    fn find_unseen(schema: &Value, at: &str, unseen: &mut Vec<String>) {
        let has_form = ["type", "anyOf", "enum"].iter().any(|key| schema.get(key).is_some());
        if !has_form {
            unseen.push(at.to_owned());
        }
        for choice in schema["anyOf"].as_array().into_iter().flatten().chain([schema]) {
            for (key, value) in choice["properties"].as_object().into_iter().flatten() {
                find_unseen(value, &format!("{at}.{key}"), unseen);
            }
            if let Some(items) = choice.get("items") {
                find_unseen(items, &format!("{at}[]"), unseen);
            }
        }
    }

    #[test]
    fn the_form_is_that_of_the_readers() {
        let schema = schema();
        assert_eq!(schema["required"], json!(["server", "upstreams"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        let server = &schema["properties"]["server"]["properties"];
        assert_eq!(server["errors"]["anyOf"][0]["enum"], json!(["problem", "obie", "berlin", "ohvps"]));
        assert_eq!(server["workers"]["anyOf"][0]["type"], "integer");
        assert_eq!(server["proxy_protocol"], json!({ "type": "boolean" }));
        let route = &schema["properties"]["routes"]["items"];
        assert_eq!(route["required"], json!(["methods", "path", "upstream"]));
        assert_eq!(route["properties"]["scopes"]["type"], "array");
        assert_eq!(route["properties"]["scopes"]["minItems"], 1);
    }
}
