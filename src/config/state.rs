//! `state`: the Valkey or Redis in which several gateways agree on what none of them can know by itself.

use super::address;
use super::fault::Problem;
use super::quantity;
use super::reader::{Section, Value};
use super::secret::{self, Secret};
use super::tls;
use rustls::pki_types::CertificateDer;
use std::time::Duration;

/// The store, and what becomes of requests while it is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it is.
    pub store: Address,
    /// Roots trusted instead of the system's; none where nothing is encrypted.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// `None`: its default user.
    pub username: Option<Box<str>>,
    /// `None`: it asks for none.
    pub password: Option<Secret>,
    /// Keys of ours begin with it.
    pub prefix: Box<str>,
    /// What a request waits for it at most.
    pub timeout: Duration,
    /// Proofs whose use elsewhere cannot be asked about.
    pub proofs_away: ProofsAway,
    /// Tokens that may be revoked elsewhere.
    pub revocations_away: RevocationsAway,
    /// Calls that cannot be counted together.
    pub limits_away: LimitsAway,
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an address.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
    /// By number.
    pub database: u32,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// What becomes of a proof while the store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofsAway {
    /// 503.
    Refuse,
    /// This gateway decides by itself.
    Local,
}

/// What becomes of a token while the store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationsAway {
    /// What this gateway knows decides.
    GoOn,
    /// 503.
    Refuse,
}

/// What becomes of a call of a shared quota while the store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitsAway {
    /// This gateway counts it by itself.
    Local,
    /// 503.
    Refuse,
    /// It passes.
    Allow,
}

/// All of it.
type Away = (ProofsAway, RevocationsAway, LimitsAway);

impl State {
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        if cfg!(not(feature = "redis")) {
            let problem = Problem::new("this scopegate was built without the feature `redis`");
            value.refuse(problem.hint("leave the section out, or take a build that can share"));
        }
        let section = value.section(&["store", "ca_file", "username", "password", "prefix", "timeout", "when_away"])?;
        let store = section.need("store").and_then(|value| value.parse(address));
        let authorities = authorities(&section, store.as_ref());
        let (username, password) = login(&section);
        let prefix = section.read_or("prefix", PREFIX_DEFAULT.into(), |value| value.parse(prefix));
        let timeout = section.read_or("timeout", TIMEOUT_DEFAULT, |value| {
            value.parse(|text| quantity::within(quantity::duration(text)?, TIMEOUT_MIN, TIMEOUT_MAX))
        });
        let away = section.read_or("when_away", AWAY_DEFAULT, |value| away(&value));
        let (proofs_away, revocations_away, limits_away) = away?;
        Some(Self {
            store: store?,
            authorities: authorities?,
            username: username?,
            password: password?,
            prefix: prefix?,
            timeout: timeout?,
            proofs_away,
            revocations_away,
            limits_away,
        })
    }
}

