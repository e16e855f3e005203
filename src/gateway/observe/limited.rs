//! What a record knows of quotas: whom the request is counted for, what it took, and what its answer says of it.

use super::super::answer::OurFields;
use super::super::certificate::ClientCertificate;
use super::super::quotas::shares::Owed;
use super::super::quotas::{self, Limited};
use super::super::reason::Reason;
use super::metrics::Outcome;
use super::record::Record;
use crate::net::thread;
use http::StatusCode;
use std::net::IpAddr;
use std::rc::Rc;

impl Record {
    /// Where the request came from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The certificate that its client showed.
    pub fn certificate(&self) -> Option<Rc<ClientCertificate>> {
        self.certificate.clone()
    }

    /// When it is counted: not when it came, if it had to wait since.
    pub fn counted_us(&self) -> u64 {
        self.worker.clock.now_us()
    }

    /// What it takes of quotas.
    pub fn limited(&mut self) -> &mut Limited {
        self.limited.get_or_insert_default()
    }

    /// Says in its answer how the quotas stand. What we or the upstream failed to do was no call.
    pub fn tell_quotas(&mut self, status: StatusCode, answer: &mut OurFields) {
        let is_refused = self.is_over_quota();
        let Some(mut limited) = self.limited.take() else { return };
        if status.is_server_error() {
            self.give_back(limited.came_to_nothing());
        } else if is_refused {
            self.give_back(limited.not_let_through());
        }
        quotas::fields::tell(answer, &limited, &self.plan.policy.quotas, self.envelope());
        self.limited = Some(limited);
    }

    /// What bounds floods is not given back.
    pub fn keeps_counted(&mut self) {
        if let Some(limited) = &mut self.limited {
            limited.keep();
        }
    }

    /// Beside the answer, which need not wait for it.
    fn give_back(&self, owed: Owed) {
        if owed.is_empty() {
            return;
        }
        let worker = Rc::clone(&self.worker);
        thread::beside(async move {
            if let Some(link) = &worker.link {
                owed.give_back(link).await;
            }
        });
    }

    fn is_over_quota(&self) -> bool {
        matches!(self.outcome, Outcome::Refused(Reason::QuotaSpent | Reason::TooManyAtOnce))
    }

    /// The quota that it was refused by.
    pub(super) fn quota(&self) -> Option<&str> {
        let place = self.limited.as_ref().filter(|_| self.is_over_quota())?.refused_by()?;
        self.plan.policy.quotas.get(place).map(|quota| &*quota.settings.name)
    }
}
