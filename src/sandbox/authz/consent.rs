//! `/consent`: the customer sees what the application asks for, and allows all of it, some of it or nothing.

use super::back::Back;
use super::decision::{self, Choice, Outcome};
use super::matter::{Matter, Offer};
use super::visit::{self, DENIED, Guest, VisitFault};
use super::words;
use crate::sandbox::Site;
use crate::sandbox::bank::AccountLine;
use crate::sandbox::page;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::store::{Answer, Ask, Login};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "consent.html", config = "src/sandbox/askama.toml")]
struct ConsentPage<'a> {
    ask: &'a str,
    form_token: &'a str,
    application: &'a str,
    description: &'a str,
    customer: &'a str,
    returns_to: &'a str,
    offer: &'a Offer,
    can_allow: bool,
    /// Can be allowed one by one, if there are several.
    scopes: Vec<ScopeChoice>,
    chosen: &'a Chosen,
    faults: &'a ChoiceFaults,
}

/// One of several scopes, as the page lists it.
struct ScopeChoice {
    name: &'static str,
    words: &'static str,
    is_chosen: bool,
    is_possible: bool,
}

/// What is ticked when the page is shown.
#[derive(Debug, Default)]
struct Chosen {
    scopes: Vec<String>,
    accounts: Vec<String>,
    payer: String,
}

/// What has to be chosen before it can be allowed, beside where it is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ChoiceFaults {
    scopes: Option<&'static str>,
    accounts: Option<&'static str>,
    payer: Option<&'static str>,
}

impl ChoiceFaults {
    /// The first in the order of the page, and where it stands.
    fn first(&self) -> Option<(&'static str, &'static str)> {
        let places = [("scope-fault", self.scopes), ("account-fault", self.accounts), ("payer-fault", self.payer)];
        places.into_iter().find_map(|(id, fault)| Some((id, fault?)))
    }
}

/// Shows what is asked. Never skipped, also for a customer who allowed the same before (RFC 8252 §8.6).
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let shown = async {
        let guest = Guest::of(&site, query.as_bytes(), &headers).await?;
        let ask = guest.ask(&site).await?;
        match guest.login_for(&ask) {
            Ok(login) => {
                let offer = offer(&site, &guest, &ask, login).await?;
                let chosen = Chosen::at_first(&ask, &offer);
                Ok(show(&guest, &ask, &offer, &chosen, &ChoiceFaults::default()))
            }
            Err(step) => Ok(visit::redirect(step, Some(&ask.id))),
        }
    };
    shown.await.unwrap_or_else(VisitFault::answer)
}

/// Takes the customer's answer.
pub(super) async fn post(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let taken = async {
        let guest = Guest::of_form(&site, &body, &headers).await?;
        let ask = match guest.ask(&site).await {
            Err(VisitFault::Ended(ended)) if guest.value("decision") == "allow" => {
                let ask = guest.ask_of_before(&site).await?;
                return again(&site, &ask).await?.ok_or(VisitFault::Ended(ended));
            }
            ask => ask?,
        };
        match (guest.login_for(&ask), guest.value("decision")) {
            (Ok(login), "allow") => allow(&site, &guest, &ask, login).await,
            (Ok(_), "refuse") => refuse(&site, &guest, &ask).await,
            (Ok(_), _) => Ok(visit::redirect(visit::CONSENT, Some(&ask.id))),
            (Err(step), _) => Ok(visit::redirect(step, Some(&ask.id))),
        }
    };
    taken.await.unwrap_or_else(VisitFault::answer)
}

async fn allow(site: &Site, guest: &Guest, ask: &Ask, login: Login) -> Result<Response, VisitFault> {
    let offer = offer(site, guest, ask, login).await?;
    let chosen = Chosen::read(guest, ask);
    let choice = match chosen.check(ask, &offer) {
        Ok(choice) => choice,
        Err(faults) => return Ok(show(guest, ask, &offer, &chosen, &faults)),
    };
    match decision::allow(site, ask, login, &choice).await? {
        Outcome::Code(code) => Ok(Back::of(&ask.question, &site.issuer).with_code(&code)),
        Outcome::AnsweredBefore => match again(site, ask).await? {
            Some(answer) => Ok(answer),
            None => Err(guest.ended(site, ask).await),
        },
    }
}

/// The answer to a button that was pressed twice: the browser shows the second one only.
async fn again(site: &Site, ask: &Ask) -> Result<Option<Response>, VisitFault> {
    let code = site.store.renew_code(ask, site.clock.now()).await?;
    Ok(code.map(|code| Back::of(&ask.question, &site.issuer).with_code(&code)))
}

