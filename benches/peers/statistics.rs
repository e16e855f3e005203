//! Medians, percentiles, and how sure one can be of a median. Knows numbers, and nothing of what they count.

/// Whether a run shows that a figure is at most a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// The bound is within the interval, or the rounds were too few for one.
    NotShown,
}

impl Verdict {
    /// Of an interval as [`interval`] gives it.
    pub(crate) fn of(interval: Option<(f64, f64)>, bound: f64) -> Self {
        match interval {
            Some((_, high)) if high <= bound => Self::Met,
            Some((low, _)) if low > bound => Self::Missed,
            Some(_) | None => Self::NotShown,
        }
    }
}

/// Ratios within rounds, so that what the machine does meanwhile hits both sides. A round that lacks one has none.
pub(crate) fn paired(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Vec<f64> {
    ours.iter().zip(theirs).filter_map(|(ours, theirs)| Some((*ours)? / theirs.filter(|value| *value > 0.0)?)).collect()
}

/// The middle one, or the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.get(half), sorted.len() % 2) {
        (Some(upper), 0) => sorted.get(half - 1).map(|lower| f64::midpoint(*lower, *upper)),
        (middle, _) => middle.copied(),
    }
}

/// The middle 95 % of the medians of resampled rounds. From fewer than five rounds there is none.
pub(crate) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < ROUNDS_MIN {
        return None;
    }
    // Seeded: the same rounds give the same interval.
    let mut random = fastrand::Rng::with_seed(1);
    let resampled = |_| {
        let draw: Vec<f64> = values.iter().filter_map(|_| random.choice(values).copied()).collect();
        median(&draw)
    };
    let mut medians: Vec<f64> = (0..RESAMPLES).filter_map(resampled).collect();
    medians.sort_by(f64::total_cmp);
    Some((*medians.get(RESAMPLES / 40)?, *medians.get(RESAMPLES - 1 - RESAMPLES / 40)?))
}

/// The smallest value that so many of a hundred do not exceed.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> Option<f64> {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().map(f64::from)
}

const RESAMPLES: usize = 4000;
const ROUNDS_MIN: usize = 5;
