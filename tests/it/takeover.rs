//! Takeover: one process follows another on the same sockets, and neither a request nor a revocation is lost.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, issuer, route};
use crate::support::process::Process;
use crate::support::proofs::{ORIGIN, Proof, bound, dpop, thumbprint};
use crate::support::tls::Caller;
use crate::support::tokens::{ISSUER, Token};
use scopegate::clock::Clock;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn setup() -> Setup {
    let server = "  workers: 2\n  on_query_token: reject_and_revoke\n".to_owned();
    // A machine for tests may not have the descriptors for more, which would be said.
    let limits = "  drain_timeout: 5s\n  connections: 1000\n".to_owned();
    Setup { server, limits, further: "revocations: { file: revocations }\n".to_owned(), ..Setup::default() }
}

/// A token of now, since the binary has no other clock.
fn token(id: &str) -> String {
    let now = Clock::System.now().0;
    Token::good().claim("iat", now).claim("exp", now + 300).claim("jti", id).mint()
}

fn get(id: &str) -> Request {
    Request::get("/accounts").token(&token(id))
}

fn revoke(admin: SocketAddr, id: &str) -> Option<u16> {
    let body = json!({"issuer": ISSUER, "token_id": id}).to_string();
    let request =
        Request::new("POST", "/revoke").host(Some("localhost")).field("content-type: application/json").body(body);
    let mut client = Client::over(TcpStream::connect(admin).ok()?);
    client.write(request.bytes());
    client.next().map(|answer| answer.status())
}

fn status(process: &Process, id: &str) -> u16 {
    Client::connect(process.address).send(&get(id)).status()
}

/// What goes on while this is there, also where a test fails.
struct While<'a>(&'a AtomicBool);

impl Drop for While<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Load {
    stop: AtomicBool,
    kept: AtomicUsize,
    fresh: AtomicUsize,
}

/// One client that keeps its connection until it is asked to leave, and one that comes anew for each request.
fn load<S: Read + Write>(load: &Load, connect: &(impl Fn() -> Client<S> + Sync)) {
    let request = get("load");
    let mut kept = connect();
    while !load.stop.load(Ordering::Relaxed) {
        let answer = kept.send(&request);
        assert_eq!((answer.status(), answer.is_complete), (200, true), "{}", answer.text());
        load.kept.fetch_add(1, Ordering::Relaxed);
        if answer.get("connection") == Some("close") {
            kept = connect();
        }
    }
}

fn come_and_go<S: Read + Write>(load: &Load, connect: &(impl Fn() -> Client<S> + Sync)) {
    let request = get("load").field("connection: close");
    while !load.stop.load(Ordering::Relaxed) {
        let answer = connect().send(&request);
        assert_eq!((answer.status(), answer.is_complete), (200, true), "{}", answer.text());
        load.fresh.fetch_add(1, Ordering::Relaxed);
    }
}

