//! UPGRADE: a request asks to go on in another protocol on its connection (RFC 9110 §7.8). Its route must name that
//! protocol; what it says is then authorised like any request, and the upstream has the last word. Where the route names
//! none, the wish is not passed on, and the request is what it is without it.
//!
//! Until the upstream has agreed, what a client sends is HTTP and nothing else. That it has agreed is proven: for a
//! WebSocket by the key of this very handshake, so that no other answer of 101 opens a tunnel past our checks
//! (pingora CVE-2025-4366, Traefik CVE-2026-88008).

use super::answer::OurFields;
use super::body::ClientBody;
use super::forward::headers;
use super::http1::fields::Fields;
use super::interim::Interim;
use super::policy::Route;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, Version, header};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The protocol that a request goes on in, if the upstream agrees.
#[derive(Debug)]
pub struct Upgrade<'r> {
    protocol: &'r str,
    /// What the upstream's agreement must hold, where the protocol has such a thing.
    accept: Option<String>,
}

/// What a request asks for, of what its route allows. A body would stand where the other protocol begins.
pub fn wanted<'r>(
    route: &'r Route,
    head: &Head,
    (body, client): (&ClientBody, &Interim),
) -> Result<Option<Upgrade<'r>>, Refusal> {
    if route.upgrades.is_empty() || head.version() != Version::HTTP_11 || !matches!(body, ClientBody::Nothing) {
        return Ok(None);
    }
    let fields = head.fields();
    if !headers::nominated_in(fields).any(|option| option.eq_ignore_ascii_case(b"upgrade")) {
        return Ok(None);
    }
    let allowed = |asked: &[u8]| route.upgrades.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(asked));
    let Some(protocol) = fields.members(header::UPGRADE).find_map(allowed) else { return Ok(None) };
    // RFC 6455 §4.1: it waits for the answer. What does not is another request, and meant for somebody who reads it so.
    if !client.is_client_quiet() {
        return Err(Reason::HeadMalformed.into());
    }
    let accept = if **protocol == *WEBSOCKET { Some(handshake(head)?) } else { None };
    Ok(Some(Upgrade { protocol, accept }))
}

/// RFC 6455 §4.2.1; the answer to its key (§4.2.2).
fn handshake(head: &Head) -> Result<String, Refusal> {
    let fields = head.fields();
    let key = fields
        .only(header::SEC_WEBSOCKET_KEY)
        .filter(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == NONCE_BYTES))
        .filter(|_| *head.method() == Method::GET && fields.only(header::SEC_WEBSOCKET_VERSION) == Some(b"13"));
    key.map(accept).ok_or_else(|| Reason::HeadMalformed.into())
}

fn accept(key: &[u8]) -> String {
    STANDARD.encode(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, HANDSHAKE].concat()))
}

impl Upgrade<'_> {
    /// As the upstream is asked.
    pub fn ask(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
        out.extend_from_slice(self.protocol.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// Whether a 101 with these fields agrees to this and to nothing else.
    pub fn is_agreed(&self, fields: &Fields) -> bool {
        headers::nominated_in(fields).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
            && fields.only(header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(self.protocol.as_bytes()))
            && self
                .accept
                .as_ref()
                .is_none_or(|accept| fields.only(header::SEC_WEBSOCKET_ACCEPT) == Some(accept.as_bytes()))
    }

    /// As the client is told.
    pub fn tell(&self, fields: &mut OurFields) {
        fields.insert(header::CONNECTION, UPGRADE);
        if let Ok(protocol) = HeaderValue::from_str(self.protocol) {
            fields.insert(header::UPGRADE, protocol);
        }
    }
}

/// The tunnels of all workers.
#[derive(Debug)]
pub struct Tunnels {
    open: AtomicUsize,
    most: usize,
}

/// One tunnel, or the wish for one. Dropped, it is over.
#[derive(Debug)]
pub struct Place(Arc<Tunnels>);

impl Tunnels {
    /// None yet, and at most so many.
    pub fn new(most: usize) -> Self {
        Self { open: AtomicUsize::new(0), most }
    }

    /// One more.
    pub fn enter(self: &Arc<Self>) -> Result<Place, Refusal> {
        // Made first, so that its end takes back what it counts, whatever comes.
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(self));
        if before < self.most { Ok(place) } else { Err(Refusal::unavailable(Reason::TunnelsFull, RETRY_AFTER)) }
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A tunnel lasts; there is no better guess.
const RETRY_AFTER: u32 = 5;
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
/// RFC 6455 §11.2
const WEBSOCKET: &str = "websocket";
/// RFC 6455 §1.3
const HANDSHAKE: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// RFC 6455 §4.1
const NONCE_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the answer to it of RFC 6455 §1.3.
    #[test]
    fn a_handshake_is_answered_by_its_own_key_only() {
        let answer = accept(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let upgrade = Upgrade { protocol: WEBSOCKET, accept: Some(answer) };
        let good = [
            ("Connection", "Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        assert!(upgrade.is_agreed(&Fields::of(&good)));
        for place in 0..good.len() {
            let mut less = good.to_vec();
            less.remove(place);
            assert!(!upgrade.is_agreed(&Fields::of(&less)), "without {:?}", good[place]);
        }
        for other in [("upgrade", "h2c"), ("upgrade", "websocket"), good[2], ("sec-websocket-accept", "x")] {
            assert!(!upgrade.is_agreed(&Fields::of(&[&good[..], &[other]].concat())), "with another {other:?}");
        }
        let foreign = [good[0], good[1], ("sec-websocket-accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
        assert!(!upgrade.is_agreed(&Fields::of(&foreign)));
    }

    #[test]
    fn tunnels_are_as_many_as_there_may_be() {
        let tunnels = Arc::new(Tunnels::new(2));
        let places = [tunnels.enter().ok(), tunnels.enter().ok()];
        assert!(places.iter().all(Option::is_some));
        assert!(tunnels.enter().is_err());
        assert_eq!(tunnels.open(), 2);
        drop(places);
        assert_eq!(tunnels.open(), 0);
        assert!(tunnels.enter().is_ok());
    }
}
