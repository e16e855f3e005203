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

/// One step on a table: its key, and the column that says when a row leaves.
macro_rules! step {
    ($table:literal, $key:literal, $end:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $end,
            " <= $1 ORDER BY ",
            $end,
            " LIMIT $2)"
        )
    };
}

const STEPS: [&str; 12] = [
    step!("access_tokens", "id", "expires"),
    step!("shown_once", "digest", "expires"),
    step!("pushed_requests", "digest", "expires"),
    step!("codes", "digest", "expires"),
    step!("refresh_tokens", "digest", "expires"),
    step!("revocations", "id", "until"),
    step!("asks", "id", "forgotten"),
    step!("customer_sessions", "digest", "expires"),
    step!("test_requests", "digest", "expires"),
    step!("test_tokens", "id", "forgotten"),
    step!("walks", "id", "forgotten"),
    step!("authorizations", "id", "forgotten"),
];
/// A step of these takes a few milliseconds.
const ROWS_PER_STEP: i64 = 500;
