//! A client that sends the bytes it is given.

use super::wire::{Message, Reader};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// One connection.
pub struct Client<S = TcpStream>(Reader<S>);

/// A request in the making: well-formed unless somebody makes it otherwise.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    fields: Vec<String>,
    body: Vec<u8>,
    host: Option<String>,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(Reader::new(stream))
    }
}

impl<S: Read + Write> Client<S> {
    /// Over a connection that is there.
    pub fn over(stream: S) -> Self {
        Self(Reader::over(stream))
    }

    /// The connection.
    pub fn stream(&mut self) -> &mut S {
        self.0.stream()
    }

    /// Writes; whether the peer still listens shows in the answer.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.stream().write_all(bytes.as_ref()).is_ok()
    }

    /// Sends a request and reads its answer, interim ones skipped.
    pub fn send(&mut self, request: &Request) -> Message {
        self.write(request.bytes());
        self.answer_to(&request.method)
    }

    /// The next final answer.
    pub fn answer(&mut self) -> Message {
        self.answer_to("GET")
    }

    /// The next final answer, to a request with this method.
    pub fn answer_to(&mut self, method: &str) -> Message {
        loop {
            let answer = self.0.response(method == "HEAD").expect("an answer, not the end of the connection");
            if answer.status() >= 200 {
                return answer;
            }
        }
    }

    /// The next answer, interim or final, if there is one.
    pub fn next(&mut self) -> Option<Message> {
        self.0.response(false)
    }

    /// Whether the peer closes without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.0.is_closed()
    }

    /// Whether the peer ends the connection without another answer. Asks by sending a request that anybody would
    /// answer, so that no wait tells it.
    pub fn has_ended(&mut self) -> bool {
        self.write("GET /has-it-ended HTTP/1.1\r\nhost: a\r\n\r\n");
        self.next().is_none()
    }

    /// Whatever comes until the peer closes.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        self.0.rest()
    }
}

impl Request {
    /// `method` on `target`.
    pub fn new(method: &str, target: &str) -> Self {
        let host = Some("api.bank.example".to_owned());
        Self { method: method.to_owned(), target: target.to_owned(), fields: Vec::new(), body: Vec::new(), host }
    }

    /// `GET target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// With a bearer token.
    pub fn token(self, token: &str) -> Self {
        self.field(&format!("authorization: Bearer {token}"))
    }

    /// With this line, as it is.
    pub fn field(mut self, line: &str) -> Self {
        self.fields.push(line.to_owned());
        self
    }

    /// For this host; `None`: without `Host`.
    pub fn host(mut self, host: Option<&str>) -> Self {
        self.host = host.map(str::to_owned);
        self
    }

    /// With a body and its length.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        let length = self.body.len();
        self.field(&format!("content-length: {length}"))
    }

    /// With the correlation id number `n`; `id(n)` is its text.
    pub fn numbered(self, n: usize) -> Self {
        self.field(&format!("x-fapi-interaction-id: {}", id(n)))
    }

    /// As it goes out.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if let Some(host) = &self.host {
            text.extend(["host: ", host, "\r\n"]);
        }
        for field in &self.fields {
            text.push_str(field);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        [text.into_bytes(), self.body.clone()].concat()
    }
}

/// A correlation id that can be found again.
pub fn id(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012x}")
}
