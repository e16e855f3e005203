//! Redirect URIs: what may be registered, and when an asked one is a registered one.
//! Exact comparison and nothing else, except the port of a loopback address (RFC 9700 §2.1, RFC 8252 §7.3).

use crate::oauth::origin::Origin;
use std::fmt;

/// A redirect URI that an application may register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RedirectUri {
    text: String,
    /// The text around the port, for `http` on a loopback address.
    loopback: Option<(String, String)>,
    origin: String,
}

/// Why a text cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadRedirectUri {
    /// Longer than anybody needs.
    TooLong,
    /// Not an absolute URI of characters that a `Location` field can hold.
    NotAUri,
    /// A `*`: RFC 9700 §4.1 tells what wildcards led to.
    Wildcard,
    /// A fragment (RFC 6749 §3.1.2).
    Fragment,
    /// A user name before the host: it only serves to deceive the reader.
    UserInfo,
    /// `http` to another machine.
    PlainHttp,
    /// `localhost` may resolve to somebody else (RFC 8252 §8.3).
    Localhost,
    /// A private-use scheme without a dot (RFC 8252 §7.1), or one that a browser executes.
    Scheme,
}

impl RedirectUri {
    /// Takes a URI that may be registered.
    pub(super) fn parse(text: &str) -> Result<Self, BadRedirectUri> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once(':').ok_or(BadRedirectUri::NotAUri)?;
        match scheme {
            "https" | "http" => Self::of_web(text, scheme, rest),
            _ if is_private_use(scheme) && !rest.is_empty() => {
                Ok(Self { text: text.to_owned(), loopback: None, origin: format!("{scheme}:") })
            }
            _ => Err(BadRedirectUri::Scheme),
        }
    }

    /// Whether `asked` is this URI, character by character; on loopback the port may differ.
    pub(super) fn matches(&self, asked: &str) -> bool {
        if self.text == asked {
            return true;
        }
        self.loopback.is_some() && Self::parse(asked).is_ok_and(|asked| asked.loopback == self.loopback)
    }

    /// As it was registered.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme and authority, as a Content-Security-Policy names a source.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The origin of its pages as a browser writes it: host in lower case, no port that is the scheme's own.
    pub(super) fn web_origin(&self) -> Option<String> {
        Origin::parse(&self.origin).map(|origin| origin.as_str().to_owned())
    }

    fn of_web(text: &str, scheme: &str, rest: &str) -> Result<Self, BadRedirectUri> {
        let rest = rest.strip_prefix("//").ok_or(BadRedirectUri::NotAUri)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.contains('@') {
            return Err(BadRedirectUri::UserInfo);
        }
        let (host, port) = split_port(authority).ok_or(BadRedirectUri::NotAUri)?;
        let is_loopback = scheme == "http" && matches!(host, "127.0.0.1" | "[::1]");
        if scheme == "http" && !is_loopback {
            return Err(if host == "localhost" { BadRedirectUri::Localhost } else { BadRedirectUri::PlainHttp });
        }
        if !is_host(host) || port.is_some_and(|port| !is_port(port)) {
            return Err(BadRedirectUri::NotAUri);
        }
        let loopback = is_loopback.then(|| (host.to_owned(), tail.to_owned()));
        Ok(Self { text: text.to_owned(), loopback, origin: format!("{scheme}://{authority}") })
    }
}

impl fmt::Display for BadRedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "is longer than 512 characters: shorten it",
            Self::NotAUri => "is not an absolute URI: write it as https://app.example/callback",
            Self::Wildcard => "contains a `*`: register each address itself",
            Self::Fragment => "contains a `#`: remove the fragment",
            Self::UserInfo => "contains a user name: remove what stands before the `@`",
            Self::PlainHttp => "uses http to another machine: use https",
            Self::Localhost => "uses localhost: write 127.0.0.1 instead",
            Self::Scheme => "has a scheme that cannot be used: https, or one of your own such as com.example.app",
        })
    }
}

