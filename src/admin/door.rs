//! Who is let in. On loopback nobody shows anything, so that what a browser could be led to do there is refused: a page under
//! another host name (DNS rebinding), and changes on behalf of another page (cross-site request forgery). Elsewhere a token
//! or a certificate is needed, but to ask whether we live and are ready.

use super::text;
use crate::clock::UnixSeconds;
use crate::digest::sha256;
use aws_lc_rs::constant_time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use rustls::ServerConfig;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the admin listener asks for.
#[derive(Debug)]
pub struct Access {
    /// `None`: plain text.
    pub tls: Option<Arc<ServerConfig>>,
    /// What `tls` was made of, as far as it is public.
    pub material: Option<Vec<Vec<u8>>>,
    /// What it shows.
    pub certificate: Option<Certificate>,
    /// SHA-256 of the token that opens it.
    pub token: Option<[u8; 32]>,
    /// Whether a client certificate opens it: TLS takes those of the right authorities only.
    pub takes_certificates: bool,
    /// Whom probes are answered.
    pub probes: Probes,
    /// Under which hosts it is asked, in lower case, beside loopback's.
    pub hosts: Vec<Box<str>>,
    /// Where it listens.
    pub address: IpAddr,
}

/// The certificate of the admin listener.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its first name.
    pub name: String,
    /// Its last second.
    pub not_after: UnixSeconds,
}

/// Who may ask for `/livez` and `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probes {
    /// Anybody.
    Open,
    /// Whoever may ask for the rest.
    Closed,
}

/// Why somebody was turned away. The name is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Neither a token nor a certificate, or not the right one.
    Credentials,
    /// A host that nobody gave us.
    Host,
    /// For another site's page.
    CrossSite,
    /// As many connections as there may be.
    Full,
}

/// How many were turned away.
#[derive(Debug, Default)]
pub struct TurnedCounts([AtomicU64; Turned::ALL.len()]);

impl Turned {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Credentials, Self::Host, Self::CrossSite, Self::Full];

    /// For the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Host => "host",
            Self::CrossSite => "cross_site",
            Self::Full => "full",
        }
    }
}

