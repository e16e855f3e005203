//! TLS-1, HTTP-15, HTTP-33: which certificate is shown to whom, which versions and suites are spoken, and what becomes of
//! sessions. That tokens are bound to clients' certificates is in `mtls`.

use crate::support::client::{Request, id};
use crate::support::gateway::{Setup, World};
use crate::support::hello::Hello;
use crate::support::http2::{self, Http2};
use crate::support::tls::{Caller, Identity};
use crate::support::tokens::{NOW, Token};
use crate::support::{eventually, keys};
use http::Method;
use rcgen::date_time_ymd;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ProtocolVersion, SignatureScheme};
use scopegate::commands::check;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const API: &str = "api.bank.example";
const PSD2: &str = "psd2.bank.example";

fn serving(certificates: &[(&str, &Identity)]) -> Setup {
    let mut setup = Setup::default();
    let list = certificates.iter().map(|(name, _)| format!("{{ certificate: {name}.pem, key: {name}.key }}"));
    writeln!(setup.server, "  tls: {{ certificates: [{}] }}", list.collect::<Vec<_>>().join(", ")).unwrap();
    setup
}

/// A gateway with these certificates, in this order.
fn world(certificates: &[(&str, &Identity)]) -> World {
    let mut files = vec![("jwks.json".to_owned(), keys::set(&[keys::ec()]).to_string())];
    files.extend(certificates.iter().flat_map(|(name, identity)| identity.files(name)));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    serving(certificates).with_files(&files)
}

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

#[test]
fn a_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let (api, psd2) = (Identity::of(&[API, "old.bank.example"]), Identity::of(&[PSD2, "*.sandbox.bank.example"]));
    let world = world(&[("api", &api), ("psd2", &psd2)]);
    for version in [&TLS12, &TLS13] {
        for (name, expected) in [
            (API, &api),
            ("old.bank.example", &api),
            (PSD2, &psd2),
            ("Psd2.Bank.Example", &psd2),
            ("any.sandbox.bank.example", &psd2),
            // One label, and no other is somebody's whom we know.
            ("sandbox.bank.example", &api),
            ("a.b.sandbox.bank.example", &api),
            ("elsewhere.example", &api),
        ] {
            assert_eq!(Hello::to(name).speaking(version).shown(&world), expected.der(), "{name}");
        }
        assert_eq!(Hello::to_nobody().speaking(version).shown(&world), api.der());
    }
}

