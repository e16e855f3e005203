//! An upstream that answers as APIs do: mostly 1 KiB whose length is known, sometimes in chunks, sometimes 1 MiB.

use super::support::message;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Serves until the process ends, a thread for each connection.
pub(super) fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || stream.and_then(serve));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (short, long, chunked) = (sized(1024), sized(1024 * 1024), chunked());
    let (mut received, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        while let Some(length) = message::whole(&received) {
            let line = received.split(|octet| *octet == b'\r').next().unwrap_or_default();
            let has = |part: &str| memchr::memmem::find(line, part.as_bytes()).is_some();
            let answer = if has("/statements") {
                &long
            } else if has("/accounts/") {
                &chunked
            } else {
                &short
            };
            stream.write_all(answer)?;
            received.drain(..length);
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

fn sized(bytes: usize) -> Vec<u8> {
    format!("{HEAD}content-length: {bytes}\r\n\r\n{}", "x".repeat(bytes)).into_bytes()
}

fn chunked() -> Vec<u8> {
    let piece = format!("200\r\n{}\r\n", "x".repeat(0x200));
    format!("{HEAD}transfer-encoding: chunked\r\n\r\n{piece}{piece}0\r\n\r\n").into_bytes()
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\ndate: Thu, 26 Nov 2026 06:00:00 GMT\r\n";
