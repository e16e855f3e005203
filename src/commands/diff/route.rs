//! Compares two routes that take the same request. Every term is taken apart by name, without `..`: a new one does not compile
//! until it is said here what it does to who may pass.

use super::change::{self, Changes, Turn};
use super::{issuer, quota};
use crate::config::Settings;
use crate::config::cors::Cors;
use crate::config::demands::{ConsentGiven, ConsentHeld, ConsentRule, CustomerToken, Demands, DetailsRule, StepUp};
use crate::config::introspection::Introspect;
use crate::config::issuers::Issuer;
use crate::config::required::{Form, RequiredHeader};
use crate::config::rewrite::Rewrite;
use crate::config::routes::{Access, Route};
use crate::config::upstreams::Total;
use crate::oauth::scope::ScopeToken;

use std::time::Duration;

/// A route and the configuration that it stands in.
#[derive(Clone, Copy)]
pub(super) struct Placed<'s> {
    pub(super) settings: &'s Settings,
    pub(super) route: &'s Route,
}

/// What changed from one to the other.
pub(super) fn compare(old: Placed<'_>, new: Placed<'_>) -> Changes {
    let mut changes = Changes::default();
    // Path, methods and hosts are what both were found by; where a route stands in a document decides nothing; quotas are compared
    // by what they are, and not by their place in a list.
    let Route {
        path: _,
        methods: _,
        hosts: _,
        origin: _,
        access,
        upstream,
        rewrite,
        upgrades,
        body_bytes_max,
        total_timeout,
        errors,
        service,
        cors,
        quotas: _,
        // It decides nothing.
        shadow: _,
    } = old.route;
    let then = new.route;
    match (access, &then.access) {
        (Access::Open, Access::Open) => {}
        (Access::Open, Access::Token(_)) => changes.note("access", words("open", "token"), Turn::Stricter),
        (Access::Token(_), Access::Open) => changes.note("access", words("token", "open"), Turn::MoreOpen),
        (Access::Token(before), Access::Token(after)) => {
            demands(&mut changes, before, after);
            issuers(&mut changes, (old.settings, &before.issuers), (new.settings, &after.issuers));
        }
    }
    quota::compare(&mut changes, old, new);
    changes.accepts("upgrade", upgrades, &then.upgrades);
    changes.bound("body", body_bytes_max, &then.body_bytes_max);
    changes.accepts("cors.origins", origins(cors.as_ref()), origins(then.cors.as_ref()));
    changes.beside("cors.max_age", &cors.as_ref().map(age), &then.cors.as_ref().map(age));
    let upstream_name =
        |settings: &Settings, place: usize| settings.upstreams.get(place).map(|one| one.name.to_string());
    changes.beside("upstream", &upstream_name(old.settings, *upstream), &upstream_name(new.settings, then.upstream));
    changes.beside("rewrite", &rewrite.as_ref().map(beginnings), &then.rewrite.as_ref().map(beginnings));
    changes.beside("total_timeout", &total_timeout.map(total), &then.total_timeout.map(total));
    changes.beside("errors", errors, &then.errors);
    changes.beside("service", service, &then.service);
    changes
}

fn words(old: &str, new: &str) -> (String, String) {
    (old.to_owned(), new.to_owned())
}

fn origins(cors: Option<&Cors>) -> &[Box<str>] {
    cors.map_or(&[], |Cors { origins, max_age: _ }| origins)
}

fn age(cors: &Cors) -> Duration {
    cors.max_age
}

fn beginnings(Rewrite { from, to }: &Rewrite) -> (Box<str>, Box<str>) {
    (from.clone(), to.clone())
}

fn total(total: Total) -> Option<Duration> {
    match total {
        Total::Within(time) => Some(time),
        Total::Unbounded => None,
    }
}