impl TurnedCounts {
    pub(super) fn count(&self, turned: Turned) {
        if let Some(count) = self.0.get(turned as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn of(&self, turned: Turned) -> u64 {
        self.0.get(turned as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Access {
    /// Whether anybody has to show anything.
    pub fn is_guarded(&self) -> bool {
        self.token.is_some() || self.takes_certificates
    }

    /// Lets a request in, or says why not. `has_certificate`: its connection showed one that `tls` takes.
    pub(super) fn admit(&self, head: &Parts, has_certificate: bool) -> Result<(), Turned> {
        let is_probe = matches!(head.uri.path(), "/livez" | "/readyz");
        if is_probe && (self.probes == Probes::Open || !self.is_guarded()) {
            return Ok(());
        }
        let host = host(head);
        if !self.is_guarded() && !self.knows(host.as_ref()) {
            return Err(Turned::Host);
        }
        let is_reading = matches!(head.method, Method::GET | Method::HEAD);
        if !is_reading && is_cross_site(head, host.as_ref()) {
            return Err(Turned::CrossSite);
        }
        let is_let_in = !self.is_guarded() || (self.takes_certificates && has_certificate) || self.opens(head);
        if is_let_in { Ok(()) } else { Err(Turned::Credentials) }
    }

    /// The answer to somebody who is not let in.
    pub(super) fn refuse(&self, turned: Turned) -> Response<Full<Bytes>> {
        match turned {
            Turned::Host => text(
                StatusCode::MISDIRECTED_REQUEST,
                "this host is none of ours: ask by 127.0.0.1 or localhost, or name it in `admin.hosts`\n".to_owned(),
            ),
            Turned::CrossSite => text(StatusCode::FORBIDDEN, "not on behalf of another site's page\n".to_owned()),
            Turned::Full => text(StatusCode::SERVICE_UNAVAILABLE, "too many are here\n".to_owned()),
            Turned::Credentials if self.token.is_none() => {
                text(StatusCode::FORBIDDEN, "a client certificate of `admin.client_ca` is needed\n".to_owned())
            }
            Turned::Credentials => {
                let mut answer = text(StatusCode::UNAUTHORIZED, "the token of `admin.token` is needed\n".to_owned());
                // Programs send the one; browsers ask a person for the other, whose password it is.
                for challenge in [BEARER_CHALLENGE, BASIC_CHALLENGE] {
                    answer.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
                answer
            }
        }
    }

    /// Whether the request shows the token.
    fn opens(&self, head: &Parts) -> bool {
        let Some(wanted) = &self.token else { return false };
        let mut fields = head.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else { return false };
        let shown = match split_scheme(field.as_bytes()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer") => token.to_vec(),
            Some((scheme, encoded)) if scheme.eq_ignore_ascii_case(b"basic") => match password(encoded) {
                Some(password) => password,
                None => return false,
            },
            Some(_) | None => return false,
        };
        // Digests are of one length, and tell nothing of what they are digests of.
        constant_time::verify_slices_are_equal(wanted, &sha256(&shown)).is_ok()
    }

    /// Without `Host` nobody's page asks: browsers send it.
    fn knows(&self, host: Option<&Authority>) -> bool {
        let Some(host) = host else { return true };
        let name = host.host().trim_end_matches('.').to_ascii_lowercase();
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
        match bare.parse::<IpAddr>() {
            Ok(address) => {
                address.is_loopback() || address == self.address || self.hosts.iter().any(|known| **known == *bare)
            }
            Err(_) => {
                name == "localhost" || name.ends_with(".localhost") || self.hosts.iter().any(|known| **known == *name)
            }
        }
    }
}

/// What the request is for: the target's authority, or `Host`. One that cannot be read is nobody's, and so no host of ours.
fn host(head: &Parts) -> Option<Authority> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.clone());
    }
    let mut fields = head.headers.get_all(header::HOST).iter();
    let field = fields.next()?;
    let one = fields.next().is_none().then(|| Authority::try_from(field.as_bytes()).ok()).flatten();
    Some(one.unwrap_or_else(|| Authority::from_static("unreadable.invalid")))
}

/// Whether a page of another origin is behind it. Browsers say so in one field or the other, and scripts cannot change them.
fn is_cross_site(head: &Parts, host: Option<&Authority>) -> bool {
    if head.headers.get_all("sec-fetch-site").iter().any(|site| site != "same-origin" && site != "none") {
        return true;
    }
    head.headers.get_all(header::ORIGIN).iter().any(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
        !authority.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host.as_str()))
    })
}

fn split_scheme(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = field.iter().position(|b| *b == b' ')?;
    let (scheme, rest) = field.split_at_checked(at)?;
    Some((scheme, rest.trim_ascii()))
}

/// RFC 7617 §2: what follows the first colon. Whose it is does not matter.
fn password(encoded: &[u8]) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    decoded.get(colon + 1..).map(<[u8]>::to_vec)
}

