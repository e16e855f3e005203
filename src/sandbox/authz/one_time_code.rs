//! `/one-time-code`: the second factor, asked for payments and for whoever wants to be surer (`acr_values`). The text
//! message is shown on the page, because there is no telephone; everything else is as it would be.

use super::decision;
use super::matter::Matter;
use super::visit::{self, Guest, VisitFault};
use crate::sandbox::Site;
use crate::sandbox::attempts::Wait;
use crate::sandbox::page;
use crate::sandbox::store::{Answer, Ask, Resend, Typed};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "one_time_code.html", config = "src/sandbox/askama.toml")]
struct CodePage<'a> {
    ask: &'a str,
    form_token: &'a str,
    customer: &'a str,
    /// In two groups, as people read it out.
    code: String,
    /// Says what the code allows, so that whoever is deceived on the page sees it on the telephone.
    purpose: String,
    fault: Option<String>,
}

/// Sends the code, unless one is under way, and shows the field for it.
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let shown = async {
        let guest = Guest::of(&site, query.as_bytes(), &headers).await?;
        let ask = guest.ask(&site).await?;
        match guest.login_for(&ask) {
            Ok(_) => Ok(visit::redirect(visit::CONSENT, Some(&ask.id))),
            Err(visit::ONE_TIME_CODE) => show(&site, &guest, &ask, Resend::IfNone, None).await,
            Err(step) => Ok(visit::redirect(step, Some(&ask.id))),
        }
    };
    shown.await.unwrap_or_else(VisitFault::answer)
}

/// Checks a code, or sends another.
pub(super) async fn post(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let taken = async {
        let guest = Guest::of_form(&site, &body, &headers).await?;
        let ask = guest.ask(&site).await?;
        match guest.login_for(&ask) {
            Ok(_) => Ok(visit::redirect(visit::CONSENT, Some(&ask.id))),
            Err(visit::ONE_TIME_CODE) if guest.value("another").is_empty() => enter(&site, &guest, &ask).await,
            Err(visit::ONE_TIME_CODE) => show(&site, &guest, &ask, Resend::Always, None).await,
            Err(step) => Ok(visit::redirect(step, Some(&ask.id))),
        }
    };
    taken.await.unwrap_or_else(VisitFault::answer)
}

async fn enter(site: &Site, guest: &Guest, ask: &Ask) -> Result<Response, VisitFault> {
    // Also over many questions: whoever knows the password must not have more guesses by asking more.
    let login = guest.session.login.ok_or(VisitFault::Unknown)?;
    let (name, anywhere) = (format!("one-time code of {}", login.customer.subject), IpAddr::from([0, 0, 0, 0]));
    if let Err(Wait(seconds)) = site.attempts.spend(&name, anywhere, site.clock.now()) {
        let fault = format!("Too many tries. Wait {seconds} seconds, then try again.");
        return show(site, guest, ask, Resend::IfNone, Some(fault)).await;
    }
    // People copy the gap between the groups.
    let typed: String = guest.value("code").chars().filter(|c| !c.is_whitespace()).collect();
    match site.store.try_code(ask, &guest.session, &typed, site.clock.now()).await? {
        Typed::Right => {
            site.attempts.forgive(&name, anywhere);
            Ok(visit::redirect(visit::CONSENT, Some(&ask.id)))
        }
        Typed::Wrong { left: 0 } | Typed::Worthless => {
            let fault = "That code does not work any more. We sent another: type that one.";
            show(site, guest, ask, Resend::Always, Some(fault.to_owned())).await
        }
        Typed::Wrong { left } => {
            let tries = if left == 1 { "one more try" } else { "a few more tries" };
            let fault = format!("That is not the code. Compare it with the text message; you have {tries}.");
            show(site, guest, ask, Resend::IfNone, Some(fault)).await
        }
    }
}

async fn show(
    site: &Site,
    guest: &Guest,
    ask: &Ask,
    resend: Resend,
    fault: Option<String>,
) -> Result<Response, VisitFault> {
    let Some(code) = site.store.send_code(ask, &guest.session, resend, site.clock.now()).await? else {
        decision::close(site, ask, Answer::Locked).await?;
        return Err(guest.ended(site, ask).await);
    };
    let matter = Matter::of(site, guest, ask).await?;
    let (first, last) = code.split_at_checked(code.len() / 2).unwrap_or((&code, ""));
    let page = CodePage {
        ask: &ask.id,
        form_token: &guest.session.form_token,
        customer: guest.session.login.map_or("", |login| login.customer.name),
        code: format!("{first} {last}"),
        purpose: matter.purpose(&ask.application.name),
        fault,
    };
    let status = if page.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page::show(status, &page))
}
