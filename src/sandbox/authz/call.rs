//! A request of an application to one of the endpoints: a form, in the body alone, no name twice; who sent it, and what
//! came with it.

use super::token_fault::TokenFault;
use crate::net::serve::{ClientCertificate, PeerAddress};
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A request whose form could be read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) headers: HeaderMap,
    pub(super) params: Params,
    pub(super) peer: IpAddr,
    pub(super) certificate: ClientCertificate,
}

impl FromRequest<Arc<Site>> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Response> {
        let peer = request.extensions().get::<PeerAddress>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
        let certificate = request.extensions().get::<ClientCertificate>().cloned().unwrap_or_default();
        let headers = request.headers().clone();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let form = Bytes::from_request(request, site).await.map_err(IntoResponse::into_response)?;
        let params = read(&headers, &query, &form).map_err(TokenFault::answer)?;
        Ok(Self { headers, params, peer, certificate })
    }
}

/// RFC 6749 §3.2, appendix B
fn read(headers: &HeaderMap, query: &str, form: &[u8]) -> Result<Params, TokenFault> {
    // Addresses end up in logs, and a server that reads secrets there teaches clients to write them there.
    let query = Params::parse(query.as_bytes()).map_err(|_| TokenFault::NotAForm)?;
    if NEVER_IN_QUERY.iter().any(|name| query.get(name).is_some()) {
        return Err(TokenFault::InQuery);
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(TokenFault::NotAForm);
    }
    let params = Params::parse(form).map_err(|_| TokenFault::NotAForm)?;
    if params.repeats_any() { Err(TokenFault::Repeated) } else { Ok(params) }
}

/// What is secret, or leads to something secret.
const NEVER_IN_QUERY: [&str; 7] =
    ["client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "token", "password"];
