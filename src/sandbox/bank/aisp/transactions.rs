//! `transactions`: newest first, in pages, between two dates, and no more of them than the consent lets see.

use super::super::answer::{Answer, insert};
use super::super::books::Kind;
use super::super::date::{self, Offset};
use super::super::fault::{Code, Fault, Refusal};
use super::super::permissions::{Permission, Permissions};
use super::super::statement::Line;
use super::super::{Bank, credit_or_debit};
use super::Access;
use crate::clock::UnixSeconds;
use crate::sandbox::form::Params;
use crate::sandbox::scopes::Api;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::sync::Arc;

/// `GET /accounts/{AccountId}/transactions`
pub(super) async fn of_account(
    State(bank): State<Arc<Bank>>,
    access: Access,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Answer, Refusal> {
    access.need(PERMISSIONS)?;
    let wanted = Wanted::read(query.as_deref().unwrap_or_default())?;
    let lines = bank.statement(access.account(&id)?, access.now).await?.lines;
    Ok(show(&bank, &access, (lines, &wanted), &format!("/accounts/{id}/transactions")))
}

/// `GET /transactions`
pub(super) async fn of_all(
    State(bank): State<Arc<Bank>>,
    access: Access,
    RawQuery(query): RawQuery,
) -> Result<Answer, Refusal> {
    access.need(PERMISSIONS)?;
    let wanted = Wanted::read(query.as_deref().unwrap_or_default())?;
    let mut lines = Vec::new();
    for account in access.accounts() {
        lines.extend(bank.statement(account, access.now).await?.lines);
    }
    Ok(show(&bank, &access, (lines, &wanted), "/transactions"))
}

/// What the query asks for.
#[derive(Debug, Default)]
struct Wanted {
    from: Option<UnixSeconds>,
    to: Option<UnixSeconds>,
    /// From 1.
    page: usize,
    /// The dates as they came, for links to other pages.
    dates: String,
}

impl Wanted {
    fn read(query: &str) -> Result<Self, Refusal> {
        let params = Params::parse(query.as_bytes());
        let params = params.map_err(|_| Fault::new(Code::FieldInvalid, "the query cannot be read"))?;
        if let Some(name) =
            ["fromBookingDateTime", "toBookingDateTime", "page"].into_iter().find(|name| params.repeats(name))
        {
            return Err(Fault::new(Code::FieldInvalid, "it stands there twice").at(name).into());
        }
        let mut dates = String::new();
        let mut date = |name: &'static str| {
            let Some(text) = params.get(name) else { return Ok(None) };
            let date = date::parse(text, Offset::Ignored);
            let date = date.ok_or(Fault::new(Code::DateInvalid, "a date, with a time or without").at(name))?;
            // As we read it: an offset that was ignored is not repeated.
            dates = [dates.as_str(), "&", name, "=", date::print(date).trim_end_matches('Z')].concat();
            Ok::<_, Fault>(Some(date))
        };
        let (from, to) = (date("fromBookingDateTime")?, date("toBookingDateTime")?);
        let page = params.get("page").unwrap_or("1").parse().ok();
        let page = page.filter(|page| (1..=PAGE_MAX).contains(page));
        let page = page.ok_or(Fault::new(Code::FieldInvalid, "pages begin at 1").at("page"))?;
        Ok(Self { from, to, page, dates })
    }

    fn covers(&self, line: &Line) -> bool {
        within(line.at, self.from, self.to)
    }
}

