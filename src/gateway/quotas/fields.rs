//! What answers say of quotas: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), for ÖHVPS also
//! `X-RateLimit-*` (TR-4).

use super::{Limited, Quota, Told};
use crate::config::envelope::Envelope;
use crate::gateway::answer::OurFields;
use crate::state::limits::Limit;
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// Says how the quotas stand that the request was counted by, if it was by any.
pub fn tell(answer: &mut OurFields, limited: &Limited, quotas: &[Arc<Quota>], form: Envelope) {
    if limited.told.is_empty() {
        return;
    }
    let mut list = |field: HeaderName, write: fn(&mut Vec<u8>, &Told)| {
        let mut text = Vec::with_capacity(96);
        for told in &limited.told {
            let Some(quota) = quotas.get(told.place) else { continue };
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            text.push(b'"');
            text.extend_from_slice(quota.settings.name.as_bytes());
            text.push(b'"');
            write(&mut text, told);
        }
        // Names and numbers are visible ASCII.
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            answer.insert(field, value);
        }
    };
    list(RATELIMIT_POLICY, policy);
    list(RATELIMIT, standing);
    // Three fields have room for one: that of which the least is left, and among equals that which takes longest.
    let tightest = limited.told.iter().min_by_key(|told| (told.left, std::cmp::Reverse(told.wait_us)));
    if let (Envelope::Ohvps, Some(told)) = (form, tightest) {
        answer.insert(X_LIMIT, HeaderValue::from(quota_of(told.limit).0));
        answer.insert(X_REMAINING, HeaderValue::from(told.left));
        answer.insert(X_RESET, HeaderValue::from(whole_seconds(told.wait_us)));
    }
}

/// So many seconds that it is over then, and never none.
pub fn whole_seconds(us: u64) -> u32 {
    u32::try_from(us.div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}

fn policy(text: &mut Vec<u8>, told: &Told) {
    let (quota, window_us) = quota_of(told.limit);
    number(text, b";q=", quota);
    match window_us {
        Some(window_us) => number(text, b";w=", whole_seconds(window_us).into()),
        None => text.extend_from_slice(b";qu=\"concurrent-requests\""),
    }
}

/// `t` is when there is more than `r`: with windows that slide nothing is ever reset as a whole.
fn standing(text: &mut Vec<u8>, told: &Told) {
    number(text, b";r=", told.left);
    if quota_of(told.limit).1.is_some() {
        number(text, b";t=", whole_seconds(told.wait_us).into());
    }
}

/// How many, and within which time.
fn quota_of(limit: Limit) -> (u64, Option<u64>) {
    match limit {
        Limit::Rate(rate) => (rate.burst, Some(rate.span_us())),
        Limit::Window(window) => (window.calls, Some(window.within_us)),
        Limit::AtOnce(most) => (most, None),
    }
}

fn number(text: &mut Vec<u8>, name: &[u8], number: u64) {
    text.extend_from_slice(name);
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

#[cfg(test)]
mod tests {
    use super::*;

    /// Retry-After is whole seconds, rounded up, and never 0: who comes then must find something.
    #[test]
    fn seconds_are_whole_and_not_too_few() {
        for (us, seconds) in [(0, 1), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2), (86_400_000_000, 86_400)] {
            assert_eq!(whole_seconds(us), seconds, "{us}");
        }
        assert_eq!(whole_seconds(u64::MAX), u32::MAX);
    }
}
