//! What an account holds and how it came to that: its history and the payments that third parties made, in one row.

use super::books::{Account, Entry, History, Kind};
use super::date::{DAY, Day};
use super::number::Scheme;
use super::stage::{self, Stage};
use crate::clock::UnixSeconds;
use crate::sandbox::store::payments::Payment;

/// One account at one moment.
#[derive(Debug)]
pub(super) struct Statement {
    /// Oldest first.
    pub(super) lines: Vec<Line>,
    /// What is booked, in hundredths.
    pub(super) booked: i64,
    /// What can be spent.
    pub(super) available: i64,
}

/// One transaction.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) account: &'static Account,
    pub(super) id: String,
    pub(super) at: UnixSeconds,
    /// In hundredths; negative: out.
    pub(super) minor: i64,
    pub(super) is_booked: bool,
    pub(super) kind: Kind,
    pub(super) party: String,
    pub(super) category: &'static str,
    pub(super) text: String,
    /// Whose account is at the other end, where it is known.
    pub(super) other: Option<(Scheme, String)>,
    /// What is booked after it.
    pub(super) balance: i64,
}

impl Statement {
    /// Of `account` at `now`.
    pub(super) fn draw(account: &'static Account, history: &History, payments: &[Payment], now: UnixSeconds) -> Self {
        let lived = history.entries.iter().filter(|entry| entry.at <= now).map(|entry| lived(account, entry, now));
        let paid = payments.iter().flat_map(|payment| paid(account, payment, now));
        let mut lines: Vec<_> = lived.chain(paid).collect();
        lines.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        let (mut booked, mut available) = (history.opening, history.opening);
        for line in &mut lines {
            available += line.minor;
            if line.is_booked {
                booked += line.minor;
            }
            line.balance = booked;
        }
        // Money that is not there yet cannot be spent; money that is on its way out cannot be spent again.
        let coming: i64 = lines.iter().filter(|line| !line.is_booked && line.minor > 0).map(|line| line.minor).sum();
        Self { lines, booked, available: available - coming }
    }
}

fn lived(account: &'static Account, entry: &Entry, now: UnixSeconds) -> Line {
    // Shops collect during the night.
    let collected = Day::of(entry.at).begins().0 + DAY + COLLECTED_SECOND;
    Line {
        account,
        id: entry.id.clone(),
        at: entry.at,
        minor: entry.minor,
        is_booked: entry.kind != Kind::Card || collected <= now.0,
        kind: entry.kind,
        party: entry.party.to_owned(),
        category: entry.category,
        text: entry.text.to_owned(),
        other: None,
        balance: 0,
    }
}

/// What `payment` does to `account`: out, in, or both for one who pays themselves.
fn paid(account: &'static Account, payment: &Payment, now: UnixSeconds) -> Vec<Line> {
    let order = &payment.given.order;
    let (stage, _) = Stage::of(payment, now);
    let is_completed = stage == Stage::Completed;
    let mut lines = Vec::new();
    if payment.account_id == account.id && payment.outcome.moves_money() {
        let other = Some((order.creditor.scheme, order.creditor.number.clone()));
        lines.push(Line {
            account,
            id: payment.id.clone(),
            at: payment.created,
            minor: -order.amount.minor,
            is_booked: is_completed,
            kind: Kind::Sent,
            party: order.creditor.name.clone(),
            category: "",
            text: order.reference.clone(),
            other,
            balance: 0,
        });
    }
    if payment.creditor_account_id.as_deref() == Some(account.id) && is_completed {
        let payer = super::books::account(&payment.account_id);
        lines.push(Line {
            account,
            id: format!("{}-in", payment.id),
            at: UnixSeconds(payment.created.0 + stage::SETTLED),
            minor: order.amount.minor,
            is_booked: true,
            kind: Kind::Received,
            party: payer.map_or("", |payer| payer.holder).to_owned(),
            category: "",
            text: order.reference.clone(),
            other: payer.and_then(Account::numbered_by),
            balance: 0,
        });
    }
    lines
}

/// Of the next day.
const COLLECTED_SECOND: i64 = 2 * 3600;
