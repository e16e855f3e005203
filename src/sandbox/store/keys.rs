//! The keys that sign tokens.

use super::Store;
use super::sql::StoreFault;
use super::statement::sql;
use crate::clock::UnixSeconds;

/// A signing key, as it is kept.
pub(in crate::sandbox) struct KeptKey {
    /// Its thumbprint.
    pub(in crate::sandbox) id: String,
    /// PKCS #8 in base64.
    pub(in crate::sandbox) private: String,
    /// When it signs: until the next one does.
    pub(in crate::sandbox) signs_from: UnixSeconds,
}

impl Store {
    /// Every key, the one that signs last at the end.
    pub(in crate::sandbox) async fn signing_keys(&self) -> Result<Vec<KeptKey>, StoreFault> {
        let rows = self.database.rows(sql("SELECT * FROM signing_keys ORDER BY signs_from, id")).await?;
        let read = rows.iter().map(|row| {
            Ok(KeptKey { id: row.text("id")?, private: row.text("private")?, signs_from: row.time("signs_from")? })
        });
        read.collect()
    }

    /// Adds a key, unless somebody else added one that signs after `last`.
    pub(in crate::sandbox) async fn add_signing_key(&self, key: &KeptKey, last: UnixSeconds) -> Result<(), StoreFault> {
        let statement = sql("INSERT INTO signing_keys (id, private, signs_from) \
             SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE signs_from > $4)")
        .bind(key.id.as_str())
        .bind(key.private.as_str())
        .bind(key.signs_from)
        .bind(last);
        self.database.run(statement).await.map(drop)
    }

    /// Forgets the keys that began to sign before `first`.
    pub(in crate::sandbox) async fn forget_signing_keys(&self, first: UnixSeconds) -> Result<(), StoreFault> {
        self.database.run(sql("DELETE FROM signing_keys WHERE signs_from < $1").bind(first)).await.map(drop)
    }
}