#[test]
fn of_two_kinds_of_keys_each_client_gets_the_one_that_it_can_verify() {
    let (ecdsa, rsa) = (Identity::of(&[API]), Identity::rsa(&[API, PSD2]));
    let world = world(&[("ecdsa", &ecdsa), ("rsa", &rsa)]);
    let is_rsa = |scheme: SignatureScheme| format!("{scheme:?}").starts_with("RSA_");
    for version in [&TLS12, &TLS13] {
        for hello in [Hello::to(API), Hello::to_nobody(), Hello::to("elsewhere.example")] {
            let hello = hello.speaking(version);
            assert_eq!(hello.shown(&world), ecdsa.der(), "{hello:?}");
            assert_eq!(hello.clone().verifying(is_rsa).shown(&world), rsa.der(), "{hello:?}");
        }
        assert_eq!(Hello::to(PSD2).speaking(version).shown(&world), rsa.der());
    }
    // In TLS 1.2 the suite says it too.
    let suites = [CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    assert_eq!(Hello::to(API).speaking(&TLS12).suites(&suites).shown(&world), rsa.der());
    // RFC 9110 §7.4: which of the two it was is not known, so both must be for the host.
    let to = |host| Hello::to(API).send(&world, &get().host(Some(host))).status();
    assert_eq!((to(API), to(PSD2)), (200, 421));
}

/// HTTP-15, RFC 9110 §15.5.20.
#[test]
fn a_host_that_the_shown_certificate_is_not_for_is_misdirected() {
    let (api, psd2) = (Identity::of(&[API]), Identity::of(&[PSD2, "*.sandbox.bank.example"]));
    let world = world(&[("api", &api), ("psd2", &psd2)]);
    for (n, (name, host, expected)) in [
        (Some(API), API, 200),
        (Some(API), "API.bank.example.:8443", 200),
        (Some(API), PSD2, 421),
        (Some(API), "elsewhere.example", 421),
        (Some(PSD2), "any.sandbox.bank.example", 200),
        (Some(PSD2), API, 421),
        (None, API, 200),
        (None, PSD2, 421),
    ]
    .into_iter()
    .enumerate()
    {
        let hello = name.map_or_else(Hello::to_nobody, Hello::to);
        let mut connection = hello.shake(&world).unwrap();
        let before = world.upstream.hits();
        let answer = connection.send(&get().host(Some(host)).numbered(n));
        assert_eq!(answer.status(), expected, "{name:?} {host}");
        if expected == 421 {
            assert_eq!(world.log_line(n)["reason"], "misdirected");
            assert_eq!(world.upstream.hits(), before);
            assert_eq!(answer.json()["status"], 421);
        }
        let own = name.unwrap_or(API);
        assert_eq!(connection.send(&get().host(Some(own))).status(), 200, "it goes on");
    }
    let absolute = Request::get(&format!("http://{PSD2}/accounts")).host(Some(PSD2)).token(&Token::good().mint());
    assert_eq!(Hello::to(API).send(&world, &absolute).status(), 421);
}

/// Browsers and libraries share one connection of HTTP/2 between hosts (RFC 9113 §9.1.1): each stream is held to it.
#[test]
fn a_stream_for_another_host_is_misdirected() {
    let psd2 = Identity::of(&[PSD2]).files("psd2");
    let files: Vec<_> = psd2.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let world = Setup::default().with_tls(", certificates: [{ certificate: psd2.pem, key: psd2.key }]", &files);
    let mut client = Http2::connect(&world, &Caller::new(None));
    let token = Token::good().mint();
    for (host, expected) in [(API, 200), (PSD2, 421), (API, 200)] {
        let mut request = http2::request(Method::GET, "/accounts", Some(&token), "");
        *request.uri_mut() = format!("https://{host}/accounts").parse().unwrap();
        assert_eq!(client.ask(request).unwrap().status, expected, "{host}");
    }
    assert_eq!(world.upstream.hits(), 2);
}

/// One certificate says nothing of hosts: whatever is sent to it is meant for it.
#[test]
fn with_one_certificate_no_host_is_misdirected() {
    let api = Identity::of(&[API]);
    let world = world(&[("api", &api)]);
    for host in [API, "elsewhere.example", "127.0.0.1"] {
        assert_eq!(Hello::to("any.example").send(&world, &get().host(Some(host))).status(), 200, "{host}");
    }
}

/// TLS-1, FAPI 2.0 §5.2.2, RFC 9325 §4.2.
#[test]
fn only_the_recommended_suites_are_spoken() {
    let (ecdsa, rsa) = (Identity::of(&[API]), Identity::rsa(&[API]));
    let world = world(&[("ecdsa", &ecdsa), ("rsa", &rsa)]);
    for (suite, expected) in [
        (CipherSuite::TLS13_AES_128_GCM_SHA256, true),
        (CipherSuite::TLS13_AES_256_GCM_SHA384, true),
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, true),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, true),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, true),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false),
        (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, false),
    ] {
        let version = if format!("{suite:?}").starts_with("TLS13") { &TLS13 } else { &TLS12 };
        let shaken = Hello::to(API).speaking(version).suites(&[suite]).shake(&world);
        assert_eq!(shaken.is_some(), expected, "{suite:?}");
    }
}

