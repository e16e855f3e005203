//! The third party of the story, and the customer whom it asks.

use super::agent::{self, Agent, Answer};
use super::call::Call;
use super::html::{self, Form};
use super::{Places, StoryFault};
use crate::net::fetch::Fetcher;
use crate::sandbox::authz::Challenge;
use crate::sandbox::customer;
use crate::sandbox::form::{self, Params};
use crate::sandbox::scopes::Api;
use crate::sandbox::secret;
use http::StatusCode;
use serde_json::Value;

/// An application with its credentials and its latest tokens.
pub(super) struct ThirdParty<'a> {
    places: Places<'a>,
    fetcher: Fetcher,
    client_id: String,
    secret: String,
    verifier: String,
    state: String,
    access_token: String,
    refresh_token: String,
}

/// What the customer answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decision {
    Allow,
    Refuse,
}

impl<'a> ThirdParty<'a> {
    /// Signs up, fills in *Add Application*, and reads id and secret off the page that follows.
    pub(super) async fn register(places: Places<'a>, fetcher: Fetcher) -> Result<Self, StoryFault> {
        let portal = places.portal;
        let mut developer = Agent::new(fetcher.clone());
        let page = developer.visit(portal, "/signup").await?;
        // Another one each time: what is kept knows the last time's.
        let email = format!("{}@tally.example", secret::fresh("").to_lowercase());
        let form = form_on(&page, "/signup")?.with("name", "Ada").with("email", &email);
        developer.press(portal, &form.with("password", &secret::fresh(""))).await?;
        let page = developer.visit(portal, "/applications/new").await?;
        let form = form_on(&page, "/applications")?
            .with("name", "Tally")
            .with("description", "Shows all your accounts in one list.")
            .with("kind", "web")
            .with("api", "accounts")
            .with("redirect_uris", REDIRECT_URI)
            .with("lifetime", "short");
        let page = developer.press(portal, &form).await?;
        let value = |id| html::element(agent::text(&page), id);
        Ok(Self {
            places,
            fetcher,
            client_id: value("client-id").ok_or(StoryFault::Lacking("the portal shows no client id"))?,
            secret: value("client-secret").ok_or(StoryFault::Lacking("the portal shows no client secret"))?,
            verifier: secret::fresh(""),
            state: secret::fresh(""),
            access_token: String::new(),
            refresh_token: String::new(),
        })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// Where it sends the customer.
    pub(super) fn authorize_url(&self) -> String {
        let query = form::join(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "accounts"),
            ("state", &self.state),
            ("code_challenge", Challenge::of(&self.verifier).as_str()),
            ("code_challenge_method", "S256"),
        ]);
        format!("{}/authorize?{query}", self.places.portal)
    }

    /// The customer at a fresh browser logs in and decides; what comes back to the application.
    pub(super) async fn ask(&self, decision: Decision) -> Result<Params, StoryFault> {
        let portal = self.places.portal;
        let mut browser = Agent::new(self.fetcher.clone());
        let answer = browser.open(&self.authorize_url()).await?;
        let login = browser.visit(portal, agent::location(&answer)).await?;
        let demo = customer::DEMO;
        let form = form_on(&login, "/login")?.with("user", demo.user).with("password", demo.password);
        let consent = browser.press(portal, &form).await?;
        let form = form_on(&consent, "/consent")?.with_all("account");
        let back = match decision {
            Decision::Allow => browser.press(portal, &form.with("decision", "allow")).await?,
            Decision::Refuse => browser.press(portal, &form.with("decision", "refuse")).await?,
        };
        let query = agent::location(&back).strip_prefix(REDIRECT_URI).and_then(|rest| rest.strip_prefix('?'));
        let query = query.filter(|_| back.status() == StatusCode::SEE_OTHER);
        let query = query.ok_or(StoryFault::Lacking("the consent page does not send the customer back"))?;
        Params::parse(query.as_bytes()).map_err(|_| StoryFault::Lacking("the redirect cannot be read"))
    }

    /// Whether an authorization response carries our state and the issuer that we asked.
    pub(super) fn is_ours(&self, answer: &Params) -> bool {
        answer.get("state") == Some(&self.state) && answer.get("iss") == Some(self.places.portal)
    }

    pub(super) fn redeem_call(&self, code: &str) -> Call {
        self.token_call("authorization_code")
            .field("code", code, "$CODE")
            .field("redirect_uri", REDIRECT_URI, REDIRECT_URI)
            .field("code_verifier", &self.verifier, &self.verifier)
    }

    pub(super) fn refresh_call(&self) -> Call {
        self.token_call("refresh_token").field("refresh_token", &self.refresh_token, "$REFRESH_TOKEN")
    }

    pub(super) fn own_token_call(&self) -> Call {
        self.token_call("client_credentials")
    }

    pub(super) fn revoke_call(&self) -> Call {
        Call::post(format!("{}/revoke", self.places.portal)).client(&self.client_id, &self.secret).field(
            "token",
            &self.refresh_token,
            "$REFRESH_TOKEN",
        )
    }

    /// Sends a token request and keeps what it brings.
    pub(super) async fn take_tokens(&mut self, call: &Call) -> Result<Answer, StoryFault> {
        let answer = call.send(&self.fetcher).await?;
        self.access_token = field(&answer, "access_token")?;
        self.refresh_token = field(&answer, "refresh_token")?;
        Ok(answer)
    }

    pub(super) fn accounts_call(&self) -> Call {
        self.accounts_call_with(&self.access_token, "TOKEN")
    }

    pub(super) fn accounts_call_with(&self, token: &str, variable: &str) -> Call {
        self.bare_call().bearer(token, variable)
    }

    pub(super) fn bare_call(&self) -> Call {
        Call::get(format!("{}{}/accounts", self.places.gateway, Api::AccountInformation.path()))
    }

    pub(super) fn query_call(&self) -> Call {
        self.bare_call().with_token_in_query(&self.access_token)
    }

    pub(super) fn payment_call(&self) -> Call {
        let path = Api::PaymentInitiation.path();
        let call = Call::post(format!("{}{path}/domestic-payments", self.places.gateway));
        call.bearer(&self.access_token, "TOKEN").json("{}")
    }

    fn token_call(&self, grant_type: &str) -> Call {
        Call::post(format!("{}/token", self.places.portal)).client(&self.client_id, &self.secret).field(
            "grant_type",
            grant_type,
            grant_type,
        )
    }
}

/// A text field of a JSON answer.
pub(super) fn field(answer: &Answer, name: &'static str) -> Result<String, StoryFault> {
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    json.get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or(StoryFault::Lacking("the token endpoint gives no token"))
}

fn form_on(page: &Answer, action: &str) -> Result<Form, StoryFault> {
    Form::find(agent::text(page), action).ok_or(StoryFault::Lacking("a page has not the form that was expected"))
}

/// Nobody listens there: the story reads the code off the redirect.
const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";
