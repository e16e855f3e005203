//! Scheme, host and port: where third parties reach the gateway, and where the gateway may fetch; and whether a URI
//! names something there (RFC 3986 §6.2.2, §6.2.3).

use std::fmt;
use std::net::IpAddr;

/// Scheme, host and port as the outside knows them, in one spelling: lower case, no default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Box<str>);

impl Origin {
    /// `https://api.bank.example` or `http://127.0.0.1:8080`, with at most a slash behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, rest) = split(text)?;
        matches!(rest, "" | "/").then(|| Self(origin.into()))
    }

    /// Its text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `uri` is `path` at this origin. Its query and its fragment do not count (RFC 9449 §4.3). A path with dot
    /// segments never is: ours has none.
    pub fn has(&self, uri: &str, path: &str) -> bool {
        let Some((origin, rest)) = split(uri) else { return false };
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (theirs, _) = rest.split_at(end);
        let theirs = if theirs.is_empty() { "/" } else { theirs };
        *origin == *self.0 && Plain(theirs.as_bytes()).eq(Plain(path.as_bytes()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that is at an origin below a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    origin: Origin,
    path: Box<str>,
}

impl Site {
    /// `https://auth.bank.example/statuslists`, or an origin alone. Neither a query nor a path that servers read in
    /// different ways.
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, path) = split(text)?;
        let is_plain = path.is_empty() || is_plain(path);
        is_plain.then(|| Self { origin: Origin(origin.into()), path: path.trim_end_matches('/').into() })
    }

    /// All of the origin that `uri` is at.
    pub fn around(uri: &str) -> Option<Self> {
        let (origin, _) = split(uri)?;
        Some(Self { origin: Origin(origin.into()), path: "".into() })
    }

    /// Whether `uri` is there, whoever reads it: a path with an escape or a dot segment may lead elsewhere (CWE-918).
    pub fn holds(&self, uri: &str) -> bool {
        let Some((origin, rest)) = split(uri) else { return false };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let below = path.strip_prefix(&*self.path);
        *origin == *self.origin.0
            && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            && (path.is_empty() || is_plain(path))
            && query.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
    }
}

/// A path that needs no decoding and no resolving.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&b))
        && path.split('/').all(|segment| !matches!(segment, "." | ".."))
        && !path.contains("//")
}

/// Whether traffic to this host, in lower case and without brackets, stays on the machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Scheme and authority in one spelling, and what follows them as it is.
fn split(uri: &str) -> Option<(String, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    // The colons of an IPv6 address stand within brackets.
    let (host, port) =
        match authority.rfind(':').filter(|at| !authority.get(*at..).is_some_and(|rest| rest.contains(']'))) {
            Some(at) => (authority.get(..at)?, authority.get(at + 1..)?),
            None => (authority, ""),
        };
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
    if !is_host || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    Some((
        if port.is_empty() || port == default {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        },
        rest,
    ))
}

/// The octets of a path with needless escapes undone and the others in upper case.
struct Plain<'p>(&'p [u8]);

