//! What has to be done again and again: keys change, what has expired is swept, and a gateway that was away is told.

use super::gateway;
use crate::sandbox::Site;
use crate::sandbox::store::StoreFault;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Goes on until nobody needs the site any more.
pub(in crate::sandbox) async fn keep_up(site: Weak<Site>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(site) = site.upgrade() else { return };
        // What failed was logged where it failed; the next round tries again.
        let _logged = once(&site).await;
    }
}

async fn once(site: &Arc<Site>) -> Result<(), StoreFault> {
    let now = site.clock.now();
    site.keys.tend(&site.store, now).await?;
    site.store.sweep(now).await?;
    gateway::tell_what_is_due(site).await
}

/// A gateway that comes back waits this long for what it missed.
const ROUND: Duration = Duration::from_secs(5);
