//! The banking APIs and the scopes that open them. A scope that names neither cannot be held.

use crate::oauth::scope::ScopeSet;
use std::collections::BTreeSet;
use std::fmt;

/// What an application may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// Accounts, balances and transactions, read only.
    AccountInformation,
    /// Payments out of an account.
    PaymentInitiation,
    /// Whether an account holds enough for a purchase.
    FundsConfirmation,
}

/// Some of the APIs; its text is the scope string of RFC 6749 §3.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes(BTreeSet<Api>);

/// The text names something that is none of our scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownScope;

impl Api {
    /// Every API, in the order in which pages list them.
    pub const ALL: [Self; 3] = [Self::AccountInformation, Self::PaymentInitiation, Self::FundsConfirmation];

    /// Its scope.
    pub fn scope(self) -> &'static str {
        match self {
            Self::AccountInformation => "accounts",
            Self::PaymentInitiation => "payments",
            Self::FundsConfirmation => "fundsconfirmations",
        }
    }

    /// Its name on pages.
    pub fn title(self) -> &'static str {
        match self {
            Self::AccountInformation => "Account Information",
            Self::PaymentInitiation => "Payment Initiation",
            Self::FundsConfirmation => "Confirmation of Funds",
        }
    }

    /// What it does, for developers.
    pub fn summary(self) -> &'static str {
        match self {
            Self::AccountInformation => "Read accounts, balances and transactions.",
            Self::PaymentInitiation => "Start a payment and follow it.",
            Self::FundsConfirmation => "Ask whether an account holds enough for a purchase.",
        }
    }

    /// Where it stands behind the gateway.
    pub fn path(self) -> &'static str {
        match self {
            Self::AccountInformation => "/open-banking/v4.0/aisp",
            Self::PaymentInitiation => "/open-banking/v4.0/pisp",
            Self::FundsConfirmation => "/open-banking/v4.0/cbpii",
        }
    }

    /// Its address at the gateway `origin`, and so the audience of its tokens (RFC 9068 §3).
    pub fn audience(self, origin: &str) -> String {
        format!("{origin}{}", self.path())
    }

    /// The API that `scope` opens.
    pub fn of_scope(scope: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.scope() == scope)
    }
}

impl Scopes {
    /// Reads a scope string; the empty one is no scope at all, and no request can mean that.
    pub(super) fn parse(text: &str) -> Result<Self, UnknownScope> {
        let set: ScopeSet = text.parse().map_err(|_| UnknownScope)?;
        let scopes: BTreeSet<_> = set.scopes().iter().map(Api::of_scope).collect::<Option<_>>().ok_or(UnknownScope)?;
        if scopes.is_empty() { Err(UnknownScope) } else { Ok(Self(scopes)) }
    }

    /// Whether all of these are among `wider`.
    pub(super) fn within(&self, wider: &Self) -> bool {
        self.0.is_subset(&wider.0)
    }

    /// Whether `api` is one of them.
    pub(super) fn contains(&self, api: Api) -> bool {
        self.0.contains(&api)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each API once, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Api> {
        self.0.iter().copied()
    }
}

impl FromIterator<Api> for Scopes {
    fn from_iter<I: IntoIterator<Item = Api>>(apis: I) -> Self {
        Self(apis.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, api) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}", api.scope())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_exact_and_known() {
        for (text, printed) in
            [("accounts", "accounts"), ("payments accounts", "accounts payments"), ("accounts accounts", "accounts")]
        {
            assert_eq!(Scopes::parse(text).unwrap().to_string(), printed);
        }
        for bad in ["", " accounts", "accounts  payments", "Accounts", "account", "accounts openid", "accounts\"", "*"]
        {
            assert_eq!(Scopes::parse(bad), Err(UnknownScope), "{bad:?}");
        }
    }

    #[test]
    fn a_subset_is_within() {
        let [one, both] = ["accounts", "accounts payments"].map(|text| Scopes::parse(text).unwrap());
        assert!(one.within(&both) && one.within(&one) && !both.within(&one));
    }
}
