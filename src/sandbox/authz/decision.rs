//! The customer's one answer, written down whole or not at all: the question, the bank's consents, the authorization
//! and its code are one transaction.

use super::Details;
use crate::sandbox::Site;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::secret;
use crate::sandbox::store::{Answer, Ask, Authorization, Login, NewCode, StoreFault, Transaction};

/// What the customer agreed to.
#[derive(Debug)]
pub(super) struct Choice {
    /// Which of the scopes that were asked for; at least one.
    pub(super) scopes: Scopes,
    /// The accounts that may be seen.
    pub(super) accounts: Vec<String>,
    /// The account that pays.
    pub(super) payer: Vec<String>,
    /// The account that is asked about.
    pub(super) funds: Vec<String>,
}

/// What came of a yes.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A code for the application.
    Code(String),
    /// There was an answer before, or what was asked is over.
    AnsweredBefore,
}

/// The customer says yes.
pub(super) async fn allow(site: &Site, ask: &Ask, login: Login, choice: &Choice) -> Result<Outcome, StoreFault> {
    let now = site.clock.now();
    let (question, client_id) = (&ask.question, &ask.application.client_id);
    let mut transaction = site.store.begin().await?;
    if !transaction.answer_ask(ask, Answer::Allowed, now).await? {
        return Ok(Outcome::AnsweredBefore);
    }
    // RFC 9126 §7.3: a pushed request gives one code, in however many windows it was opened.
    if let Some(pushed) = question.pushed
        && !transaction.use_pushed(pushed, now).await?
    {
        return void(site, ask, transaction).await;
    }
    let id = secret::name("authz_");
    let mut granted = Details::default();
    for api in choice.scopes.iter() {
        let grant = (login.customer.subject, choice.accounts_of(api));
        let consent_id = match question.details.consent(api) {
            Some(consent_id) if !transaction.authorise_consent(consent_id, &id, grant, now).await? => {
                return void(site, ask, transaction).await;
            }
            Some(consent_id) => consent_id.to_owned(),
            None => transaction.create_implied_account_consent(client_id, &id, grant, now).await?,
        };
        granted.add(api, consent_id).map_err(|_| StoreFault)?;
    }
    for detail in question.details.iter().filter(|detail| !choice.scopes.contains(detail.api)) {
        transaction.reject_consent(&detail.consent_id, now).await?;
    }
    transaction.note_authorization(ask, &id).await?;
    let code = transaction.issue_code(&code_for(site, ask, login, &choice.scopes, (id, &granted))).await?;
    transaction.commit().await?;
    Ok(Outcome::Code(code))
}

/// What was asked is over: it was answered in another window, or the application took it back.
async fn void(site: &Site, ask: &Ask, undone: Transaction) -> Result<Outcome, StoreFault> {
    drop(undone);
    close(site, ask, Answer::Void).await?;
    Ok(Outcome::AnsweredBefore)
}

/// Nobody says yes any more: false if there was an answer before.
pub(super) async fn close(site: &Site, ask: &Ask, answer: Answer) -> Result<bool, StoreFault> {
    let now = site.clock.now();
    let mut transaction = site.store.begin().await?;
    if !transaction.answer_ask(ask, answer, now).await? {
        return Ok(false);
    }
    for detail in ask.question.details.iter() {
        transaction.reject_consent(&detail.consent_id, now).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

fn code_for(site: &Site, ask: &Ask, login: Login, scopes: &Scopes, (id, granted): (String, &Details)) -> NewCode {
    let now = site.clock.now();
    let question = &ask.question;
    let authorization = Authorization {
        id,
        client_id: ask.application.client_id.clone(),
        subject: login.customer.subject.to_owned(),
        scopes: scopes.clone(),
        acr: question.acr,
        authenticated: login.authenticated,
        created: now,
        revoked: None,
        details: Some(granted.to_json()),
    };
    NewCode {
        authorization,
        redirect_uri: question.redirect_uri.clone(),
        challenge: question.challenge.clone(),
        dpop_jkt: question.dpop_jkt.clone(),
        expires: now.later(site.lifetimes.code),
    }
}

impl Choice {
    fn accounts_of(&self, api: Api) -> &[String] {
        match api {
            Api::AccountInformation => &self.accounts,
            Api::PaymentInitiation => &self.payer,
            Api::FundsConfirmation => &self.funds,
        }
    }
}
