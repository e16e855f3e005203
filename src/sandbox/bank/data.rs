//! The bank's books: invented, the same for everybody who looks on the same day.

use super::customer;
use super::date;
use crate::clock::UnixSeconds;
use serde_json::{Value, json};

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: &'static str,
    owner: &'static str,
    name: &'static str,
    kind: &'static str,
    currency: &'static str,
    country: &'static str,
    bban: &'static str,
    /// In hundredths, before the first of `entries`.
    opening: i64,
    /// Newest first.
    entries: &'static [Entry],
}

/// One booking: days ago, hundredths (negative: out), with whom, what for.
type Entry = (i64, i64, &'static str, &'static str);

/// An account as a customer reads it.
#[derive(Debug)]
pub(in crate::sandbox) struct AccountLine {
    pub(in crate::sandbox) name: &'static str,
    pub(in crate::sandbox) iban: String,
    pub(in crate::sandbox) balance: String,
}

/// The accounts of one customer.
pub(super) fn accounts_of(subject: &str) -> impl Iterator<Item = &'static Account> {
    ACCOUNTS.iter().filter(move |account| account.owner == subject)
}

/// An amount as JSON carries it: a string, because binary fractions lose cents.
pub(super) fn amount(hundredths: i64, currency: &str) -> Value {
    json!({ "amount": decimal(hundredths), "currency": currency })
}

impl Account {
    /// As the API shows it.
    pub(super) fn json(&self) -> Value {
        json!({
            "account_id": self.id, "name": self.name, "type": self.kind, "currency": self.currency,
            "iban": self.iban(), "holder": customer::with_subject(self.owner).map(|customer| customer.name),
        })
    }

    /// What is booked, and what can be spent.
    pub(super) fn balances_json(&self, now: UnixSeconds) -> Value {
        let (booked, as_of) = (self.booked(), date::instant(now));
        let pending: i64 =
            self.entries.iter().filter(|(days, ..)| *days == 0).map(|(_, hundredths, ..)| hundredths).sum();
        json!([
            { "type": "booked", "amount": amount(booked - pending, self.currency), "as_of": as_of },
            { "type": "available", "amount": amount(booked, self.currency), "as_of": as_of },
        ])
    }

    /// Newest first, with the balance after each.
    pub(super) fn transactions_json(&self, now: UnixSeconds) -> Value {
        let mut balance = self.booked();
        let rows = self.entries.iter().enumerate().map(|(index, (days, hundredths, party, text))| {
            let row = json!({
                "transaction_id": format!("{}-{:04}", self.id, self.entries.len() - index),
                "status": if *days == 0 { "pending" } else { "booked" },
                "date": date::day(date::days_before(now, *days)),
                "amount": amount(*hundredths, self.currency),
                "counterparty": party,
                "description": text,
                "balance_after": amount(balance, self.currency),
            });
            balance -= hundredths;
            row
        });
        rows.collect()
    }

    /// As the consent page shows it.
    pub(super) fn line(&self) -> AccountLine {
        let balance = format!("{} {}", in_thousands(&decimal(self.booked())), self.currency);
        AccountLine { name: self.name, iban: in_fours(&self.iban()), balance }
    }

    fn booked(&self) -> i64 {
        self.opening + self.entries.iter().map(|(_, hundredths, ..)| hundredths).sum::<i64>()
    }

    /// With the check digits of ISO 13616.
    fn iban(&self) -> String {
        let check = 98 - remainder_97(&format!("{}{}00", self.bban, self.country));
        format!("{}{check:02}{}", self.country, self.bban)
    }
}

/// Whether `iban` has the shape and the check digits of ISO 13616.
pub(super) fn is_iban(iban: &str) -> bool {
    let Some((head, rest)) = iban.split_at_checked(4) else { return false };
    (15..=34).contains(&iban.len())
        && iban.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && remainder_97(&format!("{rest}{head}")) == 1
}

/// Letters count as 10 to 35.
fn remainder_97(text: &str) -> u32 {
    text.chars().filter_map(|c| c.to_digit(36)).fold(0, |rest, digit| {
        let shift = if digit < 10 { 10 } else { 100 };
        (rest * shift + digit) % 97
    })
}

fn decimal(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}

fn in_fours(iban: &str) -> String {
    let mut spaced = String::new();
    for (index, c) in iban.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            spaced.push(' ');
        }
        spaced.push(c);
    }
    spaced
}

