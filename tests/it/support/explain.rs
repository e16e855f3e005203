//! Asks why: a running gateway, or its configuration alone.

use super::client::Request;
use super::gateway::{Setup, World};
use super::tokens::{NOW, Token};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Asks the running gateway.
pub fn live(world: &World, asked: &Value) -> Value {
    let request = Request::new("POST", "/explain").field("content-type: application/json").body(asked.to_string());
    let answer = world.ask_admin(&request);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// Asks the configuration, as of the tests' time.
pub fn offline(config: &str, arguments: &[&str], token: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scopegate"));
    command.args(["explain", config]).args(arguments).args(["--token-file", "-", "--at", &NOW.to_string()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A refusal of the arguments comes before anybody reads it.
    child.stdin.take().unwrap().write_all(format!("{token}\n").as_bytes()).ok();
    child.wait_with_output().unwrap()
}

/// Its configuration as a file beside its keys.
pub fn written(world: &World, setup: &Setup) -> String {
    let path = world.path("scopegate.yaml");
    std::fs::write(&path, setup.yaml(world.upstream.address())).unwrap();
    path.display().to_string()
}

/// `GET /accounts` with this token.
pub fn about(token: &Token) -> Value {
    json!({"method": "GET", "path": "/accounts", "token": token.mint()})
}

/// What stands in the text for people.
pub fn text(world: &World, asked: &Value) -> String {
    let request = Request::new("POST", "/explain")
        .field("content-type: application/json")
        .field("accept: text/plain")
        .body(asked.to_string());
    world.ask_admin(&request).text()
}
