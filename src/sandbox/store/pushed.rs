//! Authorization requests that applications pushed (RFC 9126), until the customer answered them.

use super::Store;
use super::sql::{StoreFault, Transaction};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::secret::Digest;

/// A request that was pushed.
#[derive(Debug)]
pub(in crate::sandbox) struct PushedRequest {
    /// Whose it is.
    pub(in crate::sandbox) client_id: String,
    /// What is asked, as it was written.
    pub(in crate::sandbox) form: String,
}

impl Store {
    /// Keeps a request under its name, of which a digest is kept: false if too many of its client are kept already. Who
    /// cannot authenticate must not be able to fill the store.
    pub(in crate::sandbox) async fn push(
        &self,
        name: Digest,
        request: &PushedRequest,
        expires: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("INSERT INTO pushed_requests (digest, client_id, form, expires) SELECT $1, $2, $3, $4 \
             WHERE (SELECT count(*) FROM pushed_requests WHERE client_id = $2) < $5")
        .bind(name)
        .bind(request.client_id.as_str())
        .bind(request.form.as_str())
        .bind(expires)
        .bind(PUSHED_MAX);
        Ok(self.database.run(statement).await? == 1)
    }

    /// The request under `name`, if nobody answered it and it has not expired. To look at it does not use it up: a
    /// customer may load the page again.
    pub(in crate::sandbox) async fn pushed(
        &self,
        name: Digest,
        now: UnixSeconds,
    ) -> Result<Option<PushedRequest>, StoreFault> {
        let statement = sql("SELECT client_id, form FROM pushed_requests \
             WHERE digest = $1 AND used IS NULL AND expires > $2")
        .bind(name)
        .bind(now);
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        Ok(Some(PushedRequest { client_id: row.text("client_id")?, form: row.text("form")? }))
    }
}

impl Transaction {
    /// Uses the request under `name` up: false if it was before. A customer who began in time may answer late.
    pub(in crate::sandbox) async fn use_pushed(&mut self, name: Digest, now: UnixSeconds) -> Result<bool, StoreFault> {
        let statement =
            sql("UPDATE pushed_requests SET used = $2 WHERE digest = $1 AND used IS NULL").bind(name).bind(now);
        Ok(self.run(statement).await? == 1)
    }
}

/// Requests of one client that are kept at once: ten a second.
const PUSHED_MAX: i64 = 1_000;
