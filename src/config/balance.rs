//! `upstreams[].health`, `.eject` and the weights of servers: which of them are asked, and how much.

use super::bounds::{TIMEOUT_MAX, TIMEOUT_MIN, UPSTREAM_FAILURES_MOST, UPSTREAM_WEIGHT_MAX};
use super::fault::Problem;
use super::quantity;
use super::reader::{Section, Value};
use std::time::Duration;

/// What a server is asked now and then, whether or not there is traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path and query.
    pub target: Box<str>,
    /// Between the end of one question and the next.
    pub interval: Duration,
    /// From opening the connection to the head of the answer.
    pub timeout: Duration,
    /// Good answers in a row after which it is asked by requests again.
    pub healthy: u32,
    /// Bad answers in a row after which it is not.
    pub unhealthy: u32,
    /// The good answer.
    pub status: u16,
}

/// When a server that fails requests is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eject {
    /// Failures in a row.
    pub failures: u32,
    /// For how long; each time in a row for that much longer.
    pub pause: Duration,
    /// How long it takes until it gets its whole share again.
    pub slow_start: Duration,
}

impl Default for Eject {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(10), slow_start: Duration::from_secs(30) }
    }
}

/// `health:`
pub(super) fn health(value: &Value<'_>) -> Option<HealthCheck> {
    let section = value.section(&["path", "interval", "timeout", "healthy", "unhealthy", "status"])?;
    let target = section.need("path").and_then(|path| path.parse(target));
    let interval = time(&section, "interval", Duration::from_secs(5));
    let timeout = time(&section, "timeout", Duration::from_secs(2));
    let healthy = count(&section, "healthy", 2);
    let unhealthy = count(&section, "unhealthy", 3);
    let status = section.read_or("status", 200, |value| value.whole_number(200, 499));
    Some(HealthCheck {
        target: target?,
        interval: interval?,
        timeout: timeout?,
        healthy: healthy?,
        unhealthy: unhealthy?,
        status: u16::try_from(status?).ok()?,
    })
}

/// `eject:`
pub(super) fn eject(value: &Value<'_>) -> Option<Eject> {
    let section = value.section(&["failures", "pause", "slow_start"])?;
    let default = Eject::default();
    let failures = count(&section, "failures", default.failures);
    let pause = time(&section, "pause", default.pause);
    let slow_start = time(&section, "slow_start", default.slow_start);
    Some(Eject { failures: failures?, pause: pause?, slow_start: slow_start? })
}

/// `weight` of a server that is given as a section.
pub(super) fn weight(section: &Section<'_>) -> Option<u32> {
    let weight = section.read_or("weight", 1, |value| value.whole_number(1, UPSTREAM_WEIGHT_MAX))?;
    u32::try_from(weight).ok()
}

fn count(section: &Section<'_>, key: &str, default: u32) -> Option<u32> {
    let count = section.read_or(key, default as usize, |value| value.whole_number(1, UPSTREAM_FAILURES_MOST))?;
    u32::try_from(count).ok()
}

fn time(section: &Section<'_>, key: &str, default: Duration) -> Option<Duration> {
    section.read_or(key, default, |value| {
        value.parse(|text| quantity::within(quantity::duration(text)?, TIMEOUT_MIN, TIMEOUT_MAX))
    })
}

fn target(text: &str) -> Result<Box<str>, Problem> {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if text.starts_with('/') && is_visible {
        return Ok(text.into());
    }
    Err(Problem::new("is no path that a server could be asked for").hint("`/`, then visible ASCII: /healthz"))
}
