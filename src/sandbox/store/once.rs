//! What may be shown once. Whoever shows it first is decided by one statement.

use super::Store;
use super::sql::StoreFault;
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::secret::Digest;

impl Store {
    /// Notes that `thing` was shown: false if it was before. It is forgotten once it `expires`, when it is refused for
    /// its age.
    pub(in crate::sandbox) async fn show_once(&self, thing: &str, expires: UnixSeconds) -> Result<bool, StoreFault> {
        let statement = sql("INSERT INTO shown_once (digest, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(Digest::of(thing))
            .bind(expires);
        Ok(self.database.run(statement).await? == 1)
    }
}
