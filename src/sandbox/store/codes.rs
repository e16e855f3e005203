//! Authorization codes: short-lived, used once, bound to client, redirect URI, PKCE challenge and, where the
//! application wished it, its key (RFC 6749 §4.1.2, RFC 9449 §10).

use super::authorizations::Authorization;
use super::sql::{StoreFault, Transaction};
use super::statement::sql;
use super::{Store, later};
use crate::clock::UnixSeconds;
use crate::sandbox::authz::Challenge;
use crate::sandbox::secret::{self, Digest};

/// A code to be given out.
#[derive(Debug)]
pub(in crate::sandbox) struct NewCode {
    /// What it stands for.
    pub(in crate::sandbox) authorization: Authorization,
    /// Where it is sent.
    pub(in crate::sandbox) redirect_uri: String,
    /// What its user must prove to know.
    pub(in crate::sandbox) challenge: Challenge,
    /// The key that its user must prove to hold.
    pub(in crate::sandbox) dpop_jkt: Option<String>,
    /// When it is worthless.
    pub(in crate::sandbox) expires: UnixSeconds,
}

/// A code that was given out.
#[derive(Debug)]
pub(in crate::sandbox) struct Code {
    /// As it was given out, but for `revoked`.
    pub(in crate::sandbox) content: NewCode,
    /// Whether it gave a token before.
    pub(in crate::sandbox) is_used: bool,
}

impl Store {
    /// A code that was given out, used ones included: for a day.
    pub(in crate::sandbox) async fn code(&self, code: &str) -> Result<Option<Code>, StoreFault> {
        let statement = sql("SELECT authorizations.*, redirect_uri, challenge, dpop_jkt, good_until, used \
             FROM codes JOIN authorizations ON authorizations.id = authorization_id WHERE digest = $1")
        .bind(Digest::of(code));
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        let content = NewCode {
            authorization: Authorization::read(&row)?,
            redirect_uri: row.text("redirect_uri")?,
            challenge: Challenge::parse(&row.text("challenge")?).ok_or(StoreFault)?,
            dpop_jkt: row.optional_text("dpop_jkt")?,
            expires: row.time("good_until")?,
        };
        Ok(Some(Code { content, is_used: row.optional_time("used")?.is_some() }))
    }
}

impl Transaction {
    /// Keeps the authorization and gives out its code.
    pub(in crate::sandbox) async fn issue_code(&mut self, content: &NewCode) -> Result<String, StoreFault> {
        let code = secret::fresh("");
        let expires = later(content.expires, REMEMBERED_SECONDS);
        self.add_authorization(&content.authorization, expires).await?;
        let statement = sql("INSERT INTO codes \
             (digest, authorization_id, redirect_uri, challenge, dpop_jkt, good_until, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(Digest::of(&code))
        .bind(content.authorization.id.as_str())
        .bind(content.redirect_uri.as_str())
        .bind(content.challenge.as_str())
        .bind(content.dpop_jkt.as_deref())
        .bind(content.expires)
        .bind(expires);
        self.run(statement).await?;
        Ok(code)
    }

    /// Uses a code up: false if somebody else did before.
    pub(in crate::sandbox) async fn use_code(&mut self, code: &str, now: UnixSeconds) -> Result<bool, StoreFault> {
        let statement =
            sql("UPDATE codes SET used = $2 WHERE digest = $1 AND used IS NULL").bind(Digest::of(code)).bind(now);
        Ok(self.run(statement).await? == 1)
    }
}

/// A used code that returns revokes what came of it, this long; later it is unknown, and refused all the same.
const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;
