//! `OPTIONS` that has come as far as it may (`Max-Forwards`, RFC 9110 §7.6.2): the gateway answers as its last recipient,
//! without a token. It says what a 405 would say to anybody, and nothing of the request goes further.

use super::answer::Answer;
use super::read::Head;
use super::refusal::Refusal;
use super::route::{self, Router};
use bytes::Bytes;
use http::{StatusCode, header};

/// The answer, with the methods of the path that was asked about; nothing for a request that may go on.
pub fn answer(router: &Router, head: &Head) -> Result<Option<Answer>, Refusal> {
    if !head.ends_here() {
        return Ok(None);
    }
    let methods = route::methods(router, head)?;
    let mut answer = Answer::ours(StatusCode::NO_CONTENT, Bytes::new());
    answer.fields_mut().insert(header::ALLOW, methods);
    Ok(Some(answer))
}
