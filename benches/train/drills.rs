//! What is practised, and how often. The numbers are weights: the compiler makes fast what makes up nearly all of the work,
//! and small what never ran.

use super::client;
use super::gate::{Gate, Shape};
use super::http2::Http2;
use super::proof::Holder;
use super::requests::{self, GET, Request};
use super::support::issuer::Issuer;
use super::upstream;
use anyhow::Context as _;
use std::path::Path;

/// Something to practise.
type Drill = fn(&Ground) -> anyhow::Result<()>;

/// Each with its name, in the order in which they run.
pub(super) const DRILLS: [(&str, Drill); 12] = [
    ("the same token, one connection and many", warm),
    ("a thousand tokens in turn, each new at first", tokens),
    ("tokens that are new: RS256, PS256, ES256, EdDSA", cold),
    ("refusals: 400, 401, 403, 404, 405", refused),
    ("bodies in both directions", bodies),
    ("a connection for every request", connections),
    ("TLS 1.3, HTTP/1.1", tls),
    ("TLS handshakes, whole and resumed", handshakes),
    ("HTTP/2", http2),
    ("HTTP/2 and TLS towards the upstream; assertions, quotas, audit log", chain),
    ("proofs of a key (DPoP)", proofs),
    ("the admin listener", admin),
];

/// Who takes part.
pub(super) struct Ground {
    issuer: Issuer,
    token: String,
    client: Holder,
    /// Plain text, towards a plain upstream.
    plain: Gate,
    /// The same behind TLS.
    secure: Gate,
    /// Everything else that a request may meet, in front of `secure`.
    rich: Gate,
    /// Every number of requests is divided by it.
    divisor: usize,
}

impl Ground {
    /// Starts them with their files in `folder`.
    pub(super) fn prepare(program: &Path, folder: &Path, divisor: usize) -> anyhow::Result<Self> {
        let (issuer, upstream) = (Issuer::new(), upstream::start()?);
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        std::fs::write(folder.join("jwks.json"), issuer.key_set())?;
        std::fs::write(folder.join("server.pem"), certificate.cert.pem())?;
        std::fs::write(folder.join("server.key"), certificate.signing_key.serialize_pem())?;
        client::trust(certificate.cert.der());
        let plain = Gate::start(program, folder, "plain", &Shape::plain(upstream))?;
        let secure = Gate::start(program, folder, "secure", &Shape::secure(upstream))?;
        let rich = Gate::start(program, folder, "rich", &Shape::rich(secure.address()))?;
        let token = issuer.token("RS256", 0);
        Ok(Self { issuer, token, client: Holder::new(), plain, secure, rich, divisor })
    }

    /// Lets every gate end in order.
    pub(super) fn end(self) -> anyhow::Result<()> {
        [self.plain, self.rich, self.secure].into_iter().try_for_each(Gate::end)
    }

    /// So many times, or a part of it.
    fn times(&self, count: usize) -> std::ops::Range<usize> {
        0..count.div_ceil(self.divisor)
    }
}

fn warm(ground: &Ground) -> anyhow::Result<()> {
    let (accounts, balances) = (requests::accounts(&ground.token), requests::balances(&ground.token));
    let mut one = ground.plain.connect()?;
    for turn in ground.times(8_000) {
        one.ask(if turn % 4 == 0 { &balances } else { &accounts }, 200)?;
    }
    // So many are ready at once behind a balancer.
    let mut many = ground.plain.connect_all(64)?;
    for _ in ground.times(400) {
        client::ask_all(&mut many, &accounts, 200)?;
    }
    let mut crowd = ground.plain.connect_all(400)?;
    for _ in ground.times(20) {
        client::ask_all(&mut crowd, &accounts, 200)?;
    }
    Ok(())
}

fn tokens(ground: &Ground) -> anyhow::Result<()> {
    let requests: Vec<_> = (0..1000 / ground.divisor)
        .map(|number| requests::accounts(&ground.issuer.token("ES256", 10_000 + number)))
        .collect();
    let mut clients = ground.plain.connect_all(16)?;
    for _ in 0..16 {
        for (request, place) in requests.iter().zip((0..clients.len()).cycle()) {
            clients[place].ask(request, 200)?;
        }
    }
    Ok(())
}

fn cold(ground: &Ground) -> anyhow::Result<()> {
    let mut client = ground.plain.connect()?;
    for (algorithm, count) in [("RS256", 800), ("PS256", 400), ("ES256", 800), ("EdDSA", 800)] {
        for number in ground.times(count) {
            client.ask(&requests::accounts(&ground.issuer.token(algorithm, 20_000 + number)), 200)?;
        }
    }
    Ok(())
}

