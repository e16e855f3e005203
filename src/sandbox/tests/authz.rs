//! What the tests of the authorization server share: applications of every sort, codes without a browser, keys, and a
//! gateway that only listens.

use super::*;
use crate::net::serve::Serving;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{
    Acr, Application, Authentication, Authorization, ClientSecret, Kind, NewCode, Refresh, Sender, TokenFormat,
};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use std::sync::Mutex;
use tokio::net::TcpListener;

impl Stage {
    /// A confidential application for accounts and payments, changed as a test wishes.
    pub(super) async fn put(&self, change: impl FnOnce(&mut Application)) -> App {
        let now = self.clock.now();
        let mut application = Application {
            client_id: secret::fresh("app_"),
            developer_id: String::new(),
            name: "Tally".to_owned(),
            description: String::new(),
            kind: Kind::Web,
            redirect_uris: vec![REDIRECT_URI.parse_uri()],
            scopes: Scopes::parse("accounts payments").unwrap(),
            authentication: Authentication::Secret,
            keys: None,
            token_format: TokenFormat::Jwt,
            sender: Sender::Bearer,
            refresh: Refresh::Rotate,
            requires_pushed: false,
            access_lifetime: Duration::from_mins(5),
            created: now,
        };
        change(&mut application);
        let store = &self.sandbox.site.store;
        store.add_application(&application).await.unwrap();
        let mut app = App { id: application.client_id.clone(), secret: String::new() };
        if application.authentication == Authentication::Secret {
            app.secret = secret::fresh("secret_");
            let (id, digest) = (secret::fresh(""), Digest::of(&app.secret));
            let kept = ClientSecret { id, digest, created: now, last_used: None };
            store.add_secret(&app.id, &kept).await.unwrap();
        }
        app
    }

    /// A code for accounts, as if a customer had agreed, changed as a test wishes.
    pub(super) async fn granted(&self, app: &App, change: impl FnOnce(&mut NewCode)) -> String {
        let now = self.clock.now();
        let authorization = Authorization {
            id: secret::name("authz_"),
            client_id: app.id.clone(),
            subject: DEMO.subject.to_owned(),
            scopes: Scopes::parse("accounts").unwrap(),
            acr: Acr::Password,
            authenticated: now,
            created: now,
            revoked: None,
            details: None,
        };
        let mut code = NewCode {
            authorization,
            redirect_uri: REDIRECT_URI.to_owned(),
            challenge: Challenge::of(VERIFIER),
            dpop_jkt: None,
            expires: UnixSeconds(now.0 + 60),
        };
        change(&mut code);
        let mut transaction = self.sandbox.site.store.begin().await.unwrap();
        let text = transaction.issue_code(&code).await.unwrap();
        transaction.commit().await.unwrap();
        text
    }

    /// The tokens of a new authorization.
    pub(super) async fn tokens(&self, app: &App) -> Value {
        let code = self.granted(app, |_| ()).await;
        let (status, tokens) = self.token(&redeem(app, &code)).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    /// Sends a form to an endpoint, with further fields in the head.
    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)], head: &[(&str, &str)]) -> Answer {
        let request = Request::post(self.url(path)).header("content-type", FORM);
        let request = head.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request, &form::join(fields)).await
    }

    /// What the gateway learns of a token.
    pub(super) async fn introspect(&self, token: &str) -> Value {
        let ResourceServer { client_id, secret } = self.sandbox.site.resource_server.clone();
        let fields = [("client_id", client_id.as_str()), ("client_secret", &secret), ("token", token)];
        let (status, answer) = read(&self.post("/introspect", &fields, &[]).await);
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    pub(super) async fn is_active(&self, token: &str) -> bool {
        let answer = self.introspect(token).await;
        if answer["active"] == false {
            assert_eq!(answer, json!({ "active": false }));
        }
        answer["active"] == true
    }
}

trait ParseUri {
    fn parse_uri(self) -> crate::sandbox::redirect_uri::RedirectUri;
}

impl ParseUri for &str {
    fn parse_uri(self) -> crate::sandbox::redirect_uri::RedirectUri {
        crate::sandbox::redirect_uri::RedirectUri::parse(self).unwrap()
    }
}

/// The fields that trade `code` for tokens.
pub(super) fn redeem<'a>(app: &'a App, code: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", app.id.as_str()),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    if !app.secret.is_empty() {
        fields.push(("client_secret", &app.secret));
    }
    fields
}

pub(super) fn refresh<'a>(app: &'a App, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("client_id", &app.id),
        ("client_secret", &app.secret),
        ("refresh_token", token),
    ]
}

/// The fields that get an application its own token.
pub(super) fn own(app: &App) -> Vec<(&str, &str)> {
    vec![("grant_type", "client_credentials"), ("client_id", &app.id), ("client_secret", &app.secret)]
}

pub(super) fn changed<'a>(mut fields: Vec<(&'a str, &'a str)>, change: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    fields.retain(|(name, _)| *name != change.0);
    fields.push(change);
    fields
}

pub(super) fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_default().to_owned()
}

/// Status and error code of an answer.
pub(super) fn error(answer: &Answer) -> (u16, String) {
    let (status, json) = read(answer);
    (status.as_u16(), text(&json, "error"))
}

pub(super) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    serde_json::from_slice(&payload.unwrap()).unwrap()
}

/// A key of an application.
pub(super) struct Key(EcdsaKeyPair);

impl Key {
    pub(super) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn jwk(&self) -> Value {
        let [x, y] = [1..33, 33..65].map(|half| URL_SAFE_NO_PAD.encode(&self.0.public_key().as_ref()[half]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    pub(super) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let required = json!({ "crv": jwk["crv"], "kty": jwk["kty"], "x": jwk["x"], "y": jwk["y"] });
        Digest::of(&required.to_string()).base64url()
    }

    pub(super) fn jwt(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// A DPoP proof for a POST to `uri`.
    pub(super) fn proof(&self, uri: &str) -> String {
        self.jwt(&self.proof_header(), &proof_claims(uri))
    }

    pub(super) fn proof_header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() })
    }
}

pub(super) fn proof_claims(uri: &str) -> Value {
    json!({ "jti": secret::fresh(""), "htm": "POST", "htu": uri, "iat": NOW })
}

/// A gateway's admin listener that writes down what it is told, and may be away.
pub(super) struct Admin {
    pub(super) origin: String,
    told: Arc<Mutex<Told>>,
    _serving: Serving,
}

#[derive(Default)]
struct Told {
    bodies: Vec<Value>,
    is_away: bool,
}

impl Admin {
    pub(super) async fn start() -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let router = Router::new().route("/revoke", post(listen)).with_state(Arc::clone(&told));
        let serving = Serving::start(listener, None, TowerToHyperService::new(router)).unwrap();
        Self { origin: format!("http://{}", serving.address()), told, _serving: serving }
    }

    /// What it was told since it was asked last.
    pub(super) fn told(&self) -> Vec<Value> {
        std::mem::take(&mut self.told.lock().unwrap().bodies)
    }

    pub(super) fn go_away(&self, is_away: bool) {
        self.told.lock().unwrap().is_away = is_away;
    }
}

async fn listen(State(told): State<Arc<Mutex<Told>>>, body: Bytes) -> StatusCode {
    let mut told = told.lock().unwrap();
    if told.is_away {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    told.bodies.push(serde_json::from_slice(&body).unwrap());
    StatusCode::NO_CONTENT
}