const BEARER_CHALLENGE: &str = "Bearer realm=\"scopegate admin\"";
const BASIC_CHALLENGE: &str = "Basic realm=\"scopegate admin\", charset=\"UTF-8\"";

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn access(token: Option<&str>) -> Access {
        let token = token.map(|token| sha256(token.as_bytes()));
        Access {
            tls: None,
            material: None,
            certificate: None,
            token,
            takes_certificates: false,
            probes: Probes::Open,
            hosts: vec!["gate.bank.internal".into()],
            address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7)),
        }
    }

    fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> Parts {
        let request = fields.iter().fold(Request::builder().method(method).uri(target), |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn on_loopback_only_our_own_hosts_are_answered() {
        let access = access(None);
        for (host, expected) in [
            ("localhost:9090", Ok(())),
            ("LOCALHOST.", Ok(())),
            ("gate.localhost", Ok(())),
            ("127.0.0.1:9090", Ok(())),
            ("127.0.0.7", Ok(())),
            ("[::1]:9090", Ok(())),
            ("gate.bank.internal:9090", Ok(())),
            ("evil.example:9090", Err(Turned::Host)),
            ("localhost.evil.example", Err(Turned::Host)),
            ("127.0.0.1.evil.example", Err(Turned::Host)),
            ("192.168.0.1", Err(Turned::Host)),
            ("a b", Err(Turned::Host)),
            ("user@evil.example", Err(Turned::Host)),
        ] {
            assert_eq!(access.admit(&head("GET", "/status", &[("host", host)]), false), expected, "{host}");
        }
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(access.admit(&head("GET", "/status", &two), false), Err(Turned::Host));
        assert_eq!(access.admit(&head("GET", "/readyz", &[("host", "evil.example")]), false), Ok(()));
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let access = access(None);
        for (fields, expected) in [
            (vec![], Ok(())),
            (vec![("origin", "http://localhost:9090")], Ok(())),
            (vec![("sec-fetch-site", "same-origin")], Ok(())),
            (vec![("sec-fetch-site", "none")], Ok(())),
            (vec![("origin", "http://localhost:8080")], Err(Turned::CrossSite)),
            (vec![("origin", "http://evil.example")], Err(Turned::CrossSite)),
            (vec![("origin", "null")], Err(Turned::CrossSite)),
            (vec![("sec-fetch-site", "cross-site")], Err(Turned::CrossSite)),
            (vec![("sec-fetch-site", "same-site"), ("origin", "http://localhost:9090")], Err(Turned::CrossSite)),
        ] {
            let fields: Vec<_> = [("host", "localhost:9090")].into_iter().chain(fields).collect();
            assert_eq!(access.admit(&head("POST", "/reload", &fields), false), expected, "{fields:?}");
        }
    }

    #[test]
    fn where_there_is_a_token_it_is_needed_in_one_of_two_forms() {
        let access = access(Some(TOKEN));
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (field, expected) in [
            (format!("Bearer {TOKEN}"), Ok(())),
            (format!("bearer   {TOKEN}"), Ok(())),
            (basic(&format!("anybody:{TOKEN}")), Ok(())),
            (basic(&format!(":{TOKEN}")), Ok(())),
            (format!("Bearer {TOKEN}0"), Err(Turned::Credentials)),
            (format!("Bearer {}", &TOKEN[1..]), Err(Turned::Credentials)),
            (format!("DPoP {TOKEN}"), Err(Turned::Credentials)),
            (TOKEN.to_owned(), Err(Turned::Credentials)),
            (basic(TOKEN), Err(Turned::Credentials)),
            (format!("Basic {TOKEN}:"), Err(Turned::Credentials)),
        ] {
            assert_eq!(
                access.admit(&head("GET", "/metrics", &[("authorization", &field)]), false),
                expected,
                "{field}"
            );
        }
        let twice = format!("Bearer {TOKEN}");
        let twice = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
        assert_eq!(access.admit(&head("GET", "/metrics", &twice), false), Err(Turned::Credentials));
        assert_eq!(
            access.admit(&head("GET", "/metrics", &[]), true),
            Err(Turned::Credentials),
            "no authority is named"
        );
        let either = Access { takes_certificates: true, ..access };
        assert_eq!(either.admit(&head("GET", "/metrics", &[]), true), Ok(()));
    }

    proptest! {
        #[test]
        fn nothing_but_the_token_opens_it(scheme in "(Bearer|bearer|Basic|BASIC|DPoP)? {0,3}", rest in "[ -~]{0,80}", encoded: bool) {
            prop_assume!(!rest.contains(TOKEN));
            let rest = if encoded { STANDARD.encode(&rest) } else { rest };
            let Ok(field) = HeaderValue::try_from(format!("{scheme}{rest}")) else { return Ok(()) };
            let head = head("GET", "/metrics", &[("authorization", field.to_str().unwrap())]);
            prop_assert_eq!(access(Some(TOKEN)).admit(&head, false), Err(Turned::Credentials));
        }

        #[test]
        fn no_host_and_no_origin_is_read_as_another(host in "[!-~]{0,40}", origin in "[!-~]{0,40}") {
            let fields = [("host", host.as_str()), ("origin", origin.as_str())];
            let head = head("POST", "/reload", &fields);
            if access(None).admit(&head, false).is_ok() {
                let own = ["localhost", "127.", "[::1]", "gate.bank.internal"];
                prop_assert!(own.iter().any(|own| host.to_ascii_lowercase().contains(own)), "{}", host);
                prop_assert!(origin.to_ascii_lowercase().ends_with(&host.to_ascii_lowercase()), "{} {}", origin, host);
            }
        }
    }

    #[test]
    fn probes_are_closed_where_that_is_asked_for() {
        let open = access(Some(TOKEN));
        assert_eq!(open.admit(&head("GET", "/livez", &[]), false), Ok(()));
        let closed = Access { probes: Probes::Closed, ..open };
        assert_eq!(closed.admit(&head("GET", "/livez", &[]), false), Err(Turned::Credentials));
    }
}
