//! What a verdict keeps of a token, and what that costs.

use super::Issuer;
use super::cache::VerdictCache;
use super::fingerprint::Fingerprint;
use super::keys::KeyStore;
use super::token::{Checked, Holder, VerifiedToken};
use super::verdict::Verdict;
use crate::clock::{Clock, UnixSeconds};
use crate::config;
use crate::oauth::claims::{self, Claims, Names};
use crate::oauth::confirmation::Confirmation;
use crate::oauth::grant::Grant;
use crate::state::revocations::Revocations;
use std::sync::Arc;
use std::time::Duration;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// One that has opaque tokens, and that nobody ever asks.
pub(super) fn issuer() -> Arc<Issuer> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s").unwrap();
    let yaml = "
server: { listen: 127.0.0.1:0 }
issuers:
  - name: bank
    issuer: https://auth.bank.example
    introspection: { endpoint: http://127.0.0.1:1/, client_id: gate, client_secret: { file: secret } }
upstreams: [{ name: api, servers: [http://127.0.0.1:1] }]
routes: [{ path: /, methods: [GET], scopes: [a], upstream: api }]
";
    let settings = config::parse(yaml, &folder.path().join("gate.yaml")).unwrap();
    let issuer = settings.issuers.into_iter().next().unwrap();
    Arc::new(Issuer::new(issuer, Arc::new(KeyStore::default()), &Clock::manual(NOW.0)))
}

fn claims(json: &str) -> Claims<'_> {
    let names =
        Names { grant: Some("grant"), consent: Some("consent"), frequency: Some("frequency"), ..Names::default() };
    claims::parse(json, names).unwrap()
}

fn token(issuer: &Arc<Issuer>, json: &str) -> VerifiedToken {
    let verdict = Verdict::answered(issuer, claims(json), NOW).unwrap();
    match VerifiedToken::check(verdict, &Revocations::new(1, Duration::from_mins(1)), NOW).unwrap() {
        Checked::Good(token) => token,
        Checked::Pending(_) => panic!("it has no status"),
    }
}

fn identity(token: &VerifiedToken) -> String {
    String::from_utf8(token.identity().concat()).unwrap()
}

#[test]
fn a_verdict_says_all_that_its_token_said() {
    let issuer = issuer();
    let said = token(
        &issuer,
        r#"{"sub":"psu-1","client_id":"tpp \"1\"","scope":"openid accounts","jti":"t-1","consent":"c-1","grant":"authorization_code",
            "exp":1800000600,"iat":1799999999,"acr":"urn:sca","auth_time":1799999000,"frequency":4,
            "authorization_details":[{"type":"payment"}],
            "cnf":{"x5t#S256":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","jkt":"HxAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#,
    );
    assert_eq!((said.client_id(), said.subject(), said.customer()), (Some("tpp \"1\""), Some("psu-1"), Some("psu-1")));
    assert_eq!((said.scope().as_str(), said.consent(), said.frequency()), ("openid accounts", Some("c-1"), Some(4)));
    assert_eq!((said.acr(), said.authenticated()), (Some("urn:sca"), Some(UnixSeconds(1_799_999_000))));
    assert_eq!(said.holder(), Holder::Customer(Some(Grant::AuthorizationCode)));
    assert_eq!(said.details().len(), 1);
    let Some(Confirmation { certificate: Some(certificate), key: Some(key), is_foreign: false }) = said.confirmation()
    else {
        panic!("it is bound to both");
    };
    assert_eq!((certificate[31], key[0], key[1]), (31, 31, 16));
    assert_eq!(
        identity(&said),
        "x-auth-client-id: tpp \"1\"\r\nx-auth-scope: openid accounts\r\nx-auth-subject: psu-1\r\n\
         x-auth-consent-id: c-1\r\nx-auth-token-id: t-1\r\nx-auth-subject-type: user\r\n\
         x-auth-grant: authorization_code\r\nx-auth-issuer: https://auth.bank.example\r\n"
    );
}

#[test]
fn a_verdict_says_nothing_that_its_token_did_not() {
    let issuer = issuer();
    let silent = token(&issuer, "{}");
    assert_eq!((silent.client_id(), silent.subject(), silent.customer()), (None, None, None));
    assert_eq!((silent.scope().as_str(), silent.consent(), silent.frequency()), ("", None, None));
    assert_eq!((silent.acr(), silent.authenticated(), silent.confirmation()), (None, None, None));
    assert!(silent.details().is_empty());
    assert_eq!(identity(&silent), "x-auth-subject-type: user\r\nx-auth-issuer: https://auth.bank.example\r\n");

    // Scopes without a client stand first: no part is taken for another.
    let nobody = token(&issuer, r#"{"scope":"a","sub":"x-auth-client-id: b","cnf":{"kid":"k"}}"#);
    assert_eq!((nobody.client_id(), nobody.scope().as_str()), (None, "a"));
    let foreign = Confirmation { certificate: None, key: None, is_foreign: true };
    assert_eq!(nobody.confirmation(), Some(foreign));

    // RFC 9700 §4.15: a client's own subject is no customer.
    let client = token(&issuer, r#"{"sub":"s","client_id":"c","grant":"client_credentials"}"#);
    assert_eq!((client.subject(), client.customer(), client.holder()), (Some("s"), None, Holder::Client));
    assert_eq!(
        identity(&client),
        "x-auth-client-id: c\r\nx-auth-subject-type: client\r\nx-auth-grant: client_credentials\r\n\
         x-auth-issuer: https://auth.bank.example\r\n"
    );
}

#[test]
fn an_answer_is_good_from_the_moment_before_it_was_given_until_it_must_be_asked_for_again() {
    let issuer = issuer();
    let verdict = Verdict::answered(&issuer, claims("{}"), NOW).unwrap();
    let cache = i64::try_from(issuer.settings.introspection.as_ref().unwrap().cache.as_secs()).unwrap();
    for (second, is_good) in [(-2, false), (-1, true), (0, true), (cache - 1, true), (cache, false)] {
        assert_eq!(verdict.is_answer_of(&issuer, UnixSeconds(NOW.0 + second)), is_good, "{second}");
    }
    let signed = Verdict::signed(&issuer, 0, claims(r#"{"exp":1800000600}"#)).unwrap();
    assert!(!signed.is_answer_of(&issuer, NOW));
}

/// The bounds are a tenth above what was measured when they were set, on any machine: what is allocated is counted, before
/// the allocator rounds it up. With one and a half times a power of two of tokens, tables that double are as full on
/// average as they ever are, into however many parts the cache is split.
#[test]
fn a_remembered_token_costs_no_more_than_it_did() {
    const TOKENS: usize = 12 * 1024;
    let issuer = issuer();
    let uuid = "93bac548-d2de-4546-b106-880a5018460d";
    let cnf = r#""cnf":{"x5t#S256":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
    let named =
        format!(r#""sub":"{uuid}","client_id":"{uuid}","scope":"openid accounts","jti":"{uuid}","consent":"{uuid}""#);
    for (what, further, bytes_max) in [
        ("a token that says nothing", String::new(), 190),
        ("a customer's", format!(",{named}"), 470),
        ("the same, bound to a certificate", format!(",{named},{cnf}"), 515),
        (
            "the same, with its authentication",
            format!(r#",{named},{cnf},"acr":"urn:openbanking:psd2:sca","auth_time":1"#),
            560,
        ),
    ] {
        let json = format!(r#"{{"exp":1800000600,"iat":1800000000{further}}}"#);
        let counted = allocation_counter::measure(|| {
            let cache = VerdictCache::new(2 * TOKENS);
            for number in 0..TOKENS {
                let verdict = Verdict::signed(&issuer, 0, claims(&json)).unwrap();
                cache.store(Fingerprint::of(&number.to_be_bytes()), verdict);
            }
            assert_eq!(cache.len(), TOKENS);
            std::mem::forget(cache);
        });
        let bytes = counted.bytes_current / i64::try_from(TOKENS).unwrap();
        assert!(bytes <= bytes_max, "{what}: {bytes} bytes, at most {bytes_max} before");
    }
}
