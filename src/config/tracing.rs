//! `tracing`: which requests leave a trace, and which collector is given it.

use super::address::{self, Transport};
use super::fault::Problem;
use super::reader::Value;
use super::secret::{self, Secret};
use super::{bounded, bounds, tls};
use crate::oauth::origin;
use http::{HeaderName, Uri};
use rustls::pki_types::CertificateDer;
use std::collections::HashSet;
use std::time::Duration;

/// The traces' settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracing {
    /// Where spans are posted to.
    pub collector: Uri,
    /// What the collector must be shown.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Roots trusted instead of the system's.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// Our `service.name`.
    pub service_name: Box<str>,
    /// The part of the requests that leaves a trace, from 0 to 1, where nobody whom we trust has decided.
    pub sample: f64,
    /// Who may decide it for us.
    pub trust_parent: TrustParent,
    /// One delivery.
    pub timeout: Duration,
}

/// Whose `sampled` flag counts. Its trace goes on in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustParent {
    /// That of `server.trusted_hops`.
    Hops,
    /// Anybody's: then anybody can have every request of theirs traced.
    Always,
    /// Nobody's.
    Never,
}

impl Tracing {
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let section = value.section(&KEYS)?;
        let headers = section.read_or("headers", Vec::new(), |value| headers(&value));
        let carries_secret = section.find("headers").is_some();
        let collector = section.need("otlp").and_then(|value| value.parse(|text| collector(text, carries_secret)));
        let authorities = section.read_or("ca_file", None, |value| tls::authorities(&value).map(Some));
        let service_name = section.read_or("service_name", "scopegate".into(), |value| value.parse(service_name));
        let sample = section.read_or("sample", SAMPLE_DEFAULT, |value| value.parse(sample));
        let trust_parent = section.read_or("trust_parent", TrustParent::Hops, |value| value.parse(trust_parent));
        let timeout = bounded::timeout(&section, "timeout", TIMEOUT_DEFAULT);
        Some(Self {
            collector: collector?,
            headers: headers?,
            authorities: authorities?,
            service_name: service_name?,
            sample: sample?,
            trust_parent: trust_parent?,
            timeout: timeout?,
        })
    }
}

/// Spans hold no secret, and collectors beside us rarely speak TLS; what proves us to the collector is one.
fn collector(text: &str, carries_secret: bool) -> Result<Uri, Problem> {
    let (uri, host, transport) = address::absolute(text)?;
    if carries_secret && transport == Transport::Plain && !origin::is_loopback(&host) {
        return Err(Problem::new("would send `headers` in plain text over a network")
            .hint("use https; with `headers`, http is for loopback only"));
    }
    if uri.path() == "/" {
        return Err(
            Problem::new("has no path").hint("OTLP over HTTP takes traces at /v1/traces, most often on port 4318")
        );
    }
    Ok(uri)
}

fn headers(value: &Value<'_>) -> Option<Vec<(HeaderName, Secret)>> {
    let items = value.list()?;
    let total = items.len();
    let (mut seen, mut headers) = (HashSet::new(), Vec::new());
    for item in items {
        let Some(section) = item.section(&["name", "value"]) else { continue };
        let name = section.need("name").and_then(|value| value.parse(header_name));
        let secret = section.need("value").and_then(|value| {
            let secret = secret::read(&value)?;
            let is_value = http::HeaderValue::from_bytes(secret.expose()).is_ok();
            if !is_value {
                value.refuse(Problem::new("cannot be the value of a header field"));
            }
            is_value.then_some(secret)
        });
        let (Some(name), Some(secret)) = (name, secret) else { continue };
        if seen.insert(name.clone()) {
            headers.push((name, secret));
        } else {
            item.refuse(Problem::new("names a field twice"));
        }
    }
    (headers.len() == total).then_some(headers)
}

/// What we say ourselves of a delivery is not for others to say.
fn header_name(text: &str) -> Result<HeaderName, Problem> {
    match text.parse::<HeaderName>() {
        Ok(name) if !OURS.contains(&name.as_str()) => Ok(name),
        Ok(_) => Err(Problem::new("is a field that we write ourselves")),
        Err(_) => Err(Problem::new("is no name of a header field")),
    }
}

fn service_name(text: &str) -> Result<Box<str>, Problem> {
    if text.len() > bounds::TRACE_NAME_BYTES_MAX {
        return Err(Problem::new(format!("is longer than {} bytes", bounds::TRACE_NAME_BYTES_MAX)));
    }
    Ok(text.into())
}

fn sample(text: &str) -> Result<f64, Problem> {
    match text.parse::<f64>() {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        Ok(_) | Err(_) => {
            Err(Problem::new("is no part of the requests").hint("0 is none of them, 0.01 one in a hundred, 1 all"))
        }
    }
}

fn trust_parent(text: &str) -> Result<TrustParent, Problem> {
    match text {
        "hops" => Ok(TrustParent::Hops),
        "always" => Ok(TrustParent::Always),
        "never" => Ok(TrustParent::Never),
        _ => {
            Err(Problem::new("is nobody who could be trusted")
                .did_you_mean(text, ["hops", "always", "never"].into_iter()))
        }
    }
}

const KEYS: [&str; 7] = ["otlp", "headers", "ca_file", "service_name", "sample", "trust_parent", "timeout"];
const OURS: [&str; 5] = ["host", "content-type", "content-length", "connection", "transfer-encoding"];
/// One request in a hundred: enough to see what is slow, at no cost that anybody notices.
const SAMPLE_DEFAULT: f64 = 0.01;
/// What collectors answer within, and what the OTLP exporters of others take.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
