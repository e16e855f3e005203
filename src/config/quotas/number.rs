//! How much there may be of what a quota counts: a rate, calls within a time, or requests at once; and for some clients.

use crate::config::bounds;
use crate::config::fault::Problem;
use crate::config::quantity;
use crate::config::reader::{Section, Value, distinct};
use std::time::Duration;

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// `rate` and `burst`
    Rate {
        /// So many,
        calls: u64,
        /// in each of these.
        period: Duration,
        /// So many at once.
        burst: u64,
    },
    /// `calls` and `within`
    Window {
        /// So many,
        calls: u64,
        /// in any span of this length.
        within: Duration,
    },
    /// `at_once`
    AtOnce(u64),
}

/// Another number for some clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Whose: their `client_id`.
    pub clients: Vec<Box<str>>,
    /// How much.
    pub number: Number,
}

/// Exactly one of the three kinds.
pub(super) fn read(section: &Section<'_>) -> Option<Number> {
    let found = ["rate", "calls", "at_once"].into_iter().filter(|key| section.find(key).is_some());
    let found: Vec<_> = found.collect();
    let [kind] = *found.as_slice() else {
        let problem = Problem::new("needs exactly one of `rate`, `calls` and `at_once`");
        section.whole().refuse(problem.hint("`rate: 50/s`, `calls: 4` with `within: 24h`, or `at_once: 20`"));
        return None;
    };
    for (key, needed) in [("burst", "rate"), ("within", "calls")] {
        if let Some(value) = section.find(key)
            && kind != needed
        {
            value.refuse(Problem::new(format!("means something beside `{needed}` only")).hint("remove it"));
        }
    }
    let within = || {
        let within = section.need("within")?;
        within.parse(|text| {
            quantity::within(quantity::duration(text)?, bounds::QUOTA_WINDOW_MIN, bounds::QUOTA_WINDOW_MAX)
        })
    };
    match kind {
        "rate" => rate(section),
        "calls" => {
            let (calls, within) = (calls(section, "calls"), within());
            Some(Number::Window { calls: calls?, within: within? })
        }
        _ => calls(section, "at_once").map(Number::AtOnce),
    }
}

fn rate(section: &Section<'_>) -> Option<Number> {
    let (calls, period) = section.find("rate")?.parse(frequency_of)?;
    // What comes in a second may come at its beginning.
    let of_a_second = u64::try_from(u128::from(calls) * 1000 / period.as_millis()).unwrap_or(1).max(1);
    let burst = section.read_or("burst", of_a_second, |value| whole(&value));
    Some(Number::Rate { calls, period, burst: burst? })
}

fn calls(section: &Section<'_>, key: &str) -> Option<u64> {
    section.find(key).and_then(|value| whole(&value))
}

fn whole(value: &Value<'_>) -> Option<u64> {
    value.whole_number(1, bounds::QUOTA_CALLS_MOST).map(|number| number as u64)
}

/// The same kind of number, for some clients.
pub(super) fn read_override(value: &Value<'_>, of: Number) -> Option<Override> {
    let keys: &[&str] = match of {
        Number::Rate { .. } => &["clients", "rate", "burst"],
        Number::Window { .. } => &["clients", "calls"],
        Number::AtOnce(_) => &["clients", "at_once"],
    };
    let section = value.section(keys)?;
    let client = |item: &Value<'_>| item.text().map(|text| Box::from(text.value));
    let clients = section.need("clients").and_then(|value| distinct(value.one_or_list()?, client));
    let number = match of {
        Number::Rate { .. } => section.need("rate").and_then(|_| rate(&section)),
        Number::Window { within, .. } => {
            section.need("calls").and_then(|value| whole(&value)).map(|calls| Number::Window { calls, within })
        }
        Number::AtOnce(_) => section.need("at_once").and_then(|value| whole(&value)).map(Number::AtOnce),
    };
    Some(Override { clients: clients?, number: number? })
}

/// `50/s`, `600/m`, `1000/h`
fn frequency_of(text: &str) -> Result<(u64, Duration), Problem> {
    let parsed = text.split_once('/').and_then(|(calls, unit)| {
        let period = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => return None,
        };
        let is_digits = calls.bytes().all(|b| b.is_ascii_digit());
        Some((calls.parse().ok().filter(|calls: &u64| is_digits && *calls > 0)?, period))
    });
    let (calls, period) = parsed
        .ok_or_else(|| Problem::new("is not a rate").hint("write a whole number and a unit: 50/s, 600/m or 1000/h"))?;
    if calls > bounds::QUOTA_RATE_MOST * period.as_secs() {
        return Err(Problem::new(format!("is more than {} a second", bounds::QUOTA_RATE_MOST)));
    }
    Ok((calls, period))
}