/// `OBReadTransaction6`
fn show(bank: &Bank, access: &Access, (mut lines, wanted): (Vec<Line>, &Wanted), path: &str) -> Answer {
    let (consent, permissions) = (&access.consent, &access.consent.permissions);
    lines.retain(|line| {
        let direction =
            if line.minor < 0 { Permission::ReadTransactionsDebits } else { Permission::ReadTransactionsCredits };
        permissions.has(direction) && within(line.at, consent.transactions_from, consent.transactions_to)
    });
    lines.sort_by(|one, other| (Reverse(one.at), &one.id).cmp(&(Reverse(other.at), &other.id)));
    let (first, last) = (lines.last().map(|line| line.at), lines.first().map(|line| line.at));
    lines.retain(|line| wanted.covers(line));
    let pages = lines.len().div_ceil(PAGE_LINES).max(1);
    let page = lines.iter().skip((wanted.page - 1) * PAGE_LINES).take(PAGE_LINES);
    let transactions: Vec<_> = page.map(|line| transaction(line, permissions)).collect();
    let mut meta = json!({ "TotalPages": pages });
    insert(&mut meta, "FirstAvailableDateTime", first.map(date::print));
    insert(&mut meta, "LastAvailableDateTime", last.map(date::print));
    let link = |page: usize| bank.link(Api::AccountInformation, &format!("{path}?page={page}{}", wanted.dates));
    let mut leads = json!({ "Self": link(wanted.page), "First": link(1), "Last": link(pages) });
    insert(&mut leads, "Prev", (wanted.page > 1).then(|| link((wanted.page - 1).min(pages))));
    insert(&mut leads, "Next", (wanted.page < pages).then(|| link(wanted.page + 1)));
    Answer::ok(json!({ "Transaction": transactions }), "").links(leads).meta(meta)
}

/// `OBTransaction6Basic` and, where it was permitted, what `OBTransaction6Detail` has more.
fn transaction(line: &Line, permissions: &Permissions) -> Value {
    let (code, sub_code) = line.kind.codes();
    let account = line.account;
    let mut json = json!({
        "AccountId": account.id,
        "TransactionId": line.id,
        "CreditDebitIndicator": credit_or_debit(line.minor),
        "Status": if line.is_booked { "BOOK" } else { "PDNG" },
        "TransactionMutability": if line.is_booked { "Immutable" } else { "Mutable" },
        "BookingDateTime": date::print(line.at),
        "ValueDateTime": date::print(line.at),
        "Amount": account.money(line.minor).json(),
        "BankTransactionCode": { "Code": code, "SubCode": sub_code },
    });
    if permissions.has(Permission::ReadTransactionsDetail) {
        detail(&mut json, line);
    }
    json
}

fn detail(json: &mut Value, line: &Line) {
    let text = [line.party.as_str(), line.text.as_str()];
    let text: Vec<_> = text.into_iter().filter(|text| !text.is_empty()).collect();
    let text: String = text.join(", ").chars().take(INFORMATION_CHARS_MAX).collect();
    insert(json, "TransactionInformation", (!text.is_empty()).then_some(text));
    let balance = line.is_booked.then(|| {
        json!({
            "CreditDebitIndicator": credit_or_debit(line.balance),
            "Type": "ITBD",
            "Amount": line.account.money(line.balance).json(),
        })
    });
    insert(json, "Balance", balance);
    if matches!(line.kind, Kind::Card | Kind::Cash) {
        insert(
            json,
            "MerchantDetails",
            Some(json!({ "MerchantName": line.party, "MerchantCategoryCode": line.category })),
        );
        return;
    }
    let mut party = json!({});
    insert(&mut party, "Name", (!line.party.is_empty()).then(|| line.party.clone()));
    if let Some((scheme, number)) = &line.other {
        insert(&mut party, "SchemeName", Some(scheme.as_str()));
        insert(&mut party, "Identification", Some(number.clone()));
    }
    let name = if line.minor < 0 { "CreditorAccount" } else { "DebtorAccount" };
    insert(json, name, party.as_object().is_some_and(|party| !party.is_empty()).then_some(party.clone()));
}

fn within(at: UnixSeconds, from: Option<UnixSeconds>, to: Option<UnixSeconds>) -> bool {
    from.is_none_or(|from| from <= at) && to.is_none_or(|to| at <= to)
}

const PERMISSIONS: &[Permission] = &[Permission::ReadTransactionsBasic, Permission::ReadTransactionsDetail];
const PAGE_LINES: usize = 100;
/// Beyond it there was never a transaction.
const PAGE_MAX: usize = 1_000_000;
/// `Max500Text`
const INFORMATION_CHARS_MAX: usize = 500;
