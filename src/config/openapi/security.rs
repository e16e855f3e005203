//! What `security` demands, as far as a route can say it. What it cannot is kept as a complaint, which an override answers:
//! nothing becomes weaker because we had no word for it.

use super::scheme::{self, Scheme};
use super::{Complaint, reference};
use crate::config::bounds;
use crate::config::fault::Problem;
use crate::config::reader::{Entry, Value};
use crate::oauth::grant::Grant;
use std::collections::HashMap;

/// The security schemes of a document by name.
pub(super) type Schemes<'d> = HashMap<&'d str, Result<Scheme, Complaint<'d>>>;

/// What the document demands of who calls an operation.
#[derive(Clone)]
pub(super) struct Demand<'d> {
    /// `false`: it may be called without any credential.
    pub(super) needs_token: bool,
    pub(super) scopes: Result<Scopes, Complaint<'d>>,
    /// Empty: the document does not say how the token is obtained.
    pub(super) grants: Result<Vec<Grant>, Complaint<'d>>,
    /// The client shows a certificate (`mutualTLS`).
    pub(super) certificate: Option<Complaint<'d>>,
    /// Where it stands.
    pub(super) at: Option<Value<'d>>,
}

/// Scopes as a route demands them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// All of these.
    pub all: Vec<Box<str>>,
    /// At least one of these; empty: no further demand.
    pub any: Vec<Box<str>>,
}

/// Reads all schemes; a fault counts only where a scheme is used.
pub(super) fn schemes<'d>(root: &Value<'d>) -> Schemes<'d> {
    let components = root.get("components").and_then(|components| components.get("securitySchemes"));
    let defined = components.or_else(|| root.get("securityDefinitions"));
    let entries = defined.and_then(|defined| defined.members()).unwrap_or_default();
    entries
        .into_iter()
        .map(|Entry { name, value, .. }| {
            let scheme = reference::resolve(root, value).and_then(|value| scheme::read(&value));
            (name, scheme)
        })
        .collect()
}

/// What `security:` demands, a list of alternatives.
pub(super) fn demand<'d>(security: &Value<'d>, schemes: &Schemes<'d>) -> Demand<'d> {
    let whole = |problem: Problem| Demand::unsaid(Complaint::at(security, problem));
    let Some(items) = security.items() else { return whole(Problem::new("is no list")) };
    if items.len() > bounds::OPENAPI_SECURITY_MAX {
        return whole(Problem::new(format!("offers more than {} ways of passing", bounds::OPENAPI_SECURITY_MAX)));
    }
    if items.is_empty() {
        let complaint = Complaint::at(security, Problem::new("says that nobody needs a token"));
        return Demand::nothing(complaint);
    }
    let mut ways = Vec::with_capacity(items.len());
    let mut is_optional = None;
    for item in items {
        match way(&item, schemes) {
            Ok(Some(way)) => ways.push(way),
            Ok(None) => is_optional = Some(item),
            Err(complaint) => return Demand::unsaid(complaint),
        }
    }
    if let Some(item) = is_optional {
        let problem = Problem::new("`{}` among the alternatives: who shows nothing may pass too");
        let names_flow = ways.iter().any(|way| way.names_flow);
        let complaint = Complaint::at(&item, problem);
        // An override that asks for a token says by which grant, where one of the other ways did.
        let grants = if names_flow { Err(complaint.clone()) } else { Ok(Vec::new()) };
        return Demand { grants, ..Demand::nothing(complaint) };
    }
    Demand { at: Some(security.clone()), ..join(security, &ways) }
}

impl<'d> Demand<'d> {
    /// Nobody is asked for anything.
    pub(super) fn nothing(complaint: Complaint<'d>) -> Self {
        Self { needs_token: false, scopes: Err(complaint), grants: Ok(Vec::new()), certificate: None, at: None }
    }

    /// Something is asked for that no route can say.
    fn unsaid(complaint: Complaint<'d>) -> Self {
        Self { needs_token: true, scopes: Err(complaint.clone()), grants: Err(complaint), certificate: None, at: None }
    }
}

