//! Requests: what our reader makes of a client's bytes, beside what hyper's server makes of them. Ours may refuse more;
//! what it accepts, hyper must accept as the same method, target, fields and body.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use scopegate::config::limits::HEADERS_MAX;
use scopegate::gateway::http1::framing::{Chunk, Framing};
use scopegate::gateway::http1::head::{HeadBounds, Progress};
use scopegate::gateway::request::Target;
use std::cell::RefCell;
use std::convert::Infallible;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What a client sends before it ends its direction. Only the first request counts, and only if it is whole.
pub fn request(wire: &[u8]) {
    let Some(ours) = by_us(wire) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let theirs = runtime.block_on(by_hyper(wire));
    assert_eq!(Some(&ours), theirs.as_ref(), "ours on the left");
}

#[derive(Debug, PartialEq)]
struct Seen {
    method: Method,
    target: Target,
    version: Version,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// As `http1::wire` does it. `None`: refused, or not all there.
fn by_us(wire: &[u8]) -> Option<Seen> {
    let mut buffer = BytesMut::from(wire);
    let head = Progress::default().take(&mut buffer, BOUNDS).ok()??;
    let (mut framing, mut body) = (head.framing, Vec::new());
    loop {
        match framing.take(&mut buffer).ok()? {
            Chunk::Data(piece) => body.extend_from_slice(&piece),
            Chunk::End => break,
            Chunk::Incomplete => return None,
        }
    }
    assert!(framing.is_over() && !matches!(framing, Framing::Close), "a request ends before its connection does");
    let asked = *head.request;
    let mut headers = HeaderMap::new();
    for (name, value) in asked.fields.iter() {
        assert_eq!(name, name.to_ascii_lowercase(), "names are in lower case");
        let value = HeaderValue::from_bytes(value).expect("every value is one to the library");
        headers.append(HeaderName::from_bytes(name).expect("so is every name"), value);
    }
    Some(Seen { method: asked.method, target: asked.target, version: asked.version, headers, body })
}

async fn by_hyper(wire: &[u8]) -> Option<Seen> {
    let (near, mut far) = tokio::io::duplex(wire.len() + PIPE_BYTES);
    let seen = RefCell::new(None);
    let service = service_fn(|request: Request<Incoming>| async {
        let (parts, body) = request.into_parts();
        if let Ok(body) = body.collect().await {
            let body = body.to_bytes().to_vec();
            let first = Seen {
                method: parts.method,
                target: Target::from(&parts.uri),
                version: parts.version,
                headers: parts.headers,
                body,
            };
            seen.borrow_mut().get_or_insert(first);
        }
        Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.max_headers(HEADERS_MAX).half_close(true).serve_connection(TokioIo::new(near), service);
    let client = async {
        far.write_all(wire).await.ok();
        far.shutdown().await.ok();
        far.read_to_end(&mut Vec::new()).await.ok();
    };
    drop(tokio::join!(connection, client).0);
    seen.into_inner()
}

const BOUNDS: HeadBounds = HeadBounds { bytes_max: 8 * 1024, fields_max: HEADERS_MAX };
/// Room for the answers.
const PIPE_BYTES: usize = 64 * 1024;
