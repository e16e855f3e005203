//! The documented ways to make the bank say no: a header for every operation, amounts for payments (UI-9).

use super::fault::{Code, Fault, Refusal};
use super::money::Money;
use crate::sandbox::store::payments::Outcome;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// What the header of a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Switch {
    /// The answer takes its time.
    Slow,
    /// 500
    Error,
    /// 503
    Unavailable,
    /// 429
    Throttled,
    /// As if the consent's time were over.
    ExpiredConsent,
}

/// What the amount of a payment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Nothing: what has to become of the payment becomes of it.
    Natural,
    /// This becomes of it.
    Ends(Outcome),
    /// The submission fails, and nothing is booked.
    Fails,
    /// The submission takes its time.
    Slow,
}

impl Switch {
    /// Every switch.
    pub(in crate::sandbox) const ALL: [Self; 5] =
        [Self::Slow, Self::Error, Self::Unavailable, Self::Throttled, Self::ExpiredConsent];

    /// What stands in the header.
    pub(in crate::sandbox) fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Error => "error",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::ExpiredConsent => "expired-consent",
        }
    }

    /// The switch that a request turns.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(value) = headers.get(HEADER) else { return Ok(None) };
        let known = Self::ALL.into_iter().find(|switch| value.as_bytes() == switch.as_str().as_bytes());
        let unknown = || Fault::new(Code::HeaderInvalid, "slow, error, unavailable, throttled or expired-consent");
        known.map(Some).ok_or_else(|| unknown().at(HEADER).into())
    }

    /// What it does before anything else is done.
    pub(super) async fn turn(self) -> Result<(), Refusal> {
        match self {
            Self::Slow => {
                slowly().await;
                Ok(())
            }
            Self::Error => Err(Refusal::with(StatusCode::INTERNAL_SERVER_ERROR, Code::Unexpected, ASKED)),
            Self::Unavailable => Err(Refusal::with(StatusCode::SERVICE_UNAVAILABLE, Code::Unexpected, ASKED)),
            Self::Throttled => Err(Refusal::with(StatusCode::TOO_MANY_REQUESTS, Code::Other, ASKED)),
            Self::ExpiredConsent => Ok(()),
        }
    }
}

impl Course {
    /// What `amount` asks for.
    pub(super) fn of(amount: Money) -> Self {
        match amount.minor {
            CREDITOR_CLOSED => Self::Ends(Outcome::CreditorClosed),
            WAITS => Self::Ends(Outcome::Waits),
            NO_FUNDS => Self::Ends(Outcome::InsufficientFunds),
            FAILS => Self::Fails,
            SLOW => Self::Slow,
            _ => Self::Natural,
        }
    }
}

/// Longer than most clients' patience, shorter than any gateway's.
pub(super) async fn slowly() {
    tokio::time::sleep(SLOW_ANSWER).await;
}

pub(super) const HEADER: &str = "x-sandbox-switch";
const ASKED: &str = "as x-sandbox-switch asked";
const SLOW_ANSWER: Duration = Duration::from_secs(5);
/// Amounts in hundredths, of any currency.
const CREDITOR_CLOSED: i64 = 131_301;
const WAITS: i64 = 131_302;
const NO_FUNDS: i64 = 131_303;
const FAILS: i64 = 131_304;
const SLOW: i64 = 131_305;
