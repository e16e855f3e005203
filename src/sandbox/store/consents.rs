//! Keeps consents. What happens to one once is one conditional statement: an answer, a payment, a deletion.

use super::Store;
use super::sql::{Row, StoreFault, Transaction};
use super::statement::{Statement, sql};
use crate::clock::UnixSeconds;
use crate::sandbox::bank::consent::{Consent, IMPLIED_SECONDS, Kind, Request, Status};
use crate::sandbox::bank::permissions::Permissions;

impl Consent {
    fn read(row: &Row) -> Result<Self, StoreFault> {
        let kind = Kind::of(&row.text("kind")?).ok_or(StoreFault)?;
        let request = Request::kept(kind, &row.text("request")?);
        let accounts = row.optional_text("accounts")?.unwrap_or_default();
        Ok(Self {
            id: row.text("id")?,
            kind,
            client_id: row.text("client_id")?,
            status: Status::of(&row.text("status")?).ok_or(StoreFault)?,
            permissions: Permissions::of_text(&row.text("permissions")?),
            transactions_from: row.optional_time("transactions_from")?,
            transactions_to: row.optional_time("transactions_to")?,
            request: request.ok_or(StoreFault)?,
            created: row.time("created")?,
            updated: row.time("updated")?,
            expires: row.optional_time("expires")?,
            authorization_id: row.optional_text("authorization_id")?,
            subject: row.optional_text("subject")?,
            accounts: accounts.split_whitespace().map(str::to_owned).collect(),
        })
    }

    fn insert(&self) -> Statement {
        let accounts = (!self.accounts.is_empty()).then(|| self.accounts.join(" "));
        sql("INSERT INTO consents (id, kind, client_id, status, permissions, request, transactions_from, \
             transactions_to, created, updated, expires, authorization_id, subject, accounts) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 \
             WHERE $4 <> 'AWAU' OR (SELECT count(*) FROM consents WHERE client_id = $3 AND status = 'AWAU') < $15")
        .bind(self.id.as_str())
        .bind(self.kind.as_str())
        .bind(self.client_id.as_str())
        .bind(self.status.as_str())
        .bind(self.permissions.text())
        .bind(self.request.words())
        .bind(self.transactions_from)
        .bind(self.transactions_to)
        .bind(self.created)
        .bind(self.updated)
        .bind(self.expires)
        .bind(self.authorization_id.clone())
        .bind(self.subject.clone())
        .bind(accounts)
        .bind(WAITING_MAX)
    }
}

impl Store {
    /// The consent with this id; one that its third party deleted is not there any more.
    pub(in crate::sandbox) async fn consent(&self, id: &str) -> Result<Option<Consent>, StoreFault> {
        let statement = sql("SELECT * FROM consents WHERE id = $1 AND status <> 'GONE'").bind(id);
        self.database.row(statement).await?.map(|row| Consent::read(&row)).transpose()
    }

    /// The consents that became one authorization: one for each API at most.
    pub(in crate::sandbox) async fn consents_of_authorization(
        &self,
        authorization_id: &str,
    ) -> Result<Vec<Consent>, StoreFault> {
        let statement = sql("SELECT * FROM consents WHERE authorization_id = $1 AND status <> 'GONE' \
             ORDER BY created, id LIMIT $2")
        .bind(authorization_id)
        .bind(OF_AUTHORIZATION_MAX);
        self.database.rows(statement).await?.iter().map(Consent::read).collect()
    }
}

impl Transaction {
    /// Keeps a new consent: false if the application has too many that wait for an answer.
    pub(in crate::sandbox) async fn add_consent(&mut self, consent: &Consent) -> Result<bool, StoreFault> {
        Ok(self.run(consent.insert()).await? == 1)
    }

    /// The customer said yes: false if the consent awaits no answer, or no longer.
    pub(in crate::sandbox) async fn authorise_consent(
        &mut self,
        id: &str,
        authorization_id: &str,
        (subject, accounts): (&str, &[String]),
        now: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE consents SET status = 'AUTH', updated = $2, authorization_id = $3, subject = $4, \
             accounts = $5 WHERE id = $1 AND status = 'AWAU' AND (expires IS NULL OR expires > $2)")
        .bind(id)
        .bind(now)
        .bind(authorization_id)
        .bind(subject)
        .bind(accounts.join(" "));
        Ok(self.run(statement).await? == 1)
    }

    /// The customer said no, or cannot say yes: false if the consent awaits no answer.
    pub(in crate::sandbox) async fn reject_consent(&mut self, id: &str, now: UnixSeconds) -> Result<bool, StoreFault> {
        let statement = sql("UPDATE consents SET status = 'RJCT', updated = $2 WHERE id = $1 AND status = 'AWAU'");
        Ok(self.run(statement.bind(id).bind(now)).await? == 1)
    }

    /// The consent that an application did not create itself: what our operations show of the chosen accounts, for 90 days.
    pub(in crate::sandbox) async fn create_implied_account_consent(
        &mut self,
        client_id: &str,
        authorization_id: &str,
        (subject, accounts): (&str, &[String]),
        now: UnixSeconds,
    ) -> Result<String, StoreFault> {
        let consent = Consent {
            status: Status::Authorised,
            permissions: Permissions::implied(),
            expires: Some(UnixSeconds(now.0 + IMPLIED_SECONDS)),
            authorization_id: Some(authorization_id.to_owned()),
            subject: Some(subject.to_owned()),
            accounts: accounts.to_vec(),
            ..Consent::new(client_id, Request::AccountAccess, now)
        };
        self.run(consent.insert()).await?;
        Ok(consent.id)
    }

    /// Takes an authorised payment consent for its one payment: false if it was not there to be taken.
    pub(in crate::sandbox) async fn consume_consent(
        &mut self,
        id: &str,
        authorization_id: &str,
        now: UnixSeconds,
    ) -> Result<bool, StoreFault> {
        let statement =
            sql("UPDATE consents SET status = 'COND', updated = $3 WHERE id = $1 AND authorization_id = $2 \
             AND kind = 'payment' AND status = 'AUTH' AND (expires IS NULL OR expires > $3)")
            .bind(id)
            .bind(authorization_id)
            .bind(now);
        Ok(self.run(statement).await? == 1)
    }

    /// Deletes a consent for its third party: `None` if it is not there, else the authorization that has to end with it.
    pub(in crate::sandbox) async fn delete_consent(
        &mut self,
        id: &str,
        client_id: &str,
        now: UnixSeconds,
    ) -> Result<Option<Option<String>>, StoreFault> {
        let statement = sql("UPDATE consents SET status = 'GONE', updated = $3 WHERE id = $1 AND client_id = $2 \
             AND status <> 'GONE' RETURNING authorization_id")
        .bind(id)
        .bind(client_id)
        .bind(now);
        let row = self.row(statement).await?;
        row.map(|row| row.optional_text("authorization_id")).transpose()
    }

    /// Ends every consent that an authorization stands for.
    pub(super) async fn cancel_consents_of(
        &mut self,
        authorization_id: &str,
        now: UnixSeconds,
    ) -> Result<(), StoreFault> {
        let statement = sql("UPDATE consents SET status = 'CANC', updated = $2 WHERE authorization_id = $1 \
             AND status = 'AUTH'")
        .bind(authorization_id)
        .bind(now);
        self.run(statement).await.map(drop)
    }
}

/// Consents of one application that wait for an answer.
const WAITING_MAX: i64 = 10_000;
/// One for each API, and room for what another version may do.
const OF_AUTHORIZATION_MAX: i64 = 16;
