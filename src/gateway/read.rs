//! READ: a request becomes a `Head` with one spelling of host and path, or is refused. Nothing is spelled anew:
//! what is decided on is what is forwarded, byte for byte. A route may replace the beginning of its paths later (`rewrite`).

use super::http1::fields::{self, Fields};
use super::percent;
use super::reason::Reason;
use super::refusal::Refusal;
use super::request::{Request, Target};
use http::{HeaderName, HeaderValue, Method, Version, header};
use smallvec::SmallVec;

/// A request head whose host and path have exactly one reading. Made only by `head`.
#[derive(Debug)]
pub struct Head {
    request: Box<Request>,
    host: Host,
    ends_here: bool,
}

/// A host name in lower case, without port and trailing dot.
#[derive(Debug, PartialEq, Eq)]
pub struct Host(SmallVec<[u8; 40]>);

impl Head {
    /// The method as sent.
    pub fn method(&self) -> &Method {
        &self.request.method
    }

    /// The version that the client speaks.
    pub fn version(&self) -> Version {
        self.request.version
    }

    /// The path as sent; the only spelling of it.
    pub fn path(&self) -> &str {
        self.request.target.path()
    }

    /// Path and query as sent.
    pub fn target(&self) -> &str {
        self.request.target.as_str()
    }

    /// The query as sent, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.request.target.query()
    }

    /// The host asked for.
    pub fn host(&self) -> &[u8] {
        &self.host.0
    }

    /// Whether it may go no further than to us.
    pub fn ends_here(&self) -> bool {
        self.ends_here
    }

    /// The fields as sent, but for a count that is one less.
    pub fn fields(&self) -> &Fields {
        &self.request.fields
    }

    /// The value of the one field of this name, if it goes on: one that `Connection` names ends here (RFC 9110 §7.6.1), and what
    /// somebody is let in for must not be kept from whom he is let in to.
    pub fn passing(&self, name: &HeaderName) -> Option<&[u8]> {
        let mut ending = self.fields().members(header::CONNECTION);
        let ends_here = ending.any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()));
        self.fields().only(name).filter(|_| !ends_here)
    }
}

/// Checks what every later stage relies on. `target_bytes_max` bounds path and query.
pub fn head(mut request: Box<Request>, target_bytes_max: usize) -> Result<Head, Refusal> {
    check_target(&request.target, target_bytes_max)?;
    check_method(&request)?;
    check_expectation(&request)?;
    let host = host(&request)?;
    check_path(&request.target)?;
    let ends_here = count_down(&mut request)? == Hops::None;
    Ok(Head { request, host, ends_here })
}

/// RFC 3986 §3.4: no octets beyond ASCII are part of a query.
fn check_target(target: &Target, target_bytes_max: usize) -> Result<(), Refusal> {
    match target.query() {
        _ if target.as_str().len() > target_bytes_max => Err(Reason::TargetTooLong.into()),
        Some(query) if !query.is_ascii() => Err(Reason::HeadMalformed.into()),
        Some(_) | None => Ok(()),
    }
}

/// RFC 9110 §9.3.6: a tunnel is for proxies that clients choose. No resource has this method, so `Allow` is empty.
fn check_method(request: &Request) -> Result<(), Refusal> {
    if request.method == Method::CONNECT {
        return Err(Refusal::method_unknown(HeaderValue::from_static("")));
    }
    Ok(())
}

/// RFC 9110 §10.1.1: an unknown expectation cannot be met; HTTP/1.0 has none.
fn check_expectation(request: &Request) -> Result<(), Refusal> {
    let mut expected = request.fields.all("expect");
    let is_known = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    if request.version >= Version::HTTP_11 && !expected.all(is_known) {
        return Err(Reason::ExpectationUnknown.into());
    }
    Ok(())
}

/// Whether a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hops {
    /// No further than to us.
    None,
    /// At least to the next.
    Some,
}

/// RFC 9110 §7.6.2: an `OPTIONS` may say how often it may be forwarded, and is forwarded with one less. With other methods
/// the count means nothing, and passes.
fn count_down(request: &mut Request) -> Result<Hops, Refusal> {
    if request.method != Method::OPTIONS || !request.fields.has(header::MAX_FORWARDS) {
        return Ok(Hops::Some);
    }
    let count = request.fields.only(header::MAX_FORWARDS).and_then(fields::text);
    let is_count = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let count = count.filter(is_count).ok_or(Reason::HeadMalformed)?;
    // Who allows more hops than a count of ours holds has as many as that.
    let Some(left) = count.parse().unwrap_or(u32::MAX).checked_sub(1) else { return Ok(Hops::None) };
    request.fields.set(header::MAX_FORWARDS.as_str(), left.to_string().as_bytes());
    Ok(Hops::Some)
}

/// RFC 9112 §3.2: exactly one `Host`; §3.2.2: in absolute form the target decides, and we ask that both agree.
fn host(request: &Request) -> Result<Host, Refusal> {
    let field = request.fields.only("host").ok_or(Reason::HostConflict)?;
    if let Some(authority) = request.target.authority()
        && !authority.as_bytes().eq_ignore_ascii_case(field)
    {
        return Err(Reason::HostConflict.into());
    }
    Host::parse(field).ok_or_else(|| Reason::HostConflict.into())
}

