//! The bodies of refusals, in the form that an API's third parties know. Every text is ours and needs no escaping, but the
//! path, which was read before it comes here: it holds no character that JSON could not.

use super::http1::fields::Fields;
use super::reason::Reason;
use crate::config::bounds::ECHOED_BYTES_MAX;
use crate::config::envelope::Envelope;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};

/// What a body says beside the reason.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The correlation id.
    pub id: &'a str,
    /// The request's path; empty where its spelling was refused.
    pub path: &'a str,
    /// When the request's head was complete: RFC 3339, in UTC.
    pub time: &'a str,
}

/// Those of these fields that stand there once; a long one is none of an id.
pub fn echoes(names: &[&'static str], fields: &Fields) -> Vec<(&'static str, HeaderValue)> {
    let one = |name: &&'static str| {
        let value = fields.only(*name).filter(|value| value.len() <= ECHOED_BYTES_MAX)?;
        Some((*name, HeaderValue::from_bytes(value).ok()?))
    };
    names.iter().filter_map(one).collect()
}

/// The body and its type; `None` where the form asks for no body.
pub fn write(envelope: Envelope, reason: Reason, told: Told<'_>) -> Option<(HeaderValue, Bytes)> {
    match envelope {
        Envelope::Problem => Some((PROBLEM_JSON, problem(reason, told))),
        // OB-9: a token that is missing or invalid is 401 without a body, one that expired is told so.
        Envelope::Obie if reason.status() == StatusCode::UNAUTHORIZED && !OBIE_401.contains(&reason) => None,
        Envelope::Obie => Some((JSON, obie(reason, told))),
        Envelope::Berlin => Some((JSON, berlin(reason))),
        Envelope::Ohvps => Some((JSON, ohvps(reason, told))),
    }
}

/// What the request carries and the answer must carry too (BG-1, TR-2), beside the correlation id.
pub fn echoed(envelope: Envelope) -> &'static [&'static str] {
    match envelope {
        Envelope::Problem | Envelope::Obie => &[],
        Envelope::Berlin => BERLIN_ECHOED,
        Envelope::Ohvps => OHVPS_ECHOED,
    }
}

/// What must be kept of a request before it is known which of these forms its refusal has: those of the richest.
pub fn echoed_by_any(forms: impl Iterator<Item = Envelope>) -> &'static [&'static str] {
    forms.map(echoed).max_by_key(|names| names.len()).unwrap_or_default()
}

/// RFC 9457. The usual form, and put together without formatting: a refusal must cost no more than it has to, or it is what an
/// attacker asks for.
fn problem(reason: Reason, Told { id, .. }: Told<'_>) -> Bytes {
    let (status, detail) = (reason.status(), reason.description());
    let (code, title) = (status.as_str(), status.canonical_reason().unwrap_or("Error"));
    [
        r#"{"type":"about:blank","title":""#,
        title,
        r#"","status":"#,
        code,
        r#","detail":""#,
        detail,
        r#"","instance":"urn:uuid:"#,
        id,
        r#""}"#,
    ]
    .concat()
    .into()
}

/// `OBErrorResponse1`. Version 4.0 made `Code` and `Message` optional, version 3.1 demands them.
fn obie(reason: Reason, Told { id, .. }: Told<'_>) -> Bytes {
    let (status, message) = (reason.status(), reason.description());
    let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let error = special(&OBIE, reason).unwrap_or_else(|| by_status(&OBIE_BY_STATUS, status));
    format!(
        r#"{{"Code":"{code} {title}","Id":"{id}","Message":"{message}","Errors":[{{"ErrorCode":"UK.OBIE.{error}","Message":"{message}"}}]}}"#
    )
    .into()
}

