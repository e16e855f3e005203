//! Calls one server again and again over connections that are kept: what introspection needs. It belongs to one thread.

use super::fetch::{Bounds, FetchError, Fetcher, origin_form};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use std::cell::RefCell;

/// A client of one server.
pub struct Caller {
    fetcher: Fetcher,
    idle: RefCell<Vec<SendRequest<Full<Bytes>>>>,
    idle_max: usize,
}

impl Caller {
    /// Keeps up to `idle_max` connections.
    pub fn new(fetcher: Fetcher, idle_max: usize) -> Self {
        Self { fetcher, idle: RefCell::default(), idle_max }
    }

    /// Sends `request`, whose address is absolute and always the same server's, and reads the whole answer. It must be
    /// one that may be sent twice: a kept connection may end just when it is used.
    pub async fn call(&self, request: Request<Bytes>, bounds: Bounds) -> Result<Response<Bytes>, FetchError> {
        tokio::time::timeout(bounds.total, self.exchange(request, bounds.body_bytes_max))
            .await
            .unwrap_or(Err(FetchError::Late(bounds.total)))
    }

    async fn exchange(&self, request: Request<Bytes>, body_bytes_max: usize) -> Result<Response<Bytes>, FetchError> {
        if let Some(kept) = self.kept() {
            match self.over(kept, request.clone(), body_bytes_max).await {
                Err(FetchError::Http(_)) => {}
                outcome => return outcome,
            }
        }
        let fresh = self.fetcher.open(request.uri()).await?;
        self.over(fresh, request, body_bytes_max).await
    }

    async fn over(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        request: Request<Bytes>,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, FetchError> {
        let response = sender.send_request(origin_form(request)?).await.map_err(FetchError::Http)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, body_bytes_max).collect().await.map_err(FetchError::Body)?.to_bytes();
        let mut idle = self.idle.borrow_mut();
        if !sender.is_closed() && idle.len() < self.idle_max {
            idle.push(sender);
        }
        Ok(Response::from_parts(head, body))
    }

    /// The connection that was used last and is still open.
    fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }
}
