//! Answers in the standard's envelope: `Data`, `Links`, `Meta`.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

/// An answer under way.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Map<String, Value>,
}

impl Answer {
    /// 200, of the resource at `own`.
    pub(super) fn ok(data: Value, own: &str) -> Self {
        Self::with(StatusCode::OK, data, own)
    }

    /// 201, of the new resource at `own`.
    pub(super) fn created(data: Value, own: &str) -> Self {
        Self::with(StatusCode::CREATED, data, own)
    }

    /// The same answer with `Risk`, which consents play back.
    pub(super) fn risk(mut self, risk: Value) -> Self {
        self.body.insert("Risk".to_owned(), risk);
        self
    }

    /// The same answer with more links.
    pub(super) fn links(mut self, links: Value) -> Self {
        self.body.insert("Links".to_owned(), links);
        self
    }

    /// The same answer with this `Meta`.
    pub(super) fn meta(mut self, meta: Value) -> Self {
        self.body.insert("Meta".to_owned(), meta);
        self
    }

    fn with(status: StatusCode, data: Value, own: &str) -> Self {
        let mut body = Map::new();
        body.insert("Data".to_owned(), data);
        body.insert("Links".to_owned(), json!({ "Self": own }));
        body.insert("Meta".to_owned(), json!({ "TotalPages": 1 }));
        Self { status, body }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (self.status, kind, Value::Object(self.body).to_string()).into_response()
    }
}

/// Adds `name` where there is a value: what is not known is left out, never null.
pub(super) fn insert(data: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (data.as_object_mut(), value) {
        members.insert(name.to_owned(), value.into());
    }
}
