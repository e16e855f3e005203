//! A flood of forged tokens, on a thread of its own beside what is measured.

use super::load::{Habit, Load, Outcome, Pace, Target};
use super::tokens::Tokens;
use anyhow::{Context as _, anyhow, bail};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// One that is under way.
pub(crate) struct Flood(JoinHandle<std::io::Result<Outcome>>);

impl Flood {
    /// Sends `token` to `target` for so long, over every connection again as soon as it was refused.
    pub(crate) fn start(target: &Target, token: String, time: Duration) -> Self {
        let target = target.clone();
        Self(thread::spawn(move || {
            let mut load = Load::open(&target, CONNECTIONS, Habit::KeepAlive)?;
            load.run(&Tokens::of(token), Pace::Closed(time))
        }))
    }

    /// Waits for its end: all of it was refused.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        let ended = self.0.join().map_err(|_| anyhow!("it panicked")).and_then(|ended| Ok(ended?));
        let outcome = ended.context("the flood")?;
        if outcome.good > 0 || outcome.bad == 0 {
            bail!("of a flood of forged tokens {} passed and {} were refused", outcome.good, outcome.bad);
        }
        Ok(())
    }
}

/// Those of the flood.
const CONNECTIONS: usize = 100;