async fn refuse(site: &Site, guest: &Guest, ask: &Ask) -> Result<Response, VisitFault> {
    if decision::close(site, ask, Answer::Refused).await? {
        Ok(Back::of(&ask.question, &site.issuer).with_error(DENIED, "The customer refused"))
    } else {
        Err(guest.ended(site, ask).await)
    }
}

async fn offer(site: &Site, guest: &Guest, ask: &Ask, login: Login) -> Result<Offer, VisitFault> {
    let matter = Matter::of(site, guest, ask).await?;
    Ok(Offer::to(site, matter, login.customer.subject).await?)
}

fn show(guest: &Guest, ask: &Ask, offer: &Offer, chosen: &Chosen, faults: &ChoiceFaults) -> Response {
    let redirect_uri = &ask.question.redirect_uri;
    let page = ConsentPage {
        ask: &ask.id,
        form_token: &guest.session.form_token,
        application: &ask.application.name,
        description: &ask.application.description,
        customer: guest.session.login.map_or("", |login| login.customer.name),
        returns_to: visit::host_of(redirect_uri),
        offer,
        can_allow: ask.question.scopes.iter().any(|api| offer.can_allow(api)),
        scopes: scope_choices(&ask.question.scopes, offer, chosen),
        chosen,
        faults,
    };
    let is_fine = *faults == ChoiceFaults::default();
    let status = if is_fine { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page::allow_form_to(page::show(status, &page), &visit::origin_of(redirect_uri))
}

/// None if there is one only: whoever does not want it refuses.
fn scope_choices(scopes: &Scopes, offer: &Offer, chosen: &Chosen) -> Vec<ScopeChoice> {
    if scopes.iter().nth(1).is_none() {
        return Vec::new();
    }
    let choice = |api: Api| ScopeChoice {
        name: api.scope(),
        words: match api {
            Api::AccountInformation => "See my accounts",
            Api::PaymentInitiation => "Make this payment",
            Api::FundsConfirmation => "Ask whether I have enough money",
        },
        is_chosen: chosen.scopes.iter().any(|scope| scope == api.scope()),
        is_possible: offer.can_allow(api),
    };
    scopes.iter().map(choice).collect()
}

impl Chosen {
    fn has_account(&self, id: &str) -> bool {
        self.accounts.iter().any(|chosen| chosen == id)
    }

    /// Every scope, and an account only where there is no choice.
    fn at_first(ask: &Ask, offer: &Offer) -> Self {
        let only = |accounts: &[AccountLine]| match accounts {
            [only] => only.id.to_owned(),
            _ => String::new(),
        };
        let scopes = ask.question.scopes.iter().filter(|api| offer.can_allow(*api));
        Self {
            scopes: scopes.map(|api| api.scope().to_owned()).collect(),
            accounts: vec![only(&offer.accounts)],
            payer: only(&offer.payers),
        }
    }

    fn read(guest: &Guest, ask: &Ask) -> Self {
        let own = |name| guest.values(name).map(str::to_owned).collect();
        let one = ask.question.scopes.iter().nth(1).is_none();
        let scopes = if one { vec![ask.question.scopes.to_string()] } else { own("scope") };
        Self { scopes, accounts: own("account"), payer: guest.value("payer").to_owned() }
    }

    /// Whether it can be allowed: everything must be among what was asked for and is the customer's own.
    fn check(&self, ask: &Ask, offer: &Offer) -> Result<Choice, ChoiceFaults> {
        let is_chosen = |api: &Api| self.scopes.iter().any(|scope| scope == api.scope());
        let scopes: Scopes = ask.question.scopes.iter().filter(is_chosen).filter(|api| offer.can_allow(*api)).collect();
        let ids = |lines: &[AccountLine], is_chosen: &dyn Fn(&str) -> bool| -> Vec<String> {
            lines.iter().filter(|line| is_chosen(line.id)).map(|line| line.id.to_owned()).collect()
        };
        let choice = Choice {
            accounts: ids(&offer.accounts, &|id| self.has_account(id)),
            payer: ids(&offer.payers, &|id| self.payer == id),
            funds: offer.funds.iter().map(|account| account.id.to_owned()).collect(),
            scopes,
        };
        let lacks = |api, accounts: &[String]| choice.scopes.contains(api) && accounts.is_empty();
        let faults = ChoiceFaults {
            scopes: choice.scopes.is_empty().then_some("Tick what you allow, or refuse all of it."),
            accounts: lacks(Api::AccountInformation, &choice.accounts).then_some("Tick at least one account."),
            payer: lacks(Api::PaymentInitiation, &choice.payer).then_some("Choose the account that pays."),
        };
        if faults == ChoiceFaults::default() { Ok(choice) } else { Err(faults) }
    }
}
