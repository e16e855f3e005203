//! What the sandbox remembers, behind one type. Reads are methods of `Store`; writes that belong together are methods
//! of `Transaction`. What may happen once is decided by one conditional statement, never by a read and then a write.

mod access;
mod applications;
mod asks;
mod authorizations;
mod bounded;
mod codes;
mod consents;
mod deletion;
mod developers;
mod keys;
mod location;
mod once;
mod one_time_codes;
pub(super) mod payments;
mod pushed;
mod refresh;
mod revocations;
mod secrets;
mod sessions;
mod sql;
mod statement;
mod sweep;
mod test_requests;
mod test_tokens;
mod walks;

pub(super) use access::{AccessToken, Binding};
pub(super) use applications::{Application, Authentication, Kind, Refresh, Sender, TokenFormat};
pub(super) use asks::{Answer, Ask, NewAsk, Question};
pub(super) use authorizations::{Acr, Authorization};
pub(super) use bounded::Bounded;
pub(super) use codes::NewCode;
pub(super) use developers::{Developer, NewDeveloper, SignUp};
pub(super) use keys::KeptKey;
pub use location::Location;
pub(super) use one_time_codes::{Resend, Typed};
pub(super) use pushed::PushedRequest;
pub(super) use refresh::RefreshToken;
pub(super) use revocations::RevocationDue;
pub(super) use secrets::ClientSecret;
pub(super) use sessions::{Login, Session};
pub(super) use sql::{StoreFault, Transaction};
pub(super) use test_requests::TestRequest;
pub(super) use test_tokens::{TestToken, TokenKind};
pub(super) use walks::{Walk, WalkKind};

use crate::clock::UnixSeconds;
use sql::Database;
use std::io;

/// The sandbox's memory.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    /// Opens what is kept at `location`.
    pub(super) async fn open(location: &Location) -> io::Result<Self> {
        Ok(Self { database: Database::open(location).await? })
    }

    /// Begins changes that belong together.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreFault> {
        self.database.begin().await
    }

    /// Lets what is under way finish.
    pub(super) async fn close(&self) {
        self.database.close().await;
    }
}

/// `seconds` after `time`.
fn later(time: UnixSeconds, seconds: i64) -> UnixSeconds {
    UnixSeconds(time.0.saturating_add(seconds))
}

/// Where tests keep things: in memory, or in a PostgreSQL database when one is named, each test in a schema of its own.
#[cfg(test)]
pub(super) mod testing {
    use super::Location;
    use super::sql::Database;
    use super::statement::sql;
    use crate::sandbox::secret;

    /// An empty store.
    pub(in crate::sandbox) async fn location() -> Location {
        #[expect(clippy::disallowed_methods, reason = "whoever runs the tests says where the database is")]
        let Ok(server) = std::env::var("SCOPEGATE_TEST_POSTGRES") else { return Location::Memory };
        let schema = format!("test_{}", secret::fresh("").replace('-', "_").to_lowercase());
        let text: &'static str = format!("CREATE SCHEMA {schema}").leak();
        let database = Database::connect(&Location::Server(server.clone())).await.unwrap();
        database.run(sql(text)).await.unwrap();
        database.close().await;
        let separator = if server.contains('?') { '&' } else { '?' };
        Location::Server(format!("{server}{separator}options=-csearch_path%3D{schema}"))
    }
}
