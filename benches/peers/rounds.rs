//! Runs the rounds of a scenario: everybody once in each, in random order.

use super::contenders::{self, Contender, Site};
use super::entries::{Entry, Life, Requests, Work};
use super::figures::{Quantity, Row, Sample};
use super::flood::Flood;
use super::load::{Beat, Habit, Load, Outcome, Pace};
use super::process::{self, Pins, Process, Usage};
use super::verification::Verification;
use anyhow::{Context as _, bail};
use std::io::{self, Write as _};
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) rounds: u32,
    /// Of one contender in one round.
    pub(crate) time: Duration,
    /// Requests a second; 0: as fast as they are answered.
    pub(crate) rate: u32,
    pub(crate) connections: usize,
    /// Requests that are due at the same moment.
    pub(crate) together: u32,
}

/// What is the same for all who are measured.
pub(crate) struct Conditions<'a> {
    pub(crate) extent: Extent,
    pub(crate) habit: Habit,
    pub(crate) site: &'a Site<'a>,
    pub(crate) pins: &'a Pins,
}

/// Somebody who takes part.
enum Part {
    Proxy(Box<Proxy>),
    Verification(Verification),
}

struct Proxy {
    contender: Contender,
    requests: Requests,
    /// Where it stays from one round to the next.
    process: Option<Process>,
}

/// All rounds of those whose programs are here.
pub(crate) fn run(entries: Vec<Entry>, conditions: &Conditions<'_>) -> anyhow::Result<Vec<Row>> {
    let (mut rows, mut parts) = (Vec::new(), Vec::new());
    for Entry { name, work } in entries {
        let part = match work {
            Work::Verification(verification) => Part::Verification(verification),
            Work::Requests(requests) => match conditions.site.contender(name, requests.who)? {
                Some(contender) => Part::Proxy(Box::new(Proxy { contender, requests, process: None })),
                None => continue,
            },
        };
        rows.push(Row::new(name));
        parts.push(part);
    }
    undisturbed(conditions.extent.rounds, &mut rows, || {
        let mut order: Vec<_> = parts.iter_mut().enumerate().collect();
        fastrand::shuffle(&mut order);
        let mut samples = Vec::new();
        for (place, part) in order {
            samples.push((place, part.measure(conditions)?));
        }
        samples.sort_by_key(|(place, _)| *place);
        Ok(samples.into_iter().map(|(_, sample)| sample).collect())
    })?;
    Ok(rows)
}

/// Rounds whose samples go to `rows`. A hypervisor that takes the CPU away takes it from one contender and not from the
/// next: rounds of which it took more than 1 % are left out.
pub(crate) fn undisturbed(
    rounds: u32,
    rows: &mut [Row],
    mut round: impl FnMut() -> anyhow::Result<Vec<Sample>>,
) -> anyhow::Result<()> {
    let mut left_out = 0;
    print!("rounds done:");
    for number in 1..=rounds {
        let before = process::stolen();
        let samples = round()?;
        let after = process::stolen();
        if (after.0 - before.0) * 100 > after.1 - before.1 {
            left_out += 1;
            print!(" ({number} left out)");
        } else {
            rows.iter_mut().zip(samples).for_each(|(row, sample)| row.samples.push(sample));
            print!(" {number}");
        }
        io::stdout().flush()?;
    }
    println!("\n");
    if left_out == rounds {
        bail!("no round is left: the hypervisor took more than 1 % of each");
    }
    if left_out > 0 {
        println!("{left_out} of {rounds} rounds left out: the hypervisor took more than 1 % of them\n");
    }
    Ok(())
}

impl Part {
    fn measure(&mut self, conditions: &Conditions<'_>) -> anyhow::Result<Sample> {
        match self {
            Self::Proxy(proxy) => proxy.measure(conditions).with_context(|| proxy.contender.name),
            Self::Verification(verification) => {
                Ok(Sample::default().with(Quantity::Cpu, verification.measure(conditions.extent.time)?))
            }
        }
    }
}

