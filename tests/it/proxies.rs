//! Certificates by the word of a proxy in front of us, and ours towards the upstream (`Client-Cert`, RFC 9440): MTLS-8 to
//! MTLS-11, peers §3b.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::server::{Server, ok, write};
use crate::support::statements::{seal, website};
use crate::support::tls::{Authority, Caller, Identity};
use crate::support::tokens::Token;
use rcgen::{CertificateParams, DnType};

fn provider(params: &mut CertificateParams) {
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), "PSDDE-BAFIN-123456");
    params.custom_extensions = vec![website(&["PSP_AI"])];
}

fn setup(server: &str) -> Setup {
    let routes = [
        route("/accounts", "GET", "scopes: [accounts]\npsd2_role: PSP_AI"),
        route("/plain", "GET", "scopes: [accounts]"),
        route("/open", "GET", "access: open"),
    ];
    Setup { server: format!("  workers: 1\n{server}"), ..Setup::routes(&routes) }
}

const HOP: &str = "  trusted_hops: [192.0.2.0/24, 127.0.0.1/32]\n";
/// Everybody's but ours.
const ELSEWHERE: &str = "  trusted_hops: [192.0.2.0/24, 127.0.0.2, \"::1/128\"]\n";
const FORWARDED: &str = "  forward_client_certificate: true\n";

fn get(path: &str, token: &Token) -> Request {
    Request::get(path).token(&token.mint())
}

fn shown(request: Request, identity: &Identity) -> Request {
    request.field(&format!("client-cert: {}", identity.client_cert()))
}

fn reason(world: &World, n: usize) -> serde_json::Value {
    world.log_line(n)["reason"].clone()
}

