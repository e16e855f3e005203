//! `cors`: whose pages may call a route from a browser (WHATWG Fetch, CORS protocol; FAPI 1.0 §6.2.1).

use super::fault::Problem;
use super::reader::{Value, distinct};
use super::{address, quantity};
use crate::oauth::origin::{self, Origin};
use std::time::Duration;

/// Who may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// As browsers write them; at least one. There is no wildcard: who may is who is named.
    pub origins: Vec<Box<str>>,
    /// How long a browser may remember that it may.
    pub max_age: Duration,
}

pub(super) fn read(value: &Value<'_>) -> Option<Cors> {
    let section = value.section(&["origins", "max_age"])?;
    let origins = section.need("origins").and_then(|value| distinct(value.list()?, |item| item.parse(origin)));
    let max_age = section.read_or("max_age", MAX_AGE_DEFAULT, |value| {
        value.parse(|text| quantity::within(quantity::duration(text)?, Duration::ZERO, MAX_AGE_MAX))
    });
    Some(Cors { origins: origins?, max_age: max_age? })
}

/// Exactly as a browser sends it: it is compared octet by octet.
fn origin(text: &str) -> Result<Box<str>, Problem> {
    let canonical = Origin::parse(text).is_some_and(|origin| origin.as_str() == text);
    let is_safe =
        text.starts_with("https://") || address::absolute(text).is_ok_and(|(_, host, _)| origin::is_loopback(&host));
    if canonical && is_safe {
        return Ok(text.into());
    }
    Err(Problem::new("is not an origin as browsers write it").hint(
        "scheme and host in lower case, a port only if it is not the default, nothing behind it: https://app.example; \
         http is for loopback only",
    ))
}

/// Rules change rarely, and a preflight costs a round trip.
const MAX_AGE_DEFAULT: Duration = Duration::from_mins(10);
/// Browsers remember no longer than a day.
const MAX_AGE_MAX: Duration = Duration::from_hours(24);
