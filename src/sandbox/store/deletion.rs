//! An application changes, or goes with everything that it got. What was paid stays in the bank's books.

use super::sql::{StoreFault, Transaction};
use super::statement::sql;
use super::{Application, Authentication, Store};
use crate::clock::UnixSeconds;

impl Store {
    /// Changes an application in all but its id, its owner and its age: false if it is gone. Secrets that it no longer
    /// proves itself by are forgotten.
    pub(in crate::sandbox) async fn change_application(&self, application: &Application) -> Result<bool, StoreFault> {
        let mut transaction = self.begin().await?;
        if transaction.run(application.update()).await? == 0 {
            return Ok(false);
        }
        if application.authentication != Authentication::Secret {
            let forget = sql("DELETE FROM application_secrets WHERE client_id = $1").bind(&*application.client_id);
            transaction.run(forget).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

impl Transaction {
    /// Deletes an application of `developer_id` with its secrets, codes and tokens: false if there is none. Once it is
    /// committed, tell the gateway of the client.
    pub(in crate::sandbox) async fn delete_application(
        &mut self,
        client_id: &str,
        developer_id: &str,
        now: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let secrets = sql("DELETE FROM application_secrets WHERE client_id IN \
             (SELECT client_id FROM applications WHERE client_id = $1 AND developer_id = $2)");
        self.run(secrets.bind(client_id).bind(developer_id)).await?;
        let application = sql("DELETE FROM applications WHERE client_id = $1 AND developer_id = $2");
        if self.run(application.bind(client_id).bind(developer_id)).await? == 0 {
            return Ok(false);
        }
        let last = sql("SELECT max(expires) AS until FROM access_tokens WHERE client_id = $1").bind(client_id);
        let until = self.row(last).await?.map(|row| row.optional_time("until")).transpose()?.flatten();
        if let Some(until) = until {
            self.owe_revocation("client_id", client_id, until).await?;
        }
        for text in ENDED {
            self.run(sql(text).bind(client_id).bind(now)).await?;
        }
        for text in DELETED {
            self.run(sql(text).bind(client_id)).await?;
        }
        Ok(true)
    }
}

/// What customers find in their history.
const ENDED: [&str; 2] = [
    "UPDATE authorizations SET revoked = $2 WHERE client_id = $1 AND revoked IS NULL",
    "UPDATE consents SET status = 'CANC', updated = $2 WHERE client_id = $1 AND status IN ('AWAU', 'AUTH')",
];
const DELETED: [&str; 8] = [
    "DELETE FROM codes WHERE authorization_id IN (SELECT id FROM authorizations WHERE client_id = $1)",
    "DELETE FROM refresh_tokens WHERE authorization_id IN (SELECT id FROM authorizations WHERE client_id = $1)",
    "DELETE FROM access_tokens WHERE client_id = $1",
    "DELETE FROM asks WHERE client_id = $1",
    "DELETE FROM pushed_requests WHERE client_id = $1",
    "DELETE FROM test_requests WHERE client_id = $1",
    "DELETE FROM test_tokens WHERE client_id = $1",
    "DELETE FROM walks WHERE client_id = $1",
];
