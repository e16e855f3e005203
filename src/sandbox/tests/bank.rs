//! The banking APIs, as the gateway reaches them.

use super::*;

const PAYMENT: &str =
    r#"{"amount":{"amount":"12.50","currency":"EUR"},"creditor":{"name":"Ada Books","iban":"DE89370400440532013000"}}"#;

impl Stage {
    fn behind_gateway(&self, method: &str, path: &str, client_id: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.sandbox.apis()));
        request
            .header("x-auth-client-id", client_id)
            .header("x-auth-subject", DEMO.subject)
            .header("x-auth-consent-id", "consent_1")
    }
}

#[tokio::test]
async fn nobody_is_answered_past_the_gateway() {
    let stage = Stage::start().await;
    for path in ["/accounts", "/accounts/acc-1001", "/accounts/acc-1001/balances", "/payments/pay_1"] {
        let answer = stage.send(Request::get(format!("http://{}{path}", stage.sandbox.apis())), "").await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(agent::text(&answer).contains("not behind the gateway"));
    }
    let answer = stage.send(Request::post(format!("http://{}/payments", stage.sandbox.apis())), PAYMENT).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_customer_sees_their_accounts_and_a_client_alone_sees_none() {
    let stage = Stage::start().await;
    let (_, json) = read(&stage.send(stage.behind_gateway("GET", "/accounts", "app_1"), "").await);
    assert_eq!(json["accounts"].as_array().unwrap().len(), 4);
    let path = "/accounts/acc-1001/transactions";
    let (_, json) = read(&stage.send(stage.behind_gateway("GET", path, "app_1"), "").await);
    assert!(json["transactions"][0]["amount"]["amount"].is_string());
    let answer = stage.send(stage.behind_gateway("GET", "/accounts/acc-9/balances", "app_1"), "").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let alone = Request::get(format!("http://{}/accounts", stage.sandbox.apis())).header("x-auth-client-id", "app_1");
    assert_eq!(stage.send(alone, "").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_payment_is_made_once_per_key() {
    let stage = Stage::start().await;
    let keyed = |key: &str| stage.behind_gateway("POST", "/payments", "app_1").header("x-idempotency-key", key);
    let first = stage.send(keyed("rent-10"), PAYMENT).await;
    let (status, payment) = read(&first);
    assert_eq!(
        (status, &payment["status"], &payment["consent_id"]),
        (StatusCode::CREATED, &"pending".into(), &"consent_1".into())
    );
    assert_eq!(read(&stage.send(keyed("rent-10"), PAYMENT).await).1["payment_id"], payment["payment_id"]);
    assert_ne!(read(&stage.send(keyed("rent-11"), PAYMENT).await).1["payment_id"], payment["payment_id"]);
    let other = PAYMENT.replace("12.50", "99.00");
    assert_eq!(stage.send(keyed("rent-10"), &other).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(stage.send(keyed(&"x".repeat(65)), PAYMENT).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(stage.send(keyed("rent-12"), "{}").await.status(), StatusCode::BAD_REQUEST);

    let path = first.headers()["location"].to_str().unwrap();
    stage.clock.advance(Duration::from_secs(5));
    let (_, payment) = read(&stage.send(stage.behind_gateway("GET", path, "app_1"), "").await);
    assert_eq!(payment["status"], "settled");
    let answer = stage.send(stage.behind_gateway("GET", path, "app_2"), "").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
