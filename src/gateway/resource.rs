//! The protected resources: the documents that tell clients about them (RFC 9728), and what their challenges say. All
//! of it is made when the policy is compiled. A document never comes from an upstream and needs no token.

use super::observe::line;
use super::observe::metrics::{Metrics, RouteMetrics};
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use crate::config::Settings;
use crate::config::issuers::Issuer;
use crate::config::profile::Profile;
use crate::config::resources::{self, Resource};
use crate::config::routes::Access;
use crate::config::tls::ClientCertificates;
use crate::oauth::algorithm::Algorithm;
use crate::oauth::challenge::Challenges;
use crate::oauth::resource::{Metadata, WELL_KNOWN};
use bytes::Bytes;
use http::{HeaderValue, Method};
use std::sync::Arc;

/// Every resource of a policy.
#[derive(Debug)]
pub struct Resources {
    documents: Vec<Document>,
    /// For what belongs to none of them.
    others: Arc<Challenges>,
}

/// One resource, compiled.
#[derive(Debug)]
pub struct Document {
    /// Its place in the configuration.
    pub place: usize,
    /// Where it is found: its name in logs and metrics.
    pub path: Box<str>,
    /// The metadata as JSON.
    pub json: Bytes,
    /// Its name, as a field of the log.
    pub line: Box<[u8]>,
    /// Its counters.
    pub metrics: Arc<RouteMetrics>,
    challenges: Arc<Challenges>,
}

/// The document that this request asks for, if it is for one: below the well-known path everything is ours, so what
/// is not there is 404, whatever the routes say.
pub fn document<'p>(resources: &'p Resources, head: &Head) -> Result<Option<&'p Document>, Refusal> {
    let path = head.path();
    let is_ours = path.strip_prefix(WELL_KNOWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !is_ours || resources.documents.is_empty() {
        return Ok(None);
    }
    let found = resources.documents.iter().find(|document| *document.path == *path).ok_or(Reason::RouteUnknown)?;
    match *head.method() {
        Method::GET | Method::HEAD => Ok(Some(found)),
        _ => Err(Refusal::method_unknown(ALLOW)),
    }
}

impl Resources {
    /// Compiles what the configuration says and what its routes demand.
    pub fn compile(settings: &Settings, metrics: &Metrics) -> Self {
        let resources = settings.resources.iter().enumerate();
        let documents: Vec<_> =
            resources.map(|(place, resource)| Document::compile(place, resource, settings, metrics)).collect();
        let origin = documents.iter().find(|document| *document.path == *WELL_KNOWN);
        let others =
            origin.map_or_else(|| Arc::new(challenges(settings, None)), |origin| Arc::clone(&origin.challenges));
        Self { documents, others }
    }

    /// In the order of the configuration.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// What a refused client of this route is told to bring.
    pub(super) fn of_route(&self, path: &str, settings: &Settings) -> Arc<Challenges> {
        let document = resources::of_route(&settings.resources, path).and_then(|place| self.documents.get(place));
        Arc::clone(document.map_or(&self.others, |document| &document.challenges))
    }

    /// What a refused client is told to bring where it is not known which resource was meant.
    pub(super) fn of_nobody(&self) -> &Challenges {
        &self.others
    }
}

impl Document {
    fn compile(place: usize, resource: &Resource, settings: &Settings, metrics: &Metrics) -> Self {
        let path = resource.metadata_path();
        let origin = settings.server.public_origin.as_ref();
        let url = origin.map(|origin| format!("{origin}{path}"));
        Self {
            place,
            json: metadata(place, resource, settings).to_json().into(),
            line: line::field("route", path.as_bytes()).into(),
            metrics: metrics.route(&path),
            path: path.into(),
            challenges: Arc::new(challenges(settings, url.as_deref())),
        }
    }
}

fn challenges(settings: &Settings, metadata: Option<&str>) -> Challenges {
    Challenges::new(&settings.server.realm, settings.dpop.as_ref().map(|dpop| dpop.algorithms.as_slice()), metadata)
}

fn metadata<'s>(place: usize, resource: &'s Resource, settings: &'s Settings) -> Metadata<'s> {
    let own = resources::routes_of(place, &settings.resources, &settings.routes);
    let accepted = resources::accepted(&own, &settings.issuers);
    let issuers = |places: &[usize]| -> Vec<&'s Issuer> {
        places.iter().filter_map(|place| settings.issuers.get(*place)).collect()
    };
    let listed = issuers(resource.issuers.as_ref().unwrap_or(&accepted));
    let demands = own.iter().filter_map(|route| match &route.access {
        Access::Open => None,
        Access::Token(demands) => Some(demands),
    });
    let needed = demands.clone().flat_map(|demands| demands.all.iter().chain(&demands.any));
    let kinds = demands.filter_map(|demands| demands.details.as_ref()).map(|details| &*details.kind);
    let proofs: &[Algorithm] = settings.dpop.as_ref().map_or(&[], |dpop| &dpop.algorithms);
    let asks_for_certificates = settings.server.tls.as_ref().is_some_and(|tls| tls.clients != ClientCertificates::None);
    let must_be_bound = |issuer: &Issuer| issuer.profile == Profile::Fapi2;
    Metadata {
        resource: &resource.identifier,
        authorization_servers: listed
            .into_iter()
            .filter(|issuer| resources::can_be_found(issuer))
            .map(|issuer| &*issuer.issuer)
            .collect(),
        scopes_supported: resource.scopes.as_ref().map_or_else(|| distinct(needed), |scopes| scopes.iter().collect()),
        bearer_methods_supported: ["header"],
        resource_name: resource.name.as_deref(),
        resource_documentation: resource.documentation.as_deref(),
        tls_client_certificate_bound_access_tokens: asks_for_certificates,
        authorization_details_types_supported: distinct(kinds),
        dpop_signing_alg_values_supported: proofs,
        // A certificate would do as well.
        dpop_bound_access_tokens_required: !asks_for_certificates
            && !proofs.is_empty()
            && !accepted.is_empty()
            && issuers(&accepted).into_iter().all(must_be_bound),
    }
}

/// Each once, by its first place.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}

/// RFC 9728 §3.1: the document is asked for by GET, and by HEAD as everything is.
const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD");
