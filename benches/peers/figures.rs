//! What was measured, of whom, in which round. What was not measured is absent, never zero.

use super::statistics;

/// What a figure is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// CPU time of a request, in microseconds.
    Cpu,
    /// The part of it outside the kernel.
    User,
    /// Answers a second.
    Rate,
    /// Latency that half of the answers did not exceed, in microseconds.
    P50,
    /// That 99 of a hundred did not.
    P99,
    /// Resident, in MiB, after the load.
    Memory,
    /// The same before any load.
    AtRest,
    /// Resident KiB of an idle connection.
    IdlePlain,
    /// The same with TLS.
    IdleTls,
    /// Share of its CPU that load and upstream took.
    Beside,
}

/// One contender in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<(Quantity, f64)>);

/// All rounds of one contender, in their order.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
}

impl Sample {
    /// With this figure, if there is one.
    pub(crate) fn with(mut self, quantity: Quantity, figure: Option<f64>) -> Self {
        self.0.extend(figure.map(|figure| (quantity, figure)));
        self
    }

    fn figure(&self, quantity: Quantity) -> Option<f64> {
        self.0.iter().find(|(of, _)| *of == quantity).map(|(_, figure)| *figure)
    }
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, samples: Vec::new() }
    }

    /// Of every round.
    pub(crate) fn figures(&self, quantity: Quantity) -> Vec<Option<f64>> {
        self.samples.iter().map(|sample| sample.figure(quantity)).collect()
    }

    pub(crate) fn median(&self, quantity: Quantity) -> Option<f64> {
        statistics::median(&self.figures(quantity).into_iter().flatten().collect::<Vec<_>>())
    }

    /// The ratios to another within rounds.
    pub(crate) fn ratios(&self, other: &Self, quantity: Quantity) -> Vec<f64> {
        statistics::paired(&self.figures(quantity), &other.figures(quantity))
    }

    /// The smallest and the largest.
    pub(crate) fn spread(&self, quantity: Quantity) -> Option<(f64, f64)> {
        let figures = self.figures(quantity);
        let of_rounds = || figures.iter().copied().flatten();
        Some((of_rounds().reduce(f64::min)?, of_rounds().reduce(f64::max)?))
    }

    /// Whether it moved so much from round to round that the machine had something else to do.
    pub(crate) fn is_unsteady(&self) -> bool {
        self.spread(Quantity::Cpu).is_some_and(|(low, high)| high > SPREAD_MAX * low)
    }

    /// Whether it answered less than was asked of it: then its CPU was full, and ratios to it mean nothing.
    pub(crate) fn fell_short(&self, offered: u32) -> bool {
        self.median(Quantity::Rate).is_some_and(|rate| rate < SHARE_MIN * f64::from(offered))
    }
}

/// The largest over the smallest, of who does the same work in each round.
const SPREAD_MAX: f64 = 1.2;
/// Of the offered rate; the rest is what is under way when the time is over.
const SHARE_MIN: f64 = 0.98;
