//! The certificates that the public listener shows: `certificate` and `key`, and `certificates` for further ones, chosen by
//! the names that stand in them.

use super::bounds::CERTIFICATES_MAX;
use super::fault::Problem;
use super::reader::{Section, Value};
use super::tls::certificate_and_key;
use crate::oauth::server_certificate::{Name, ServerCertificate};
use rustls::SignatureAlgorithm;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashSet;

/// One of them, with its key.
#[derive(Debug)]
pub struct ServedCertificate {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Of the leaf.
    pub key: PrivateKeyDer<'static>,
    /// What the leaf says.
    pub read: ServerCertificate,
    /// Its kind of key. Several certificates of one name differ in it.
    pub algorithm: SignatureAlgorithm,
}

impl ServedCertificate {
    /// For operators: its first name. No other certificate with the same kind of key has it.
    pub fn name(&self) -> String {
        let first = self.asked_for().next().or_else(|| self.read.names.iter().next());
        first.map_or_else(|| "-".to_owned(), ToString::to_string)
    }

    /// The names by which clients can ask for it.
    pub fn asked_for(&self) -> impl Iterator<Item = &Name> {
        self.read.names.iter().filter(|name| !matches!(name, Name::Address(_)))
    }
}

/// The single one first: it is what clients get that ask for nobody.
pub(super) fn read(section: &Section<'_>) -> Option<Vec<ServedCertificate>> {
    let list = section.find("certificates");
    let has_pair = section.find("certificate").is_some() || section.find("key").is_some() || list.is_none();
    let pair = has_pair.then(|| (section.need("certificate"), section.need("key")));
    let first = pair.map(|(certificate, key)| one(certificate.as_ref(), key.as_ref()));
    let mut served = Vec::from_iter(first);
    let mut places = vec![section.whole().clone(); served.len()];
    if let Some(list) = &list {
        let items = list.list()?;
        if items.len() > CERTIFICATES_MAX {
            list.refuse(Problem::new(format!("there are more than {CERTIFICATES_MAX}")));
            return None;
        }
        for item in items {
            let pair = item.section(&["certificate", "key"]);
            served.push(pair.and_then(|pair| one(pair.need("certificate").as_ref(), pair.need("key").as_ref())));
            places.push(item);
        }
    }
    let served: Vec<_> = served.into_iter().collect::<Option<_>>()?;
    are_told_apart(&served, &places).then_some(served)
}

fn one(certificate: Option<&Value<'_>>, key: Option<&Value<'_>>) -> Option<ServedCertificate> {
    let (chain, key) = certificate_and_key(certificate, key)?;
    // Both were tried: what fails here is the certificate alone.
    let read = chain.first().and_then(|leaf| ServerCertificate::parse(leaf).ok());
    let algorithm = aws_lc_rs::sign::any_supported_type(&key).map(|key| key.algorithm()).ok();
    let Some((read, algorithm)) = read.zip(algorithm) else {
        certificate?.refuse(Problem::new("the first certificate cannot be read"));
        return None;
    };
    Some(ServedCertificate { chain, key, read, algorithm })
}

/// Whether it is certain for each name which one is shown.
fn are_told_apart(served: &[ServedCertificate], places: &[Value<'_>]) -> bool {
    let mut taken = HashSet::new();
    let mut is_certain = true;
    for (number, (one, place)) in served.iter().zip(places).enumerate() {
        let mut refuse = |problem: Problem| {
            place.refuse(problem);
            is_certain = false;
        };
        if number > 0 && one.asked_for().next().is_none() {
            refuse(
                Problem::new("the certificate names no host, so that nobody would get it").hint(
                    "the first one is for clients that ask for nobody; others need names in their subjectAltName",
                ),
            );
        }
        for name in one.asked_for() {
            if !taken.insert((name, u8::from(one.algorithm))) {
                let problem =
                    Problem::new(format!("another certificate is for `{name}` too, with the same kind of key"));
                refuse(problem.hint("leave one of them out; for RSA and ECDSA there can be one each"));
            }
        }
    }
    is_certain
}
