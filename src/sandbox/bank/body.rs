//! Reads a request body member by member: every fault with its path, nothing read past, no member twice.

use super::fault::{Code, Fault};
use crate::oauth::json;
use serde_json::{Map, Value};
use std::cell::RefCell;

/// What is wrong with one body, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

/// One object of a body. What it held that nobody asked for is a fault when it is closed.
#[derive(Debug)]
pub(super) struct Fields<'b> {
    members: &'b Map<String, Value>,
    path: String,
    faults: &'b Faults,
    known: RefCell<Vec<&'static str>>,
}

/// The whole text as one object. A member that stands twice would let two readers see two payments.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Vec<Fault>> {
    let text = std::str::from_utf8(bytes).ok();
    let members = text.and_then(json::object);
    members
        .ok_or_else(|| vec![Fault::new(Code::FormatInvalid, "the body is one JSON object, and no member stands twice")])
}

impl Faults {
    /// `read` if nothing was wrong.
    pub(super) fn check<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        let mut faults = self.0.into_inner();
        faults.truncate(FAULTS_MAX);
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            Some(_) | None => Err(faults),
        }
    }
}

impl<'b> Fields<'b> {
    /// The body itself.
    pub(super) fn root(members: &'b Map<String, Value>, faults: &'b Faults) -> Self {
        Self { members, path: String::new(), faults, known: RefCell::default() }
    }

    /// An object that must be there.
    pub(super) fn object(&self, name: &'static str) -> Option<Self> {
        self.within(name, self.need(name)?)
    }

    /// An object that may be there.
    pub(super) fn optional_object(&self, name: &'static str) -> Option<Self> {
        self.within(name, self.find(name)?)
    }

