//! Documents of APIs, read a second time by serde_json: every operation is there, and who passes by the rule is who passes by
//! the letter of the document, token by token.

use http::Method;
use scopegate::config::openapi::{self, Demanded, Scopes};
use scopegate::oauth::grant::Grant;
use serde_json::Value;
use std::path::Path;

/// No operation is lost, none becomes open that is not, and no rule is wider or narrower than what the document says.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let operations = match openapi::operations_of(text, Path::new("/nowhere/api.yaml")) {
        Ok(operations) => operations,
        Err(faults) => {
            assert!(!faults.to_string().contains("a defect of ours"), "{faults}");
            return;
        }
    };
    assert!(!operations.is_empty());
    // The other reader knows JSON alone, and follows no reference; to YAML a key `<<` is more than a name.
    let Ok(seen) = serde_json::from_str::<Value>(text) else { return };
    if text.contains("$ref") || text.contains("<<") || text.contains('\\') {
        return;
    }
    let paths = seen["paths"].as_object().expect("paths are an object");
    let items = paths.iter().filter(|(path, _)| !path.starts_with("x-"));
    let count: usize =
        items.map(|(_, item)| METHODS.iter().filter(|method| item.get(**method).is_some()).count()).sum();
    assert_eq!(count, operations.len(), "an operation is lost");
    for operation in &operations {
        judge(&seen, operation);
    }
}

fn judge(seen: &Value, found: &Demanded) {
    let key = found.method.as_str().to_ascii_lowercase();
    let Some(operation) = seen["paths"].get(&found.path).and_then(|item| item.get(&key)) else {
        // Only names of parameters may differ.
        assert!(found.path.contains('{'), "{} is not there", found.path);
        return;
    };
    assert!(Method::from_bytes(found.method.as_str().as_bytes()).is_ok());
    let security = operation.get("security").or_else(|| seen.get("security"));
    let ways = security.and_then(Value::as_array);
    let is_public = security.is_none()
        || ways.is_some_and(|ways| {
            ways.is_empty() || ways.iter().any(|way| way.as_object().is_some_and(|way| way.is_empty()))
        });
    if !found.needs_token {
        assert!(is_public, "{security:?} asks for something");
    }
    let (Ok(scopes), Ok(grants)) = (&found.scopes, &found.grants) else { return };
    assert!(found.needs_token && !is_public, "{security:?}");
    assert!(!scopes.all.is_empty() || !scopes.any.is_empty(), "any token would pass");
    let ways = ways.expect("it was read as a list");
    let mut words: Vec<&str> = ways
        .iter()
        .flat_map(|way| way.as_object().into_iter().flat_map(|way| way.values()))
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    words.sort_unstable();
    words.dedup();
    if words.len() > WORDS_MAX {
        return;
    }
    for held in 0_u32..1 << words.len() {
        let held: Vec<&str> =
            words.iter().enumerate().filter(|(at, _)| held & (1 << at) != 0).map(|(_, word)| *word).collect();
        for grant in [Grant::AuthorizationCode, Grant::ClientCredentials] {
            let by_letter = ways.iter().any(|way| passes(seen, way, &held, grant));
            assert_eq!(by_letter, by_rule(scopes, grants, &held, grant), "{held:?} {grant} {security:?}");
        }
    }
}

fn by_rule(scopes: &Scopes, grants: &[Grant], held: &[&str], grant: Grant) -> bool {
    let has = |scope: &Box<str>| held.contains(&&**scope);
    scopes.all.iter().all(has)
        && (scopes.any.is_empty() || scopes.any.iter().any(has))
        && (grants.is_empty() || grants.contains(&grant))
}

/// Whether such a token passes by one of the alternatives. That its client has a certificate is taken for granted.
fn passes(seen: &Value, way: &Value, held: &[&str], grant: Grant) -> bool {
    let schemes = seen.get("components").and_then(|components| components.get("securitySchemes"));
    let schemes = schemes.or_else(|| seen.get("securityDefinitions")).expect("there are schemes");
    way.as_object().expect("an object").iter().all(|(name, wanted)| {
        let wanted: Vec<&str> = wanted.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let holds = wanted.iter().all(|scope| held.contains(scope));
        let scheme = &schemes[name];
        match scheme["type"].as_str().expect("a type") {
            "oauth2" => {
                let flows = scheme["flows"].as_object().into_iter().flatten().map(|(name, flow)| (name.as_str(), flow));
                let flow = scheme.get("flow").and_then(Value::as_str).map(|flow| (flow, scheme));
                let flows: Vec<_> = if flow.is_some() { flow.into_iter().collect() } else { flows.collect() };
                // Where no flow names a scope, nothing is said about which of them gives what.
                let is_said = flows.iter().any(|(_, flow)| !named(flow).is_empty());
                holds && flows.iter().any(|(name, flow)| gives(name, flow, (&wanted, is_said), grant))
            }
            "openIdConnect" => holds,
            "http" | "mutualTLS" => true,
            other => panic!("nobody checks {other}"),
        }
    })
}

fn gives(name: &str, flow: &Value, (wanted, is_said): (&[&str], bool), grant: Grant) -> bool {
    let own = match name {
        "clientCredentials" | "application" => Grant::ClientCredentials,
        "authorizationCode" | "accessCode" => Grant::AuthorizationCode,
        _ => return false,
    };
    let known = named(flow);
    own == grant && (!is_said || wanted.iter().all(|scope| known.contains(scope)))
}

/// The scopes of a flow.
fn named(flow: &Value) -> Vec<&str> {
    let scopes = flow["scopes"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    scopes.filter(|name| !name.starts_with("x-")).collect()
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// Every set of so many is tried.
const WORDS_MAX: usize = 6;
