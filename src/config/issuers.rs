//! `issuers`: whose tokens are accepted, and how they are checked.

use super::fault::Problem;
use super::introspection::Introspection;
use super::introspection::{self, Answers};
use super::key_source::{self, KeySource};
use super::names::Names;
use super::profile::{self, Profile};
use super::reader::{Section, Value, distinct};
use super::status_list::{self, StatusLists};
use super::{bounds, quantity};
use crate::oauth::algorithm::Algorithm;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Whose tokens are accepted, and how they are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The operator's name for it: in logs, metrics and `routes[].issuers`.
    pub name: Arc<str>,
    /// Compared with `iss` character by character (RFC 7519 §2).
    pub issuer: Arc<str>,
    /// One of these must stand in `aud`; at least one, unless all its tokens are opaque.
    pub audiences: Vec<Box<str>>,
    /// The only algorithms accepted from it; at least one, unless it has no keys.
    pub algorithms: Vec<Algorithm>,
    /// Where its public keys are.
    pub keys: KeySource,
    /// How it is asked about opaque tokens.
    pub introspection: Option<Introspection>,
    /// How the lists are read by which it revokes tokens; `None`: their claim is ignored.
    pub status_list: Option<StatusLists>,
    /// Which `typ` its tokens carry.
    pub typ: TokenType,
    /// Claims that must be present beside `iss`, `exp` and `aud`.
    pub required_claims: Vec<Box<str>>,
    /// The issuer's own names for what no standard names.
    pub claims: ClaimNames,
    /// Clock difference that is forgiven on `exp`, `nbf` and `iat`; at most 60 s.
    pub leeway: Duration,
    /// What its tokens are held to.
    pub profile: Profile,
}

/// Which `typ` header an access token must carry (RFC 9068 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` or `application/at+jwt`: nothing else can be mistaken for an access token.
    AccessToken,
    /// Also `JWT` or none: issuers from before RFC 9068.
    Legacy,
}

/// The issuer's own claim names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimNames {
    /// The claim that holds the grant type.
    pub grant: Option<Box<str>>,
    /// The claim that holds the consent's id.
    pub consent: Option<Box<str>>,
    /// The claim that holds the scopes in place of `scope` (`scp`).
    pub scopes: Option<Box<str>>,
    /// The claim that holds how often the consent may be used unattended (Berlin Group's `frequencyPerDay`).
    pub frequency: Option<Box<str>>,
}

/// `issuers:`; an absent or empty list is for the routes to judge.
pub(super) fn read(value: &Value<'_>, server: Profile) -> (Names, Option<Vec<Issuer>>) {
    let Some(items) = value.list_or_empty() else { return (Names::unreadable(NOUN), None) };
    let mut names = Names::new(NOUN);
    let mut seen = HashMap::new();
    let issuers: Vec<Option<Issuer>> = items.iter().map(|item| issuer(item, &mut names, &mut seen, server)).collect();
    (names, issuers.into_iter().collect())
}

/// The audiences of all issuers.
pub(super) fn all_audiences(issuers: &[Issuer]) -> Vec<&str> {
    issuers.iter().flat_map(|issuer| &issuer.audiences).map(AsRef::as_ref).collect()
}

/// What references to issuers call them.
pub(super) const NOUN: &str = "issuer";

fn issuer(value: &Value<'_>, names: &mut Names, seen: &mut HashMap<Arc<str>, u64>, server: Profile) -> Option<Issuer> {
    let section = value.section(&KEYS);
    let name = names.add(section.as_ref().and_then(|section| section.need("name")));
    let section = section?;
    let issuer = section.need("issuer").and_then(|value| identifier(&value, seen));
    let introspection = section.read_or("introspection", None, |value| introspection::read(&value).map(Some));
    let is_asked = section.find("introspection").is_some();
    // Without keys every token is opaque, and the issuer judges what a JWT would have to prove.
    let is_opaque = is_asked && section.find("jwks").is_none();
    let needed = |key| if is_opaque { section.find(key) } else { section.need(key) };
    let audiences = match needed("audiences") {
        Some(value) => audiences(&value),
        None => is_opaque.then(Vec::new),
    };
    let algorithms = match needed("algorithms") {
        Some(value) => value.list().and_then(|items| distinct(items, |item| item.parse(algorithm))),
        None => is_opaque.then(Vec::new),
    };
    let keys = match section.find("jwks") {
        Some(value) => key_source::read(&value, issuer.as_deref()),
        None if is_opaque => Some(KeySource::None),
        None => issuer.as_deref().and_then(|issuer| key_source::unsaid(&section, issuer)),
    };
    let status_list = status_list::of_issuer(&section, issuer.as_deref(), keys.as_ref());
    let typ = section.read_or("typ", TokenType::AccessToken, |value| value.parse(token_type));
    let required_claims = section.find("required_claims").map_or_else(
        || Some(if is_asked { Vec::new() } else { REQUIRED_CLAIMS.map(Box::from).to_vec() }),
        // An empty list is an answer here: nothing beside `iss`, `exp` and `aud`.
        |value| distinct(value.list_or_empty()?, |item| item.parse(|text| Ok(Box::from(text)))),
    );
    if is_opaque && introspection.iter().flatten().any(|asked| asked.answers == Answers::Signed) {
        return refuse_signed_answers(&section);
    }
    let claims = section.read_or("claims", ClaimNames::default(), |value| claim_names(&value));
    let leeway = section.read_or("leeway", LEEWAY_DEFAULT, |value| {
        value.parse(|text| quantity::within(quantity::duration(text)?, Duration::ZERO, bounds::LEEWAY_MAX))
    });
    let profile = section.read_or("profile", server, |value| value.parse(profile::parse));
    profile::check_algorithms(profile.unwrap_or(server), algorithms.as_deref(), section.find("algorithms").as_ref());
    Some(Issuer {
        name: name?,
        issuer: issuer?,
        audiences: audiences?,
        algorithms: algorithms?,
        keys: keys?,
        introspection: introspection?,
        status_list: status_list?,
        typ: typ?,
        required_claims: required_claims?,
        claims: claims?,
        leeway: leeway?,
        profile: profile?,
    })
}

