//! What is asked for in plain words: short, and each true by itself.

use super::matter::{Access, Matter};
use crate::clock::UnixSeconds;
use crate::sandbox::bank::date;
use crate::sandbox::bank::order::{Order, Party};
use crate::sandbox::bank::permissions::Permission;
use std::fmt::Write as _;

impl Matter {
    /// What the application wants, after its name. A payment has its own sentence.
    pub(super) fn wish(&self) -> &'static str {
        match (&self.access, &self.payment, &self.funds) {
            (Some(_), None, None) => "wants to see your accounts",
            (None, None, Some(_)) => "wants to ask whether you have enough money",
            (Some(_), None, Some(_)) => "wants to see your accounts and ask whether you have enough money",
            (None, Some(_), None) => "asks you to pay",
            (Some(_), Some(_), None) => "wants to see your accounts and asks you to pay",
            (None, Some(_), Some(_)) => "wants to ask whether you have enough money and asks you to pay",
            (Some(_), Some(_), Some(_)) => {
                "wants to see your accounts, ask whether you have enough money, and asks you to pay"
            }
            (None, None, None) => "asks for nothing",
        }
    }

    /// What a one-time code is good for, in a text message. Names amount and payee: (EU) 2018/389, article 5(1)(a).
    pub(super) fn purpose(&self, application: &str) -> String {
        match &self.payment {
            Some(order) => format!("to let {application} pay {} to {}", order.amount.text(), payee(&order.creditor)),
            None => format!("to answer {application}, which {}", self.wish()),
        }
    }

    /// The left list.
    pub(super) fn may(&self) -> Vec<String> {
        let mut may = self.access.as_ref().map(Access::may).unwrap_or_default();
        if self.payment.is_some() {
            may.push("make this payment, once".to_owned());
        }
        if self.funds.is_some() {
            may.push("ask whether one account holds enough for a purchase, and hear yes or no".to_owned());
        }
        may
    }

    /// The right list.
    pub(super) fn may_not(&self) -> Vec<&'static str> {
        let sees =
            |permissions: &[Permission]| self.access.as_ref().is_some_and(|access| access.permissions.any(permissions));
        let mut may_not = vec![match self.payment {
            Some(_) => "make any other payment",
            None => "move your money",
        }];
        if !sees(&[Permission::ReadBalances]) {
            may_not.push("see how much you have");
        }
        if !sees(&[Permission::ReadTransactionsBasic, Permission::ReadTransactionsDetail]) {
            may_not.push("see what you spend or receive");
        }
        may_not.push("see your password");
        may_not
    }
}

impl Access {
    /// What it may see, one line for what belongs together.
    fn may(&self) -> Vec<String> {
        use Permission as P;
        let has = |permissions: &[Permission]| self.permissions.any(permissions);
        let mut may = Vec::new();
        if has(&[P::ReadAccountsDetail]) {
            may.push("see the names and numbers of the accounts you pick".to_owned());
        } else if has(&[P::ReadAccountsBasic]) {
            may.push("see which kinds of account you pick, not their numbers".to_owned());
        }
        if has(&[P::ReadBalances]) {
            may.push("see how much is on them".to_owned());
        }
        if has(&[P::ReadTransactionsBasic, P::ReadTransactionsDetail]) {
            may.push(self.transactions());
        }
        let regular: &[_] = &[
            P::ReadDirectDebits,
            P::ReadStandingOrdersBasic,
            P::ReadStandingOrdersDetail,
            P::ReadScheduledPaymentsBasic,
            P::ReadScheduledPaymentsDetail,
        ];
        for pair in [
            [
                (&[P::ReadBeneficiariesBasic, P::ReadBeneficiariesDetail] as &[_], "whom you pay often"),
                (regular, "your regular and planned payments"),
            ],
            [
                (&[P::ReadStatementsBasic, P::ReadStatementsDetail], "your statements"),
                (&[P::ReadProducts, P::ReadOffers], "your accounts’ conditions"),
            ],
            [(&[P::ReadParty, P::ReadPartyPSU], "your name and address"), (&[P::ReadPAN], "whole card numbers")],
        ] {
            let seen: Vec<_> = pair.iter().filter(|(needed, _)| has(needed)).map(|(_, words)| *words).collect();
            if !seen.is_empty() {
                may.push(format!("see {}", seen.join(" and ")));
            }
        }
        may
    }