/// `12821.31` → `12,821.31`, for people.
fn in_thousands(decimal: &str) -> String {
    let (whole, cents) = decimal.split_once('.').unwrap_or((decimal, "00"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let rest = whole.len() - index;
        if index > 0 && rest % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{cents}")
}

const ACCOUNTS: [Account; 4] = [
    Account {
        id: "acc-1001",
        owner: customer::DEMO.subject,
        name: "Everyday",
        kind: "current",
        currency: "EUR",
        country: "DE",
        bban: "370400440532013471",
        opening: 184_235,
        entries: &[
            (0, -420, "Café Linde", "Card payment"),
            (1, -6_314, "Markthalle Neun", "Groceries"),
            (2, -5_890, "City Transport", "Monthly ticket"),
            (3, -1_299, "Northlight Streaming", "Subscription"),
            (5, -8_742, "Markthalle Neun", "Groceries"),
            (6, 4_500, "Mira Sommer", "Concert tickets, thanks!"),
            (8, -125_000, "Hausverwaltung Krüger", "Rent"),
            (9, 312_480, "Atelier Weiss GmbH", "Salary"),
            (11, -7_415, "Stadtwerke", "Electricity"),
            (13, -3_960, "Ada Books", "Order 5512"),
            (14, -20_000, "Deniz Arslan", "To savings"),
            (17, -5_633, "Markthalle Neun", "Groceries"),
            (21, -2_499, "Fjord Mobile", "Phone"),
            (24, -11_850, "Dr. Okafor", "Invoice 2208"),
        ],
    },
    Account {
        id: "acc-1002",
        owner: customer::DEMO.subject,
        name: "Savings",
        kind: "savings",
        currency: "EUR",
        country: "DE",
        bban: "370400440532013472",
        opening: 1_240_000,
        entries: &[
            (14, 20_000, "Deniz Arslan", "From everyday"),
            (30, 2_131, "Sandbox Bank", "Interest"),
            (45, 20_000, "Deniz Arslan", "From everyday"),
        ],
    },
    Account {
        id: "acc-1003",
        owner: customer::DEMO.subject,
        name: "Travel",
        kind: "current",
        currency: "GBP",
        country: "GB",
        bban: "NWBK60161331926819",
        opening: 31_075,
        entries: &[
            (4, -1_840, "The Harbour Inn", "Card payment"),
            (4, -3_260, "Coastline Rail", "Return ticket"),
            (19, 25_000, "Deniz Arslan", "For the summer"),
        ],
    },
    Account {
        id: "acc-1004",
        owner: customer::DEMO.subject,
        name: "Family",
        kind: "current",
        currency: "TRY",
        country: "TR",
        bban: "0006200000012345678901",
        opening: 1_875_000,
        entries: &[
            (2, -145_050, "Deniz Market", "Groceries"),
            (7, 750_000, "Elif Arslan", "Holiday, both of us"),
            (12, -389_900, "Boğaz Sigorta", "House insurance"),
            (26, -62_475, "Şehir Suları", "Water"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_iban_of_ours_holds_and_broken_ones_do_not() {
        for account in &ACCOUNTS {
            assert!(is_iban(&account.iban()), "{}", account.iban());
        }
        assert_eq!(ACCOUNTS[2].iban(), "GB29NWBK60161331926819");
        for bad in ["", "DE89", "DE89370400440532013001", "de89370400440532013000", "DE8937040044053201300€"] {
            assert!(!is_iban(bad), "{bad}");
        }
    }

    #[test]
    fn balances_follow_from_the_entries() {
        let rows = ACCOUNTS[1].transactions_json(UnixSeconds(1_772_366_405));
        assert_eq!(rows[0]["balance_after"]["amount"], "12821.31");
        assert_eq!(rows[2]["balance_after"]["amount"], "12600.00");
        assert_eq!(rows[0]["date"], "2026-02-15");
    }

    #[test]
    fn people_read_thousands() {
        for (decimal, text) in [
            ("0.05", "0.05"),
            ("999.00", "999.00"),
            ("1000.00", "1,000.00"),
            ("12821.31", "12,821.31"),
            ("-123.45", "-123.45"),
            ("-1234567.89", "-1,234,567.89"),
        ] {
            assert_eq!(in_thousands(decimal), text);
        }
    }

    #[test]
    fn amounts_are_decimal_text() {
        for (hundredths, text) in [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-12_345, "-123.45")] {
            assert_eq!(decimal(hundredths), text);
        }
    }
}
