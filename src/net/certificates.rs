//! Chooses the certificate of a handshake: by the name that the client asks for (SNI), and by the kinds of keys that it
//! can verify. Who asks for nobody, or for somebody whom we do not know, gets the first.

use super::tls::TlsFault;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// A chain with its key, and the names for which it is chosen.
#[derive(Debug)]
pub struct Identity {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Of the leaf.
    pub key: PrivateKeyDer<'static>,
    /// In lower case; `*.` stands for any one label.
    pub names: Vec<Box<str>>,
}

/// All of them.
#[derive(Debug)]
pub struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
    /// Places in `keys`, in order of preference.
    by_name: HashMap<Box<str>, Vec<usize>>,
    default: Vec<usize>,
    provider: Arc<CryptoProvider>,
}

impl Certificates {
    /// At least one is needed. Several of one name are several kinds of keys.
    pub fn new(identities: Vec<Identity>, provider: Arc<CryptoProvider>) -> Result<Self, TlsFault> {
        let (mut keys, mut by_name) = (Vec::new(), HashMap::<Box<str>, Vec<usize>>::new());
        let first = identities.first().and_then(|first| first.names.first()).cloned();
        for (place, Identity { chain, key, names }) in identities.into_iter().enumerate() {
            keys.push(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map(Arc::new)?);
            for name in names {
                by_name.entry(name).or_default().push(place);
            }
        }
        // With it those that are for the same name: a client that cannot verify the first may verify another.
        let default = first.and_then(|name| by_name.get(&name).cloned()).unwrap_or_else(|| vec![0]);
        Ok(Self { keys, by_name, default, provider })
    }

    /// Whether there is a choice.
    pub fn are_several(&self) -> bool {
        self.keys.len() > 1
    }

    /// Those that can be shown to a client that asks for `name`, by their place.
    pub fn places(&self, name: Option<&str>) -> &[usize] {
        let found = name.and_then(|name| {
            let wildcard =
                || name.split_once('.').and_then(|(_, above)| self.by_name.get(format!("*.{above}").as_str()));
            self.by_name.get(name).or_else(wildcard)
        });
        found.unwrap_or(&self.default)
    }

    fn suits(&self, key: &CertifiedKey, hello: &ClientHello<'_>) -> bool {
        let algorithm = key.key.algorithm();
        let suits = |suite: &rustls::SupportedCipherSuite| {
            suite.usable_for_signature_algorithm(algorithm) && hello.cipher_suites().contains(&suite.suite())
        };
        key.key.choose_scheme(hello.signature_schemes()).is_some() && self.provider.cipher_suites.iter().any(suits)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut keys = self.places(hello.server_name()).iter().filter_map(|place| self.keys.get(*place));
        let first = keys.clone().next();
        // Where none suits the handshake fails in any case.
        keys.find(|key| self.suits(key, &hello)).or(first).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(names: &[&str]) -> Identity {
        let made = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        Identity { chain: vec![made.cert.der().clone()], key, names: names.iter().map(|name| (*name).into()).collect() }
    }

    #[test]
    fn a_name_beats_a_wildcard_and_the_first_is_for_everybody_else() {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let all =
            [&["a.example", "b.example"][..], &["*.a.example", "c.example"], &["x.a.example"], &["a.example"], &[]];
        let certificates = Certificates::new(all.map(identity).into(), provider).unwrap();
        assert!(certificates.are_several());
        for (name, expected) in [
            ("a.example", &[0, 3][..]),
            ("b.example", &[0]),
            ("c.example", &[1]),
            ("y.a.example", &[1]),
            ("x.a.example", &[2]),
            ("z.y.a.example", &[0, 3]),
            ("a.a.b.example", &[0, 3]),
            ("example", &[0, 3]),
            ("unknown.example", &[0, 3]),
        ] {
            assert_eq!(certificates.places(Some(name)), expected, "{name}");
        }
        assert_eq!(certificates.places(None), [0, 3]);
    }

    #[test]
    fn one_without_names_is_for_everybody() {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Certificates::new(vec![identity(&[])], provider).unwrap();
        assert_eq!((certificates.places(Some("a")), certificates.are_several()), (&[0][..], false));
    }
}
