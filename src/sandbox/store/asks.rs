//! What applications asked, from the moment the request was found valid to the customer's one answer.

use super::sql::{Row, StoreFault, Transaction};
use super::statement::sql;
use super::{Acr, Application, Session, Store, later};
use crate::clock::UnixSeconds;
use crate::sandbox::authz::{Challenge, Details};
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::vocabulary::words;
use std::sync::Arc;

/// A valid authorization request.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Question {
    /// Where the answer goes: as it was asked for, with its port.
    pub(in crate::sandbox) redirect_uri: String,
    /// The application's own note, given back as it came.
    pub(in crate::sandbox) state: Option<String>,
    /// What it asks for.
    pub(in crate::sandbox) scopes: Scopes,
    /// What the later token request must prove to know.
    pub(in crate::sandbox) challenge: Challenge,
    /// The thumbprint of the key that the later token request must prove to hold (RFC 9449 §10).
    pub(in crate::sandbox) dpop_jkt: Option<String>,
    /// The consents that it created for this (RFC 9396).
    pub(in crate::sandbox) details: Details,
    /// How surely the customer must be known.
    pub(in crate::sandbox) acr: Acr,
    /// The pushed request that this is, which its answer uses up (RFC 9126).
    pub(in crate::sandbox) pushed: Option<Digest>,
}

/// A question that is about to be put to a customer.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct NewAsk<'a> {
    /// Who asks.
    pub(in crate::sandbox) application: &'a Application,
    /// What.
    pub(in crate::sandbox) question: &'a Question,
    /// Whose browser brought it: nobody else can answer.
    pub(in crate::sandbox) session: &'a Session,
    /// Whether the customer has to log in for it, logged in or not.
    pub(in crate::sandbox) login_needed: bool,
}

/// A question that was put to a customer.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Ask {
    /// Names it on the pages; worthless in another browser.
    pub(in crate::sandbox) id: String,
    /// Who asks.
    pub(in crate::sandbox) application: Arc<Application>,
    /// What.
    pub(in crate::sandbox) question: Question,
    /// Whether the customer has to log in for it, logged in or not.
    pub(in crate::sandbox) login_needed: bool,
    /// The session that entered its one-time code.
    pub(in crate::sandbox) confirmed_by: Option<Digest>,
    /// When it can no longer be answered.
    pub(in crate::sandbox) expires: UnixSeconds,
    /// What was answered.
    pub(in crate::sandbox) answer: Option<Answer>,
}

words! {
    /// What became of a question.
    Answer {
        /// The customer agreed.
        Allowed = "allowed",
        /// The customer did not.
        Refused = "refused",
        /// Too many wrong one-time codes.
        Locked = "locked",
        /// The application ended what it asked for, or had it answered elsewhere.
        Void = "void",
    }
}

impl Store {
    /// Keeps a question; its id is for the pages that follow.
    pub(in crate::sandbox) async fn keep_ask(&self, ask: NewAsk<'_>, now: UnixSeconds) -> Result<String, StoreFault> {
        let NewAsk { application, question, session, login_needed } = ask;
        let id = secret::fresh("");
        let statement = sql("INSERT INTO asks (id, browser, client_id, redirect_uri, state, scopes, challenge, \
             dpop_jkt, details, acr, pushed, login_needed, expires, forgotten, code_tries, codes_sent) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0)")
        .bind(id.as_str())
        .bind(session.browser.as_str())
        .bind(application.client_id.as_str())
        .bind(question.redirect_uri.as_str())
        .bind(question.state.as_deref())
        .bind(question.scopes.to_string())
        .bind(question.challenge.as_str())
        .bind(question.dpop_jkt.as_deref())
        .bind(question.details.to_json())
        .bind(question.acr.as_str())
        .bind(question.pushed.map(|digest| digest.base64url()))
        .bind(login_needed)
        .bind(later(now, ASK_SECONDS))
        .bind(later(now, REMEMBERED_SECONDS));
        self.database.run(statement).await?;
        Ok(id)
    }