/// BG-7.
fn berlin(reason: Reason) -> Bytes {
    let code = special(&BERLIN, reason).unwrap_or_else(|| by_status(&BERLIN_BY_STATUS, reason.status()));
    let text = reason.description();
    format!(r#"{{"tppMessages":[{{"category":"ERROR","code":"{code}","text":"{text}"}}]}}"#).into()
}

/// ÖHVPS §3.18 (TR-6).
fn ohvps(reason: Reason, Told { id, path, time }: Told<'_>) -> Bytes {
    let (status, english) = (reason.status(), reason.description());
    let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let (error, turkish) = special(&OHVPS, reason).unwrap_or_else(|| by_status(&OHVPS_BY_STATUS, status));
    format!(
        r#"{{"path":"{path}","id":"{id}","timestamp":"{time}","httpCode":{code},"httpMessage":"{title}","moreInformation":"{english}","moreInformationTr":"{turkish}","errorCode":"TR.OHVPS.{error}"}}"#
    )
    .into()
}

fn special<T: Copy>(table: &[(Reason, T)], reason: Reason) -> Option<T> {
    table.iter().find(|(known, _)| *known == reason).map(|(_, meaning)| *meaning)
}

/// The last entry is for every other status.
fn by_status<T: Copy + Default>(table: &[(u16, T)], status: StatusCode) -> T {
    let found = table.iter().find(|(known, _)| *known == status.as_u16()).or(table.last());
    found.map(|(_, meaning)| *meaning).unwrap_or_default()
}

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BERLIN_ECHOED: &[&str] = &["x-request-id"];
const OHVPS_ECHOED: &[&str] = &["x-request-id", "x-group-id", "x-aspsp-code", "x-tpp-code", "psu-initiated"];

/// What is 401 and has a body all the same.
const OBIE_401: [Reason; 2] = [Reason::TokenExpired, Reason::StepUp];
const OBIE: [(Reason, &str); 3] = [
    (Reason::TokenExpired, "Header.Invalid"),
    (Reason::StepUp, "Reauthenticate"),
    (Reason::ConsentMismatch, "Resource.ConsentMismatch"),
];
const OBIE_BY_STATUS: [(u16, &str); 5] = [
    (400, "Header.Invalid"),
    (403, "Header.Invalid"),
    (404, "Resource.NotFound"),
    (413, "Resource.InvalidFormat"),
    (0, "UnexpectedError"),
];

const BERLIN: [(Reason, &str); 8] = [
    (Reason::TokenMissing, "TOKEN_UNKNOWN"),
    (Reason::TokenExpired, "TOKEN_EXPIRED"),
    (Reason::CertificateMissing, "CERTIFICATE_MISSING"),
    (Reason::CertificateExpired, "CERTIFICATE_EXPIRED"),
    (Reason::CertificateInvalid, "CERTIFICATE_INVALID"),
    (Reason::RoleInvalid, "ROLE_INVALID"),
    (Reason::StepUp, "PSU_CREDENTIALS_INVALID"),
    (Reason::ConsentMismatch, "CONSENT_UNKNOWN"),
];
/// xs2a has no code of the gateway's own faults; `INTERNAL_SERVER_ERROR` and its like are what implementations send.
const BERLIN_BY_STATUS: [(u16, &str); 9] = [
    (400, "FORMAT_ERROR"),
    (401, "TOKEN_INVALID"),
    (403, "SERVICE_BLOCKED"),
    (404, "RESOURCE_UNKNOWN"),
    (405, "SERVICE_INVALID"),
    (408, "REQUEST_TIMEOUT"),
    (429, "ACCESS_EXCEEDED"),
    (503, "SERVICE_UNAVAILABLE"),
    (0, "INTERNAL_SERVER_ERROR"),
];

const OHVPS: [(Reason, (&str, &str)); 2] = [
    (Reason::ConsentMismatch, ("Resource.ConsentMismatch", "Erişim belirteci başka bir rızaya ait")),
    (Reason::RoleMissing, ("Connection.InvalidTPPRole", "Sertifikada bu hizmet için gereken rol yok")),
];
const OHVPS_BY_STATUS: [(u16, (&str, &str)); 9] = [
    (400, ("Resource.InvalidFormat", "İstek geçersiz")),
    (401, ("Connection.InvalidToken", "Geçersiz erişim belirteci")),
    (403, ("Resource.Forbidden", "İzin verilmedi")),
    (404, ("Resource.NotFound", "Kayıt bulunamadı")),
    (405, ("Resource.MethodNotAllowed", "İstek yapılan adres için izin verilmeyen metot")),
    (413, ("Resource.InvalidFormat", "İstek izin verilenden büyük")),
    (429, ("Connection.ExceededRate", "Erişim sıklığı sınırı aşıldı")),
    (500, ("Server.InternalError", "Beklenmeyen bir durumla karşılaşıldı")),
    (0, ("Server.ServiceUnavailable", "Hizmet şu anda verilemiyor")),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the reason, the body is JSON, and its codes belong to the class that the status names.
    #[test]
    fn every_reason_has_a_body_in_every_form() {
        let told = Told { id: "93bac548-d2de-4546-b106-880a5018460d", path: "/a", time: "2026-01-01T00:00:00.000Z" };
        for envelope in [Envelope::Problem, Envelope::Obie, Envelope::Berlin, Envelope::Ohvps] {
            for reason in Reason::ALL {
                let Some((_, body)) = write(envelope, reason, told) else {
                    assert_eq!((envelope, reason.status().as_u16()), (Envelope::Obie, 401), "{reason:?}");
                    continue;
                };
                let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let is_ours = |text: &str| {
                    let text = text.to_ascii_lowercase();
                    text.contains("internal") || text.contains("unexpected") || text.contains("unavailable")
                };
                let code = match envelope {
                    Envelope::Problem => continue,
                    Envelope::Obie => json["Errors"][0]["ErrorCode"].as_str().unwrap(),
                    Envelope::Berlin => json["tppMessages"][0]["code"].as_str().unwrap(),
                    Envelope::Ohvps => json["errorCode"].as_str().unwrap(),
                };
                if reason.status().is_server_error() {
                    assert!(is_ours(code), "{envelope:?} {reason:?} {code}");
                } else if matches!(reason.status().as_u16(), 401 | 403 | 404) {
                    assert!(!is_ours(code), "{envelope:?} {reason:?} {code}");
                }
            }
        }
    }
}
