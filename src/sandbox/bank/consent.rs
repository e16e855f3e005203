//! Consents: what third parties ask customers for, and what became of it.

use super::cbpii::Asked;
use super::order::Given;
use super::permissions::Permissions;
use crate::clock::UnixSeconds;
use crate::sandbox::secret;
use crate::sandbox::vocabulary::words;

/// A consent at the bank.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Consent {
    /// `ConsentId`
    pub(in crate::sandbox) id: String,
    /// To what.
    pub(in crate::sandbox) kind: Kind,
    /// Whose it is: the application that created it.
    pub(in crate::sandbox) client_id: String,
    /// What became of it, expiry aside.
    pub(in crate::sandbox) status: Status,
    /// To account information only.
    pub(in crate::sandbox) permissions: Permissions,
    /// Transactions before it are not shown.
    pub(in crate::sandbox) transactions_from: Option<UnixSeconds>,
    /// Transactions after it are not shown.
    pub(in crate::sandbox) transactions_to: Option<UnixSeconds>,
    /// What was asked for.
    pub(in crate::sandbox) request: Request,
    pub(in crate::sandbox) created: UnixSeconds,
    /// When its status changed last.
    pub(in crate::sandbox) updated: UnixSeconds,
    /// It is good before.
    pub(in crate::sandbox) expires: Option<UnixSeconds>,
    /// What the customer's yes made of it.
    pub(in crate::sandbox) authorization_id: Option<String>,
    /// Who said yes.
    pub(in crate::sandbox) subject: Option<String>,
    /// Which accounts they chose: ids.
    pub(in crate::sandbox) accounts: Vec<String>,
}

words! {
    /// What a consent is to; its word is its `type` in `authorization_details` (RFC 9396).
    Kind {
        /// See accounts.
        AccountAccess = "account_access",
        /// Make one payment.
        Payment = "payment",
        /// Ask whether funds suffice.
        FundsConfirmation = "funds_confirmation",
    }
}

words! {
    /// What became of a consent (`OBInternalConsentStatus1Code`).
    Status {
        /// The customer was not asked yet, or has not answered.
        AwaitingAuthorisation = "AWAU",
        /// The customer said yes.
        Authorised = "AUTH",
        /// The customer said no.
        Rejected = "RJCT",
        /// The payment was submitted.
        Consumed = "COND",
        /// The customer, or the bank, ended it.
        Cancelled = "CANC",
        /// The third party deleted it.
        Deleted = "GONE",
        /// Its time is over.
        Expired = "EXPD",
    }
}

/// What a third party wrote when it created the consent.
#[derive(Clone, Debug)]
pub(in crate::sandbox) enum Request {
    /// Permissions stand beside it.
    AccountAccess,
    /// The payment.
    Payment(Box<Given>),
    /// The account.
    FundsConfirmation(Box<Asked>),
}

impl Consent {
    /// A new one, which awaits the customer's answer.
    pub(in crate::sandbox) fn new(client_id: &str, request: Request, now: UnixSeconds) -> Self {
        let kind = match request {
            Request::AccountAccess => Kind::AccountAccess,
            Request::Payment(_) => Kind::Payment,
            Request::FundsConfirmation(_) => Kind::FundsConfirmation,
        };
        Self {
            id: secret::fresh_id(kind.prefix()),
            kind,
            client_id: client_id.to_owned(),
            status: Status::AwaitingAuthorisation,
            permissions: Permissions::default(),
            transactions_from: None,
            transactions_to: None,
            request,
            created: now,
            updated: now,
            expires: None,
            authorization_id: None,
            subject: None,
            accounts: Vec::new(),
        }
    }

    /// What became of it, by `now`.
    pub(in crate::sandbox) fn status_at(&self, now: UnixSeconds) -> Status {
        let can_expire = matches!(self.status, Status::AwaitingAuthorisation | Status::Authorised);
        let is_over = self.expires.is_some_and(|expires| expires <= now);
        if can_expire && is_over { Status::Expired } else { self.status }
    }

    /// Since when that is so.
    pub(in crate::sandbox) fn updated_at(&self, now: UnixSeconds) -> UnixSeconds {
        let is_expired = self.status_at(now) == Status::Expired;
        self.expires.filter(|_| is_expired).unwrap_or(self.updated)
    }
}

impl Request {
    /// What is kept of it.
    pub(in crate::sandbox) fn words(&self) -> String {
        match self {
            Self::AccountAccess => String::new(),
            Self::Payment(given) => given.words.to_string(),
            Self::FundsConfirmation(asked) => asked.words.to_string(),
        }
    }

    /// Reads what was kept of one.
    pub(in crate::sandbox) fn kept(kind: Kind, words: &str) -> Option<Self> {
        match kind {
            Kind::AccountAccess => Some(Self::AccountAccess),
            Kind::Payment => Given::kept(words).map(Box::new).map(Self::Payment),
            Kind::FundsConfirmation => Asked::kept(words).map(Box::new).map(Self::FundsConfirmation),
        }
    }
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::AccountAccess => "aac-",
            Self::Payment => "pc-",
            Self::FundsConfirmation => "fc-",
        }
    }
}

/// As long as the customer's yes lasts where no law says longer (RTS Article 10).
pub(in crate::sandbox) const IMPLIED_SECONDS: i64 = 90 * 86_400;
