//! What third parties send to the sandbox's bank: orders, and the dates, amounts and numbers in them.

use scopegate::clock::UnixSeconds;
use scopegate::sandbox::bank::date::{self, Offset};
use scopegate::sandbox::bank::money::Money;
use scopegate::sandbox::bank::number::Scheme;
use scopegate::sandbox::bank::order::{Given, Order, Party};
use serde_json::Value;

/// An order that passes is the one that another reader of JSON sees, and every text in it means what it says.
pub fn payment(data: &[u8]) {
    if let Ok(given) = Given::consent(data) {
        let seen: Value = serde_json::from_slice(data).expect("an order is JSON");
        same(&given, &seen);
    }
    if let Ok((consent, given)) = Given::submission(data) {
        let seen: Value = serde_json::from_slice(data).expect("an order is JSON");
        assert_eq!(seen["Data"]["ConsentId"], consent.as_str());
        same(&given, &seen);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        instant(text);
        if let Ok(minor) = Money::parse_amount(text) {
            assert_eq!(minor, hundredths(text));
        }
    }
}

fn same(given: &Given, seen: &Value) {
    let initiation = &seen["Data"]["Initiation"];
    assert_eq!((&given.words["Initiation"], &given.words["Risk"]), (initiation, &seen["Risk"]));
    let Order { amount, creditor, debtor, .. } = &given.order;
    assert_eq!(initiation["InstructedAmount"]["Currency"], amount.currency.as_str());
    let text = initiation["InstructedAmount"]["Amount"].as_str().expect("an amount is text");
    assert_eq!(amount.minor, hundredths(text));
    party(creditor, &initiation["CreditorAccount"]);
    assert_eq!(creditor.name.as_str(), initiation["CreditorAccount"]["Name"]);
    assert_eq!(debtor.is_some(), initiation.get("DebtorAccount").is_some());
    if let Some(debtor) = debtor {
        party(debtor, &initiation["DebtorAccount"]);
    }
}

fn party(party: &Party, seen: &Value) {
    assert_eq!(
        (seen["SchemeName"].as_str(), seen["Identification"].as_str()),
        (Some(party.scheme.as_str()), Some(&*party.number))
    );
    match party.scheme {
        Scheme::SortCode => assert!(party.number.len() == 14 && party.number.parse::<u64>().is_ok()),
        Scheme::Iban => assert_eq!(remainder(&party.number), 1, "{}", party.number),
    }
}

/// ISO 13616 by its definition: letters as two digits, and the number divided nine digits at a time.
fn remainder(iban: &str) -> u64 {
    let (head, rest) = iban.split_at(4);
    let digits: String = [rest, head].concat().chars().map(|c| c.to_digit(36).expect("a digit").to_string()).collect();
    digits.as_bytes().chunks(9).fold(0, |rest, chunk| {
        let chunk = std::str::from_utf8(chunk).expect("digits");
        format!("{rest}{chunk}").parse::<u64>().expect("at most eleven digits") % 97
    })
}

/// By another road: the digits counted one by one.
fn hundredths(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
    let minor = whole
        .chars()
        .chain(fraction.chars())
        .fold(0_i64, |sum, c| sum * 10 + i64::from(c.to_digit(10).expect("an amount has only digits")));
    assert!(minor > 0, "{text} is nothing");
    minor
}

/// What is printed is the same moment, and an offset is less than a day.
fn instant(text: &str) {
    let [counted, ignored] = [Offset::Counts, Offset::Ignored].map(|offset| date::parse(text, offset));
    assert!(counted.is_none() || ignored.is_some());
    if let (Some(counted), Some(ignored)) = (counted, ignored) {
        assert!((counted.0 - ignored.0).abs() < 86_400 && (counted.0 - ignored.0) % 60 == 0);
        assert_eq!(date::parse(&date::print(ignored), Offset::Counts), Some(UnixSeconds(ignored.0)));
    }
}
