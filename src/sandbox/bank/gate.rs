//! What holds for every request to the banking APIs: it came through the gateway, its headers can be, its answer carries
//! its correlation id (OB-5, OB-6, OB-8).

use super::Bank;
use super::fault::{Code, Fault, Refusal};
use super::switches::Switch;
use axum::body::{self, Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::net::IpAddr;
use std::sync::Arc;

/// Answers one request, or says why not, in the standard's form.
pub(super) async fn guard(State(bank): State<Arc<Bank>>, request: Request, next: Next) -> Response {
    let id = request.headers().get(&INTERACTION_ID).cloned();
    let (head, body) = request.into_parts();
    let body = read(body).await;
    let is_read = body.is_some();
    let admitted = match body {
        Some(body) => admit(&bank, Request::from_parts(head, body)).await,
        None => Err(Refusal::with(StatusCode::PAYLOAD_TOO_LARGE, Code::FormatInvalid, "the body is too long")),
    };
    let mut response = match admitted {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(refusal) = refusal(&mut response) {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = refusal.answer(id.as_ref());
        // RFC 9110 §15.5.6
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = id {
        response.headers_mut().insert(INTERACTION_ID, id);
    }
    if !is_read {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The whole body, before anything is answered: behind an answer to a request that was not read to its end the connection
/// closes, and the gateway would send the next one into it. None if it is too long; then the answer says that it closes.
async fn read(body: Body) -> Option<Body> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return None;
    }
    body::to_bytes(body, BODY_BYTES_MAX).await.ok().map(Body::from)
}

async fn admit(bank: &Bank, request: Request) -> Result<Request, Refusal> {
    let (mut head, body) = request.into_parts();
    let caller = bank.vouching.caller(&head).await.map_err(|why| {
        tracing::error!(%why, "a request to the banking APIs did not come through the gateway");
        Refusal::with(StatusCode::INTERNAL_SERVER_ERROR, Code::Unexpected, "not behind the gateway")
    })?;
    check(&head.method, &head.headers)?;
    let switch = Switch::of(&head.headers)?;
    if let Some(switch) = switch {
        switch.turn().await?;
    }
    head.extensions.insert(caller);
    head.extensions.insert(switch);
    Ok(Request::from_parts(head, body))
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let accepts: Vec<_> = accepts.map(|value| value.to_str().unwrap_or_default()).collect();
    if !accepts.is_empty() && !accepts.iter().flat_map(|accept| accept.split(',')).any(takes_json) {
        return Err(Refusal::with(StatusCode::NOT_ACCEPTABLE, Code::HeaderInvalid, "answers are application/json"));
    }
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
    if method == Method::POST && !is_json {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal::with(status, Code::HeaderInvalid, "bodies are application/json in UTF-8"));
    }
    let invalid = |name, message| Err(Fault::new(Code::HeaderInvalid, message).at(name).into());
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    if text("x-fapi-auth-date").is_some_and(|date| !is_date(date)) {
        return invalid("x-fapi-auth-date", "a date like Sun, 10 Sep 2017 19:43:31 GMT");
    }
    if text("x-fapi-customer-ip-address").is_some_and(|address| address.parse::<IpAddr>().is_err()) {
        return invalid("x-fapi-customer-ip-address", "an IP address");
    }
    Ok(())
}

/// One element of `Accept` (RFC 9110 §12.5.1).
fn takes_json(range: &str) -> bool {
    let (range, parameters) = range.split_once(';').unwrap_or((range, ""));
    let is_refused = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("q="))
        .any(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0));
    let range = range.trim().to_ascii_lowercase();
    !is_refused && matches!(range.as_str(), "application/json" | "application/*" | "*/*")
}

