//! One operation as its page shows it: who may call, with what, and what comes back.

use super::DocumentFault;
use super::document::{self, Components};
use super::markdown;
use super::ordered::Value;
use super::rows::{self, Row, Rows};

/// One operation.
#[derive(Debug)]
pub(in crate::sandbox::portal) struct Operation {
    /// Its name in addresses and anchors.
    pub(in crate::sandbox::portal) id: String,
    /// `GET`
    pub(in crate::sandbox::portal) method: http::Method,
    /// Behind the API's own path: `/accounts/{AccountId}`.
    pub(in crate::sandbox::portal) path: String,
    /// What it does, in a few words.
    pub(in crate::sandbox::portal) summary: String,
    /// What else there is to know: safe HTML.
    pub(in crate::sandbox::portal) about: String,
    /// Whose tokens it takes.
    pub(in crate::sandbox::portal) callers: Vec<Caller>,
    /// What is sent beside the body.
    pub(in crate::sandbox::portal) parameters: Vec<Parameter>,
    /// What is sent.
    pub(in crate::sandbox::portal) body: Option<Body>,
    /// What comes back.
    pub(in crate::sandbox::portal) answers: Vec<Answer>,
}

/// Whose token an operation takes.
#[derive(Debug)]
pub(in crate::sandbox::portal) struct Caller {
    /// By which grant it is obtained.
    pub(in crate::sandbox::portal) grant: Grant,
    /// What it must cover.
    pub(in crate::sandbox::portal) scope: String,
    /// Of the document.
    pub(in crate::sandbox::portal) about: String,
}

/// How a token is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox::portal) enum Grant {
    /// By the application, for itself.
    ClientCredentials,
    /// By a customer's consent.
    AuthorizationCode,
}

/// Something beside the body.
#[derive(Debug)]
pub(in crate::sandbox::portal) struct Parameter {
    /// Its name.
    pub(in crate::sandbox::portal) name: String,
    /// Where it is sent.
    pub(in crate::sandbox::portal) place: Place,
    /// Whether it must be there.
    pub(in crate::sandbox::portal) is_required: bool,
    /// What it is.
    pub(in crate::sandbox::portal) kind: String,
    /// What it means: safe HTML.
    pub(in crate::sandbox::portal) about: String,
    /// What it may hold.
    pub(in crate::sandbox::portal) bounds: String,
    /// One that works, where the document has one.
    pub(in crate::sandbox::portal) example: Option<String>,
}

/// Where a parameter is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox::portal) enum Place {
    /// In place of `{name}`.
    Path,
    /// Behind the `?`.
    Query,
    /// As a header field.
    Header,
}

/// What is sent.
#[derive(Debug)]
pub(in crate::sandbox::portal) struct Body {
    /// Its media type.
    pub(in crate::sandbox::portal) content_type: String,
    /// Its members.
    pub(in crate::sandbox::portal) rows: Vec<Row>,
    /// As JSON.
    pub(in crate::sandbox::portal) example: Option<String>,
}

/// What comes back.
#[derive(Debug)]
pub(in crate::sandbox::portal) struct Answer {
    /// `200`, or `default`.
    pub(in crate::sandbox::portal) status: String,
    /// What it means: safe HTML.
    pub(in crate::sandbox::portal) about: String,
    /// Header fields that it carries.
    pub(in crate::sandbox::portal) headers: Vec<String>,
    /// Its members.
    pub(in crate::sandbox::portal) rows: Vec<Row>,
    /// As JSON.
    pub(in crate::sandbox::portal) example: Option<String>,
}

impl Operation {
    pub(super) fn read(
        (method, path): (&str, &str),
        operation: &document::Operation,
        components: &Components,
    ) -> Result<Self, DocumentFault> {
        let method = http::Method::from_bytes(method.to_ascii_uppercase().as_bytes());
        let body = operation.request_body.as_ref().map(|body| Body::read(body, components)).transpose()?.flatten();
        let parameters = operation.parameters.iter().map(|parameter| Parameter::read(parameter, components));
        let answers = operation.responses.0.iter().map(|(status, answer)| Answer::read(status, answer, components));
        Ok(Self {
            id: operation.id.clone(),
            method: method.map_err(|_| DocumentFault::Other("a method that is none"))?,
            path: path.to_owned(),
            summary: operation.summary.clone(),
            about: markdown::html(&operation.description),
            callers: callers(operation, components)?,
            parameters: parameters.collect::<Result<_, _>>()?,
            body,
            answers: answers.collect::<Result<_, _>>()?,
        })
    }

