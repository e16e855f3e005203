//! Account Information: accounts, balances, transactions, read only.

use super::Bank;
use super::caller::Caller;
use super::data::{self, Account};
use super::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /accounts`
pub(super) async fn list(caller: Caller) -> Result<Json<Value>, Problem> {
    let accounts: Vec<_> = data::accounts_of(caller.customer()?.subject).map(Account::json).collect();
    Ok(Json(json!({ "accounts": accounts })))
}

/// `GET /accounts/{account_id}`
pub(super) async fn one(caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(find(&caller, &id)?.json()))
}

/// `GET /accounts/{account_id}/balances`
pub(super) async fn balances(
    State(bank): State<Arc<Bank>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let account = find(&caller, &id)?;
    Ok(Json(json!({ "account_id": id, "balances": account.balances_json(bank.clock.now()) })))
}

/// `GET /accounts/{account_id}/transactions`
pub(super) async fn transactions(
    State(bank): State<Arc<Bank>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let account = find(&caller, &id)?;
    Ok(Json(json!({ "account_id": id, "transactions": account.transactions_json(bank.clock.now()) })))
}

fn find(caller: &Caller, id: &str) -> Result<&'static Account, Problem> {
    data::accounts_of(caller.customer()?.subject).find(|account| account.id == id).ok_or(Problem::AccountUnknown)
}
