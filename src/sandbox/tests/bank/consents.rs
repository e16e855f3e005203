//! Consents to account access: created, answered, read, deleted, expired.

use super::*;
use std::time::Duration;

fn consents() -> String {
    format!("{AISP}/account-access-consents")
}

#[tokio::test]
async fn a_consent_awaits_its_answer() {
    let branch = Branch::open().await;
    let body = json!({
        "Data": { "Permissions": ALL, "ExpirationDateTime": "2026-03-02T12:00:00+01:00",
            "TransactionFromDateTime": "2026-01-01", "TransactionToDateTime": "2026-02-01T00:00:00Z" },
        "Risk": {},
    });
    let created = branch.post(TALLY, &consents(), &body).await;
    assert_eq!((created.status, created.text("/Data/Status").as_str()), (201, "AWAU"));
    assert_eq!(created.text("/Data/ExpirationDateTime"), "2026-03-02T11:00:00Z");
    assert_eq!(created.text("/Data/StatusReason/0/StatusReasonCode"), "U036");
    let id = created.text("/Data/ConsentId");
    assert_eq!(created.text("/Links/Self"), format!("{ORIGIN}{AISP}/account-access-consents/{id}"));
    let path = format!("{}/{id}", consents());
    assert_eq!(branch.get(TALLY, &path).await.json, created.json);

    assert!(branch.authorise(&id, "authz_1", (DENIZ, &["acc-1001"])).await);
    assert!(!branch.authorise(&id, "authz_2", (DENIZ, &["acc-1002"])).await, "once");
    assert_eq!(branch.get(TALLY, &path).await.text("/Data/Status"), "AUTH");
    assert_eq!(branch.get(TALLY.of(DENIZ, "authz_1"), &format!("{AISP}/accounts")).await.status, 200);

    branch.stage.clock.advance(Duration::from_secs(82_794));
    assert_eq!(branch.get(TALLY, &path).await.text("/Data/Status"), "AUTH");
    branch.stage.clock.advance(Duration::from_secs(1));
    let expired = branch.get(TALLY, &path).await;
    assert_eq!(expired.text("/Data/Status"), "EXPD");
    assert_eq!(expired.text("/Data/StatusUpdateDateTime"), "2026-03-02T11:00:00Z");
    let told = branch.get(TALLY.of(DENIZ, "authz_1"), &format!("{AISP}/accounts")).await;
    assert_eq!(told.refusal(), (403, "U009", ""));
}

