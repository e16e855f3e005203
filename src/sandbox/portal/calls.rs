//! `/applications/{client_id}/calls`: what the gateway decided about this application's calls, read from its access log.

use super::application::{Refused, owned};
use super::explain::{self, Explanation};
use super::log::{Line, NoLog};
use super::visitor::{Frame, SignedIn};
use crate::sandbox::bank::date;
use crate::sandbox::form::{self, Params};
use crate::sandbox::store::Application;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Redirect, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "calls.html", config = "src/sandbox/askama.toml")]
struct CallsPage<'a> {
    frame: Frame,
    application: &'a Application,
    calls: Vec<Call>,
    is_readable: bool,
    first: String,
}

#[derive(Template)]
#[template(path = "call.html", config = "src/sandbox/askama.toml")]
struct CallPage<'a> {
    frame: Frame,
    application: &'a Application,
    call: Call,
}

/// A call in the words of a page.
#[derive(Debug)]
struct Call {
    line: Arc<Line>,
    time: String,
    explanation: Option<Explanation>,
}

/// Lists the last ones, newest first.
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let read = site.calls.of(&client_id).await;
    let is_readable = read.is_ok();
    let page = CallsPage {
        frame: signed_in.frame("/applications"),
        application: &application,
        calls: read.unwrap_or_default().into_iter().map(Call::of).collect(),
        is_readable,
        first: format!("{}/open-banking/v4.0/aisp/accounts", site.gateway),
    };
    Ok(page::show(StatusCode::OK, &page))
}

/// Goes to the call that is named.
pub(super) async fn find(Path(client_id): Path<String>, RawQuery(query): RawQuery) -> Redirect {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let id = form::encode(params.get("id").unwrap_or("none").trim());
    Redirect::to(&format!("/applications/{}/calls/{id}", form::encode(&client_id)))
}

/// Shows one: what came, which rule, what was decided, why, how to mend it.
pub(super) async fn one(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path((client_id, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let id = super::log::line::uuid(&id).unwrap_or_default();
    let found = site.calls.find(&client_id, &id).await;
    Ok(match found {
        Ok(Some(line)) => {
            let frame = signed_in.frame("/applications");
            page::show(StatusCode::OK, &CallPage { frame, application: &application, call: Call::of(line) })
        }
        Ok(None) | Err(NoLog::Unknown | NoLog::Unreadable) => page::fault(
            StatusCode::NOT_FOUND,
            "There is no such call",
            "Only the last hundred calls of each application are kept, and lines appear within a second.",
        ),
    })
}

impl Call {
    fn of(line: Arc<Line>) -> Self {
        let seconds = crate::clock::UnixSeconds::from_ms(line.time_ms);
        let explanation = line.reason.as_deref().and_then(explain::explain);
        Self { time: date::print(seconds), explanation, line }
    }

    fn verdict(&self) -> &'static str {
        match (&self.line.reason, self.line.status) {
            (Some(_), 500..) => "Not decided",
            (Some(_), _) => "Refused",
            (None, 400..) => "Passed, the API said no",
            (None, _) => "Passed",
        }
    }

    fn is_good(&self) -> bool {
        self.line.status < 400
    }

    fn method(&self) -> &str {
        self.line.method.as_deref().unwrap_or("?")
    }

    fn path(&self) -> &str {
        self.line.path.as_deref().unwrap_or("?")
    }

    fn took_ms(&self) -> String {
        format!("{}.{}", self.line.duration_us / 1000, self.line.duration_us / 100 % 10)
    }

    fn api_took_ms(&self) -> Option<String> {
        self.line.upstream_us.map(|us| format!("{}.{}", us / 1000, us / 100 % 10))
    }
}
