//! What the customer's pages have in common: the browser that came, the question that it was asked, and where the
//! customer stands on the way from the login to the answer.

use super::back::Back;
use crate::sandbox::Site;
use crate::sandbox::form::{self, Params};
use crate::sandbox::page;
use crate::sandbox::redirect_uri::RedirectUri;
use crate::sandbox::secret;
use crate::sandbox::store::{Answer, Ask, Login, Session, StoreFault};
use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};

/// The steps, in order; each sends back to the first that is not done.
pub(super) const LOGIN: &str = "/login";
pub(super) const ONE_TIME_CODE: &str = "/one-time-code";
pub(super) const CONSENT: &str = "/consent";
/// Where a customer without a question is.
pub(super) const MY_ACCESS: &str = "/my/access";

/// A browser that we know, and the parameters that it brought.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) session: Session,
    params: Params,
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub(super) enum VisitFault {
    NotAForm,
    /// No cookie of ours, or a question of another browser, or one of long ago.
    Unknown,
    /// The form does not carry the session's token: another page made it, or it is of before a login.
    Forged {
        ask_id: String,
    },
    /// The question has its answer, or waited too long for one.
    Ended(Box<Ended>),
    Store(StoreFault),
}

/// What is left to say about a question that can no longer be answered.
#[derive(Debug, Template)]
#[template(path = "ended.html", config = "src/sandbox/askama.toml")]
pub(super) struct Ended {
    application: String,
    answer: Option<Answer>,
    /// Where the application is; it learns there that nothing was allowed, unless it knows better.
    back: Option<String>,
}

/// The session that the browser's cookie names.
pub(super) async fn session(site: &Site, headers: &HeaderMap) -> Result<Option<Session>, StoreFault> {
    match site.customers_cookie().read(headers) {
        Some(cookie) => site.store.session(cookie, site.clock.now()).await,
        None => Ok(None),
    }
}

impl Guest {
    /// Finds the session by its cookie.
    pub(super) async fn of(site: &Site, params: &[u8], headers: &HeaderMap) -> Result<Self, VisitFault> {
        let params = Params::parse(params).map_err(|_| VisitFault::NotAForm)?;
        let session = session(site, headers).await?.ok_or(VisitFault::Unknown)?;
        Ok(Self { session, params })
    }

    /// As `of`, for a form, which must carry the session's token: another site cannot send it for the customer.
    pub(super) async fn of_form(site: &Site, body: &[u8], headers: &HeaderMap) -> Result<Self, VisitFault> {
        let guest = Self::of(site, body, headers).await?;
        let token = guest.value("form_token");
        if secret::equal(token.as_bytes(), guest.session.form_token.as_bytes()) {
            Ok(guest)
        } else {
            Err(VisitFault::Forged { ask_id: guest.value("ask").to_owned() })
        }
    }

    /// A field of the form; empty if it is not there.
    pub(super) fn value(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// Every value of a list of check boxes.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.params.all(name)
    }

    /// The question that the page is about, as long as it can be answered.
    pub(super) async fn ask(&self, site: &Site) -> Result<Ask, VisitFault> {
        let ask = self.ask_of_before(site).await?;
        if ask.answer.is_some() || site.clock.now() >= ask.expires {
            return Err(VisitFault::Ended(Box::new(Ended::of(&ask, &site.issuer))));
        }
        Ok(ask)
    }

    /// Likewise, also where it was answered or is too old.
    pub(super) async fn ask_of_before(&self, site: &Site) -> Result<Ask, VisitFault> {
        site.store.ask(self.value("ask"), &self.session).await?.ok_or(VisitFault::Unknown)
    }

    /// What is to be said about a question that somebody else answered in this moment.
    pub(super) async fn ended(&self, site: &Site, ask: &Ask) -> VisitFault {
        match site.store.ask(&ask.id, &self.session).await {
            Ok(Some(ask)) => VisitFault::Ended(Box::new(Ended::of(&ask, &site.issuer))),
            Ok(None) => VisitFault::Unknown,
            Err(fault) => fault.into(),
        }
    }

