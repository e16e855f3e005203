//! What a token says of itself, as operators call it: whose, by which key, until when, for what. Nothing of it is verified.
//! The token is not in it, nor who its customer is.

use super::{Issuer, Verifier};
use crate::oauth::jws::{Header, Jws};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// What stands on a token. Every text is short and plain, whatever the token says.
#[derive(Debug, Default, Serialize)]
pub struct Label {
    /// `JWT`, or `opaque` for whatever cannot be read as one.
    pub form: &'static str,
    /// The issuer's name in the configuration, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// `iss`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// `client_id`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `alg`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// `kid`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// `typ`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// `aud`
    pub audiences: Vec<String>,
    /// `scope`, or the issuer's claim in its place.
    pub scopes: Vec<String>,
    /// `iat`, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<i64>,
    /// `nbf`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// `exp`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// Names of its claims.
    #[serde(skip)]
    pub claims: Vec<String>,
}

impl Label {
    /// Reads what can be read.
    pub fn read(token: &[u8], verifier: &Verifier) -> Self {
        let Ok(jws) = Jws::read(token) else { return Self { form: "opaque", ..Self::default() } };
        let header = jws.header().ok();
        let claims: Value = jws.payload().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        if header.is_none() && !claims.is_object() {
            return Self { form: "opaque", ..Self::default() };
        }
        let iss = claims.get("iss").and_then(Value::as_str);
        let issuer = iss.and_then(|iss| verifier.issuer(iss).ok());
        let scopes = issuer.and_then(|issuer| issuer.settings.claims.scopes.as_deref()).unwrap_or("scope");
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(plain);
        let date = |name: &str| claims.get(name).and_then(Value::as_f64).and_then(whole);
        let Header { alg, kid, typ, .. } = header.unwrap_or_default();
        Self {
            form: "JWT",
            issuer: issuer.map(|issuer| issuer.settings.name.to_string()),
            iss: iss.map(plain),
            client_id: text("client_id"),
            algorithm: (!alg.is_empty()).then(|| plain(&alg)),
            key_id: kid.as_deref().map(plain),
            typ: typ.as_deref().map(plain),
            audiences: words(claims.get("aud"), |text| vec![text]),
            scopes: words(claims.get(scopes), |text| text.split(' ').filter(|word| !word.is_empty()).collect()),
            issued: date("iat"),
            not_before: date("nbf"),
            expires: date("exp"),
            claims: claims.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default(),
        }
    }

    /// Whose it says that it is, as far as that is known here.
    pub fn issuer<'v>(&self, verifier: &'v Verifier) -> Option<&'v Arc<Issuer>> {
        verifier.issuers().iter().find(|issuer| self.issuer.as_deref() == Some(&*issuer.settings.name))
    }
}

fn words<'v>(value: Option<&'v Value>, split: impl Fn(&'v str) -> Vec<&'v str>) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Some(Value::String(text)) => split(text),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    };
    texts.into_iter().take(WORDS_MAX).map(plain).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a date that is absurd is shown as one")]
fn whole(date: f64) -> Option<i64> {
    date.is_finite().then_some(date as i64)
}

/// As it can be shown on a terminal: a token may say anything.
fn plain(text: &str) -> String {
    let shown: String = text.chars().take(TEXT_CHARS_MAX).flat_map(char::escape_default).collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() { format!("{shown}…") } else { shown }
}

/// Of one text that a token chose.
const TEXT_CHARS_MAX: usize = 200;
/// Audiences or scopes that are shown.
const WORDS_MAX: usize = 64;
