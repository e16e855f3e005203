//! The APIs' documents: complete, and what every answer is held to.

use super::Told;
use crate::sandbox::bank::openapi;
use crate::sandbox::bank::routes::{self, Operation, Whose};
use crate::sandbox::bank::switches::Switch;
use crate::sandbox::scopes::Api;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static DOCUMENTS: LazyLock<Vec<(Api, Value)>> = LazyLock::new(|| {
    let read = |api| {
        let text = openapi::document(api, super::ORIGIN, "https://issuer.bank.example");
        (api, serde_saphyr::from_str(&text).unwrap_or_else(|fault| panic!("{api:?}: {fault}")))
    };
    Api::ALL.into_iter().map(read).collect()
});

fn document(api: Api) -> &'static Value {
    &DOCUMENTS.iter().find(|(held, _)| *held == api).unwrap().1
}

fn described(operation: &Operation) -> &'static Value {
    &document(operation.api)["paths"][operation.path][operation.method.to_lowercase()]
}

/// Holds an answer to the document of its operation, if it has one.
pub(super) fn check(method: &str, path: &str, told: &Told) {
    let path = path.split('?').next().unwrap();
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
    };
    let operation = routes::ALL.iter().find(|operation| operation.method == method && fits(&operation.template()));
    let Some(operation) = operation else { return };
    let root = document(operation.api);
    let responses = &described(operation)["responses"];
    let response = responses.get(told.status.to_string()).unwrap_or(&responses["default"]);
    let response = resolve(root, response);
    match response.pointer("/content/application~1json/schema") {
        Some(schema) => {
            assert_eq!(told.headers["content-type"], "application/json");
            let mut faults = Vec::new();
            validate(root, schema, &told.json, "", &mut faults);
            assert!(faults.is_empty(), "{method} {path} {}: {faults:?}\n{}", told.status, told.json);
        }
        None => assert!(told.json.is_null(), "{method} {path} {} has a body", told.status),
    }
}

fn resolve<'d>(root: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => resolve(root, root.pointer(reference.trim_start_matches('#')).unwrap()),
        None => value,
    }
}

/// As much of JSON Schema as the documents use, patterns apart; what it does not know is a fault.
fn validate(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let schema = resolve(root, schema);
    let mut refuse = |what: &str| faults.push(format!("{at} {what}"));
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{at}: type {other:?}"),
    };
    if !is_type {
        return refuse("is of another type");
    }
    if schema.get("enum").is_some_and(|known| !known.as_array().unwrap().contains(value)) {
        refuse("is none of the enumerated");
    }
    if schema["format"] == "date-time" && value.as_str().is_none_or(|text| text.len() != 20 || !text.ends_with('Z')) {
        refuse("is no date");
    }
    if schema["format"] == "uri" && value.as_str().is_none_or(|text| !text.starts_with(super::ORIGIN)) {
        refuse("is no address");
    }
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    for (least, most) in [("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties")] {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64).map(|bound| usize::try_from(bound).unwrap());
        if bound(least).is_some_and(|least| size < least) || bound(most).is_some_and(|most| size > most) {
            refuse("has another size");
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            refuse(&format!("lacks {name}"));
        }
    }
    if let Some(members) = value.as_object() {
        assert_eq!(schema["additionalProperties"], json!(false), "{at} is open");
        for (name, member) in members {
            match schema["properties"].get(name) {
                Some(schema) => validate(root, schema, member, &format!("{at}/{name}"), faults),
                None => faults.push(format!("{at} has {name}")),
            }
        }
    }
    for (place, element) in value.as_array().into_iter().flatten().enumerate() {
        validate(root, &schema["items"], element, &format!("{at}/{place}"), faults);
    }
}

#[test]
fn every_operation_is_described_and_every_description_is_an_operation() {
    for api in Api::ALL {
        let paths = document(api)["paths"].as_object().unwrap();
        let methods =
            |path: &Value| path.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect::<Vec<_>>();
        let described: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, item)| methods(item).into_iter().map(move |method| (method, path.clone())))
            .collect();
        let served = routes::ALL.iter().filter(|operation| operation.api == api);
        let served: BTreeSet<_> =
            served.map(|operation| (operation.method.to_owned(), operation.path.to_owned())).collect();
        assert_eq!(described, served, "{api:?}");
    }
}

/// OB-1 to OB-4: two schemes in each document, and the one that the gateway enforces at each operation.
#[test]
fn every_operation_names_its_flow_and_its_scope() {
    for operation in &routes::ALL {
        let scheme = match operation.whose {
            Whose::Application => "TPPOAuth2Security",
            Whose::Customer => "PSUOAuth2Security",
        };
        assert_eq!(described(operation)["security"], json!([{ scheme: [operation.scope()] }]), "{operation:?}");
    }
    for api in Api::ALL {
        let schemes = &document(api)["components"]["securitySchemes"];
        let own = &schemes["TPPOAuth2Security"]["flows"]["clientCredentials"];
        let customers = &schemes["PSUOAuth2Security"]["flows"]["authorizationCode"];
        assert_eq!(own["tokenUrl"], "https://issuer.bank.example/token");
        assert_eq!(customers["authorizationUrl"], "https://issuer.bank.example/authorize");
        for flow in [own, customers] {
            assert_eq!(flow["scopes"].as_object().unwrap().keys().collect::<Vec<_>>(), [api.scope()]);
        }
        assert_eq!(document(api)["servers"], json!([{ "url": api.audience(super::ORIGIN) }]));
    }
}

#[test]
fn every_example_fits_its_schema_and_every_switch_is_described() {
    for (api, root) in DOCUMENTS.iter() {
        let text = root["info"]["description"].as_str().unwrap();
        for switch in Switch::ALL.map(Switch::as_str) {
            assert!(text.contains(&format!("| `{switch}` |")), "{api:?}: {switch}");
        }
        let mut examples = 0;
        for operation in routes::ALL.iter().filter(|operation| operation.api == *api) {
            let described = described(operation);
            let responses = described["responses"].as_object().unwrap().values();
            for holder in responses.chain(described.get("requestBody")) {
                let Some(content) = resolve(root, holder).pointer("/content/application~1json") else { continue };
                let Some(example) = content.get("example") else { continue };
                let example: Value =
                    serde_json::from_str(&example.to_string().replace("https://gateway.example", super::ORIGIN))
                        .unwrap();
                let mut faults = Vec::new();
                validate(root, &content["schema"], &example, "", &mut faults);
                assert!(faults.is_empty(), "{operation:?}: {faults:?}");
                examples += 1;
            }
        }
        assert!(examples >= 2, "{api:?}");
    }
}
