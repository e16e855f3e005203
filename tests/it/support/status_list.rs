//! A server of status lists: it serves what the test says under each path, and keeps what it was asked for.

use super::client::Request;
use super::gateway::{Setup, World, issuer};
use super::keys::{self, Key, base64url};
use super::server::{Server, ok, write};
use super::tokens::{ISSUER, NOW, Token};
use super::wire::Message;
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// A running server of lists.
pub struct Lists {
    /// To count what it was asked for.
    pub server: Server,
    address: SocketAddr,
    answers: Answers,
}

/// By path, byte for byte.
type Answers = Arc<Mutex<HashMap<String, Vec<u8>>>>;

impl Lists {
    /// Serves nothing yet.
    pub fn empty() -> Self {
        let answers = Answers::default();
        let said = Arc::clone(&answers);
        let server = Server::with(move |request, stream| {
            let path = request.start.split(' ').nth(1).unwrap_or_default();
            let answer = said.lock().unwrap().get(path).cloned();
            write(stream, answer.unwrap_or_else(|| NOTHING.into()))
        });
        Self { address: server.address(), server, answers }
    }

    /// Serves these statuses as list 1.
    pub fn of(statuses: &[u8]) -> Self {
        let lists = Self::empty();
        lists.serves(1, &lists.list(1, statuses));
        lists
    }

    /// Where a list is.
    pub fn uri(&self, number: usize) -> String {
        format!("http://{}/status/{number}", self.address)
    }

    /// A list of two bits a status, as a token in the making; it asks to be fetched anew after a minute.
    pub fn list(&self, number: usize, statuses: &[u8]) -> Token {
        self.list_with(number, &packed(statuses), &json!({}))
    }

    /// A list with this `status_list` and these members instead of the usual ones; `null` removes one.
    pub fn list_with(&self, number: usize, status_list: &Value, members: &Value) -> Token {
        let mut claims = json!({"sub": self.uri(number), "iat": NOW, "ttl": 60, "status_list": status_list});
        for (name, value) in members.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        Token::good().header("typ", "statuslist+jwt").claims_text(claims.to_string())
    }

    /// Serves this list from now on, and says of it what no cache of ours may believe.
    pub fn serves(&self, number: usize, list: &Token) {
        let cached = "application/statuslist+jwt\r\ncache-control: max-age=86400";
        self.says(number, ok(cached, &list.mint()));
    }

    /// Answers so from now on, byte for byte.
    pub fn says(&self, number: usize, answer: impl Into<Vec<u8>>) {
        self.answers.lock().unwrap().insert(format!("/status/{number}"), answer.into());
    }

    /// Fetches of all lists so far.
    pub fn fetches(&self) -> usize {
        self.server.hits()
    }

    /// A gateway whose one issuer has its lists here.
    pub fn gateway(&self) -> World {
        self.setup("").start()
    }

    /// The configuration of that gateway; `more` stands within `status_list`.
    pub fn setup(&self, more: &str) -> Setup {
        let entry = issuer("bank", ISSUER, "{ file: jwks.json }");
        let lists = format!("    status_list: {{ uris: [\"http://{}/status\"]{more} }}\n", self.address);
        Setup { issuers: entry + &lists, ..Setup::default() }
    }

    /// A token whose status is at `index` of list `number`.
    pub fn token(&self, number: usize, index: u64) -> Token {
        listed(&self.uri(number), index)
    }
}

/// A token whose status is at `index` of the list at `uri`.
pub fn listed(uri: &str, index: u64) -> Token {
    let token = format!("{uri}#{index}");
    Token::good().claim("jti", token).claim("status", json!({"status_list": {"idx": index, "uri": uri}}))
}

/// Two bits a status, the first in the lowest (§4.1).
pub fn packed(statuses: &[u8]) -> Value {
    let octets: Vec<u8> = statuses
        .chunks(4)
        .map(|four| four.iter().enumerate().fold(0, |octet, (place, status)| octet | status << (2 * place)))
        .collect();
    deflated(2, &octets)
}

/// These octets, compressed.
pub fn deflated(bits: u8, octets: &[u8]) -> Value {
    json!({"bits": bits, "lst": base64url(compress_to_vec_zlib(octets, 6))})
}

/// `GET /accounts` with this token.
pub fn ask(world: &World, token: &Token) -> Message {
    world.send(&Request::get("/accounts").token(&token.mint()))
}

/// The whole value of a metric of the issuer `bank`: 0 where there is none.
pub fn metric(world: &World, name: &str) -> usize {
    let page = world.admin("/metrics").text();
    let line = format!("scopegate_status_{name}{{issuer=\"bank\"}} ");
    page.lines().find_map(|text| text.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

/// Fetches that went so.
pub fn fetches(world: &World, outcome: &str) -> usize {
    let page = world.admin("/metrics").text();
    let line = format!("scopegate_status_list_fetches_total{{issuer=\"bank\",outcome=\"{outcome}\"}} ");
    page.lines().find_map(|text| text.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

/// The tests' key set, as a file.
pub fn key_file(keys: &[Key]) -> [(&'static str, String); 1] {
    [("jwks.json", keys::set(keys).to_string())]
}

const NOTHING: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