    /// A text that must be there, of 1 to `chars_max` characters.
    pub(super) fn text(&self, name: &'static str, chars_max: usize) -> Option<&'b str> {
        self.as_text(name, self.need(name)?, chars_max)
    }

    /// A text that may be there.
    pub(super) fn optional_text(&self, name: &'static str, chars_max: usize) -> Option<&'b str> {
        self.as_text(name, self.find(name)?, chars_max)
    }

    /// A text that must be there and mean something.
    pub(super) fn parsed<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Option<T> {
        let text = self.text(name, PARSED_CHARS_MAX)?;
        self.keep(name, parse(text))
    }

    /// A text that may be there and then means something.
    pub(super) fn optional_parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let text = self.optional_text(name, PARSED_CHARS_MAX)?;
        self.keep(name, parse(text))
    }

    /// A truth value that may be there.
    pub(super) fn optional_truth(&self, name: &'static str) {
        if self.find(name).is_some_and(|value| !value.is_boolean()) {
            self.refuse(name, Fault::new(Code::FieldInvalid, "must be true or false"));
        }
    }

    /// The elements of an array that must be there.
    pub(super) fn list(&self, name: &'static str) -> Option<&'b [Value]> {
        self.as_list(name, self.need(name)?)
    }

    /// The elements of an array that may be there.
    pub(super) fn optional_list(&self, name: &'static str) -> Option<&'b [Value]> {
        self.as_list(name, self.find(name)?)
    }

    /// The objects of an array that may be there.
    pub(super) fn optional_objects(&self, name: &'static str) -> Vec<Self> {
        let elements = self.optional_list(name).unwrap_or_default().iter().enumerate();
        elements.filter_map(|(place, element)| self.as_object(format!("{}[{place}]", self.at(name)), element)).collect()
    }

    /// Texts of 1 to `chars_max` characters in an array that may be there.
    pub(super) fn optional_texts(&self, name: &'static str, chars_max: usize) -> Vec<&'b str> {
        let elements = self.optional_list(name).unwrap_or_default().iter();
        elements.filter_map(|element| self.as_text(name, element, chars_max)).collect()
    }

    /// Notes a fault of one member.
    pub(super) fn refuse(&self, name: &str, fault: Fault) {
        let mut faults = self.faults.0.borrow_mut();
        // More than anybody reads need not be kept.
        if faults.len() < FAULTS_MAX {
            faults.push(fault.at(self.at(name)));
        }
    }

    /// Notes what nobody asked for. The standard forbids to read past what one does not support.
    pub(super) fn close(self) {
        let known = self.known.borrow();
        for name in self.members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.refuse(name, Fault::new(Code::FieldUnexpected, "this member means nothing here"));
        }
    }

    fn keep<T>(&self, name: &str, parsed: Result<T, Fault>) -> Option<T> {
        parsed.map_err(|fault| self.refuse(name, fault)).ok()
    }

    fn need(&self, name: &'static str) -> Option<&'b Value> {
        let found = self.find(name);
        if found.is_none() {
            self.refuse(name, Fault::new(Code::FieldMissing, "this member must be there"));
        }
        found
    }

    fn find(&self, name: &'static str) -> Option<&'b Value> {
        self.known.borrow_mut().push(name);
        self.members.get(name)
    }

    fn within(&self, name: &'static str, value: &'b Value) -> Option<Self> {
        self.as_object(self.at(name), value)
    }

    fn as_object(&self, path: String, value: &'b Value) -> Option<Self> {
        match value.as_object() {
            Some(members) => Some(Self { members, path, faults: self.faults, known: RefCell::default() }),
            None => {
                let root = Self { path: String::new(), known: RefCell::default(), ..*self };
                root.refuse(&path, Fault::new(Code::FieldInvalid, "must be an object"));
                None
            }
        }
    }

    fn as_list(&self, name: &str, value: &'b Value) -> Option<&'b [Value]> {
        match value.as_array() {
            Some(elements) if elements.len() <= ELEMENTS_MAX => Some(elements),
            Some(_) | None => {
                self.refuse(name, Fault::new(Code::FieldInvalid, "must be an array of at most 50 elements"));
                None
            }
        }
    }

    fn as_text(&self, name: &str, value: &'b Value, chars_max: usize) -> Option<&'b str> {
        let is_good = |text: &&str| {
            !text.trim().is_empty() && text.chars().count() <= chars_max && !text.chars().any(char::is_control)
        };
        let text = value.as_str().filter(is_good);
        if text.is_none() {
            self.refuse(name, Fault::new(Code::FieldInvalid, "must be text, neither empty nor too long, in one line"));
        }
        text
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// More than a developer mends at once.
const FAULTS_MAX: usize = 10;
const ELEMENTS_MAX: usize = 50;
/// `Max256Text`: nothing that is parsed is longer.
const PARSED_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(), Vec<(&'static str, String)>> {
        let show = |faults: Vec<Fault>| {
            let show = |fault: &Fault| (fault.code().as_str(), fault.path().to_owned());
            faults.iter().map(show).collect::<Vec<_>>()
        };
        let members = object(body.as_bytes()).map_err(show)?;
        let faults = Faults::default();
        let root = Fields::root(&members, &faults);
        let read = root.object("Data").map(|data| {
            data.text("Name", 5);
            data.optional_text("Note", 5);
            for part in data.optional_objects("Parts") {
                part.text("Id", 3);
                part.close();
            }
            data.optional_texts("Lines", 3);
            data.optional_truth("Is");
            data.close();
        });
        root.close();
        faults.check(read).map_err(show)
    }

    #[test]
    fn every_fault_has_its_path() {
        assert_eq!(read(r#"{"Data": {"Name": "a", "Parts": [{"Id": "1"}], "Lines": ["x"], "Is": true}}"#), Ok(()));
        for (body, expected) in [
            ("", vec![("U010", "")]),
            ("[]", vec![("U010", "")]),
            (r#"{"Data": {"Name": "a", "Name": "b"}}"#, vec![("U010", "")]),
            ("{}", vec![("U004", "Data")]),
            (r#"{"Data": null}"#, vec![("U002", "Data")]),
            (r#"{"Data": {}}"#, vec![("U004", "Data.Name")]),
            (r#"{"Data": {"Name": ""}}"#, vec![("U002", "Data.Name")]),
            (r#"{"Data": {"Name": "\u0007"}}"#, vec![("U002", "Data.Name")]),
            (r#"{"Data": {"Name": "abcdef", "Note": 5}}"#, vec![("U002", "Data.Name"), ("U002", "Data.Note")]),
            (r#"{"Data": {"Name": "abcde", "More": 1}, "Risk": {}}"#, vec![("U005", "Data.More"), ("U005", "Risk")]),
            (
                r#"{"Data": {"Name": "a", "Parts": [{"Id": "1"}, 7, {}]}}"#,
                vec![("U002", "Data.Parts[1]"), ("U004", "Data.Parts[2].Id")],
            ),
            (
                r#"{"Data": {"Name": "a", "Parts": {}, "Lines": [1], "Is": "yes"}}"#,
                vec![("U002", "Data.Parts"), ("U002", "Data.Lines"), ("U002", "Data.Is")],
            ),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(code, path)| (code, path.to_owned())).collect();
            assert_eq!(read(body), Err(expected), "{body}");
        }
    }

    #[test]
    fn ten_faults_are_told_and_no_more() {
        let members: Vec<_> = (0..30).map(|n| format!("\"m{n}\": {n}")).collect();
        let faults = read(&format!("{{{}}}", members.join(","))).unwrap_err();
        assert_eq!(faults.len(), 10);
        let list = |length| format!(r#"{{"Data": {{"Name": "a", "Lines": [{}]}}}}"#, vec!["\"x\""; length].join(","));
        assert_eq!((read(&list(50)).is_ok(), read(&list(51)).is_ok()), (true, false));
    }
}
