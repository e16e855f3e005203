//! CREDENTIALS: finds the one bearer token of a request. Nothing else reads `Authorization`.

use super::percent;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use super::verify::memo::Memo;
use crate::config::bounds::TOKEN_BYTES_MAX;
use crate::oauth::bearer::{self, Credentials, Scheme};
use http::HeaderName;

/// The one token of a request. No `Debug`, so that it cannot reach a log.
pub struct Bearer<'h> {
    token: &'h [u8],
    scheme: Scheme,
}

impl<'h> Bearer<'h> {
    /// The token's text.
    pub fn token(&self) -> &'h [u8] {
        self.token
    }

    /// How it was presented.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// Whether the DPoP scheme is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dpop {
    /// Its proofs are checked.
    Accepted,
    /// It means nothing to us.
    Unknown,
}

/// Refuses a token in the query, whatever else the request carries: URLs end up in logs and histories
/// (RFC 9700 §4.3.2). It comes before routing, so that an unknown path does not hide it.
pub fn refuse_query_token(head: &Head) -> Result<(), Refusal> {
    match head.query() {
        Some(query) if has_token_parameter(query.as_bytes()) => {
            let twice = head.fields().has("authorization");
            Err(if twice { Reason::TokenTwice } else { Reason::TokenInQuery }.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// The tokens that stand in the query, decoded: they have leaked.
pub fn leaked(head: &Head) -> impl Iterator<Item = Vec<u8>> {
    let parameters = head.query().unwrap_or_default().as_bytes().split(|b| matches!(b, b'&' | b';'));
    let pairs = parameters.filter_map(|parameter| memchr::memchr(b'=', parameter).map(|at| parameter.split_at(at)));
    pairs.filter(|(name, _)| is_token_name(name)).take(LEAKED_MAX).filter_map(|(_, value)| {
        let token = percent::decoded(value.get(1..).unwrap_or_default());
        is_token(&token).then_some(token)
    })
}

/// Finds the token. It is not forwarded: `forward::headers` leaves the field out (RFC 9700 §4.9.3). The one that
/// `memo` holds passed the grammar before; looking at each of its octets again would cost as much as the rest. DPoP is
/// a scheme like any other where nobody checks proofs.
pub fn find<'h>(head: &'h Head, memo: &Memo, dpop: Dpop) -> Result<Bearer<'h>, Refusal> {
    let mut fields = head.fields().all("authorization");
    let field = match (fields.next(), fields.next()) {
        (None, _) => return Err(Reason::TokenMissing.into()),
        (Some(field), None) => field,
        (Some(_), Some(_)) => return Err(Reason::TokenTwice.into()),
    };
    match bearer::parse(field) {
        Credentials::Token(Scheme::Dpop, _) | Credentials::Malformed(Scheme::Dpop) if dpop == Dpop::Unknown => {
            Err(Reason::TokenMissing.into())
        }
        Credentials::Token(scheme, token) if memo.holds(token) || is_token(token) => Ok(Bearer { token, scheme }),
        Credentials::Token(scheme, _) | Credentials::Malformed(scheme) => {
            Err(Refusal::from(Reason::TokenMalformed).presented(scheme))
        }
        Credentials::OtherScheme => Err(Reason::TokenMissing.into()),
    }
}

/// Finds the customer's token in a field of its own, where the route asks for two. It has no scheme there.
pub fn find_customers<'h>(head: &'h Head, field: &HeaderName, memo: &Memo) -> Result<Bearer<'h>, Refusal> {
    let mut fields = head.fields().all(field);
    match (fields.next(), fields.next()) {
        (None, _) => Err(Reason::CustomerTokenMissing.into()),
        (Some(token), None) if memo.holds(token) || is_token(token) => Ok(Bearer { token, scheme: Scheme::Bearer }),
        (Some(_), None) => Err(Reason::TokenMalformed.into()),
        (Some(_), Some(_)) => Err(Reason::TokenTwice.into()),
    }
}

fn is_token(text: &[u8]) -> bool {
    text.len() <= TOKEN_BYTES_MAX && bearer::is_b64token(text)
}

