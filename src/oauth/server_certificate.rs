//! What our own certificates say: the names that they are for, and until when (RFC 5280 §4.2.1.6, RFC 9525 §6). The subject is
//! not looked at: no client takes a name from there any more.

use super::der::{self, BadDer, Der};
use crate::clock::UnixSeconds;
use std::net::IpAddr;

/// What is read of a certificate of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    /// What it is for.
    pub names: Names,
    /// Last second in which it is valid.
    pub not_after: UnixSeconds,
}

/// Names of hosts, as a certificate lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<Name>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A host, in lower case.
    Host(Box<str>),
    /// Any one label before this: `*.bank.example` holds `bank.example`.
    Below(Box<str>),
    /// An address, which no client can ask for by name.
    Address(IpAddr),
}

impl ServerCertificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Self, BadDer> {
        let mut outer = der::only(der, der::SEQUENCE)?;
        let mut tbs = outer.enter(der::SEQUENCE)?;
        tbs.take_if(VERSION)?;
        tbs.take(der::INTEGER)?;
        tbs.take(der::SEQUENCE)?;
        tbs.take(der::SEQUENCE)?;
        let mut validity = tbs.enter(der::SEQUENCE)?;
        validity.time()?;
        let not_after = validity.time()?;
        tbs.take(der::SEQUENCE)?;
        tbs.take(der::SEQUENCE)?;
        tbs.take_if(ISSUER_UNIQUE_ID)?;
        tbs.take_if(SUBJECT_UNIQUE_ID)?;
        let names = match tbs.take_if(EXTENSIONS)? {
            Some(extensions) => Names::find(der::only(extensions, der::SEQUENCE)?)?,
            None => Names::default(),
        };
        Ok(Self { names, not_after })
    }
}

impl Names {
    fn find(mut extensions: Der<'_>) -> Result<Self, BadDer> {
        while !extensions.is_empty() {
            let mut extension = extensions.enter(der::SEQUENCE)?;
            let id = extension.take(der::OBJECT_IDENTIFIER)?;
            extension.take_if(der::BOOLEAN)?;
            if id == SUBJECT_ALTERNATIVE_NAME {
                return Self::read(der::only(extension.take(der::OCTET_STRING)?, der::SEQUENCE)?);
            }
        }
        Ok(Self::default())
    }

    /// `GeneralNames`; other kinds than hosts and addresses are left out, and what no host is called.
    fn read(mut list: Der<'_>) -> Result<Self, BadDer> {
        let mut names = Vec::new();
        while !list.is_empty() {
            let (tag, contents) = list.read()?;
            names.extend(match tag {
                DNS_NAME => Name::parse(contents),
                IP_ADDRESS => address(contents),
                _ => None,
            });
        }
        Ok(Self(names))
    }

    /// Each, in the certificate's order.
    pub fn iter(&self) -> impl Iterator<Item = &Name> {
        self.0.iter()
    }

    /// Whether a request to `host` may be answered under this certificate. `host` is in lower case, without port and
    /// trailing dot; an IPv6 address stands in brackets.
    pub fn cover(&self, host: &str) -> bool {
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let address = literal.parse::<IpAddr>().ok();
        let above = host.split_once('.').map(|(_, above)| above);
        self.0.iter().any(|name| match name {
            Name::Host(name) => &**name == host,
            Name::Below(name) => above == Some(name),
            Name::Address(name) => address == Some(*name),
        })
    }
}

impl Name {
    /// RFC 9525 §6.3: a `*` is the whole first label, or no wildcard at all.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
        let (is_below, host) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        host.split('.').all(is_label).then(|| if is_below { Self::Below(host.into()) } else { Self::Host(host.into()) })
    }
}

fn address(octets: &[u8]) -> Option<Name> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok().map(Name::Address)
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

const VERSION: u8 = 0xA0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xA3;
/// 2.5.29.17
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 0x11];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

    fn certificate(names: &[&str], further: &[SanType]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(2030, 1, 2);
        params.subject_alt_names.extend_from_slice(further);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_are_hosts_one_label_below_a_host_and_addresses() {
        let mail = SanType::Rfc822Name("a@bank.example".try_into().unwrap());
        let der = certificate(&["API.bank.example", "*.psd2.bank.example", "192.0.2.1", "2001:db8::1"], &[mail]);
        let read = ServerCertificate::parse(&der).unwrap();
        assert_eq!(read.not_after, UnixSeconds(1_893_542_400));
        let shown: Vec<String> = read.names.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["api.bank.example", "*.psd2.bank.example", "192.0.2.1", "2001:db8::1"]);
        for (host, expected) in [
            ("api.bank.example", true),
            ("a.psd2.bank.example", true),
            ("192.0.2.1", true),
            ("[2001:db8::1]", true),
            ("psd2.bank.example", false),
            ("a.b.psd2.bank.example", false),
            ("bank.example", false),
            ("xapi.bank.example", false),
            ("192.0.2.2", false),
            ("[2001:db8::2]", false),
            ("", false),
        ] {
            assert_eq!(read.names.cover(host), expected, "{host}");
        }
    }

    #[test]
    fn without_alternative_names_it_is_for_nobody() {
        let read = ServerCertificate::parse(&certificate(&[], &[])).unwrap();
        assert_eq!((read.names.iter().count(), read.names.cover("")), (0, false));
    }

    #[test]
    fn what_no_host_is_called_is_no_name() {
        for bad in ["", "*", "a..b", ".a", "a.", "*a.b", "a.*.b", "a b", "a/b", "*.", "*.*.a"] {
            assert_eq!(Name::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(address(&[1, 2, 3]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(ServerCertificate::parse(&bytes));
        }

        /// A certificate of which some octets are others: read, or refused.
        #[test]
        fn no_change_makes_it_panic(at in any::<prop::sample::Index>(), octet: u8) {
            let mut der = certificate(&["a.example", "192.0.2.1"], &[]);
            let at = at.index(der.len());
            der[at] = octet;
            drop(ServerCertificate::parse(&der));
        }
    }
}
