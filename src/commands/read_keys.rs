//! Keys that were read and are not in force yet: they come with everything else of a configuration, or not at all.

use crate::gateway::verify::keys::KeyStore;
use crate::oauth::jwk::KeySet;
use std::sync::Arc;
use std::time::Instant;

/// Key sets out of files, for those who are to have them.
#[derive(Default)]
pub(super) struct ReadKeys(pub(super) Vec<(Arc<KeyStore>, KeySet)>);

impl ReadKeys {
    /// Brings them into force.
    pub(super) fn take_over(self, now: Instant) {
        for (keys, set) in self.0 {
            keys.take_over(set, now);
        }
    }
}