impl Host {
    /// `uri-host [ ":" port ]` (RFC 9110 §7.2): a registered name of letters, digits, `-`, `.`, `_`, or an IPv6 literal.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (name, port) = match bytes.first()? {
            b'[' => bytes.split_at(bytes.iter().position(|b| *b == b']')? + 1),
            _ => bytes.split_at(bytes.iter().position(|b| *b == b':').unwrap_or(bytes.len())),
        };
        let port_is_good = match port {
            [] => true,
            [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        // A trailing dot names the same host (RFC 3986 §3.2.2); matching must not depend on it.
        let name = name.strip_suffix(b".").unwrap_or(name);
        let name_is_good = !name.is_empty()
            && match name {
                [b'[', literal @ .., b']'] => literal.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')),
                _ => name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
            };
        (port_is_good && name_is_good).then(|| {
            let mut name = SmallVec::from_slice(name);
            name.make_ascii_lowercase();
            Self(name)
        })
    }
}

/// Refuses every spelling that an upstream could read as another path than the one our rules saw: CVE-2019-9901,
/// CVE-2021-29492, CVE-2025-66490 and CVE-2026-33494 of other gateways are one of these bytes each.
fn check_path(target: &Target) -> Result<(), Refusal> {
    // In absolute form the path may be left out; what is written upstream would then begin with the query.
    if is_canonical(target.path().as_bytes()) { Ok(()) } else { Err(Reason::PathAmbiguous.into()) }
}

/// Whether `path` has one reading: absolute, no empty or dot segment, only RFC 3986 `pchar` without `;`, and
/// percent-encoding only where it is needed and cannot be decoded into structure.
pub fn is_canonical(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else {
        return false;
    };
    let mut segments = rest.split(|b| *b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.is_empty() && !is_last || segment == b"." || segment == b".." || !is_segment(segment) {
            return false;
        }
    }
    true
}

fn is_segment(segment: &[u8]) -> bool {
    if segment.iter().all(|b| is_plain(*b)) {
        return true;
    }
    let mut decoded = SmallVec::<[u8; 64]>::new();
    let mut rest = segment.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => match rest.next().zip(rest.next()).and_then(|(high, low)| percent::octet(*high, *low)) {
                Some(octet) if may_be_encoded(octet) => decoded.push(octet),
                Some(_) | None => return false,
            },
            plain if is_plain(*plain) => decoded.push(*plain),
            _ => return false,
        }
    }
    // Overlong and broken UTF-8 is decoded differently by different servers.
    std::str::from_utf8(&decoded).is_ok()
}

/// `pchar` (RFC 3986 §3.3) without `%`, and without `;`: servlet containers cut path parameters off.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

