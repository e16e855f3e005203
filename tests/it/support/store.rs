//! A real Valkey or Redis on a port of its own, which a test may stop, start again, slow down, and look into.

use super::client::Request;
use super::gateway::{Setup, World};
use super::proofs::setup;
use super::server::nobody;
use super::tokens::{ISSUER, Token};
use super::wire::Message;
use super::{WAIT, eventually};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// A server. Dropped, it is ended.
pub struct Store {
    program: PathBuf,
    address: SocketAddr,
    arguments: Vec<String>,
    folder: TempDir,
    child: Option<Child>,
}

impl Store {
    /// One that keeps nothing for longer than it runs. `None` where this machine has none, which `tests/run.sh` ends with.
    pub fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// The same with further arguments.
    pub fn with(arguments: &[&str]) -> Option<Self> {
        let mut store = Self::absent()?;
        store.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        store.run();
        Some(store)
    }

    /// One that does not run yet.
    pub fn absent() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("not run: there is neither redis-server nor valkey-server here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        Some(Self { program, address: nobody(), arguments: Vec::new(), folder, child: None })
    }

    /// A file for its arguments.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Adds arguments for the next start.
    pub fn add(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    }

    /// Starts it, with what it has kept if it was told to keep anything.
    pub fn run(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["--port", &self.address.port().to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(self.folder.path()).args(&self.arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.child = Some(child);
        eventually("the store", || TcpStream::connect(self.address).ok());
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The section of a gateway that shares it; `terms` are further keys.
    pub fn section(&self, terms: &str) -> String {
        section(self.address, terms)
    }

    /// What it answers to one command, in its own words.
    pub fn say(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            write!(text, "${}\r\n{word}\r\n", word.len()).unwrap();
        }
        stream.write_all(format!("{text}*1\r\n$4\r\nQUIT\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.strip_suffix("+OK\r\n").unwrap_or(&answer).trim_end().to_owned()
    }

    /// As if it had been there for long: proofs of now need no nonce.
    pub fn is_old(&self) {
        assert_eq!(self.say(&["SET", &self.era(), &format!("1 {}", "ab".repeat(32))]), "+OK");
    }

    /// Where the era of its run stands.
    pub fn era(&self) -> String {
        let said = self.say(&["INFO", "server"]);
        let run = said.lines().find_map(|line| line.strip_prefix("run_id:")).expect("each has one");
        format!("scopegate:era:{run}")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The section of a gateway whose store is there. A loaded machine is slow, and most tests are not about that.
pub fn section(address: SocketAddr, terms: &str) -> String {
    let timeout = if terms.contains("timeout:") { "" } else { ", timeout: 2s" };
    format!("state: {{ store: \"redis://{address}\"{timeout}{terms} }}\n")
}

/// A server that passes everything on and lets answers wait.
pub struct Delay {
    address: SocketAddr,
    millis: Arc<AtomicU64>,
}

impl Delay {
    /// In front of this one, without any delay.
    pub fn before(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, millis) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
        let shared = Arc::clone(&millis);
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(store) else { continue };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, || Duration::ZERO));
                let millis = Arc::clone(&shared);
                std::thread::spawn(move || {
                    pass(server, client, || Duration::from_millis(millis.load(Ordering::Relaxed)));
                });
            }
        });
        Self { address, millis }
    }

    /// From now on.
    pub fn by(&self, millis: u64) {
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: impl Fn() -> Duration) {
    let mut octets = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut octets) {
        std::thread::sleep(delay());
        if to.write_all(&octets[..count]).is_err() {
            break;
        }
    }
    to.shutdown(std::net::Shutdown::Both).ok();
}

/// A gateway that takes proofs and shares what it knows.
pub fn sharing(state: &str) -> Setup {
    let mut setup = setup("{}");
    setup.further.push_str(state);
    setup
}

/// Started, and in step with its store.
pub fn ready(setup: Setup) -> World {
    let world = setup.start();
    world.wait_ready();
    world
}

/// Two of them.
pub fn two(state: &str) -> [World; 2] {
    [ready(sharing(state)), ready(sharing(state))]
}

/// `POST /revoke`.
pub fn revoke(world: &World, body: &Value) -> Message {
    let request = Request::new("POST", "/revoke").field("content-type: application/json").body(body.to_string());
    world.ask_admin(&request)
}

/// Revokes one token.
pub fn by_id(id: &str) -> Value {
    json!({"issuer": ISSUER, "token_id": id})
}

/// Uses one token.
pub fn with_id(id: &str) -> Request {
    Request::get("/accounts").token(&Token::good().claim("jti", id).mint())
}

/// Calls of the store that it counts.
pub fn calls(world: &World, kind: &str, outcome: &str) -> f64 {
    world.metric(&format!("scopegate_state_calls_total{{kind=\"{kind}\",outcome=\"{outcome}\"}}"))
}

/// Whether all of it has the store.
pub fn is_up(world: &World) -> bool {
    ["requests", "revocations"].iter().all(|link| world.metric(&format!("scopegate_state_up{{link=\"{link}\"}}")) > 0.5)
}

/// Distributions keep servers where only root looks.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]).collect();
    let of = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    of("valkey-server").or_else(|| of("redis-server"))
}
