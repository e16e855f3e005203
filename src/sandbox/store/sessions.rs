//! Browsers that talk to the authorization server, and who logged in there.

use super::sql::{Row, StoreFault};
use super::statement::sql;
use super::{Store, later};
use crate::clock::UnixSeconds;
use crate::sandbox::customer::{self, Customer};
use crate::sandbox::secret::{self, Digest};

/// One browser. Its cookie is kept as a digest only.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Session {
    /// Of the cookie: what is bound to this login is bound to it.
    pub(in crate::sandbox) digest: Digest,
    /// Stays when the cookie changes; never leaves the server.
    pub(in crate::sandbox) browser: String,
    /// Stands in every form; a page of another origin cannot know it.
    pub(in crate::sandbox) form_token: String,
    /// Who logged in, unless that is too long ago.
    pub(in crate::sandbox) login: Option<Login>,
}

/// A customer who proved who they are.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct Login {
    /// Who.
    pub(in crate::sandbox) customer: &'static Customer,
    /// When: `auth_time` in tokens.
    pub(in crate::sandbox) authenticated: UnixSeconds,
}

impl Store {
    /// A new session and its cookie.
    pub(in crate::sandbox) async fn open_session(&self, now: UnixSeconds) -> Result<(String, Session), StoreFault> {
        let (cookie, form_token, browser) = (secret::fresh(""), secret::fresh(""), secret::fresh(""));
        let digest = Digest::of(&cookie);
        let statement =
            sql("INSERT INTO customer_sessions (digest, browser, form_token, expires) VALUES ($1, $2, $3, $4)")
                .bind(digest)
                .bind(browser.as_str())
                .bind(form_token.as_str())
                .bind(later(now, SESSION_SECONDS));
        self.database.run(statement).await?;
        Ok((cookie, Session { digest, browser, form_token, login: None }))
    }

    /// The session of `cookie`. Looking at a page counts as doing something.
    pub(in crate::sandbox) async fn session(
        &self,
        cookie: &str,
        now: UnixSeconds,
    ) -> Result<Option<Session>, StoreFault> {
        let digest = Digest::of(cookie);
        let statement =
            sql("SELECT * FROM customer_sessions WHERE digest = $1 AND expires > $2").bind(digest).bind(now);
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        let login = Login::read(&row, now)?;
        if login.is_some() && row.optional_time("active")?.is_none_or(|active| now.0 - active.0 >= ACTIVE_STEP_SECONDS)
        {
            let statement = sql("UPDATE customer_sessions SET active = $2 WHERE digest = $1").bind(digest).bind(now);
            self.database.run(statement).await?;
        }
        let (browser, form_token) = (row.text("browser")?, row.text("form_token")?);
        Ok(Some(Session { digest, browser, form_token, login }))
    }

    /// The same browser under a new cookie, as somebody else. The old cookie is worthless from now on:
    /// whoever planted it before the login gains nothing (session fixation).
    pub(in crate::sandbox) async fn renew_session(
        &self,
        session: &Session,
        customer: Option<&'static Customer>,
        now: UnixSeconds,
    ) -> Result<Option<String>, StoreFault> {
        let cookie = secret::fresh("");
        let since = customer.map(|_| now);
        let statement = sql("UPDATE customer_sessions SET digest = $2, form_token = $3, subject = $4, \
             authenticated = $5, active = $6, expires = $7 WHERE digest = $1 AND expires > $8 RETURNING browser")
        .bind(session.digest)
        .bind(Digest::of(&cookie))
        .bind(secret::fresh(""))
        .bind(customer.map(|customer| customer.subject))
        .bind(since)
        .bind(since)
        .bind(later(now, SESSION_SECONDS))
        .bind(now);
        Ok(self.database.change(statement).await?.map(|_| cookie))
    }
}

impl Login {
    fn read(row: &Row, now: UnixSeconds) -> Result<Option<Self>, StoreFault> {
        let (subject, since) = (row.optional_text("subject")?, row.optional_time("authenticated")?);
        let Some((subject, authenticated)) = subject.zip(since) else { return Ok(None) };
        let active = row.optional_time("active")?.unwrap_or(authenticated);
        if now.0 - active.0 >= LOGIN_IDLE_SECONDS || now.0 - authenticated.0 >= LOGIN_SECONDS {
            return Ok(None);
        }
        Ok(customer::with_subject(&subject).map(|customer| Self { customer, authenticated }))
    }
}

/// A browser is remembered for longer than a question may wait: whoever has to log in again finds it where it was.
const SESSION_SECONDS: i64 = 60 * 60;
/// (EU) 2018/389, article 4(3)(d): five minutes without activity end what a customer logged in to.
const LOGIN_IDLE_SECONDS: i64 = 5 * 60;
/// However active they are.
const LOGIN_SECONDS: i64 = 60 * 60;
/// Activity is written down in steps: reading pages should not cost a write each time.
const ACTIVE_STEP_SECONDS: i64 = 10;
