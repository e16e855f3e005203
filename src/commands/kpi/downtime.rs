//! When an interface was down: from the first of five requests in a row that were not replied to within 30 seconds until the
//! next that was (EBA GL 2018/07, 2.4 c). Requests are seen in the order in which they were received.

use super::bounds::IN_A_ROW;

/// Watches one service.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// When the first of the requests in a row was received.
    since_ms: u64,
    /// How many there are.
    missed: usize,
}

/// A time during which it was down, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
}

impl Watch {
    /// A request received then was not replied to.
    pub(super) fn missed(&mut self, at_ms: u64) {
        if self.missed == 0 {
            self.since_ms = at_ms;
        }
        self.missed += 1;
    }

    /// One was. The outage that it ends, if there was one.
    pub(super) fn replied(&mut self, at_ms: u64) -> Option<Outage> {
        let was_down = std::mem::take(&mut self.missed) >= IN_A_ROW;
        was_down.then_some(Outage { from_ms: self.since_ms, until_ms: at_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x` is missed, `.` replied to, a second apart.
    fn outages(requests: &str) -> Vec<(u64, u64)> {
        let mut watch = Watch::default();
        let mut outages = Vec::new();
        for (second, request) in requests.bytes().enumerate() {
            let at_ms = second as u64 * 1000;
            match request {
                b'x' => watch.missed(at_ms),
                _ => outages.extend(watch.replied(at_ms).map(|outage| (outage.from_ms / 1000, outage.until_ms / 1000))),
            }
        }
        outages
    }

    /// KPI-3, RTS-8, word for word.
    #[test]
    fn five_in_a_row_and_no_fewer_are_an_outage_from_the_first_of_them() {
        for (requests, expected) in [
            ("", vec![]),
            ("....", vec![]),
            ("xxxx.", vec![]),
            (".xxxxx.", vec![(1, 6)]),
            ("xxxxx.", vec![(0, 5)]),
            ("xxxxxxxx.", vec![(0, 8)]),
            // A success in between begins anew.
            ("xxxx.xxxx.", vec![]),
            ("xx.xxxxx.", vec![(3, 8)]),
            ("xxxxx.xxxxx..", vec![(0, 5), (6, 11)]),
        ] {
            assert_eq!(outages(requests), expected, "{requests}");
        }
    }
}
