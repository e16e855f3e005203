//! Adds events up to days. Lines come in the order in which requests ended; the rule about downtime asks for the order in which
//! they were received, so the last minutes are held back.

use super::bounds::{DAY_MS, ENDPOINTS_MAX, HELD_MAX, WINDOW_MS};
use super::days::Day;
use super::downtime::{Outage, Watch};
use super::line::{Event, Reply};
use crate::config::service::Service;
use crate::gateway::reason::Fault;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What a report counts apart: the interface as a whole, and each service.
pub(super) const SCOPES: [Option<Service>; 4] = [None, Some(Service::Ais), Some(Service::Pis), Some(Service::Funds)];

/// One day.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Its lines, also those of no service: without one, nobody knows whether the log is all there.
    pub(super) lines: u64,
    /// In the order of `SCOPES`.
    pub(super) scopes: [Stats; SCOPES.len()],
    /// Requests and errors by method and route.
    pub(super) endpoints: BTreeMap<Box<str>, (u64, u64)>,
}

/// What was counted of one service on one day, or on several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    pub(super) requests: u64,
    /// Those that failed by the bank's doing.
    pub(super) errors: u64,
    pub(super) down_ms: u64,
    /// Of requests that were answered well.
    pub(super) response: Times,
    pub(super) first_byte: Times,
    /// What these answers came to in megabytes, each begun one counted.
    pub(super) megabytes: u64,
}

/// Some times, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) sum_us: u64,
    pub(super) max_us: u64,
}

/// Days that are being added up.
pub(super) struct Reading<'d> {
    days: &'d [Day],
    tallies: Vec<Tally>,
    watches: [Watch; SCOPES.len()],
    /// When it was received, whether it was replied to, and for which service, in one number: its order is theirs.
    held: BinaryHeap<Reverse<u64>>,
    /// The latest end of a request so far.
    newest_ms: u64,
    /// What was let go of up to here.
    passed: u64,
    /// Requests that came behind it.
    late: u64,
}

/// What was read.
pub(super) struct Read {
    /// One for each day.
    pub(super) tallies: Vec<Tally>,
    /// Requests whose lines came so late that they could not count for or against downtime.
    pub(super) late: u64,
}

impl<'d> Reading<'d> {
    /// Nothing of these days is known yet.
    pub(super) fn new(days: &'d [Day]) -> Self {
        let tallies = vec![Tally::default(); days.len()];
        Self {
            days,
            tallies,
            watches: <[Watch; SCOPES.len()]>::default(),
            held: BinaryHeap::new(),
            newest_ms: 0,
            passed: 0,
            late: 0,
        }
    }

    /// Adds one request; it belongs to the day on which it was received. Those of no service are not published.
    pub(super) fn see(&mut self, event: &Event) {
        let day = self.day(event.received_ms).and_then(|day| self.tallies.get_mut(day));
        let Some(service) = event.service else {
            if let Some(tally) = day {
                tally.lines += 1;
            }
            return;
        };
        if let Some(tally) = day {
            tally.lines += 1;
            let scopes = tally.scopes.iter_mut().zip(SCOPES);
            scopes
                .filter(|(_, scope)| scope.is_none_or(|scope| scope == service))
                .for_each(|(stats, _)| stats.add(event));
            let is_known = tally.endpoints.len() < ENDPOINTS_MAX || tally.endpoints.contains_key(&event.endpoint);
            let endpoint = if is_known { event.endpoint.clone() } else { "other".into() };
            let (requests, errors) = tally.endpoints.entry(endpoint).or_default();
            *requests += 1;
            *errors += u64::from(is_error(event.fault));
        }
        // An outage may have begun before the first of the days, and the last of five requests come after the last. What is dated
        // years ahead, by a clock that went wrong or by somebody's line in the log, must not make the rest look late.
        if self.days.last().is_none_or(|last| event.received_ms >= last.end_ms.saturating_add(DAY_MS)) {
            return;
        }
        let reply = match event.reply {
            Reply::Missing => 0,
            Reply::Given => 1,
            Reply::Unknown => return,
        };
        self.newest_ms = self.newest_ms.max(event.ended_ms.min(event.received_ms + WINDOW_MS));
        let held = event.received_ms << 3 | reply << 2 | service as u64;
        // What comes behind what was let go would be judged in the wrong place.
        if held >= self.passed {
            self.held.push(Reverse(held));
        } else {
            self.late += 1;
        }
        let until = self.newest_ms.saturating_sub(WINDOW_MS);
        while self.held.peek().is_some_and(|Reverse(held)| held >> 3 < until) || self.held.len() > HELD_MAX {
            self.let_go();
        }
    }

    /// The days, once there is nothing more to see. What is down at the end is down until then, but not in the future.
    pub(super) fn end(mut self, now_ms: u64) -> Read {
        while !self.held.is_empty() {
            self.let_go();
        }
        for place in 0..SCOPES.len() {
            let outage = self.watches.get_mut(place).and_then(|watch| watch.replied(now_ms));
            self.down(place, outage);
        }
        Read { tallies: self.tallies, late: self.late }
    }

    fn let_go(&mut self) {
        let Some(Reverse(held)) = self.held.pop() else { return };
        self.passed = held;
        let (at_ms, is_reply, service) = (held >> 3, held >> 2 & 1 == 1, held & 3);
        for (place, scope) in SCOPES.into_iter().enumerate() {
            let Some(watch) = self.watches.get_mut(place) else { continue };
            if scope.is_some_and(|scope| scope as u64 != service) {
                continue;
            }
            if is_reply {
                let outage = watch.replied(at_ms);
                self.down(place, outage);
            } else {
                watch.missed(at_ms);
            }
        }
    }

    /// Splits an outage at each midnight.
    fn down(&mut self, place: usize, outage: Option<Outage>) {
        let Some(Outage { from_ms, until_ms }) = outage else { return };
        for (day, tally) in self.days.iter().zip(&mut self.tallies) {
            let (from, until) = (from_ms.max(day.start_ms), until_ms.min(day.end_ms));
            if let Some(stats) = tally.scopes.get_mut(place) {
                stats.down_ms += until.saturating_sub(from);
            }
        }
    }

    fn day(&self, at_ms: u64) -> Option<usize> {
        let place = self.days.partition_point(|day| day.end_ms <= at_ms);
        self.days.get(place).filter(|day| day.start_ms <= at_ms).map(|_| place)
    }
}

impl Stats {
    fn add(&mut self, event: &Event) {
        self.requests += 1;
        self.errors += u64::from(is_error(event.fault));
        if let (None, Some(response_us)) = (event.fault, event.response_us) {
            self.response.add(response_us);
            self.megabytes += event.bytes.div_ceil(1_000_000).max(1);
            if let Some(first_us) = event.first_us {
                self.first_byte.add(first_us);
            }
        }
    }

    /// Adds those of another day.
    pub(super) fn join(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.down_ms += other.down_ms;
        self.response.join(other.response);
        self.first_byte.join(other.first_byte);
        self.megabytes += other.megabytes;
    }
}

impl Times {
    fn add(&mut self, us: u64) {
        self.join(Self { count: 1, sum_us: us, max_us: us });
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }
}

/// What third parties did is no error of the bank (EBA GL 2018/07, 2.3 d).
fn is_error(fault: Option<Fault>) -> bool {
    match fault {
        None | Some(Fault::Client) => false,
        Some(Fault::Gateway | Fault::Upstream | Fault::Issuer) => true,
    }
}
