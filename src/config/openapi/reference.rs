//! `$ref` within a document (RFC 6901): followed a few steps, and never out of the document.

use super::Complaint;
use crate::config::bounds;
use crate::config::fault::{self, Problem};
use crate::config::reader::{Entry, Value};

/// What `value` stands for: itself, or what its `$ref` names at last.
pub(super) fn resolve<'d>(root: &Value<'d>, value: Value<'d>) -> Result<Value<'d>, Complaint<'d>> {
    resolve_alone(root, value, |_| false)
}

/// The same, where nothing of this kind may stand beside a `$ref` on the way.
pub(super) fn resolve_alone<'d>(
    root: &Value<'d>,
    value: Value<'d>,
    is_wrong: impl Fn(&Entry<'d>) -> bool,
) -> Result<Value<'d>, Complaint<'d>> {
    let mut value = value;
    for _ in 0..=bounds::OPENAPI_REFERENCES_MAX {
        let Some(reference) = value.get("$ref") else { return Ok(value) };
        if let Some(beside) = value.members().into_iter().flatten().find(&is_wrong) {
            let problem = Problem::new("stands beside a `$ref`").hint("write it at one place");
            return Err(Complaint::marked(&beside.value, beside.mark, problem));
        }
        let Some(text) = reference.shown() else {
            return Err(Complaint::at(&reference, Problem::new("is no reference")));
        };
        let Some(pointer) = text.strip_prefix('#') else {
            let problem = Problem::new(format!("{} is in another document", fault::quoted(text)));
            let hint = "bundle the documents into one: nothing that decides who may pass is read from elsewhere";
            return Err(Complaint::at(&reference, problem.hint(hint)));
        };
        value = find(root, pointer).ok_or_else(|| {
            let problem = Problem::new(format!("{} names nothing in this document", fault::quoted(text)));
            Complaint::at(&reference, problem)
        })?;
    }
    let most = bounds::OPENAPI_REFERENCES_MAX;
    Err(Complaint::at(&value, Problem::new(format!("more than {most} references follow one another, or a circle"))))
}

/// What stands at the pointer. Lists are not walked into: nothing that we look for is in one.
fn find<'d>(root: &Value<'d>, pointer: &str) -> Option<Value<'d>> {
    let pointer = decoded(pointer)?;
    let mut value = root.clone();
    if pointer.is_empty() {
        return Some(value);
    }
    for token in pointer.strip_prefix('/')?.split('/') {
        // RFC 6901 §4: in this order, or `~01` would become `/`.
        value = value.get(&token.replace("~1", "/").replace("~0", "~"))?;
    }
    Some(value)
}

/// RFC 6901 §6: in a fragment a pointer is percent-encoded.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        octets.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        octets.extend(part.get(2..)?.as_bytes());
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_decoded_once() {
        for (text, expected) in [
            ("", Some("")),
            ("/a", Some("/a")),
            ("/a%7Bb%7d", Some("/a{b}")),
            ("/%2525", Some("/%25")),
            ("/%C5%9F", Some("/ş")),
            ("/%", None),
            ("/%2", None),
            ("/%zz", None),
            ("/%C5", None),
            ("/%ş", None),
        ] {
            assert_eq!(decoded(text).as_deref(), expected, "{text}");
        }
    }
}
