//! The banking APIs, as the gateway reaches them: with a gateway that signs, and an eye on every answer's schema.

mod accounts;
mod consents;
mod documents;
mod funds;
mod payments;
mod vouched;

use super::{Stage, options, plain_fetcher};
use crate::clock::{Clock, UnixSeconds};
use crate::net::serve::Serving;
use crate::oauth::algorithm::Algorithm;
use crate::oauth::signer::{PrivateKey, Signer};
use crate::sandbox::authz::Challenge;
use crate::sandbox::bank::AUDIENCE;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::store::{Acr, Authorization, NewCode, Store};
use crate::sandbox::{Options, Sandbox};
use axum::Router;
use axum::routing::{get, post};
use http::{HeaderMap, Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const ORIGIN: &str = "https://api.bank.example";
const NOW: i64 = 1_772_366_405;
const AISP: &str = "/open-banking/v4.0/aisp";
const PISP: &str = "/open-banking/v4.0/pisp";
const CBPII: &str = "/open-banking/v4.0/cbpii";
const ID: &str = "93bac548-d2de-4546-b106-880a5018460d";

/// A sandbox behind a gateway that signs whatever a test wants.
struct Branch {
    stage: Stage,
    signer: Signer,
    /// What the gateway was told to revoke.
    revoked: Arc<Mutex<Vec<Value>>>,
    /// How often its keys were fetched.
    fetched: Arc<Mutex<usize>>,
    _admin: Serving,
}

/// Whose token a request came with.
#[derive(Clone, Copy)]
struct Who<'a> {
    client: &'a str,
    customer: Option<(&'a str, &'a str)>,
}

/// An answer, read.
#[derive(Debug)]
struct Told {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

const TALLY: Who<'static> = Who { client: "app_tally", customer: None };
const OTHER: Who<'static> = Who { client: "app_other", customer: None };

impl<'a> Who<'a> {
    /// The same application with a token of this customer and authorization.
    fn of(self, subject: &'a str, authorization: &'a str) -> Self {
        Self { customer: Some((subject, authorization)), ..self }
    }
}

impl Branch {
    async fn open() -> Self {
        let key = PrivateKey::generate(Algorithm::Es256).unwrap();
        let (public, id) = key.public(None).unwrap();
        let (revoked, fetched) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let admin = admin(json!({ "keys": [public] }), Arc::clone(&revoked), Arc::clone(&fetched)).await;
        let clock = Clock::manual(NOW);
        let options = Options { admin: format!("http://{}", admin.address()), ..options(clock.clone()).await };
        let sandbox = Sandbox::start(options).await.unwrap();
        let portal = format!("http://{}", sandbox.portal());
        let stage = Stage { sandbox, clock, portal, fetcher: plain_fetcher() };
        let signer = Signer::new(key, "scopegate-assertion+jwt", Some(&id));
        Self { stage, signer, revoked, fetched, _admin: admin }
    }

    fn store(&self) -> &Store {
        &self.stage.sandbox.site.store
    }

    fn now(&self) -> UnixSeconds {
        self.stage.clock.now()
    }

    /// What the gateway asserts of a request.
    fn claims(&self, who: Who<'_>, method: &str, path: &str) -> Map<String, Value> {
        let now = self.now().0;
        let path = path.split('?').next().unwrap();
        let mut claims = json!({
            "iss": ORIGIN, "aud": AUDIENCE, "iat": now, "exp": now + 30, "host": "api.bank.example",
            "method": method, "path": path, "client_id": who.client, "scope": "accounts", "token_id": "t",
            "token_iss": "https://issuer.example",
            "subject_type": if who.customer.is_some() { "user" } else { "client" },
            "grant": if who.customer.is_some() { "authorization_code" } else { "client_credentials" },
        });
        if let Some((subject, authorization)) = who.customer {
            claims["sub"] = subject.into();
            claims["consent_id"] = authorization.into();
        }
        claims.as_object().unwrap().clone()
    }