/// MTLS-11: the header of a proxy is the client's certificate, for `cnf`, for the role and for the organisation.
#[test]
fn a_trusted_hop_says_whose_certificate_it_is() {
    let world = setup(HOP).start();
    let [mine, other] = [(), ()].map(|()| Identity::self_signed(provider));
    let sealed = Identity::self_signed(|params| params.custom_extensions = vec![seal(&["PSP_AI"])]);
    let expired = Identity::self_signed(|params| {
        provider(params);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let mut connection = world.client();
    for (n, (name, request, status, expected)) in [
        ("its holder", shown(get("/accounts", &mine.token()), &mine), 200, None),
        ("another", shown(get("/accounts", &mine.token()), &other), 401, Some("sender_mismatch")),
        ("its holder again", shown(get("/accounts", &mine.token()), &mine), 200, None),
        ("none", get("/accounts", &mine.token()), 401, Some("sender_mismatch")),
        ("none, unbound", get("/accounts", &Token::good()), 401, Some("certificate_missing")),
        ("a seal", shown(get("/accounts", &sealed.token()), &sealed), 401, Some("certificate_invalid")),
        ("expired", shown(get("/accounts", &expired.token()), &expired), 401, Some("certificate_expired")),
        (
            "another spelling",
            get("/accounts", &mine.token()).field(&format!("client_cert: {}", mine.client_cert())),
            401,
            Some("sender_mismatch"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = connection.send(&request.numbered(n));
        assert_eq!((answer.status(), reason(&world, n)), (status, expected.into()), "{name}");
    }
    for seen in world.upstream.requests() {
        assert_eq!(seen.one("x-auth-organisation-id"), "PSDDE-BAFIN-123456");
        assert!(seen.all("client-cert").is_empty(), "it is not asked for upstream");
    }
    assert_eq!(world.log_line(0)["organisation"], "PSDDE-BAFIN-123456");
    assert_eq!(
        world.log_line(3).get("organisation"),
        None,
        "the one before it on the connection is not remembered as its own"
    );
}

/// A proxy speaks for many clients on one connection: more of them than are remembered.
#[test]
fn many_clients_through_one_connection_stay_apart() {
    let world = setup(HOP).start();
    let clients: Vec<Identity> = (0..10).map(|_| Identity::self_signed(provider)).collect();
    let mut connection = world.client();
    for _ in 0..2 {
        for (place, client) in clients.iter().enumerate() {
            assert_eq!(connection.send(&shown(get("/accounts", &client.token()), client)).status(), 200);
            let another = &clients[(place + 1) % clients.len()];
            assert_eq!(connection.send(&shown(get("/accounts", &client.token()), another)).status(), 401);
        }
    }
}

/// What a proxy garbles is the proxy's fault: no client is let in on a guess, on open routes neither.
#[test]
fn a_hop_that_sends_no_certificate_is_told_so() {
    let world = setup(HOP).start();
    let mine = Identity::self_signed(provider);
    let good = mine.client_cert();
    let base64 = good.trim_matches(':');
    let line = |value: &str| format!("client-cert: {value}");
    let rows = [
        ("empty", line("")),
        ("bare", line(base64)),
        ("no end", line(&format!(":{base64}"))),
        ("no certificate", line("::")),
        ("not base64", line(":%%%%:")),
        ("base64url", line(":_-__:")),
        ("not DER", line(":AAAA:")),
        ("cut off", line(&format!(":{}:", &base64[..400]))),
        ("a byte behind it", line(&format!(":{}AAAA:", base64.trim_end_matches('=')))),
        ("a string", line(&format!("\"{base64}\""))),
        ("parameters", line(&format!("{good};a=b"))),
        ("joined", line(&format!("{good}, {good}"))),
        ("doubled", format!("{}\r\n{}", line(&good), line(&good))),
        ("doubled with nothing", format!("{}\r\n{}", line(&good), line(""))),
        ("PEM", line(&format!("-----BEGIN CERTIFICATE----- {base64} -----END CERTIFICATE-----"))),
    ];
    for (n, (name, fields)) in rows.iter().enumerate() {
        for path in ["/accounts", "/plain", "/open"] {
            let answer = world.send(&get(path, &mine.token()).field(fields).numbered(n));
            assert_eq!((answer.status(), answer.get("www-authenticate")), (400, None), "{name} {path}");
            assert_eq!(answer.json()["detail"], "The client certificate cannot be read", "{name}");
        }
        assert_eq!(reason(&world, n), "certificate_malformed", "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    // RFC 8941 §4.2.7
    let unpadded = line(&format!(":{}:", base64.trim_end_matches('=')));
    assert_eq!(world.send(&get("/accounts", &mine.token()).field(&unpadded)).status(), 200);
}

/// MTLS-8, MTLS-11, peers §3b: from anybody else it is nothing, in no spelling, and it reaches nobody.
#[test]
fn from_anybody_else_the_header_proves_nothing() {
    let authority = Authority::new("ours");
    let certificate = authority.issue(provider);
    let ours = [("ca.pem", authority.pem())];
    let tls = ", client_certificate: optional, client_ca: ca.pem";
    let plain = setup(ELSEWHERE).start();
    let secured = setup(&format!("{ELSEWHERE}{FORWARDED}")).with_tls(tls, &ours);
    let mut n = 0;
    for name in [
        "Client-Cert",
        "client-cert",
        "CLIENT-CERT",
        "Client_Cert",
        "client.cert",
        "Client-Cert-Chain",
        "X-SSL-Cert",
        "SSL-Client-Cert",
    ] {
        for (path, expected) in [("/accounts", 401), ("/plain", 401), ("/open", 200)] {
            n += 1;
            let request =
                get(path, &certificate.token()).field(&format!("{name}: {}", certificate.client_cert())).numbered(n);
            for (world, answer) in
                [(&plain, plain.send(&request)), (&secured, Caller::new(None).send(&secured, &request))]
            {
                assert_eq!(answer.status(), expected, "{name} {path}");
                if expected == 401 {
                    assert_eq!(reason(world, n), "sender_mismatch", "{name} {path}");
                }
            }
        }
        let garbage = get("/plain", &Token::good()).field(&format!("{name}: canary"));
        assert_eq!(plain.send(&garbage).status(), 200, "{name}");
    }
    for world in [&plain, &secured] {
        for seen in world.upstream.take() {
            let seen = String::from_utf8_lossy(&seen.raw).to_lowercase();
            assert!(!seen.contains("cert") && !seen.contains("canary") && !seen.contains("organisation"), "{seen}");
        }
    }
    // A role needs a certificate that was shown, whatever a header says.
    let request = get("/accounts", &Token::good()).field(&format!("client-cert: {}", certificate.client_cert()));
    assert_eq!(plain.send(&request.clone().numbered(900)).status(), 401);
    assert_eq!(reason(&plain, 900), "certificate_missing");
    // Who shows one of his own and writes another's into the header has his own.
    let mine = authority.issue(|_| {});
    let answer = Caller::new(Some(&mine)).send(&secured, &request.numbered(901));
    assert_eq!((answer.status(), reason(&secured, 901)), (403, "role_missing".into()));
    let borrowed = shown(get("/plain", &mine.token()), &certificate);
    assert_eq!(Caller::new(Some(&mine)).send(&secured, &borrowed).status(), 200);
    assert_eq!(secured.upstream.last().one("client-cert"), mine.client_cert());
}

/// MTLS-11: the proxy's own certificate is not its clients'.
#[test]
fn a_hop_has_no_certificate_of_its_own_for_others() {
    let authority = Authority::new("ours");
    let [hop, client] = [(), ()].map(|()| authority.issue(provider));
    let terms = ", client_certificate: required, client_ca: ca.pem";
    let world = setup(HOP).with_tls(terms, &[("ca.pem", authority.pem())]);
    let caller = Caller::new(Some(&hop));
    assert_eq!(caller.send(&world, &shown(get("/accounts", &client.token()), &client)).status(), 200);
    for (n, (name, request, expected)) in [
        ("its own token and the client's certificate", shown(get("/plain", &hop.token()), &client), "sender_mismatch"),
        ("its own token, no client", get("/plain", &hop.token()), "sender_mismatch"),
        ("no client", get("/accounts", &Token::good()), "certificate_missing"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(caller.send(&world, &request.numbered(n)).status(), 401, "{name}");
        assert_eq!(reason(&world, n), expected, "{name}");
    }
}

/// A proxy's word is not the handshake's: where no authority is named, a client's own certificate is good for its thumbprint.
#[test]
fn nobody_vouches_for_a_certificate_that_any_client_may_show() {
    let world = setup(ELSEWHERE).with_tls(", client_certificate: optional", &[]);
    let mine = Identity::self_signed(provider);
    let caller = Caller::new(Some(&mine));
    let answer = caller.send(&world, &get("/accounts", &mine.token()).numbered(1));
    assert_eq!((answer.status(), reason(&world, 1)), (401, "certificate_invalid".into()));
    assert_eq!(caller.send(&world, &get("/plain", &mine.token())).status(), 200);
    assert!(world.upstream.last().all("x-auth-organisation-id").is_empty());
}

/// MTLS-9: a Byte Sequence, once, and only where there is a certificate.
#[test]
fn the_upstream_is_shown_the_certificate_if_it_is_asked_for() {
    let authority = Authority::new("ours");
    let mine = authority.issue(provider);
    let tls = ", client_certificate: optional, client_ca: ca.pem";
    let world = setup(FORWARDED).with_tls(tls, &[("ca.pem", authority.pem())]);
    let forged = |request: Request| request.field("client-cert: :AAAA:").field("Client-Cert-Chain: :AAAA:");
    for path in ["/accounts", "/plain", "/open"] {
        let request = forged(get(path, &mine.token())).field("connection: client-cert");
        assert_eq!(Caller::new(Some(&mine)).send(&world, &request).status(), 200);
        let seen = world.upstream.last();
        assert_eq!((seen.one("client-cert"), seen.all("client-cert-chain").len()), (mine.client_cert().as_str(), 0));
    }
    Caller::new(None).send(&world, &forged(get("/plain", &Token::good())));
    assert!(world.upstream.last().all("client-cert").is_empty());
    let hop = setup(&format!("{HOP}{FORWARDED}")).start();
    hop.send(&shown(get("/accounts", &mine.token()), &mine).field("client-cert-chain: :AAAA:"));
    let seen = hop.upstream.last();
    assert_eq!((seen.one("client-cert"), seen.all("client-cert-chain").len()), (mine.client_cert().as_str(), 0));
}

/// MTLS-9, MTLS-10, RFC 9440 §2.4: what was chosen by the certificate is nobody else's, and the field is none of answers.
#[test]
fn an_answer_that_varies_by_the_certificate_varies_by_everything() {
    let upstream = Server::with(|request, stream| {
        let vary = request.one("x-vary");
        write(
            stream,
            ok("text/plain", "x")
                .replace("\r\ncontent-length", &format!("\r\n{vary}\r\nClient-Cert: :AAAA:\r\ncontent-length")),
        )
    });
    let world = setup(HOP).before(upstream);
    for (sent, expected) in [
        ("Vary: Client-Cert", "*"),
        ("vary: accept, client-cert", "*"),
        ("VARY: CLIENT-CERT-CHAIN ,accept", "*"),
        ("vary: accept", "accept"),
        ("vary: client-certificate", "client-certificate"),
        ("vary: *", "*"),
    ] {
        let answer = world.send(&Request::get("/open").field(&format!("x-vary: {sent}")));
        assert_eq!((answer.status(), answer.one("vary"), answer.text().as_str()), (200, expected, "x"), "{sent}");
        assert!(answer.all("client-cert").is_empty());
    }
}

/// A reload takes a proxy's word away, on connections that are open too.
#[test]
fn a_hop_that_is_not_trusted_any_more_is_nobody() {
    let world = setup(HOP).start();
    let mine = Identity::self_signed(provider);
    let request = shown(get("/accounts", &mine.token()), &mine);
    let mut connection = world.client();
    assert_eq!(connection.send(&request).status(), 200);
    world.reload(&setup(ELSEWHERE)).unwrap();
    assert_eq!(connection.send(&request).status(), 401);
}
