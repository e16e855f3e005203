//! The binary as an operator runs it, told by signals and watched as a supervisor watches it.

use super::client::{Client, Request};
use super::gateway::Setup;
use super::server::{Server, nobody};
use super::wire::Message;
use super::{WAIT, eventually, tls};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A process, or the one that has taken over from it. Dropped, it is ended.
pub struct Process {
    /// Where third parties reach it.
    pub address: SocketAddr,
    /// Where operators do.
    pub admin: SocketAddr,
    /// What it forwards to.
    pub upstream: Server,
    /// Started by us; it may have ended.
    child: Child,
    /// The one that serves.
    pub main: u32,
    notified: UnixDatagram,
    folder: TempDir,
}

impl Process {
    /// Starts it with this configuration, on addresses of its own.
    pub fn start(setup: &Setup) -> Self {
        Self::launch(setup, "", None)
    }

    /// Starts it where it may have so many file descriptors.
    pub fn with_descriptors(setup: &Setup, most: usize) -> Self {
        Self::launch(setup, &format!("ulimit -n {most};"), None)
    }

    /// Starts it as a supervisor does that listens in its place: on this socket.
    pub fn activated(setup: &Setup, socket: TcpListener) -> Self {
        let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=door;";
        Self::launch(setup, script, Some(socket))
    }

    /// A shell does first what `prelude` says, with `socket` as its standard input, and becomes the gateway.
    fn launch(setup: &Setup, prelude: &str, socket: Option<TcpListener>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in tls::server_files() {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let upstream = Server::echo();
        let address = socket.as_ref().map_or_else(nobody, |socket| socket.local_addr().unwrap());
        let admin = nobody();
        let notified = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        notified.set_read_timeout(Some(WAIT)).unwrap();
        let log = std::fs::File::create(folder.path().join("said")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{prelude} exec \"$@\""), "sh", env!("CARGO_BIN_EXE_scopegate")]);
        command.stdin(socket.map_or_else(Stdio::null, |socket| Stdio::from(OwnedFd::from(socket))));
        command.args(["serve", "--config"]).arg(folder.path().join("scopegate.yaml"));
        command.env("NOTIFY_SOCKET", folder.path().join("notify")).stderr(log).stdout(Stdio::null());
        let texts = Self::yaml_at(setup, (address, admin), &upstream);
        std::fs::write(folder.path().join("scopegate.yaml"), texts).unwrap();
        let child = command.spawn().unwrap();
        let process = Self { address, admin, upstream, main: child.id(), child, notified, folder };
        assert_eq!(process.hear(), "READY=1", "{}", process.said());
        process
    }

    fn yaml_at(setup: &Setup, (address, admin): (SocketAddr, SocketAddr), upstream: &Server) -> String {
        let text = setup.yaml(upstream.address());
        text.replacen("127.0.0.1:0", &address.to_string(), 1).replacen("127.0.0.1:0", &admin.to_string(), 1)
    }

    /// Writes another configuration, which nobody reads yet.
    pub fn configure(&self, setup: &Setup) {
        let text = Self::yaml_at(setup, (self.address, self.admin), &self.upstream);
        std::fs::write(self.path("scopegate.yaml"), text).unwrap();
    }

    /// Sends a signal to the process that serves.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.main.to_string()]).status().unwrap();
        assert!(sent.success(), "{name}");
    }

    /// What it tells its supervisor next.
    pub fn hear(&self) -> String {
        let mut heard = [0; 128];
        match self.notified.recv(&mut heard) {
            Ok(length) => String::from_utf8_lossy(&heard[..length]).into_owned(),
            Err(fault) => panic!("nothing was heard ({fault}):\n{}", self.said()),
        }
    }

    /// Lets a successor take over, and waits until its predecessor is gone.
    pub fn take_over(&mut self) {
        let old = self.main;
        self.signal("USR2");
        assert_eq!(self.hear(), "RELOADING=1");
        let heard = self.hear();
        let main = heard.strip_prefix("MAINPID=").and_then(|rest| rest.strip_suffix("\nREADY=1"));
        self.main = main.unwrap_or_else(|| panic!("{heard}\n{}", self.said())).parse().unwrap();
        assert_ne!(self.main, old);
        eventually("the end of the predecessor", || {
            // A child of ours is there until it is waited for.
            self.child.try_wait().unwrap();
            (!PathBuf::from(format!("/proc/{old}")).exists()).then_some(())
        });
    }

    /// What it wrote on standard error, with whoever came after it.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    /// One of the operators' pages.
    pub fn ask_admin(&self, request: &Request) -> Message {
        Client::connect(self.admin).send(&request.clone().host(Some("localhost")))
    }

    /// The value of a line of the metrics page; 0 where there is none.
    pub fn metric(&self, line: &str) -> f64 {
        let page = self.ask_admin(&Request::get("/metrics")).text();
        page.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok()).unwrap_or_default()
    }

    /// Beside its configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for process in [self.main, self.child.id()] {
            drop(Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status());
        }
        drop(self.child.wait());
    }
}
