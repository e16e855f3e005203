//! The signatures of the audit log's checkpoints: Ed25519, so that who verifies need not be able to sign.

use super::chain::{self, Hash};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use std::fmt;

/// Signs checkpoints.
pub struct SigningKey(Ed25519KeyPair);

/// Verifies them.
pub struct VerifyingKey(UnparsedPublicKey<Vec<u8>>);

impl SigningKey {
    /// From PKCS #8 in DER form.
    pub fn read(pkcs8: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Self)
    }

    /// The field with the signature over a line that begins with `line`, and over all before it.
    pub(super) fn sign(&self, before: &Hash, line: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&message(before, line));
        chain::signature_field(&URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl VerifyingKey {
    /// From a public key in PEM form, as `openssl pkey -pubout` writes it.
    pub fn read(pem: &[u8]) -> Option<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
        let key = der.as_ref().strip_prefix(ED25519_INFO).filter(|key| key.len() == 32)?;
        Some(Self(UnparsedPublicKey::new(&ED25519, key.to_vec())))
    }

    /// Whether it signed this line, and all before it.
    pub(super) fn has_signed(&self, before: &Hash, line: &[u8], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.0.verify(&message(before, line), &signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey")
    }
}

/// The words before it keep a signature of ours from being one of something else.
fn message(before: &Hash, line: &[u8]) -> Vec<u8> {
    [b"scopegate audit checkpoint\n", before.as_bytes(), line].concat()
}

/// RFC 8410 §4: `SubjectPublicKeyInfo` up to the key's 32 octets.
const ED25519_INFO: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