    /// What `session`'s browser was asked under `id`, also when it was answered or is too old to be.
    pub(in crate::sandbox) async fn ask(&self, id: &str, session: &Session) -> Result<Option<Ask>, StoreFault> {
        let statement =
            sql("SELECT * FROM asks WHERE id = $1 AND browser = $2").bind(id).bind(session.browser.as_str());
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        let Some(application) = self.application(&row.text("client_id")?).await? else { return Ok(None) };
        Ask::read(&row, application).map(Some)
    }

    /// Another code in place of one that a moment ago answered this question and was not used: a button was pressed twice,
    /// and the browser threw the first answer away. None, where that is not what happened.
    pub(in crate::sandbox) async fn renew_code(
        &self,
        ask: &Ask,
        now: UnixSeconds,
    ) -> Result<Option<String>, StoreFault> {
        let code = secret::fresh("");
        let statement =
            sql("UPDATE codes SET digest = $1 WHERE used IS NULL AND good_until > $2 AND authorization_id = \
             (SELECT authorization_id FROM asks WHERE id = $3 AND answered > $4)")
            .bind(Digest::of(&code))
            .bind(now)
            .bind(ask.id.as_str())
            .bind(UnixSeconds(now.0 - TWICE_SECONDS));
        Ok((self.database.run(statement).await? == 1).then_some(code))
    }

    /// The customer logged in for this question.
    pub(in crate::sandbox) async fn note_login(&self, ask: &Ask) -> Result<(), StoreFault> {
        let statement = sql("UPDATE asks SET login_needed = 0 WHERE id = $1").bind(ask.id.as_str());
        self.database.run(statement).await.map(drop)
    }
}

impl Transaction {
    /// Writes down the one answer; false if there is one already, or it is too late.
    pub(in crate::sandbox) async fn answer_ask(
        &mut self,
        ask: &Ask,
        answer: Answer,
        now: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE asks SET answered = $2, answer = $3 \
             WHERE id = $1 AND answered IS NULL AND expires > $4")
        .bind(ask.id.as_str())
        .bind(now)
        .bind(answer.as_str())
        .bind(now);
        Ok(self.run(statement).await? == 1)
    }

    /// Notes what a yes made, so that the same yes can be sent twice.
    pub(in crate::sandbox) async fn note_authorization(&mut self, ask: &Ask, id: &str) -> Result<(), StoreFault> {
        let statement = sql("UPDATE asks SET authorization_id = $2 WHERE id = $1").bind(ask.id.as_str()).bind(id);
        self.run(statement).await.map(drop)
    }
}

impl Ask {
    fn read(row: &Row, application: Arc<Application>) -> Result<Self, StoreFault> {
        let question = Question {
            redirect_uri: row.text("redirect_uri")?,
            state: row.optional_text("state")?,
            scopes: Scopes::parse(&row.text("scopes")?).map_err(|_| StoreFault)?,
            challenge: Challenge::parse(&row.text("challenge")?).ok_or(StoreFault)?,
            dpop_jkt: row.optional_text("dpop_jkt")?,
            details: Details::parse(&row.text("details")?).map_err(|_| StoreFault)?,
            acr: Acr::of(&row.text("acr")?).ok_or(StoreFault)?,
            pushed: row.optional_text("pushed")?.as_deref().and_then(Digest::parse),
        };
        let confirmed = row.optional_time("code_passed")?.and(row.optional_text("code_session")?);
        Ok(Self {
            id: row.text("id")?,
            application,
            question,
            login_needed: row.flag("login_needed")?,
            confirmed_by: confirmed.as_deref().and_then(Digest::parse),
            expires: row.time("expires")?,
            answer: row.optional_text("answer")?.as_deref().and_then(Answer::of),
        })
    }

    /// Whether `session` may answer it, as far as the one-time code decides that.
    pub(in crate::sandbox) fn is_confirmed_by(&self, session: &Session) -> bool {
        match self.question.acr {
            Acr::Password => true,
            Acr::OneTimeCode => self.confirmed_by == Some(session.digest),
        }
    }
}

/// Two presses of one button are closer than this.
const TWICE_SECONDS: i64 = 5;
/// How long a customer may think.
const ASK_SECONDS: i64 = 30 * 60;
/// How long a page can say what became of it.
const REMEMBERED_SECONDS: i64 = 60 * 60;
