//! The requests, as bytes.

pub(super) const GET: &str = "GET";

/// One in the making, with what every client sends.
pub(super) struct Request {
    method: &'static str,
    path: &'static str,
    host: &'static str,
    fields: String,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn new(method: &'static str, path: &'static str) -> Self {
        Self { method, path, host: "api.bank.example", fields: String::new(), body: Vec::new() }
    }

    pub(super) fn for_host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    pub(super) fn token(self, token: &str) -> Self {
        self.field("authorization", &format!("Bearer {token}"))
    }

    pub(super) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.extend([name, ": ", value, "\r\n"]);
        self
    }

    fn body(self, body: Vec<u8>) -> Self {
        let length = body.len().to_string();
        Self { body, ..self.field("content-type", "application/json").field("content-length", &length) }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { method, path, host, fields, body } = self;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: train/1\r\naccept: application/json\r\n{fields}\r\n"
        );
        [head.as_bytes(), body].concat()
    }
}

/// What is asked for most.
pub(super) fn accounts(token: &str) -> Vec<u8> {
    Request::new(GET, "/accounts").token(token).bytes()
}

/// One with a parameter in its path and a query, whose answer comes in chunks.
pub(super) fn balances(token: &str) -> Vec<u8> {
    let request = Request::new(GET, "/accounts/22289-4f2e/balances?page=2&from=2026-01-01").token(token);
    request.field("x-fapi-interaction-id", "3f2c1a1e-8f4e-4c55-9d0c-5a4f3d0c1b2a").bytes()
}

/// A body of so many bytes.
pub(super) fn payment(token: &str, bytes: usize) -> Vec<u8> {
    Request::new("POST", "/payments").token(token).body(vec![b'x'; bytes]).bytes()
}

/// A body whose length nobody knew.
pub(super) fn chunked_payment(token: &str) -> Vec<u8> {
    let request = Request::new("POST", "/payments").token(token).field("transfer-encoding", "chunked");
    let piece = format!("200\r\n{}\r\n", "x".repeat(0x200));
    [request.bytes(), piece.repeat(3).into_bytes(), b"0\r\n\r\n".to_vec()].concat()
}

/// With what proxies of ours say of the client, and a page of a browser.
pub(super) fn as_through_a_balancer(token: &str) -> Vec<u8> {
    let request = Request::new(GET, "/accounts").token(token).field("x-forwarded-for", "192.0.2.7");
    request.field("x-forwarded-proto", "https").field("origin", ORIGIN).bytes()
}

pub(super) fn preflight() -> Vec<u8> {
    let request = Request::new("OPTIONS", "/accounts").field("origin", ORIGIN);
    let request = request.field("access-control-request-method", GET);
    request.field("access-control-request-headers", "authorization, dpop").bytes()
}

/// Signed, but not this.
pub(super) fn spoilt(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().take(signature.len() - 2).collect();
    let end = &signature[signature.len() - 2..];
    // The first of the two last characters is all signature; the last has bits that must be 0.
    let (first, last) = end.split_at(1);
    format!("{signed}.{turned}{}{last}", if first == "A" { "B" } else { "A" })
}

/// Whose pages may call.
pub(super) const ORIGIN: &str = "https://app.example";
