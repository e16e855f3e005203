//! `upstreams[].tls`: whom we take an upstream's servers for, and what we show them.

use super::address;
use super::fault::Problem;
use super::reader::{Section, Value};
use super::tls;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;

/// The terms of TLS towards the servers of one upstream. Certificates are verified always: nothing here switches that off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Roots trusted instead of the system's. The certificates themselves, so that a reload sees that the file is another.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// What we show to servers that ask for a certificate.
    pub identity: Option<Arc<Identity>>,
    /// The name that certificates must have, where it is not the host of the server's URL.
    pub name: Option<ServerName<'static>>,
}

/// A certificate chain of ours and its key.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Of the leaf.
    pub key: PrivateKeyDer<'static>,
}

/// `tls:` of an upstream whose servers are behind `https`; without a word the system's roots are trusted and nothing is
/// shown.
pub(super) fn read(value: &Value<'_>) -> Option<UpstreamTls> {
    let section = value.section(&["ca_file", "certificate", "key", "server_name"])?;
    let authorities = section.read_or("ca_file", None, |value| tls::authorities(&value).map(Some));
    let identity = identity(&section);
    let name = section.read_or("server_name", None, |value| value.parse(server_name).map(Some));
    Some(UpstreamTls { authorities: authorities?, identity: identity?, name: name? })
}

#[expect(clippy::option_option, reason = "the outer says whether it could be read, the inner whether it is there")]
fn identity(section: &Section<'_>) -> Option<Option<Arc<Identity>>> {
    if section.find("certificate").is_none() && section.find("key").is_none() {
        return Some(None);
    }
    let (certificate, key) = (section.need("certificate"), section.need("key"));
    let (chain, key) = tls::certificate_and_key(certificate.as_ref(), key.as_ref())?;
    Some(Some(Arc::new(Identity { chain, key })))
}

/// A name or an address, as it stands in certificates.
fn server_name(text: &str) -> Result<ServerName<'static>, Problem> {
    let problem = || {
        Problem::new("is not a name that a certificate could have")
            .hint("write a host name in lower case or an IP address, without scheme and port")
    };
    if text.parse::<std::net::IpAddr>().is_err() && !address::is_name(text) {
        return Err(problem());
    }
    ServerName::try_from(text.to_owned()).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_a_name_or_an_address() {
        for good in ["api.internal", "10.0.0.1", "::1", "a_b.internal"] {
            assert!(server_name(good).is_ok(), "{good}");
        }
        for bad in ["https://api.internal", "api.internal:443", "API.internal", "a b", "*.internal", "[::1]", "a/"] {
            assert!(server_name(bad).is_err(), "{bad}");
        }
    }
}
