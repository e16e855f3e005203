//! Why the bank does not do what it was asked, told as `OBErrorResponse1` (OB-10).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::borrow::Cow;

/// What is wrong with one thing in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    code: Code,
    message: &'static str,
    path: Cow<'static, str>,
}

/// The error codes of version 4 (`OBExternalStatusReason1Code`) that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The fault is ours.
    Unexpected,
    /// A value that cannot be.
    FieldInvalid,
    /// A date that cannot be.
    DateInvalid,
    /// A member that must be there.
    FieldMissing,
    /// A member that means nothing here.
    FieldUnexpected,
    /// A header that cannot be.
    HeaderInvalid,
    /// A header that must be there.
    HeaderMissing,
    /// Not what the consent says, or not this application's.
    ConsentMismatch,
    /// The consent is not in the state that it takes.
    ConsentStatus,
    /// Not the JSON that the operation takes.
    FormatInvalid,
    /// There is no such resource.
    NotFound,
    /// An account number that cannot be.
    AccountUnsupported,
    /// A currency in which no account is held.
    CurrencyUnsupported,
    /// A scheme of account numbers that is not known here.
    SchemeUnsupported,
    /// Anything else.
    Other,
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    faults: Vec<Fault>,
}

impl Fault {
    /// A fault of the whole request, until [`Fault::at`] says of what in it.
    pub fn new(code: Code, message: &'static str) -> Self {
        Self { code, message, path: Cow::Borrowed("") }
    }

    /// The same fault, of the member, parameter or header at `path`.
    #[must_use]
    pub fn at(self, path: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// What kind it is of.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Of what; empty where it is the whole request.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn json(&self) -> Value {
        let mut json = json!({ "ErrorCode": self.code.as_str(), "Message": self.message });
        if let (false, Some(members)) = (self.path.is_empty(), json.as_object_mut()) {
            let path: String = self.path.chars().take(PATH_CHARS_MAX).collect();
            members.insert("Path".to_owned(), path.into());
        }
        json
    }
}

impl Refusal {
    /// Of a request that is wrong: 400.
    pub(super) fn bad(fault: Fault) -> Self {
        Self { status: StatusCode::BAD_REQUEST, faults: vec![fault] }
    }

    /// Of a request that is right and not allowed: 403.
    pub(super) fn forbidden(code: Code, message: &'static str) -> Self {
        Self::with(StatusCode::FORBIDDEN, code, message)
    }

    /// Of an id that names nothing: 400 and not 404, which is for paths that do not exist (OB-8).
    pub(super) fn not_found(message: &'static str) -> Self {
        Self::with(StatusCode::BAD_REQUEST, Code::NotFound, message)
    }

    /// With any status.
    pub(super) fn with(status: StatusCode, code: Code, message: &'static str) -> Self {
        Self { status, faults: vec![Fault::new(code, message)] }
    }

    /// The fault is ours; what it was stands in the log.
    pub(super) fn ours() -> Self {
        Self::with(StatusCode::INTERNAL_SERVER_ERROR, Code::Unexpected, "the bank cannot do this now")
    }

    /// The body, with the correlation id of the request.
    pub(super) fn answer(&self, id: Option<&HeaderValue>) -> Response {
        let errors: Vec<_> = self.faults.iter().map(Fault::json).collect();
        let mut body = json!({ "Errors": errors });
        let id = id.and_then(|id| id.to_str().ok()).filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()));
        if let (Some(id), Some(members)) = (id, body.as_object_mut()) {
            members.insert("Id".to_owned(), id.into());
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        (self.status, headers, body.to_string()).into_response()
    }
}

impl From<Vec<Fault>> for Refusal {
    fn from(faults: Vec<Fault>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, faults }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::bad(fault)
    }
}

/// Told by the layer that knows the correlation id.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Code {
    /// As it stands in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unexpected => "U000",
            Self::FieldInvalid => "U002",
            Self::DateInvalid => "U003",
            Self::FieldMissing => "U004",
            Self::FieldUnexpected => "U005",
            Self::HeaderInvalid => "U006",
            Self::HeaderMissing => "U007",
            Self::ConsentMismatch => "U008",
            Self::ConsentStatus => "U009",
            Self::FormatInvalid => "U010",
            Self::NotFound => "U011",
            Self::AccountUnsupported => "U021",
            Self::CurrencyUnsupported => "U023",
            Self::SchemeUnsupported => "U027",
            Self::Other => "U042",
        }
    }
}

/// `Max500Text`
const PATH_CHARS_MAX: usize = 500;
/// `Max40Text`
const ID_BYTES_MAX: usize = 40;
