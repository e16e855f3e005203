//! *Read the accounts*: the customer picks what may be seen, the application reads it.

use super::{WalkKind, address, begin, find, get, hindrance, token_of};
use crate::sandbox::bank::money::{Currency, Money};
use crate::sandbox::portal::application::{Refused, owned};
use crate::sandbox::portal::asking::{self, Asked};
use crate::sandbox::portal::exchange::{self, Exchange};
use crate::sandbox::portal::visitor::{Frame, SignedForm, SignedIn};
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Application, TestToken, Walk};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "accounts.html", config = "src/sandbox/askama.toml")]
struct AccountsPage<'a> {
    frame: Frame,
    application: &'a Application,
    /// None: the customer was not asked yet.
    walk: Option<&'a Walk>,
    here: String,
    accounts: Vec<Line>,
    exchanges: Vec<Exchange>,
}

/// An account as the API told of it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    name: String,
    number: String,
    balance: String,
}

/// Says what will happen.
pub(in crate::sandbox::portal) async fn form(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    Ok(hindrance(&signed_in, &application, WalkKind::Accounts)
        .unwrap_or_else(|| AccountsPage::of(&signed_in, &application, None)))
}

/// Sends the customer to pick.
pub(in crate::sandbox::portal) async fn ask(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    if let Some(page) = hindrance(&signed_in, &application, WalkKind::Accounts) {
        return Ok(page);
    }
    let walk = begin(&application, WalkKind::Accounts, site.clock.now());
    site.store.add_walk(&walk).await?;
    let asked = Asked { api: Api::AccountInformation, consent_id: None, walk_id: Some(&walk.id) };
    asking::ask(&site, &signed_in, &application, asked).await
}

/// Shows what was read.
pub(in crate::sandbox::portal) async fn show(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path((client_id, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (application, walk) = find(&site, &signed_in, (&client_id, &id), WalkKind::Accounts).await?;
    Ok(AccountsPage::of(&signed_in, &application, Some(&walk)))
}

/// Reads once more, with the same token or its successor.
pub(in crate::sandbox::portal) async fn read(
    State(site): State<Arc<Site>>,
    Path((client_id, id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let (application, mut walk) = find(&site, &signed_in, (&client_id, &id), WalkKind::Accounts).await?;
    match token_of(&site, &application, &walk).await? {
        Ok(token) => {
            read_with(&site, &token, &mut walk).await;
            site.store.go_on(&walk).await?;
            Ok(Redirect::to(&address(&walk)).into_response())
        }
        Err(fault) => Ok(fault.trouble(&application).show(&signed_in)),
    }
}

/// Reads accounts and balances into `walk`.
pub(super) async fn read_with(site: &Site, token: &TestToken, walk: &mut Walk) {
    let call = |title, path| get(site, title, (Api::AccountInformation, path), &token.access_token);
    let (accounts, named) = call("Read the accounts", "/accounts").make(site).await;
    let (balances, held) = call("Read the balances", "/balances").make(site).await;
    walk.exchanges = exchange::add(&walk.exchanges, vec![accounts, balances]);
    walk.found = json!(lines(named.as_ref(), held.as_ref())).to_string();
}

/// What the two answers say together.
fn lines(accounts: Option<&Value>, balances: Option<&Value>) -> Vec<Line> {
    let list = |json: Option<&Value>, pointer| json?.pointer(pointer)?.as_array().cloned();
    let balances = list(balances, "/Data/Balance").unwrap_or_default();
    let accounts = list(accounts, "/Data/Account").unwrap_or_default();
    let line = |account: &Value| {
        let text = |pointer| account.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of_it = balances.iter().find(|balance| balance.get("AccountId") == account.get("AccountId"));
        Line {
            name: text("/Nickname"),
            number: text("/Account/0/Identification"),
            balance: of_it.map(sum).unwrap_or_default(),
        }
    };
    accounts.iter().map(line).collect()
}

fn sum(balance: &Value) -> String {
    let text = |pointer| balance.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (amount, currency) = (text("/Amount/Amount"), text("/Amount/Currency"));
    let sign = if text("/CreditDebitIndicator") == "Debit" { "−" } else { "" };
    let known = Currency::ALL.into_iter().find(|known| known.as_str() == currency);
    match (Money::parse_amount(amount), known) {
        (Ok(minor), Some(currency)) => format!("{sign}{}", Money { minor, currency }.text()),
        (Ok(_) | Err(_), _) => format!("{sign}{amount} {currency}"),
    }
}

impl AccountsPage<'_> {
    fn of(signed_in: &SignedIn, application: &Application, walk: Option<&Walk>) -> Response {
        let page = AccountsPage {
            frame: signed_in.frame("/applications"),
            application,
            walk,
            here: walk.map(address).unwrap_or_default(),
            accounts: walk.and_then(|walk| serde_json::from_str(&walk.found).ok()).unwrap_or_default(),
            exchanges: walk.map(|walk| exchange::read(&walk.exchanges)).unwrap_or_default(),
        };
        page::show(StatusCode::OK, &page)
    }

    fn has_token(&self) -> bool {
        self.walk.is_some_and(|walk| walk.token_id.is_some())
    }
}
