//! The certificate that a client showed: in the handshake, or to a proxy in front of us that says so (`Client-Cert`, RFC
//! 9440). Anybody can write that field, so it counts from the configured hops only.

use super::http1::fields::Fields;
use super::observe::line;
use super::reason::Reason;
use super::refusal::Refusal;
use super::verify::identity::ORGANISATION_ID;
use crate::clock::UnixSeconds;
use crate::config::network::Network;
use crate::oauth::certificate::{BadCertificate, Certificate};
use crate::oauth::confirmation::{self, Thumbprint};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use http::HeaderName;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

/// One certificate, read once.
#[derive(Debug)]
pub struct ClientCertificate {
    thumbprint: Thumbprint,
    read: Result<Certificate, BadCertificate>,
    vouched: Vouched,
    /// `X-Auth-Organisation-Id`, as it stands in a request.
    organisation: Box<[u8]>,
    /// The organisation, as a field of the log.
    line: Box<[u8]>,
    /// `Client-Cert`, as it stands in a request.
    field: Box<[u8]>,
}

/// Whether somebody whom we trust says that what stands in a certificate is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// An authority of ours issued it, or a proxy of ours took it.
    Yes,
    /// Its holder has the key, and anything may stand in it: it is good for its thumbprint alone (RFC 8705 §6.2).
    No,
}

/// On which terms certificates are taken and passed on.
#[derive(Debug)]
pub struct Terms {
    /// Whose `Client-Cert` counts.
    pub hops: Vec<Network>,
    /// What the handshake says of a certificate.
    pub handshake: Vouched,
    /// Whether upstreams are shown certificates.
    pub is_forwarded: bool,
}

impl ClientCertificate {
    /// Reads a certificate in DER.
    pub fn new(der: &[u8], vouched: Vouched) -> Self {
        let read = Certificate::parse(der);
        let (mut organisation, mut field, mut log) = (String::new(), String::new(), Vec::new());
        // What nobody vouches for is told to nobody.
        if let (Ok(read), Vouched::Yes) = (&read, vouched) {
            if let Some(name) = &read.organisation {
                organisation = format!("{ORGANISATION_ID}: {name}\r\n");
                log = line::field("organisation", name.as_bytes());
            }
            field = format!("{CLIENT_CERT}: :{}:\r\n", STANDARD.encode(der));
        }
        let thumbprint = confirmation::of_certificate(der);
        let [organisation, field] = [organisation, field].map(|field| field.into_bytes().into());
        Self { thumbprint, read, vouched, organisation, line: log.into(), field }
    }

    /// For `cnf` (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// What stands in it, if it may be acted on now. The handshake saw to dates too, but connections and resumed sessions
    /// outlive them.
    pub fn stands(&self, now: UnixSeconds) -> Result<&Certificate, Reason> {
        match (&self.read, self.vouched) {
            (Ok(read), Vouched::Yes) if !read.is_valid_at(now) => Err(Reason::CertificateExpired),
            (Ok(read), Vouched::Yes) if read.is_for_networks() => Ok(read),
            (Ok(_) | Err(BadCertificate), _) => Err(Reason::CertificateInvalid),
        }
    }

    /// Its fields for the upstream: the organisation, and where it `is_forwarded` the certificate itself.
    pub fn told(&self, terms: &Terms, now: UnixSeconds) -> [&[u8]; 2] {
        match self.stands(now) {
            Ok(_) => [&self.organisation, if terms.is_forwarded { &self.field } else { &[] }],
            Err(_) => [&[], &[]],
        }
    }

    /// The organisation, if it may be told to anybody now.
    pub fn organisation(&self, now: UnixSeconds) -> Option<&str> {
        self.stands(now).ok()?.organisation.as_deref()
    }

    /// Its field of the log: empty for one without an organisation.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Whether `value` is how this certificate is written.
    fn is_written(&self, value: &[u8]) -> bool {
        let name = CLIENT_CERT.as_str().len() + b": ".len();
        self.field.get(name..).and_then(|rest| rest.strip_suffix(b"\r\n")) == Some(value)
    }
}

impl Terms {
    /// Whether this address is a proxy of ours.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.hops.iter().any(|network| network.contains(address))
    }
}

/// The certificates that came last through one connection of a proxy: it speaks for many clients, and each for long.
#[derive(Debug, Default)]
pub struct Shown(RefCell<Vec<Rc<ClientCertificate>>>);

impl Shown {
    /// The certificate that the proxy says its client has. Two, or one that cannot be read, are the proxy's fault and no
    /// client's: nobody is let in on a guess.
    pub fn find(&self, fields: &Fields) -> Result<Option<Rc<ClientCertificate>>, Refusal> {
        let mut values = fields.all(CLIENT_CERT);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Reason::CertificateMalformed.into());
        }
        let mut known = self.0.borrow_mut();
        if let Some(known) = known.iter().find(|known| known.is_written(value)) {
            return Ok(Some(Rc::clone(known)));
        }
        let der = byte_sequence(value).ok_or(Reason::CertificateMalformed)?;
        let certificate = Rc::new(ClientCertificate::new(&der, Vouched::Yes));
        if certificate.read.is_err() {
            return Err(Reason::CertificateMalformed.into());
        }
        if known.len() == SHOWN_MAX {
            known.remove(0);
        }
        known.push(Rc::clone(&certificate));
        Ok(Some(certificate))
    }
}

/// RFC 8941 §3.3.5, without parameters: there are none here.
fn byte_sequence(value: &[u8]) -> Option<Vec<u8>> {
    let encoded = value.strip_prefix(b":")?.strip_suffix(b":")?;
    BASE64.decode(encoded).ok()
}

/// RFC 8941 §4.2.7: padding may be missing.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));
/// RFC 9440 §2.2
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// Certificates remembered for one connection of a proxy: two to five KiB each.
const SHOWN_MAX: usize = 8;
