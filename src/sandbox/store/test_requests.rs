//! What the portal asks customers on a developer's behalf: the `state` finds the developer's browser and the PKCE
//! verifier again, once.

use super::sql::StoreFault;
use super::statement::sql;
use super::{Store, later};
use crate::clock::UnixSeconds;
use crate::sandbox::secret::Digest;

/// A request that was sent with a customer.
#[derive(Debug)]
pub(in crate::sandbox) struct TestRequest {
    /// Whose request.
    pub(in crate::sandbox) developer_id: String,
    /// For which application.
    pub(in crate::sandbox) client_id: String,
    /// What the code's user must prove to know (RFC 7636).
    pub(in crate::sandbox) verifier: String,
    /// The walk that goes on with the token.
    pub(in crate::sandbox) walk_id: Option<String>,
}

impl Store {
    /// Keeps a request under its `state`, for the browser with this cookie. Of one developer the newest are kept.
    pub(in crate::sandbox) async fn add_test_request(
        &self,
        state: &str,
        cookie: &str,
        request: &TestRequest,
        now: UnixSeconds,
    ) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        let oldest = sql("DELETE FROM test_requests WHERE digest IN (SELECT digest FROM test_requests \
             WHERE developer_id = $1 ORDER BY created DESC, digest LIMIT $2 OFFSET $3)")
        .bind(request.developer_id.as_str())
        .bind(i64::from(i32::MAX))
        .bind(REQUESTS_MAX - 1);
        transaction.run(oldest).await?;
        let statement = sql("INSERT INTO test_requests \
             (digest, browser, developer_id, client_id, verifier, walk_id, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(Digest::of(state))
        .bind(Digest::of(cookie))
        .bind(request.developer_id.as_str())
        .bind(request.client_id.as_str())
        .bind(request.verifier.as_str())
        .bind(request.walk_id.as_deref())
        .bind(now)
        .bind(later(now, REQUEST_SECONDS));
        transaction.run(statement).await?;
        transaction.commit().await
    }

    /// Takes the request under `state`, if the browser with this cookie made it. Once.
    pub(in crate::sandbox) async fn take_test_request(
        &self,
        state: &str,
        cookie: &str,
        now: UnixSeconds,
    ) -> Result<Option<TestRequest>, StoreFault> {
        let statement = sql("DELETE FROM test_requests WHERE digest = $1 AND browser = $2 AND expires > $3 \
             RETURNING developer_id, client_id, verifier, walk_id")
        .bind(Digest::of(state))
        .bind(Digest::of(cookie))
        .bind(now);
        let Some(row) = self.database.change(statement).await? else { return Ok(None) };
        Ok(Some(TestRequest {
            developer_id: row.text("developer_id")?,
            client_id: row.text("client_id")?,
            verifier: row.text("verifier")?,
            walk_id: row.optional_text("walk_id")?,
        }))
    }
}

/// Of one developer, at once.
const REQUESTS_MAX: i64 = 20;
/// Longer than a customer takes to answer.
const REQUEST_SECONDS: i64 = 30 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::store::testing;

    const NOW: UnixSeconds = UnixSeconds(1_000);

    async fn kept(states: impl Iterator<Item = i64>) -> Store {
        let store = Store::open(&testing::location().await).await.unwrap();
        for second in states {
            let [developer_id, client_id, verifier] = ["dev", "app", "verifier"].map(str::to_owned);
            let request = TestRequest { developer_id, client_id, verifier, walk_id: None };
            let now = UnixSeconds(NOW.0 + second);
            store.add_test_request(&second.to_string(), "cookie", &request, now).await.unwrap();
        }
        store
    }

    #[tokio::test]
    async fn a_request_is_taken_once_in_time_and_by_its_own_browser() {
        let store = kept(0..2).await;
        let take =
            async |state: &str, cookie: &str, now| store.take_test_request(state, cookie, now).await.unwrap().is_some();
        let last = UnixSeconds(NOW.0 + REQUEST_SECONDS - 1);
        assert!(!take("0", "another", NOW).await);
        assert!(take("0", "cookie", last).await && !take("0", "cookie", last).await);
        assert!(!take("1", "cookie", UnixSeconds(last.0 + 2)).await);
    }

    #[tokio::test]
    async fn one_past_the_bound_the_oldest_leaves() {
        let store = kept(0..=REQUESTS_MAX).await;
        let now = UnixSeconds(NOW.0 + 60);
        assert!(store.take_test_request("0", "cookie", now).await.unwrap().is_none());
        assert!(store.take_test_request("1", "cookie", now).await.unwrap().is_some());
    }
}
