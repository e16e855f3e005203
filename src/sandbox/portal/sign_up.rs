//! `/signup`: a developer makes an account. The e-mail is a name to sign in with; no mail is ever sent, and the page
//! says so.

use super::next::Next;
use super::passwords::Busy;
use super::sign_in::{self, PASSWORD_BYTES_MAX};
use super::visitor::{Form, Frame, Visitor};
use super::words;
use crate::net::serve::PeerAddress;
use crate::sandbox::attempts::Wait;
use crate::sandbox::form::Params;
use crate::sandbox::store::{NewDeveloper, SignUp, StoreFault};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use std::net::IpAddr;
use std::sync::Arc;

/// The form as it was filled in. The password is not given back.
#[derive(Debug, Default)]
struct Draft {
    name: String,
    email: String,
}

/// What is wrong, field by field.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
    whole: Option<String>,
}

#[derive(Template)]
#[template(path = "signup.html", config = "src/sandbox/askama.toml")]
struct SignUpPage<'a> {
    frame: Frame,
    draft: &'a Draft,
    faults: Faults,
    next: &'a str,
    sign_in: String,
    password_chars_min: usize,
}

/// Shows the form, unless the visitor is signed in already.
pub(super) async fn get(visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let next = Next::parse(params.get("next").unwrap_or_default());
    if visitor.developer.is_some() {
        return Redirect::to(next.as_str()).into_response();
    }
    show(&visitor, StatusCode::OK, &Draft::default(), &next, Faults::default())
}

/// Makes the account and signs in.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    Form { visitor, params }: Form,
) -> Response {
    let text = |name| params.get(name).unwrap_or_default();
    let next = Next::parse(text("next"));
    let draft = Draft { name: text("name").trim().to_owned(), email: text("email").trim().to_owned() };
    match sign_up(&site, &draft, text("password"), peer).await {
        Ok(developer_id) => {
            sign_in::enter(&site, &visitor, &developer_id, &next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Err(SignUpFault::Store(fault)) => fault.into_response(),
        Err(fault) => show(&visitor, fault.status(), &draft, &next, fault.told()),
    }
}

async fn sign_up(site: &Site, draft: &Draft, password: &str, peer: IpAddr) -> Result<String, SignUpFault> {
    let email = draft.check(password).map_err(SignUpFault::Fields)?;
    let now = site.clock.now();
    // Never forgiven: who makes accounts by the dozen waits.
    site.attempts.spend("sign-up", peer, now).map_err(SignUpFault::TooMany)?;
    let password = site.passwords.hash(password).await.map_err(|Busy| SignUpFault::Busy)?;
    let new = NewDeveloper { email: &email, name: &draft.name, password: &password };
    match site.store.add_developer(new, now).await? {
        SignUp::Done(developer) => Ok(developer.id),
        SignUp::Taken => Err(SignUpFault::Taken),
        SignUp::Full => Err(SignUpFault::Full),
    }
}

fn show(visitor: &Visitor, status: StatusCode, draft: &Draft, next: &Next, faults: Faults) -> Response {
    let page = SignUpPage {
        frame: visitor.frame("/signup"),
        draft,
        faults,
        next: next.as_str(),
        sign_in: next.after("/signin"),
        password_chars_min: PASSWORD_CHARS_MIN,
    };
    visitor.keep(page::show(status, &page))
}

impl Draft {
    /// The e-mail as it is kept, if all is right.
    fn check(&self, password: &str) -> Result<String, Faults> {
        let mut faults = Faults { name: words::name_fault(&self.name, NAME_CHARS_MAX), ..Faults::default() };
        if self.name.is_empty() {
            faults.name = Some("Say how the portal should call you.".to_owned());
        }
        let email = words::email(&self.email);
        if email.is_none() {
            faults.email = Some("Write it as you@company.example.".to_owned());
        }
        if password.chars().count() < PASSWORD_CHARS_MIN {
            faults.password =
                Some(format!("Use at least {PASSWORD_CHARS_MIN} characters: a few words are easy to keep."));
        } else if password.len() > PASSWORD_BYTES_MAX / 2 {
            faults.password = Some(format!("Use at most {} characters.", PASSWORD_BYTES_MAX / 2));
        } else if email.as_deref().is_some_and(|email| password.to_lowercase() == email) {
            faults.password = Some("Use something else than your e-mail.".to_owned());
        }
        email.filter(|_| faults == Faults::default()).ok_or(faults)
    }
}

/// Why there is no account.
#[derive(Debug)]
enum SignUpFault {
    /// The form's.
    Fields(Faults),
    /// Somebody has this e-mail.
    Taken,
    /// Too many accounts from one address.
    TooMany(Wait),
    /// Too many sign up at once.
    Busy,
    /// No place for another account.
    Full,
    /// Ours.
    Store(StoreFault),
}

impl From<StoreFault> for SignUpFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl SignUpFault {
    fn status(&self) -> StatusCode {
        match self {
            Self::Fields(_) | Self::Taken => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Full | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn told(self) -> Faults {
        let whole = |text: &str| Faults { whole: Some(text.to_owned()), ..Faults::default() };
        match self {
            Self::Fields(faults) => faults,
            Self::Taken => {
                let text = "There is an account with this e-mail. Sign in, or use another.";
                Faults { email: Some(text.to_owned()), ..Faults::default() }
            }
            Self::TooMany(Wait(seconds)) => {
                whole(&format!("Many accounts were made from your address. Wait {seconds} seconds, then try again."))
            }
            Self::Busy | Self::Store(_) => whole("Many are signing up right now. Try again in a moment."),
            Self::Full => whole("The sandbox has no place for another account."),
        }
    }
}

/// It has to fit into the navigation.
const NAME_CHARS_MAX: usize = 60;
/// The only factor here; NIST SP 800-63B-4 §3.1.1.2 asks for length and for nothing else.
const PASSWORD_CHARS_MIN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, email: &str, password: &str) -> Result<String, Faults> {
        Draft { name: name.to_owned(), email: email.to_owned() }.check(password)
    }

    #[test]
    fn every_fault_is_told_at_its_field_and_at_once() {
        assert_eq!(check("Ada", "Ada@tally.example", "green-ladder").as_deref(), Ok("ada@tally.example"));
        let faults = check("", "ada", "short").unwrap_err();
        assert!(faults.name.is_some() && faults.email.is_some() && faults.password.is_some());
    }

    #[test]
    fn passwords_have_ten_characters_to_512_bytes_and_are_not_the_email() {
        for (password, is_fine) in [
            ("a".repeat(9), false),
            ("a".repeat(10), true),
            ("ç".repeat(10), true),
            ("a".repeat(512), true),
            ("a".repeat(513), false),
            ("ADA@tally.example".to_owned(), false),
        ] {
            assert_eq!(check("Ada", "ada@tally.example", &password).is_ok(), is_fine, "{password}");
        }
    }
}
