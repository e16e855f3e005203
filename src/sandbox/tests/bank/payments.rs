//! Payments: consented to, submitted once, followed to their end, and seen in the account.

use super::*;
use std::time::Duration;

fn consents() -> String {
    format!("{PISP}/domestic-payment-consents")
}

fn payments() -> String {
    format!("{PISP}/domestic-payments")
}

fn order(amount: &str, currency: &str) -> Value {
    json!({
        "Data": { "Initiation": {
            "InstructionIdentification": "ACME412", "EndToEndIdentification": "FRESCO.21302.GFX.20",
            "InstructedAmount": { "Amount": amount, "Currency": currency },
            "CreditorAccount": { "SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "08080021325698", "Name": "Ada Books" },
            "RemittanceInformation": { "Unstructured": ["Order 5512"] },
        } },
        "Risk": { "PaymentContextCode": "EcommerceMerchantInitiatedPayment" },
    })
}

/// What is submitted under a consent.
fn under(consent: &str, order: &Value) -> Value {
    let mut body = order.clone();
    body["Data"]["ConsentId"] = consent.into();
    body
}

const ME: Who<'static> = Who { client: "app_tally", customer: Some((DENIZ, "authz_p")) };
/// Pounds.
const ACCOUNT: &str = "acc-1003";

impl Branch {
    /// A consent that Deniz gave, under an authorization of its own.
    async fn consented(&self, order: &Value, (authorization, account): (&str, &str)) -> String {
        let told = self.keyed(TALLY, &consents(), authorization, order).await;
        assert_eq!((told.status, told.text("/Data/Status").as_str()), (201, "AWAU"));
        let id = told.text("/Data/ConsentId");
        assert!(self.authorise(&id, authorization, (DENIZ, &[account])).await);
        id
    }

    async fn available(&self) -> String {
        let told = self.get(TALLY.of(DENIZ, "authz_a"), &format!("{AISP}/accounts/{ACCOUNT}/balances")).await;
        told.text("/Data/Balance/0/Amount/Amount")
    }
}

#[tokio::test]
async fn a_payment_is_made_and_seen() {
    let branch = Branch::open().await;
    branch.account_access("authz_a", &ALL, &[ACCOUNT]).await;
    let before: f64 = branch.available().await.parse().unwrap();
    let order = order("12.50", "GBP");
    let consent = branch.consented(&order, ("authz_p", ACCOUNT)).await;
    let consent_path = format!("{}/{consent}", consents());
    let funds = branch.get(ME, &format!("{consent_path}/funds-confirmation")).await;
    assert_eq!(funds.json["Data"]["FundsAvailableResult"]["FundsAvailable"], json!(true));

    let paid = branch.keyed(ME, &payments(), "pay-1", &under(&consent, &order)).await;
    assert_eq!((paid.status, paid.text("/Data/Status").as_str()), (201, "RCVD"));
    assert_eq!(paid.json["Data"]["Initiation"], order["Data"]["Initiation"]);
    assert_eq!(branch.get(TALLY, &consent_path).await.text("/Data/Status"), "COND");
    let path = format!("{}/{}", payments(), paid.text("/Data/DomesticPaymentId"));
    for (seconds, status) in [(0, "RCVD"), (1, "RCVD"), (1, "ACSP"), (3, "ACSP"), (1, "ACSC")] {
        branch.stage.clock.advance(Duration::from_secs(seconds));
        assert_eq!(branch.get(TALLY, &path).await.text("/Data/Status"), status);
        assert_eq!(branch.get(TALLY, &path).await.json["Data"]["Debtor"]["Name"], "Deniz Arslan");
    }
    let after: f64 = branch.available().await.parse().unwrap();
    assert!((before - after - 12.5).abs() < 0.001, "{before} {after}");
    let listed = branch.get(TALLY.of(DENIZ, "authz_a"), &format!("{AISP}/accounts/{ACCOUNT}/transactions")).await;
    let newest = &listed.json["Data"]["Transaction"][0];
    assert_eq!((&newest["Amount"]["Amount"], &newest["Status"]), (&json!("12.50"), &json!("BOOK")));
    assert_eq!(newest["CreditorAccount"]["Name"], "Ada Books");
    assert_eq!(newest["TransactionInformation"], "Ada Books, Order 5512");

    assert_eq!(branch.get(OTHER, &path).await.refusal(), (403, "U008", ""));
    assert_eq!(branch.get(TALLY, &format!("{}/dp-1", payments())).await.refusal(), (400, "U011", ""));
}

/// OB-7
#[tokio::test]
async fn a_request_is_done_once_for_its_key() {
    let branch = Branch::open().await;
    let first = branch.keyed(TALLY, &consents(), "key-1", &order("12.50", "GBP")).await;
    let again = branch.keyed(TALLY, &consents(), "key-1", &order("12.50", "GBP")).await;
    assert_eq!((again.status, &again.json), (201, &first.json));
    let spaced = branch.forwarded(&branch.claims(TALLY, "POST", &consents()), "POST", &consents());
    let spaced = spaced.header("content-type", "application/json").header("x-idempotency-key", "key-1");
    let body = serde_json::to_string_pretty(&order("12.50", "GBP")).unwrap();
    assert_eq!(branch.send(spaced, &body).await.json, first.json, "white space changes nothing");
    let other = branch.keyed(TALLY, &consents(), "key-1", &order("99.00", "GBP")).await;
    assert_eq!(other.refusal(), (400, "U006", "x-idempotency-key"));
    let id = first.text("/Data/ConsentId");
    let kept = branch.get(TALLY, &format!("{}/{id}", consents())).await;
    assert_eq!(kept.text("/Data/Initiation/InstructedAmount/Amount"), "12.50");
    // Another application's key, and another key, are others.
    let theirs = branch.keyed(OTHER, &consents(), "key-1", &order("12.50", "GBP")).await.text("/Data/ConsentId");
    let second = branch.keyed(TALLY, &consents(), "key-2", &order("12.50", "GBP")).await.text("/Data/ConsentId");
    assert!(theirs != id && second != id && theirs != second);
    for (headers, code) in [
        (vec![], "U007"),
        (vec![("x-idempotency-key", "")], "U006"),
        (vec![("x-idempotency-key", "x123456789012345678901234567890123456789012345")], "U006"),
        (vec![("x-idempotency-key", "a"), ("x-idempotency-key", "b")], "U006"),
    ] {
        let told = branch.ask_with(TALLY, ("POST", &consents()), &headers, &order("12.50", "GBP")).await;
        assert_eq!(told.refusal(), (400, code, "x-idempotency-key"), "{headers:?}");
    }
    assert_eq!(branch.keyed(TALLY, &consents(), &"k".repeat(40), &order("1.00", "GBP")).await.status, 201);
    // After 24 hours a key is free again.
    branch.stage.clock.advance(Duration::from_secs(86_399));
    assert_eq!(branch.keyed(TALLY, &consents(), "key-1", &order("12.50", "GBP")).await.text("/Data/ConsentId"), id);
    branch.stage.clock.advance(Duration::from_secs(1));
    assert_ne!(branch.keyed(TALLY, &consents(), "key-1", &order("12.50", "GBP")).await.text("/Data/ConsentId"), id);
}

#[tokio::test]
async fn a_payment_that_is_sent_twice_is_paid_once() {
    let branch = Branch::open().await;
    let consent = branch.consented(&order("12.50", "GBP"), ("authz_p", ACCOUNT)).await;
    let body = under(&consent, &order("12.50", "GBP"));
    let path = payments();
    let same = async || branch.keyed(ME, &path, "pay-1", &body).await;
    let (one, other, third) = tokio::join!(same(), same(), same());
    let id = one.text("/Data/DomesticPaymentId");
    for told in [&one, &other, &third] {
        assert_eq!((told.status, told.text("/Data/DomesticPaymentId")), (201, id.clone()));
    }
    branch.stage.clock.advance(Duration::from_mins(1));
    let late = branch.keyed(ME, &path, "pay-1", &body).await;
    assert_eq!((late.text("/Data/DomesticPaymentId"), late.text("/Data/Status").as_str()), (id, "ACSC"));
    // With another key it is another payment, for which there is no consent any more.
    assert_eq!(branch.keyed(ME, &path, "pay-2", &body).await.refusal(), (400, "U009", ""));
    let changed = under(&consent, &order("13.00", "GBP"));
    assert_eq!(branch.keyed(ME, &path, "pay-1", &changed).await.refusal(), (400, "U006", "x-idempotency-key"));
    assert_eq!(branch.store().payments_of(ACCOUNT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_submissions_of_one_consent_one_is_paid() {
    let branch = Branch::open().await;
    let order = order("12.50", "GBP");
    let consent = branch.consented(&order, ("authz_p", ACCOUNT)).await;
    let (body, path) = (under(&consent, &order), payments());
    let (one, other) = tokio::join!(branch.keyed(ME, &path, "a", &body), branch.keyed(ME, &path, "b", &body));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400]);
    assert_eq!(branch.store().payments_of(ACCOUNT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_was_consented_to_is_paid() {
    let branch = Branch::open().await;
    let good = order("12.50", "GBP");
    let consent = branch.consented(&good, ("authz_p", ACCOUNT)).await;
    let mut riskier = under(&consent, &good);
    riskier["Risk"]["PaymentContextCode"] = json!("Other");
    let waiting = branch.keyed(TALLY, &consents(), "w", &good).await.text("/Data/ConsentId");
    for (who, body, expected) in [
        (ME, under(&consent, &order("12.51", "GBP")), (400, "U008", "Data.Initiation")),
        (ME, riskier, (400, "U008", "Risk")),
        (ME, under(&waiting, &good), (400, "U009", "")),
        (ME, under("pc-unknown", &good), (400, "U011", "")),
        (ME, good.clone(), (400, "U004", "Data.ConsentId")),
        (TALLY.of(DENIZ, "authz_other"), under(&consent, &good), (403, "U008", "")),
        (OTHER.of(DENIZ, "authz_p"), under(&consent, &good), (403, "U008", "")),
        (TALLY, under(&consent, &good), (403, "U008", "")),
    ] {
        assert_eq!(branch.keyed(who, &payments(), "key", &body).await.refusal(), expected, "{body}");
    }
    let path = format!("{}/{waiting}/funds-confirmation", consents());
    assert_eq!(branch.get(ME, &path).await.refusal(), (400, "U009", ""));
    assert_eq!(branch.keyed(ME, &payments(), "key", &under(&consent, &good)).await.status, 201);
}

/// UI-9
#[tokio::test]
async fn amounts_decide_what_becomes_of_a_payment() {
    let branch = Branch::open().await;
    branch.account_access("authz_a", &ALL, &[ACCOUNT]).await;
    let before = branch.available().await;
    for (amount, currency, first, last, reason) in [
        ("1313.01", "GBP", "RCVD", "RJCT", "AC07"),
        ("1313.03", "GBP", "RJCT", "RJCT", "AM04"),
        ("999999.00", "GBP", "RJCT", "RJCT", "AM04"),
        ("12.50", "EUR", "RJCT", "RJCT", "AC10"),
    ] {
        let (order, authorization) = (order(amount, currency), format!("authz_{amount}"));
        let consent = branch.consented(&order, (&authorization, ACCOUNT)).await;
        let who = TALLY.of(DENIZ, &authorization);
        let paid = branch.keyed(who, &payments(), amount, &under(&consent, &order)).await;
        assert_eq!((paid.status, paid.text("/Data/Status").as_str()), (201, first), "{amount} {currency}");
        branch.stage.clock.advance(Duration::from_secs(10));
        let told = branch.get(TALLY, &format!("{}/{}", payments(), paid.text("/Data/DomesticPaymentId"))).await;
        assert_eq!(told.text("/Data/Status"), last);
        assert_eq!(told.text("/Data/StatusReason/0/StatusReasonCode"), reason, "{amount} {currency}");
    }
    assert_eq!(branch.available().await, before, "nothing was paid");

    let failing = order("1313.04", "GBP");
    let consent = branch.consented(&failing, ("authz_f", ACCOUNT)).await;
    let who = TALLY.of(DENIZ, "authz_f");
    assert_eq!(branch.keyed(who, &payments(), "f", &under(&consent, &failing)).await.refusal().0, 500);
    assert_eq!(branch.get(TALLY, &format!("{}/{consent}", consents())).await.text("/Data/Status"), "AUTH");

    let waiting = order("1313.02", "GBP");
    let consent = branch.consented(&waiting, ("authz_w", ACCOUNT)).await;
    let paid = branch.keyed(TALLY.of(DENIZ, "authz_w"), &payments(), "w", &under(&consent, &waiting)).await;
    branch.stage.clock.advance(Duration::from_mins(10));
    let told = branch.get(TALLY, &format!("{}/{}", payments(), paid.text("/Data/DomesticPaymentId"))).await;
    assert_eq!(told.text("/Data/Status"), "PDNG");
}

#[tokio::test]
async fn money_for_an_account_of_this_bank_arrives_there() {
    let branch = Branch::open().await;
    branch.account_access("authz_a", &ALL, &["acc-1001", "acc-1002"]).await;
    let mut order = order("100.00", "EUR");
    let (scheme, number) = ("UK.OBIE.IBAN", crate::sandbox::bank::number::iban("DE", "370400440532013472"));
    order["Data"]["Initiation"]["CreditorAccount"] =
        json!({ "SchemeName": scheme, "Identification": number, "Name": "Deniz Arslan" });
    let consent = branch.consented(&order, ("authz_p", "acc-1001")).await;
    let me = TALLY.of(DENIZ, "authz_a");
    let available = async |id: &str| {
        let told = branch.get(me, &format!("{AISP}/accounts/{id}/balances")).await;
        told.text("/Data/Balance/0/Amount/Amount").replace('.', "").parse::<i64>().unwrap()
    };
    let before = (available("acc-1001").await, available("acc-1002").await);
    assert_eq!(branch.keyed(ME, &payments(), "own", &under(&consent, &order)).await.status, 201);
    assert_eq!((available("acc-1001").await, available("acc-1002").await), (before.0 - 10_000, before.1));
    branch.stage.clock.advance(Duration::from_secs(6));
    assert_eq!((available("acc-1001").await, available("acc-1002").await), (before.0 - 10_000, before.1 + 10_000));
    let listed = branch.get(me, &format!("{AISP}/accounts/acc-1002/transactions")).await;
    assert_eq!(listed.json["Data"]["Transaction"][0]["DebtorAccount"]["Name"], "Deniz Arslan");
}
