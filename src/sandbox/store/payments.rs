//! Payments that were submitted, and the keys by which a request that comes twice is known (OB-7).

use super::Store;
use super::sql::{Row, StoreFault, Transaction};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::bank::order::Given;
use crate::sandbox::secret::Digest;

/// A payment.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Payment {
    /// `DomesticPaymentId`
    pub(in crate::sandbox) id: String,
    /// Under which it was made.
    pub(in crate::sandbox) consent_id: String,
    /// By whom it was submitted.
    pub(in crate::sandbox) client_id: String,
    /// Who pays.
    pub(in crate::sandbox) subject: String,
    /// From where.
    pub(in crate::sandbox) account_id: String,
    /// To where, if it is held at this bank.
    pub(in crate::sandbox) creditor_account_id: Option<String>,
    /// What was ordered.
    pub(in crate::sandbox) given: Given,
    /// What will become of it.
    pub(in crate::sandbox) outcome: Outcome,
    /// When it was submitted.
    pub(in crate::sandbox) created: UnixSeconds,
}

/// What becomes of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Outcome {
    /// It is paid.
    Settles,
    /// It waits for ever, because its third party wanted to see that.
    Waits,
    /// The account holds too little.
    InsufficientFunds,
    /// The account holds another currency.
    WrongCurrency,
    /// The creditor's account is closed, because the third party wanted to see that.
    CreditorClosed,
}

/// What the key of a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum KeyClaim {
    /// It is new: create the resource.
    Fresh,
    /// This was created with it.
    Used(String),
    /// Something else was created with it.
    OtherBody,
}

impl Payment {
    fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self {
            id: row.text("id")?,
            consent_id: row.text("consent_id")?,
            client_id: row.text("client_id")?,
            subject: row.text("subject")?,
            account_id: row.text("account_id")?,
            creditor_account_id: row.optional_text("creditor_account_id")?,
            given: Given::kept(&row.text("request")?).ok_or(StoreFault)?,
            outcome: Outcome::of(&row.text("outcome")?).ok_or(StoreFault)?,
            created: row.time("created")?,
        })
    }
}

impl KeyClaim {
    fn read(row: &Row, body: Digest) -> Result<Self, StoreFault> {
        let is_same = Digest::parse(&row.text("body")?) == Some(body);
        Ok(if is_same { Self::Used(row.text("resource")?) } else { Self::OtherBody })
    }
}

impl Store {
    /// The payment with this id.
    pub(in crate::sandbox) async fn payment(&self, id: &str) -> Result<Option<Payment>, StoreFault> {
        let statement = sql("SELECT * FROM payments WHERE id = $1").bind(id);
        self.database.row(statement).await?.map(|row| Payment::read(&row)).transpose()
    }

    /// The payments out of and into an account, oldest first.
    pub(in crate::sandbox) async fn payments_of(&self, account_id: &str) -> Result<Vec<Payment>, StoreFault> {
        // The newest, if there were more than a life of clicking brings about.
        let statement = sql("SELECT * FROM payments WHERE account_id = $1 OR creditor_account_id = $1 \
             ORDER BY created DESC, id DESC LIMIT $2")
        .bind(account_id)
        .bind(PAYMENTS_MAX);
        let rows = self.database.rows(statement).await?;
        rows.iter().rev().map(Payment::read).collect()
    }

    /// What a key was taken for in the last 24 hours.
    pub(in crate::sandbox) async fn used_key(
        &self,
        (key, body): (Digest, Digest),
        now: UnixSeconds,
    ) -> Result<KeyClaim, StoreFault> {
        let statement = sql("SELECT body, resource FROM idempotency_keys WHERE digest = $1 AND created > $2")
            .bind(key)
            .bind(UnixSeconds(now.0 - KEY_SECONDS));
        let row = self.database.row(statement).await?;
        row.map_or(Ok(KeyClaim::Fresh), |row| KeyClaim::read(&row, body))
    }

