//! Payment Initiation: start a payment, follow it.

use super::Bank;
use super::caller::Caller;
use super::data;
use super::date;
use super::ledger::{Order, Payment};
use super::problem::Problem;
use crate::clock::UnixSeconds;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentRequest {
    amount: Amount,
    creditor: Creditor,
    #[serde(default)]
    reference: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    amount: String,
    currency: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Creditor {
    name: String,
    iban: String,
}

/// `POST /payments`
pub(super) async fn start(
    State(bank): State<Arc<Bank>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let subject = caller.customer()?.subject;
    let key = headers.get("x-idempotency-key").map(|value| value.to_str().unwrap_or_default());
    if key.is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
        return Err(Problem::KeyMalformed);
    }
    let created = bank.clock.now();
    let Caller { client_id, consent_id, .. } = caller;
    let payment = Payment { id: String::new(), client_id, subject, consent_id, order: read(&body)?, created };
    let payment = bank.ledger.book(key, payment)?;
    let location = [(header::LOCATION, format!("/payments/{}", payment.id))];
    Ok((StatusCode::CREATED, location, Json(show(&payment, created))).into_response())
}

/// `GET /payments/{payment_id}`
pub(super) async fn one(
    State(bank): State<Arc<Bank>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let subject = caller.customer()?.subject;
    let payment = bank.ledger.find(&id, &caller.client_id, subject).ok_or(Problem::PaymentUnknown)?;
    Ok(Json(show(&payment, bank.clock.now())))
}

fn read(body: &[u8]) -> Result<Order, Problem> {
    let request: PaymentRequest = serde_json::from_slice(body).map_err(|_| {
        Problem::PaymentMalformed("send amount {amount, currency}, creditor {name, iban} and, if you like, reference")
    })?;
    let hundredths = hundredths(&request.amount.amount).ok_or(Problem::PaymentMalformed(
        "amount.amount must be a positive decimal with two places, as text: \"12.50\"",
    ))?;
    let currency = request.amount.currency;
    if !["EUR", "GBP", "TRY"].contains(&currency.as_str()) {
        return Err(Problem::PaymentMalformed("amount.currency must be EUR, GBP or TRY"));
    }
    let Creditor { name, iban } = request.creditor;
    if name.trim().is_empty() || name.chars().count() > TEXT_CHARS_MAX {
        return Err(Problem::PaymentMalformed("creditor.name must have 1 to 140 characters"));
    }
    if !data::is_iban(&iban) {
        return Err(Problem::PaymentMalformed("creditor.iban is not an IBAN: check its digits"));
    }
    if request.reference.chars().count() > TEXT_CHARS_MAX {
        return Err(Problem::PaymentMalformed("reference must have at most 140 characters"));
    }
    Ok(Order { hundredths, currency, creditor: name, iban, reference: request.reference })
}

/// `12.50` → 1250. No signs, no exponents, no other number of places: an amount has one spelling.
fn hundredths(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(cents) || cents.len() != 2 || whole.len() > WHOLE_DIGITS_MAX {
        return None;
    }
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    let value = format!("{whole}{cents}").parse().ok()?;
    (value > 0 && !has_leading_zero).then_some(value)
}

fn show(payment: &Payment, now: UnixSeconds) -> Value {
    let order = &payment.order;
    let is_settled = now.0 - payment.created.0 >= SETTLEMENT_SECONDS;
    json!({
        "payment_id": payment.id,
        "status": if is_settled { "settled" } else { "pending" },
        "amount": data::amount(order.hundredths, &order.currency),
        "creditor": { "name": order.creditor, "iban": order.iban },
        "reference": order.reference,
        "consent_id": payment.consent_id,
        "created": date::instant(payment.created),
    })
}

/// Long enough to see `pending`, short enough to wait for `settled`.
const SETTLEMENT_SECONDS: i64 = 5;
/// An UUID fits, and a prefix.
const KEY_BYTES_MAX: usize = 64;
/// ISO 20022 `Max140Text`.
const TEXT_CHARS_MAX: usize = 140;
/// Below a thousand billion.
const WHOLE_DIGITS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_one_spelling() {
        for (text, value) in [("12.50", Some(1250)), ("0.01", Some(1)), ("999999999999.99", Some(99_999_999_999_999))] {
            assert_eq!(hundredths(text), value, "{text}");
        }
        for bad in
            ["", "12", "12.5", "12.500", "-1.00", "+1.00", "1e3.00", "0.00", "01.00", ".50", "1,00", "1000000000000.00"]
        {
            assert_eq!(hundredths(bad), None, "{bad}");
        }
    }

    #[test]
    fn orders_are_checked_field_by_field() {
        let order = |amount: &str, currency: &str, iban: &str, more: &str| {
            let body = format!(
                r#"{{"amount":{{"amount":"{amount}","currency":"{currency}"}},"creditor":{{"name":"A","iban":"{iban}"}}{more}}}"#
            );
            read(body.as_bytes())
        };
        let iban = "DE89370400440532013000";
        assert!(order("1.00", "EUR", iban, "").is_ok());
        assert!(order("1.00", "EUR", iban, r#","reference":"x""#).is_ok());
        assert!(order("1", "EUR", iban, "").is_err());
        assert!(order("1.00", "XXX", iban, "").is_err());
        assert!(order("1.00", "EUR", "DE00370400440532013000", "").is_err());
        assert!(order("1.00", "EUR", iban, r#","debtor":"somebody else""#).is_err());
        assert!(read(b"not json").is_err());
    }
}
