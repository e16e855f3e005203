//! What a question is about: the bank's consents behind it, and what of them is this customer's.

use super::decision;
use super::visit::{Guest, VisitFault};
use crate::clock::UnixSeconds;
use crate::sandbox::Site;
use crate::sandbox::bank::consent::{Consent, IMPLIED_SECONDS, Request, Status};
use crate::sandbox::bank::order::{Order, Party};
use crate::sandbox::bank::permissions::Permissions;
use crate::sandbox::bank::{self, AccountLine};
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Answer, Ask, Question, StoreFault};

/// What is asked for; at most one of each kind.
#[derive(Debug)]
pub(super) struct Matter {
    /// Accounts to see.
    pub(super) access: Option<Access>,
    /// A payment to make.
    pub(super) payment: Option<Order>,
    /// An account to ask about.
    pub(super) funds: Option<Party>,
    /// How long.
    pub(super) funds_until: Option<UnixSeconds>,
}

/// What of the accounts.
#[derive(Debug)]
pub(super) struct Access {
    /// Which data.
    pub(super) permissions: Permissions,
    /// Transactions since then.
    pub(super) from: Option<UnixSeconds>,
    /// Transactions until then.
    pub(super) to: Option<UnixSeconds>,
    /// How long; without an end until it is withdrawn.
    pub(super) until: Option<UnixSeconds>,
}

/// What is asked for, beside what the customer has.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) matter: Matter,
    /// All that are theirs.
    pub(super) accounts: Vec<AccountLine>,
    /// Those that the payment can come from.
    pub(super) payers: Vec<AccountLine>,
    /// The one that is asked about, if it is theirs.
    pub(super) funds: Option<AccountLine>,
}

impl Matter {
    /// What `ask` is about. When one of its consents awaits no answer any more, the whole question does not.
    pub(super) async fn of(site: &Site, guest: &Guest, ask: &Ask) -> Result<Self, VisitFault> {
        match awaited(site, &ask.application.client_id, &ask.question).await? {
            Some(consents) => Ok(Self::read(&ask.question, consents, site.clock.now())),
            None => {
                decision::close(site, ask, Answer::Void).await?;
                Err(guest.ended(site, ask).await)
            }
        }
    }

    fn read(question: &Question, consents: Vec<Consent>, now: UnixSeconds) -> Self {
        let mut matter = Self { access: None, payment: None, funds: None, funds_until: None };
        for consent in consents {
            match consent.request {
                Request::AccountAccess => {
                    matter.access = Some(Access {
                        permissions: consent.permissions,
                        from: consent.transactions_from,
                        to: consent.transactions_to,
                        until: consent.expires,
                    });
                }
                Request::Payment(given) => matter.payment = Some(given.order),
                Request::FundsConfirmation(asked) => {
                    (matter.funds, matter.funds_until) = (Some(asked.account), consent.expires);
                }
            }
        }
        if question.scopes.contains(Api::AccountInformation) && matter.access.is_none() {
            let until = Some(UnixSeconds(now.0 + IMPLIED_SECONDS));
            matter.access = Some(Access { permissions: Permissions::implied(), from: None, to: None, until });
        }
        matter
    }
}

impl Offer {
    /// Puts `matter` to the customer `subject`.
    pub(super) async fn to(site: &Site, matter: Matter, subject: &str) -> Result<Self, StoreFault> {
        let accounts = bank::accounts_of(&site.store, subject, site.clock.now()).await?;
        let numbered = |party: &Party| bank::account_numbered(subject, party.scheme, &party.number);
        let payers = matter.payment.as_ref().map(|order| {
            let can_pay = |account: &&AccountLine| account.pays && account.currency == order.amount.currency;
            let is_named = |account: &&AccountLine| {
                order.debtor.as_ref().is_none_or(|debtor| numbered(debtor) == Some(account.id))
            };
            accounts.iter().filter(can_pay).filter(is_named).cloned().collect()
        });
        let funds = matter.funds.as_ref().and_then(numbered);
        let funds = funds.and_then(|id| accounts.iter().find(|account| account.id == id).cloned());
        Ok(Self { matter, payers: payers.unwrap_or_default(), funds, accounts })
    }

    /// Whether the customer can say yes to `api` at all.
    pub(super) fn can_allow(&self, api: Api) -> bool {
        match api {
            Api::AccountInformation => !self.accounts.is_empty(),
            Api::PaymentInitiation => !self.payers.is_empty(),
            Api::FundsConfirmation => self.funds.is_some(),
        }
    }
}

/// The consents that a question names; none if one is another application's, of another kind, or was decided before.
pub(super) async fn awaited(
    site: &Site,
    client_id: &str,
    question: &Question,
) -> Result<Option<Vec<Consent>>, StoreFault> {
    let mut consents = Vec::new();
    for detail in question.details.iter() {
        let consent = site.store.consent(&detail.consent_id).await?;
        let is_awaited = |consent: &Consent| {
            consent.client_id == client_id
                && api_of(consent) == detail.api
                && consent.status_at(site.clock.now()) == Status::AwaitingAuthorisation
        };
        match consent.filter(is_awaited) {
            Some(consent) => consents.push(consent),
            None => return Ok(None),
        }
    }
    Ok(Some(consents))
}

fn api_of(consent: &Consent) -> Api {
    match consent.request {
        Request::AccountAccess => Api::AccountInformation,
        Request::Payment(_) => Api::PaymentInitiation,
        Request::FundsConfirmation(_) => Api::FundsConfirmation,
    }
}