/// Five times, under load, while somebody revokes one token after the other.
fn five_times<S: Read + Write>(setup: &Setup, connect: impl Fn(SocketAddr) -> Client<S> + Sync) {
    let mut process = Process::start(setup);
    let (address, admin) = (process.address, process.admin);
    assert_eq!(revoke(admin, "before"), Some(204));
    let counts = Load { stop: AtomicBool::new(false), kept: AtomicUsize::new(0), fresh: AtomicUsize::new(0) };
    let (connect, revoked) = (&|| connect(address), Mutex::new(vec!["before".to_owned()]));
    std::thread::scope(|scope| {
        let going_on = While(&counts.stop);
        for _ in 0..2 {
            scope.spawn(|| load(&counts, connect));
            scope.spawn(|| come_and_go(&counts, connect));
        }
        scope.spawn(|| {
            for n in 0..50_000 {
                if counts.stop.load(Ordering::Relaxed) {
                    return;
                }
                let id = format!("during-{n}");
                if revoke(admin, &id) == Some(204) {
                    revoked.lock().unwrap().push(id);
                }
            }
        });
        for _ in 0..5 {
            let before = (counts.kept.load(Ordering::Relaxed), counts.fresh.load(Ordering::Relaxed));
            process.take_over();
            eventually("traffic", || {
                let now = (counts.kept.load(Ordering::Relaxed), counts.fresh.load(Ordering::Relaxed));
                (now.0 > before.0 + 20 && now.1 > before.1 + 20).then_some(())
            });
        }
        drop(going_on);
    });
    let revoked = revoked.into_inner().unwrap();
    assert!(revoked.len() > 20, "{}", revoked.len());
    let mut client = connect();
    for id in &revoked {
        assert_eq!(client.send(&get(id)).status(), 401, "{id}");
    }
    assert_eq!(process.upstream.hits(), counts.kept.into_inner() + counts.fresh.into_inner());
    let said = process.said();
    let complaints: Vec<_> = said.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// HTTP-35, and what it takes to put another version in the place of a running one.
#[test]
fn five_takeovers_under_load_lose_no_request_and_no_revocation() {
    five_times(&setup(), Client::connect);
}

#[test]
fn five_takeovers_under_load_lose_no_request_through_tls() {
    let caller = Caller::new(None);
    five_times(&setup().tls_terms(""), |address| caller.connect_to(address));
}

/// A successor that cannot serve has cost nothing: neither the sockets nor the file that only one can have.
#[test]
fn a_successor_that_fails_leaves_everything_as_it_was() {
    let process = Process::start(&setup());
    assert_eq!(revoke(process.admin, "a"), Some(204));
    let bad = |setup: &Setup, why: &str, failed: f64| {
        process.configure(setup);
        process.signal("USR2");
        assert_eq!([process.hear(), process.hear()], ["RELOADING=1", "READY=1"]);
        assert!(process.said().contains(why), "{why}:\n{}", process.said());
        assert!((process.metric("scopegate_takeovers_failed_total") - failed).abs() < 0.5, "{why}");
    };
    bad(&Setup { routes: "  - nonsense\n".to_owned(), ..setup() }, "nothing was started", 1.0);
    // It is ready, and then the file is not one that it could open.
    let folder = Setup { further: "revocations: { file: . }\n".to_owned(), ..setup() };
    bad(&folder, "the gateway must be able to read and write the file", 2.0);
    assert_eq!(process.said().matches("not taken over").count(), 2, "{}", process.said());
    assert_eq!(revoke(process.admin, "b"), Some(204));
    assert_eq!(["a", "b", "c"].map(|id| status(&process, id)), [401, 401, 200]);
    // And now it cannot be opened again either, until somebody mends that: nothing is taken that would be forgotten.
    std::fs::create_dir(process.path("revocations.compact")).unwrap();
    bad(&folder, "nothing can be revoked", 3.0);
    assert_eq!(revoke(process.admin, "d"), Some(507));
    std::fs::remove_dir(process.path("revocations.compact")).unwrap();
    eventually("the file", || (revoke(process.admin, "d") == Some(204)).then_some(()));

    let mut process = process;
    process.configure(&setup());
    process.take_over();
    assert_eq!(["a", "b", "c"].map(|id| status(&process, id)), [401, 401, 200]);
}

/// While a successor with more workers prepares, which may never end, its sockets take nobody in.
#[test]
fn a_successor_that_prepares_takes_no_connection() {
    let process = Process::start(&setup());
    // Connections are taken, and nothing is said on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = format!("{{ uri: \"http://{}/jwks\" }}", silent.local_addr().unwrap());
    let issuers = setup().issuers + &issuer("away", "http://127.0.0.1:1", &keys);
    process.configure(&Setup { server: "  workers: 8\n".to_owned(), issuers, ..setup() });
    process.signal("USR2");
    assert_eq!(process.hear(), "RELOADING=1");
    drop(silent.accept().unwrap());
    for _ in 0..60 {
        assert_eq!(status(&process, "a"), 200);
    }
}

/// What a reload cannot change, a takeover can: the sockets that are missing are bound, those that are over are served.
#[test]
fn a_takeover_changes_what_a_reload_cannot() {
    let mut process = Process::start(&setup());
    for workers in [4, 1, 2] {
        let server = format!("  workers: {workers}\n");
        process.configure(&Setup { server, routes: route("/new", "GET", "access: open"), ..setup() });
        process.take_over();
        for _ in 0..20 {
            assert_eq!(Client::connect(process.address).send(&Request::get("/new")).status(), 200);
        }
        let page = process.ask_admin(&Request::get("/metrics")).text();
        assert_eq!(page.matches("\nscopegate_worker_connections{").count(), workers, "{page}");
    }
    process.signal("TERM");
    assert_eq!(process.hear(), "STOPPING=1");
    eventually("the end", || TcpStream::connect(process.address).is_err().then_some(()));
}

/// Without a file they would be forgotten by a restart; whoever takes over is told of them.
#[test]
fn revocations_without_a_file_survive_a_takeover() {
    let mut process = Process::start(&Setup { further: String::new(), ..setup() });
    assert_eq!(revoke(process.admin, "a"), Some(204));
    process.take_over();
    process.take_over();
    assert_eq!(["a", "b"].map(|id| status(&process, id)), [401, 200]);
}

/// DPOP-13: neither process knows what was used at the other, so none is good at both. A client that is told the nonce
/// comes again by itself (RFC 9449 §8).
#[test]
fn a_proof_is_not_good_at_both_processes() {
    let server = format!("  public_origin: {ORIGIN}\n");
    let mut process = Process::start(&Setup { server, further: "dpop: {}\nassertion: {}\n".to_owned(), ..setup() });
    let now = || Clock::System.now().0;
    let (key, _) = bound();
    let cnf = json!({"jkt": thumbprint(&key)});
    let token = Token::good().claim("iat", now()).claim("exp", now() + 300).claim("cnf", cnf).mint();
    let proof = |date: i64| Proof::good(&key, &token).claim("iat", date);
    let send = |proof: &Proof| Client::connect(process.address).send(&dpop(&token, &proof.mint()));
    let [past, ahead] = [proof(now()), proof(now() + 9)];
    assert_eq!([send(&past).status(), send(&ahead).status()], [200, 200]);
    let kids = |process: &Process| -> Vec<String> {
        let set = process.ask_admin(&Request::get("/jwks.json")).json();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect()
    };
    let old = kids(&process);
    process.take_over();
    let send = |proof: &Proof| Client::connect(process.address).send(&dpop(&token, &proof.mint()));
    let mut nonce = String::new();
    for used in [past, ahead] {
        let answer = send(&used);
        assert_eq!(answer.status(), 401);
        assert!(answer.one("www-authenticate").contains("use_dpop_nonce"));
        answer.one("dpop-nonce").clone_into(&mut nonce);
    }
    assert_eq!(send(&proof(now()).claim("nonce", nonce)).status(), 200);

    let new = kids(&process);
    assert!(new.len() == 2 && !old.contains(&new[0]) && old.contains(&new[1]), "what it signed is still good: {new:?}");
}

/// A request that the predecessor still has is its own to end, and what is revoked meanwhile holds there too, as what it
/// revokes itself does with its successor.
#[test]
fn both_know_what_either_revokes_while_the_predecessor_ends() {
    let mut process = Process::start(&setup());
    let mut busy = Client::connect(process.address);
    busy.write(Request::new("POST", "/payments").token(&token("busy")).field("content-length: 4").bytes());
    let mut leaked = Client::connect(process.address);
    leaked.write("GET /accounts?access_token=");
    let old = process.main;
    process.signal("USR2");
    assert_eq!(process.hear(), "RELOADING=1");
    let heard = process.hear();
    process.main = heard.strip_prefix("MAINPID=").unwrap().split_once('\n').unwrap().0.parse().unwrap();
    assert_eq!(revoke(process.admin, "busy"), Some(204));
    assert!(std::path::Path::new(&format!("/proc/{old}")).exists(), "the predecessor has requests in flight");
    leaked.write(format!("{} HTTP/1.1\r\nhost: a\r\n\r\n", token("leaked")));
    assert_eq!(leaked.answer().status(), 400);
    eventually("the revocation", || (status(&process, "leaked") == 401).then_some(()));
    busy.write("abcd");
    assert_eq!(busy.answer().status(), 200, "it was permitted before");
    let kept = std::fs::read_to_string(process.path("revocations")).unwrap();
    assert_eq!(kept.lines().count(), 2);
}

/// systemd listens in our place, so that nobody is turned away while we start.
#[test]
fn a_socket_that_the_supervisor_passes_is_served_by_all_workers_and_handed_on() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut early = Client::connect(socket.local_addr().unwrap());
    early.write(Request::get("/open/early").bytes());
    let mut process =
        Process::activated(&Setup { server: "  workers: 2\n".to_owned(), ..setup() }, socket.try_clone().unwrap());
    assert_eq!(early.answer().status(), 200);
    process.take_over();
    assert_eq!(status(&process, "a"), 200);
    let _kept: Vec<_> = (0..6).map(|_| TcpStream::connect(process.address).unwrap()).collect();
    eventually("balance", || {
        let load = |n| process.metric(&format!("scopegate_worker_connections{{worker=\"{n}\"}}"));
        (load(0) >= 3.0 && load(1) >= 3.0).then_some(())
    });
    process.signal("TERM");
    assert_eq!(process.hear(), "STOPPING=1");
    TcpStream::connect(process.address).expect("the supervisor listens on");
}
