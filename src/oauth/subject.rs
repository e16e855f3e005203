//! Whom a security event is about: subject identifiers (RFC 9493) and those that the Shared Signals Framework adds (SSF 1.0
//! §3). Only what can stand in a token is kept: an issuer's `sub`, a token's `jti`, a client's id.

use super::security_event::Malformed;
use serde_json::{Map, Value};

/// What a subject says that can stand in a token. Nothing in it: it may be anybody.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Users, by issuer and `sub`; several are names of the same one.
    pub users: Vec<Named>,
    /// Tokens, by issuer and `jti`.
    pub tokens: Vec<Named>,
    /// Clients of the event's issuer, by `client_id`.
    pub clients: Vec<String>,
}

/// A name and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `iss`
    pub issuer: String,
    /// `sub` or `jti`
    pub name: String,
}

enum Identifier {
    User(Named),
    Token(Named),
    Client(String),
    Opaque(String),
    /// An e-mail address, a telephone number, a device: no token holds one.
    Foreign,
}

impl Subject {
    /// A simple subject, or a complex one of several members that describe it together (SSF 1.0 §3.3).
    pub(super) fn read(value: &Value) -> Result<Self, Malformed> {
        let members = value.as_object().ok_or(NO_SUBJECT)?;
        if format(members)? != "complex" {
            let mut subject = Self::default();
            for identifier in simple(members)? {
                match identifier {
                    Identifier::User(user) => subject.users.push(user),
                    Identifier::Token(token) => subject.tokens.push(token),
                    Identifier::Client(client) => subject.clients.push(client),
                    // Of what, only the event's sender knows.
                    Identifier::Opaque(_) | Identifier::Foreign => {}
                }
            }
            return Ok(subject);
        }
        complex(members)
    }
}

/// The user at an application. Other members make the subject smaller than we can see, so more is revoked than was asked
/// for; but where the user is somebody whom we cannot name, nobody is.
fn complex(members: &Map<String, Value>) -> Result<Subject, Malformed> {
    let mut subject = Subject::default();
    for (name, value) in members.iter().filter(|(name, _)| *name != "format") {
        let identifiers = simple(value.as_object().ok_or(NO_SUBJECT)?)?;
        for identifier in identifiers {
            match (name.as_str(), identifier) {
                ("user", Identifier::User(user)) => subject.users.push(user),
                ("application", Identifier::Client(client) | Identifier::Opaque(client)) => {
                    subject.clients.push(client);
                }
                (_, _) => {}
            }
        }
    }
    if members.contains_key("user") && subject.users.is_empty() { Ok(Subject::default()) } else { Ok(subject) }
}

/// One identifier, or several of the same subject (RFC 9493 §3.2.8).
fn simple(members: &Map<String, Value>) -> Result<Vec<Identifier>, Malformed> {
    if format(members)? != "aliases" {
        return Ok(vec![identifier(members)?]);
    }
    let aliases = members.get("identifiers").and_then(Value::as_array).ok_or(NO_SUBJECT)?;
    if aliases.is_empty() || aliases.len() > ALIASES_MAX {
        return Err(NO_SUBJECT);
    }
    aliases.iter().map(|alias| identifier(alias.as_object().ok_or(NO_SUBJECT)?)).collect()
}

fn identifier(members: &Map<String, Value>) -> Result<Identifier, Malformed> {
    let named = |name| Ok(Named { issuer: text(members, "iss")?, name: text(members, name)? });
    match format(members)? {
        "iss_sub" => Ok(Identifier::User(named("sub")?)),
        "jwt_id" => Ok(Identifier::Token(named("jti")?)),
        // OAuth Event Types 1.0 §2.2.
        "oauth_client" => Ok(Identifier::Client(text(members, "client_id")?)),
        "opaque" => Ok(Identifier::Opaque(text(members, "id")?)),
        // Neither may stand within another (RFC 9493 §3.2.8, SSF 1.0 §3.3).
        "aliases" | "complex" => Err(NO_SUBJECT),
        _ => Ok(Identifier::Foreign),
    }
}

fn format(members: &Map<String, Value>) -> Result<&str, Malformed> {
    members.get("format").and_then(Value::as_str).ok_or(NO_SUBJECT)
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String, Malformed> {
    let text = members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(NO_SUBJECT)
}

const NO_SUBJECT: Malformed = Malformed("the subject is no subject identifier (RFC 9493) with all its members");
/// Names of one subject; each may become an entry of a list.
const ALIASES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Option<Subject> {
        Subject::read(value).ok()
    }

    fn named(name: &str) -> Named {
        Named { issuer: "i".to_owned(), name: name.to_owned() }
    }

    fn user() -> Value {
        json!({"format": "iss_sub", "iss": "i", "sub": "s"})
    }

    #[test]
    fn what_can_stand_in_a_token_is_kept() {
        let users = || Subject { users: vec![named("s")], ..Subject::default() };
        let clients = || vec!["c".to_owned()];
        let email = json!({"format": "email", "email": "a@b"});
        for (value, expected) in [
            (user(), users()),
            (
                json!({"format": "jwt_id", "iss": "i", "jti": "t"}),
                Subject { tokens: vec![named("t")], ..Subject::default() },
            ),
            (json!({"format": "oauth_client", "client_id": "c"}), Subject { clients: clients(), ..Subject::default() }),
            (json!({"format": "opaque", "id": "c"}), Subject::default()),
            (email.clone(), Subject::default()),
            (json!({"format": "somebody's own", "x": [1]}), Subject::default()),
            (json!({"format": "aliases", "identifiers": [email, user()]}), users()),
            (json!({"format": "complex", "user": user(), "session": {"format": "opaque", "id": "x"}}), users()),
            (
                json!({"format": "complex", "user": user(), "application": {"format": "opaque", "id": "c"}}),
                Subject { clients: clients(), ..users() },
            ),
            (json!({"format": "complex", "device": user()}), Subject::default()),
            (
                json!({"format": "complex", "application": {"format": "opaque", "id": "c"}, "user": email}),
                Subject::default(),
            ),
        ] {
            assert_eq!(read(&value), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_is_no_subject_is_malformed() {
        for bad in [
            json!(null),
            json!("s"),
            json!([user()]),
            json!({}),
            json!({"iss": "i", "sub": "s"}),
            json!({"format": ["iss_sub"], "iss": "i", "sub": "s"}),
            json!({"format": "iss_sub", "iss": "i"}),
            json!({"format": "iss_sub", "iss": "i", "sub": ""}),
            json!({"format": "iss_sub", "iss": "i", "sub": 1}),
            json!({"format": "jwt_id", "iss": "i", "id": "t"}),
            json!({"format": "aliases", "identifiers": []}),
            json!({"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": [user()]}]}),
            json!({"format": "complex", "user": "s"}),
            json!({"format": "complex", "user": {"format": "complex", "user": user()}}),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn aliases_are_bounded() {
        let aliases = |count| json!({"format": "aliases", "identifiers": vec![user(); count]});
        assert_eq!(read(&aliases(ALIASES_MAX)).unwrap().users.len(), ALIASES_MAX);
        assert_eq!(read(&aliases(ALIASES_MAX + 1)), None);
    }
}
