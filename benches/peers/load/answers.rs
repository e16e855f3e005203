//! Reads the head of an answer over HTTP/1.1: what the load must know to find its end, and to tell good from bad.

use std::io;

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Of itself.
    pub(crate) bytes: usize,
    pub(crate) body_bytes: usize,
}

/// `None` until it is whole. A body without a length would end where nobody can check it, so there must be one.
pub(crate) fn head(received: &[u8]) -> io::Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let parsed = answer.parse(received).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
    let httparse::Status::Complete(bytes) = parsed else {
        return Ok(None);
    };
    let length = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|field| std::str::from_utf8(field.value).ok()?.trim().parse().ok());
    match (answer.code, length) {
        (Some(status), Some(body_bytes)) => Ok(Some(Head { status, bytes, body_bytes })),
        (status, _) => {
            let status = status.unwrap_or_default();
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("an answer ({status}) without a length")))
        }
    }
}

const FIELDS_MAX: usize = 32;
