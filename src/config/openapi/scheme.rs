//! Security schemes: which of them a route can ask for, and by which grant a token with some scopes can come.

use super::Complaint;
use crate::config::fault::{self, Problem};
use crate::config::reader::{Entry, Value};
use crate::oauth::grant::Grant;
use std::collections::HashSet;

/// What a scheme asks for.
pub(super) enum Scheme {
    /// A token by one of these flows.
    OAuth(Vec<Flow>),
    /// A token by a flow that stands in the issuer's metadata.
    OpenIdConnect,
    /// A token, however it came to be.
    Bearer,
    /// A client certificate.
    Certificate,
    /// What the gateway does not check, in words.
    Other(&'static str),
}

/// One of the ways in which tokens of an OAuth scheme are obtained.
pub(super) struct Flow {
    /// As the document calls it.
    name: Box<str>,
    /// `None`: none that a route can ask for.
    grant: Option<Grant>,
    /// Those that it can give; empty in all flows of a scheme: the document does not say.
    scopes: HashSet<Box<str>>,
}

pub(super) fn read<'d>(value: &Value<'d>) -> Result<Scheme, Complaint<'d>> {
    let Some(kind) = value.get("type").and_then(|kind| kind.shown()) else {
        return Err(Complaint::at(value, Problem::new("the security scheme has no `type`")));
    };
    match kind {
        "oauth2" => flows(value).map(Scheme::OAuth),
        "openIdConnect" => Ok(Scheme::OpenIdConnect),
        "mutualTLS" => Ok(Scheme::Certificate),
        "apiKey" => Ok(Scheme::Other("an API key")),
        "basic" => Ok(Scheme::Other("a password (HTTP Basic)")),
        "http" => match value.get("scheme").and_then(|scheme| scheme.shown()).map(str::to_ascii_lowercase).as_deref() {
            Some("bearer") => Ok(Scheme::Bearer),
            Some("basic") => Ok(Scheme::Other("a password (HTTP Basic)")),
            Some("dpop") => Ok(Scheme::Other("a proof with every token (DPoP)")),
            Some(_) => Ok(Scheme::Other("credentials of an HTTP scheme other than Bearer")),
            None => Err(Complaint::at(value, Problem::new("the security scheme has no `scheme`"))),
        },
        _ => {
            let problem = Problem::new(format!("{} is no type of a security scheme", fault::quoted(kind)));
            Err(Complaint::at(value, problem))
        }
    }
}

/// `flows:` of OpenAPI 3, or the one `flow:` of Swagger 2.0.
fn flows<'d>(value: &Value<'d>) -> Result<Vec<Flow>, Complaint<'d>> {
    if let Some(name) = value.get("flow").and_then(|flow| flow.shown()) {
        return Ok(vec![flow(name, value)]);
    }
    let flows = value.get("flows").and_then(|flows| flows.members()).unwrap_or_default();
    let known: Vec<Flow> = flows
        .iter()
        .filter(|entry| !entry.name.starts_with("x-"))
        .map(|Entry { name, value, .. }| flow(name, value))
        .collect();
    if known.is_empty() {
        return Err(Complaint::at(value, Problem::new("the security scheme has no flow")));
    }
    Ok(known)
}

fn flow(name: &str, value: &Value<'_>) -> Flow {
    let grant = match name {
        "clientCredentials" | "application" => Some(Grant::ClientCredentials),
        "authorizationCode" | "accessCode" => Some(Grant::AuthorizationCode),
        _ => None,
    };
    let scopes = value.get("scopes").and_then(|scopes| scopes.members()).unwrap_or_default();
    let names = scopes.iter().map(|entry| entry.name).filter(|name| !name.starts_with("x-"));
    Flow { name: name.into(), grant, scopes: names.map(Box::from).collect() }
}

/// The grants by which a token with all of these scopes can come.
pub(super) fn grants(flows: &[Flow], wanted: &[Box<str>]) -> Result<Vec<Grant>, Problem> {
    let is_said = flows.iter().any(|flow| !flow.scopes.is_empty());
    let gives = |flow: &&Flow| !is_said || wanted.iter().all(|scope| flow.scopes.contains(scope));
    let giving: Vec<&Flow> = flows.iter().filter(gives).collect();
    if giving.is_empty() {
        let known = || flows.iter().flat_map(|flow| &flow.scopes).map(AsRef::as_ref);
        return Err(match wanted.iter().find(|scope| !flows.iter().any(|flow| flow.scopes.contains(*scope))) {
            Some(scope) => Problem::new(format!("{} is a scope of none of its flows", fault::quoted(scope)))
                .did_you_mean(scope, known()),
            None => Problem::new("no one of its flows has all of these scopes"),
        });
    }
    let grant = |flow: &Flow| {
        let what = format!("the flow `{}` gives tokens of no grant that a route can ask for", flow.name.escape_debug());
        flow.grant.ok_or_else(|| Problem::new(what))
    };
    giving.into_iter().map(grant).collect()
}