/// One of the alternatives: everything in it is needed at a time.
struct Way<'d> {
    /// In the order of their names, each once.
    scopes: Result<Vec<Box<str>>, Complaint<'d>>,
    grants: Result<Vec<Grant>, Complaint<'d>>,
    names_flow: bool,
    certificate: Option<Value<'d>>,
}

/// `None`: it asks for nothing.
fn way<'d>(item: &Value<'d>, schemes: &Schemes<'d>) -> Result<Option<Way<'d>>, Complaint<'d>> {
    let Some(entries) = item.members() else { return Err(Complaint::at(item, Problem::new("is no mapping"))) };
    if entries.is_empty() {
        return Ok(None);
    }
    let mut way = Way { scopes: Ok(Vec::new()), grants: Ok(Vec::new()), names_flow: false, certificate: None };
    let mut token: Option<&str> = None;
    let mut is_bearer = false;
    for Entry { name, mark, value } in &entries {
        let complain = |problem: Problem| Complaint::marked(value, *mark, problem);
        let scheme = match schemes.get(name) {
            Some(Ok(scheme)) => scheme,
            Some(Err(complaint)) => return Err(complaint.clone()),
            None => {
                let problem = Problem::new("is no security scheme of the document");
                return Err(complain(problem.did_you_mean(name, schemes.keys().copied())));
            }
        };
        match scheme {
            Scheme::OAuth(_) | Scheme::OpenIdConnect if token.is_some() => {
                let other = token.unwrap_or_default();
                return Err(complain(Problem::new(format!("asks for a token of its own beside that of `{other}`"))));
            }
            Scheme::OAuth(flows) => {
                let wanted = scopes(value)?;
                way.grants = scheme::grants(flows, &wanted).map_err(complain);
                way.scopes = Ok(wanted);
                way.names_flow = true;
                token = Some(name);
            }
            Scheme::OpenIdConnect => {
                way.scopes = Ok(scopes(value)?);
                token = Some(name);
            }
            // OpenAPI 3.1 §4.8.30: what such a scheme lists are roles.
            Scheme::Bearer | Scheme::Certificate if value.items().is_none_or(|roles| !roles.is_empty()) => {
                return Err(complain(Problem::new("asks for roles, which no route can")));
            }
            // The token of another scheme in this map is a bearer token too.
            Scheme::Bearer => is_bearer = true,
            Scheme::Certificate => way.certificate = Some(value.clone()),
            Scheme::Other(what) => return Err(complain(Problem::new(format!("asks for {what}, which no route can")))),
        }
    }
    if token.is_none() && !is_bearer {
        return Err(Complaint::at(item, Problem::new("asks for a certificate and no token")));
    }
    Ok(Some(way))
}

fn scopes<'d>(value: &Value<'d>) -> Result<Vec<Box<str>>, Complaint<'d>> {
    let Some(items) = value.items() else { return Err(Complaint::at(value, Problem::new("is no list of scopes"))) };
    if items.len() > bounds::OPENAPI_SECURITY_MAX {
        let problem = Problem::new(format!("names more than {} scopes", bounds::OPENAPI_SECURITY_MAX));
        return Err(Complaint::at(value, problem));
    }
    let mut scopes = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.shown() else { return Err(Complaint::at(&item, Problem::new("is no scope"))) };
        if !scopes.contains(&text) {
            scopes.push(text);
        }
    }
    Ok(scopes.into_iter().map(Box::from).collect())
}