    fn transactions(&self) -> String {
        use Permission as P;
        let credits = self.permissions.has(P::ReadTransactionsCredits);
        let mut words = match (credits, self.permissions.has(P::ReadTransactionsDebits)) {
            (true, true) => "see what comes in and goes out",
            (true, false) => "see what comes in, not what goes out",
            (false, true) => "see what goes out, not what comes in",
            (false, false) => "see no transactions",
        }
        .to_owned();
        if !self.permissions.has(P::ReadTransactionsDetail) {
            words.push_str(", without the details");
        }
        for (preposition, at) in [("from", self.from), ("until", self.to)] {
            if let Some(at) = at {
                write!(words, ", {preposition} {}", day(at)).expect("writing to a String does not fail");
            }
        }
        words
    }

    /// How long.
    pub(super) fn until(&self) -> String {
        until(self.until)
    }
}

/// How long something stays allowed.
pub(super) fn until(end: Option<UnixSeconds>) -> String {
    match end {
        Some(at) => format!("Until {}, or until you withdraw it.", day(at)),
        None => "Until you withdraw it.".to_owned(),
    }
}

/// Who is paid, and where, if the account has another name than its number.
pub(super) fn payee(party: &Party) -> &str {
    if party.name.is_empty() { &party.number } else { &party.name }
}

/// An account's number in groups.
pub(super) fn number(party: &Party) -> String {
    party.scheme.text(&party.number)
}

/// `€12.50 to Ada Books`
pub(super) fn sum(order: &Order) -> String {
    format!("{} to {}", order.amount.text(), payee(&order.creditor))
}

/// `23 February 2027`, in UTC.
pub(super) fn day(at: UnixSeconds) -> String {
    let printed = date::print(at);
    let mut parts = printed.split('T').next().unwrap_or_default().splitn(3, '-');
    let [year, month, day] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let name = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"");
    format!("{} {name} {year}", day.trim_start_matches('0'))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::bank::permissions::Permissions;

    fn access(names: &str) -> Access {
        let permissions = Permissions::parse(names.split(' ')).unwrap();
        Access { permissions, from: None, to: None, until: None }
    }

    #[test]
    fn days_are_written_out() {
        for (seconds, text) in
            [(0, "1 January 1970"), (1_772_366_405, "1 March 2026"), (1_798_675_200, "31 December 2026")]
        {
            assert_eq!(day(UnixSeconds(seconds)), text);
        }
    }

    #[test]
    fn each_permission_has_its_words_and_no_more() {
        for (names, may) in [
            ("ReadAccountsBasic", "see which kinds of account you pick, not their numbers"),
            ("ReadAccountsBasic ReadAccountsDetail", "see the names and numbers of the accounts you pick"),
            ("ReadBalances", "see how much is on them"),
            (
                "ReadTransactionsBasic ReadTransactionsCredits",
                "see what comes in, not what goes out, without the details",
            ),
            ("ReadTransactionsDetail ReadTransactionsCredits ReadTransactionsDebits", "see what comes in and goes out"),
            ("ReadPAN", "see whole card numbers"),
        ] {
            assert_eq!(access(names).may(), [may], "{names}");
        }
        assert!(Permission::ALL.iter().all(|permission| {
            let is_half =
                permission.as_str() == "ReadTransactionsCredits" || permission.as_str() == "ReadTransactionsDebits";
            is_half
                || !Access { permissions: Permissions::of_text(permission.as_str()), ..access("ReadPAN") }
                    .may()
                    .is_empty()
        }));
    }

    #[test]
    fn what_is_not_asked_for_is_denied_in_words() {
        let matter = |names| Matter { access: Some(access(names)), payment: None, funds: None, funds_until: None };
        assert_eq!(
            matter("ReadBalances").may_not(),
            ["move your money", "see what you spend or receive", "see your password"]
        );
        let all = matter("ReadBalances ReadTransactionsBasic ReadTransactionsDebits");
        assert_eq!(all.may_not(), ["move your money", "see your password"]);
    }
}
