//! Scope tokens and scope strings (RFC 6749 §3.3): exact, case-sensitive, order-free.

use std::fmt;
use std::str::FromStr;

/// One scope token: never empty, only `%x21 / %x23-5B / %x5D-7E`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeToken(Box<str>);

/// The scopes of a token, as the issuer wrote them: tokens separated by exactly one space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Box<str>);

/// The text is not a scope token or a scope string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadScope;

impl ScopeToken {
    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScopeToken {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        if is_scope_token(text) { Ok(Self(text.into())) } else { Err(BadScope) }
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ScopeSet {
    /// The scopes.
    pub fn scopes(&self) -> Scopes<'_> {
        Scopes(&self.0)
    }
}

/// The scopes of a token, borrowed from where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes<'s>(&'s str);

impl<'s> Scopes<'s> {
    /// Of a scope string that was checked before: a part of another text, for instance.
    pub(crate) fn of_checked(text: &'s str) -> Self {
        Self(text)
    }

    /// Whether `wanted` is one of them. A prefix, a suffix or another case is another scope.
    pub fn contains(self, wanted: &ScopeToken) -> bool {
        self.0.as_bytes().split(|b| *b == b' ').any(|held| held == wanted.as_str().as_bytes())
    }

    /// Whether both hold the same scopes, in whatever order and however often.
    pub fn is_same(self, other: Self) -> bool {
        // Sorted: who compared each with each could be kept busy by a token of a thousand scopes.
        let set = |scopes: Self| {
            let mut all: Vec<&str> = scopes.iter().collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        set(self) == set(other)
    }

    /// Every token in the issuer's order, duplicates included.
    pub fn iter(self) -> impl Iterator<Item = &'s str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// The scope string: tokens separated by one space.
    pub fn as_str(self) -> &'s str {
        self.0
    }
}

impl FromStr for ScopeSet {
    type Err = BadScope;

    /// The empty string is the empty set; a leading, trailing or double space is a fault.
    fn from_str(text: &str) -> Result<Self, BadScope> {
        if text.is_empty() || text.split(' ').all(is_scope_token) { Ok(Self(text.into())) } else { Err(BadScope) }
    }
}

impl fmt::Display for BadScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a scope: one or more visible ASCII characters other than `\"` and `\\`")
    }
}

impl std::error::Error for BadScope {}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`
fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_ends_exactly_where_the_rfc_says() {
        for good in ["!", "#", "[", "]", "~", "accounts:read", "urn:bank:consent/1"] {
            assert!(good.parse::<ScopeToken>().is_ok(), "{good:?}");
        }
        for bad in ["", " ", "\"", "\\", "\u{7f}", "a b", "ş", "\t", "a\0"] {
            assert!(bad.parse::<ScopeToken>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn membership_is_exact() {
        let held: ScopeSet = "openid accounts payments:write".parse().unwrap();
        for (wanted, is_held) in [
            ("accounts", true),
            ("payments:write", true),
            ("payments", false),
            ("Accounts", false),
            ("account", false),
            ("accountss", false),
        ] {
            assert_eq!(held.scopes().contains(&wanted.parse().unwrap()), is_held, "{wanted}");
        }
    }

    #[test]
    fn scope_strings_are_separated_by_exactly_one_space() {
        for bad in [" a", "a ", "a  b", "a\tb", "a\u{a0}b"] {
            assert!(bad.parse::<ScopeSet>().is_err(), "{bad:?}");
        }
        assert!("".parse::<ScopeSet>().unwrap().scopes().iter().next().is_none());
    }
}