impl Proxy {
    fn measure(&mut self, conditions: &Conditions<'_>) -> anyhow::Result<Sample> {
        let Conditions { extent, habit, site, pins } = conditions;
        let process = match self.process.take() {
            Some(process) => Some(process),
            None => self.start(*habit, pins)?,
        };
        let mut load = Load::open(&self.contender.target, extent.connections, *habit)?;
        load.run(&self.requests.warm, extent.pace(WARM_UP)).context("warming up")?;
        let used = || (process.as_ref().map(Process::usage), Usage::mine(), site.upstream_usage());
        let forged =
            if self.requests.is_flooded { Some(contenders::forged(self.requests.warm.first()?)) } else { None };
        let flood = forged.map(|forged| Flood::start(&self.contender.target, forged, extent.time));
        let before = used();
        let outcome = load.run(&self.requests.tokens, extent.pace(extent.time))?;
        let after = used();
        if let Some(flood) = flood {
            flood.end()?;
        }
        if outcome.bad > 0 {
            let all = outcome.good + outcome.bad;
            bail!("{} of {all} answers were not the upstream's: the run is void", outcome.bad);
        }
        let own = after.0.zip(before.0).map(|(after, before)| after.since(before));
        let beside = [after.1.since(before.1), after.2.since(before.2)];
        let memory = process.as_ref().and_then(Process::resident_kib).map(|kib| kib / 1024.0);
        if self.requests.life == Life::Filled {
            self.process = process;
        }
        Ok(sample(&outcome, own, beside).with(Quantity::Memory, memory))
    }

    fn start(&self, habit: Habit, pins: &Pins) -> anyhow::Result<Option<Process>> {
        self.requests.tokens.rewind();
        let process = self.contender.start(self.requests.warm.first()?, habit, pins)?;
        if let (Life::Filled, Some(process)) = (self.requests.life, &process) {
            self.fill(process)?;
        }
        Ok(process)
    }

    /// Lets it see every token once, and says what it keeps of them.
    fn fill(&self, process: &Process) -> anyhow::Result<()> {
        let (name, tokens, before) = (self.contender.name, self.requests.tokens.through(), process.resident_kib());
        let mut load = Load::open(&self.contender.target, FILLING_CONNECTIONS, Habit::KeepAlive)?;
        let outcome = load.run(&tokens, Pace::Through)?;
        if outcome.bad > 0 {
            bail!("{} tokens were refused", outcome.bad);
        }
        #[expect(clippy::cast_precision_loss, reason = "nobody has so many tokens")]
        let each =
            process.resident_kib().zip(before).map(|(after, before)| (after - before) * 1024.0 / tokens.len() as f64);
        if let Some(each) = each.filter(|_| tokens.len() > 1) {
            let seconds = outcome.took.as_secs_f64();
            println!("\n{name}: seen once in {seconds:.0} s; {each:.0} bytes resident for each, its claims among them");
        }
        Ok(())
    }
}

/// `beside`: the load and the upstream.
fn sample(outcome: &Outcome, used: Option<Usage>, beside: [Usage; 2]) -> Sample {
    #[expect(clippy::cast_precision_loss, reason = "no benchmark runs that long")]
    let answers = outcome.good as f64;
    let each = |spent: Option<f64>| Some(spent? / answers);
    let beside: Option<f64> = beside.iter().map(|used| used.cpu_us).sum();
    Sample::default()
        .with(Quantity::Cpu, each(used.and_then(|used| used.cpu_us)))
        .with(Quantity::User, each(used.and_then(|used| used.user_us)))
        .with(Quantity::Rate, Some(answers / outcome.took.as_secs_f64()))
        .with(Quantity::P50, outcome.percentile_us(50))
        .with(Quantity::P99, outcome.percentile_us(99))
        .with(Quantity::Beside, beside.map(|us| us / 1e6 / outcome.took.as_secs_f64()))
}

impl Extent {
    fn pace(self, time: Duration) -> Pace {
        if self.rate == 0 {
            Pace::Closed(time)
        } else {
            Pace::Rate(Beat { rate: self.rate, together: self.together }, time)
        }
    }

    /// Requests of one contender in one round; some more, since a clock has two ends.
    pub(crate) fn sent(self) -> usize {
        let sent = u64::from(self.rate) * self.time.as_secs() + u64::from(self.rate) / 10;
        usize::try_from(sent).unwrap_or(usize::MAX)
    }
}

/// Long enough for every connection to be opened upstream, and for a thousand tokens to be cached.
const WARM_UP: Duration = Duration::from_secs(1);
const FILLING_CONNECTIONS: usize = 64;