impl Iterator for Plain<'_> {
    /// The octet, and whether it stood escaped.
    type Item = (u8, bool);

    fn next(&mut self) -> Option<(u8, bool)> {
        let (first, rest) = self.0.split_first()?;
        let (octet, rest) = match (*first, rest) {
            (b'%', [high, low, rest @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let octet = hex(*high) << 4 | hex(*low);
                ((octet, !(octet.is_ascii_alphanumeric() || b"-._~".contains(&octet))), rest)
            }
            (octet, rest) => ((octet, false), rest),
        };
        self.0 = rest;
        Some(octet)
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_what_never_leaves_the_machine() {
        for good in ["localhost", "127.0.0.1", "127.255.0.1", "::1"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["localhost.example", "128.0.0.1", "0.0.0.0", "::", "::2", "127.0.0.1.example"] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn origins_have_one_spelling() {
        for (text, origin) in [
            ("https://API.bank.example", "https://api.bank.example"),
            ("HTTPS://api.bank.example:443/", "https://api.bank.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), origin);
        }
        for bad in ["", "api", "ftp://a", "https://", "https://a/b", "https://a?b", "https://u@a", "https://a:b", "//a"]
        {
            assert!(Origin::parse(bad).is_none(), "{bad}");
        }
    }

    /// DPOP-9, DPOP-10.
    #[test]
    fn uris_are_compared_in_normal_form_without_query_and_fragment() {
        let origin = Origin::parse("https://api.bank.example").unwrap();
        for same in [
            "https://api.bank.example/a~b/%C3%BC",
            "HTTPS://API.bank.example:443/a%7Eb/%c3%bc?x=1#y",
            "https://api.bank.example:/a~b/%C3%BC#?",
        ] {
            assert!(origin.has(same, "/a~b/%C3%BC"), "{same}");
        }
        for other in [
            "http://api.bank.example/a",
            "https://api.bank.example:8443/a",
            "https://api.bank.example/a/",
            "https://api.bank.example/A",
            "https://api.bank.example/x/../a",
            "https://api.bank.example/%2Fa",
            "https://api.bank.example",
            "https://bank.example/a",
            "https://api.bank.example.evil/a",
            "https://evil@api.bank.example/a",
            "/a",
            "",
        ] {
            assert!(!origin.has(other, "/a"), "{other}");
        }
        assert!(!origin.has("https://api.bank.example/a%2Fb", "/a/b"), "an escaped slash is no slash");
        assert!(origin.has("https://api.bank.example", "/"));
    }
    /// SL-1, CWE-918: what a token names is fetched from nowhere else.
    #[test]
    fn a_site_holds_what_is_below_it_and_nothing_that_only_looks_so() {
        let site = Site::parse("https://auth.bank.example/status/").unwrap();
        for there in [
            "https://auth.bank.example/status",
            "https://auth.bank.example/status/1",
            "HTTPS://Auth.Bank.example:443/status/a/b?x=1",
        ] {
            assert!(site.holds(there), "{there}");
        }
        for elsewhere in [
            "",
            "status/1",
            "//auth.bank.example/status/1",
            "http://auth.bank.example/status/1",
            "https://auth.bank.example:8443/status/1",
            "https://auth.bank.example.evil/status/1",
            "https://auth.bank.example@evil/status/1",
            "https://evil\\@auth.bank.example/status/1",
            "https://u:p@auth.bank.example/status/1",
            "https://169.254.169.254/status/1",
            "https://auth.bank.example/statuses/1",
            "https://auth.bank.example/Status/1",
            "https://auth.bank.example/status/../admin",
            "https://auth.bank.example/status/./1",
            "https://auth.bank.example/status//1",
            "https://auth.bank.example/status/%2e%2e/admin",
            "https://auth.bank.example/status/..;/admin",
            "https://auth.bank.example/status/..\\admin",
            "https://auth.bank.example/status/1#x",
            "https://auth.bank.example/status/1?#x",
            "https://auth.bank.example/status/1 HTTP/1.1",
            "https://auth.bank.example/status/1\r\nx:y",
            "https://auth.bank.example/status/\u{fc}",
            "file:///status/1",
        ] {
            assert!(!site.holds(elsewhere), "{elsewhere}");
        }
        let everything = Site::parse("http://127.0.0.1:9000").unwrap();
        assert_eq!(Site::around("http://127.0.0.1:9000/tenant?x").as_ref(), Some(&everything));
        assert!(everything.holds("http://127.0.0.1:9000") && everything.holds("http://127.0.0.1:9000/a/b"));
        for bad in
            ["", "/a", "ftp://a", "https://a/b?c", "https://a/b#c", "https://a/%41", "https://a/..", "https://u@a"]
        {
            assert!(Site::parse(bad).is_none(), "{bad}");
        }
    }
}
