//! The bank's books: invented customers' accounts, the same at every start. A history is made of habits, day by day, so
//! that today's entries join those of yesterday and nothing of the past ever changes.
//!
//! What is left over at the end of a month goes to savings, as it does with people who have habits. That keeps balances
//! believable for ever without adding up more than two years.

mod accounts;
mod calendar;
mod habits;

pub(super) use habits::Kind;

use super::date::Day;
use super::money::{Currency, Money};
use super::number::{self, Scheme};
use crate::clock::UnixSeconds;
use calendar::{Chance, Month};
use habits::Habit;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    /// `AccountId`
    pub(super) id: &'static str,
    /// `sub` of whom it belongs to.
    pub(super) owner: &'static str,
    /// What its owner calls it.
    pub(super) name: &'static str,
    /// On whose name it is held.
    pub(super) holder: &'static str,
    pub(super) product: Product,
    pub(super) category: &'static str,
    pub(super) currency: Currency,
    pub(super) number: Number,
    /// `OpeningDate`
    pub(super) opened: Day,
    /// What it holds after each closing, in hundredths.
    base: i64,
    closing: Closing,
    habits: &'static [Habit],
    /// The accounts whose left-over money comes here.
    receives: &'static [&'static str],
}

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Current,
    Savings,
    Card { limit: i64 },
}

/// How an account is told from all others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Iban { country: &'static str, bban: &'static str },
    SortCode(&'static str),
    Card(&'static str),
}

/// Where the left-over money goes, and where a shortfall comes from.
#[derive(Debug)]
struct Closing {
    every: Every,
    with: &'static str,
    /// What the owner reads when money goes, and when it comes.
    texts: [&'static str; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Month,
    Year,
}

/// One booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) at: UnixSeconds,
    /// In hundredths; negative: out.
    pub(super) minor: i64,
    pub(super) kind: Kind,
    /// With whom.
    pub(super) party: &'static str,
    /// ISO 18245, of shops.
    pub(super) category: &'static str,
    /// What for.
    pub(super) text: &'static str,
}

/// What an account held when its history begins, and everything since.
#[derive(Debug)]
pub(super) struct History {
    pub(super) opening: i64,
    /// Oldest first, to the end of the day that it was made on.
    pub(super) entries: Vec<Entry>,
}

/// Histories of today, made when somebody first asks.
#[derive(Debug, Default)]
pub(super) struct Books(Mutex<HashMap<&'static str, (Day, Arc<History>)>>);

/// The accounts of one customer.
pub(super) fn accounts_of(subject: &str) -> impl Iterator<Item = &'static Account> {
    accounts::ALL.iter().filter(move |account| account.owner == subject)
}

/// The account with this id.
pub(super) fn account(id: &str) -> Option<&'static Account> {
    accounts::ALL.iter().find(|account| account.id == id)
}

/// The account with this number.
pub(super) fn numbered(scheme: Scheme, number: &str) -> Option<&'static Account> {
    accounts::ALL.iter().find(|account| account.numbered_by() == Some((scheme, number.to_owned())))
}

impl Books {
    /// The history of `account` to the end of today.
    pub(super) fn history(&self, account: &'static Account, now: UnixSeconds) -> Arc<History> {
        let today = Day::of(now);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(account.id).cloned();
        if let Some((day, history)) = kept
            && day == today
        {
            return history;
        }
        let history = Arc::new(account.history(today));
        // Bounded by the number of accounts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(account.id, (today, Arc::clone(&history)));
        history
    }
}

impl Account {
    /// Scheme and number, of accounts that payments can name.
    pub(super) fn numbered_by(&self) -> Option<(Scheme, String)> {
        match self.number {
            Number::Iban { country, bban } => Some((Scheme::Iban, number::iban(country, bban))),
            Number::SortCode(digits) => Some((Scheme::SortCode, digits.to_owned())),
            Number::Card(_) => None,
        }
    }

    /// The number as people read it.
    pub(super) fn number_text(&self) -> String {
        match (self.numbered_by(), self.number) {
            (Some((scheme, number)), _) => scheme.text(&number),
            (None, Number::Card(digits)) => masked(digits),
            (None, Number::Iban { .. } | Number::SortCode(_)) => String::new(),
        }
    }

