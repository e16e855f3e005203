//! Confirmation of funds: yes or no, for the account that the customer agreed to.

use super::*;
use crate::sandbox::bank::consent::Request;

fn consents() -> String {
    format!("{CBPII}/funds-confirmation-consents")
}

fn question(consent: &str, amount: &str, currency: &str) -> Value {
    let amount = json!({ "Amount": amount, "Currency": currency });
    json!({ "Data": { "ConsentId": consent, "Reference": "Purchase01", "InstructedAmount": amount } })
}

#[tokio::test]
async fn an_account_holds_enough_or_not() {
    let branch = Branch::open().await;
    let account = json!({ "SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "60161331926819" });
    let body = json!({ "Data": { "DebtorAccount": account, "ExpirationDateTime": "2027-01-01T00:00:00Z" } });
    let created = branch.post(TALLY, &consents(), &body).await;
    assert_eq!((created.status, created.text("/Data/Status").as_str()), (201, "AWAU"));
    assert_eq!(created.json["Data"]["DebtorAccount"], account);
    let id = created.text("/Data/ConsentId");
    let kept = branch.store().consent(&id).await.unwrap().unwrap();
    let Request::FundsConfirmation(asked) = &kept.request else { panic!("{kept:?}") };
    let party = &asked.account;
    let theirs = crate::sandbox::bank::account_numbered(DENIZ, party.scheme, &party.number);
    assert_eq!(theirs, Some("acc-1003"));
    assert_eq!(crate::sandbox::bank::account_numbered("customer-2304", party.scheme, &party.number), None);

    branch.authorization("authz_f").await;
    let me = TALLY.of(DENIZ, "authz_f");
    let path = format!("{CBPII}/funds-confirmations");
    assert_eq!(branch.post(me, &path, &question(&id, "1.00", "GBP")).await.refusal(), (400, "U009", ""));
    assert!(branch.authorise(&id, "authz_f", (DENIZ, &["acc-1003"])).await);
    for (amount, is_enough) in [("1.00", true), ("99999.99", false)] {
        let told = branch.post(me, &path, &question(&id, amount, "GBP")).await;
        assert_eq!((told.status, &told.json["Data"]["FundsAvailable"]), (201, &json!(is_enough)), "{amount}");
    }
    for (who, body, expected) in [
        (me, question(&id, "1.00", "EUR"), (400, "U002", "Data.InstructedAmount.Currency")),
        (me, question("fc-unknown", "1.00", "GBP"), (400, "U011", "")),
        (me, question(&id, "none", "GBP"), (400, "U002", "Data.InstructedAmount.Amount")),
        (me, json!({ "Data": {} }), (400, "U004", "Data.ConsentId")),
        (TALLY.of(DENIZ, "authz_x"), question(&id, "1.00", "GBP"), (403, "U008", "")),
        (OTHER.of(DENIZ, "authz_f"), question(&id, "1.00", "GBP"), (403, "U008", "")),
    ] {
        assert_eq!(branch.post(who, &path, &body).await.refusal(), expected, "{body}");
    }
    let own = format!("{}/{id}", consents());
    assert_eq!(branch.get(OTHER, &own).await.refusal(), (403, "U008", ""));
    assert_eq!(branch.get(TALLY, &format!("{AISP}/account-access-consents/{id}")).await.refusal(), (400, "U011", ""));
    assert_eq!(branch.delete(TALLY, &own).await.status, 204);
    assert_eq!(branch.post(me, &path, &question(&id, "1.00", "GBP")).await.refusal(), (400, "U011", ""));
    assert_eq!(branch.revoked.lock().unwrap().len(), 1);
}