/// Whether a parameter's name decodes to `access_token` (RFC 6750 §2.3). `;` separates parameters for some
/// servers, so it does here.
fn has_token_parameter(query: &[u8]) -> bool {
    query.split(|b| matches!(b, b'&' | b';')).any(|parameter| {
        let name = parameter.split(|b| *b == b'=').next().unwrap_or_default();
        is_token_name(name)
    })
}

/// Compares while decoding, in any case: a server behind us may fold names.
fn is_token_name(name: &[u8]) -> bool {
    let mut wanted = TOKEN_PARAMETER.iter();
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        let (octet, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => match percent::octet(*high, *low) {
                Some(octet) => (octet, tail),
                None => return false,
            },
            _ => (*first, tail),
        };
        if wanted.next() != Some(&octet.to_ascii_lowercase()) {
            return false;
        }
        rest = tail;
    }
    wanted.next().is_none()
}

const TOKEN_PARAMETER: &[u8] = b"access_token";
/// Tokens in one query that are looked at: nobody sends two by mistake.
const LEAKED_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::read;

    fn head(uri: &str, fields: &[(&str, &str)]) -> Head {
        let mut request = http::Request::get(uri).header("host", "a");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        read::head(Box::new(request.body(()).unwrap().into_parts().0.into()), 8192).unwrap()
    }

    #[test]
    fn a_token_in_the_query_is_found_in_every_spelling() {
        for query in [
            "access_token=x",
            "a=1&access_token=x",
            "access_token",
            "access_token=",
            "access%5Ftoken=x",
            "%61ccess_token=x",
            "a;access_token=x",
            "ACCESS_TOKEN=x",
            "&&access_token=x",
        ] {
            let refused = refuse_query_token(&head(&format!("/a?{query}"), &[])).unwrap_err();
            assert_eq!(refused.reason(), Reason::TokenInQuery, "{query}");
        }
        for query in [
            "",
            "a=access_token",
            "xaccess_token=1",
            "access_tokens=1",
            "access_toke=n",
            "access%255Ftoken=x",
            "access%5token=1",
        ] {
            assert!(refuse_query_token(&head(&format!("/a?{query}"), &[])).is_ok(), "{query}");
        }
        let both = head("/a?access_token=x", &[("authorization", "Bearer x")]);
        assert_eq!(refuse_query_token(&both).unwrap_err().reason(), Reason::TokenTwice);
    }

    #[test]
    fn leaked_tokens_are_decoded() {
        let found = |query: &str| leaked(&head(&format!("/a?{query}"), &[])).collect::<Vec<_>>();
        assert_eq!(found("x=1&access%5Ftoken=a%2Eb%2ec"), [b"a.b.c".to_vec()]);
        assert_eq!(found("access_token=a;access_token=b&access_token=c"), [b"a".to_vec(), b"b".to_vec()]);
        for none in ["access_token", "access_token=", "access_token=%zz", "access_token=a%20b", "token=a"] {
            assert!(found(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn the_one_token_is_found() {
        let head = head("/a", &[("authorization", "bearer  abc.def")]);
        assert_eq!(find(&head, &Memo::default(), Dpop::Unknown).ok().unwrap().token(), b"abc.def");
    }

    #[test]
    fn anything_but_one_token_is_refused() {
        let longest = format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX));
        assert!(find(&head("/a", &[("authorization", &longest)]), &Memo::default(), Dpop::Unknown).is_ok());
        let too_long = format!("{longest}a");
        for (fields, reason) in [
            (&[][..], Reason::TokenMissing),
            (&[("authorization", "Basic YTpi")], Reason::TokenMissing),
            (&[("authorization", "DPoP abc")], Reason::TokenMissing),
            (&[("authorization", "Bearer")], Reason::TokenMalformed),
            (&[("authorization", "Bearer a,b")], Reason::TokenMalformed),
            (&[("authorization", &too_long)], Reason::TokenMalformed),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Reason::TokenTwice),
            (&[("authorization", "Basic a"), ("authorization", "Bearer b")], Reason::TokenTwice),
        ] {
            assert_eq!(
                find(&head("/a", fields), &Memo::default(), Dpop::Unknown).err().unwrap().reason(),
                reason,
                "{fields:?}"
            );
        }
    }
}
