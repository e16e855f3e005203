//! The smallest upstream that keeps connections alive: it reads a request to its end and writes one fixed answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Serves until the process ends, a thread for each connection.
pub(crate) fn start(body_bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = "x".repeat(body_bytes);
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {body_bytes}\r\n\r\n{body}");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || stream.and_then(|stream| serve(stream, answer.as_bytes())));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        while let Some(length) = message_bytes(&received).filter(|length| *length <= received.len()) {
            received.drain(..length);
            stream.write_all(answer)?;
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

/// The length of the message at the front, once its head is there. Only `Content-Length` bodies are sent here.
pub(crate) fn message_bytes(received: &[u8]) -> Option<usize> {
    let head_bytes = memchr::memmem::find(received, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..head_bytes]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    Some(head_bytes + length.map_or(0, |text| text.trim().parse().unwrap_or(0)))
}
