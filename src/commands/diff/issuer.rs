//! Compares two issuers: whose tokens count, by which keys, and how long what is known of them is believed.

use super::change::{Changes, Turn};
use super::places;
use crate::config::introspection::{Answers, Introspection};
use crate::config::issuers::{ClaimNames, Issuer, TokenType};
use crate::config::key_source::{Fetching, KeySource};
use crate::config::profile::Profile;
use crate::config::status_list::StatusLists;

pub(super) fn compare(old: &Issuer, new: &Issuer) -> Changes {
    // `issuer` is what both were found by.
    let Issuer {
        name,
        issuer: _,
        audiences,
        algorithms,
        keys,
        introspection,
        status_list,
        typ,
        required_claims,
        claims,
        leeway,
        profile,
    } = old;
    let mut changes = Changes::of(&format!("{PREFIX}{}: ", new.name));
    changes.beside("name", name, &new.name);
    changes.any_of("audiences", audiences, &new.audiences);
    let names = |issuer: &Issuer| issuer.algorithms.iter().map(|one| one.as_str()).collect::<Vec<_>>();
    let _: &[_] = algorithms;
    changes.accepts("algorithms", &names(old), &names(new));
    key_sources(&mut changes, keys, &new.keys);
    let both = (introspection.as_ref(), new.introspection.as_ref());
    changes.presence("introspection", both, Turn::MoreOpen, introspections);
    changes.presence("status_list", (status_list.as_ref(), new.status_list.as_ref()), Turn::Stricter, status_lists);
    changes.demand("typ", &is_strict(*typ), &is_strict(new.typ));
    changes.all_of("required_claims", required_claims, &new.required_claims);
    let ClaimNames { grant, consent, scopes, frequency } = claims;
    changes.other("claims.grant", grant, &new.claims.grant);
    changes.other("claims.consent", consent, &new.claims.consent);
    changes.other("claims.scopes", scopes, &new.claims.scopes);
    changes.other("claims.frequency", frequency, &new.claims.frequency);
    changes.bound("leeway", leeway, &new.leeway);
    changes.demand("profile fapi2", &is_financial(*profile), &is_financial(new.profile));
    changes
}

fn is_strict(typ: TokenType) -> bool {
    match typ {
        TokenType::AccessToken => true,
        TokenType::Legacy => false,
    }
}

fn is_financial(profile: Profile) -> bool {
    match profile {
        Profile::Baseline => false,
        Profile::Fapi2 => true,
    }
}

fn key_sources(changes: &mut Changes, old: &KeySource, new: &KeySource) {
    if !places::have_same_keys(old, new) {
        let show = |source: &KeySource| match source {
            KeySource::None => "nowhere".to_owned(),
            KeySource::File(path) => path.display().to_string(),
            KeySource::Uri(uri, _) => uri.to_string(),
            KeySource::Discovered(..) => "discovered".to_owned(),
        };
        changes.note("jwks", (show(old), show(new)), Turn::Different);
    }
    if let (Some(old), Some(new)) = (old.fetching(), new.fetching()) {
        let Fetching { authorities, refresh, refetch, stale_max } = old;
        changes.unshown("jwks.ca_file", authorities, &new.authorities, Turn::Different);
        // The longest that a withdrawn key is accepted.
        changes.bound("jwks.refresh", refresh, &new.refresh);
        changes.bound("jwks.stale_max", stale_max, &new.stale_max);
        changes.beside("jwks.refetch", refetch, &new.refetch);
    }
}

fn introspections(changes: &mut Changes, old: &Introspection, new: &Introspection) {
    let Introspection {
        endpoint,
        client_id,
        authentication,
        authorities,
        answers,
        cache,
        negative_cache,
        timeout,
        calls_max,
    } = old;
    let is_signed = |answers: Answers| match answers {
        Answers::Plain => false,
        Answers::Signed => true,
    };
    changes.other("introspection.endpoint", endpoint, &new.endpoint);
    changes.beside("introspection.client_id", client_id, &new.client_id);
    changes.unshown("introspection: proof of who we are", authentication, &new.authentication, Turn::Changed);
    changes.unshown("introspection.ca_file", authorities, &new.authorities, Turn::Different);
    changes.demand("introspection.signed", &is_signed(*answers), &is_signed(new.answers));
    // The longest that a revocation goes unnoticed.
    changes.bound("introspection.cache", cache, &new.cache);
    changes.beside("introspection.negative_cache", negative_cache, &new.negative_cache);
    changes.beside("introspection.timeout", timeout, &new.timeout);
    changes.beside("introspection.calls", calls_max, &new.calls_max);
}

fn status_lists(changes: &mut Changes, old: &StatusLists, new: &StatusLists) {
    let StatusLists { sites, authorities, refresh, stale_max, is_required } = old;
    // What is not fetched cannot be judged, and is refused; what is fetched elsewhere is believed.
    changes.unshown("status_list.uris", sites, &new.sites, Turn::Different);
    changes.unshown("status_list.ca_file", authorities, &new.authorities, Turn::Different);
    changes.bound("status_list.refresh", refresh, &new.refresh);
    changes.bound("status_list.stale_max", stale_max, &new.stale_max);
    changes.demand("status_list.required", is_required, &new.is_required);
}

/// Before whatever is said of an issuer.
pub(super) const PREFIX: &str = "issuer ";
