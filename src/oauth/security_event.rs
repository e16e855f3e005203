//! The claims of a Security Event Token (RFC 8417, as the Shared Signals Framework 1.0 §4.1 profiles it), read strictly: who
//! says so, to whom, and what happened to whom. Whether it is believed is for the gateway to say.

use super::json;
use super::numeric_date::NumericDate;
use super::subject::Subject;
use crate::clock::UnixSeconds;
use serde::Deserialize as _;
use serde_json::{Map, Value};

/// What one token says.
#[derive(Debug)]
pub struct SecurityEvents {
    /// `iss`
    pub issuer: String,
    /// `aud`, one or several.
    pub audiences: Vec<String>,
    /// `jti`
    pub id: String,
    /// `iat`
    pub issued: UnixSeconds,
    /// At least one.
    pub events: Vec<Event>,
}

/// One of its events.
#[derive(Debug)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// When: `event_timestamp` (CAEP 1.0 §2), else `toe` (RFC 8417 §2.2), else `iat`, which is no earlier.
    pub occurred: UnixSeconds,
    /// To whom; not read of a kind that concerns nobody.
    pub subject: Subject,
}

/// What can happen, as far as it is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CAEP 1.0 §3.1: a session has ended.
    SessionRevoked,
    /// CAEP 1.0 §3.3: a credential was made, changed or taken away.
    CredentialChange,
    /// RISC 1.0: all sessions of an account have ended.
    SessionsRevoked,
    /// RISC 1.0
    AccountDisabled,
    /// RISC 1.0: it is gone for good.
    AccountPurged,
    /// RISC 1.0
    AccountCredentialChangeRequired,
    /// RISC 1.0: somebody else has it.
    CredentialCompromise,
    /// OAuth Event Types 1.0 §3.2
    TokenRevoked,
    /// OAuth Event Types 1.0 §3.3: all tokens of an account.
    TokensRevoked,
    /// OAuth Event Types 1.0 §3.4
    ClientDisabled,
    /// SSF 1.0: the sender tries out whether it is heard.
    Verification,
    /// Something else.
    Other,
}

/// Why it is no token of this profile. The text names no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Reads the payload.
pub fn parse(payload: &str) -> Result<SecurityEvents, Malformed> {
    let claims = json::object(payload).ok_or(Malformed("the claims are not one JSON object without duplicates"))?;
    // SSF 1.0 §4.1: so that it is never taken for another kind of JWT.
    if claims.contains_key("sub") || claims.contains_key("exp") {
        return Err(Malformed("`sub` and `exp` must not stand in a security event token"));
    }
    let issued = date(claims.get("iat"))?.ok_or(INCOMPLETE)?;
    let told = date(claims.get("toe"))?.unwrap_or(issued);
    let events = claims.get("events").and_then(Value::as_object).ok_or(INCOMPLETE)?;
    if events.is_empty() || events.len() > EVENTS_MAX {
        return Err(Malformed("`events` holds none, or too many"));
    }
    let event = |(uri, payload): (&String, &Value)| event(uri, payload, (claims.get("sub_id"), told));
    Ok(SecurityEvents {
        issuer: text(&claims, "iss")?,
        audiences: audiences(claims.get("aud"))?,
        id: text(&claims, "jti")?,
        issued,
        events: events.iter().map(event).collect::<Result<_, _>>()?,
    })
}

fn event(uri: &str, payload: &Value, (sub_id, told): (Option<&Value>, UnixSeconds)) -> Result<Event, Malformed> {
    let payload = payload.as_object().ok_or(Malformed("an event is no object"))?;
    let kind = Kind::of(uri);
    if kind.is_about_nobody() {
        return Ok(Event { kind, occurred: told, subject: Subject::default() });
    }
    // SSF 1.0 §3.1: events of before may repeat the subject, or hold it alone.
    let subject = match (sub_id, payload.get("subject")) {
        (Some(one), Some(other)) if one != other => return Err(Malformed("the event has two subjects")),
        (Some(subject), _) | (None, Some(subject)) => Subject::read(subject)?,
        (None, None) => return Err(Malformed("the event has no subject")),
    };
    let is_change = payload.get("change_type").and_then(Value::as_str).is_some_and(|change| CHANGES.contains(&change));
    let is_typed = payload.get("credential_type").is_some_and(Value::is_string);
    if kind == Kind::CredentialChange && !(is_change && is_typed) {
        return Err(Malformed("a credential change needs `credential_type` and `change_type`"));
    }
    Ok(Event { kind, occurred: date(payload.get("event_timestamp"))?.unwrap_or(told), subject })
}