/// An encoded octet that decodes to no structure and had to be encoded: not an unreserved character
/// (RFC 3986 §2.3: such spellings are equivalent to the plain one), no separator, no control, no second `%`.
fn may_be_encoded(octet: u8) -> bool {
    !(octet.is_ascii_alphanumeric()
        || octet.is_ascii_control()
        || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'/' | b'\\' | b'%' | b';' | b'?' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(request: http::request::Builder) -> Result<Head, Reason> {
        head(Box::new(request.body(()).unwrap().into_parts().0.into()), 8192).map_err(|refusal| refusal.reason())
    }

    #[test]
    fn paths_with_one_reading_pass() {
        for path in [
            "/",
            "/accounts",
            "/accounts/",
            "/a/b/c",
            "/a/%C5%9F",
            "/a/%c5%9f",
            "/a/x%20y",
            "/~a/b_c-d.e",
            "/a/...",
            "/a/.b",
            "/a/b..",
            "/a/!$&'()*+,=:@",
            "/a/%40",
            "/a/%2C",
        ] {
            assert!(is_canonical(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_with_two_readings_are_refused() {
        for path in [
            "",
            "accounts",
            "*",
            "//",
            "/a//b",
            "//a",
            "/a//",
            "/.",
            "/..",
            "/a/..",
            "/a/../b",
            "/a/./b",
            "/./a",
            "/a/%2e%2e/b",
            "/a/.%2e/b",
            "/a/%2E/b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a/b;x=1",
            "/a%3Bb",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/a%25",
            "/a%252e",
            "/a%3fb",
            "/a%23b",
            "/a#b",
            "/%61ccounts",
            "/a%2D",
            "/a%7E",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%c5",
            "/a%ff",
            "/a%c0%af",
            "/a%ed%a0%80",
            "/a\u{e7}",
            "/a b",
            "/a\"",
            "/a<",
            "/a{b}",
            "/a|b",
            "/a^",
            "/a`",
            "/a[b]",
        ] {
            assert!(!is_canonical(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn exactly_one_host_that_agrees_with_the_target() {
        let get = || http::Request::get("/a");
        assert_eq!(read(get().header("host", "API.Bank.Example.:8443")).unwrap().host(), b"api.bank.example");
        assert_eq!(read(get().header("host", "[::1]:80")).unwrap().host(), b"[::1]");
        assert!(read(http::Request::get("http://Api.bank/a").header("host", "api.bank")).is_ok());
        for bad in ["", ":80", "a b", "a,b", "a/b", "a@b", "a:b", "a:123456", "[::1", "[::1]x", "a%2e", ".", "[]x"] {
            assert_eq!(read(get().header("host", bad)).unwrap_err(), Reason::HostConflict, "{bad:?}");
        }
        assert_eq!(read(get()).unwrap_err(), Reason::HostConflict);
        assert_eq!(read(get().header("host", "a").header("host", "a")).unwrap_err(), Reason::HostConflict);
        let no_path = http::Request::get("http://a.example?x=1").header("host", "a.example");
        assert_eq!(read(no_path).unwrap_err(), Reason::PathAmbiguous);
        let other = http::Request::get("http://b.example/a").header("host", "a.example");
        assert_eq!(read(other).unwrap_err(), Reason::HostConflict);
    }

    #[test]
    fn the_target_is_bounded_and_only_100_continue_is_expected() {
        let at = |bytes: usize| read(http::Request::get(format!("/{}", "a".repeat(bytes - 1))).header("host", "a"));
        assert!(at(8192).is_ok());
        assert_eq!(at(8193).unwrap_err(), Reason::TargetTooLong);
        let expecting = |what: &str| read(http::Request::post("/a").header("host", "a").header("expect", what));
        assert!(expecting("100-Continue").is_ok());
        assert_eq!(expecting("a-pony").unwrap_err(), Reason::ExpectationUnknown);
    }

    #[test]
    fn an_options_request_is_counted_down() {
        let with = |method: &str, counts: &[&str]| {
            let request = http::Request::builder().method(method).uri("/a").header("host", "a");
            read(counts.iter().fold(request, |request, count| request.header("max-forwards", *count)))
        };
        for (count, left) in [
            ("1", "0"),
            ("10", "9"),
            ("007", "6"),
            ("4294967295", "4294967294"),
            ("99999999999999999999", "4294967294"),
        ] {
            let head = with("OPTIONS", &[count]).unwrap();
            assert_eq!(
                (head.ends_here(), head.fields().only(header::MAX_FORWARDS).unwrap()),
                (false, left.as_bytes()),
                "{count}"
            );
        }
        assert!(with("OPTIONS", &["0"]).unwrap().ends_here());
        assert!(with("OPTIONS", &["00"]).unwrap().ends_here());
        assert!(!with("OPTIONS", &[]).unwrap().ends_here());
        for bad in [&[""][..], &["-1"], &["+1"], &["1 "], &["1, 1"], &["a"], &["1.0"], &["1", "1"], &["0", "0"]] {
            assert_eq!(with("OPTIONS", bad).unwrap_err(), Reason::HeadMalformed, "{bad:?}");
        }
        for method in ["GET", "POST"] {
            let head = with(method, &["0", "x"]).unwrap();
            assert!(!head.ends_here() && head.fields().all(header::MAX_FORWARDS).eq([&b"0"[..], b"x"]), "{method}");
        }
    }

    #[test]
    fn what_connection_names_does_not_go_on() {
        let with = |connection: &[&str]| {
            let request =
                http::Request::get("/a").header("host", "a").header("x-a", "1").header("x-b", "1").header("x-b", "2");
            read(connection.iter().fold(request, |request, options| request.header("connection", *options))).unwrap()
        };
        let [once, twice] = [HeaderName::from_static("x-a"), HeaderName::from_static("x-b")];
        for connection in [&[][..], &["close"], &["x-aa, x-, x"], &["x-b"], &["", ","]] {
            assert_eq!(with(connection).passing(&once), Some(&b"1"[..]), "{connection:?}");
        }
        for connection in [&["x-a"][..], &["close, X-A"], &["close", "\tx-a ,"]] {
            assert_eq!(with(connection).passing(&once), None, "{connection:?}");
        }
        assert_eq!(with(&[]).passing(&twice), None, "there are two");
    }

    proptest! {
        /// What passes has no second spelling: decoding it and encoding what must be encoded gives it back
        /// up to the case of the hex digits, and no decoder can find structure in it that was not there.
        #[test]
        fn a_canonical_path_decodes_to_the_same_segments(path in "(/|%|2|e|E|f|F|\\.|a|5|c|;|C|9|\\\\){0,12}") {
            if is_canonical(path.as_bytes()) {
                let mut decoded = Vec::new();
                let mut rest = path.bytes();
                while let Some(b) = rest.next() {
                    decoded.push(if b == b'%' { percent::octet(rest.next().unwrap(), rest.next().unwrap()).unwrap() } else { b });
                }
                let separators = |bytes: &[u8]| bytes.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
                prop_assert_eq!(separators(&decoded), separators(path.as_bytes()));
                let decoded = String::from_utf8(decoded).unwrap();
                prop_assert!(decoded.split('/').all(|segment| segment != ".." && segment != "."));
            }
        }

        #[test]
        fn no_bytes_make_the_check_panic(path in proptest::collection::vec(any::<u8>(), 0..64)) {
            is_canonical(&path);
        }
    }
}