#[expect(clippy::option_option, reason = "the outer says whether it could be read, the inner whether it is there")]
fn authorities(section: &Section<'_>, store: Option<&Address>) -> Option<Option<Vec<CertificateDer<'static>>>> {
    let Some(value) = section.find("ca_file") else { return Some(None) };
    if store.is_some_and(|store| !store.tls) {
        let problem = Problem::new("nothing is encrypted on the way to this store");
        value.refuse(problem.hint("write `rediss://`, with two s, or leave `ca_file` out"));
    }
    tls::authorities(&value).map(Some)
}

#[expect(clippy::option_option, reason = "the outer says whether it could be read, the inner whether it is there")]
fn login(section: &Section<'_>) -> (Option<Option<Box<str>>>, Option<Option<Secret>>) {
    let username = section.read_or("username", None, |value| Some(Some(Box::from(&*value.text()?.value))));
    if let Some(value) = section.find("username").filter(|_| section.find("password").is_none()) {
        value.refuse(Problem::new("a user without `password`"));
    }
    let password = section.read_or("password", None, |value| {
        let password = secret::read(&value)?;
        if std::str::from_utf8(password.expose()).is_err() {
            value.refuse(Problem::new("the password is not UTF-8 text"));
            return None;
        }
        Some(Some(password))
    });
    (username, password)
}

fn away(value: &Value<'_>) -> Option<Away> {
    let section = value.section(&["proofs", "revocations", "limits"])?;
    let proofs = section.read_or("proofs", ProofsAway::Refuse, |value| {
        value.parse(|text| match text {
            "refuse" => Ok(ProofsAway::Refuse),
            "local" => Ok(ProofsAway::Local),
            _ => Err(neither(text, ["refuse", "local"])),
        })
    });
    let revocations = section.read_or("revocations", RevocationsAway::GoOn, |value| {
        value.parse(|text| match text {
            "go_on" => Ok(RevocationsAway::GoOn),
            "refuse" => Ok(RevocationsAway::Refuse),
            _ => Err(neither(text, ["go_on", "refuse"])),
        })
    });
    let limits = section.read_or("limits", LimitsAway::Local, |value| {
        value.parse(|text| match text {
            "local" => Ok(LimitsAway::Local),
            "refuse" => Ok(LimitsAway::Refuse),
            "allow" => Ok(LimitsAway::Allow),
            _ => Err(Problem::new("is none of `local`, `refuse` and `allow`")
                .did_you_mean(text, ["local", "refuse", "allow"].into_iter())),
        })
    });
    Some((proofs?, revocations?, limits?))
}

fn neither(text: &str, [one, other]: [&str; 2]) -> Problem {
    Problem::new(format!("is neither `{one}` nor `{other}`")).did_you_mean(text, [one, other].into_iter())
}

/// `redis://HOST:PORT/DATABASE`, as its own tools write it.
fn address(text: &str) -> Result<Address, Problem> {
    let schemes = [("redis://", false), ("rediss://", true), ("valkey://", false), ("valkeys://", true)];
    let found = schemes.into_iter().find_map(|(scheme, tls)| Some((text.strip_prefix(scheme)?, tls)));
    let Some((rest, tls)) = found else {
        return Err(Problem::new("begins with neither `redis://` nor `rediss://`"));
    };
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = match database {
        "" => 0,
        number => number
            .parse::<u32>()
            .ok()
            .filter(|number| *number <= DATABASE_MAX && number.to_string() == *database)
            .ok_or_else(|| Problem::new("has something else than the number of a database after the `/`"))?,
    };
    // The rest is what every address of ours is, with the same faults.
    let (uri, host, _) = address::absolute(&format!("http://{authority}"))?;
    if uri.path() != "/" || uri.query().is_some() {
        return Err(Problem::new("has more than host, port and database"));
    }
    Ok(Address { host: host.into(), port: uri.port_u16().unwrap_or(PORT_DEFAULT), database, tls })
}

fn prefix(text: &str) -> Result<Box<str>, Problem> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    if text.len() <= PREFIX_BYTES_MAX && text.bytes().all(is_plain) {
        Ok(text.into())
    } else {
        Err(Problem::new(format!("is not up to {PREFIX_BYTES_MAX} letters, digits and `-_.:`")))
    }
}

/// A used proof is an attack, a missed revocation has its file, and a quota that is too wide for a while harms nobody.
const AWAY_DEFAULT: Away = (ProofsAway::Refuse, RevocationsAway::GoOn, LimitsAway::Local);
/// Who shares a server with others gives each a prefix of its own.
const PREFIX_DEFAULT: &str = "scopegate";
/// It stands before every key.
const PREFIX_BYTES_MAX: usize = 64;
/// A store in the same network answers within one millisecond; a request may be as late as this and no later.
const TIMEOUT_DEFAULT: Duration = Duration::from_millis(20);
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
/// Longer than anybody waits for a whole request.
const TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// Of every such server.
const PORT_DEFAULT: u16 = 6379;
/// More than any server has.
const DATABASE_MAX: u32 = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_the_stores_own_tools_take() {
        for (text, host, port, database, tls) in [
            ("redis://127.0.0.1:6380/2", "127.0.0.1", 6380, 2, false),
            ("rediss://cache.bank.internal", "cache.bank.internal", 6379, 0, true),
            ("valkey://valkey/", "valkey", 6379, 0, false),
            ("valkeys://[::1]:7000", "::1", 7000, 0, true),
        ] {
            assert_eq!(address(text).unwrap(), Address { host: host.into(), port, database, tls }, "{text}");
        }
        for bad in [
            "127.0.0.1:6379",
            "http://a",
            "redis:/a",
            "redis://",
            "redis://a/b",
            "redis://a/01",
            "redis://a/65536",
            "redis://a/0/1",
            "redis://a/-1",
            "redis://a?x=1",
            "redis://u:p@a",
            "redis://a:0",
            "redis://a#b",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_plain_and_short() {
        assert!(prefix(&"a".repeat(PREFIX_BYTES_MAX)).is_ok() && prefix("bank:prod-1_x.y").is_ok());
        for bad in ["a".repeat(PREFIX_BYTES_MAX + 1), "a b".to_owned(), "a{b}".to_owned(), "ä".to_owned()] {
            assert!(prefix(&bad).is_err(), "{bad}");
        }
    }
}
