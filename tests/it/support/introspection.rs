//! An issuer that is asked about opaque tokens: it answers what the test says, and keeps what it was asked.

use super::client::Request;
use super::gateway::{Setup, World, issuer, route};
use super::keys::Key;
use super::server::{After, Server, ok, write};
use super::tokens::{AUDIENCE, ISSUER, NOW, Token};
use super::wire::Message;
use serde_json::{Value, json};
use std::net::TcpStream;

/// A running introspection endpoint.
pub struct Introspection(pub Server);

/// The active answer about a customer's token that everything accepts.
pub fn active() -> Value {
    json!({
        "active": true, "token_type": "Bearer", "iss": ISSUER, "aud": AUDIENCE, "sub": "customer-1",
        "client_id": "tpp-1", "jti": "token-1", "iat": NOW, "exp": NOW + 300, "scope": "accounts payments",
        "gty": "authorization_code"
    })
}

/// The active answer with this member instead.
pub fn active_with(name: &str, value: Value) -> Value {
    let mut answer = active();
    answer[name] = value;
    answer
}

/// An answer with this body.
pub fn json_answer(body: &Value) -> String {
    ok("application/json", &body.to_string())
}

/// A signed answer (RFC 9701) around `body`, as a token in the making.
pub fn signed(body: &Value, key: &Key) -> Token {
    let claims = json!({"iss": ISSUER, "aud": "gate", "iat": NOW, "token_introspection": body});
    Token::good().by(key).header("typ", "token-introspection+jwt").claims_text(claims.to_string())
}

/// The answer that carries `jwt`.
pub fn signed_answer(jwt: &str) -> String {
    ok("application/token-introspection+jwt", jwt)
}

impl Introspection {
    /// Says of every token that it is active.
    pub fn active() -> Self {
        Self::saying(&json_answer(&active()))
    }

    /// Gives this answer, byte for byte.
    pub fn saying(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self(Server::with(move |_, stream| write(stream, &answer)))
    }

    /// Answers as `behaviour` says.
    pub fn with(behaviour: impl Fn(&Message, &mut TcpStream) -> After + Send + Sync + 'static) -> Self {
        Self(Server::with(behaviour))
    }

    /// Gives this answer from now on.
    pub fn says(&self, answer: &str) {
        let answer = answer.to_owned();
        self.0.becomes(move |_, stream| write(stream, &answer));
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.0.hits()
    }

    /// The entry of an issuer that is asked here; `more` stands within `introspection`.
    pub fn issuer(&self, name: &str, iss: &str, more: &str) -> String {
        format!(
            "  - name: {name}\n    issuer: \"{iss}\"\n    audiences: [\"{AUDIENCE}\"]\n    \
             introspection: {{ endpoint: \"http://{}/introspect\", client_id: gate, client_secret: {{ file: secret }}{more} }}\n    \
             claims: {{ grant: gty, consent: consent_id }}\n",
            self.0.address()
        )
    }

    /// A gateway whose one issuer is asked here.
    pub fn gateway(&self, more: &str) -> World {
        self.setup(more).with_files(&secret())
    }

    /// The configuration of that gateway: a route that remembers answers, and one that always asks.
    pub fn setup(&self, more: &str) -> Setup {
        let issuers = self.issuer("bank", ISSUER, more);
        Setup { issuers, ..Setup::routes(&routes()) }
    }

    /// A gateway whose issuer has keys too; answers are signed by `key`.
    pub fn gateway_with_keys(&self, more: &str, keys: &Value) -> World {
        let jwks = issuer("bank", ISSUER, "{ file: jwks.json }");
        let asked = self.issuer("bank", ISSUER, more);
        let introspection = asked.lines().find(|line| line.contains("introspection:")).unwrap_or_default();
        let setup = Setup { issuers: format!("{jwks}{introspection}\n"), ..Setup::routes(&routes()) };
        let [secret] = secret();
        setup.with_files(&[secret, ("jwks.json", keys.to_string())])
    }
}

fn routes() -> [String; 3] {
    [
        route("/accounts", "GET", "scopes: [accounts]"),
        route("/payments", "POST", "scopes: [payments]\nintrospect: always"),
        route("/open", "GET", "access: open"),
    ]
}

/// The file of the client secret.
pub fn secret() -> [(&'static str, String); 1] {
    [("secret", "s3 cret\n".to_owned())]
}

/// `GET /accounts` with this token.
pub fn ask(world: &World, token: &str) -> Message {
    world.send(&Request::get("/accounts").token(token))
}

/// `POST /payments`, which always asks.
pub fn pay(world: &World, token: &str) -> Message {
    world.send(&Request::new("POST", "/payments").token(token).body(""))
}

/// 503, and the token is not to blame.
pub fn assert_unavailable(answer: &Message, what: &str) {
    assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None), "{what}");
    assert!(answer.one("retry-after").parse::<u32>().unwrap() >= 1, "{what}");
}

/// Calls about tokens of the issuer `bank` that went so.
pub fn calls(world: &World, outcome: &str) -> f64 {
    world.metric(&format!("scopegate_introspections_total{{issuer=\"bank\",outcome=\"{outcome}\"}}"))
}
