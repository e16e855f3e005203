//! Refresh tokens. Each is used once and gives its successor, or stays: the application's choice.

use super::Store;
use super::access::Binding;
use super::authorizations::Authorization;
use super::sql::{StoreFault, Transaction};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::secret::Digest;

/// A refresh token that was given out.
#[derive(Debug)]
pub(in crate::sandbox) struct RefreshToken {
    /// Whose it is.
    pub(in crate::sandbox) authorization: Authorization,
    /// What its user must prove to hold.
    pub(in crate::sandbox) binding: Binding,
    /// Whether it gave its successor.
    pub(in crate::sandbox) is_used: bool,
    /// When it is worthless if nobody uses it.
    pub(in crate::sandbox) expires: UnixSeconds,
}

impl Store {
    /// A refresh token that was given out and has not expired for long, used ones included.
    pub(in crate::sandbox) async fn refresh_token(&self, token: &str) -> Result<Option<RefreshToken>, StoreFault> {
        let statement = sql("SELECT authorizations.*, dpop_jkt, certificate, used, expires \
             FROM refresh_tokens JOIN authorizations ON authorizations.id = authorization_id WHERE digest = $1")
        .bind(Digest::of(token));
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        Ok(Some(RefreshToken {
            authorization: Authorization::read(&row)?,
            binding: Binding::read(&row)?,
            is_used: row.optional_time("used")?.is_some(),
            expires: row.time("expires")?,
        }))
    }
}

impl Transaction {
    /// Keeps a refresh token that is about to be given out.
    pub(in crate::sandbox) async fn add_refresh_token(
        &mut self,
        token: &str,
        authorization_id: &str,
        binding: &Binding,
        expires: UnixSeconds,
    ) -> Result<(), StoreFault> {
        let statement = sql("INSERT INTO refresh_tokens (digest, authorization_id, dpop_jkt, certificate, expires) \
             VALUES ($1, $2, $3, $4, $5)")
        .bind(Digest::of(token))
        .bind(authorization_id)
        .bind(binding.dpop_jkt.as_deref())
        .bind(binding.certificate.as_deref())
        .bind(expires);
        self.run(statement).await.map(drop)
    }

    /// Uses a refresh token up: false if somebody else did before.
    pub(in crate::sandbox) async fn use_refresh_token(
        &mut self,
        token: &str,
        now: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE refresh_tokens SET used = $2 WHERE digest = $1 AND used IS NULL")
            .bind(Digest::of(token))
            .bind(now);
        Ok(self.run(statement).await? == 1)
    }

    /// Lets a refresh token that stays live on until `expires`: false if it was used up.
    pub(in crate::sandbox) async fn extend_refresh_token(
        &mut self,
        token: &str,
        expires: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE refresh_tokens SET expires = $2 WHERE digest = $1 AND used IS NULL")
            .bind(Digest::of(token))
            .bind(expires);
        Ok(self.run(statement).await? == 1)
    }
}
