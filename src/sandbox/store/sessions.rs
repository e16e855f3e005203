//! Browsers that talk to the authorization server, and what applications asked of the customers in front of them.

use super::{Application, Store, Tables};
use crate::clock::UnixSeconds;
use crate::sandbox::authz::Challenge;
use crate::sandbox::customer::Customer;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret::{self, Digest};
use std::sync::Arc;

/// One browser. Its cookie is kept as a digest only, as the key of the table.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Session {
    /// Stays when the cookie changes; never leaves the server.
    pub(in crate::sandbox) browser: String,
    /// Stands in every form; a page of another origin cannot know it.
    pub(in crate::sandbox) form_token: String,
    /// Who logged in.
    pub(in crate::sandbox) customer: Option<&'static Customer>,
    expires: UnixSeconds,
}

/// A valid authorization request that waits for the customer's answer.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Ask {
    /// The browser that brought it: nobody else can answer.
    pub(in crate::sandbox) browser: String,
    /// Who asks.
    pub(in crate::sandbox) application: Arc<Application>,
    /// Where the answer goes: as it was asked for, with its port.
    pub(in crate::sandbox) redirect_uri: String,
    /// The application's own note, given back as it came.
    pub(in crate::sandbox) state: Option<String>,
    /// What it asks for.
    pub(in crate::sandbox) scopes: Scopes,
    /// What the later token request must prove to know.
    pub(in crate::sandbox) challenge: Challenge,
    /// The key that the application wants its code bound to (RFC 9449 §10).
    pub(in crate::sandbox) dpop_jkt: Option<String>,
    /// The pushed request that this is, which its answer uses up.
    pub(in crate::sandbox) pushed: Option<Digest>,
    /// When it is forgotten.
    pub(in crate::sandbox) expires: UnixSeconds,
}

impl Store {
    /// A new session and its cookie.
    pub(in crate::sandbox) fn open_session(&self, now: UnixSeconds) -> (String, Session) {
        let browser = secret::fresh("");
        add(&mut self.tables(), browser, None, now)
    }

    /// The session of `cookie`.
    pub(in crate::sandbox) fn session(&self, cookie: &str, now: UnixSeconds) -> Option<Session> {
        self.tables().sessions.get(&Digest::of(cookie)).filter(|session| now < session.expires).cloned()
    }

    /// The same browser under a new cookie, as somebody else. The old cookie is worthless from now on:
    /// whoever planted it before the login gains nothing (session fixation).
    pub(in crate::sandbox) fn renew_session(
        &self,
        cookie: &str,
        customer: Option<&'static Customer>,
        now: UnixSeconds,
    ) -> Option<String> {
        let mut tables = self.tables();
        let old = tables.sessions.remove(&Digest::of(cookie))?;
        Some(add(&mut tables, old.browser, customer, now).0)
    }

    /// Keeps what was asked; its id is for the pages that follow.
    pub(in crate::sandbox) fn keep_ask(&self, ask: Ask) -> String {
        let id = secret::fresh("");
        self.tables().asks.insert(id.clone(), ask, ASKS_MAX);
        id
    }

    /// What `session`'s browser was asked under `id`.
    pub(in crate::sandbox) fn ask(&self, id: &str, session: &Session, now: UnixSeconds) -> Option<Ask> {
        self.tables().asks.get(&id.to_owned()).filter(|ask| ask.is_for(session, now)).cloned()
    }

    /// As `ask`, and it cannot be answered again.
    pub(in crate::sandbox) fn take_ask(&self, id: &str, session: &Session, now: UnixSeconds) -> Option<Ask> {
        let mut tables = self.tables();
        tables.asks.get(&id.to_owned()).filter(|ask| ask.is_for(session, now))?;
        tables.asks.remove(&id.to_owned())
    }
}

impl Ask {
    fn is_for(&self, session: &Session, now: UnixSeconds) -> bool {
        self.browser == session.browser && now < self.expires
    }
}

fn add(
    tables: &mut Tables,
    browser: String,
    customer: Option<&'static Customer>,
    now: UnixSeconds,
) -> (String, Session) {
    let cookie = secret::fresh("");
    let expires = UnixSeconds(now.0 + SESSION_SECONDS);
    let session = Session { browser, form_token: secret::fresh(""), customer, expires };
    tables.sessions.insert(Digest::of(&cookie), session.clone(), SESSIONS_MAX);
    (cookie, session)
}

/// Browsers at once; the oldest has to log in again.
const SESSIONS_MAX: usize = 10_000;
/// Open questions at once; the oldest is forgotten.
const ASKS_MAX: usize = 10_000;
/// A login lasts this long.
const SESSION_SECONDS: i64 = 30 * 60;
