//! Tokens that the portal got for developers. They are kept as they are, because their developer reads them and tries
//! them out; they open invented accounts alone, are shown to nobody else, and are never logged.

use super::sql::{Row, StoreFault};
use super::statement::sql;
use super::{Store, later};
use crate::clock::UnixSeconds;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::vocabulary::words;
use std::fmt;

/// A token of an application, in the hands of its developer.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct TestToken {
    /// Names it on pages; says nothing about it.
    pub(in crate::sandbox) id: String,
    /// Who may see it.
    pub(in crate::sandbox) developer_id: String,
    /// The application.
    pub(in crate::sandbox) client_id: String,
    /// Whose it is.
    pub(in crate::sandbox) kind: TokenKind,
    /// What it opens.
    pub(in crate::sandbox) scopes: Scopes,
    /// For the gateway.
    pub(in crate::sandbox) access_token: String,
    /// For its successor.
    pub(in crate::sandbox) refresh_token: Option<String>,
    /// When it was got.
    pub(in crate::sandbox) created: UnixSeconds,
    /// When the access token ends.
    pub(in crate::sandbox) expires: UnixSeconds,
    /// When it was revoked from its page, if it was.
    pub(in crate::sandbox) revoked: Option<UnixSeconds>,
    /// When the row leaves.
    pub(in crate::sandbox) forgotten: UnixSeconds,
}

words! {
    /// Whose a token is.
    TokenKind {
        /// The application's own, by which it acts for nobody.
        Client = "client",
        /// A customer's, who agreed.
        Customer = "customer",
    }
}

impl TokenKind {
    /// On pages.
    pub(in crate::sandbox) fn title(self) -> &'static str {
        match self {
            Self::Client => "The application’s own token",
            Self::Customer => "A customer’s token",
        }
    }
}

impl TestToken {
    /// Whether the gateway takes it at `now`, as far as is known here.
    pub(in crate::sandbox) fn is_good(&self, now: UnixSeconds) -> bool {
        self.revoked.is_none() && now < self.expires
    }

    fn read(row: &Row) -> Result<Self, StoreFault> {
        Ok(Self {
            id: row.text("id")?,
            developer_id: row.text("developer_id")?,
            client_id: row.text("client_id")?,
            kind: TokenKind::of(&row.text("kind")?).ok_or(StoreFault)?,
            scopes: Scopes::parse(&row.text("scopes")?).map_err(|_| StoreFault)?,
            access_token: row.text("access_token")?,
            refresh_token: row.optional_text("refresh_token")?,
            created: row.time("created")?,
            expires: row.time("expires")?,
            revoked: row.optional_time("revoked")?,
            forgotten: row.time("forgotten")?,
        })
    }
}

impl Store {
    /// Keeps a token. Of one application the newest are kept.
    pub(in crate::sandbox) async fn add_test_token(&self, token: &TestToken) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        let oldest = sql("DELETE FROM test_tokens WHERE id IN (SELECT id FROM test_tokens \
             WHERE client_id = $1 ORDER BY created DESC, id LIMIT $2 OFFSET $3)")
        .bind(token.client_id.as_str())
        .bind(i64::from(i32::MAX))
        .bind(TOKENS_MAX - 1);
        transaction.run(oldest).await?;
        let statement = sql("INSERT INTO test_tokens (id, developer_id, client_id, kind, scopes, access_token, \
             refresh_token, created, expires, forgotten) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        .bind(token.id.as_str())
        .bind(token.developer_id.as_str())
        .bind(token.client_id.as_str())
        .bind(token.kind.as_str())
        .bind(token.scopes.to_string())
        .bind(token.access_token.as_str())
        .bind(token.refresh_token.as_deref())
        .bind(token.created)
        .bind(token.expires)
        .bind(token.forgotten);
        transaction.run(statement).await?;
        transaction.commit().await
    }

    /// The token `id` of a developer.
    pub(in crate::sandbox) async fn test_token(
        &self,
        id: &str,
        developer_id: &str,
    ) -> Result<Option<TestToken>, StoreFault> {
        let statement =
            sql("SELECT * FROM test_tokens WHERE id = $1 AND developer_id = $2").bind(id).bind(developer_id);
        self.database.row(statement).await?.as_ref().map(TestToken::read).transpose()
    }

    /// The tokens of a developer, newest first, also those that expired or were revoked.
    pub(in crate::sandbox) async fn test_tokens(&self, developer_id: &str) -> Result<Vec<TestToken>, StoreFault> {
        let statement = sql("SELECT * FROM test_tokens WHERE developer_id = $1 ORDER BY created DESC, id LIMIT $2")
            .bind(developer_id)
            .bind(LISTED_MAX);
        self.database.rows(statement).await?.iter().map(TestToken::read).collect()
    }