fn refuse_signed_answers(section: &Section<'_>) -> Option<Issuer> {
    let problem = Problem::new("signed answers need `jwks` and `algorithms`");
    section.whole().refuse(problem.hint("they are the keys that the issuer signs its answers with"));
    None
}

/// Two issuers with one `iss` would leave it to chance whose keys a token is checked with.
fn identifier(value: &Value<'_>, seen: &mut HashMap<Arc<str>, u64>) -> Option<Arc<str>> {
    let identifier: Arc<str> = value.parse(string_or_uri)?.into();
    if let Some(line) = seen.get(&identifier) {
        let problem = Problem::new(format!("the issuer of line {line} has the same `issuer`"));
        value.refuse(problem.hint("one entry may have several audiences and algorithms"));
        return None;
    }
    seen.insert(identifier.clone(), value.line());
    Some(identifier)
}

fn audiences(value: &Value<'_>) -> Option<Vec<Box<str>>> {
    let audiences = distinct(value.list()?, |item| item.parse(string_or_uri))?;
    if audiences.len() > bounds::AUDIENCES_MAX {
        let problem = Problem::new(format!("has more than {} audiences", bounds::AUDIENCES_MAX));
        value.refuse(problem.hint("an audience names an API, not a resource within it"));
        return None;
    }
    Some(audiences)
}

/// A `StringOrURI` of RFC 7519 §2 that an operator can have meant: it is compared character by character.
fn string_or_uri(text: &str) -> Result<Box<str>, Problem> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(
            Problem::new("holds white space").hint("it is compared with the token's claim character by character")
        );
    }
    Ok(text.into())
}

pub(super) fn algorithm(text: &str) -> Result<Algorithm, Problem> {
    text.parse().map_err(|_| match text {
        "HS256" | "HS384" | "HS512" => Problem::new("is a shared secret, not a signature")
            .hint("whoever can check such a token can also mint one: let the issuer sign with ES256 or PS256"),
        _ => Problem::new("is not an accepted algorithm")
            .did_you_mean(text, Algorithm::ALL.iter().map(|algorithm| algorithm.as_str())),
    })
}

fn token_type(text: &str) -> Result<TokenType, Problem> {
    match text {
        "at+jwt" => Ok(TokenType::AccessToken),
        "legacy" => Ok(TokenType::Legacy),
        _ => Err(Problem::new("is not a token type")
            .hint("`at+jwt` (RFC 9068), or `legacy` for an issuer that writes `JWT` or nothing into `typ`")),
    }
}

fn claim_names(value: &Value<'_>) -> Option<ClaimNames> {
    let section = value.section(&["grant", "consent", "scopes", "frequency"])?;
    let name = |key| section.read_or(key, None, |value| Some(Some(Box::from(value.text()?.value))));
    let (grant, consent, scopes, frequency) = (name("grant"), name("consent"), name("scopes"), name("frequency"));
    Some(ClaimNames { grant: grant?, consent: consent?, scopes: scopes?, frequency: frequency? })
}

const KEYS: [&str; 12] = [
    "name",
    "issuer",
    "audiences",
    "algorithms",
    "jwks",
    "introspection",
    "status_list",
    "typ",
    "required_claims",
    "claims",
    "leeway",
    "profile",
];
/// What RFC 9068 §2.2 demands beside `iss`, `exp` and `aud`.
const REQUIRED_CLAIMS: [&str; 4] = ["sub", "client_id", "iat", "jti"];
/// Enough for clocks that are kept, little enough to matter to nobody.
const LEEWAY_DEFAULT: Duration = Duration::from_secs(5);
