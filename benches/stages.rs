//! Each stage of the path as a plain function: no socket, no runtime. `pipeline` has the whole path.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that cannot go on should stop, and say where"
)]

mod support {
    pub(crate) mod configuration;
    pub(crate) mod issuer;
}

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use scopegate::clock::{Clock, UnixSeconds};
use scopegate::config::Settings;
use scopegate::config::assertion::{Assertion, Audience, KeySource};
use scopegate::config::envelope::Envelope;
use scopegate::config::quotas::counting::Counting;
use scopegate::config::quotas::customer::Customer;
use scopegate::config::quotas::dimension::Dimension;
use scopegate::config::quotas::number::Number;
use scopegate::config::quotas::{self, Frequency, Reach, WhenFull};
use scopegate::config::routes::Access;
use scopegate::gateway::answer::OurFields;
use scopegate::gateway::assertion::keys::Keys;
use scopegate::gateway::assertion::{Asserter, Assertions};
use scopegate::gateway::authorize::permit::{self, Granted};
use scopegate::gateway::authorize::{Facts, Replay, scopes};
use scopegate::gateway::certificate::{ClientCertificate, Shown, Vouched};
use scopegate::gateway::credentials::{self, Bearer, Dpop};
use scopegate::gateway::forward::codec;
use scopegate::gateway::http1::fields::Fields;
use scopegate::gateway::http1::framing::{Chunk, Chunks};
use scopegate::gateway::http1::lines::Lines;
use scopegate::gateway::observe::metrics::{Metrics, Outcome};
use scopegate::gateway::policy::{Parts, Policy};
use scopegate::gateway::quotas::caller::Caller;
use scopegate::gateway::quotas::{Limited, Quota, Quotas, fields, take};
use scopegate::gateway::read::{self, Head};
use scopegate::gateway::verify::cache::CacheUse;
use scopegate::gateway::verify::keys::KeyStore;
use scopegate::gateway::verify::memo::Memo;
use scopegate::gateway::verify::opaque::Asks;
use scopegate::gateway::verify::status::fetch::Client;
use scopegate::gateway::verify::token::VerifiedToken;
use scopegate::gateway::verify::unseen::Unseen;
use scopegate::gateway::verify::{Issuer, Verification, Verifier, key_source};
use scopegate::gateway::{self, rewrite, route};
use scopegate::oauth::algorithm::Algorithm;
use scopegate::oauth::jwk::KeySet;
use scopegate::oauth::jws::Jws;
use scopegate::oauth::origin::Site;
use scopegate::oauth::signer;
use scopegate::state::revocations::Revocations;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use support::configuration::Configuration;
use support::issuer;

criterion_group! {
    name = stages;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = reading, routing, finding_credentials, verifying, looking_up_status, authorizing, asserting,
        knowing_certificates, counting, limiting,
        speaking_to_upstreams
}
criterion_main!(stages);

fn reading(c: &mut Criterion) {
    let parsed = gateway::request::Request::from(request(PATH, "token").into_parts().0);
    c.bench_function("read: head", |b| {
        b.iter_batched(|| Box::new(parsed.clone()), |request| read::head(request, 8192), BatchSize::SmallInput);
    });
    for (name, path) in [
        ("read: is_canonical, plain", PATH),
        ("read: is_canonical, percent-encoded", "/accounts/Gl%C3%BCck%20auf/balances"),
    ] {
        assert!(read::is_canonical(path.as_bytes()));
        c.bench_function(name, |b| b.iter(|| read::is_canonical(black_box(path.as_bytes()))));
    }
}

fn routing(c: &mut Criterion) {
    let head = head(PATH, "token");
    for routes in [0, 97, 9_997] {
        let bank = Bank::open(routes, 16);
        c.bench_function(&format!("route: find, {} routes", bank.settings.routes.len()), |b| {
            b.iter(|| route::find(&bank.policy.router, black_box(&head)).unwrap().place);
        });
    }
}

fn finding_credentials(c: &mut Criterion) {
    let bank = Bank::open(0, 16);
    let head = head(PATH, &bank.issuer.token("RS256", 0));
    c.bench_function("credentials: find", |b| {
        b.iter(|| credentials::find(black_box(&head), &Memo::default(), Dpop::Unknown).unwrap().token().len());
    });
}

