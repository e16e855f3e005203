//! Which of several servers is asked: of two that are drawn by their weights the one with less to do. That spreads almost as
//! well as asking the least loaded of all, and a server that looks idle because it fails at once draws no crowd
//! (Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001).

use super::health::Fitness;
use smallvec::SmallVec;
use std::cell::Cell;

/// A server that may be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its place in the upstream.
    pub place: usize,
    /// Above 0.
    pub weight: u32,
    /// Requests that it is working on.
    pub load: usize,
    /// How far it can be asked.
    pub fitness: Fitness,
}

/// A worker's source of chance: xorshift64 (Marsaglia 2003), which need not be hard to guess.
#[derive(Debug)]
pub struct Chance(Cell<u64>);

impl Chance {
    /// `seed` may be anything.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed ^ 0x9e37_79b9_7f4a_7c15 | 1))
    }

    /// At least 0 and below 1.
    fn draw(&self) -> f32 {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
        let drawn = (state >> 40) as f32;
        drawn / 16_777_216.0
    }
}

/// The place of the one to ask; `None` where none can be.
pub fn choose(candidates: &[Candidate], chance: &Chance) -> Option<usize> {
    // Whoever was given the right to try one has to.
    if let Some(tried) = candidates.iter().find(|candidate| candidate.fitness == Fitness::Try) {
        return Some(tried.place);
    }
    let mut left: SmallVec<[(Candidate, f32); 8]> =
        candidates.iter().filter_map(|candidate| Some((*candidate, share(candidate)?))).collect();
    let first = left.swap_remove(draw(&left, chance)?).0;
    let Some(second) = draw(&left, chance).and_then(|place| left.get(place)) else {
        return Some(first.place);
    };
    Some(if burden(&second.0) < burden(&first) { second.0.place } else { first.place })
}

fn draw(of: &[(Candidate, f32)], chance: &Chance) -> Option<usize> {
    let mut rest = chance.draw() * of.iter().map(|(_, share)| share).sum::<f32>();
    for (place, (_, share)) in of.iter().enumerate() {
        rest -= share;
        if rest < 0.0 {
            return Some(place);
        }
    }
    // Rounding may leave a crumb beyond the last.
    of.len().checked_sub(1)
}

fn share(candidate: &Candidate) -> Option<f32> {
    #[expect(clippy::cast_precision_loss, reason = "weights are small")]
    let weight = candidate.weight as f32;
    match candidate.fitness {
        Fitness::Whole | Fitness::Try => Some(weight),
        Fitness::Part(part) => Some(weight * part),
        Fitness::Out => None,
    }
}

/// Its load for its share. Where nobody is busy the weights of the draw decide.
fn burden(candidate: &Candidate) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "loads are small")]
    let load = candidate.load as f32;
    load / share(candidate).unwrap_or(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(place: usize, weight: u32, load: usize, fitness: Fitness) -> Candidate {
        Candidate { place, weight, load, fitness }
    }

    fn counts(candidates: &[Candidate]) -> Vec<usize> {
        let chance = Chance::new(7);
        let mut counts = vec![0; candidates.len()];
        (0..10_000).for_each(|_| counts[choose(candidates, &chance).unwrap()] += 1);
        counts
    }

    #[test]
    fn weights_are_kept_when_nobody_is_busy() {
        let servers = [1, 3, 6].map(|weight| (weight, 0));
        // As they are asked they become busy: what counts is where the requests are then.
        let mut loads = [0_usize; 3];
        let chance = Chance::new(3);
        for _ in 0..10_000 {
            let candidates: Vec<_> = servers
                .iter()
                .zip(loads)
                .enumerate()
                .map(|(place, ((weight, _), load))| candidate(place, *weight, load, Fitness::Whole))
                .collect();
            loads[choose(&candidates, &chance).unwrap()] += 1;
        }
        for (load, aim) in loads.iter().zip([1000, 3000, 6000]) {
            assert!(load.abs_diff(aim) < aim / 5, "{loads:?}");
        }
    }

    #[test]
    fn the_busier_of_two_is_left_alone() {
        let counts = counts(&[candidate(0, 1, 9, Fitness::Whole), candidate(1, 1, 2, Fitness::Whole)]);
        assert_eq!(counts, [0, 10_000]);
    }

    #[test]
    fn who_is_out_is_never_drawn_and_who_comes_back_seldom() {
        let none = [candidate(0, 1, 0, Fitness::Out), candidate(1, 9, 0, Fitness::Out)];
        assert_eq!(choose(&none, &Chance::new(1)), None);
        assert_eq!(choose(&[], &Chance::new(1)), None);
        let counts = counts(&[
            candidate(0, 1, 0, Fitness::Out),
            candidate(1, 1, 0, Fitness::Part(0.05)),
            candidate(2, 1, 0, Fitness::Whole),
            candidate(3, 1, 0, Fitness::Whole),
        ]);
        assert!(counts[0] == 0 && counts[1] < 500, "{counts:?}");
    }

    #[test]
    fn a_try_goes_where_it_was_given_for() {
        let counts = counts(&[candidate(0, 1, 0, Fitness::Whole), candidate(1, 1, 9, Fitness::Try)]);
        assert_eq!(counts, [0, 10_000]);
    }
}
