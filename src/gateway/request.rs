//! A request as it arrived, by whichever version of HTTP: nothing of it was judged yet but that it is one.

use super::http1::fields::Fields;
use crate::config::limits::TARGET_BYTES_MOST;
use http::request::Parts;
use http::{Method, Uri, Version};
use std::rc::Rc;

/// The head of a request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// What is asked for.
    pub target: Target,
    /// The version that the client speaks.
    pub version: Version,
    /// Its fields, their names in lower case.
    pub fields: Fields,
}

/// What is asked for (RFC 9112 §3.2): path and query, and in absolute form whose. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Path and query; empty for a client that names an authority alone.
    text: Rc<str>,
    path_bytes: usize,
    authority: Option<Rc<str>>,
}

impl Target {
    /// Reads the target of a request line. Nearly all are in origin form (§3.2.1); of the others the HTTP library knows which
    /// are. Neither takes a fragment: the library would cut it off, and what is decided on would not be what was asked.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok().filter(|text| text.len() <= TARGET_BYTES_MOST)?;
        if !text.starts_with('/') {
            let is_visible = text.bytes().all(|octet| octet > b' ' && octet != 0x7f && octet != b'#');
            return text.parse().ok().filter(|_| is_visible).map(|uri| Self::from(&uri));
        }
        let path_bytes = octets.iter().position(|octet| !may_stand(*octet, PATH)).unwrap_or(octets.len());
        let is_query = match octets.get(path_bytes..)? {
            [] => true,
            [b'?', query @ ..] => query.iter().all(|octet| may_stand(*octet, QUERY)),
            _ => false,
        };
        is_query.then(|| Self { text: text.into(), path_bytes, authority: None })
    }

    /// Path and query.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.text.get(..self.path_bytes).unwrap_or_default()
    }

    /// The query, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_bytes..)?.strip_prefix('?')
    }

    /// Whose path it is, as far as the target itself says it.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }
}

impl From<&Uri> for Target {
    fn from(uri: &Uri) -> Self {
        let text: Rc<str> = uri.path_and_query().map_or("", |target| target.as_str()).into();
        let path_bytes = memchr::memchr(b'?', text.as_bytes()).unwrap_or(text.len());
        Self { text, path_bytes, authority: uri.authority().map(|authority| authority.as_str().into()) }
    }
}

/// One of HTTP/2.
impl From<Parts> for Request {
    fn from(parts: Parts) -> Self {
        let Parts { method, uri, version, headers, .. } = parts;
        Self { method, target: Target::from(&uri), version, fields: Fields::from(&headers) }
    }
}

/// Whether an octet may stand in this part of a target. It is what the WHATWG's URL lets stand, and so browsers send; of paths
/// `read` lets less pass.
fn may_stand(octet: u8, part: u8) -> bool {
    // One load in place of comparisons: every octet of every target comes by here.
    PARTS.get(usize::from(octet)).is_some_and(|parts| parts & part != 0)
}

/// The parts of a target, as bits.
const PATH: u8 = 1;
const QUERY: u8 = 2;
#[expect(clippy::indexing_slicing, reason = "beyond the table it would not compile")]
static PARTS: [u8; 256] = {
    let mut parts = [0; 256];
    let mut octet = 0_u8;
    loop {
        parts[octet as usize] = match octet {
            b'!' | b'$'..=b';' | b'=' | b'@'..=b'_' | b'a'..=b'~' | 0x80.. => PATH | QUERY,
            b'"' => PATH,
            b'?' | b'`' => QUERY,
            _ => 0,
        };
        if octet == u8::MAX {
            break parts;
        }
        octet += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the HTTP library makes of it, and hyper's tokenizer lets through to it.
    fn by_others(octets: &[u8]) -> Option<Target> {
        let line = [b"GET ", octets, b" HTTP/1.1\r\n\r\n"].concat();
        let mut request = httparse::Request::new(&mut []);
        let path = request.parse(&line).ok().and(request.path).filter(|path| path.as_bytes() == octets)?;
        Uri::try_from(path).ok().map(|uri| Target::from(&uri))
    }

    #[test]
    fn a_target_is_a_path_and_a_query() {
        for (text, path, query) in [
            ("/", "/", None),
            ("/a/b", "/a/b", None),
            ("/a?", "/a", Some("")),
            ("/a?b?c=/", "/a", Some("b?c=/")),
            ("/?\u{e7}", "/", Some("\u{e7}")),
        ] {
            let target = Target::parse(text.as_bytes()).unwrap();
            assert_eq!((target.as_str(), target.path(), target.query(), target.authority()), (text, path, query, None));
        }
    }

    #[test]
    fn in_absolute_form_it_says_whose() {
        let target = Target::parse(b"http://Api.bank:80/a?b").unwrap();
        assert_eq!((target.as_str(), target.authority()), ("/a?b", Some("Api.bank:80")));
        assert_eq!(Target::parse(b"http://api.bank").unwrap().as_str(), "/");
        assert_eq!(Target::parse(b"api.bank:443").unwrap().as_str(), "");
        assert_eq!(Target::parse(b"*").unwrap().as_str(), "*");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in
            ["", " ", "a/b", "http://", "http:///a", "/a b", "/a\tb", "/a\0", "/a\x7f", "/<", "/a`", "/?<", "?a"]
        {
            assert_eq!(Target::parse(text.as_bytes()), None, "{text:?}");
        }
        for text in ["/a#b", "#", "/#", "/?#", "http://a/#b", "*#"] {
            assert_eq!(Target::parse(text.as_bytes()), None, "others cut {text:?}");
        }
        assert!(Target::parse(&[b"/", &vec![b'a'; TARGET_BYTES_MOST - 1][..]].concat()).is_some());
        assert_eq!(Target::parse(&[b"/", &vec![b'a'; TARGET_BYTES_MOST][..]].concat()), None);
        assert_eq!(Target::parse(b"/\xe7"), None, "no UTF-8");
    }

    #[test]
    fn every_octet_stands_where_others_let_it_stand_and_nowhere_else() {
        for octet in (0..=u8::MAX).filter(|octet| *octet != b'#') {
            for text in [[b'/', octet], [octet, b'/'], [b'?', octet]] {
                assert_eq!(Target::parse(&text), by_others(&text), "{text:?}");
                let after = [b"/?", &text[..]].concat();
                assert_eq!(Target::parse(&after), by_others(&after), "{after:?}");
            }
        }
    }

    proptest! {
        /// What we read, others read as the same; what only they read has a fragment.
        #[test]
        fn others_read_the_same(text in "(/|http://a|https://|[a-c]:|\\*)?[/a?#@:\u{e7}`\"{<%\\[\\] .]{0,8}") {
            let theirs = by_others(text.as_bytes()).filter(|_| !text.contains('#'));
            prop_assert_eq!(Target::parse(text.as_bytes()), theirs);
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            Target::parse(&octets);
        }
    }
}