fn verifying(c: &mut Criterion) {
    let bank = Bank::open(0, 1000);
    let heads = bank.heads("RS256", 2);
    let memo = Memo::default();
    bank.verify(&heads[0], &memo);
    c.bench_function("verify: the connection's last token", |b| {
        b.iter(|| assert_eq!(bank.verify(&heads[0], &memo).1, CacheUse::Hit));
    });
    bank.verify(&heads[1], &memo);
    // Two tokens in turn are never the last one.
    let mut turn = heads.iter().cycle();
    c.bench_function("verify: a token from the cache", |b| {
        b.iter(|| assert_eq!(bank.verify(turn.next().unwrap(), &memo).1, CacheUse::Hit));
    });
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let bank = Bank::open(0, 1);
        let heads = bank.heads(algorithm, 64);
        let set = KeySet::parse(bank.issuer.key_set().as_bytes(), 100).unwrap();
        let tokens: Vec<_> =
            heads.iter().map(|head| credentials::find(head, &Memo::default(), Dpop::Unknown).unwrap()).collect();
        let known = algorithm.parse().unwrap();
        let key = set.keys.iter().find(|key| key.fits(known)).unwrap();
        let signed: Vec<_> = tokens.iter().map(|token| Jws::read(token.token()).unwrap()).collect();
        let mut turn = signed.iter().cycle();
        // The floor under a new token: what the mathematics costs, and decoding the signature.
        c.bench_function(&format!("verify: the signature alone, {algorithm}"), |b| {
            b.iter(|| assert!(turn.next().unwrap().is_signed_by(key, known)));
        });
        let mut turn = heads.iter().cycle();
        c.bench_function(&format!("verify: a new token, {algorithm}"), |b| {
            b.iter(|| assert_eq!(bank.verify(turn.next().unwrap(), &Memo::default()).1, CacheUse::Miss));
        });
    }
}

/// What a status list costs a request whose token is remembered: the line beside `the connection's last token`.
fn looking_up_status(c: &mut Criterion) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", server.local_addr().unwrap());
    let bank = Bank::with(0, 16, Some(&origin));
    // A million tokens, none of them revoked.
    let octets = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 1 << 17], 9);
    let list = format!(
        r#"{{"sub":"{origin}/1","iat":{},"status_list":{{"bits":1,"lst":"{}"}}}}"#,
        bank.now.0,
        URL_SAFE_NO_PAD.encode(octets)
    );
    let list = bank.issuer.signed("ES256", "statuslist+jwt", &list);
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len()).unwrap();
    });
    let claims = bank.issuer.claims(0);
    let status = format!(r#","status":{{"status_list":{{"idx":777777,"uri":"{origin}/1"}}}}}}"#);
    let token = bank.issuer.signed("ES256", "at+jwt", &(claims.trim_end_matches('}').to_owned() + &status));
    let (head, memo) = (head(PATH, &token), Memo::default());
    bank.fetch_list(&head, &memo);
    serving.join().unwrap();
    bank.verify(&head, &memo);
    c.bench_function("verify: the connection's last token, on a status list", |b| {
        b.iter(|| assert_eq!(bank.verify(&head, &memo).1, CacheUse::Hit));
    });
}

fn authorizing(c: &mut Criterion) {
    let bank = Bank::open(0, 16);
    let head = bank.heads("ES256", 1).remove(0);
    let route = route::find(&bank.policy.router, &head).unwrap();
    let token = bank.verify(&head, &Memo::default()).0;
    let bearer = credentials::find(&head, &Memo::default(), Dpop::Unknown).unwrap();
    let asker = permit::Asker { head: &head, bearer: &bearer, client: None, certificate: None, replay: Replay::Spend };
    c.bench_function("authorize: grant", |b| {
        b.iter_batched(
            || token.clone(),
            |token| permit::grant(route, token, (&asker, &bank.policy.senders), bank.now).is_ok(),
            BatchSize::SmallInput,
        );
    });
    let Access::Token(demands) = &bank.settings.routes[route.place].access else { panic!("the route wants a token") };
    let check = scopes::Scopes::compile(&demands.all, &demands.any).unwrap();
    let facts = Facts {
        token: &token,
        head: &head,
        bearer: &bearer,
        client: None,
        certificate: None,
        now: bank.now,
        replay: Replay::Spend,
    };
    c.bench_function("authorize: scopes", |b| b.iter(|| check.check(black_box(&facts)).is_ok()));
}

