//! What the sandbox remembers, behind one type: applications, browser sessions, codes, refresh tokens.
//! In memory and bounded. Every method is one step under one lock: no caller sees half a change.

mod applications;
mod bounded;
mod codes;
mod refresh;
mod sessions;

pub(super) use applications::{Application, Kind};
pub(super) use bounded::Bounded;
pub(super) use codes::{CodeClaim, CodeFault, NewCode};
pub(super) use refresh::{RefreshClaim, RefreshFault};
pub(super) use sessions::{Ask, Session};

use super::scopes::Scopes;
use super::secret::Digest;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sandbox's memory.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<Tables>);

/// What a customer granted to an application: the content of a code and of the tokens that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consent {
    /// Names this decision; tokens carry it, so that the bank can look it up.
    pub(super) id: String,
    /// Who may use it.
    pub(super) client_id: String,
    /// Whose accounts.
    pub(super) subject: &'static str,
    /// For what.
    pub(super) scopes: Scopes,
}

#[derive(Debug, Default)]
struct Tables {
    applications: Vec<Arc<Application>>,
    sessions: Bounded<Digest, Session>,
    asks: Bounded<String, Ask>,
    codes: Bounded<Digest, codes::Code>,
    families: Bounded<String, refresh::Family>,
    refresh_tokens: Bounded<Digest, String>,
}

impl Store {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic elsewhere must not end the sandbox: each step leaves the tables whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
