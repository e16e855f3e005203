//! TLS-1, MTLS-5, HTTP-33: which sessions can be resumed, on which worker, after which reload, and what is never sent early.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::tls::{Authority, Caller, Identity, TlsClient};
use crate::support::tokens::Token;
use rcgen::date_time_ymd;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls12Resumption,
    Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, NamedGroup};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

const THUMBPRINT_MODE: &str = ", client_certificate: optional";
const AUTHORITY_MODE: &str = ", client_certificate: optional, client_ca: ca.pem, client_crl: crl.pem";

fn get(token: &Token) -> Request {
    Request::get("/accounts").token(&token.mint())
}

/// One request with this token on a connection of its own: its status, and whether it resumed a session.
fn ask(caller: &Caller, world: &World, token: &Token) -> (u16, bool) {
    let mut connection = caller.connect(world);
    let status = connection.send(&get(token)).status();
    (status, is_resumed(&mut connection))
}

fn is_resumed(connection: &mut TlsClient) -> bool {
    connection.handshake().0 == HandshakeKind::Resumed
}

#[test]
fn a_session_is_resumed_on_any_worker() {
    let setup = || Setup { server: "  workers: 4\n".to_owned(), ..Setup::default() };
    let world = setup().with_tls(THUMBPRINT_MODE, &[]);
    let (mine, other) = (Identity::self_signed(|_| {}), Identity::self_signed(|_| {}));
    for version in [&TLS12, &TLS13] {
        let caller = Caller::speaking(Some(&mine), version);
        assert_eq!(ask(&caller, &world, &mine.token()), (200, false));
        for _ in 0..12 {
            assert_eq!(ask(&caller, &world, &mine.token()), (200, true));
            assert_eq!(ask(&caller, &world, &other.token()), (401, true));
        }
    }
    assert!((world.metric("scopegate_handshakes_resumed_total") - 48.0).abs() < 0.5);
}

/// TLS 1.2 without tickets: by the session's id.
#[test]
fn a_client_without_tickets_is_remembered() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let mine = Identity::self_signed(|_| {});
    let sessions = Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOnly);
    let caller = Caller::with(Some(&mine), &[&TLS12], sessions);
    assert_eq!(ask(&caller, &world, &mine.token()), (200, false));
    assert_eq!(ask(&caller, &world, &mine.token()), (200, true));
}

/// A reload that says nothing new of clients costs nobody a handshake.
#[test]
fn sessions_outlive_a_reload() {
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let mine = Identity::self_signed(|_| {});
    for version in [&TLS12, &TLS13] {
        let caller = Caller::speaking(Some(&mine), version);
        assert_eq!(ask(&caller, &world, &mine.token()), (200, false));
        world.reload(&Setup::default().tls_terms(THUMBPRINT_MODE)).unwrap();
        assert_eq!(ask(&caller, &world, &mine.token()), (200, true));
    }
}

/// MTLS-5: what was revoked since is not resumed, nor is anything that was begun before.
#[test]
fn another_list_of_what_was_revoked_ends_all_sessions() {
    let ours = Authority::new("ours");
    let (mine, other) = (ours.issue(|_| {}), ours.issue(|_| {}));
    for version in [&TLS12, &TLS13] {
        let files = [("ca.pem", ours.pem()), ("crl.pem", ours.revocations(&[], 2095))];
        let world = Setup::default().with_tls(AUTHORITY_MODE, &files);
        let [good, bad] = [&mine, &other].map(|one| Caller::speaking(Some(one), version));
        for (caller, one) in [(&good, &mine), (&bad, &other)] {
            assert_eq!(ask(caller, &world, &one.token()), (200, false));
            assert_eq!(ask(caller, &world, &one.token()), (200, true));
        }
        std::fs::write(world.path("crl.pem"), ours.revocations(&[&other], 2095)).unwrap();
        world.reload(&Setup::default().tls_terms(AUTHORITY_MODE)).unwrap();
        assert!(bad.is_turned_away(&world));
        assert_eq!(ask(&good, &world, &mine.token()), (200, false));
        assert_eq!(ask(&good, &world, &mine.token()), (200, true));
    }
}

