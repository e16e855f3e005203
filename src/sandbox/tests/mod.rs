//! The sandbox over real sockets, as browsers and applications meet it.

mod assertion;
mod authorize;
mod authz;
mod bank;
mod certificate;
mod introspect;
mod keys;
mod portal;
mod portal_sign_in;
mod proof;
mod pushed;
mod refresh;
mod revoke;
mod token;

use super::authz::Challenge;
use super::customer::DEMO;
use super::form::{self, Params};
use super::story::agent::{self, Agent, Answer};
use super::{Options, ResourceServer, Sandbox, TokenLifetimes};
use crate::clock::{Clock, UnixSeconds};
use crate::net::fetch::{Bounds, Fetcher};
use bytes::Bytes;
use http::{Request, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const NOW: i64 = 1_772_366_405;
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT_URI: &str = "https://tally.example/cb?from=bank";
const FORM: &str = "application/x-www-form-urlencoded";

/// A sandbox on free ports, at a time that the test moves.
struct Stage {
    sandbox: Sandbox,
    clock: Clock,
    portal: String,
    fetcher: Fetcher,
}

/// A registered application.
struct App {
    id: String,
    secret: String,
}

impl Stage {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Clock::manual(NOW);
        let mut options = options(clock.clone()).await;
        change(&mut options);
        let fetcher = options.fetcher.clone();
        let sandbox = Sandbox::start(options).await.unwrap();
        let portal = sandbox.site.issuer.clone();
        Self { sandbox, clock, portal, fetcher }
    }

    fn browser(&self) -> Agent {
        Agent::new(self.fetcher.clone())
    }

    /// A browser at which a new developer is signed in.
    async fn developer(&self) -> Agent {
        let mut browser = self.browser();
        let email = format!("{}@tally.example", super::secret::fresh(""));
        let answer = browser.sign_up(&self.portal, &email).await.unwrap();
        assert_eq!((answer.status(), agent::location(&answer)), (StatusCode::SEE_OTHER, "/dashboard"));
        browser
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.portal)
    }

    /// Sends whatever a test makes up.
    async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let bounds = Bounds { total: Duration::from_secs(10), body_bytes_max: 1 << 20 };
        self.fetcher.send(request.body(Bytes::from(body.to_owned())).unwrap(), bounds).await.unwrap()
    }

    /// Adds an application; `more` holds further form fields.
    async fn add(&self, kind: &str, apis: &[&str]) -> App {
        let mut fields = vec![("name", "Tally"), ("kind", kind), ("redirect_uris", REDIRECT_URI)];
        fields.extend(apis.iter().map(|api| ("api", *api)));
        let (_, page) = self.register(&fields).await;
        let value = |id| agent::element(agent::text(&page), id).unwrap_or_default().to_owned();
        App { id: value("client-id"), secret: value("client-secret") }
    }

    /// A new developer's browser, after *Add Application* was sent, and the page that shows the secret.
    async fn register(&self, fields: &[(&str, &str)]) -> (Agent, Answer) {
        let mut developer = self.developer().await;
        let (form, action) = (self.url("/applications/new"), self.url("/applications"));
        let page = developer.fill(&form, &action, fields).await.unwrap();
        assert_eq!(page.status(), StatusCode::CREATED, "{}", agent::text(&page));
        (developer, page)
    }

    /// The address of a good authorization request, with some parameters changed; `""` leaves one out.
    fn authorize(&self, app: &App, changes: &[(&str, &str)]) -> String {
        let challenge = Challenge::of(VERIFIER);
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", app.id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "accounts"),
            ("state", "s t&ate"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            match pairs.iter_mut().find(|(held, _)| held == name) {
                Some(pair) => pair.1 = value,
                None => pairs.push((name, value)),
            }
        }
        self.url(&format!("/authorize?{}", form::join(&pairs)))
    }

    /// A browser whose customer logged in, at the consent page.
    async fn at_consent(&self, app: &App) -> (Agent, Answer) {
        self.at_consent_of(&self.authorize(app, &[])).await
    }

    /// A browser whose customer logged in, at the consent page of a request.
    async fn at_consent_of(&self, address: &str) -> (Agent, Answer) {
        let mut browser = self.browser();
        let answer = browser.open(address).await.unwrap();
        let login = browser.open(&self.url(agent::location(&answer))).await.unwrap();
        let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
        let answer = browser.submit(&self.url("/login"), &pairs(&fields)).await.unwrap();
        let consent = browser.open(&self.url(agent::location(&answer))).await.unwrap();
        (browser, consent)
    }

    async fn code(&self, app: &App) -> String {
        let (mut browser, consent) = self.at_consent(app).await;
        let fields = filled(&consent, &[("decision", "allow")]);
        let back = browser.submit(&self.url("/consent"), &pairs(&fields)).await.unwrap();
        returned(&back).get("code").unwrap().to_owned()
    }

    /// A token request in the form, with some parameters changed; `""` leaves one out.
    async fn token(&self, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let request = Request::post(self.url("/token")).header("content-type", FORM);
        read(&self.send(request, &form::join(fields)).await)
    }
}

/// Nothing here is fetched over TLS.
fn plain_fetcher() -> Fetcher {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Fetcher::new(Arc::new(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
}

/// A sandbox on free ports, with an empty store of its own.
async fn options(clock: Clock) -> Options {
    Options {
        portal: "127.0.0.1:0".parse().unwrap(),
        gateway: "https://api.bank.example".to_owned(),
        admin: String::new(),
        resource_server: ResourceServer { client_id: "gateway".to_owned(), secret: "of-the-gateway".to_owned() },
        fetcher: plain_fetcher(),
        access_log: None,
        tls: None,
        store: super::store::testing::location().await,
        lifetimes: TokenLifetimes::default(),
        clock,
    }
}

/// The hidden fields of a page and what the customer adds.
fn filled(page: &Answer, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let html = agent::text(page);
    let hidden =
        ["ask", "form_token"].map(|name| (name, agent::hidden(html, name).unwrap_or_else(|| panic!("{html}"))));
    hidden.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The parameters with which the customer returns to the application.
fn returned(answer: &Answer) -> Params {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", agent::text(answer));
    let query = agent::location(answer)
        .strip_prefix("https://tally.example/cb?")
        .unwrap_or_else(|| panic!("{}", agent::location(answer)));
    Params::parse(query.as_bytes()).unwrap()
}

fn read(answer: &Answer) -> (StatusCode, Value) {
    (answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default())
}
