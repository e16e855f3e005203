//! One-time codes: the second factor. Each belongs to one question and one session, so that a code which was read out
//! for one payment confirms no other; wrong tries are counted before the code is looked at.

use super::asks::Ask;
use super::sql::StoreFault;
use super::statement::sql;
use super::{Session, Store, later};
use crate::clock::UnixSeconds;
use crate::sandbox::secret;

/// What became of a code that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Typed {
    /// It is the one that was sent.
    Right,
    /// It is not; so many more tries.
    Wrong { left: i64 },
    /// There is none to compare with: too old, tried too often, or sent to another session.
    Worthless,
}

/// Whether a code is to replace one that still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Resend {
    /// The customer asked for another.
    Always,
    /// Only where there is none.
    IfNone,
}

impl Store {
    /// The code that `session` has to type for `ask`; none if too many were sent.
    pub(in crate::sandbox) async fn send_code(
        &self,
        ask: &Ask,
        session: &Session,
        resend: Resend,
        now: UnixSeconds,
    ) -> Result<Option<String>, StoreFault> {
        if resend == Resend::IfNone
            && let Some(code) = self.live_code(ask, session, now).await?
        {
            return Ok(Some(code));
        }
        let code = secret::digits();
        let statement = sql("UPDATE asks SET code = $2, code_session = $3, code_expires = $4, code_tries = 0, \
             codes_sent = codes_sent + 1, code_passed = NULL \
             WHERE id = $1 AND codes_sent < $5 AND answered IS NULL RETURNING code")
        .bind(ask.id.as_str())
        .bind(code)
        .bind(session.digest)
        .bind(later(now, CODE_SECONDS))
        .bind(CODES_SENT_MAX);
        self.database.change(statement).await?.map(|row| row.text("code")).transpose()
    }

    /// Tries a code.
    pub(in crate::sandbox) async fn try_code(
        &self,
        ask: &Ask,
        session: &Session,
        typed: &str,
        now: UnixSeconds,
    ) -> Result<Typed, StoreFault> {
        let statement = sql("UPDATE asks SET code_tries = code_tries + 1 WHERE id = $1 AND code_session = $2 \
             AND code_tries < $3 AND code_expires > $4 AND code_passed IS NULL AND answered IS NULL \
             RETURNING code, code_tries")
        .bind(ask.id.as_str())
        .bind(session.digest)
        .bind(CODE_TRIES_MAX)
        .bind(now);
        let Some(row) = self.database.change(statement).await? else { return Ok(Typed::Worthless) };
        let code = row.text("code")?;
        if !secret::equal(code.as_bytes(), typed.as_bytes()) {
            return Ok(Typed::Wrong { left: CODE_TRIES_MAX - row.integer("code_tries")? });
        }
        // The same code still: another may have been sent meanwhile.
        let statement = sql("UPDATE asks SET code_passed = $3, code = NULL WHERE id = $1 AND code = $2")
            .bind(ask.id.as_str())
            .bind(code)
            .bind(now);
        Ok(if self.database.run(statement).await? == 1 { Typed::Right } else { Typed::Worthless })
    }

    async fn live_code(&self, ask: &Ask, session: &Session, now: UnixSeconds) -> Result<Option<String>, StoreFault> {
        let statement = sql("SELECT code FROM asks WHERE id = $1 AND code_session = $2 AND code_tries < $3 \
             AND code_expires > $4 AND code_passed IS NULL")
        .bind(ask.id.as_str())
        .bind(session.digest)
        .bind(CODE_TRIES_MAX)
        .bind(now);
        self.database.row(statement).await?.map(|row| row.text("code")).transpose()
    }
}

/// (EU) 2018/389, article 4(3)(b): no more than five failed attempts in a row.
const CODE_TRIES_MAX: i64 = 5;
/// A text message that was lost, and one more.
const CODES_SENT_MAX: i64 = 3;
/// A code that waits longer was not for whoever types it.
const CODE_SECONDS: i64 = 5 * 60;