fn demands(changes: &mut Changes, old: &Demands, new: &Demands) {
    // Issuers are compared by what they are, and not by their place in a list.
    let Demands {
        all,
        any,
        grants,
        issuers: _,
        introspect,
        audiences,
        consent,
        step_up,
        details,
        customer_token,
        headers,
        roles,
    } = old;
    scopes(changes, (all, any), (&new.all, &new.any));
    let grant_names = |demands: &Demands| demands.grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>();
    let _: &[_] = grants;
    changes.any_of("grants", &grant_names(old), &grant_names(new));
    changes.demand("introspect", &is_always(*introspect), &is_always(new.introspect));
    changes.any_of("audience", audiences, &new.audiences);
    changes.presence("consent", (consent.as_ref(), new.consent.as_ref()), Turn::Stricter, |changes, old, new| {
        changes.other("consent", &consent_words(old), &consent_words(new));
    });
    step_ups(changes, step_up, &new.step_up);
    let both = (details.as_ref(), new.details.as_ref());
    changes.presence("authorization_details", both, Turn::Stricter, |changes, old, new| {
        let DetailsRule { kind, actions, locations } = old;
        changes.other("authorization_details.type", kind, &new.kind);
        changes.all_of("authorization_details.actions", actions, &new.actions);
        changes.any_of("authorization_details.locations", locations, &new.locations);
    });
    // With two tokens every other demand is one on the second.
    let both = (customer_token.as_ref(), new.customer_token.as_ref());
    changes.presence("customer_token", both, Turn::Different, |changes, old, new| {
        let CustomerToken { header, client_scopes } = old;
        changes.other("customer_token.header", header, &new.header);
        changes.all_of("customer_token.client_scopes", client_scopes, &new.client_scopes);
    });
    changes.all_of("required_headers", &header_words(headers), &header_words(&new.headers));
    let role_names = |demands: &Demands| demands.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>();
    let _: &[_] = roles;
    changes.any_of("psd2_role", &role_names(old), &role_names(new));
}

fn scopes(changes: &mut Changes, old: (&[ScopeToken], &[ScopeToken]), new: (&[ScopeToken], &[ScopeToken])) {
    if let Some(turn) = change::scopes(old, new) {
        changes.note("scopes", (change::scopes_shown(old), change::scopes_shown(new)), turn);
    }
}

fn is_always(introspect: Introspect) -> bool {
    match introspect {
        Introspect::Once => false,
        Introspect::Always => true,
    }
}

fn consent_words(ConsentRule { given, held }: &ConsentRule) -> (String, Option<Box<str>>) {
    let given = match given {
        ConsentGiven::Header(name) => format!("header {name}"),
        ConsentGiven::Segment(place) => format!("segment {}", place + 1),
    };
    let held = match held {
        ConsentHeld::Claim => None,
        ConsentHeld::Scope(prefix) => Some(prefix.clone()),
    };
    (given, held)
}

fn step_ups(changes: &mut Changes, old: &StepUp, new: &StepUp) {
    let StepUp { acr_values, max_age } = old;
    changes.any_of("step_up.acr_values", acr_values, &new.acr_values);
    changes.presence(
        "step_up.max_age",
        (max_age.as_ref(), new.max_age.as_ref()),
        Turn::Stricter,
        |changes, old, new| {
            changes.bound("step_up.max_age", old, new);
        },
    );
}

/// A field, and beside it that it must be a UUID.
fn header_words(headers: &[RequiredHeader]) -> Vec<String> {
    let words = |RequiredHeader { name, form }: &RequiredHeader| match form {
        Form::Text => vec![name.to_string()],
        Form::Uuid => vec![name.to_string(), format!("{name}:uuid")],
    };
    headers.iter().flat_map(words).collect()
}

/// Those whose tokens a route takes: the named ones, or all.
fn accepted<'s>(settings: &'s Settings, places: &[usize]) -> Vec<&'s Issuer> {
    if places.is_empty() {
        return settings.issuers.iter().collect();
    }
    places.iter().filter_map(|place| settings.issuers.get(*place)).collect()
}

fn issuers(changes: &mut Changes, old: (&Settings, &[usize]), new: (&Settings, &[usize])) {
    let (old, new) = (accepted(old.0, old.1), accepted(new.0, new.1));
    let names = |issuers: &[&Issuer]| issuers.iter().map(|issuer| issuer.issuer.clone()).collect::<Vec<_>>();
    changes.accepts("issuers", &names(&old), &names(&new));
    for old in old {
        if let Some(new) = new.iter().find(|new| new.issuer == old.issuer) {
            changes.found.extend(issuer::compare(old, new).found);
        }
    }
}
