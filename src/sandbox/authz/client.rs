//! Client authentication at the token endpoint (RFC 6749 §2.3): by Basic, in the form, or by PKCE alone for
//! applications that cannot keep a secret. One way per request, never in the address.

use super::token_fault::{Scheme, TokenFault};
use crate::sandbox::Site;
use crate::sandbox::form::{self, Params};
use crate::sandbox::secret::Digest;
use crate::sandbox::store::{Application, Authentication};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use std::net::IpAddr;
use std::sync::Arc;

/// What the request says about who sent it.
#[derive(Debug, PartialEq, Eq)]
struct Claimed {
    client_id: String,
    secret: Option<String>,
    scheme: Scheme,
}

/// The application that sent the request.
pub(super) async fn authenticate(
    site: &Site,
    headers: &HeaderMap,
    params: &Params,
    peer: IpAddr,
) -> Result<Arc<Application>, TokenFault> {
    let claimed = Claimed::read(headers, params)?;
    site.attempts
        .spend(&claimed.client_id, peer, site.clock.now())
        .map_err(|wait| TokenFault::TooManyAttempts(wait.0))?;
    let application = site.store.application(&claimed.client_id).await?;
    // Asked and compared also for unknown clients: how long the answer takes must not tell which ids exist.
    let secrets = site.store.secrets(&claimed.client_id).await?;
    let shown = claimed.secret.as_deref().map(Digest::of);
    let right = secrets.iter().find(|held| shown.is_some_and(|shown| shown.equals(&held.digest)));
    let may_pass = match application.as_ref().map(|application| application.authentication) {
        Some(Authentication::Secret) => right.is_some(),
        Some(Authentication::None) => claimed.secret.is_none(),
        Some(Authentication::PrivateKey) | None => false,
    };
    let application = application.filter(|_| may_pass).ok_or(TokenFault::ClientUnknown(claimed.scheme))?;
    if let Some(secret) = right {
        site.store.note_use(secret, site.clock.now()).await?;
    }
    site.attempts.forgive(&claimed.client_id, peer);
    Ok(application)
}

impl Claimed {
    fn read(headers: &HeaderMap, params: &Params) -> Result<Self, TokenFault> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let field = fields.next();
        if fields.next().is_some() {
            return Err(TokenFault::TwoAuthentications);
        }
        if params.get("client_assertion").is_some() {
            return Err(TokenFault::ClientUnknown(Scheme::Form));
        }
        match field {
            Some(field) => {
                let claimed = Self::of_basic(field.as_bytes()).ok_or(TokenFault::ClientUnknown(Scheme::Basic))?;
                let differs = params.get("client_id").is_some_and(|id| id != claimed.client_id);
                if params.get("client_secret").is_some() || differs {
                    return Err(TokenFault::TwoAuthentications);
                }
                Ok(claimed)
            }
            None => Ok(Self {
                client_id: params.get("client_id").ok_or(TokenFault::ClientUnknown(Scheme::Form))?.to_owned(),
                secret: params.get("client_secret").map(str::to_owned),
                scheme: Scheme::Form,
            }),
        }
    }

    /// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined, so that `:` may stand in both.
    fn of_basic(field: &[u8]) -> Option<Self> {
        let (scheme, credentials) = field.split_at_checked(BASIC.len())?;
        if !scheme.eq_ignore_ascii_case(BASIC) {
            return None;
        }
        let pair = STANDARD.decode(credentials.trim_ascii()).ok()?;
        let colon = pair.iter().position(|b| *b == b':')?;
        let (client_id, secret) = pair.split_at(colon);
        let [client_id, secret] = [client_id, secret.get(1..)?].map(|text| form::decode(text).ok());
        let secret = Some(secret?).filter(|secret| !secret.is_empty());
        Some(Self { client_id: client_id?, secret, scheme: Scheme::Basic })
    }
}

const BASIC: &[u8] = b"basic ";

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pair: &str) -> Option<(String, Option<String>)> {
        let field = format!("Basic {}", STANDARD.encode(pair));
        Claimed::of_basic(field.as_bytes()).map(|claimed| (claimed.client_id, claimed.secret))
    }

    #[test]
    fn id_and_secret_are_form_encoded() {
        for (pair, id, secret) in [
            ("app:secret", "app", Some("secret")),
            ("a%3Ab:p%2Bq", "a:b", Some("p+q")),
            ("a+b:100%25:x", "a b", Some("100%:x")),
            ("%C3%A7:%C5%9F", "ç", Some("ş")),
            ("app:", "app", None),
        ] {
            assert_eq!(basic(pair), Some((id.to_owned(), secret.map(str::to_owned))), "{pair}");
        }
    }

    #[test]
    fn what_is_not_basic_is_refused() {
        for pair in ["no-colon", "a%:b", "a:%zz"] {
            assert_eq!(basic(pair), None, "{pair}");
        }
        for field in ["Bearer abc", "Basic", "Basic !!!", "Basicabc"] {
            assert_eq!(Claimed::of_basic(field.as_bytes()), None, "{field}");
        }
    }
}
