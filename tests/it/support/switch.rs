//! Switches of protocols: an upstream that agrees to them, and clients that ask for them.

use super::client::{Client, Request};
use super::gateway::{Setup, World, route};
use super::server::{After, Server, write};
use super::tokens::Token;
use super::wire::Message;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

/// The key of every handshake here.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// RFC 6455 §1.3: what that key is answered by.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A 101 with these fields.
pub fn agreement(fields: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n")
}

/// The agreement to a handshake with `KEY`.
pub fn websocket() -> String {
    agreement(&format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {ACCEPT}\r\n"))
}

/// Switches where it is asked to, and then says `hello` and everything in capitals; else answers 426.
pub fn shouting(request: &Message, stream: &mut TcpStream) -> After {
    match request.get("upgrade") {
        None => write(stream, "HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\ncontent-length: 0\r\n\r\n"),
        Some("websocket") => shout(stream, &(websocket() + "hello")),
        Some(other) => {
            shout(stream, &agreement(&format!("connection: upgrade\r\nupgrade: {other}\r\ncontent-length: 5\r\n")))
        }
    }
}

fn shout(stream: &mut TcpStream, first: &str) -> After {
    let mut block = vec![0; 64 * 1024];
    stream.write_all(first.as_bytes()).unwrap();
    while let Ok(count @ 1..) = stream.read(&mut block) {
        if stream.write_all(block[..count].to_ascii_uppercase().as_slice()).is_err() {
            break;
        }
    }
    After::Close
}

/// Routes that may switch: with a token, without one, and not at all.
pub fn setup() -> Setup {
    Setup {
        routes: [
            route("/live", "GET", "scopes: [accounts]\nupgrade: [websocket]"),
            route("/feed", "GET, POST, HEAD", "access: open\nupgrade: [bank-feed/2, websocket]"),
            route("/plain", "GET", "access: open"),
        ]
        .concat(),
        limits: "  drain_timeout: 1s\n".to_owned(),
        ..Setup::default()
    }
}

/// It, in front of an upstream that agrees.
pub fn world() -> World {
    setup().before(Server::with(shouting))
}

/// What the metric says.
pub fn tunnels(world: &World) -> String {
    world.metric("scopegate_tunnels").to_string()
}

/// A request that asks for `protocol`.
pub fn asking(target: &str, protocol: &str) -> Request {
    Request::get(target).field("connection: Upgrade").field(&format!("upgrade: {protocol}"))
}

/// One that asks for a `WebSocket` as it should.
pub fn handshake(target: &str) -> Request {
    asking(target, "websocket").field(&format!("sec-websocket-key: {KEY}")).field("sec-websocket-version: 13")
}

/// One that may have it.
pub fn live() -> Request {
    handshake("/live").token(&Token::good().mint())
}

/// A client behind the switch that `request` asks for.
pub fn switched(world: &World, request: &Request) -> (Client, Message) {
    let mut client = world.client();
    client.write(request.bytes());
    let answer = client.next().expect("an answer");
    assert_eq!(answer.status(), 101);
    (client, answer)
}

/// Everything that is answered to `bytes` and to the end behind them.
pub fn to_the_end(client: &mut Client, bytes: &[u8]) -> Vec<u8> {
    client.write(bytes);
    client.stream().shutdown(Shutdown::Write).unwrap();
    client.rest().expect("the end")
}