/// The alternatives as one rule. A rule asks for scopes and for grants apart, so of two alternatives one of both must be alike.
fn join<'d>(security: &Value<'d>, ways: &[Way<'d>]) -> Demand<'d> {
    let complain = |what: &str| Complaint::at(security, Problem::new(what));
    let certificate = ways.iter().find_map(|way| way.certificate.as_ref());
    if certificate.is_some() && ways.iter().any(|way| way.certificate.is_none()) {
        return Demand::unsaid(complain("asks for a client certificate in some of its alternatives only"));
    }
    let certificate = certificate.map(|at| Complaint::at(at, Problem::new("asks for a client certificate")));
    let (mut scopes, mut grants) = (Vec::new(), Vec::new());
    let mut grants_complaint = None;
    for way in ways {
        match &way.scopes {
            Ok(found) => scopes.push(found.as_slice()),
            Err(complaint) => return Demand::unsaid(complaint.clone()),
        }
        match &way.grants {
            Ok(found) => grants.push(found.as_slice()),
            Err(complaint) => grants_complaint = Some(complaint.clone()),
        }
    }
    let is_set =
        |one: &[Box<str>], two: &[Box<str>]| one.len() == two.len() && one.iter().all(|item| two.contains(item));
    let one_scopes = scopes.windows(2).all(|pair| matches!(pair, [one, two] if is_set(one, two)));
    let one_grants = grants.windows(2).all(|pair| matches!(pair, [one, two] if sorted(one) == sorted(two)));
    if !one_scopes && (!one_grants || grants_complaint.is_some()) {
        return Demand::unsaid(complain("has alternatives that differ in scopes and in how the token is obtained"));
    }
    let demanded = factor(&scopes).ok_or_else(|| complain("has alternatives that no `scopes` and `any_scope` can say"));
    let grants = match grants_complaint {
        Some(complaint) => Err(complaint),
        // One of them that does not say leaves it open for all.
        None if grants.iter().any(|grants| grants.is_empty()) => Ok(Vec::new()),
        None => Ok(sorted(&grants.concat())),
    };
    let scopes = match demanded {
        Ok(scopes) if scopes == Scopes::default() => Err(complain("names no scope: any token would pass")),
        Ok(scopes) => Ok(scopes),
        Err(complaint) => Err(complaint),
    };
    Demand { needs_token: true, scopes, grants, certificate, at: None }
}

/// `a b` or `a c` is `a`, and one of `b` and `c`. `None` where it is no such thing.
fn factor(ways: &[&[Box<str>]]) -> Option<Scopes> {
    let (first, _) = ways.split_first()?;
    let all: Vec<Box<str>> = first.iter().filter(|scope| ways.iter().all(|way| way.contains(scope))).cloned().collect();
    let mut any: Vec<Box<str>> = Vec::new();
    for way in ways {
        let mut rest = way.iter().filter(|scope| !all.contains(scope));
        match (rest.next(), rest.next()) {
            // Who has what is common to all passes by this one.
            (None, _) => return Some(Scopes { all, any: Vec::new() }),
            (Some(one), None) if any.contains(one) => {}
            (Some(one), None) => any.push(one.clone()),
            (Some(_), Some(_)) => return None,
        }
    }
    Some(Scopes { all, any })
}

fn sorted(grants: &[Grant]) -> Vec<Grant> {
    [Grant::AuthorizationCode, Grant::ClientCredentials].into_iter().filter(|grant| grants.contains(grant)).collect()
}

impl Scopes {
    /// As a person writes it: `a b (c|d)`.
    pub fn shown(&self) -> String {
        let (all, any) = (self.all.join(" "), self.any.join("|"));
        match (all.is_empty(), any.is_empty()) {
            (true, _) => any,
            (false, true) => all,
            (false, false) => format!("{all} ({any})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_factored_exactly_or_not_at_all() {
        let rule = |ways: &[&str]| {
            let ways: Vec<Vec<Box<str>>> =
                ways.iter().map(|way| way.split_whitespace().map(Box::from).collect()).collect();
            let ways: Vec<&[Box<str>]> = ways.iter().map(Vec::as_slice).collect();
            factor(&ways).map(|scopes| scopes.shown())
        };
        for (ways, expected) in [
            (&["a"][..], Some("a")),
            (&["a b"], Some("a b")),
            (&["a", "b"], Some("a|b")),
            (&["a", "b", "a"], Some("a|b")),
            (&["a", "a b"], Some("a")),
            (&["a b", "b a"], Some("a b")),
            (&["a b", "a c"], Some("a (b|c)")),
            (&["b a", "c a"], Some("a (b|c)")),
            (&["", "a"], Some("")),
            (&["a b", "c"], None),
            (&["a b", "c d"], None),
        ] {
            assert_eq!(rule(ways).as_deref(), expected, "{ways:?}");
        }
    }
}
