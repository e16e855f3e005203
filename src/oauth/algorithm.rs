//! The signature algorithms of JOSE that a gateway may accept, and how each verifies.

use aws_lc_rs::signature::{self, RsaParameters, VerificationAlgorithm};
use std::fmt;
use std::str::FromStr;

/// The signature algorithms that can be allowed (RFC 7518 §3.1, RFC 8037). No `none`, no shared secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in the order of RFC 7518.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Names are compared as they are: `rs256` and `None` are unknown (RFC 8725 §3.1). RFC 9864 has a name of its own for
    /// the one kind of `EdDSA` there is here.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let text = if text == "Ed25519" { Self::EdDsa.as_str() } else { text };
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

/// What verifies a signature. Lengths and encodings are exact: an ECDSA signature is two numbers of the curve's size
/// (RFC 7518 §3.4), never DER; a PSS salt is as long as the digest (§3.5).
#[derive(Clone, Copy)]
pub(super) enum Method {
    /// With an RSA key of 2,048 to 8,192 bits.
    Rsa(&'static RsaParameters),
    /// With a point on a curve.
    Curve(&'static dyn VerificationAlgorithm),
}

impl Algorithm {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Rs256 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Method::Curve(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Method::Curve(&signature::ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => Method::Curve(&signature::ED25519),
        }
    }
}

/// The text names no algorithm that can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an accepted algorithm: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA")
    }
}

impl std::error::Error for UnknownAlgorithm {}
