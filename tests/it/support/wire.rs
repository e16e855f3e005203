//! Reads HTTP/1.1 messages off a socket byte by byte as they came, for the client's and the servers' side. It forgives
//! nothing silently: what was cut off says so.

use super::WAIT;
use std::io::Read;
use std::net::TcpStream;

/// One message as it came.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Every byte of it.
    pub raw: Vec<u8>,
    /// Request line or status line.
    pub start: String,
    /// Names in lower case, values without white space around them.
    pub fields: Vec<(String, String)>,
    /// Without transfer coding.
    pub body: Vec<u8>,
    /// Whether its own framing says that all of it is there.
    pub is_complete: bool,
}

/// How the end of a body is found.
enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

/// A socket, or TLS on one, and what was read ahead of it.
pub struct Reader<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

impl Message {
    /// Every value of the field `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that must be there exactly once.
    pub fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {:?}", self.fields);
        all[0]
    }

    /// The value of a field that may be there once.
    pub fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} in {:?}", self.fields);
        all.first().copied()
    }

    /// Of a response.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// Of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// Of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|fault| panic!("{fault}: {}", self.text()))
    }

    fn of(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Self { raw: head.to_vec(), start, fields: fields.collect(), ..Self::default() }
    }
}

impl Reader {
    /// Reads from `stream`, and never waits longer than `WAIT`.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(WAIT)).unwrap();
        Self::over(stream)
    }
}

impl<S: Read> Reader<S> {
    /// Reads from whatever `stream` is.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The stream.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The next request; `None` when the peer has gone before one began.
    pub fn request(&mut self) -> Option<Message> {
        let message = Message::of(&self.head()?);
        let framing = match (message.all("transfer-encoding").is_empty(), message.get("content-length")) {
            (false, _) => Framing::Chunked,
            (true, Some(length)) => Framing::Length(length.parse().unwrap()),
            (true, None) => Framing::None,
        };
        Some(self.finish(message, &framing))
    }

    /// The next response, interim ones too; `None` when the peer has gone before one began.
    pub fn response(&mut self, is_head: bool) -> Option<Message> {
        let message = Message::of(&self.head()?);
        let status = message.status();
        let framing = if is_head || status < 200 || status == 204 || status == 304 {
            Framing::None
        } else if !message.all("transfer-encoding").is_empty() {
            Framing::Chunked
        } else {
            message.get("content-length").map_or(Framing::UntilClose, |length| Framing::Length(length.parse().unwrap()))
        };
        Some(self.finish(message, &framing))
    }

    /// Whether the peer closes without sending anything more.
    pub fn is_closed(&mut self) -> bool {
        self.rest().is_some_and(|rest| rest.is_empty())
    }

    /// Whatever comes until the peer closes; `None` when it does not.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.more() {
                Some(0) => return Some(std::mem::take(&mut self.buffer)),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Reads once: how much came, 0 at the end or on a reset, `None` when nothing happened for too long.
    fn more(&mut self) -> Option<usize> {
        let mut block = [0; 16 * 1024];
        match self.stream.read(&mut block) {
            Ok(count) => {
                self.buffer.extend_from_slice(&block[..count]);
                Some(count)
            }
            Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(_) => Some(0),
        }
    }

    fn head(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                return Some(self.buffer.drain(..at + 4).collect());
            }
            self.more().filter(|count| *count > 0)?;
        }
    }

    fn finish(&mut self, mut message: Message, framing: &Framing) -> Message {
        let body = match framing {
            Framing::None => Some(Vec::new()),
            Framing::Length(length) => self.take(*length, &mut message),
            Framing::Chunked => self.chunks(&mut message),
            Framing::UntilClose => self.rest().inspect(|rest| message.raw.extend_from_slice(rest)),
        };
        message.is_complete = body.is_some();
        match body {
            Some(body) => message.body = body,
            // What came before the cut is still of interest.
            None => message.body.append(&mut self.buffer),
        }
        message
    }

    fn chunks(&mut self, message: &mut Message) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(message)?;
            let size = line.split(';').next().map(str::trim).unwrap_or_default();
            let size = usize::from_str_radix(size, 16).ok()?;
            if size == 0 {
                while !self.line(message)?.is_empty() {}
                return Some(body);
            }
            let chunk = self.take(size + 2, message)?;
            body.extend_from_slice(&chunk[..size]);
            message.body.clone_from(&body);
        }
    }

    fn line(&mut self, message: &mut Message) -> Option<String> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                break at + 2;
            }
            self.more().filter(|count| *count > 0)?;
        };
        let line = self.take(end, message)?;
        Some(String::from_utf8_lossy(&line[..end - 2]).into_owned())
    }

    fn take(&mut self, length: usize, message: &mut Message) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().filter(|count| *count > 0)?;
        }
        let taken: Vec<u8> = self.buffer.drain(..length).collect();
        message.raw.extend_from_slice(&taken);
        Some(taken)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
