//! What a contender's memory is at rest, and what an idle connection that has carried a request adds, plain and with TLS.

use super::contenders::{Contender, Site};
use super::entries::{Entry, Work};
use super::figures::{Quantity, Row, Sample};
use super::load::{Habit, Load};
use super::process::{Pins, Process};
use super::rounds::{self, Extent};
use anyhow::Context as _;

/// All rounds. The two sites differ in what clients speak.
pub(crate) fn run(
    entries: &[Entry],
    (plain, tls): (&Site<'_>, &Site<'_>),
    extent: Extent,
    pins: &Pins,
) -> anyhow::Result<Vec<Row>> {
    let (mut rows, mut places) = (Vec::new(), Vec::new());
    for entry in entries {
        let Work::Requests(requests) = &entry.work else {
            continue;
        };
        let both = (plain.contender(entry.name, requests.who)?, tls.contender(entry.name, requests.who)?);
        if let (Some(plain), Some(tls)) = both {
            rows.push(Row::new(entry.name));
            places.push((plain, tls, requests.warm.first()?));
        }
    }
    rounds::undisturbed(extent.rounds, &mut rows, || {
        let measure = |(plain, tls, token): &(Contender, Contender, &str)| {
            let (at_rest, of_plain) = measure(plain, token, extent.connections, pins).context(plain.name)?;
            let (_, of_tls) = measure(tls, token, extent.connections, pins).context(tls.name)?;
            let sample = Sample::default().with(Quantity::AtRest, at_rest.map(|kib| kib / 1024.0));
            Ok(sample.with(Quantity::IdlePlain, of_plain).with(Quantity::IdleTls, of_tls))
        };
        places.iter().map(measure).collect()
    })?;
    Ok(rows)
}

/// KiB at rest, and of each connection. As many requests on one connection come before: what they leave behind, such as blocks of
/// an access log, is no connection's.
fn measure(
    contender: &Contender,
    token: &str,
    connections: usize,
    pins: &Pins,
) -> anyhow::Result<(Option<f64>, Option<f64>)> {
    let process = contender.start(token, Habit::KeepAlive, pins)?;
    let resident = || process.as_ref().and_then(Process::resident_kib);
    let at_rest = resident();
    let mut load = Load::open(&contender.target, 1, Habit::KeepAlive)?;
    for _ in 0..connections {
        load.ask(Some(token))?;
    }
    let after_one = resident();
    for _ in 0..connections {
        load.add(token)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are fewer ports")]
    let each = resident().zip(after_one).map(|(after, before)| (after - before) / connections as f64);
    Ok((at_rest, each))
}
