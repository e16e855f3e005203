//! A request that nobody sent, put together as it would arrive.

use super::super::http1::fields::Fields;
use super::super::request::{Request, Target};
use crate::config::bounds::EXPLAINED_HEADERS_MAX;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Method, Version};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fmt;

/// What an operator says of a request.
#[derive(Default)]
pub struct Asked<'a> {
    /// `GET`
    pub method: &'a str,
    /// Path and query: `/accounts?page=2`.
    pub path: &'a str,
    /// `Host`; without it, one for which there is such a path.
    pub host: Option<&'a str>,
    /// Further header fields.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The access token, without its scheme.
    pub token: Option<&'a [u8]>,
    /// The client's certificate as PEM.
    pub certificate: Option<&'a [u8]>,
}

/// Such a request.
#[derive(Clone)]
pub struct Case {
    pub(super) request: Request,
    /// In DER.
    pub(super) certificate: Option<Vec<u8>>,
}

/// It cannot be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCase(&'static str);

impl Case {
    /// The scheme is DPoP where a proof comes along, as it is with clients.
    pub fn new(asked: &Asked<'_>) -> Result<Self, BadCase> {
        if asked.headers.len() > EXPLAINED_HEADERS_MAX {
            return Err(BadCase("there are too many headers"));
        }
        let mut fields = Fields::default();
        for (name, value) in &asked.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BadCase("a header's name is none"))?;
            let value = HeaderValue::from_str(value).map_err(|_| BadCase("a header's value cannot stand in one"))?;
            fields.push(name.as_str(), value.as_bytes());
        }
        if let Some(host) = asked.host {
            let host = HeaderValue::from_str(host).map_err(|_| BadCase("the host is none"))?;
            fields.set(HOST.as_str(), host.as_bytes());
        }
        if let Some(token) = asked.token {
            let scheme: &[u8] = if fields.has("dpop") { b"DPoP " } else { b"Bearer " };
            let value = HeaderValue::from_bytes(&[scheme, token].concat())
                .map_err(|_| BadCase("the token has characters that no header can hold"))?;
            fields.push(AUTHORIZATION.as_str(), value.as_bytes());
        }
        let method = Method::from_bytes(asked.method.as_bytes()).map_err(|_| BadCase("the method is none"))?;
        let target = Target::parse(asked.path.as_bytes()).ok_or(BadCase("the path cannot stand in a request"))?;
        if !asked.path.starts_with('/') {
            return Err(BadCase("the path begins with `/`; the host has a place of its own"));
        }
        let request = Request { method, target, version: Version::HTTP_11, fields };
        let certificate = asked.certificate.map(CertificateDer::from_pem_slice).transpose();
        let certificate = certificate.map_err(|_| BadCase("the certificate is not PEM"))?;
        Ok(Self { request, certificate: certificate.map(|der| der.to_vec()) })
    }
}

impl fmt::Display for BadCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadCase {}
