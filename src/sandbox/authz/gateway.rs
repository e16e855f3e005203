//! Tells the gateway what is revoked, as a bank's own server would: at its admin listener. What it was not told is
//! written down and told later.

use crate::net::fetch::Bounds;
use crate::sandbox::Site;
use crate::sandbox::store::{RevocationDue, StoreFault};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// Whether the gateway knows of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Told {
    /// It holds from the next request on.
    Now,
    /// The gateway could not be reached; it will be told until it answers.
    Later,
}

/// Ends an authorization with all its tokens, here and at the gateway.
pub(in crate::sandbox) async fn revoke_authorization(site: &Site, id: &str) -> Result<Told, StoreFault> {
    let mut transaction = site.store.begin().await?;
    transaction.revoke_authorization(id, site.clock.now()).await?;
    transaction.commit().await?;
    revoke_at_gateway(site, id).await
}

/// Tells the gateway of the authorization or access token `id`, whose revocation is committed. Tries a few times.
pub(in crate::sandbox) async fn revoke_at_gateway(site: &Site, id: &str) -> Result<Told, StoreFault> {
    for due in site.store.revocations_due(Some(id)).await? {
        if tell(site, &due).await? == Told::Later {
            return Ok(Told::Later);
        }
    }
    Ok(Told::Now)
}

/// Tells the gateway what it was not told yet, until it knows everything or does not answer.
pub(in crate::sandbox) async fn tell_what_is_due(site: &Site) -> Result<(), StoreFault> {
    loop {
        let some = site.store.revocations_due(None).await?;
        if some.is_empty() {
            return Ok(());
        }
        for due in some {
            if tell(site, &due).await? == Told::Later {
                return Ok(());
            }
        }
    }
}

async fn tell(site: &Site, due: &RevocationDue) -> Result<Told, StoreFault> {
    // Nothing is left that it could stop, or there is no gateway.
    if site.admin.is_empty() || due.until <= site.clock.now() {
        site.store.forget_revocation(&due.id).await?;
        return Ok(Told::Now);
    }
    for pause in PAUSES {
        if is_told(site, due).await {
            site.store.note_told(&due.id, site.clock.now()).await?;
            return Ok(Told::Now);
        }
        tokio::time::sleep(pause).await;
    }
    tracing::error!(admin = site.admin, "the gateway was not told of a revocation: trying again later");
    Ok(Told::Later)
}

async fn is_told(site: &Site, due: &RevocationDue) -> bool {
    let body = json!({ "issuer": site.issuer, due.kind.as_str(): due.id, "until": due.until.0 });
    let request = Request::post(format!("{}/revoke", site.admin))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()));
    let Ok(request) = request else { return false };
    let answer = site.fetcher.send(request, BOUNDS).await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::NO_CONTENT)
}

/// After a try that failed. Whoever waits for the answer waits this long at most, and three times the bound.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(100), Duration::ZERO];
const BOUNDS: Bounds = Bounds { total: Duration::from_secs(1), body_bytes_max: 4 * 1024 };
