//! Takes out what has expired, in steps so small that nobody waits for one.

use super::Store;
use super::sql::StoreFault;
use super::statement::sql;
use crate::clock::UnixSeconds;

impl Store {
    /// Deletes what has expired, and says how many rows that were. Each step is a
    /// statement of its own: between two of them others get their turn.
    pub(in crate::sandbox) async fn sweep(&self, now: UnixSeconds) -> Result<u64, StoreFault> {
        let mut swept = 0;
        for text in STEPS {
            loop {
                let gone = self.database.run(sql(text).bind(now).bind(ROWS_PER_STEP)).await?;
                swept += gone;
                if gone < ROWS_PER_STEP.unsigned_abs() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(swept)
    }
}

const STEPS: [&str; 11] = [
    "DELETE FROM access_tokens WHERE id IN \
     (SELECT id FROM access_tokens WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM shown_once WHERE digest IN \
     (SELECT digest FROM shown_once WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM pushed_requests WHERE digest IN \
     (SELECT digest FROM pushed_requests WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM codes WHERE digest IN \
     (SELECT digest FROM codes WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM refresh_tokens WHERE digest IN \
     (SELECT digest FROM refresh_tokens WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM asks WHERE id IN (SELECT id FROM asks WHERE forgotten <= $1 ORDER BY forgotten LIMIT $2)",
    "DELETE FROM customer_sessions WHERE digest IN \
     (SELECT digest FROM customer_sessions WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM test_requests WHERE digest IN \
     (SELECT digest FROM test_requests WHERE expires <= $1 ORDER BY expires LIMIT $2)",
    "DELETE FROM test_tokens WHERE id IN \
     (SELECT id FROM test_tokens WHERE forgotten <= $1 ORDER BY forgotten LIMIT $2)",
    "DELETE FROM walks WHERE id IN (SELECT id FROM walks WHERE forgotten <= $1 ORDER BY forgotten LIMIT $2)",
    "DELETE FROM authorizations WHERE id IN \
     (SELECT id FROM authorizations WHERE forgotten <= $1 ORDER BY forgotten LIMIT $2)",
];
/// A step of these takes a few milliseconds.
const ROWS_PER_STEP: i64 = 500;