    /// The token `id` of a developer, for whoever refreshes it: nobody else gets it meanwhile. A refresh token that two
    /// show after one another ends everything.
    pub(in crate::sandbox) async fn claim_test_token(
        &self,
        id: &str,
        developer_id: &str,
        now: UnixSeconds,
    ) -> Result<Option<TestToken>, StoreFault> {
        let statement = sql("UPDATE test_tokens SET claimed = $3 WHERE id = $1 AND developer_id = $2 \
             AND revoked IS NULL AND (claimed IS NULL OR claimed <= $4) RETURNING *")
        .bind(id)
        .bind(developer_id)
        .bind(now)
        .bind(later(now, -CLAIM_SECONDS));
        self.database.change(statement).await?.as_ref().map(TestToken::read).transpose()
    }

    /// Puts what came of the refresh in a claimed token's place.
    pub(in crate::sandbox) async fn renew_test_token(&self, token: &TestToken) -> Result<(), StoreFault> {
        let statement =
            sql("UPDATE test_tokens SET access_token = $2, refresh_token = $3, scopes = $4, expires = $5, \
             forgotten = $6, claimed = NULL WHERE id = $1")
            .bind(token.id.as_str())
            .bind(token.access_token.as_str())
            .bind(token.refresh_token.as_deref())
            .bind(token.scopes.to_string())
            .bind(token.expires)
            .bind(token.forgotten);
        self.database.run(statement).await.map(drop)
    }

    /// Notes that the token was revoked from its page.
    pub(in crate::sandbox) async fn note_revoked(&self, id: &str, now: UnixSeconds) -> Result<(), StoreFault> {
        let statement = sql("UPDATE test_tokens SET revoked = $2 WHERE id = $1 AND revoked IS NULL").bind(id).bind(now);
        self.database.run(statement).await.map(drop)
    }
}

impl fmt::Debug for TestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestToken({}, {:?})", self.id, self.kind)
    }
}

/// Of one application, at once.
const TOKENS_MAX: i64 = 10;
/// What one page shows.
const LISTED_MAX: i64 = 50;
/// Whoever claimed a token and then failed does not keep it from others for longer.
const CLAIM_SECONDS: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::store::testing;

    const NOW: UnixSeconds = UnixSeconds(1_000);

    fn token(second: i64) -> TestToken {
        TestToken {
            id: format!("t{second}"),
            developer_id: "dev".to_owned(),
            client_id: "app".to_owned(),
            kind: TokenKind::Customer,
            scopes: Scopes::parse("accounts").unwrap(),
            access_token: format!("access {second}"),
            refresh_token: Some(format!("refresh {second}")),
            created: UnixSeconds(NOW.0 + second),
            expires: UnixSeconds(NOW.0 + 300),
            revoked: None,
            forgotten: UnixSeconds(NOW.0 + 600),
        }
    }

    #[tokio::test]
    async fn one_past_the_bound_the_oldest_leaves_and_what_is_over_is_swept() {
        let store = Store::open(&testing::location().await).await.unwrap();
        for second in 0..=TOKENS_MAX {
            store.add_test_token(&token(second)).await.unwrap();
        }
        let kept = store.test_tokens("dev").await.unwrap();
        assert_eq!((kept.len(), kept.first()), (10, Some(&token(TOKENS_MAX))));
        assert!(store.test_tokens("another").await.unwrap().is_empty());
        assert_eq!(store.test_token("t0", "dev").await.unwrap(), None);
        assert_eq!(store.test_token("t1", "another").await.unwrap(), None);
        assert!(!format!("{kept:?}").contains("access"));
        assert_eq!(store.sweep(UnixSeconds(NOW.0 + 599)).await.unwrap(), 0);
        assert_eq!(store.sweep(UnixSeconds(NOW.0 + 600)).await.unwrap(), 10);
    }

    #[tokio::test]
    async fn one_refreshes_a_token_at_a_time() {
        let store = Store::open(&testing::location().await).await.unwrap();
        store.add_test_token(&token(0)).await.unwrap();
        let claim = async |seconds| store.claim_test_token("t0", "dev", UnixSeconds(NOW.0 + seconds)).await.unwrap();
        assert!(claim(0).await.is_some());
        assert!(claim(CLAIM_SECONDS - 1).await.is_none());
        let claimed = claim(CLAIM_SECONDS).await.unwrap();
        let renewed = TestToken { access_token: "next".to_owned(), ..claimed };
        store.renew_test_token(&renewed).await.unwrap();
        assert_eq!(claim(CLAIM_SECONDS).await, Some(renewed));
        store.note_revoked("t0", NOW).await.unwrap();
        assert_eq!(claim(60).await, None);
    }
}