fn refused(ground: &Ground) -> anyhow::Result<()> {
    let token = &ground.token;
    let mut client = ground.plain.connect()?;
    let (unsigned, expired) = (requests::spoilt(token), ground.issuer.token_with("ES256", 1, r#","nbf":4102444800"#));
    for _ in ground.times(400) {
        client.ask(&Request::new(GET, "/accounts").bytes(), 401)?;
        client.ask(&requests::accounts(&unsigned), 401)?;
        client.ask(&requests::accounts(&expired), 401)?;
        client.ask(&requests::accounts("a.b.c"), 401)?;
        client.ask(&Request::new(GET, "/cards").token(token).bytes(), 403)?;
        client.ask(&Request::new(GET, "/nowhere").token(token).bytes(), 404)?;
        client.ask(&Request::new("DELETE", "/accounts").token(token).bytes(), 405)?;
        client.ask(&Request::new(GET, "/accounts//x").token(token).bytes(), 400)?;
    }
    // The connection ends with what was no request.
    for _ in ground.times(100) {
        ground.plain.connect()?.ask(b"GET /accounts HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400)?;
    }
    Ok(())
}

fn bodies(ground: &Ground) -> anyhow::Result<()> {
    let mut client = ground.plain.connect()?;
    let posts = [1, 16, 1000].map(|kib| requests::payment(&ground.token, kib * 1024));
    let chunked = requests::chunked_payment(&ground.token);
    let statements = Request::new(GET, "/statements").token(&ground.token).bytes();
    for _ in ground.times(1_500) {
        client.ask(&posts[0], 200)?;
        client.ask(&chunked, 200)?;
    }
    for _ in ground.times(200) {
        client.ask(&posts[1], 200)?;
    }
    for _ in ground.times(60) {
        client.ask(&posts[2], 200)?;
        client.ask(&statements, 200)?;
    }
    Ok(())
}

fn connections(ground: &Ground) -> anyhow::Result<()> {
    let request = requests::accounts(&ground.token);
    let last = Request::new(GET, "/accounts").token(&ground.token).field("connection", "close").bytes();
    for turn in ground.times(3_000) {
        ground.plain.connect()?.ask(if turn % 2 == 0 { &request } else { &last }, 200)?;
    }
    Ok(())
}

fn tls(ground: &Ground) -> anyhow::Result<()> {
    let request = requests::accounts(&ground.token);
    let post = requests::payment(&ground.token, 16 * 1024);
    let statements = Request::new(GET, "/statements").token(&ground.token).bytes();
    let mut clients = ground.secure.connect_tls_all(16)?;
    for _ in ground.times(500) {
        client::ask_all(&mut clients, &request, 200)?;
    }
    let one = &mut clients[0];
    for _ in ground.times(4_000) {
        one.ask(&request, 200)?;
    }
    for _ in ground.times(100) {
        one.ask(&post, 200)?;
    }
    for _ in ground.times(20) {
        one.ask(&statements, 200)?;
    }
    Ok(())
}

fn handshakes(ground: &Ground) -> anyhow::Result<()> {
    let request = requests::accounts(&ground.token);
    for config in [client::whole(&rustls::version::TLS13), client::resuming(), client::whole(&rustls::version::TLS12)] {
        for _ in ground.times(250) {
            ground.secure.connect_tls(&config)?.ask(&request, 200)?;
        }
    }
    Ok(())
}

fn http2(ground: &Ground) -> anyhow::Result<()> {
    let connect = |token| Http2::connect(ground.secure.address(), token);
    let mut clients = (0..8).map(|_| connect(Some(&ground.token))).collect::<anyhow::Result<Vec<_>>>()?;
    let mut stranger = connect(None)?;
    for _ in ground.times(60) {
        for client in &mut clients {
            client.ask(50, (GET, "/accounts"), 0, 200)?;
        }
    }
    let one = &mut clients[0];
    for _ in ground.times(3_000) {
        one.ask(1, (GET, "/accounts/22289-4f2e/balances"), 0, 200)?;
    }
    for _ in ground.times(100) {
        one.ask(4, ("POST", "/payments"), 16 * 1024, 200)?;
        stranger.ask(4, (GET, "/accounts"), 0, 401)?;
        one.ask(4, (GET, "/cards"), 0, 403)?;
        one.ask(4, (GET, "/nowhere"), 0, 404)?;
    }
    for _ in ground.times(20) {
        one.ask(1, (GET, "/statements"), 0, 200)?;
        one.ask(1, ("POST", "/payments"), 1000 * 1024, 200)?;
    }
    Ok(())
}

/// What comes through one gate goes through another too.
fn chain(ground: &Ground) -> anyhow::Result<()> {
    let request = requests::as_through_a_balancer(&ground.token);
    let (post, statements) =
        (requests::payment(&ground.token, 16 * 1024), Request::new(GET, "/statements").token(&ground.token).bytes());
    let mut clients = ground.rich.connect_all(16)?;
    for _ in ground.times(400) {
        client::ask_all(&mut clients, &request, 200)?;
    }
    for _ in ground.times(100) {
        clients[0].ask(&post, 200)?;
    }
    for _ in ground.times(10) {
        clients[0].ask(&statements, 200)?;
    }
    let preflight = requests::preflight();
    for _ in ground.times(200) {
        clients[0].ask(&preflight, 204)?;
    }
    Ok(())
}

fn proofs(ground: &Ground) -> anyhow::Result<()> {
    let token = ground.issuer.token_with("ES256", 2, &ground.client.claim());
    let mut client = ground.plain.connect()?;
    for number in ground.times(1_000) {
        let proof = ground.client.proof(&token, number);
        let request = Request::new(GET, "/accounts").field("authorization", &format!("DPoP {token}"));
        client.ask(&request.field("dpop", &proof).bytes(), 200)?;
    }
    Ok(())
}

fn admin(ground: &Ground) -> anyhow::Result<()> {
    for gate in [&ground.plain, &ground.secure, &ground.rich] {
        let mut client = gate.connect_admin()?;
        for _ in ground.times(100) {
            for path in ["/metrics", "/readyz", "/status.json", "/livez"] {
                let request = Request::new(GET, path).for_host("localhost").bytes();
                client.ask(&request, 200).context(path)?;
            }
        }
    }
    Ok(())
}
