//! What the gateway must know. It is written down with the revocation itself, so that a sandbox which ends in between
//! tells the gateway after its next start; and kept, because the next gateway may know nothing.

use super::Store;
use super::sql::{StoreFault, Transaction};
use super::statement::sql;
use crate::clock::UnixSeconds;

/// A revocation of which the gateway has not said that it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct RevocationDue {
    /// What is revoked.
    pub(in crate::sandbox) id: String,
    /// The member that names it at the gateway.
    pub(in crate::sandbox) kind: String,
    /// When nothing is left that it could stop.
    pub(in crate::sandbox) until: UnixSeconds,
}

impl Store {
    /// Some revocations that are due, or the one of `id`.
    pub(in crate::sandbox) async fn revocations_due(&self, id: Option<&str>) -> Result<Vec<RevocationDue>, StoreFault> {
        let statement = match id {
            Some(id) => sql("SELECT * FROM revocations WHERE id = $1 AND told IS NULL").bind(id),
            None => sql("SELECT * FROM revocations WHERE told IS NULL ORDER BY until LIMIT $1").bind(AT_ONCE_MAX),
        };
        let rows = self.database.rows(statement).await?;
        let read = rows
            .iter()
            .map(|row| Ok(RevocationDue { id: row.text("id")?, kind: row.text("kind")?, until: row.time("until")? }));
        read.collect()
    }

    /// The gateway knows.
    pub(in crate::sandbox) async fn note_told(&self, id: &str, now: UnixSeconds) -> Result<(), StoreFault> {
        let statement = sql("UPDATE revocations SET told = $2 WHERE id = $1").bind(id).bind(now);
        self.database.run(statement).await.map(drop)
    }

    /// There is nothing left to tell of it.
    pub(in crate::sandbox) async fn forget_revocation(&self, id: &str) -> Result<(), StoreFault> {
        self.database.run(sql("DELETE FROM revocations WHERE id = $1").bind(id)).await.map(drop)
    }

    /// There is another gateway: all is due again.
    pub(in crate::sandbox) async fn owe_all_revocations(&self) -> Result<(), StoreFault> {
        self.database.run(sql("UPDATE revocations SET told = NULL WHERE told IS NOT NULL")).await.map(drop)
    }
}

impl Transaction {
    /// Notes that the gateway must be told of what stops nothing after `until`.
    pub(super) async fn owe_revocation(
        &mut self,
        kind: &'static str,
        id: &str,
        until: UnixSeconds,
    ) -> Result<(), StoreFault> {
        let statement = sql("INSERT INTO revocations (id, kind, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(id)
            .bind(kind)
            .bind(UnixSeconds(until.0.saturating_add(LEEWAY_SECONDS)));
        self.run(statement).await.map(drop)
    }
}

/// A gateway whose clock is behind ours takes a token a little longer.
const LEEWAY_SECONDS: i64 = 60;
/// Told in one go.
const AT_ONCE_MAX: i64 = 100;
