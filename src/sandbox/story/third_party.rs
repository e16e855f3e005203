//! The third party of the story, and the customer whom it asks.

use super::agent::{self, Agent, Answer};
use super::call::Call;
use super::{Places, StoryFault};
use crate::net::fetch::Fetcher;
use crate::sandbox::authz::Challenge;
use crate::sandbox::customer;
use crate::sandbox::form::{self, Params};
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
    /// Fills in *Add Application* and reads id and secret off the page that follows.
    pub(super) async fn register(places: Places<'a>, fetcher: Fetcher) -> Result<Self, StoryFault> {
        let fields = [
            ("name", "Tally"),
            ("description", "Shows all your accounts in one list."),
            ("kind", "web"),
            ("api", "accounts"),
            ("redirect_uris", REDIRECT_URI),
            ("lifetime", "short"),
        ];
        let portal = places.portal;
        let mut developer = Agent::new(fetcher.clone());
        developer.sign_up(portal, "ada@tally.example").await?;
        let (form, action) = (format!("{portal}/applications/new"), format!("{portal}/applications"));
        let page = developer.fill(&form, &action, &fields).await?;
        let value = |id| agent::element(agent::text(&page), id).map(str::to_owned);
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
        let login = browser.open(&self.authorize_url()).await?;
        let login = browser.open(&format!("{portal}{}", agent::location(&login))).await?;
        let (ask, form_token) = hidden_fields(&login)?;
        let demo = customer::DEMO;
        let fields =
            [("ask", ask.as_str()), ("form_token", &form_token), ("user", demo.user), ("password", demo.password)];
        let logged_in = browser.submit(&format!("{portal}/login"), &fields).await?;
        let consent = browser.open(&format!("{portal}{}", agent::location(&logged_in))).await?;
        let (ask, form_token) = hidden_fields(&consent)?;
        let decision = match decision {
            Decision::Allow => "allow",
            Decision::Refuse => "refuse",
        };
        let fields =
            [("ask", ask.as_str()), ("form_token", &form_token), ("decision", decision), ("account", "acc-1001")];
        let back = browser.submit(&format!("{portal}/consent"), &fields).await?;
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
        Call::get(format!("{}/open-banking/v4.0/aisp/accounts", self.places.gateway))
    }

    pub(super) fn query_call(&self) -> Call {
        self.bare_call().with_token_in_query(&self.access_token)
    }

    pub(super) fn payment_call(&self) -> Call {
        Call::post(format!("{}/open-banking/v4.0/pisp/domestic-payments", self.places.gateway))
            .bearer(&self.access_token, "TOKEN")
            .json(PAYMENT)
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

fn hidden_fields(page: &Answer) -> Result<(String, String), StoryFault> {
    let html = agent::text(page);
    let value = |name| agent::hidden(html, name).map(str::to_owned);
    value("ask").zip(value("form_token")).ok_or(StoryFault::Lacking("the bank's page has no form"))
}

/// Nobody listens there: the story reads the code off the redirect.
const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";
const PAYMENT: &str =
    r#"{"amount":{"amount":"12.50","currency":"EUR"},"creditor":{"name":"Ada Books","iban":"DE89370400440532013000"}}"#;
