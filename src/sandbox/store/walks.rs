//! Guided walks through an API: how far a developer has come, and every request and answer on the way.

use super::Store;
use super::sql::{Row, StoreFault};
use super::statement::sql;
use crate::clock::UnixSeconds;
use crate::sandbox::vocabulary::words;

/// A walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Walk {
    /// Names it in the address.
    pub(in crate::sandbox) id: String,
    /// Whose it is.
    pub(in crate::sandbox) developer_id: String,
    /// With which application.
    pub(in crate::sandbox) client_id: String,
    /// Through what.
    pub(in crate::sandbox) kind: WalkKind,
    /// What the consent was created with (JSON); empty where there is none.
    pub(in crate::sandbox) request: String,
    /// The consent.
    pub(in crate::sandbox) consent_id: Option<String>,
    /// The customer's token.
    pub(in crate::sandbox) token_id: Option<String>,
    /// The payment.
    pub(in crate::sandbox) payment_id: Option<String>,
    /// What came of it (JSON).
    pub(in crate::sandbox) found: String,
    /// Why the customer's answer was no yes.
    pub(in crate::sandbox) refusal: Option<String>,
    /// Requests and answers (JSON), tokens shortened.
    pub(in crate::sandbox) exchanges: String,
    /// When it began.
    pub(in crate::sandbox) created: UnixSeconds,
    /// When the row leaves.
    pub(in crate::sandbox) forgotten: UnixSeconds,
}

words! {
    /// Through what a walk leads.
    WalkKind {
        /// Consent, customer, payment.
        Payment = "payment",
        /// Customer, accounts, balances.
        Accounts = "accounts",
    }
}

impl Walk {
    fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self {
            id: row.text("id")?,
            developer_id: row.text("developer_id")?,
            client_id: row.text("client_id")?,
            kind: WalkKind::of(&row.text("kind")?).ok_or(StoreFault)?,
            request: row.text("request")?,
            consent_id: row.optional_text("consent_id")?,
            token_id: row.optional_text("token_id")?,
            payment_id: row.optional_text("payment_id")?,
            found: row.text("found")?,
            refusal: row.optional_text("refusal")?,
            exchanges: row.text("exchanges")?,
            created: row.time("created")?,
            forgotten: row.time("forgotten")?,
        })
    }
}

impl Store {
    /// Keeps a walk. Of one application the newest are kept.
    pub(in crate::sandbox) async fn add_walk(&self, walk: &Walk) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        let oldest = sql("DELETE FROM walks WHERE id IN (SELECT id FROM walks \
             WHERE client_id = $1 ORDER BY created DESC, id LIMIT $2 OFFSET $3)")
        .bind(walk.client_id.as_str())
        .bind(i64::from(i32::MAX))
        .bind(WALKS_MAX - 1);
        transaction.run(oldest).await?;
        let statement = sql("INSERT INTO walks (id, developer_id, client_id, kind, request, consent_id, token_id, \
             payment_id, found, refusal, exchanges, created, forgotten) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
        .bind(walk.id.as_str())
        .bind(walk.developer_id.as_str())
        .bind(walk.client_id.as_str())
        .bind(walk.kind.as_str())
        .bind(walk.request.as_str())
        .bind(walk.consent_id.as_deref())
        .bind(walk.token_id.as_deref())
        .bind(walk.payment_id.as_deref())
        .bind(walk.found.as_str())
        .bind(walk.refusal.as_deref())
        .bind(walk.exchanges.as_str())
        .bind(walk.created)
        .bind(walk.forgotten);
        transaction.run(statement).await?;
        transaction.commit().await
    }

    /// The walk `id` of a developer with one application.
    pub(in crate::sandbox) async fn walk(
        &self,
        id: &str,
        client_id: &str,
        developer_id: &str,
    ) -> Result<Option<Walk>, StoreFault> {
        let statement = sql("SELECT * FROM walks WHERE id = $1 AND client_id = $2 AND developer_id = $3")
            .bind(id)
            .bind(client_id)
            .bind(developer_id);
        self.database.row(statement).await?.as_ref().map(Walk::read).transpose()
    }

    /// Keeps how far a walk has come. Of two steps at once the later is kept: the bank did both once.
    pub(in crate::sandbox) async fn go_on(&self, walk: &Walk) -> Result<(), StoreFault> {
        let statement =
            sql("UPDATE walks SET token_id = $2, payment_id = $3, found = $4, refusal = $5, exchanges = $6 \
             WHERE id = $1")
            .bind(walk.id.as_str())
            .bind(walk.token_id.as_deref())
            .bind(walk.payment_id.as_deref())
            .bind(walk.found.as_str())
            .bind(walk.refusal.as_deref())
            .bind(walk.exchanges.as_str());
        self.database.run(statement).await.map(drop)
    }
}

/// Of one application, at once.
const WALKS_MAX: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::store::testing;

    fn walk(second: i64) -> Walk {
        Walk {
            id: format!("w{second}"),
            developer_id: "dev".to_owned(),
            client_id: "app".to_owned(),
            kind: WalkKind::Payment,
            request: "{}".to_owned(),
            consent_id: Some("pc-1".to_owned()),
            token_id: None,
            payment_id: None,
            found: String::new(),
            refusal: None,
            exchanges: "[]".to_owned(),
            created: UnixSeconds(1_000 + second),
            forgotten: UnixSeconds(2_000),
        }
    }

    #[tokio::test]
    async fn one_past_the_bound_the_oldest_leaves_and_others_see_nothing() {
        let store = Store::open(&testing::location().await).await.unwrap();
        for second in 0..=WALKS_MAX {
            store.add_walk(&walk(second)).await.unwrap();
        }
        assert_eq!(store.walk("w0", "app", "dev").await.unwrap(), None);
        assert_eq!(store.walk("w1", "app", "another").await.unwrap(), None);
        assert_eq!(store.walk("w1", "another", "dev").await.unwrap(), None);
        let further = Walk { payment_id: Some("dp-1".to_owned()), ..walk(1) };
        store.go_on(&further).await.unwrap();
        assert_eq!(store.walk("w1", "app", "dev").await.unwrap(), Some(further));
        assert_eq!(store.sweep(UnixSeconds(2_000)).await.unwrap(), 10);
    }
}
