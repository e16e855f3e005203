//! `balances`: what is booked, and what can be spent.

use super::super::answer::{Answer, insert};
use super::super::books::{Account, Product};
use super::super::fault::Refusal;
use super::super::permissions::Permission;
use super::super::statement::Statement;
use super::super::{Bank, credit_or_debit, date};
use super::Access;
use crate::clock::UnixSeconds;
use crate::sandbox::scopes::Api;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /accounts/{AccountId}/balances`
pub(super) async fn of_account(
    State(bank): State<Arc<Bank>>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    access.need(PERMISSIONS)?;
    let accounts = [access.account(&id)?];
    show(&bank, &access, accounts.into_iter(), &format!("/accounts/{id}/balances")).await
}

/// `GET /balances`
pub(super) async fn of_all(State(bank): State<Arc<Bank>>, access: Access) -> Result<Answer, Refusal> {
    access.need(PERMISSIONS)?;
    show(&bank, &access, access.accounts(), "/balances").await
}

/// `OBReadBalance1`
async fn show(
    bank: &Bank,
    access: &Access,
    accounts: impl Iterator<Item = &'static Account>,
    path: &str,
) -> Result<Answer, Refusal> {
    let mut balances = Vec::new();
    for account in accounts {
        let Statement { booked, available, .. } = bank.statement(account, access.now).await?;
        balances
            .extend([balance(account, "ITAV", available, access.now), balance(account, "ITBD", booked, access.now)]);
    }
    Ok(Answer::ok(json!({ "Balance": balances }), &bank.link(Api::AccountInformation, path)))
}

fn balance(account: &Account, kind: &str, minor: i64, now: UnixSeconds) -> Value {
    let mut json = json!({
        "AccountId": account.id,
        "CreditDebitIndicator": credit_or_debit(minor),
        "Type": kind,
        "DateTime": date::print(now),
        "Amount": account.money(minor).json(),
    });
    if let Product::Card { limit } = account.product {
        let line = json!([{ "Included": false, "Type": "Credit", "Amount": account.money(limit).json() }]);
        insert(&mut json, "CreditLine", Some(line));
    }
    json
}

const PERMISSIONS: &[Permission] = &[Permission::ReadBalances];