/// A handshake that resumes does not ask whether the certificate is still good; we do.
#[test]
fn a_session_ends_with_its_certificate_and_with_the_list_that_vouches_for_it() {
    let ours = Authority::new("ours");
    for (name, last, list) in [("the certificate", 2035, 2095), ("the list", 2095, 2035)] {
        let mine = ours.issue(|params| params.not_after = date_time_ymd(last, 12, 31));
        for version in [&TLS12, &TLS13] {
            let files = [("ca.pem", ours.pem()), ("crl.pem", ours.revocations(&[], list))];
            let world = Setup::default().with_tls(AUTHORITY_MODE, &files);
            let (mine, nobody) = (Caller::speaking(Some(&mine), version), Caller::speaking(None, version));
            let open = Request::get("/open/a");
            for caller in [&mine, &nobody] {
                for _ in 0..2 {
                    assert_eq!(caller.send(&world, &open).status(), 200, "{name}");
                }
            }
            world.clock.advance(Duration::from_hours(24 * 365 * 15));
            assert!(mine.is_turned_away(&world), "{name}");
            assert!((world.metric("scopegate_handshakes_failed_total") - 1.0).abs() < 0.5, "{name}");
            let mut connection = nobody.connect(&world);
            assert_eq!(connection.send(&open).status(), 200, "{name}");
            assert!(is_resumed(&mut connection));
        }
    }
}

/// Open Finance Brasil wants every handshake whole.
#[test]
fn resumption_can_be_switched_off() {
    let terms = ", client_certificate: optional, resumption: false";
    let world = Setup::default().with_tls(terms, &[]);
    let mine = Identity::self_signed(|_| {});
    let by_id = Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOnly);
    for caller in [
        Caller::speaking(Some(&mine), &TLS12),
        Caller::speaking(Some(&mine), &TLS13),
        Caller::with(Some(&mine), &[&TLS12], by_id),
    ] {
        for _ in 0..3 {
            assert_eq!(ask(&caller, &world, &mine.token()), (200, false));
        }
    }
    // One that was begun while it was on is not taken any more.
    let world = Setup::default().with_tls(THUMBPRINT_MODE, &[]);
    let caller = Caller::speaking(Some(&mine), &TLS13);
    assert_eq!(ask(&caller, &world, &mine.token()), (200, false));
    world.reload(&Setup::default().tls_terms(terms)).unwrap();
    assert_eq!(ask(&caller, &world, &mine.token()), (200, false));
}

/// A client's memory that believes every session to allow early data.
#[derive(Debug)]
struct Hasty(ClientSessionMemoryCache);

impl ClientSessionStore for Hasty {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, mut value: Tls13ClientSessionValue) {
        assert_eq!(value.max_early_data_size(), 0, "none is offered");
        value._private_set_max_early_data_size(16 * 1024);
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server_name)
    }
}

/// HTTP-33, RFC 8470 §3: it is neither offered nor read; what came early is nobody's request.
#[test]
fn early_data_is_never_a_request() {
    let world = Setup::default().with_tls("", &[]);
    let sessions = Resumption::store(Arc::new(Hasty(ClientSessionMemoryCache::new(8))));
    let caller = Caller::hasty(sessions);
    assert_eq!(caller.send(&world, &get(&Token::good())).status(), 200);
    let before = world.upstream.hits();
    let mut connection = caller.connect(&world);
    let payment = Request::new("POST", "/payments").token(&Token::good().scope("payments").mint()).body("{}");
    let stream = connection.stream();
    let mut early = stream.conn.early_data().expect("the client would send early data");
    early.write_all(&payment.bytes()).unwrap();
    assert_eq!(connection.send(&get(&Token::good())).status(), 200);
    let (kind, _) = connection.handshake();
    assert_eq!((kind, connection.stream().conn.is_early_data_accepted()), (HandshakeKind::Resumed, false));
    assert_eq!(world.upstream.hits(), before + 1);
    assert!(world.upstream.requests().iter().all(|request| request.method() != "POST"));
}