    /// An amount of its currency.
    pub(super) fn money(&self, minor: i64) -> Money {
        Money { minor, currency: self.currency }
    }

    fn history(&self, today: Day) -> History {
        let first = Month::first_kept(today);
        let last = Month::of(today);
        let months = std::iter::successors(Some(first), |month| Some(month.next())).take_while(|month| *month <= last);
        let mut entries: Vec<_> = months.flat_map(|month| self.entries(month)).collect();
        entries.retain(|entry| Day::of(entry.at) <= today);
        entries.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        History { opening: self.base + self.left_over(first), entries }
    }

    /// Everything of one month, in no order.
    fn entries(&self, month: Month) -> Vec<Entry> {
        let mut entries = self.lived(month);
        entries.extend(self.closing(month));
        entries
    }

    /// What the owner does, and what comes from other accounts of theirs.
    fn lived(&self, month: Month) -> Vec<Entry> {
        let mut entries = Vec::new();
        for day in month.days() {
            for (place, habit) in self.habits.iter().enumerate() {
                let mut chance = Chance::of(self.id, day, place);
                if habit.when.is_due(day, &mut chance) {
                    entries.extend(self.follow(habit, (day, place), &mut chance));
                }
            }
        }
        let closed = self.receives.iter().enumerate();
        entries.extend(closed.filter_map(|(place, id)| {
            let source = account(id)?;
            let closing = source.closing(month)?;
            let [goes, comes] = source.closing.texts;
            let text = if closing.minor < 0 { goes } else { comes };
            let id = self.entry_id(month.first(), RECEIVED + place);
            Some(Entry { id, minor: -closing.minor, party: source.holder, text, ..closing })
        }));
        entries
    }

    fn follow(&self, habit: &Habit, (day, place): (Day, usize), chance: &mut Chance) -> Option<Entry> {
        let party = chance.pick(habit.parties)?;
        let minor = chance.between(habit.amount.0, habit.amount.1);
        let at = chance.time(day, habit.hours);
        let id = self.entry_id(day, place);
        Some(Entry { id, at, minor, kind: habit.kind, party: party.0, category: party.1, text: habit.text })
    }

    /// What goes where the left-over money goes, at the beginning of `month`.
    fn closing(&self, month: Month) -> Option<Entry> {
        let minor = -self.left_over(month);
        if minor == 0 || (self.closing.every == Every::Year && !month.is_january()) {
            return None;
        }
        let Closing { with, texts: [goes, comes], .. } = &self.closing;
        let (text, at) =
            (if minor < 0 { *goes } else { *comes }, UnixSeconds(month.first().begins().0 + CLOSING_SECOND));
        let kind = if minor < 0 { Kind::StandingOrder } else { Kind::Received };
        let id = self.entry_id(month.first(), CLOSED);
        Some(Entry { id, at, minor, kind, party: with, category: "", text })
    }

    /// What came and went since the closing before `month`'s.
    fn left_over(&self, month: Month) -> i64 {
        let sum = |month| self.lived(month).iter().map(|entry| entry.minor).sum::<i64>();
        match self.closing.every {
            Every::Month => sum(month.before()),
            Every::Year => month.year_before().map(sum).sum(),
        }
    }

    fn entry_id(&self, day: Day, place: usize) -> String {
        let number = self.id.trim_start_matches("acc-");
        format!("{number}-{:04}{:02}{:02}-{place:02}", day.year, day.month, day.day)
    }
}

/// All but the last four digits of a card are nobody's business.
pub(super) fn masked(digits: &str) -> String {
    let last = digits.split_at_checked(digits.len().saturating_sub(4)).map_or("", |(_, last)| last);
    format!("**** **** **** {last}")
}

/// Before anybody is awake.
const CLOSING_SECOND: i64 = 4 * 3600;
/// Places in ids behind all habits.
const RECEIVED: usize = 90;
const CLOSED: usize = 99;

#[cfg(test)]
mod tests;