fn date(value: Option<&Value>) -> Result<Option<UnixSeconds>, Malformed> {
    let read = |value| NumericDate::deserialize(value).map(|date| date.0);
    value.map(read).transpose().map_err(|_| Malformed("a date is not in seconds since 1970"))
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<String, Malformed> {
    let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(INCOMPLETE)
}

fn audiences(value: Option<&Value>) -> Result<Vec<String>, Malformed> {
    match value {
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(many)) => {
            let texts = many.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or(INCOMPLETE)
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Err(INCOMPLETE),
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::SessionRevoked,
        Self::CredentialChange,
        Self::SessionsRevoked,
        Self::AccountDisabled,
        Self::AccountPurged,
        Self::AccountCredentialChangeRequired,
        Self::CredentialCompromise,
        Self::TokenRevoked,
        Self::TokensRevoked,
        Self::ClientDisabled,
        Self::Verification,
        Self::Other,
    ];

    fn of(uri: &str) -> Self {
        let known = URIS.iter().find(|(known, _)| *known == uri);
        known.map_or(Self::Other, |(_, kind)| *kind)
    }

    /// Its place in `ALL`.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name as a label: a closed set.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionRevoked => "session_revoked",
            Self::CredentialChange => "credential_change",
            Self::SessionsRevoked => "sessions_revoked",
            Self::AccountDisabled => "account_disabled",
            Self::AccountPurged => "account_purged",
            Self::AccountCredentialChangeRequired => "account_credential_change_required",
            Self::CredentialCompromise => "credential_compromise",
            Self::TokenRevoked => "token_revoked",
            Self::TokensRevoked => "tokens_revoked",
            Self::ClientDisabled => "client_disabled",
            Self::Verification => "verification",
            Self::Other => "other",
        }
    }

    /// Whether its subject is of no interest, so that it need not have one that we know.
    pub fn is_about_nobody(self) -> bool {
        matches!(self, Self::Verification | Self::Other)
    }
}

