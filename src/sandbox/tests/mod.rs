//! The sandbox over real sockets, as browsers and applications meet it.

mod agent;
mod assertion;
mod authorize;
mod authz;
mod bank;
mod certificate;
mod consent;
mod introspect;
mod keys;
mod login;
mod my_access;
mod one_time_code;
mod portal;
mod portal_applications;
mod portal_calls;
mod portal_sign_in;
mod portal_tokens;
mod portal_walks;
mod proof;
mod pushed;
mod refresh;
mod revoke;
mod token;

use super::authz::Challenge;
use super::customer::{Customer, DEMO};
use super::form::{self, Params};
use super::{Options, ResourceServer, Sandbox, TokenLifetimes};
use crate::clock::{Clock, UnixSeconds};
use crate::net::fetch::{Bounds, Fetcher};
use agent::{Agent, Answer};
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
    async fn at_consent_of(&self, request: &str) -> (Agent, Answer) {
        self.at_consent_as(request, &DEMO).await
    }

    /// Likewise, as another customer.
    async fn at_consent_as(&self, request: &str, customer: &Customer) -> (Agent, Answer) {
        let mut browser = self.browser();
        let mut page = self.follow(&mut browser, request).await;
        let fields = filled(&page, &[("user", customer.user), ("password", customer.password)]);
        page = self.press(&mut browser, "/login", &fields).await;
        if let Some(code) = sent_code(&page) {
            page = self.press(&mut browser, "/one-time-code", &filled(&page, &[("code", &code)])).await;
        }
        (browser, page)
    }

    /// Opens an address and follows our own redirects to a page.
    async fn follow(&self, browser: &mut Agent, url: &str) -> Answer {
        let mut answer = browser.open(url).await.unwrap();
        for _ in 0..3 {
            match agent::location(&answer) {
                path if path.starts_with('/') => answer = browser.open(&self.url(path)).await.unwrap(),
                _ => break,
            }
        }
        answer
    }

    /// Sends a form and follows our own redirects to a page.
    async fn press(&self, browser: &mut Agent, path: &str, fields: &[(String, String)]) -> Answer {
        let answer = browser.submit(&self.url(path), &pairs(fields)).await.unwrap();
        match agent::location(&answer) {
            next if next.starts_with('/') => self.follow(browser, &self.url(next)).await,
            _ => answer,
        }
    }

    async fn code(&self, app: &App) -> String {
        let (mut browser, consent) = self.at_consent(app).await;
        let back = browser.submit(&self.url("/consent"), &pairs(&allowing(&consent))).await.unwrap();
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

/// What a customer sends who allows everything that the consent page offers, from the first account that can pay.
fn allowing(consent: &Answer) -> Vec<(String, String)> {
    let mut fields = filled(consent, &[("decision", "allow")]);
    let html = agent::text(consent);
    for (name, count_max) in [("scope", 3), ("account", 9), ("payer", 1)] {
        let field = format!("name=\"{name}\" value=\"");
        let values = html.split(&field).skip(1).take(count_max);
        fields.extend(values.map(|rest| (name.to_owned(), rest.split('"').next().unwrap().to_owned())));
    }
    fields
}

/// The code in the text message that the page shows.
fn sent_code(page: &Answer) -> Option<String> {
    let (_, rest) = agent::text(page).split_once("class=\"code pick\">")?;
    Some(rest.split('<').next()?.replace(' ', ""))
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
