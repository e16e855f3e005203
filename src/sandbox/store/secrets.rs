//! The secrets of applications: kept as digests, two at most, so that one can take the other's place without a gap.

use super::Store;
use super::applications::Application;
use super::sql::{Row, StoreFault};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::secret::Digest;
use std::sync::Arc;

/// A secret of an application, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct ClientSecret {
    /// Names it on pages; says nothing about it.
    pub(in crate::sandbox) id: String,
    /// Recognises it.
    pub(in crate::sandbox) digest: Digest,
    /// When it was made.
    pub(in crate::sandbox) created: UnixSeconds,
    /// When it was right for the last time, to the minute.
    pub(in crate::sandbox) last_used: Option<UnixSeconds>,
}

impl Store {
    /// Adds a secret to an application: false if it has two already.
    pub(in crate::sandbox) async fn add_secret(
        &self,
        client_id: &str,
        secret: &ClientSecret,
    ) -> Result<bool, StoreFault> {
        let statement = sql("INSERT INTO application_secrets (id, client_id, digest, created) \
             SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM application_secrets WHERE client_id = $2) < $5")
        .bind(secret.id.as_str())
        .bind(client_id)
        .bind(secret.digest)
        .bind(secret.created)
        .bind(SECRETS_MAX);
        Ok(self.database.run(statement).await? == 1)
    }

    /// Takes one of two secrets from an application: false if it has no other. What was given out for it stays good.
    pub(in crate::sandbox) async fn remove_secret(&self, client_id: &str, secret_id: &str) -> Result<bool, StoreFault> {
        let statement = sql("DELETE FROM application_secrets WHERE client_id = $1 AND id = $2 \
             AND EXISTS (SELECT 1 FROM application_secrets WHERE client_id = $1 AND id <> $2)")
        .bind(client_id)
        .bind(secret_id);
        Ok(self.database.run(statement).await? == 1)
    }

    /// The secrets of an application, oldest first: two while one takes the other's place.
    pub(in crate::sandbox) async fn secrets(&self, client_id: &str) -> Result<Vec<ClientSecret>, StoreFault> {
        let statement =
            sql("SELECT * FROM application_secrets WHERE client_id = $1 ORDER BY created, id").bind(client_id);
        let read = |row: &Row| {
            Ok(ClientSecret {
                id: row.text("id")?,
                digest: Digest::parse(&row.text("digest")?).ok_or(StoreFault)?,
                created: row.time("created")?,
                last_used: row.optional_time("last_used")?,
            })
        };
        self.database.rows(statement).await?.iter().map(read).collect()
    }

    /// The application with this client id, and its secrets: one question, because every token request asks it.
    pub(in crate::sandbox) async fn application_and_secrets(
        &self,
        client_id: &str,
    ) -> Result<(Option<Arc<Application>>, Vec<ClientSecret>), StoreFault> {
        let statement = sql("SELECT applications.*, secret.id AS secret_id, secret.digest AS secret_digest, \
             secret.created AS secret_created, secret.last_used AS secret_last_used \
             FROM applications LEFT JOIN application_secrets secret ON secret.client_id = applications.client_id \
             WHERE applications.client_id = $1")
        .bind(client_id);
        let rows = self.database.rows(statement).await?;
        let application = rows.first().map(|row| Application::read(row).map(Arc::new)).transpose()?;
        let mut secrets = Vec::new();
        for row in &rows {
            let Some(id) = row.optional_text("secret_id")? else { continue };
            secrets.push(ClientSecret {
                id,
                digest: Digest::parse(&row.text("secret_digest")?).ok_or(StoreFault)?,
                created: row.time("secret_created")?,
                last_used: row.optional_time("secret_last_used")?,
            });
        }
        Ok((application, secrets))
    }

    /// Notes that a secret was right. To the minute, so that a busy application does not write with each token.
    pub(in crate::sandbox) async fn note_use(&self, secret: &ClientSecret, now: UnixSeconds) -> Result<(), StoreFault> {
        if secret.last_used.is_some_and(|last| now.0 - last.0 < USE_NOTED_SECONDS) {
            return Ok(());
        }
        let statement =
            sql("UPDATE application_secrets SET last_used = $2 WHERE id = $1").bind(secret.id.as_str()).bind(now);
        self.database.run(statement).await.map(drop)
    }
}

/// The old one works until the new one is everywhere.
const SECRETS_MAX: i64 = 2;
/// Two uses closer than this are one.
const USE_NOTED_SECONDS: i64 = 60;
