//! What a verdict says in words, packed into the octets behind its facts: first the identity headers, which are written on
//! every request, then what few tokens have, so that the others have no room for it.

use super::identity;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;

/// The octets of a verdict, where they are read.
#[derive(Clone, Copy)]
pub(super) struct Words<'o> {
    pub(super) ends: &'o Ends,
    pub(super) octets: &'o [u8],
}

/// Where in the octets ends what begins them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The line of the client, if there is one.
    client: u32,
    /// The line of the scopes behind it, if there is one.
    scope: u32,
    /// All identity headers.
    identity: u32,
}

/// What few tokens have. Each stands in the octets as its number, its length and its value.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Part {
    /// A client's own `sub`, where it is not its `client_id`: no upstream is told, and the deny-list may hold it.
    OwnSubject,
    /// `acr`
    Acr,
    /// `auth_time`
    Authenticated,
    /// How often the consent may be used.
    Frequency,
    /// SHA-256 of the certificate that the token is bound to.
    Certificate,
    /// SHA-256 of the key that it is bound to.
    Key,
    /// It is bound to something else, too.
    Foreign,
    /// The first second in which the issuer's answer is good.
    AnswerSince,
    /// The first in which it is good no more: never later than its `exp`.
    AnswerUntil,
}

impl<'o> Words<'o> {
    /// The identity headers as they stand in a request.
    pub(super) fn identity(self) -> &'o [u8] {
        self.octets.get(..self.ends.identity as usize).unwrap_or_default()
    }

    /// What the upstream is told under `name`.
    pub(super) fn field(self, name: &str) -> Option<&'o str> {
        text(identity::find(self.identity(), name)?)
    }

    /// The client that the token was issued to.
    pub(super) fn client_id(self) -> Option<&'o [u8]> {
        let line = self.octets.get(..self.ends.client as usize)?;
        identity::value(line.strip_suffix(b"\r\n")?, identity::CLIENT_ID)
    }

    /// The scope string; empty where there is none.
    pub(super) fn scope(self) -> &'o str {
        let line = self.octets.get(self.ends.client as usize..self.ends.scope as usize);
        let line = line.and_then(|line| line.strip_suffix(b"\r\n"));
        line.and_then(|line| text(identity::value(line, identity::SCOPE)?)).unwrap_or_default()
    }

    /// What there is of `part`.
    pub(super) fn part(self, part: Part) -> Option<&'o [u8]> {
        let mut rest = self.octets.get(self.ends.identity as usize..)?;
        while let Some(([number, length @ ..], after)) = rest.split_first_chunk::<HEAD>() {
            let (value, next) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            if *number == part as u8 {
                return Some(value);
            }
            rest = next;
        }
        None
    }

    /// The text of `part`.
    pub(super) fn text(self, part: Part) -> Option<&'o str> {
        text(self.part(part)?)
    }

    /// As many octets of `part` as it always has.
    pub(super) fn exactly<const N: usize>(self, part: Part) -> Option<[u8; N]> {
        self.part(part)?.try_into().ok()
    }
}

impl Ends {
    /// Of these identity headers, the client's and the scopes' line first.
    pub(super) fn of(identity: &[u8], [client, scope]: [usize; 2]) -> Result<Self, Refusal> {
        Ok(Self { client: short(client)?, scope: short(scope)?, identity: short(identity.len())? })
    }
}

/// Appends `part`, if there is something of it.
pub(super) fn put(octets: &mut Vec<u8>, part: Part, value: Option<&[u8]>) -> Result<(), Refusal> {
    if let Some(value) = value {
        octets.push(part as u8);
        octets.extend_from_slice(&short(value.len())?.to_be_bytes());
        octets.extend_from_slice(value);
    }
    Ok(())
}

/// No token is so long.
fn short(length: usize) -> Result<u32, Refusal> {
    u32::try_from(length).map_err(|_| Reason::Internal.into())
}

fn text(octets: &[u8]) -> Option<&str> {
    str::from_utf8(octets).ok()
}

/// Number and length of a part.
const HEAD: usize = 5;