    /// Forgets what is over: keys after a day, consents that nobody answered after a day, those that ended after a
    /// quarter, payments when no history shows them any more.
    pub(in crate::sandbox) async fn sweep_bank(
        &self,
        payments_before: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<(), StoreFault> {
        let [day, quarter] = [KEY_SECONDS, ENDED_SECONDS].map(|seconds| UnixSeconds(now.0 - seconds));
        for statement in [
            sql("DELETE FROM idempotency_keys WHERE created <= $1").bind(day),
            sql("DELETE FROM consents WHERE updated <= $1 AND status = 'AWAU'").bind(day),
            sql("DELETE FROM consents WHERE updated <= $1 AND status IN ('RJCT', 'COND', 'CANC', 'GONE')")
                .bind(quarter),
            sql("DELETE FROM consents WHERE updated <= $1 AND status = 'AUTH' AND expires <= $1").bind(quarter),
            sql("DELETE FROM payments WHERE created < $1").bind(payments_before),
        ] {
            self.database.run(statement).await?;
        }
        Ok(())
    }
}

impl Transaction {
    /// Takes a key for a new `resource`, or says what it was taken for in the last 24 hours. Whoever comes second with
    /// the same key waits until the first is done.
    pub(in crate::sandbox) async fn claim_key(
        &mut self,
        (key, body): (Digest, Digest),
        resource: &str,
        now: UnixSeconds,
    ) -> Result<KeyClaim, StoreFault> {
        let statement = sql("INSERT INTO idempotency_keys (digest, body, resource, created) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (digest) DO UPDATE SET body = excluded.body, resource = excluded.resource, \
             created = excluded.created WHERE idempotency_keys.created <= $5 RETURNING resource")
        .bind(key)
        .bind(body)
        .bind(resource)
        .bind(now)
        .bind(UnixSeconds(now.0 - KEY_SECONDS));
        if self.row(statement).await?.is_some() {
            return Ok(KeyClaim::Fresh);
        }
        let statement = sql("SELECT body, resource FROM idempotency_keys WHERE digest = $1").bind(key);
        let row = self.row(statement).await?.ok_or(StoreFault)?;
        KeyClaim::read(&row, body)
    }

    /// Keeps a payment.
    pub(in crate::sandbox) async fn add_payment(&mut self, payment: &Payment) -> Result<(), StoreFault> {
        let statement = sql("INSERT INTO payments (id, consent_id, client_id, subject, account_id, \
             creditor_account_id, amount, request, outcome, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        .bind(payment.id.as_str())
        .bind(payment.consent_id.as_str())
        .bind(payment.client_id.as_str())
        .bind(payment.subject.as_str())
        .bind(payment.account_id.as_str())
        .bind(payment.creditor_account_id.clone())
        .bind(payment.given.order.amount.minor)
        .bind(payment.given.words.to_string())
        .bind(payment.outcome.as_str())
        .bind(payment.created);
        self.run(statement).await.map(drop)
    }
}

impl Outcome {
    const ALL: [Self; 5] =
        [Self::Settles, Self::Waits, Self::InsufficientFunds, Self::WrongCurrency, Self::CreditorClosed];

    /// Its word in the store; the reasons are codes of ISO 20022 (`ExternalStatusReason1Code`).
    pub(in crate::sandbox) fn as_str(self) -> &'static str {
        match self {
            Self::Settles => "settles",
            Self::Waits => "waits",
            Self::InsufficientFunds => "AM04",
            Self::WrongCurrency => "AC10",
            Self::CreditorClosed => "AC07",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether money moves, or may.
    pub(in crate::sandbox) fn moves_money(self) -> bool {
        match self {
            Self::Settles | Self::Waits => true,
            Self::InsufficientFunds | Self::WrongCurrency | Self::CreditorClosed => false,
        }
    }
}

/// OB-7: 24 hours.
const KEY_SECONDS: i64 = 86_400;
/// Long enough to read what became of them.
const ENDED_SECONDS: i64 = 90 * 86_400;
/// Of one account.
const PAYMENTS_MAX: i64 = 10_000;
