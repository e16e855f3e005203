//! `required_headers`: what a profile makes every request carry (Berlin Group `X-Request-ID`, ÖHVPS §3.15, Brazil's
//! `x-fapi-interaction-id`).

use super::demands::header_name;
use super::fault::Problem;
use super::reader::Value;
use http::HeaderName;

/// One field that a request must have, exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredHeader {
    /// Its name.
    pub name: HeaderName,
    /// What must stand in it.
    pub form: Form,
}

/// What must stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Anything but nothing.
    Text,
    /// A UUID (RFC 9562 §4).
    Uuid,
}

/// A list of `{ name: X-Request-ID, form: uuid }`.
pub(super) fn read(value: &Value<'_>) -> Option<Vec<RequiredHeader>> {
    let mut headers: Vec<Option<RequiredHeader>> = Vec::new();
    for item in value.list()? {
        let header = header(&item);
        if headers.iter().flatten().any(|known| header.as_ref().is_some_and(|header| header.name == known.name)) {
            item.refuse(Problem::new("names a header that stands in this list already"));
        }
        headers.push(header);
    }
    headers.into_iter().collect()
}

fn header(value: &Value<'_>) -> Option<RequiredHeader> {
    let section = value.section(&["name", "form"])?;
    let name = section.need("name").and_then(|value| value.parse(header_name));
    let form = section.read_or("form", Form::Text, |value| {
        value.parse(|text| match text {
            "text" => Ok(Form::Text),
            "uuid" => Ok(Form::Uuid),
            _ => Err(Problem::new("is no form of a header").did_you_mean(text, ["text", "uuid"].into_iter())),
        })
    });
    Some(RequiredHeader { name: name?, form: form? })
}
