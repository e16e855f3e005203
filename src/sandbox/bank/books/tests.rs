//! The invented lives stay believable.

use super::*;
use crate::sandbox::bank::date::{self, DAY, Offset};

fn at(text: &str) -> UnixSeconds {
    date::parse(text, Offset::Counts).unwrap()
}

fn balance(history: &History, now: UnixSeconds) -> i64 {
    history.opening + history.entries.iter().filter(|entry| entry.at <= now).map(|entry| entry.minor).sum::<i64>()
}

#[test]
fn the_past_never_changes() {
    for account in &accounts::ALL {
        let [early, late] = ["2026-03-01", "2026-11-25"].map(|day| account.history(Day::of(at(day))));
        let known: Vec<_> = late.entries.iter().take(early.entries.len()).collect();
        assert_eq!(early.entries.iter().collect::<Vec<_>>(), known, "{}", account.id);
        assert_eq!(early.opening, late.opening, "{}", account.id);
        // New Year: a year of history leaves, and no balance jumps.
        let [before, after] = ["2026-12-31", "2027-01-01"].map(|day| account.history(Day::of(at(day))));
        let midnight = at("2027-01-01T00:00:00Z");
        assert_eq!(balance(&before, midnight), balance(&after, midnight), "{}", account.id);
    }
}

#[test]
fn balances_are_those_of_people() {
    let mut strange = Vec::new();
    for account in &accounts::ALL {
        let (least, most) = match account.product {
            Product::Card { limit } => (-limit, 0),
            Product::Current | Product::Savings => (0, 10_000_000),
        };
        for year in [2025, 2027, 2029, 2031] {
            let history = account.history(Day { year, month: 12, day: 31 });
            let mut balance = history.opening;
            let balances = history.entries.iter().map(|entry| {
                balance += entry.minor;
                balance
            });
            let balances: Vec<_> = balances.collect();
            let (low, high) = (balances.iter().min().unwrap(), balances.iter().max().unwrap());
            if *low < least || *high > most {
                strange.push(format!("{} in {year}: {low} to {high}", account.id));
            }
        }
    }
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn there_is_enough_to_page_through_and_each_entry_has_its_own_id() {
    let now = at("2026-11-25T13:00:00Z");
    for (id, least) in [
        ("acc-1001", 600),
        ("acc-2001", 400),
        ("acc-2003", 150),
        ("acc-3001", 500),
        ("acc-4001", 700),
        ("acc-1002", 40),
    ] {
        let history = account(id).unwrap().history(Day::of(now));
        assert!(history.entries.len() >= least, "{id}: {}", history.entries.len());
        let mut ids: Vec<_> = history.entries.iter().map(|entry| &entry.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), history.entries.len(), "{id}");
        let newest = history.entries.last().unwrap();
        assert!(now.0 - newest.at.0 < 45 * DAY, "{id} looks alive");
    }
}

#[test]
fn what_leaves_one_account_arrives_in_another() {
    let today = Day { year: 2026, month: 11, day: 25 };
    for receiver in &accounts::ALL {
        for source in receiver.receives {
            let source = account(source).unwrap();
            assert_eq!((source.currency, source.owner), (receiver.currency, receiver.owner));
            let sent: Vec<_> = source.history(today).entries;
            let sent = sent.iter().filter(|entry| entry.id.ends_with("-99")).map(|entry| (entry.at, -entry.minor));
            let received: Vec<_> = receiver.history(today).entries;
            let received =
                received.iter().filter(|entry| entry.id.ends_with("-90")).map(|entry| (entry.at, entry.minor));
            assert_eq!(sent.collect::<Vec<_>>(), received.collect::<Vec<_>>(), "{}", receiver.id);
        }
    }
}

#[test]
fn accounts_are_found_by_id_and_by_number() {
    for account in &accounts::ALL {
        assert_eq!(super::account(account.id).map(|found| found.id), Some(account.id));
        if let Some((scheme, number)) = account.numbered_by() {
            assert!(scheme.check(&number).is_ok(), "{}", account.id);
            assert_eq!(numbered(scheme, &number).map(|found| found.id), Some(account.id));
        }
    }
    assert_eq!(accounts_of("customer-4711").count(), 4);
    assert_eq!(accounts_of("nobody").count(), 0);
    assert_eq!(masked("5555341244441115"), "**** **** **** 1115");
}

#[test]
fn a_day_is_counted_once() {
    let (books, account) = (Books::default(), account("acc-1001").unwrap());
    let now = at("2026-11-25T13:00:00Z");
    let first = books.history(account, now);
    assert!(Arc::ptr_eq(&first, &books.history(account, UnixSeconds(now.0 + 3600))));
    assert!(!Arc::ptr_eq(&first, &books.history(account, UnixSeconds(now.0 + DAY))));
}