fn is_json(kind: &str) -> bool {
    let (essence, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    let is_utf_8 = matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    essence.trim().eq_ignore_ascii_case("application/json") && is_utf_8
}

/// IMF-fixdate (RFC 9110 §5.6.7); the standard's own examples also say `UTC`. Whether that day was a Monday is not asked.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split(' ').collect();
    let [weekday, day, month, year, time, zone] = parts.as_slice() else { return false };
    let number = |text: &str, digits: usize| {
        let is_number = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_number)
    };
    let times: Vec<_> = time.split(':').map(|part| number(part, 2)).collect();
    WEEKDAYS.contains(weekday)
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        && MONTHS.contains(month)
        && number(year, 4).is_some()
        && matches!(times.as_slice(), [Some(0..=23), Some(0..=59), Some(0..=60)])
        && matches!(*zone, "GMT" | "UTC")
}

/// What an answer refuses: told by us, or by what routes and reads requests for us.
fn refusal(response: &mut Response) -> Option<Refusal> {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return Some(refusal);
    }
    let status = response.status();
    let message = match status {
        StatusCode::METHOD_NOT_ALLOWED => "not with this method",
        _ if status.is_client_error() || status.is_server_error() => "the request cannot be read",
        _ => return None,
    };
    Some(Refusal::with(status, Code::FormatInvalid, message))
}

/// Every field of a payment at its limit fits many times.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The correlation id of FAPI 1.0 §6.2.1, which the gateway makes where there is none.
const INTERACTION_ID: HeaderName = HeaderName::from_static("x-fapi-interaction-id");
const WEEKDAYS: [&str; 7] = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, fields: &[(&'static str, &'static str)]) -> u16 {
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        check(method, &fields.collect()).err().map_or(200, |refusal| refusal.answer(None).status().as_u16())
    }

    /// OB-8
    #[test]
    fn only_json_is_spoken() {
        for (accept, expected) in [
            ("application/json", 200),
            ("application/json; charset=utf-8", 200),
            ("text/html, application/json;q=0.5", 200),
            ("*/*", 200),
            ("application/*", 200),
            ("text/html", 406),
            ("application/json;q=0", 406),
            ("application/jsonx", 406),
            ("", 406),
        ] {
            assert_eq!(status(&Method::GET, &[("accept", accept)]), expected, "{accept}");
        }
        for (kind, expected) in [
            ("application/json", 200),
            ("Application/JSON; charset=UTF-8", 200),
            ("application/json; charset=latin1", 415),
            ("application/jose+jwe", 415),
            ("text/plain", 415),
        ] {
            assert_eq!(status(&Method::POST, &[("content-type", kind)]), expected, "{kind}");
        }
        assert_eq!((status(&Method::POST, &[]), status(&Method::GET, &[])), (415, 200));
    }

    /// OB-6
    #[test]
    fn the_headers_of_the_standard_are_checked() {
        for (name, value, expected) in [
            ("x-fapi-auth-date", "Sun, 10 Sep 2017 19:43:31 GMT", 200),
            ("x-fapi-auth-date", "Sun, 10 Sep 2017 19:43:31 UTC", 200),
            ("x-fapi-auth-date", "2017-09-10T19:43:31Z", 400),
            ("x-fapi-auth-date", "Sunday, 10-Sep-17 19:43:31 GMT", 400),
            ("x-fapi-auth-date", "Sun, 32 Sep 2017 19:43:31 GMT", 400),
            ("x-fapi-auth-date", "Sun, 10 Sep 2017 24:43:31 GMT", 400),
            ("x-fapi-auth-date", "Sun, 10 Sep 2017 19:43:31 CET", 400),
            ("x-fapi-auth-date", "Sun, 10 Sep 17 19:43:31 GMT", 400),
            ("x-fapi-auth-date", "", 400),
            ("x-fapi-customer-ip-address", "104.25.212.99", 200),
            ("x-fapi-customer-ip-address", "2001:db8::1", 200),
            ("x-fapi-customer-ip-address", "localhost", 400),
        ] {
            assert_eq!(status(&Method::GET, &[(name, value)]), expected, "{name}: {value}");
        }
    }
}
