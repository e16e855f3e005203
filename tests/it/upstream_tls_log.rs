//! What the gateway's own log says of upstreams behind TLS.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::secure::{Secure, Terms};
use crate::support::server::{Server, nobody};
use crate::support::tls::Authority;
use crate::upstream_tls::{roots, setup, with_keys};
use std::process::{Command, Stdio};

/// What an operator must act on is said when it begins and when it ends, and not for every request between.
#[test]
fn that_a_server_is_not_trusted_is_logged_once() {
    let (ours, strangers) = (Authority::new("banks"), Authority::new("strangers"));
    let (good, bad) = (ours.issue_for("127.0.0.1"), strangers.issue_for("127.0.0.1"));
    let upstream = Server::echo();
    let front = Secure::before(upstream.address(), &Terms::of(&bad));
    let folder = tempfile::tempdir().unwrap();
    let address = nobody();
    let yaml =
        setup(&front, "ca_file: ca.pem").yaml(upstream.address()).replacen("127.0.0.1:0", &address.to_string(), 1);
    for (name, text) in with_keys(&[roots(&ours), ("scopegate.yaml", yaml)]) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let log = folder.path().join("stderr");
    let mut process = Command::new(env!("CARGO_BIN_EXE_scopegate"))
        .args(["serve", "--config"])
        .arg(folder.path().join("scopegate.yaml"))
        .stderr(std::fs::File::create(&log).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the gateway", || std::net::TcpStream::connect(address).ok());
    let ask = || {
        let request = Request::get("/open/x");
        crate::support::client::Client::connect(address).send(&request).status()
    };
    assert_eq!((ask(), ask(), ask()), (502, 502, 502));
    front.becomes(&Terms::of(&good));
    assert_eq!((ask(), ask()), (200, 200));
    process.kill().unwrap();
    process.wait().unwrap();
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!(said.matches("certificate does not verify").count(), 1, "{said}");
    assert_eq!(said.matches("is spoken to again").count(), 1, "{said}");
    assert!(said.contains(&front.address().to_string()), "{said}");
}
