//! The command line, by running the binary: what it says and how it exits.

use crate::support::client::{Client, Request};
use crate::support::gateway::Setup;
use crate::support::server::{Server, nobody};
use crate::support::{eventually, keys};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

fn scopegate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scopegate")).args(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A configuration in a folder of its own, listening at `listen`.
fn configured(listen: SocketAddr, upstream: &Server) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let yaml = Setup::default().yaml(upstream.address()).replacen("127.0.0.1:0", &listen.to_string(), 1);
    std::fs::write(folder.path().join("jwks.json"), keys::set(&[keys::ec()]).to_string()).unwrap();
    let path = folder.path().join("scopegate.yaml");
    std::fs::write(&path, yaml).unwrap();
    (folder, path.display().to_string())
}

#[test]
fn a_configuration_with_five_faults_names_all_five_and_exits_2() {
    let path = "tests/fixtures/config/five-faults.yaml";
    for (command, undone) in [
        (&["check", path][..], "nothing was started"),
        (&["serve", "--config", path], "nothing was started"),
        (&["routes", path], "nothing was listed"),
        (&["explain", path, "GET", "/"], "nothing was explained"),
    ] {
        let output = scopegate(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(output.stdout.is_empty(), "{command:?}");
        let said = text(&output.stderr);
        let expected = std::fs::read_to_string("tests/fixtures/config/five-faults.txt").unwrap();
        for line in expected.lines().filter(|line| !line.starts_with(' ')) {
            let what = line.split_once(": ").unwrap().1;
            assert!(said.contains(what), "{command:?} does not say {what:?}:\n{said}");
        }
        assert!(said.ends_with(&format!("5 faults in the configuration; {undone}\n")), "{said}");
    }
}

#[test]
fn what_is_at_fault_is_named_and_so_is_what_was_not_done() {
    let sample = "config/scopegate.yaml";
    for (arguments, expected) in [
        (&["drift", sample, "nowhere"][..], "1 fault in these files; nothing was compared\n"),
        (&["diff", sample, "nowhere"], "1 fault in the configurations; nothing was compared\n"),
        (
            &["explain", sample, "GET", "/", "--token-file", "nowhere"],
            "--token-file nowhere: No such file or directory (os error 2)\n",
        ),
    ] {
        let output = scopegate(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.ends_with(expected), "{arguments:?}: {said}");
    }
}

const ACCOUNTS: &str = "src/sandbox/bank/openapi/account-information.yaml";

#[test]
fn every_outcome_has_its_exit_code() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["check", "config/scopegate.yaml"], 0),
        (&["routes", "config/scopegate.yaml"], 0),
        (&["routes", "config/scopegate.yaml", "--json"], 0),
        (&[], 2),
        (&["frobnicate"], 2),
        (&["serve"], 2),
        (&["check"], 2),
        (&["check", "a", "b"], 2),
        (&["serve", "config/scopegate.yaml"], 2),
        (&["check", "no/such/file.yaml"], 2),
        (&["serve", "--config", "no/such/file.yaml"], 2),
        (&["check", "config"], 2),
        (&["check", "config/jwks.json"], 2),
        (&["diff", "config/scopegate.yaml", "config/scopegate.yaml"], 0),
        (&["diff", "config/scopegate.yaml", "no/such/file.yaml"], 2),
        (&["diff", "--fail-on", "nothing", "config/scopegate.yaml", "config/scopegate.yaml"], 2),
        (&["drift", "config/scopegate.yaml", ACCOUNTS], 1),
        (&["drift", "config/scopegate.yaml", "config/scopegate.yaml"], 2),
        (&["drift", "config/scopegate.yaml", "no/such/file.yaml"], 2),
        (&["drift", "config/scopegate.yaml", ACCOUNTS, "--base-path", "accounts"], 2),
    ] {
        let output = scopegate(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(output.stdout.is_empty(), code == 2, "{arguments:?} speaks on the wrong stream");
    }
}

#[test]
fn routes_lists_what_is_let_through() {
    let output = scopegate(&["routes", "config/scopegate.yaml", "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 11);
    assert_eq!(
        (&rows[0]["method"], &rows[0]["path"], &rows[0]["scopes"][0]),
        (&"GET".into(), &"/accounts".into(), &"accounts".into())
    );
    let table = text(&scopegate(&["routes", "config/scopegate.yaml"]).stdout);
    assert_eq!(table.lines().count(), 12);
}

#[test]
fn a_port_that_is_taken_is_a_fault_at_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Server::echo();
    let (_folder, path) = configured(taken.local_addr().unwrap(), &upstream);
    let output = scopegate(&["serve", "--config", &path]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("cannot listen on {}", taken.local_addr().unwrap())), "{said}");
}

#[test]
fn serve_serves_until_it_is_told_to_end() {
    let (address, upstream) = (nobody(), Server::echo());
    let (folder, path) = configured(address, &upstream);
    let mut child = Command::new(env!("CARGO_BIN_EXE_scopegate"))
        .args(["serve", "--config", &path])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the listener", || TcpStream::connect(address).ok());
    assert_eq!(Client::connect(address).send(&Request::get("/open/a")).status(), 200);
    assert_eq!(Client::connect(address).send(&Request::get("/accounts")).status(), 401);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = eventually("the end", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    let log = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
    assert_eq!(log.lines().count(), 2, "every line was written before the end");
}