#[test]
fn the_oldest_version_can_be_the_newest() {
    let api = Identity::of(&[API]);
    let files = api.files("api");
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let tls = "  tls: { certificate: api.pem, key: api.key, min_version: 1.3 }\n";
    let mut setup = Setup::routes(&[crate::support::gateway::route("/open", "GET", "access: open")]);
    setup.server.push_str(tls);
    setup.issuers.clear();
    let world = setup.with_files(&files);
    assert!(Hello::to(API).speaking(&TLS12).shake(&world).is_none());
    let (_, version) = Hello::to(API).shake(&world).unwrap().handshake();
    assert_eq!(version, ProtocolVersion::TLSv1_3);
    assert_eq!(Hello::to(API).send(&world, &Request::get("/open")).status(), 200);
}

/// RFC 7301 §3.2.
#[test]
fn who_speaks_nothing_of_ours_is_refused_in_the_handshake() {
    let api = Identity::of(&[API]);
    let world = world(&[("api", &api)]);
    for (offered, expected) in [
        (&[][..], true),
        (&["http/1.1"], true),
        (&["spdy/3", "http/1.1"], true),
        (&["spdy/3"], false),
        (&["HTTP/1.1"], false),
        (&["http/1.0", "acme-tls/1"], false),
    ] {
        for version in [&TLS12, &TLS13] {
            let shaken = Hello::to(API).speaking(version).protocols(offered).shake(&world);
            assert_eq!(shaken.is_some(), expected, "{offered:?}");
        }
    }
}

/// Files are read again; what is open stays open, and nobody is turned away meanwhile.
#[test]
fn certificates_are_replaced_under_traffic() {
    let (api, psd2, new) = (Identity::of(&[API]), Identity::of(&[PSD2]), Identity::of(&[PSD2]));
    let set = [("api", &api), ("psd2", &psd2)];
    let world = world(&set);
    let mut old = Hello::to(PSD2).shake(&world).unwrap();
    let request = get().host(Some(PSD2));
    assert_eq!(old.send(&request).status(), 200);
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for name in [API, PSD2] {
            let (world, stop, served) = (&world, &stop, &served);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(Hello::to(name).send(world, &get().host(Some(name))).status(), 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..10 {
            let current = if round % 2 == 0 { &new } else { &psd2 };
            for (name, text) in current.files("psd2") {
                std::fs::write(world.path(&name), text).unwrap();
            }
            world.reload(&serving(&set)).unwrap();
            assert_eq!(Hello::to(PSD2).shown(&world), current.der());
            let before = served.load(Ordering::Relaxed);
            eventually("traffic", || (served.load(Ordering::Relaxed) > before + 4).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(old.send(&request).status(), 200);
    assert_eq!(old.server_certificate(), psd2.der());
    assert!(world.metric("scopegate_handshakes_failed_total") < 0.5);
}

#[test]
fn operators_see_when_a_certificate_ends() {
    let api = Identity::self_signed(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName(API.try_into().unwrap())];
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let rsa = Identity::rsa(&["*.bank.example"]);
    let world = world(&[("api", &api), ("rsa", &rsa)]);
    let left = |labels: &str| world.metric(&format!("scopegate_certificate_expiry_seconds{{{labels}}}"));
    let of_2020 = 1_577_836_800.0 - f64::from(u32::try_from(NOW).unwrap());
    assert!((left(&format!("certificate=\"{API}\",key=\"ecdsa\"")) - of_2020).abs() < 0.5);
    assert!(left("certificate=\"*.bank.example\",key=\"rsa\"") > 1e9);

    let text = serving(&[("api", &api), ("rsa", &rsa)]).yaml(world.upstream.address());
    std::fs::write(world.path("scopegate.yaml"), text).unwrap();
    let mut output = Vec::new();
    check::run(&world.path("scopegate.yaml"), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains(&format!("\nwarning: server.tls: the certificate of {API} has expired\n")), "{output}");
    assert_eq!(output.matches("warning").count(), 1);
    assert_eq!(Hello::to(API).send(&world, &get().numbered(1)).status(), 200, "{}", id(1));
}