fn asserting(c: &mut Criterion) {
    let bank = Bank::open(0, 16);
    let head = bank.heads("ES256", 1).remove(0);
    let route = route::find(&bank.policy.router, &head).unwrap();
    let bearer = credentials::find(&head, &Memo::default(), Dpop::Unknown).unwrap();
    let asker = permit::Asker { head: &head, bearer: &bearer, client: None, certificate: None, replay: Replay::Spend };
    let token = bank.verify(&head, &Memo::default()).0;
    let granted = permit::grant(route, token, (&asker, &bank.policy.senders), bank.now).unwrap();
    let Granted::Now(permit) = granted else { panic!("no proof is to be asked about") };
    let target = rewrite::target(route, &head).unwrap();
    let metrics = Metrics::new(1);
    for algorithm in signer::ALGORITHMS {
        let asserter = asserter(algorithm, bank.now);
        let assert = |now| {
            asserter.assert(&permit, (black_box(&head), &target, None), now, metrics.worker(0)).unwrap().is_some()
        };
        if algorithm == Algorithm::Es256 {
            c.bench_function("assert: remembered", |b| b.iter(|| assert!(assert(bank.now))));
        }
        // Each is of another time than the one before, so none is young enough to be used again.
        let mut times = [bank.now, UnixSeconds(bank.now.0 - 1_000)].into_iter().cycle();
        c.bench_function(&format!("assert: signed, {}", algorithm.as_str()), |b| {
            b.iter(|| assert!(assert(times.next().unwrap())));
        });
    }
}

