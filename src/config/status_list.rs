//! `issuers[].status_list`: where the lists are by which tokens are revoked, and how old they may be
//! (draft-ietf-oauth-status-list).

use super::address::{self, Transport};
use super::fault::Problem;
use super::key_source::KeySource;
use super::reader::{Section, Value, distinct};
use super::{bounds, quantity, tls};
use crate::oauth::origin::{self, Site};
use rustls::pki_types::CertificateDer;
use std::time::Duration;

/// How an issuer's status lists are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLists {
    /// Where lists may be fetched, whatever tokens say. Empty: nowhere, and no token that names a list can be judged.
    pub sites: Vec<Site>,
    /// Roots trusted instead of the system's.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// After this a list is fetched anew, or sooner where it says so.
    pub refresh: Duration,
    /// How long a list is used that cannot be fetched anew.
    pub stale_max: Duration,
    /// Whether a token must name its place in a list.
    pub is_required: bool,
}

/// `status_list:` of an issuer with this identifier and these keys. `None` within: its tokens' claim is ignored.
#[expect(clippy::option_option, reason = "the outer `None` is a fault, as everywhere in this folder")]
pub(super) fn of_issuer(
    issuer: &Section<'_>,
    identifier: Option<&str>,
    keys: Option<&KeySource>,
) -> Option<Option<StatusLists>> {
    let value = issuer.find("status_list");
    if let Some(value) = value.as_ref().filter(|value| value.is_text()) {
        return value.parse(|text| match text {
            "off" => Ok(None),
            _ => Err(Problem::new("is neither `off` nor a mapping")),
        });
    }
    let authorities = match keys? {
        KeySource::None => {
            let Some(value) = value else { return Some(None) };
            let hint = "lists are signed by the issuer's keys; about opaque tokens it is asked";
            value.refuse(Problem::new("needs `jwks`").hint(hint));
            return None;
        }
        KeySource::File(_) => None,
        KeySource::Uri(_, fetching) | KeySource::Discovered(_, fetching) => fetching.authorities.clone(),
    };
    let default = StatusLists {
        sites: identifier.and_then(own_site).into_iter().collect(),
        authorities,
        refresh: REFRESH_DEFAULT,
        stale_max: STALE_MAX_DEFAULT,
        is_required: false,
    };
    match value {
        Some(value) => read(&value, identifier.is_some(), default).map(Some),
        None => Some(Some(default)),
    }
}

fn read(value: &Value<'_>, is_identified: bool, default: StatusLists) -> Option<StatusLists> {
    let section = value.section(&["uris", "ca_file", "refresh", "stale_max", "required"])?;
    let sites = section.read_or("uris", default.sites, |value| distinct(value.list()?, |item| item.parse(site)));
    let authorities = section.read_or("ca_file", default.authorities, |value| tls::authorities(&value).map(Some));
    let bounded = |key, default, most| {
        let within = |text: &str| quantity::within(quantity::duration(text)?, bounds::STATUS_LIST_REFRESH_MIN, most);
        section.read_or(key, default, |value| value.parse(within))
    };
    let refresh = bounded("refresh", default.refresh, bounds::STATUS_LIST_REFRESH_MAX);
    let stale_max = bounded("stale_max", default.stale_max, bounds::TIMEOUT_MAX);
    let is_required = section.read_or("required", default.is_required, |value| value.truth());
    if sites.as_ref().is_some_and(Vec::is_empty) && is_identified {
        let problem = Problem::new("nobody says where the lists are: `issuer` is no https URL");
        section.whole().refuse(problem.hint("name the beginning of their addresses: `uris: [https://…/status]`"));
        return None;
    }
    if let (Some(refresh), Some(stale_max)) = (refresh, stale_max)
        && stale_max < refresh
    {
        let value = section.find("stale_max").or_else(|| section.find("refresh"));
        let problem = Problem::new("a list would be too old before it is fetched anew");
        value.as_ref().unwrap_or(section.whole()).refuse(problem.hint("raise `stale_max` or lower `refresh`"));
        return None;
    }
    Some(StatusLists {
        sites: sites?,
        authorities: authorities?,
        refresh: refresh?,
        stale_max: stale_max?,
        is_required: is_required?,
    })
}

/// An issuer whose identifier says where it is may say so of its lists.
fn own_site(identifier: &str) -> Option<Site> {
    encrypted(identifier).ok().and_then(|()| Site::around(identifier))
}

fn site(text: &str) -> Result<Site, Problem> {
    encrypted(text)?;
    Site::parse(text).ok_or_else(|| {
        Problem::new("has a query, or a path that servers read in different ways")
            .hint("name the beginning of the lists' addresses: scheme, host, and a plain path where it is longer")
    })
}

/// Lists decide whom we believe: over a network they come encrypted, though they are signed, so that nobody there can
/// hold back the newest.
fn encrypted(text: &str) -> Result<(), Problem> {
    let (_, host, transport) = address::absolute(text)?;
    if transport == Transport::Plain && !origin::is_loopback(&host) {
        let problem = Problem::new("would fetch lists in plain text over a network");
        return Err(problem.hint("use https; http is for loopback only"));
    }
    Ok(())
}

/// A token that was revoked is refused after this at the latest.
const REFRESH_DEFAULT: Duration = Duration::from_mins(5);
/// An outage of the lists' server ends before its customers notice; revocations do not wait for longer.
const STALE_MAX_DEFAULT: Duration = Duration::from_hours(1);
