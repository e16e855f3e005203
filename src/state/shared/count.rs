//! Counts that several gateways share: the arithmetic of `state::limits` in a script, so that a call is taken of every
//! count or of none, and two gateways never take the same one. The time is the gateway's own.

use super::link::Link;
use super::tally::Kind;
use super::wire::Wire;
use super::{Fault, Store};
use crate::state::limits::key::Key;
use crate::state::limits::window::Call;
use crate::state::limits::{Limit, Outcome};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use smallvec::SmallVec;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// A call by one shared count.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'c> {
    /// The quota's name.
    pub name: &'c str,
    /// Whose count.
    pub key: Key,
    /// How much there may be of it: a rate or a window.
    pub limit: Limit,
    /// What is asked for; by windows only.
    pub call: Call,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All were taken, or let through as further pages; in their order.
    Taken(SmallVec<[Outcome; 2]>),
    /// None was.
    Refused {
        /// The place of one that has no call.
        place: usize,
        /// Until there is one.
        wait_us: u64,
    },
}

impl Link {
    /// Takes every claim, or none. Nothing where the store does not say.
    pub async fn take_all(&self, claims: &[Claim<'_>], (now_us, skew_us): (u64, u64)) -> Option<Counted> {
        let keys: SmallVec<[_; 2]> = claims.iter().map(|claim| claim.text(self.store())).collect();
        let mut numbers: SmallVec<[_; 16]> = SmallVec::from_slice(&[Word::Number(now_us), Word::Number(skew_us)]);
        for claim in claims {
            numbers.extend(claim.words()?);
        }
        let ask = async |wire: Wire| {
            let answer = wire.run(&COUNT, &keys, &numbers).await?;
            read(&answer, claims.len()).ok_or_else(|| Fault::new("its answer is not what it should be"))
        };
        self.call(Kind::Limits, ask).await
    }

    /// Undoes the calls of that time, as far as the store can be told. Where nobody knows whether there are any, no call that
    /// has moved since is taken for one of them.
    pub async fn give_back(&self, claims: &[Claim<'_>], at_us: u64, is_unsure: bool) {
        let keys: SmallVec<[_; 2]> = claims.iter().map(|claim| claim.text(self.store())).collect();
        let words = [Word::Number(at_us), Word::Number(is_unsure.into())];
        // Said in full: a store that is late is not asked whether it knows the script.
        let ask = async |wire: Wire| wire.run_in_full(&GIVE_BACK, &keys, &words).await;
        // Where it fails, a caller has a call less for a while.
        self.call(Kind::Limits, ask).await;
    }
}

impl Claim<'_> {
    fn text(&self, store: &Store) -> String {
        let kind = match self.limit {
            Limit::Rate(_) => "rate",
            Limit::Window(_) | Limit::AtOnce(_) => "window",
        };
        format!("{}:{kind}:{}:{:032x}", store.terms().prefix, self.name, self.key.number())
    }

    /// Five for each. Nothing where it cannot be shared.
    fn words(&self) -> Option<[Word; 5]> {
        let number = Word::Number;
        match (self.limit, self.call) {
            (Limit::Rate(rate), _) => {
                let (interval, span) = (number(rate.interval_us), number(rate.span_us()));
                Some([Word::Text("rate"), interval, span, number(0), number(0)])
            }
            (Limit::Window(window), call) => {
                let follow = match call {
                    Call::One => Word::Text("-1"),
                    Call::FollowUp(within_us) => number(within_us),
                };
                let [calls, within, grain] = [window.calls, window.within_us, window.grain_us()].map(number);
                Some([Word::Text("window"), calls, within, grain, follow])
            }
            // Who holds one and dies gives nothing back.
            (Limit::AtOnce(_), _) => None,
        }
    }
}

/// An argument of a script.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// As it is.
    Text(&'static str),
    /// In decimal.
    Number(u64),
}

/// A script, with its name by which the store remembers it.
pub(super) struct Script {
    pub(super) text: &'static str,
    name: OnceLock<String>,
}

impl Script {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, name: OnceLock::new() }
    }

    /// SHA-1, as the store's protocol has it; nothing rests on it.
    pub(super) fn name(&self) -> &str {
        self.name.get_or_init(|| {
            let mut name = String::new();
            for octet in digest(&SHA1_FOR_LEGACY_USE_ONLY, self.text.as_bytes()).as_ref() {
                write!(name, "{octet:02x}").expect("writing to a String does not fail");
            }
            name
        })
    }
}

/// What the script says of so many claims.
fn read(answer: &[i64], claims: usize) -> Option<Counted> {
    let (first, rest) = answer.split_first()?;
    let number = |number: i64| u64::try_from(number).ok();
    if *first != 0 {
        let place = usize::try_from(*first).ok()?.checked_sub(1)?;
        let [wait] = rest else { return None };
        return (place < claims).then_some(Counted::Refused { place, wait_us: number(*wait)? });
    }
    let outcome = |three: &[i64]| {
        let [left, wait, free] = three else { return None };
        let (left, wait_us) = (number(*left)?, number(*wait)?);
        Some(if *free == 0 { Outcome::Taken { left, wait_us } } else { Outcome::Free { left, wait_us } })
    };
    let outcomes: SmallVec<[_; 2]> = rest.chunks(3).map(outcome).collect::<Option<_>>()?;
    (outcomes.len() == claims).then_some(Counted::Taken(outcomes))
}

static COUNT: Script = Script::new(include_str!("count.lua"));
static GIVE_BACK: Script = Script::new(include_str!("give_back.lua"));

/// What another gateway counted may be so far ahead of our clock.
pub const SKEW_US: u64 = super::era::SKEW_MAX_S.unsigned_abs() * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_script_can_have_said_is_read() {
        let taken = |left, wait_us| Outcome::Taken { left, wait_us };
        let free = Outcome::Free { left: 0, wait_us: 9 };
        assert_eq!(read(&[0, 3, 7, 0, 0, 9, 1], 2), Some(Counted::Taken(SmallVec::from_slice(&[taken(3, 7), free]))));
        assert_eq!(read(&[2, 5], 2), Some(Counted::Refused { place: 1, wait_us: 5 }));
        for bad in [
            &[][..],
            &[0],
            &[0, 1, 2],
            &[0, 1, 2, 0],
            &[0, -1, 2, 0, 1, 1, 0],
            &[3, 5],
            &[-1, 5],
            &[1],
            &[1, 5, 5],
            &[1, -5],
        ] {
            assert_eq!(read(bad, 2), None, "{bad:?}");
        }
    }
}