/// What a certificate costs: read once for its connection, compared with the token on every request.
fn knowing_certificates(c: &mut Criterion) {
    let made = rcgen::generate_simple_self_signed(vec!["tpp.example".to_owned()]).unwrap();
    let der = made.cert.der();
    c.bench_function("certificate: read", |b| b.iter(|| ClientCertificate::new(black_box(der), Vouched::Yes)));
    let value = format!(":{}:", base64::engine::general_purpose::STANDARD.encode(der));
    let headers: HeaderMap = [(HeaderName::from_static("client-cert"), value.parse().unwrap())].into_iter().collect();
    let headers = Fields::from(&headers);
    let shown = Shown::default();
    c.bench_function("certificate: by a proxy, seen before", |b| {
        b.iter(|| assert!(shown.find(black_box(&headers)).unwrap().is_some()));
    });
    let certificate = ClientCertificate::new(der, Vouched::No);
    let bank = Bank::open(0, 16);
    let thumbprint = URL_SAFE_NO_PAD.encode(certificate.thumbprint());
    let bound = bank.issuer.token_with("ES256", 0, &format!(r#","cnf":{{"x5t#S256":"{thumbprint}"}}"#));
    for (name, token, certificate) in [
        ("verify and grant: unbound", bank.issuer.token("ES256", 0), None),
        ("verify and grant: bound to a certificate", bound, Some(&certificate)),
    ] {
        let head = head(PATH, &token);
        let memo = Memo::default();
        bank.verify(&head, &memo);
        let route = route::find(&bank.policy.router, &head).unwrap();
        c.bench_function(name, |b| {
            b.iter(|| {
                let (token, cache) = bank.verify(black_box(&head), &memo);
                let bearer = credentials::find(&head, &memo, Dpop::Unknown).unwrap();
                let asker =
                    permit::Asker { head: &head, bearer: &bearer, client: None, certificate, replay: Replay::Spend };
                assert!(cache == CacheUse::Hit);
                permit::grant(route, token, (&asker, &bank.policy.senders), bank.now).unwrap();
            });
        });
    }
}

fn asserter(algorithm: Algorithm, now: UnixSeconds) -> Asserter {
    let settings = Assertion {
        issuer: "https://api.bank.example".into(),
        key: KeySource::Made { algorithm, rotate: Duration::from_hours(24) },
        lifetime: Duration::from_secs(30),
        header: HeaderName::from_static("x-auth-assertion"),
        audiences: vec![Audience::Named("api".into())],
    };
    let keys = Arc::new(Keys::new(&settings.key, now).unwrap());
    Asserter::new(Arc::new(Assertions::new(settings, keys)))
}

fn counting(c: &mut Criterion) {
    let metrics = Metrics::new(1);
    let route = metrics.route("/accounts");
    c.bench_function("observe: count", |b| {
        b.iter(|| route.count(0, black_box(Outcome::Passed(StatusCode::OK)), black_box(700)));
    });
}

/// What a quota costs a request: the decision, and what the answer says of it.
fn limiting(c: &mut Criterion) {
    let bank = Bank::open(0, 16);
    let head = bank.heads("ES256", 1).remove(0);
    let token = bank.verify(&head, &Memo::default()).0;
    let address = "192.0.2.1".parse().unwrap();
    let caller = Caller { head: &head, address, token: Some(&token), certificate: None, now: bank.now };
    let rate = Number::Rate { calls: 100_000, period: Duration::from_secs(1), burst: 1_000_000 };
    let day = Number::Window { calls: 4, within: Duration::from_micros(2) };
    for (name, number, per) in [
        ("quotas: take, one rate", rate, vec![Dimension::Client]),
        ("quotas: take, a window of four by consent and route", day, vec![Dimension::Consent, Dimension::Route]),
        ("quotas: take, at once", Number::AtOnce(1), vec![Dimension::Client]),
    ] {
        let settings = quotas::Quota {
            name: "calls".into(),
            per,
            number,
            overrides: Vec::new(),
            reach: Reach::All,
            customer: Customer::Counted,
            pages: Vec::new(),
            frequency: Frequency::Ignored,
            keys_max: 1000,
            when_full: WhenFull::Refuse,
            counting: Counting::Here,
        };
        let all = [Arc::new(Quota::new(settings, None))];
        let rules = Quotas::compile(&bank.settings.routes[0], &all).permitted;
        c.bench_function(name, |b| {
            b.iter(|| {
                let mut limited = Limited::default();
                take(&rules, black_box(&caller), Clock::System.now_us(), &mut limited).is_ok()
            });
        });
        let (mut limited, mut answer) = (Limited::default(), OurFields::default());
        assert!(take(&rules, &caller, Clock::System.now_us() + 1_000_000_000, &mut limited).is_ok());
        c.bench_function(&format!("{name}: the answer's fields"), |b| {
            b.iter(|| fields::tell(&mut answer, black_box(&limited), &all, Envelope::Problem));
        });
    }
}

fn speaking_to_upstreams(c: &mut Criterion) {
    let parsed = gateway::request::Request::from(request(PATH, "token").into_parts().0);
    let mut out = Vec::new();
    c.bench_function("forward: write a request's start line", |b| {
        b.iter(|| {
            out.clear();
            codec::write_head(&mut out, (black_box(&parsed.method), PATH), codec::Coding::Length, |_| {});
        });
    });
    let answer = "HTTP/1.1 200 OK\r\nserver: api\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json\r\ncontent-length: 1024\r\nconnection: keep-alive\r\ncache-control: no-store\r\n\r\n";
    let mut fields = Fields::default();
    c.bench_function("forward: read a response's head", |b| {
        b.iter_batched(
            || BytesMut::from(answer),
            |mut buffer| {
                black_box(
                    codec::read_head(&mut buffer, &Method::GET, (&mut Lines::default(), &mut fields)).unwrap().unwrap(),
                );
            },
            BatchSize::SmallInput,
        );
    });
    let body = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1024, "x".repeat(1024));
    c.bench_function("forward: read a chunked body of 1 KiB", |b| {
        b.iter_batched(
            || (BytesMut::from(body.as_str()), Chunks::default()),
            |(mut buffer, mut chunks)| {
                while let Chunk::Data(piece) = chunks.next(&mut buffer).unwrap() {
                    black_box(piece);
                }
                assert!(chunks.is_over());
            },
            BatchSize::SmallInput,
        );
    });
}

/// A policy with everything it decides by, and an issuer that signs for it.
struct Bank {
    issuer: issuer::Issuer,
    settings: Settings,
    policy: Policy,
    now: UnixSeconds,
}

impl Bank {
    fn open(routes: usize, verdicts: usize) -> Self {
        Self::with(routes, verdicts, None)
    }

    /// With status lists at this origin.
    fn with(routes: usize, verdicts: usize, lists: Option<&str>) -> Self {
        let (folder, issuer) = (tempfile::tempdir().unwrap(), issuer::Issuer::new());
        let keys = folder.path().join("jwks.json");
        std::fs::write(&keys, issuer.key_set()).unwrap();
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let configuration = Configuration { listen: nowhere, upstream: nowhere, routes, verdicts, access_log: "off" };
        let text = configuration.text();
        let mut settings = scopegate::config::parse(&text, &folder.path().join("scopegate.yaml")).unwrap();
        if let (Some(origin), Some(known)) = (lists, &mut settings.issuers[0].status_list) {
            known.sites = vec![Site::around(origin).unwrap()];
        }
        let known = &settings.issuers[0];
        let store = KeyStore::default();
        store.take_over(key_source::read_file(&keys).unwrap(), Clock::System.instant());
        let issuers = vec![Arc::new(Issuer::new(known.clone(), Arc::new(store), &Clock::System))];
        let verifier = Arc::new(Verifier::new(
            issuers,
            settings.limits.verdicts_max,
            Arc::new(Revocations::new(1, Duration::from_mins(1))),
            Clock::System,
        ));
        let policy = Policy::compile(
            &settings,
            1,
            Parts {
                verifier,
                senders: Arc::default(),
                keys: None,
                endpoints: Vec::new(),
                quotas: Vec::new(),
                tracing: None,
            },
            &Metrics::new(1),
        );
        Self { issuer, settings, policy, now: Clock::System.now() }
    }

    /// Heads with tokens that differ.
    fn heads(&self, algorithm: &str, count: usize) -> Vec<Head> {
        (0..count).map(|number| head(PATH, &self.issuer.token(algorithm, number))).collect()
    }

    fn verify(&self, head: &Head, memo: &Memo) -> (VerifiedToken, CacheUse) {
        let bearer = credentials::find(head, memo, Dpop::Unknown).unwrap();
        match self.look(&bearer, memo) {
            Verification::Decided(verdict, cache) => (verdict.unwrap(), cache),
            Verification::Ask(_) | Verification::Wait(_) => panic!("nobody is asked"),
        }
    }

    fn look<'v>(&'v self, bearer: &Bearer<'v>, memo: &Memo) -> Verification<'v> {
        self.policy.verifier.recall(bearer, memo, &Asks::Nobody, self.now).unwrap_or_else(Unseen::verify)
    }

    /// Verifies a token whose list must be fetched first, as the control thread and a worker do together.
    fn fetch_list(&self, head: &Head, memo: &Memo) {
        let bearer = credentials::find(head, memo, Dpop::Unknown).unwrap();
        let Verification::Wait(pending) = self.look(&bearer, memo) else {
            panic!("the list is there already");
        };
        let issuer = &self.policy.verifier.issuers()[0];
        let mut added = issuer.status_lists.as_ref().unwrap().take_added().unwrap();
        let client = Client::new(issuer, Clock::System).unwrap().unwrap();
        let fetching = async { client.keep_fresh(&added.recv().await.unwrap()).await };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            tokio::select! {
                token = pending.answer() => drop(token.unwrap()),
                () = fetching => panic!("lists are kept fresh"),
            }
        });
    }
}

/// What a third party's HTTP library sends.
fn request(path: &str, token: &str) -> Request<()> {
    Request::get(path)
        .header("host", "api.bank.example")
        .header("user-agent", "tpp/1.0 (Linux)")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header("authorization", format!("Bearer {token}"))
        .header("x-fapi-interaction-id", "93bac548-d2de-4546-b106-880a5018460d")
        .header("x-fapi-auth-date", "Thu, 01 Jan 2026 00:00:00 GMT")
        .header("x-fapi-customer-ip-address", "192.0.2.7")
        .body(())
        .unwrap()
}

fn head(path: &str, token: &str) -> Head {
    read::head(Box::new(request(path, token).into_parts().0.into()), 8192).unwrap()
}

const PATH: &str = "/accounts/22289-4f2e/balances";
