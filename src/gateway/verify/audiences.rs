//! Whom a token is meant for, in as many bits as an issuer may have audiences: a verdict has no room for their names.

use crate::config::bounds::AUDIENCES_MAX;

/// Some of an issuer's audiences, by their places in its list. One for another resource server is in no list of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audiences(u64);

impl Audiences {
    /// Which of `all` are `wanted`. Only the first 64 count, which is as many as a configuration may have.
    pub fn among(wanted: &[impl AsRef<str>], all: &[Box<str>]) -> Self {
        let is_wanted = |one: &str| wanted.iter().any(|wanted| wanted.as_ref() == one);
        let places = all.iter().take(AUDIENCES_MAX).enumerate().filter(|(_, one)| is_wanted(one));
        Self(places.fold(0, |set, (place, _)| set | 1 << place))
    }

    /// Whether they have one in common.
    pub fn overlap(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
