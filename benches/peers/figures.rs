//! From samples to a table. Ratios are taken within a round, so that what the machine does meanwhile hits both sides.

/// One contender in one round.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Of the proxy, a request. `None`: unmeasured, never zero.
    pub(crate) cpu_us: Option<f64>,
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) bad: u64,
}

/// All rounds of one contender, in their order.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
}

/// Prints one line a contender, with ratios to the one called `base` where it took part.
pub(crate) fn print(rows: &[Row], base: &str) {
    let base = rows.iter().find(|row| row.name == base);
    println!(
        "{:18}{:>12}{:>10}{:>16}{:>10}{:>10}{:>10}{:>9}",
        "contender", "CPU µs/req", "× nginx", "95 %", "rate/s", "p50 µs", "p99 µs", "not 200"
    );
    for row in rows {
        let cpu = row.median(|sample| sample.cpu_us).map_or("-".to_owned(), |us| format!("{us:.1}"));
        let (ratio, interval) = base.and_then(|base| row.ratio_to(base)).unwrap_or(("-".to_owned(), "-".to_owned()));
        let median = |of: fn(&Sample) -> f64| row.median(|sample| Some(of(sample))).unwrap_or(f64::NAN);
        let (rate, p50, p99) = (median(|s| s.rate), median(|s| s.p50_us), median(|s| s.p99_us));
        let bad: u64 = row.samples.iter().map(|sample| sample.bad).sum();
        println!("{:18}{cpu:>12}{ratio:>10}{interval:>16}{rate:>10.0}{p50:>10.0}{p99:>10.0}{bad:>9}", row.name);
    }
    if let Some((low, high)) = base.and_then(Row::spread) {
        let verdict =
            if high > 1.2 * low { "; more than 20 %: the machine was too busy, do not quote this run" } else { "" };
        println!("nginx from round to round: {low:.1} to {high:.1} µs{verdict}");
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(&mut self.samples.iter().filter_map(of).collect::<Vec<_>>())
    }

    /// The median of the paired ratios and its interval.
    fn ratio_to(&self, base: &Self) -> Option<(String, String)> {
        let pairs = self.samples.iter().zip(&base.samples);
        let mut ratios: Vec<f64> = pairs.filter_map(|(ours, theirs)| Some(ours.cpu_us? / theirs.cpu_us?)).collect();
        let middle = median(&mut ratios)?;
        let interval = bootstrap(&ratios).map_or("-".to_owned(), |(low, high)| format!("{low:.2} to {high:.2}"));
        Some((format!("{middle:.2}"), interval))
    }

    fn spread(&self) -> Option<(f64, f64)> {
        let of_rounds = || self.samples.iter().filter_map(|sample| sample.cpu_us);
        Some((of_rounds().reduce(f64::min)?, of_rounds().reduce(f64::max)?))
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    match (values.get(values.len() / 2), values.len() % 2) {
        (Some(upper), 0) => values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, *upper)),
        (middle, _) => middle.copied(),
    }
}

/// The middle 95 % of the medians of resampled rounds; too few rounds have no interval.
fn bootstrap(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < ROUNDS_MIN {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(1);
    let mut resampled = || {
        let mut draw: Vec<f64> = (0..values.len()).filter_map(|_| random.choice(values).copied()).collect();
        median(&mut draw).unwrap_or(f64::NAN)
    };
    let mut medians: Vec<f64> = (0..RESAMPLES).map(|_| resampled()).collect();
    medians.sort_by(f64::total_cmp);
    Some((medians[RESAMPLES / 40], medians[RESAMPLES - 1 - RESAMPLES / 40]))
}

const RESAMPLES: usize = 4000;
const ROUNDS_MIN: usize = 5;
