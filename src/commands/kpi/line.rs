//! One line of an access log as an event. A log may hold anything: what is no line of ours is counted and left out.

use super::bounds::REPLY_US_MAX;
use crate::config::routes::Route;
use crate::config::service::Service;
use crate::gateway::observe::end::End;
use crate::gateway::observe::metrics::Outcome;
use crate::gateway::observe::services::fault;
use crate::gateway::reason::{Fault, Reason};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;

/// What a report needs of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When its head was there, in milliseconds since 1970: what lines are sorted by, more or less.
    pub time_ms: u64,
    /// When its last byte was there.
    pub received_ms: u64,
    /// When its answer had ended.
    pub ended_ms: u64,
    /// What it was for; `None`: nothing that is published.
    pub service: Option<Service>,
    /// Method and route.
    pub endpoint: Box<str>,
    /// Whose fault it is that it was not answered well.
    pub fault: Option<Fault>,
    /// What it says about whether the interface was there.
    pub reply: Reply,
    /// From its last byte to the last byte of its answer; `None` where another protocol came of it.
    pub response_us: Option<u64>,
    /// From its last byte to the head of the API's answer.
    pub first_us: Option<u64>,
    /// Of the answer's body.
    pub bytes: u64,
}

/// Whether a request was replied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// By the API, in time.
    Given,
    /// Too late, or by an error that is no client's.
    Missing,
    /// Refused for what the client did, or the client left: that says nothing.
    Unknown,
}

/// The services of routes, for logs that do not tell them.
#[derive(Debug, Default)]
pub struct Known(HashMap<Box<str>, Service>);

impl Known {
    /// Those of a configuration.
    pub fn of(routes: &[Route]) -> Self {
        let named = routes.iter().filter_map(|route| Some((route, route.service?)));
        let each = named.flat_map(|(route, service)| {
            route.methods.iter().map(move |method| (endpoint(method.as_str(), &route.path), service))
        });
        Self(each.collect())
    }
}

#[derive(Deserialize)]
struct Fields<'l> {
    #[serde(borrow)]
    time: Text<'l>,
    #[serde(borrow)]
    method: Option<Text<'l>>,
    #[serde(borrow)]
    route: Option<Text<'l>>,
    #[serde(borrow)]
    service: Option<Text<'l>>,
    status: u16,
    #[serde(borrow)]
    reason: Option<Text<'l>>,
    received_us: Option<u64>,
    first_us: Option<u64>,
    duration_us: u64,
    #[serde(default)]
    bytes: u64,
    #[serde(borrow)]
    end: Option<Text<'l>>,
}

/// Borrowed where nothing is escaped; an `Option<Cow>` would always be a copy.
#[derive(Deserialize)]
struct Text<'l>(#[serde(borrow)] Cow<'l, str>);

/// The event that a line tells of; `None` where it is no line of an access log of ours.
pub fn read(line: &[u8], known: Option<&Known>) -> Option<Event> {
    // What is not read must be text too.
    let fields: Fields<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    let time_ms = u64::try_from(fields.time.0.parse::<Timestamp>().ok()?.as_millisecond()).ok()?;
    let status = StatusCode::from_u16(fields.status).ok()?;
    let end = End::told(fields.end.as_ref().map(|end| &*end.0))?;
    let outcome = match &fields.reason {
        None => Outcome::Passed(status),
        Some(reason) => match Reason::named(&reason.0) {
            Some(reason) => Outcome::Refused(reason),
            // Of another version of the gateway: the status says as much as must be known.
            None => Outcome::Passed(status),
        },
    };
    let endpoint = endpoint(fields.method.as_ref().map_or("", |m| &m.0), fields.route.as_ref().map_or("", |r| &r.0));
    let service = match &fields.service {
        Some(name) => Service::named(&name.0),
        None => known.and_then(|known| known.0.get(&endpoint).copied()),
    };
    let received_us = fields.received_us.unwrap_or_default();
    let response_us = fields.duration_us.saturating_sub(received_us);
    let is_tunnel = status == StatusCode::SWITCHING_PROTOCOLS;
    let fault = fault(outcome, end);
    Some(Event {
        time_ms,
        received_ms: time_ms.saturating_add(received_us / 1000),
        ended_ms: time_ms.saturating_add(fields.duration_us / 1000),
        service,
        endpoint,
        fault,
        reply: if is_tunnel { Reply::Given } else { reply(outcome, fault, response_us) },
        response_us: (!is_tunnel).then_some(response_us),
        first_us: fields.first_us.map(|first| first.saturating_sub(received_us)),
        bytes: fields.bytes,
    })
}

fn reply(outcome: Outcome, fault: Option<Fault>, response_us: u64) -> Reply {
    match (fault, outcome) {
        (Some(Fault::Gateway | Fault::Upstream | Fault::Issuer), _) => Reply::Missing,
        // Whoever waited as long and then left was not replied to.
        (Some(Fault::Client), Outcome::Refused(Reason::Internal)) if response_us > REPLY_US_MAX => Reply::Missing,
        (Some(Fault::Client), Outcome::Refused(_)) => Reply::Unknown,
        (Some(Fault::Client) | None, _) if response_us > REPLY_US_MAX => Reply::Missing,
        (Some(Fault::Client) | None, _) => Reply::Given,
    }
}

fn endpoint(method: &str, route: &str) -> Box<str> {
    [method, " ", route].concat().into()
}
