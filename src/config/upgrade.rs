//! `upgrade`: the protocols that the connections of a route's requests may switch to (RFC 9110 §7.8).

use super::fault::Problem;
use super::reader::{Value, distinct};
use super::upstreams::Protocol;
use http::Method;

/// Names of protocols in lower case. `methods` are the route's, and `upstream` is what its upstream speaks.
pub(super) fn read(value: &Value<'_>, methods: Option<&[Method]>, upstream: Option<Protocol>) -> Option<Vec<Box<str>>> {
    let protocols = distinct(value.list()?, |item| item.parse(protocol))?;
    if protocols.iter().any(|protocol| **protocol == *WEBSOCKET)
        && methods.is_some_and(|methods| !methods.contains(&Method::GET))
    {
        let problem = Problem::new("a WebSocket begins with a GET, which is none of the route's `methods`");
        value.refuse(problem.hint("add GET to them"));
        return None;
    }
    if upstream == Some(Protocol::Http2) {
        let problem =
            Problem::new("cannot be asked of the route's upstream, which is spoken to by HTTP/2 (RFC 9113 §8.6)");
        value.refuse(problem.hint("give it an upstream without `protocol: http2`"));
        return None;
    }
    Some(protocols)
}

/// `protocol-name ["/" protocol-version]`, but none that carries requests: nobody would check them.
fn protocol(text: &str) -> Result<Box<str>, Problem> {
    let name = text.to_ascii_lowercase();
    let mut parts = name.split('/');
    let is_protocol = parts.clone().count() <= 2 && parts.clone().all(is_token);
    match parts.next() {
        _ if !is_protocol => Err(Problem::new("is not the name of a protocol").hint("`websocket`, for example")),
        Some("h2c" | "h2" | "http" | "tls") => {
            Err(Problem::new("carries requests, past every check").hint("remove it"))
        }
        Some(_) | None => Ok(name.into()),
    }
}

/// `token = 1*tchar` (RFC 9110 §5.6.2)
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// RFC 6455 §11.2
const WEBSOCKET: &str = "websocket";
