//! How far a payment has come: decided when it is submitted, seen as time passes.

use crate::clock::UnixSeconds;
use crate::sandbox::store::payments::{Outcome, Payment};

/// A stage of a payment (`ExternalPaymentTransactionStatus1Code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// `RCVD`: the bank has it.
    Received,
    /// `PDNG`: it waits.
    Pending,
    /// `ACSP`, `AcceptedSettlementInProcess`: all checks were passed.
    InProcess,
    /// `ACSC`, `AcceptedSettlementCompleted`: the payer's account was debited.
    Completed,
    /// `RJCT`: it was not paid, for this reason.
    Rejected(Outcome),
}

impl Stage {
    /// Of `payment` at `now`, and since when.
    pub(super) fn of(payment: &Payment, now: UnixSeconds) -> (Self, UnixSeconds) {
        let age = now.0 - payment.created.0;
        let after = |seconds| UnixSeconds(payment.created.0 + seconds);
        match payment.outcome {
            Outcome::InsufficientFunds | Outcome::WrongCurrency => (Self::Rejected(payment.outcome), payment.created),
            _ if age < PROCESSED => (Self::Received, payment.created),
            Outcome::CreditorClosed => (Self::Rejected(payment.outcome), after(PROCESSED)),
            Outcome::Waits => (Self::Pending, after(PROCESSED)),
            Outcome::Settles if age < SETTLED => (Self::InProcess, after(PROCESSED)),
            Outcome::Settles => (Self::Completed, after(SETTLED)),
        }
    }

    /// As JSON carries it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Received => "RCVD",
            Self::Pending => "PDNG",
            Self::InProcess => "ACSP",
            Self::Completed => "ACSC",
            Self::Rejected(_) => "RJCT",
        }
    }
}

/// Why a payment was not made, for people.
pub(super) fn reason(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InsufficientFunds => "The account does not hold enough",
        Outcome::WrongCurrency => "The account holds another currency",
        Outcome::CreditorClosed => "The creditor's account is closed",
        Outcome::Settles | Outcome::Waits => "",
    }
}

/// Seconds from the submission. Long enough to see each stage, short enough to wait for the last.
pub(super) const PROCESSED: i64 = 2;
pub(super) const SETTLED: i64 = 6;
