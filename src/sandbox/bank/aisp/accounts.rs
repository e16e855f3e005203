//! `accounts`: which there are, and with `ReadAccountsDetail` under which number.

use super::super::Bank;
use super::super::answer::{Answer, insert};
use super::super::books::{Account, Number, Product, masked};
use super::super::date;
use super::super::fault::Refusal;
use super::super::permissions::{Permission, Permissions};
use super::Access;
use crate::sandbox::scopes::Api;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /accounts`
pub(super) async fn list(State(bank): State<Arc<Bank>>, access: Access) -> Result<Answer, Refusal> {
    access.need(PERMISSIONS)?;
    let accounts = access.accounts().map(|account| show(account, &access.consent.permissions));
    Ok(Answer::ok(json!({ "Account": accounts.collect::<Vec<_>>() }), &bank.link(Api::AccountInformation, "/accounts")))
}

/// `GET /accounts/{AccountId}`
pub(super) async fn one(
    State(bank): State<Arc<Bank>>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    access.need(PERMISSIONS)?;
    let account = show(access.account(&id)?, &access.consent.permissions);
    let own = bank.link(Api::AccountInformation, &format!("/accounts/{id}"));
    Ok(Answer::ok(json!({ "Account": [account] }), &own))
}

/// `OBAccount6Basic` and, where it was permitted, what `OBAccount6Detail` has more.
fn show(account: &Account, permissions: &Permissions) -> Value {
    let (kind, description) = match account.product {
        Product::Current => ("CACC", "Current account"),
        Product::Savings => ("SVGS", "Instant savings"),
        Product::Card { .. } => ("CARD", "Credit card"),
    };
    let opened = date::print(account.opened.begins());
    let mut json = json!({
        "AccountId": account.id,
        "Status": "Enabled",
        "StatusUpdateDateTime": opened,
        "Currency": account.currency.as_str(),
        "AccountCategory": account.category,
        "AccountTypeCode": kind,
        "Description": description,
        "Nickname": account.name,
        "OpeningDate": opened,
        "SwitchStatus": "UK.CASS.NotSwitched",
    });
    if permissions.has(Permission::ReadAccountsDetail) {
        let (scheme, number) = number(account, permissions);
        insert(
            &mut json,
            "Account",
            Some(json!([{ "SchemeName": scheme, "Identification": number, "Name": account.holder }])),
        );
        insert(&mut json, "Servicer", Some(json!({ "SchemeName": "UK.OBIE.BICFI", "Identification": BIC })));
    }
    json
}

fn number(account: &Account, permissions: &Permissions) -> (&'static str, String) {
    match (account.numbered_by(), account.number) {
        (Some((scheme, number)), _) => (scheme.as_str(), number),
        (None, Number::Card(digits)) if permissions.has(Permission::ReadPAN) => ("UK.OBIE.PAN", digits.to_owned()),
        (None, Number::Card(digits)) => ("UK.OBIE.PAN", masked(digits)),
        (None, Number::Iban { .. } | Number::SortCode(_)) => ("UK.OBIE.BBAN", account.id.to_owned()),
    }
}

const PERMISSIONS: &[Permission] = &[Permission::ReadAccountsBasic, Permission::ReadAccountsDetail];
/// The bank's own: no bank has it.
const BIC: &str = "SGSBGB2LXXX";
