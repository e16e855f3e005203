//! The banking APIs themselves, the gateway's upstream. They check no token: they believe the gateway's headers, and
//! answer nobody who comes without them.

mod accounts;
mod caller;
mod data;
mod date;
mod ledger;
mod payments;
mod problem;

pub(super) use data::AccountLine;

use super::customer;
use crate::clock::Clock;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use ledger::Ledger;
use std::sync::Arc;

/// What the APIs share.
#[derive(Debug)]
struct Bank {
    clock: Clock,
    ledger: Ledger,
}

/// Account Information and Payment Initiation.
pub(super) fn router(clock: Clock) -> Router {
    Router::new()
        .route("/accounts", get(accounts::list))
        .route("/accounts/{account_id}", get(accounts::one))
        .route("/accounts/{account_id}/balances", get(accounts::balances))
        .route("/accounts/{account_id}/transactions", get(accounts::transactions))
        .route("/payments", post(payments::start))
        .route("/payments/{payment_id}", get(payments::one))
        .layer(DefaultBodyLimit::max(PAYMENT_BYTES_MAX))
        .with_state(Arc::new(Bank { clock, ledger: Ledger::default() }))
}

/// The customer's accounts as the consent page lists them.
pub(super) fn account_lines(subject: &str) -> Vec<AccountLine> {
    data::accounts_of(subject).map(data::Account::line).collect()
}

/// Every field of a payment at its limit fits ten times.
const PAYMENT_BYTES_MAX: usize = 16 * 1024;
