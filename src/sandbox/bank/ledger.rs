//! Payments that were started, each once however often it was sent.

use super::problem::Problem;
use crate::clock::UnixSeconds;
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::Bounded;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every payment.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Books>);

/// A payment that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) subject: &'static str,
    pub(super) consent_id: Option<String>,
    pub(super) order: Order,
    pub(super) created: UnixSeconds,
}

/// What to pay to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) hundredths: i64,
    pub(super) currency: String,
    pub(super) creditor: String,
    pub(super) iban: String,
    pub(super) reference: String,
}

#[derive(Debug, Default)]
struct Books {
    payments: Bounded<String, Payment>,
    /// By client, customer and key: the payment's id.
    keys: Bounded<Digest, String>,
}

impl Ledger {
    /// Books `payment`, or finds the one that was booked under `key` before.
    pub(super) fn book(&self, key: Option<&str>, mut payment: Payment) -> Result<Payment, Problem> {
        let mut books = self.books();
        let key = key.map(|key| Digest::of(&format!("{}\n{}\n{key}", payment.client_id, payment.subject)));
        let before = key.and_then(|key| books.keys.get(&key)).and_then(|id| books.payments.get(id));
        if let Some(before) = before {
            return if before.order == payment.order { Ok(before.clone()) } else { Err(Problem::KeyReused) };
        }
        payment.id = secret::fresh("pay_");
        books.payments.insert(payment.id.clone(), payment.clone(), PAYMENTS_MAX);
        if let Some(key) = key {
            books.keys.insert(key, payment.id.clone(), PAYMENTS_MAX);
        }
        Ok(payment)
    }

    /// The payment `id`, for the application and the customer who started it.
    pub(super) fn find(&self, id: &str, client_id: &str, subject: &str) -> Option<Payment> {
        let books = self.books();
        let payment = books.payments.get(&id.to_owned())?;
        (payment.client_id == client_id && payment.subject == subject).then(|| payment.clone())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest is forgotten, and its key with it.
const PAYMENTS_MAX: usize = 10_000;
