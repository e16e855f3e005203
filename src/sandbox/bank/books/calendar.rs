//! When something happens in an invented life: the same on the same day whoever asks, and whenever.

use super::super::date::{DAY, Day};
use crate::clock::UnixSeconds;

/// A month of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month {
    year: i64,
    month: i64,
}

/// When a habit is followed.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// On this day of the month.
    Monthly(i64),
    /// On this day of the week, 0 for Mondays.
    Weekly(i64),
    /// On so many of a thousand days.
    Often(u64),
}

/// Chance that repeats itself: what is drawn depends on the seed alone. A generator of a library could change with the
/// library, and with it the history of every account.
#[derive(Debug)]
pub(super) struct Chance(u64);

impl Month {
    pub(super) fn of(day: Day) -> Self {
        Self { year: day.year, month: day.month }
    }

    /// January of the year before: where every history begins.
    pub(super) fn first_kept(today: Day) -> Self {
        Self { year: today.year - 1, month: 1 }
    }

    pub(super) fn next(self) -> Self {
        if self.month == 12 { Self { year: self.year + 1, month: 1 } } else { Self { month: self.month + 1, ..self } }
    }

    pub(super) fn before(self) -> Self {
        if self.month == 1 { Self { year: self.year - 1, month: 12 } } else { Self { month: self.month - 1, ..self } }
    }

    /// The twelve months that lie before this one.
    pub(super) fn year_before(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.before()), |month| Some(month.before())).take(12)
    }

    pub(super) fn is_january(self) -> bool {
        self.month == 1
    }

    pub(super) fn first(self) -> Day {
        Day { year: self.year, month: self.month, day: 1 }
    }

    pub(super) fn days(self) -> impl Iterator<Item = Day> {
        let first = self.first();
        (1..=first.days_in_month()).map(move |day| Day { day, ..first })
    }
}

impl When {
    pub(super) fn is_due(self, day: Day, chance: &mut Chance) -> bool {
        match self {
            // A day that the month does not have is its last.
            Self::Monthly(wanted) => day.day == wanted.min(day.days_in_month()),
            Self::Weekly(wanted) => day.weekday() == wanted,
            Self::Often(per_mille) => chance.below(1_000) < per_mille,
        }
    }
}

impl Chance {
    /// For one account, day and habit.
    pub(super) fn of(account: &str, day: Day, habit: usize) -> Self {
        // FNV-1a
        let account = account
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let day = u64::try_from(day.begins().0 / DAY).unwrap_or_default();
        let habit = u64::try_from(habit).unwrap_or_default();
        Self(account ^ day.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ habit.wrapping_mul(0xbf58_476d_1ce4_e5b9))
    }

    /// Below `bound`, which is not zero. `SplitMix64`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (drawn ^ (drawn >> 31)) % bound.max(1)
    }

    /// From `least` to `most`, both among them.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least).unwrap_or_default();
        least + i64::try_from(self.below(span + 1)).unwrap_or_default()
    }

    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(among.len()).unwrap_or(1));
        among.get(usize::try_from(place).unwrap_or_default())
    }

    /// A second of `day` between two of its hours.
    pub(super) fn time(&mut self, day: Day, (from, to): (i64, i64)) -> UnixSeconds {
        UnixSeconds(day.begins().0 + self.between(from * 3600, to * 3600 - 1))
    }
}
