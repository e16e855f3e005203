//! Authorizations: what customers granted to applications. Codes, refresh tokens and access tokens belong to one each,
//! so that a single row decides whether all of them are over.

use super::Store;
use super::sql::{Row, StoreFault, Transaction};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::vocabulary::words;

/// A customer's yes to one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Authorization {
    /// Names it; the claim `consent_id` of its tokens.
    pub(in crate::sandbox) id: String,
    /// Who may use it.
    pub(in crate::sandbox) client_id: String,
    /// Whose accounts.
    pub(in crate::sandbox) subject: String,
    /// For what.
    pub(in crate::sandbox) scopes: Scopes,
    /// How the customer proved who they are.
    pub(in crate::sandbox) acr: Acr,
    /// When they did.
    pub(in crate::sandbox) authenticated: UnixSeconds,
    /// When they agreed.
    pub(in crate::sandbox) created: UnixSeconds,
    /// When it ended, if it did.
    pub(in crate::sandbox) revoked: Option<UnixSeconds>,
    /// What exactly was granted, as `authorization_details` (RFC 9396 §7).
    pub(in crate::sandbox) details: Option<String>,
}

words! {
    /// How surely it was the customer (RFC 9470 §4), from weak to strong.
    #[derive(PartialOrd, Ord)]
    Acr {
        /// They knew the password.
        Password = "urn:scopegate:acr:password",
        /// They also held the telephone to which a one-time code was sent.
        OneTimeCode = "urn:scopegate:acr:otp",
    }
}

impl Authorization {
    /// From a row that holds, beside others, every column of the table.
    pub(super) fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self {
            id: row.text("id")?,
            client_id: row.text("client_id")?,
            subject: row.text("subject")?,
            scopes: Scopes::parse(&row.text("scopes")?).map_err(|_| StoreFault)?,
            acr: Acr::of(&row.text("acr")?).ok_or(StoreFault)?,
            authenticated: row.time("authenticated")?,
            created: row.time("created")?,
            revoked: row.optional_time("revoked")?,
            details: row.optional_text("details")?,
        })
    }
}

impl Store {
    /// The authorization with this id, revoked or not.
    pub(in crate::sandbox) async fn authorization(&self, id: &str) -> Result<Option<Authorization>, StoreFault> {
        let row = self.database.row(sql("SELECT * FROM authorizations WHERE id = $1").bind(id)).await?;
        row.as_ref().map(Authorization::read).transpose()
    }

    /// What a customer allowed and did not end, newest first.
    pub(in crate::sandbox) async fn authorizations_of(
        &self,
        subject: &str,
        now: UnixSeconds,
    ) -> Result<Vec<Authorization>, StoreFault> {
        let statement = sql("SELECT * FROM authorizations WHERE subject = $1 AND revoked IS NULL AND forgotten > $2 \
             ORDER BY created DESC, id LIMIT $3")
        .bind(subject)
        .bind(now)
        .bind(LISTED_MAX);
        self.database.rows(statement).await?.iter().map(Authorization::read).collect()
    }
}

impl Transaction {
    /// Adds an authorization of which nothing is left after `forgotten`.
    pub(super) async fn add_authorization(
        &mut self,
        authorization: &Authorization,
        forgotten: UnixSeconds,
    ) -> Result<(), StoreFault> {
        let statement = sql("INSERT INTO authorizations \
             (id, client_id, subject, scopes, acr, authenticated, created, details, tokens_until, forgotten) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)")
        .bind(authorization.id.as_str())
        .bind(authorization.client_id.as_str())
        .bind(authorization.subject.as_str())
        .bind(authorization.scopes.to_string())
        .bind(authorization.acr.as_str())
        .bind(authorization.authenticated)
        .bind(authorization.created)
        .bind(authorization.details.as_deref())
        .bind(forgotten);
        self.run(statement).await.map(drop)
    }

    /// Notes how long tokens live that are about to be given out: false if the authorization was revoked meanwhile.
    /// Until the transaction ends nobody can revoke it, so that no token slips through.
    pub(in crate::sandbox) async fn extend_authorization(
        &mut self,
        id: &str,
        tokens_until: UnixSeconds,
        forgotten: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE authorizations SET \
             tokens_until = CASE WHEN tokens_until > $2 THEN tokens_until ELSE $2 END, \
             forgotten = CASE WHEN forgotten > $3 THEN forgotten ELSE $3 END \
             WHERE id = $1 AND revoked IS NULL")
        .bind(id)
        .bind(tokens_until)
        .bind(forgotten);
        Ok(self.run(statement).await? == 1)
    }

    /// Ends an authorization, and with it its code, its tokens and the consents that it stands for at the bank: false if it was over
    /// before. Once the transaction is committed, tell the gateway.
    pub(in crate::sandbox) async fn revoke_authorization(
        &mut self,
        id: &str,
        now: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE authorizations SET revoked = $2 WHERE id = $1 AND revoked IS NULL \
             RETURNING tokens_until")
        .bind(id)
        .bind(now);
        let Some(row) = self.row(statement).await? else { return Ok(false) };
        self.owe_revocation("consent_id", id, row.time("tokens_until")?).await?;
        self.cancel_consents_of(id, now).await?;
        Ok(true)
    }
}

/// What one page shows.
const LISTED_MAX: i64 = 100;
