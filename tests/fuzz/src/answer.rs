//! Responses: what our codec makes of an upstream's bytes, beside what hyper's client makes of them. Ours may refuse
//! more; what it accepts, hyper must accept as the same status, fields and body.

use crate::dechunked;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use scopegate::config::limits::HEADERS_MAX;
use scopegate::gateway::forward::codec;
use scopegate::gateway::http1::fields::Fields;
use scopegate::gateway::http1::framing::{Chunk, Framing};
use scopegate::gateway::http1::lines::Lines;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The first byte chooses the method; the others are what the upstream sends before it closes.
pub fn response(data: &[u8]) {
    let Some((first, wire)) = data.split_first() else { return };
    let method = if first.is_multiple_of(2) { Method::GET } else { Method::HEAD };
    let Some(ours) = by_us(wire, &method) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let theirs = runtime.block_on(by_hyper(wire, &method));
    match theirs {
        Ok(theirs) => assert_eq!(ours, theirs),
        Err(fault) => panic!("hyper refuses what we accept: {fault:?}; ours: {ours:?}"),
    }
}

/// However much follows it, a response is read to its own last byte and no further: what is read depends on nothing behind
/// it, and one byte less is not all of it. The first byte chooses the method.
pub fn one_response(data: &[u8]) {
    let Some((first, wire)) = data.split_first() else { return };
    let method = if first.is_multiple_of(2) { Method::GET } else { Method::HEAD };
    let Some((whole, left)) = read_one(wire, &method) else { return };
    let (own, rest) = wire.split_at(wire.len() - left);
    assert_eq!(read_one(own, &method), Some((whole, 0)), "without what follows it is another");
    let next = [own, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil".as_slice()].concat();
    assert_eq!(read_one(&next, &method).map(|(_, left)| left), Some(next.len() - own.len()));
    assert!(read_one(&own[..own.len() - 1], &method).is_none(), "its last byte was not needed; behind it: {rest:?}");
}

/// The status and body of the first final response that tells its own end, and how many bytes are left behind it.
fn read_one(wire: &[u8], method: &Method) -> Option<((StatusCode, Vec<u8>), usize)> {
    let (mut buffer, mut fields, mut body) = (BytesMut::from(wire), Fields::default(), Vec::new());
    let mut head = loop {
        let head = codec::read_head(&mut buffer, method, (&mut Lines::default(), &mut fields)).ok()??;
        match head.status {
            StatusCode::SWITCHING_PROTOCOLS => return None,
            status if status.is_informational() => {}
            _ => break head,
        }
    };
    if matches!(head.framing, Framing::Close) {
        return None;
    }
    loop {
        match head.framing.take(&mut buffer).ok()? {
            Chunk::Data(piece) => body.extend_from_slice(&piece),
            Chunk::End => return Some(((head.status, body), buffer.len())),
            Chunk::Incomplete => return None,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// As `forward::connection` and `forward::body` do it. `None`: refused, or not all there.
fn by_us(wire: &[u8], method: &Method) -> Option<Answer> {
    let (mut buffer, mut fields) = (BytesMut::from(wire), Fields::default());
    let head = loop {
        let head = codec::read_head(&mut buffer, method, (&mut Lines::default(), &mut fields)).ok()??;
        match head.status {
            StatusCode::SWITCHING_PROTOCOLS => return None,
            status if status.is_informational() => {}
            _ => break head,
        }
    };
    let body = match head.framing {
        Framing::Length(length) => buffer.get(..usize::try_from(length).ok()?)?.to_vec(),
        Framing::Chunked(_) => dechunked(std::iter::once(&buffer[..])).filter(|(_, is_over, _)| *is_over)?.0,
        Framing::Close => buffer.to_vec(),
    };
    let field = |(name, value): (&[u8], &[u8])| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let headers = fields.iter().map(field).collect::<Option<Vec<_>>>().expect("every field is one to the library");
    let headers = headers.into_iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
        headers.append(name, value);
        headers
    });
    Some(Answer { status: head.status, headers, body })
}

async fn by_hyper(wire: &[u8], method: &Method) -> hyper::Result<Answer> {
    let (near, mut far) = tokio::io::duplex(wire.len() + PIPE_BYTES);
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_headers(HEADERS_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(near)).await?;
    let request = Request::builder().method(method).uri("/").header("host", "a");
    let request = request.body(Empty::<Bytes>::new()).expect("it is well-formed");
    let server = async {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") && far.read_buf(&mut received).await.is_ok_and(|count| count > 0) {}
        // It may have gone; then the client's outcome says so.
        far.write_all(wire).await.ok();
        far.shutdown().await.ok();
    };
    let client = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        Ok(Answer { status: head.status, headers: head.headers, body })
    };
    tokio::join!(client, connection, server).0
}

/// Room for the request.
const PIPE_BYTES: usize = 64 * 1024;
