//! The JWT by which a client proves to an authorization server who it is: `private_key_jwt` (RFC 7523 §2.2). Made here
//! where we are the client, read here where we are the server.

use super::algorithm::Algorithm;
use super::jwk::KeySet;
use super::jws::Jws;
use super::member::Member;
use super::numeric_date::NumericDate;
use super::signer::Signer;
use crate::clock::UnixSeconds;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;

/// An assertion of `client_id` for `audience` that holds for `LIFETIME`. `None` where the system gives no chance
/// or the key fails.
pub fn make(signer: &Signer, client_id: &str, audience: &str, now: UnixSeconds) -> Option<String> {
    let mut id = [0; 16];
    rand::fill(&mut id).ok()?;
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": URL_SAFE_NO_PAD.encode(id),
        "iat": now.0,
        "exp": now.0.saturating_add(LIFETIME_SECONDS),
    });
    signer.sign(&claims.to_string())
}

/// An assertion as it came. It says whose it is; whether that is true, its signature says.
pub struct Shown<'t> {
    jws: Jws<'t>,
    algorithm: Algorithm,
    key_id: Option<String>,
    assertion: Assertion,
}

/// What an assertion says whose signature is the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `iss` and `sub`, which are the same.
    pub client_id: String,
    /// `aud`
    pub audience: String,
    /// `jti`
    pub id: String,
    /// `exp`
    pub expires: UnixSeconds,
    /// `iat`
    pub issued: Option<UnixSeconds>,
    /// `nbf`
    pub not_before: Option<UnixSeconds>,
}

impl<'t> Shown<'t> {
    /// Reads an assertion. `None` where it is not one well-formed JWT with every claim, by an algorithm that we sign
    /// with too: what FAPI 2.0 §5.4.1 allows. An audience that is an array is none (FAPI 2.0 §5.3.2.1-8): it would let
    /// whoever else is named use the assertion here.
    pub fn read(text: &'t [u8]) -> Option<Self> {
        if text.len() > ASSERTION_BYTES_MAX {
            return None;
        }
        let jws = Jws::read(text).ok()?;
        let header = jws.header().ok()?;
        let algorithm = header.alg.parse().ok().filter(|algorithm| super::signer::ALGORITHMS.contains(algorithm))?;
        // A token of another kind, signed by the same key, must not pass for an assertion (RFC 8725 §3.11).
        let is_other =
            header.typ.as_deref().is_some_and(|typ| !TYPES.iter().any(|ours| typ.eq_ignore_ascii_case(ours)));
        let payload = jws.payload().ok()?;
        // A derived reader would also take an array.
        let claims: Claims = serde_json::from_str(payload).ok().filter(|_| payload.trim_start().starts_with('{'))?;
        let is_named = (1..=ID_BYTES_MAX).contains(&claims.jti.len()) && claims.iss == claims.sub;
        let assertion = Assertion {
            client_id: claims.sub,
            audience: claims.aud,
            id: claims.jti,
            expires: claims.exp.0,
            issued: claims.iat.0.map(|date| date.0),
            not_before: claims.nbf.0.map(|date| date.0),
        };
        let key_id = header.kid.map(Cow::into_owned);
        (is_named && !is_other).then_some(Self { jws, algorithm, key_id, assertion })
    }

    /// Whose it says that it is.
    pub fn client_id(&self) -> &str {
        &self.assertion.client_id
    }

    /// What it says, if one of `keys` signed it: the one that it names, if it names one.
    pub fn verify(self, keys: &KeySet) -> Option<Assertion> {
        let named = |key: &&super::jwk::Key| self.key_id.as_deref().is_none_or(|id| key.kid() == Some(id));
        let mut candidates = keys.keys.iter().filter(named);
        candidates.any(|key| self.jws.is_signed_by(key, self.algorithm)).then_some(self.assertion)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    jti: String,
    exp: NumericDate,
    #[serde(default)]
    iat: Member<NumericDate>,
    #[serde(default)]
    nbf: Member<NumericDate>,
}

/// What its header says that it is: RFC 7523 names no type of its own.
pub const TYPE: &str = "JWT";
/// And what a revision of it will name.
const TYPES: [&str; 2] = [TYPE, "client-authentication+jwt"];
/// Long enough for clocks that differ, too short to be worth stealing.
const LIFETIME_SECONDS: i64 = 60;
/// One with an RSA signature of 4,096 bits has 1 KiB.
const ASSERTION_BYTES_MAX: usize = 4 * 1024;
/// A UUID has 36.
const ID_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::super::signer::PrivateKey;
    use super::*;
    use serde_json::Value;

    fn signed(typ: &str, claims: &Value) -> (KeySet, String) {
        let key = PrivateKey::generate(Algorithm::Es256).unwrap();
        let (public, id) = key.public(None).unwrap();
        let keys = KeySet::parse(json!({"keys": [public]}).to_string().as_bytes(), 1).unwrap();
        (keys, Signer::new(key, typ, Some(&id)).sign(&claims.to_string()).unwrap())
    }

    fn good() -> Value {
        json!({"iss": "app", "sub": "app", "aud": "https://as.example", "jti": "1", "exp": 60})
    }

    #[test]
    fn what_is_made_is_read_and_verified_by_its_key_alone() {
        let key = PrivateKey::generate(Algorithm::Es256).unwrap();
        let (public, id) = key.public(None).unwrap();
        let keys = KeySet::parse(json!({"keys": [public]}).to_string().as_bytes(), 1).unwrap();
        let jwt = make(&Signer::new(key, TYPE, Some(&id)), "app", "https://as.example", UnixSeconds(100)).unwrap();
        let shown = Shown::read(jwt.as_bytes()).unwrap();
        assert_eq!(shown.client_id(), "app");
        let assertion = shown.verify(&keys).unwrap();
        assert_eq!((assertion.audience.as_str(), assertion.expires), ("https://as.example", UnixSeconds(160)));
        let (others, _) = signed(TYPE, &good());
        assert_eq!(Shown::read(jwt.as_bytes()).unwrap().verify(&others), None);
    }

    #[test]
    fn what_is_no_assertion_is_not_read() {
        let with = |name: &str, value: Value| {
            let mut claims = good();
            claims[name] = value;
            claims
        };
        for (claims, is_one) in [
            (good(), true),
            (with("nbf", json!(1)), true),
            (with("aud", json!(["https://as.example"])), false),
            (with("iss", json!("another")), false),
            (with("jti", json!("")), false),
            (with("jti", json!("x".repeat(ID_BYTES_MAX))), true),
            (with("jti", json!("x".repeat(ID_BYTES_MAX + 1))), false),
            (with("exp", json!("60")), false),
            (with("iat", Value::Null), false),
            (json!(["app", "app", "https://as.example", "1", 60]), false),
        ] {
            assert_eq!(Shown::read(signed(TYPE, &claims).1.as_bytes()).is_some(), is_one, "{claims}");
        }
        for (typ, is_one) in [("jwt", true), ("client-authentication+jwt", true), ("at+jwt", false)] {
            assert_eq!(Shown::read(signed(typ, &good()).1.as_bytes()).is_some(), is_one, "{typ}");
        }
        for bad in ["", "a.b.c", &"a".repeat(ASSERTION_BYTES_MAX + 1)] {
            assert!(Shown::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