/// Only characters of RFC 3986: none can end a header field, a quoted attribute or a policy's source.
fn check_characters(text: &str) -> Result<(), BadRedirectUri> {
    if text.len() > URI_BYTES_MAX {
        return Err(BadRedirectUri::TooLong);
    }
    if text.contains('*') {
        return Err(BadRedirectUri::Wildcard);
    }
    if text.contains('#') {
        return Err(BadRedirectUri::Fragment);
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&()+,;=%".contains(&b);
    if text.bytes().all(fits) { Ok(()) } else { Err(BadRedirectUri::NotAUri) }
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let after_host = if authority.starts_with('[') { authority.find(']')? + 1 } else { 0 };
    let (literal, rest) = authority.split_at(after_host);
    match rest.split_once(':') {
        Some((name, port)) => Some((authority.get(..literal.len() + name.len())?, Some(port))),
        None => Some((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    host == "[::1]" || (!host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')))
}

/// Digits only: `u16::from_str` would take a sign.
fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn is_private_use(scheme: &str) -> bool {
    scheme.contains('.')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+'))
}

/// Longer ones are attacks on logs and on pages.
const URI_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/callback",
            "https://app.example:8443/cb?a=b",
            "https://app.example",
            "http://127.0.0.1:8765/callback",
            "http://[::1]/cb",
            "com.example.app:/callback",
        ] {
            assert_eq!(RedirectUri::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_may_not() {
        for (bad, why) in [
            ("", BadRedirectUri::NotAUri),
            ("/callback", BadRedirectUri::NotAUri),
            ("https:app.example", BadRedirectUri::NotAUri),
            ("https:///callback", BadRedirectUri::NotAUri),
            ("https://a.example:port/", BadRedirectUri::NotAUri),
            ("https://a.example:/", BadRedirectUri::NotAUri),
            ("https://a.example:+80/", BadRedirectUri::NotAUri),
            ("https://a.example:65536/", BadRedirectUri::NotAUri),
            ("https://a.example;script-src/", BadRedirectUri::NotAUri),
            ("https://a.example/\r\nset-cookie:x", BadRedirectUri::NotAUri),
            ("https://a.example/\"onload", BadRedirectUri::NotAUri),
            ("https://*.example/", BadRedirectUri::Wildcard),
            ("https://a.example/#x", BadRedirectUri::Fragment),
            ("https://bank.example@evil.example/", BadRedirectUri::UserInfo),
            ("http://a.example/", BadRedirectUri::PlainHttp),
            ("http://127.0.0.1.evil.example/", BadRedirectUri::PlainHttp),
            ("http://localhost:3000/", BadRedirectUri::Localhost),
            ("javascript:alert(1)", BadRedirectUri::Scheme),
            ("data:text/html,x", BadRedirectUri::Scheme),
            ("myapp:/callback", BadRedirectUri::Scheme),
            ("HTTPS://a.example/", BadRedirectUri::Scheme),
        ] {
            assert_eq!(RedirectUri::parse(bad), Err(why), "{bad}");
        }
        assert_eq!(RedirectUri::parse(&format!("https://a.example/{}", "x".repeat(600))), Err(BadRedirectUri::TooLong));
    }

    #[test]
    fn comparison_is_exact_but_for_the_port_on_loopback() {
        for (registered, asked, is_match) in [
            ("https://a.example/cb", "https://a.example/cb", true),
            ("https://a.example/cb", "https://a.example/cb/", false),
            ("https://a.example/cb", "https://a.example/cb?x=1", false),
            ("https://a.example/cb", "https://a.example:443/cb", false),
            ("https://a.example/cb", "https://A.example/cb", false),
            ("https://a.example/cb", "https://a.example/cb/../evil", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true),
            ("http://[::1]:1/cb", "http://[::1]:2/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/other", false),
            ("http://127.0.0.1/cb", "http://[::1]/cb", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb", false),
        ] {
            assert_eq!(RedirectUri::parse(registered).unwrap().matches(asked), is_match, "{registered} {asked}");
        }
    }
}