    /// What comes back when all is well.
    pub(in crate::sandbox::portal) fn good(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| answer.is_good())
    }

    /// What comes back otherwise.
    pub(in crate::sandbox::portal) fn bad(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| !answer.is_good())
    }
}

impl Caller {
    /// Whose token it is, in words.
    pub(in crate::sandbox::portal) fn title(&self) -> &'static str {
        match self.grant {
            Grant::ClientCredentials => "The application's own token",
            Grant::AuthorizationCode => "A customer's token",
        }
    }
}

impl Grant {
    /// Its name in OAuth.
    pub(in crate::sandbox::portal) fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode => "authorization_code",
        }
    }
}

impl Place {
    /// Its name in documents.
    pub(in crate::sandbox::portal) fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

impl Answer {
    /// Whether all is well.
    pub(in crate::sandbox::portal) fn is_good(&self) -> bool {
        self.status.starts_with('2')
    }

    fn read(status: &str, answer: &document::Response, components: &Components) -> Result<Self, DocumentFault> {
        let answer = components.resolve(answer)?;
        let content = answer.content.0.first().map(|(_, content)| content);
        Ok(Self {
            status: status.to_owned(),
            about: markdown::inline(&answer.description),
            headers: answer.headers.0.iter().map(|(name, _)| name.clone()).collect(),
            rows: content.map(|content| Rows::of(&content.schema, components)).transpose()?.unwrap_or_default(),
            example: content.and_then(|content| content.example.as_ref()).map(Value::json),
        })
    }
}

impl Body {
    fn read(body: &document::Body, components: &Components) -> Result<Option<Self>, DocumentFault> {
        let body = components.resolve(body)?;
        let Some((content_type, content)) = body.content.0.first() else { return Ok(None) };
        Ok(Some(Self {
            content_type: content_type.clone(),
            rows: Rows::of(&content.schema, components)?,
            example: content.example.as_ref().map(Value::json),
        }))
    }
}

impl Parameter {
    fn read(parameter: &document::Parameter, components: &Components) -> Result<Self, DocumentFault> {
        let parameter = components.resolve(parameter)?;
        let schema = components.resolve(&parameter.schema)?;
        let example = parameter.example.as_ref().or(schema.example.as_ref()).or(schema.default.as_ref());
        Ok(Self {
            name: parameter.name.clone(),
            place: match parameter.place.as_str() {
                "path" => Place::Path,
                "query" => Place::Query,
                "header" => Place::Header,
                _ => return Err(DocumentFault::Other("a parameter that stands elsewhere")),
            },
            is_required: parameter.required,
            kind: rows::kind(schema),
            about: markdown::inline(&parameter.description),
            bounds: rows::bounds(schema),
            example: example.map(Value::plain),
        })
    }
}

/// The schemes of a document, each with the scopes that it needs here.
fn callers(operation: &document::Operation, components: &Components) -> Result<Vec<Caller>, DocumentFault> {
    let mut callers = Vec::new();
    for (name, scopes) in operation.security.iter().flat_map(|one| &one.0) {
        let scheme = components.security_schemes.get(name).ok_or_else(|| DocumentFault::Dangling(name.clone()))?;
        let grant = match scheme.flows.0.first().map(|(flow, _)| flow.as_str()) {
            Some("clientCredentials") => Grant::ClientCredentials,
            Some("authorizationCode") => Grant::AuthorizationCode,
            Some(_) | None => return Err(DocumentFault::Other("a flow that we do not have")),
        };
        callers.push(Caller { grant, scope: scopes.join(" "), about: scheme.description.clone() });
    }
    Ok(callers)
}
