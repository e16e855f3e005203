//! The arithmetic of the charts: quantiles out of buckets, and lines as SVG paths.

use super::super::exposition::float;
use std::fmt::Write as _;

/// The value that a share `q` of what is in the buckets does not exceed, taken as spread evenly within each. The last bucket
/// has no upper bound: what falls there is at least the greatest bound. `None`: there is nothing.
pub(super) fn quantile(counts: &[u64], bounds: &[u64], q: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = q.clamp(0.0, 1.0) * float(total);
    let (mut below, mut lower) = (0.0, 0.0);
    for (count, bound) in counts.iter().zip(bounds) {
        let (count, upper) = (float(*count), float(*bound));
        if count > 0.0 && below + count >= wanted {
            return Some(lower + (upper - lower) * ((wanted - below) / count).max(0.0));
        }
        below += count;
        lower = upper;
    }
    Some(lower)
}

/// A line over time.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// For `d` of an SVG path.
    pub path: String,
    /// The same, closed along the baseline.
    pub area: String,
    /// Where it ends, if it reaches the right edge.
    pub end: Option<(String, String)>,
}

/// What is drawn: values the newest first, of which the frame holds `most`, up to `top`. A value that is missing is a gap.
pub(super) fn line(values: &[Option<f64>], most: usize, top: f64) -> Line {
    let step = WIDTH / float(most.saturating_sub(1).max(1) as u64);
    let x = |place: usize| WIDTH - float(place as u64) * step;
    let y = |value: f64| BASE - (value / top.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) * (BASE - TOP);
    let mut drawn = Line::default();
    // Where the piece under way began, and where it is.
    let mut piece: Option<(f64, f64)> = None;
    for (place, value) in values.iter().enumerate().take(most).rev() {
        let Some(value) = value else {
            drawn.close(piece.take());
            continue;
        };
        let (x, y) = (x(place), y(*value));
        let begins = piece.is_none();
        append(&mut drawn.path, format_args!("{}{x:.1} {y:.1}", if begins { 'M' } else { 'L' }));
        if begins {
            append(&mut drawn.area, format_args!("M{x:.1} {BASE:.1}"));
        }
        append(&mut drawn.area, format_args!("L{x:.1} {y:.1}"));
        piece = Some((piece.map_or(x, |(began, _)| began), x));
    }
    drawn.close(piece);
    drawn.end = values.first().copied().flatten().map(|value| (format!("{:.1}", x(0)), format!("{:.1}", y(value))));
    drawn
}

impl Line {
    fn close(&mut self, piece: Option<(f64, f64)>) {
        if let Some((began, at)) = piece {
            append(&mut self.area, format_args!("L{at:.1} {BASE:.1}Z"));
            if (at - began).abs() < f64::EPSILON {
                // A piece of one value has no length, and with round ends it is a dot.
                self.path.push_str("h0");
            }
        }
    }
}

fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("writing to a String does not fail");
}

/// A round number that is not less than any value: 1, 2 or 5 and zeros.
pub(super) fn round_top(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0, f64::max);
    if most <= 0.0 {
        return 1.0;
    }
    let magnitude = 10f64.powf(most.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * magnitude).find(|top| *top >= most).unwrap_or(most)
}

/// The frame: `viewBox="0 0 300 72"`.
pub(super) const WIDTH: f64 = 300.0;
/// Where zero is.
pub(super) const BASE: f64 = 68.0;
/// Where the greatest value is.
const TOP: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let bounds = [10, 20, 40];
        let of = |counts: &[u64], q| quantile(counts, &bounds, q);
        assert_eq!(of(&[0, 0, 0, 0], 0.5), None);
        assert_eq!(of(&[10, 0, 0, 0], 0.5), Some(5.0));
        assert_eq!(of(&[10, 10, 0, 0], 0.5), Some(10.0));
        assert_eq!(of(&[10, 10, 0, 0], 0.75), Some(15.0));
        assert_eq!(of(&[0, 0, 4, 0], 0.25), Some(25.0));
        assert_eq!(of(&[0, 0, 4, 0], 0.0), Some(20.0));
        assert_eq!(of(&[1, 0, 0, 99], 0.99), Some(40.0), "as much as is known");
        assert_eq!(of(&[98, 0, 2, 0], 0.99), Some(30.0));
        assert_eq!(of(&[1, 1, 1, 1], 7.0), Some(40.0));
    }

    #[test]
    fn a_line_ends_at_the_right_and_stays_in_its_frame() {
        let drawn = line(&[Some(10.0), Some(5.0), Some(0.0)], 3, 10.0);
        assert_eq!(drawn.path, "M0.0 68.0L150.0 36.0L300.0 4.0");
        assert_eq!(drawn.area, "M0.0 68.0L0.0 68.0L150.0 36.0L300.0 4.0L300.0 68.0Z");
        assert_eq!(drawn.end, Some(("300.0".to_owned(), "4.0".to_owned())));
        assert_eq!(
            line(&[Some(1.0), Some(1.0)], 101, 1.0).path,
            "M297.0 4.0L300.0 4.0",
            "what is missing is to the left"
        );
        assert_eq!(line(&[Some(99.0)], 2, 1.0).path, "M300.0 4.0h0");
        assert_eq!(line(&[], 2, 1.0).path, "");
    }

    #[test]
    fn what_is_missing_is_a_gap() {
        let drawn = line(&[None, Some(1.0), None, Some(1.0), Some(1.0)], 5, 2.0);
        assert_eq!(drawn.path, "M0.0 36.0L75.0 36.0M225.0 36.0h0");
        assert_eq!(drawn.end, None);
    }

    #[test]
    fn the_top_is_a_round_number() {
        for (most, top) in [(0.0, 1.0), (1.0, 1.0), (1.1, 2.0), (4.9, 5.0), (5.1, 10.0), (230.0, 500.0), (0.03, 0.05)] {
            assert!((round_top([0.0, most].into_iter()) - top).abs() < top * 1e-9, "{most}");
        }
    }
}
