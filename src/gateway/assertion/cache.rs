//! Remembers signed assertions: one worker's, under one policy, so there is no lock and nothing outlives the rules that
//! it was signed by. Bounded in bytes: paths are the client's to choose.

use crate::clock::UnixSeconds;
use crate::config::bounds::ASSERTIONS_BYTES_MAX;
use http::Method;
use quick_cache::unsync::Cache;
use quick_cache::{Equivalent, Weighter};
use std::cell::RefCell;
use std::rc::Rc;

/// Lines by what they vouch for.
pub(super) struct Remembered(RefCell<Cache<Owned, Signed, Bytes>>);

/// What an assertion is about, all of it: two requests that differ here never share one.
#[derive(Hash)]
pub(super) struct Request<'a> {
    /// The verdict, and so the token, its holder and its scope.
    pub(super) verdict: u64,
    /// Place of the upstream in the policy.
    pub(super) upstream: usize,
    pub(super) host: &'a [u8],
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    /// The client's, by its certificate: a token may be shown by several.
    pub(super) organisation: Option<&'a str>,
}

/// A line, and how long it is used.
pub(super) struct Signed {
    pub(super) line: Rc<[u8]>,
    /// Number of the key.
    pub(super) key: u64,
    /// From then on: a clock that was set back makes it one of the future.
    pub(super) begins: UnixSeconds,
    /// Until then.
    pub(super) stales: UnixSeconds,
}

/// In the order of `Request`, so that both hash alike.
#[derive(PartialEq, Eq, Hash)]
struct Owned {
    verdict: u64,
    upstream: usize,
    host: Box<[u8]>,
    method: Method,
    path: Box<str>,
    organisation: Option<Box<str>>,
}

#[derive(Clone)]
struct Bytes;

impl Remembered {
    pub(super) fn new() -> Self {
        let bytes_max = u64::try_from(ASSERTIONS_BYTES_MAX).unwrap_or(u64::MAX);
        Self(RefCell::new(Cache::with_weighter(ASSERTIONS_BYTES_MAX / COMMON_BYTES, bytes_max, Bytes)))
    }

    /// The line for `request`, if it was signed by this key and is young.
    pub(super) fn find(&self, request: &Request<'_>, key: u64, now: UnixSeconds) -> Option<Rc<[u8]>> {
        let remembered = self.0.borrow();
        let signed = remembered.get(request)?;
        let is_good = signed.key == key && (signed.begins..signed.stales).contains(&now);
        is_good.then(|| Rc::clone(&signed.line))
    }

    pub(super) fn keep(&self, request: &Request<'_>, signed: Signed) {
        let Request { verdict, upstream, host, method, path, organisation } = *request;
        let (host, path, organisation) = (host.into(), path.into(), organisation.map(Into::into));
        let owned = Owned { verdict, upstream, host, method: method.clone(), path, organisation };
        self.0.borrow_mut().insert(owned, signed);
    }
}

impl Equivalent<Owned> for Request<'_> {
    fn equivalent(&self, owned: &Owned) -> bool {
        self.verdict == owned.verdict
            && self.upstream == owned.upstream
            && *self.host == *owned.host
            && *self.method == owned.method
            && *self.path == *owned.path
            && self.organisation == owned.organisation.as_deref()
    }
}

impl Weighter<Owned, Signed> for Bytes {
    fn weight(&self, owned: &Owned, signed: &Signed) -> u64 {
        let bytes = OVERHEAD_BYTES + owned.host.len() + owned.path.len() + signed.line.len();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A line of common length with all that belongs to it.
const COMMON_BYTES: usize = 1200;
/// Of an entry beside its texts.
const OVERHEAD_BYTES: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_000);

    fn request(verdict: u64, path: &str) -> Request<'_> {
        Request { verdict, upstream: 0, host: b"a", method: &Method::GET, path, organisation: None }
    }

    fn signed(line: &str) -> Signed {
        Signed { line: line.as_bytes().into(), key: 1, begins: NOW, stales: UnixSeconds(1_015) }
    }

    #[test]
    fn what_differs_in_anything_is_another_request() {
        let remembered = Remembered::new();
        remembered.keep(&request(1, "/a"), signed("x"));
        assert_eq!(remembered.find(&request(1, "/a"), 1, NOW).as_deref(), Some(&b"x"[..]));
        for (what, other) in [
            ("verdict", request(2, "/a")),
            ("path", request(1, "/A")),
            ("path", request(1, "/a/")),
            ("method", Request { method: &Method::HEAD, ..request(1, "/a") }),
            ("host", Request { host: b"b", ..request(1, "/a") }),
            ("upstream", Request { upstream: 1, ..request(1, "/a") }),
            ("organisation", Request { organisation: Some(""), ..request(1, "/a") }),
        ] {
            assert!(remembered.find(&other, 1, NOW).is_none(), "{what}");
        }
        for (what, key, now) in [("key", 2, 1_000), ("too old", 1, 1_015), ("of the future", 1, 999)] {
            assert!(remembered.find(&request(1, "/a"), key, UnixSeconds(now)).is_none(), "{what}");
        }
        assert!(remembered.find(&request(1, "/a"), 1, UnixSeconds(1_014)).is_some());
    }

    #[test]
    fn memory_is_bounded_however_many_and_long_the_paths_are() {
        let remembered = Remembered::new();
        let bytes_max = u64::try_from(ASSERTIONS_BYTES_MAX).unwrap();
        for (path_bytes, paths) in [(10, 10_000), (8_000, 1_000)] {
            for n in 0..paths {
                let path = format!("/{n:0path_bytes$}");
                remembered.keep(&request(1, &path), signed(&path));
            }
            assert!(remembered.0.borrow().weight() <= bytes_max);
        }
        let longest = "x".repeat(ASSERTIONS_BYTES_MAX);
        remembered.keep(&request(1, "/a"), signed(&longest));
        assert!(remembered.find(&request(1, "/a"), 1, NOW).is_none(), "one that fills all is not kept");
        remembered.keep(&request(1, "/a"), signed("x"));
        assert!(remembered.find(&request(1, "/a"), 1, NOW).is_some());
    }
}
