//! The grants by which a token came to be (RFC 6749 §1.3), as far as a route may ask for them.

use std::fmt;
use std::str::FromStr;

/// How the token was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// A customer consented: RFC 6749 §4.1.
    AuthorizationCode,
    /// The client acts for itself: RFC 6749 §4.4.
    ClientCredentials,
}

impl Grant {
    /// The value of `grant_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl FromStr for Grant {
    type Err = UnknownGrant;

    fn from_str(text: &str) -> Result<Self, UnknownGrant> {
        match text {
            "authorization_code" => Ok(Self::AuthorizationCode),
            "client_credentials" => Ok(Self::ClientCredentials),
            _ => Err(UnknownGrant),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no grant that a route can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownGrant;

impl fmt::Display for UnknownGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a grant: `authorization_code` or `client_credentials`")
    }
}

impl std::error::Error for UnknownGrant {}
