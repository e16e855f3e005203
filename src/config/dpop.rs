//! `dpop`: which proofs of a key are accepted (RFC 9449).

use super::fault::Problem;
use super::issuers::algorithm;
use super::reader::{Value, distinct};
use super::{Server, bounds, quantity};
use crate::oauth::algorithm::Algorithm;
use std::time::Duration;

/// Which proofs are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dpop {
    /// Signed by one of these.
    pub algorithms: Vec<Algorithm>,
    /// Made at most so long ago.
    pub max_age: Duration,
    /// Whether a proof must hold a nonce of ours.
    pub nonce: Nonce,
    /// How long a nonce is accepted at least; at most for twice that.
    pub nonce_life: Duration,
    /// Used proofs that are remembered; when they are more, requests with proofs are 503.
    pub proofs_max: usize,
}

/// Whether a proof must hold a nonce of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonce {
    /// Its date is enough.
    Off,
    /// So that none can be made in advance.
    Required,
}

impl Dpop {
    /// `server` is `None` where it could not be read.
    pub(super) fn read(value: &Value<'_>, server: Option<&Server>) -> Option<Self> {
        if server.is_some_and(|server| server.public_origin.is_none()) {
            let problem = Problem::new("needs `server.public_origin`");
            value.refuse(problem.hint("a proof names the URI that the client asked for, as the outside knows it"));
        }
        let section = value.section(&["algorithms", "max_age", "nonce", "nonce_life", "proofs"])?;
        let algorithms = section.read_or("algorithms", ALGORITHMS_DEFAULT.to_vec(), |value| {
            distinct(value.list()?, |item| item.parse(algorithm))
        });
        let span = |key, default| {
            section.read_or(key, default, |value| {
                value.parse(|text| quantity::within(quantity::duration(text)?, Duration::from_secs(1), SPAN_MAX))
            })
        };
        let (max_age, nonce_life) = (span("max_age", MAX_AGE_DEFAULT), span("nonce_life", NONCE_LIFE_DEFAULT));
        let nonce = section.read_or("nonce", Nonce::Off, |value| value.parse(nonce));
        let proofs_max = section.read_or("proofs", PROOFS_DEFAULT, |value| value.whole_number(1, bounds::PROOFS_MOST));
        Some(Self {
            algorithms: algorithms?,
            max_age: max_age?,
            nonce: nonce?,
            nonce_life: nonce_life?,
            proofs_max: proofs_max?,
        })
    }
}

fn nonce(text: &str) -> Result<Nonce, Problem> {
    match text {
        "off" => Ok(Nonce::Off),
        "required" => Ok(Nonce::Required),
        _ => Err(Problem::new("is neither `required` nor `off`").did_you_mean(text, ["required", "off"].into_iter())),
    }
}

/// Those of FAPI 2.0 §5.4.1.
const ALGORITHMS_DEFAULT: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa];
/// Clients whose clocks are kept make a proof for each request.
const MAX_AGE_DEFAULT: Duration = Duration::from_mins(1);
const NONCE_LIFE_DEFAULT: Duration = Duration::from_mins(5);
/// A proof that is good for longer is a password.
const SPAN_MAX: Duration = Duration::from_mins(10);
/// At 70 seconds each, 7,000 requests with proofs a second. 40 to 80 MB when full.
const PROOFS_DEFAULT: usize = 1_000_000;