    /// The login, and the first step that is not done if it is one before the consent.
    pub(super) fn login_for(&self, ask: &Ask) -> Result<Login, &'static str> {
        match self.session.login {
            Some(_) if ask.login_needed => Err(LOGIN),
            Some(_) if !ask.is_confirmed_by(&self.session) => Err(ONE_TIME_CODE),
            Some(login) => Ok(login),
            None => Err(LOGIN),
        }
    }
}

impl Ended {
    /// Of a question that was answered or is too old.
    pub(super) fn of(ask: &Ask, issuer: &str) -> Self {
        let question = &ask.question;
        let back = match ask.answer {
            // Its code went there once and goes nowhere else.
            Some(Answer::Allowed) => web_origin(&question.redirect_uri),
            Some(Answer::Refused) => Some(Back::of(question, issuer).error_address(DENIED, "The customer refused")),
            Some(Answer::Void) => {
                Some(Back::of(question, issuer).error_address(DENIED, "The consent awaits no answer any more"))
            }
            Some(Answer::Locked) => Some(Back::of(question, issuer).error_address(DENIED, "Too many wrong codes")),
            None => Some(Back::of(question, issuer).error_address(DENIED, "The customer did not answer in time")),
        };
        Self { application: ask.application.name.clone(), answer: ask.answer, back }
    }
}

impl VisitFault {
    /// The page that says so and where to go.
    pub(super) fn answer(self) -> Response {
        match self {
            Self::NotAForm => page::fault(StatusCode::BAD_REQUEST, "This did not work", "The form could not be read."),
            Self::Unknown => {
                let text = "This page belongs to another browser, or is too old. Go back to the application that sent \
                    you here and start again.";
                page::fault(StatusCode::BAD_REQUEST, "This page leads nowhere", text)
            }
            Self::Forged { ask_id } => {
                let question = (!ask_id.is_empty()).then(|| address(CONSENT, &ask_id));
                page::show(StatusCode::FORBIDDEN, &ForgedPage { question })
            }
            Self::Ended(ended) => page::show(StatusCode::GONE, &*ended),
            Self::Store(fault) => fault.into_response(),
        }
    }
}

impl From<StoreFault> for VisitFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

#[derive(Template)]
#[template(path = "forged.html", config = "src/sandbox/askama.toml")]
struct ForgedPage {
    question: Option<String>,
}

/// On to another page, about the same question.
pub(super) fn redirect(path: &str, ask_id: Option<&str>) -> Response {
    match ask_id {
        Some(id) => Redirect::to(&address(path, id)).into_response(),
        None => Redirect::to(path).into_response(),
    }
}

fn address(path: &str, ask_id: &str) -> String {
    format!("{path}?{}", form::join(&[("ask", ask_id)]))
}

/// The host that the customer returns to, or the application's own scheme.
pub(super) fn host_of(redirect_uri: &str) -> &str {
    let (scheme, rest) = redirect_uri.split_once(':').unwrap_or(("", redirect_uri));
    match rest.strip_prefix("//") {
        Some(rest) if matches!(scheme, "https" | "http") => rest.split(['/', '?']).next().unwrap_or(rest),
        Some(_) | None => scheme,
    }
}

/// The origin of a redirect URI that was asked for, whose port may differ from the registered one's.
pub(super) fn origin_of(redirect_uri: &str) -> String {
    RedirectUri::parse(redirect_uri).map_or_else(|_| String::new(), |uri| uri.origin().to_owned())
}

/// The first page of whom the customer came from, if it is a page at all.
fn web_origin(redirect_uri: &str) -> Option<String> {
    Some(origin_of(redirect_uri)).filter(|origin| origin.contains("//")).map(|origin| origin + "/")
}

/// RFC 6749 §4.1.2.1
pub(super) const DENIED: &str = "access_denied";