const URIS: [(&str, Kind); 11] = [
    ("https://schemas.openid.net/secevent/caep/event-type/session-revoked", Kind::SessionRevoked),
    ("https://schemas.openid.net/secevent/caep/event-type/credential-change", Kind::CredentialChange),
    ("https://schemas.openid.net/secevent/risc/event-type/sessions-revoked", Kind::SessionsRevoked),
    ("https://schemas.openid.net/secevent/risc/event-type/account-disabled", Kind::AccountDisabled),
    (
        "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required",
        Kind::AccountCredentialChangeRequired,
    ),
    ("https://schemas.openid.net/secevent/risc/event-type/account-purged", Kind::AccountPurged),
    ("https://schemas.openid.net/secevent/risc/event-type/credential-compromise", Kind::CredentialCompromise),
    ("https://schemas.openid.net/secevent/oauth/event-type/token-revoked", Kind::TokenRevoked),
    ("https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked", Kind::TokensRevoked),
    ("https://schemas.openid.net/secevent/oauth/event-type/client-disabled", Kind::ClientDisabled),
    ("https://schemas.openid.net/secevent/ssf/event-type/verification", Kind::Verification),
];
/// CAEP 1.0 §3.3.1.
const CHANGES: [&str; 4] = ["create", "revoke", "update", "delete"];
const INCOMPLETE: Malformed = Malformed("`iss`, `aud`, `jti`, `iat` and `events` are needed, each of its type");
/// Events are aspects of one (RFC 8417 §2.2), and interoperable senders send one.
const EVENTS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn claims() -> Value {
        let event = json!({"event_timestamp": 90.9, "reason_admin": {"en": "x"}});
        json!({
            "iss": "i", "aud": ["a", "b"], "jti": "j", "iat": 100, "txn": "t",
            "sub_id": {"format": "iss_sub", "iss": "i", "sub": "s"},
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": event}
        })
    }

    fn with(name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        claims.to_string()
    }

    #[test]
    fn the_examples_of_the_standards_are_read() {
        let set = parse(&claims().to_string()).unwrap();
        assert_eq!((set.issuer.as_str(), set.id.as_str(), set.issued), ("i", "j", UnixSeconds(100)));
        assert_eq!(set.audiences, ["a", "b"]);
        let [event] = set.events.as_slice() else { panic!("one event") };
        assert_eq!((event.kind, event.occurred), (Kind::SessionRevoked, UnixSeconds(90)));
        assert_eq!(event.subject.users[0].name, "s");
    }

    #[test]
    fn every_known_uri_is_its_kind_and_every_kind_has_its_place() {
        for (uri, kind) in URIS {
            let uri_of = kind.name().replace('_', "-");
            assert!(uri.ends_with(&format!("/event-type/{uri_of}")), "{uri}");
            assert_eq!((Kind::of(uri), Kind::of(&format!("{uri}/"))), (kind, Kind::Other));
        }
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), place);
        }
    }

    #[test]
    fn the_time_of_the_event_is_the_closest_that_is_said() {
        let occurred = |text: &str| parse(text).unwrap().events[0].occurred.0;
        let silent = with("events", json!({URIS[0].0: {}}));
        assert_eq!(occurred(&silent), 100);
        assert_eq!(occurred(&silent.replacen("\"txn\":\"t\"", "\"toe\":80", 1)), 80);
        assert_eq!(occurred(&claims().to_string().replacen("\"txn\":\"t\"", "\"toe\":80", 1)), 90);
    }

    #[test]
    fn what_concerns_nobody_needs_no_subject() {
        for (uri, kind) in [(URIS[10].0, Kind::Verification), ("urn:x", Kind::Other)] {
            let text = with("events", json!({uri: {"state": "x"}})).replace("sub_id", "sub_ids");
            assert_eq!(parse(&text).unwrap().events[0].kind, kind);
        }
    }

    /// SSF-2.
    #[test]
    fn anything_else_is_malformed() {
        let session = URIS[0].0;
        let many = |count: usize| {
            let events: Map<_, _> = (0..count).map(|n| (format!("urn:{n}"), json!({}))).collect();
            with("events", Value::Object(events))
        };
        assert!(parse(&many(EVENTS_MAX)).is_ok());
        let text = claims().to_string();
        let mut bad = vec![
            many(0),
            many(EVENTS_MAX + 1),
            with("sub", json!("s")),
            with("sub", Value::Null),
            with("exp", json!(200)),
            with("iss", json!(["i"])),
            with("jti", json!("")),
            with("iat", json!("100")),
            with("toe", json!(-1)),
            with("aud", json!([1])),
            with("aud", Value::Null),
            with("sub_id", json!("s")),
            with("events", json!([session])),
            with("events", json!({session: null})),
            // Milliseconds, as early drafts had them.
            with("events", json!({session: {"event_timestamp": 1_615_304_991_643_i64}})),
            with("events", json!({session: {"event_timestamp": "1615304991"}})),
            with("events", json!({session: {"subject": {"format": "iss_sub", "iss": "i", "sub": "other"}}})),
            with("events", json!({URIS[1].0: {}})),
            with("events", json!({URIS[1].0: {"credential_type": "pin", "change_type": "stolen"}})),
            text.replacen("\"iss\":", "\"iss\":\"x\",\"iss\":", 1),
            text.replacen("\"event_timestamp\":", "\"event_timestamp\":1,\"event_timestamp\":", 1),
            text.replacen('{', "[{", 1) + "]",
            text.replacen("\"sub_id\"", "\"sub_ids\"", 1),
            String::new(),
        ];
        for name in ["iss", "aud", "jti", "iat", "events"] {
            bad.push(text.replacen(&format!("\"{name}\":"), &format!("\"x{name}\":"), 1));
        }
        for bad in bad {
            assert!(parse(&bad).is_err(), "{bad}");
        }
        let change = json!({URIS[1].0: {"credential_type": "pin", "change_type": "create"}});
        assert!(parse(&with("events", change)).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC*") {
            prop_assert!(parse(&text).is_err());
        }

        /// Whoever reads the same claims with another reader of JSON sees the same names.
        #[test]
        fn what_is_read_is_what_was_written(iss in "\\PC{1,9}", id in "\\PC{1,9}", sub in "\\PC{1,9}", at in 0_i64..253_402_300_799) {
            let subject = json!({"format": "iss_sub", "iss": iss, "sub": sub});
            let mut claims = claims();
            claims["iss"] = json!(iss);
            claims["jti"] = json!(id);
            claims["sub_id"] = subject;
            claims["events"] = json!({URIS[0].0: {"event_timestamp": at}});
            let set = parse(&claims.to_string()).unwrap();
            prop_assert_eq!((&set.issuer, &set.id), (&iss, &id));
            let event = &set.events[0];
            prop_assert_eq!((&event.subject.users[0].issuer, &event.subject.users[0].name), (&iss, &sub));
            prop_assert_eq!(event.occurred.0, at);
        }
    }
}