#[tokio::test]
async fn a_customer_can_say_no() {
    let branch = Branch::open().await;
    let id = branch.post(TALLY, &consents(), &json!({ "Data": { "Permissions": ["ReadBalances"] }, "Risk": {} })).await;
    let id = id.text("/Data/ConsentId");
    let mut transaction = branch.store().begin().await.unwrap();
    assert!(transaction.reject_consent(&id, branch.now()).await.unwrap());
    assert!(!transaction.reject_consent(&id, branch.now()).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(branch.get(TALLY, &format!("{}/{id}", consents())).await.text("/Data/Status"), "RJCT");
    assert!(!branch.authorise(&id, "authz_1", (DENIZ, &[])).await);
}

/// OB-8, OB-10
#[tokio::test]
async fn what_cannot_be_is_refused_with_its_path() {
    let branch = Branch::open().await;
    for (body, code, path) in [
        (json!({ "Data": { "Permissions": [] }, "Risk": {} }), "U002", "Data.Permissions"),
        (json!({ "Data": { "Permissions": ["ReadMinds"] }, "Risk": {} }), "U002", "Data.Permissions"),
        (json!({ "Data": { "Permissions": ["ReadTransactionsBasic"] }, "Risk": {} }), "U002", "Data.Permissions"),
        (json!({ "Data": { "Permissions": ALL } }), "U004", "Risk"),
        (
            json!({ "Data": { "Permissions": ALL, "ExpirationDateTime": "2026-03-01T12:00:05Z" }, "Risk": {} }),
            "U003",
            "Data.ExpirationDateTime",
        ),
        (
            json!({ "Data": { "Permissions": ALL, "ExpirationDateTime": "tomorrow" }, "Risk": {} }),
            "U003",
            "Data.ExpirationDateTime",
        ),
        (
            json!({ "Data": { "Permissions": ALL, "TransactionFromDateTime": "2026-02-01", "TransactionToDateTime": "2026-01-31" }, "Risk": {} }),
            "U003",
            "Data.TransactionToDateTime",
        ),
        (json!({ "Data": { "Permissions": ALL }, "Risk": { "Level": 1 } }), "U005", "Risk.Level"),
        (json!([]), "U010", ""),
    ] {
        assert_eq!(branch.post(TALLY, &consents(), &body).await.refusal(), (400, code, path), "{body}");
    }
    let good = json!({ "Data": { "Permissions": ALL }, "Risk": {} });
    for (headers, status) in [
        ([("content-type", "text/plain")], 415),
        ([("accept", "text/html")], 406),
        ([("x-fapi-auth-date", "yesterday")], 400),
        ([("x-fapi-customer-ip-address", "here")], 400),
    ] {
        let told = branch.ask_with(TALLY, ("POST", &consents()), &headers, &good).await;
        assert_eq!((told.status, told.text("/Id").as_str()), (status, ID), "{headers:?}");
    }
    let told = branch.ask_with(TALLY, ("PUT", &consents()), &[], &Value::Null).await;
    assert_eq!((told.status, told.headers["allow"].to_str().unwrap()), (405, "POST"));
    assert_eq!(branch.get(TALLY, &format!("{AISP}/offers")).await.refusal().0, 404);
    let long = json!({ "Data": { "Permissions": ["x".repeat(64 * 1024)] } });
    assert_eq!(branch.post(TALLY, &consents(), &long).await.refusal().0, 413);
}

/// OB-8
#[tokio::test]
async fn a_consent_is_its_applications_alone() {
    let branch = Branch::open().await;
    let id = branch.account_access("authz_1", &ALL, &["acc-1001"]).await;
    let path = format!("{}/{id}", consents());
    for told in [branch.get(OTHER, &path).await, branch.delete(OTHER, &path).await] {
        assert_eq!(told.refusal(), (403, "U008", ""));
    }
    let unknown = format!("{}/aac-unknown", consents());
    for told in [branch.get(TALLY, &unknown).await, branch.delete(TALLY, &unknown).await] {
        assert_eq!(told.refusal(), (400, "U011", ""));
    }
    // A token of the same authorization at another application: no gateway lets it happen, and no bank believes it.
    assert_eq!(branch.get(OTHER.of(DENIZ, "authz_1"), &format!("{AISP}/accounts")).await.status, 403);
    assert_eq!(branch.get(TALLY.of("customer-2304", "authz_1"), &format!("{AISP}/accounts")).await.status, 403);
}

#[tokio::test]
async fn deleting_a_consent_ends_what_came_of_it() {
    let branch = Branch::open().await;
    branch.authorization("authz_1").await;
    let id = branch.account_access("authz_1", &ALL, &["acc-1001"]).await;
    let path = format!("{}/{id}", consents());
    assert_eq!(branch.delete(TALLY, &path).await.status, 204);
    let revoked = branch.revoked.lock().unwrap().clone();
    assert_eq!((revoked.len(), &revoked[0]["consent_id"]), (1, &json!("authz_1")));
    assert_eq!(revoked[0]["issuer"], json!(branch.stage.portal));
    let ended = branch.store().authorization("authz_1").await.unwrap().unwrap();
    assert_eq!(ended.revoked, Some(branch.now()));
    assert_eq!(branch.get(TALLY, &path).await.refusal(), (400, "U011", ""));
    assert_eq!(branch.delete(TALLY, &path).await.refusal(), (400, "U011", ""));
    assert_eq!(branch.get(TALLY.of(DENIZ, "authz_1"), &format!("{AISP}/accounts")).await.status, 403);
    // One that nobody answered ends nothing else.
    let waiting = branch.post(TALLY, &consents(), &json!({ "Data": { "Permissions": ALL }, "Risk": {} })).await;
    assert_eq!(branch.delete(TALLY, &format!("{}/{}", consents(), waiting.text("/Data/ConsentId"))).await.status, 204);
    assert_eq!(branch.revoked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_consent_that_nobody_created_lasts_ninety_days() {
    let branch = Branch::open().await;
    let accounts = ["acc-1001".to_owned(), "acc-1003".to_owned()];
    let mut transaction = branch.store().begin().await.unwrap();
    let implied =
        transaction.create_implied_account_consent("app_tally", "authz_9", (DENIZ, &accounts), branch.now()).await;
    transaction.commit().await.unwrap();
    let listed = branch.get(TALLY.of(DENIZ, "authz_9"), &format!("{AISP}/accounts")).await;
    assert_eq!(listed.list("/Data/Account").len(), 2);
    let path = format!("{}/{}", consents(), implied.unwrap());
    branch.stage.clock.advance(Duration::from_hours(90 * 24));
    assert_eq!(branch.get(TALLY, &path).await.text("/Data/Status"), "EXPD");
}

#[tokio::test]
async fn an_ended_authorization_ends_its_consents() {
    let branch = Branch::open().await;
    branch.authorization("authz_1").await;
    let id = branch.account_access("authz_1", &ALL, &["acc-1001"]).await;
    let mut transaction = branch.store().begin().await.unwrap();
    assert!(transaction.revoke_authorization("authz_1", branch.now()).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(branch.get(TALLY, &format!("{}/{id}", consents())).await.text("/Data/Status"), "CANC");
    assert_eq!(branch.get(TALLY.of(DENIZ, "authz_1"), &format!("{AISP}/balances")).await.refusal(), (403, "U009", ""));
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let branch = Branch::open().await;
    let body = json!({ "Data": { "Permissions": ALL }, "Risk": {} });
    let waiting = branch.post(TALLY, &consents(), &body).await.text("/Data/ConsentId");
    let given = branch.account_access("authz_1", &ALL, &["acc-1001"]).await;
    branch.stage.clock.advance(Duration::from_hours(24));
    branch.post(TALLY, &consents(), &body).await;
    assert_eq!(branch.get(TALLY, &format!("{}/{waiting}", consents())).await.status, 400);
    assert_eq!(branch.get(TALLY, &format!("{}/{given}", consents())).await.status, 200);
}