    /// A request as the gateway forwards it.
    fn forwarded(&self, claims: &Map<String, Value>, method: &str, path: &str) -> http::request::Builder {
        let address = format!("http://{}{path}", self.stage.sandbox.apis());
        let mut request = Request::builder().method(method).uri(address).header("x-fapi-interaction-id", ID);
        for (header, claim) in [
            ("x-auth-client-id", "client_id"),
            ("x-auth-subject", "sub"),
            ("x-auth-subject-type", "subject_type"),
            ("x-auth-scope", "scope"),
            ("x-auth-grant", "grant"),
            ("x-auth-consent-id", "consent_id"),
            ("x-auth-issuer", "token_iss"),
            ("x-auth-token-id", "token_id"),
        ] {
            if let Some(value) = claims.get(claim) {
                request = request.header(header, value.as_str().unwrap());
            }
        }
        let jwt = self.signer.sign(&Value::Object(claims.clone()).to_string()).unwrap();
        request.header("x-auth-assertion", jwt)
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Told {
        let answer = self.stage.send(request, body).await;
        Told {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            json: serde_json::from_slice(answer.body()).unwrap_or_default(),
        }
    }

    /// Asks with these headers, and holds the answer to the API's document.
    async fn ask_with(
        &self,
        who: Who<'_>,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Told {
        let claims = self.claims(who, method, path);
        let mut request = self.forwarded(&claims, method, path);
        let has_type = headers.iter().any(|(name, _)| *name == "content-type");
        if method == "POST" && !has_type {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let told = self.send(request, &body).await;
        assert_eq!(told.headers["x-fapi-interaction-id"], ID, "OB-5");
        documents::check(method, path, &told);
        told
    }

    async fn get(&self, who: Who<'_>, path: &str) -> Told {
        self.ask_with(who, ("GET", path), &[], &Value::Null).await
    }

    async fn post(&self, who: Who<'_>, path: &str, body: &Value) -> Told {
        self.ask_with(who, ("POST", path), &[], body).await
    }

    async fn keyed(&self, who: Who<'_>, path: &str, key: &str, body: &Value) -> Told {
        self.ask_with(who, ("POST", path), &[("x-idempotency-key", key)], body).await
    }

    async fn delete(&self, who: Who<'_>, path: &str) -> Told {
        self.ask_with(who, ("DELETE", path), &[], &Value::Null).await
    }

    /// The customer's yes, as the consent page gives it.
    async fn authorise(&self, consent: &str, authorization: &str, (subject, accounts): (&str, &[&str])) -> bool {
        let accounts: Vec<String> = accounts.iter().map(|id| (*id).to_owned()).collect();
        let mut transaction = self.store().begin().await.unwrap();
        let done = transaction.authorise_consent(consent, authorization, (subject, &accounts), self.now()).await;
        transaction.commit().await.unwrap();
        done.unwrap()
    }

    /// An authorization with tokens that live for an hour.
    async fn authorization(&self, id: &str) {
        let now = self.now();
        let later = UnixSeconds(now.0 + 3_600);
        let authorization = Authorization {
            id: id.to_owned(),
            client_id: TALLY.client.to_owned(),
            subject: DENIZ.to_owned(),
            scopes: Scopes::parse("accounts").unwrap(),
            acr: Acr::Password,
            authenticated: now,
            created: now,
            revoked: None,
            details: None,
        };
        let challenge = Challenge::of(super::VERIFIER);
        let code = NewCode { authorization, redirect_uri: String::new(), challenge, dpop_jkt: None, expires: later };
        let mut transaction = self.store().begin().await.unwrap();
        transaction.issue_code(&code).await.unwrap();
        assert!(transaction.extend_authorization(id, later, later).await.unwrap());
        transaction.commit().await.unwrap();
    }

    /// A consent to account access that Deniz gave for these accounts.
    async fn account_access(&self, authorization: &str, permissions: &[&str], accounts: &[&str]) -> String {
        let body = json!({ "Data": { "Permissions": permissions }, "Risk": {} });
        let told = self.post(TALLY, &format!("{AISP}/account-access-consents"), &body).await;
        let id = told.text("/Data/ConsentId");
        assert!(self.authorise(&id, authorization, (DENIZ, accounts)).await);
        id
    }
}

const DENIZ: &str = "customer-4711";
const ALL: [&str; 5] = [
    "ReadAccountsDetail",
    "ReadBalances",
    "ReadTransactionsDetail",
    "ReadTransactionsCredits",
    "ReadTransactionsDebits",
];

impl Told {
    fn text(&self, pointer: &str) -> String {
        let value = self.json.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("{pointer} in {self:?}")).to_owned()
    }

    fn list(&self, pointer: &str) -> &Vec<Value> {
        self.json.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("{pointer} in {self:?}"))
    }

    /// Status, code of the first error, and its path.
    fn refusal(&self) -> (u16, &str, &str) {
        let error = |name: &str| self.json["Errors"][0][name].as_str().unwrap_or_default();
        (self.status, error("ErrorCode"), error("Path"))
    }
}

async fn admin(keys: Value, revoked: Arc<Mutex<Vec<Value>>>, fetched: Arc<Mutex<usize>>) -> Serving {
    let keys = keys.to_string();
    let set = move || {
        *fetched.lock().unwrap() += 1;
        let keys = keys.clone();
        async move { keys }
    };
    let revoke = move |body: axum::Json<Value>| {
        revoked.lock().unwrap().push(body.0);
        async { StatusCode::NO_CONTENT }
    };
    let router: Router = Router::new().route("/jwks.json", get(set)).route("/revoke", post(revoke));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Serving::start(listener, None, TowerToHyperService::new(router)).unwrap()
}
