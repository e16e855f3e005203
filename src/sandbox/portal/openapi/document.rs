//! An OpenAPI 3.0 document as far as our own documents go. A member that is not listed here is a fault, which a test
//! finds: nothing of a document is left out of its page unseen.

use super::ordered::{Ordered, Value};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The whole document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "openapi")]
    _openapi: String,
    pub(super) info: Info,
    #[serde(rename = "servers")]
    _servers: IgnoredAny,
    pub(super) paths: Ordered<Ordered<Operation>>,
    pub(super) components: Components,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Info {
    pub(super) title: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default, rename = "license")]
    _license: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Operation {
    #[serde(rename = "operationId")]
    pub(super) id: String,
    pub(super) summary: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) security: Vec<Ordered<Vec<String>>>,
    #[serde(default)]
    pub(super) parameters: Vec<Parameter>,
    #[serde(default)]
    pub(super) request_body: Option<Body>,
    pub(super) responses: Ordered<Response>,
}

/// Itself, or where it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Parameter {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    pub(super) name: String,
    #[serde(rename = "in")]
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) description: String,
    pub(super) schema: Schema,
    pub(super) example: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Body {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    pub(super) required: bool,
    pub(super) description: String,
    pub(super) content: Ordered<Content>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Response {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    pub(super) description: String,
    /// Where they are described is not looked up: their names say it.
    pub(super) headers: Ordered<IgnoredAny>,
    pub(super) content: Ordered<Content>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Content {
    pub(super) schema: Schema,
    pub(super) example: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) format: Option<String>,
    pub(super) description: String,
    #[serde(rename = "enum")]
    pub(super) words: Vec<Value>,
    pub(super) default: Option<Value>,
    pub(super) example: Option<Value>,
    pub(super) pattern: Option<String>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) minimum: Option<i64>,
    pub(super) maximum: Option<i64>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) min_properties: Option<u64>,
    pub(super) required: Vec<String>,
    pub(super) properties: Ordered<Self>,
    pub(super) items: Option<Box<Self>>,
    /// Always `false` with us: what is not described is not there.
    #[serde(rename = "additionalProperties")]
    _additional: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Components {
    pub(super) security_schemes: Ordered<SecurityScheme>,
    #[serde(default)]
    pub(super) parameters: Ordered<Parameter>,
    #[serde(default, rename = "headers")]
    _headers: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) request_bodies: Ordered<Body>,
    #[serde(default)]
    pub(super) responses: Ordered<Response>,
    pub(super) schemas: Ordered<Schema>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecurityScheme {
    #[serde(rename = "type")]
    _kind: String,
    pub(super) description: String,
    /// `clientCredentials` or `authorizationCode`, and where.
    pub(super) flows: Ordered<IgnoredAny>,
}

/// A reference that leads nowhere.
#[derive(Debug)]
pub(super) struct Dangling(pub(super) String);

/// What may stand in two places.
pub(super) trait Referable: Sized {
    /// Where it stands, if not here.
    fn reference(&self) -> Option<&str>;
    /// The folder of components that holds its kind.
    fn shelf(components: &Components) -> (&'static str, &Ordered<Self>);
}

impl Components {
    /// The thing itself. Our documents refer once: a reference to a reference leads nowhere.
    pub(super) fn resolve<'d, T: Referable>(&'d self, thing: &'d T) -> Result<&'d T, Dangling> {
        let Some(reference) = thing.reference() else { return Ok(thing) };
        let (folder, held) = T::shelf(self);
        let name =
            reference.strip_prefix("#/components/").and_then(|rest| rest.strip_prefix(folder)?.strip_prefix('/'));
        let found = name.and_then(|name| held.get(name)).filter(|found| found.reference().is_none());
        found.ok_or_else(|| Dangling(reference.to_owned()))
    }
}

macro_rules! referable {
    ($($kind:ty: $folder:literal $field:ident,)*) => {
        $(impl Referable for $kind {
            fn reference(&self) -> Option<&str> {
                self.reference.as_deref()
            }

            fn shelf(components: &Components) -> (&'static str, &Ordered<Self>) {
                ($folder, &components.$field)
            }
        })*
    };
}

referable! {
    Body: "requestBodies" request_bodies,
    Parameter: "parameters" parameters,
    Response: "responses" responses,
    Schema: "schemas" schemas,
}
