//! What must be shown nowhere: secrets and private keys. Neither a fault nor `Debug` says what they hold.

use super::fault::Problem;
use super::reader::Value;
use super::{bounds, file};
use crate::oauth::algorithm::Algorithm;
use crate::oauth::signer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::sync::Arc;

/// Octets that are shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

/// A private key that is shown nowhere.
#[derive(Debug, PartialEq, Eq)]
pub struct SecretKey(PrivateKeyDer<'static>);

impl Secret {
    /// The octets, for the one call that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl SecretKey {
    pub(super) fn new(key: PrivateKeyDer<'static>) -> Self {
        Self(key)
    }

    /// The key, for the TLS settings.
    pub fn expose(&self) -> PrivateKeyDer<'static> {
        self.0.clone_key()
    }
}

impl Clone for SecretKey {
    fn clone(&self) -> Self {
        Self(self.0.clone_key())
    }
}

/// A file, or a variable of the environment: a secret in the configuration's text ends up in its history.
pub(super) fn read(value: &Value<'_>) -> Option<Secret> {
    if !value.is_text() {
        let section = value.section(&["file"])?;
        let named = section.need("file")?;
        let (_, bytes) = file::read(&named, bounds::PEM_BYTES_MAX)?;
        let secret = bytes.trim_ascii();
        if secret.is_empty() {
            named.refuse(Problem::new("the file is empty"));
            return None;
        }
        return Some(Secret(secret.into()));
    }
    let text = value.text()?;
    if !text.shown.contains("${") {
        let problem = Problem::new("a secret stands in the configuration itself");
        value.refuse(problem.hint("write `\"${NAME}\"` or `{ file: PATH }`"));
        return None;
    }
    Some(Secret(text.value.as_bytes().into()))
}

/// What we can sign with.
pub(super) fn signing_algorithm(text: &str) -> Result<Algorithm, Problem> {
    match text.parse() {
        Ok(algorithm) if signer::ALGORITHMS.contains(&algorithm) => Ok(algorithm),
        Ok(_) | Err(_) => Err(Problem::new("is no algorithm that we sign with")
            .did_you_mean(text, signer::ALGORITHMS.iter().map(|algorithm| algorithm.as_str()))),
    }
}

/// The private key in the PEM file that `value` names, if it can sign with `algorithm`.
pub(super) fn signing_key(value: &Value<'_>, algorithm: Algorithm) -> Option<Secret> {
    let (_, pem) = file::read(value, bounds::PEM_BYTES_MAX)?;
    let key = match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(PrivateKeyDer::Pkcs8(key)) => key.secret_pkcs8_der().to_vec(),
        Ok(_) | Err(_) => {
            let problem = Problem::new("the file holds no private key in PKCS #8 form");
            value.refuse(
                problem.hint("it begins `-----BEGIN PRIVATE KEY-----`; `openssl pkcs8 -topk8 -nocrypt` makes it"),
            );
            return None;
        }
    };
    if signer::PrivateKey::read(&key, algorithm).is_none() {
        value.refuse(Problem::new(format!("the key cannot sign with {}", algorithm.as_str())));
        return None;
    }
    Some(Secret(key.into()))
}
