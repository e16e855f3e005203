//! Access tokens that were given out: what introspection and revocation know, and what a restart must not lose.

use super::Store;
use super::sql::{Row, StoreFault, Transaction};
use super::statement::{Statement, sql};
use crate::clock::UnixSeconds;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret::Digest;

/// An access token, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct AccessToken {
    /// Names it; the claim `jti`.
    pub(in crate::sandbox) id: String,
    /// Whose it is.
    pub(in crate::sandbox) client_id: String,
    /// What it came of; none: the application's own.
    pub(in crate::sandbox) authorization_id: Option<String>,
    /// What it opens.
    pub(in crate::sandbox) scopes: Scopes,
    /// What it is bound to.
    pub(in crate::sandbox) binding: Binding,
    /// When it was given out.
    pub(in crate::sandbox) issued: UnixSeconds,
    /// When it ends.
    pub(in crate::sandbox) expires: UnixSeconds,
}

/// What a token is bound to, as thumbprints in base64url.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct Binding {
    /// A key that signs each request (RFC 9449 §6.1).
    pub(in crate::sandbox) dpop_jkt: Option<String>,
    /// A client certificate (RFC 8705 §3.1).
    pub(in crate::sandbox) certificate: Option<String>,
}

impl AccessToken {
    fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self {
            id: row.text("id")?,
            client_id: row.text("client_id")?,
            authorization_id: row.optional_text("authorization_id")?,
            scopes: Scopes::parse(&row.text("scopes")?).map_err(|_| StoreFault)?,
            binding: Binding::read(row)?,
            issued: row.time("issued")?,
            expires: row.time("expires")?,
        })
    }

    fn insert(&self, text: &str) -> Statement {
        sql("INSERT INTO access_tokens \
             (id, digest, client_id, authorization_id, scopes, dpop_jkt, certificate, issued, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(self.id.as_str())
        .bind(Digest::of(text))
        .bind(self.client_id.as_str())
        .bind(self.authorization_id.as_deref())
        .bind(self.scopes.to_string())
        .bind(self.binding.dpop_jkt.as_deref())
        .bind(self.binding.certificate.as_deref())
        .bind(self.issued)
        .bind(self.expires)
    }
}

impl Binding {
    /// How a token is shown that is bound like this (RFC 9449 §5); one that is bound to a certificate is a bearer's.
    pub(in crate::sandbox) fn token_type(&self) -> &'static str {
        if self.dpop_jkt.is_some() { "DPoP" } else { "Bearer" }
    }

    /// Whether `shown` has all that this demands.
    pub(in crate::sandbox) fn is_met_by(&self, shown: &Self) -> bool {
        let is_met = |wanted: &Option<String>, shown: &Option<String>| wanted.is_none() || wanted == shown;
        is_met(&self.dpop_jkt, &shown.dpop_jkt) && is_met(&self.certificate, &shown.certificate)
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self { dpop_jkt: row.optional_text("dpop_jkt")?, certificate: row.optional_text("certificate")? })
    }
}

impl Store {
    /// Keeps a token that is about to be given out as `text`.
    pub(in crate::sandbox) async fn add_access_token(&self, token: &AccessToken, text: &str) -> Result<(), StoreFault> {
        self.database.run(token.insert(text)).await.map(drop)
    }

    /// The token that names itself `id`, if `text` is what was given out.
    pub(in crate::sandbox) async fn access_token(
        &self,
        id: &str,
        text: &str,
    ) -> Result<Option<AccessToken>, StoreFault> {
        let statement = sql("SELECT * FROM access_tokens WHERE id = $1").bind(id);
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        let digest = Digest::parse(&row.text("digest")?).ok_or(StoreFault)?;
        if digest.equals(&Digest::of(text)) { AccessToken::read(&row).map(Some) } else { Ok(None) }
    }
}

impl Transaction {
    /// Keeps a token that is about to be given out as `text`.
    pub(in crate::sandbox) async fn add_access_token(
        &mut self,
        token: &AccessToken,
        text: &str,
    ) -> Result<(), StoreFault> {
        self.run(token.insert(text)).await.map(drop)
    }

    /// Ends a token: false if it was over before. Once the transaction is committed, tell the gateway.
    pub(in crate::sandbox) async fn revoke_access_token(&mut self, id: &str) -> Result<bool, StoreFault> {
        let statement = sql("DELETE FROM access_tokens WHERE id = $1 RETURNING expires").bind(id);
        let Some(row) = self.row(statement).await? else { return Ok(false) };
        self.owe_revocation("token_id", id, row.time("expires")?).await?;
        Ok(true)
    }
}
