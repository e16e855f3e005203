//! Requests by the service of PSD2 that they are for and by whose doing they failed: what a bank publishes of each
//! (EBA GL 2018/07, 2.3). Errors of third parties are none of the bank's.

use super::end::End;
use super::histogram::{self, Distribution, Histogram};
use super::metrics::{Cell, Outcome};
use crate::config::service::Service;
use crate::gateway::reason::{Fault, Reason};
use http::StatusCode;

/// The counters of one worker: those of requests for no service first, then one set for each.
#[derive(Debug, Default)]
pub struct Services([Cells; SLOTS]);

#[derive(Debug, Default)]
struct Cells {
    faults: [Cell; FAULTS.len()],
    seconds: Histogram,
}

/// What can be said of a request in the end: nobody's fault, or whose.
pub const FAULTS: [Option<Fault>; 5] =
    [None, Some(Fault::Client), Some(Fault::Gateway), Some(Fault::Upstream), Some(Fault::Issuer)];

/// Every label that requests are counted under.
pub const SERVICES: [Option<Service>; SLOTS] = [None, Some(Service::Ais), Some(Service::Pis), Some(Service::Funds)];

/// Whose fault it is that a request was not answered well; `None`: it was. A client that left before there was an answer
/// knows why.
pub fn fault(outcome: Outcome, end: End) -> Option<Fault> {
    match (outcome, end) {
        (Outcome::Refused(Reason::Internal), End::ClientGone) => Some(Fault::Client),
        (Outcome::Refused(reason), _) => Some(reason.fault()),
        (Outcome::Passed(_), End::UpstreamBroke) => Some(Fault::Upstream),
        (Outcome::Passed(status), _) if status >= StatusCode::INTERNAL_SERVER_ERROR => Some(Fault::Upstream),
        (Outcome::Passed(status), _) => status.is_client_error().then_some(Fault::Client),
    }
}

/// The label of a fault.
pub fn fault_name(fault: Option<Fault>) -> &'static str {
    match fault {
        None => "none",
        Some(Fault::Client) => "client",
        Some(Fault::Gateway) => "gateway",
        Some(Fault::Upstream) => "upstream",
        Some(Fault::Issuer) => "issuer",
    }
}

/// The label of a service.
pub fn service_name(service: Option<Service>) -> &'static str {
    service.map_or("none", Service::name)
}

impl Services {
    /// Counts one request, `waited_us` microseconds from its last byte to that of its answer.
    pub fn count(&self, service: Option<Service>, fault: Option<Fault>, waited_us: u64) {
        let Some(cells) = self.0.get(slot(service)) else { return };
        if let Some(cell) = FAULTS.iter().position(|one| *one == fault).and_then(|place| cells.faults.get(place)) {
            cell.add(1);
        }
        cells.seconds.observe(waited_us);
    }

    /// Requests of a service by whose fault, in the order of `FAULTS`.
    pub(super) fn faults(&self, service: Option<Service>) -> [u64; FAULTS.len()] {
        self.0.get(slot(service)).map_or([0; FAULTS.len()], |cells| cells.faults.each_ref().map(Cell::get))
    }
}

/// How long the requests of a service took, on all workers.
pub(super) fn distribution<'s>(all: impl Iterator<Item = &'s Services>, service: Option<Service>) -> Distribution {
    histogram::distribution(all.filter_map(|one| one.0.get(slot(service))).map(|cells| &cells.seconds))
}

fn slot(service: Option<Service>) -> usize {
    service.map_or(0, |service| service as usize + 1)
}

const SLOTS: usize = Service::ALL.len() + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is() {
        let passed = |status| Outcome::Passed(StatusCode::from_u16(status).unwrap());
        for (outcome, end, whose) in [
            (passed(101), End::TokenEnded, "none"),
            (passed(200), End::Complete, "none"),
            // What it read of the answer was good.
            (passed(200), End::ClientGone, "none"),
            (passed(200), End::UpstreamBroke, "upstream"),
            (passed(404), End::Complete, "client"),
            (passed(429), End::Complete, "client"),
            (passed(500), End::Complete, "upstream"),
            (passed(503), End::ClientGone, "upstream"),
            (Outcome::Refused(Reason::TokenExpired), End::Complete, "client"),
            (Outcome::Refused(Reason::BodyLate), End::ClientGone, "client"),
            (Outcome::Refused(Reason::UpstreamLate), End::Complete, "upstream"),
            (Outcome::Refused(Reason::UpstreamLate), End::ClientGone, "upstream"),
            (Outcome::Refused(Reason::IssuerUnreachable), End::Complete, "issuer"),
            (Outcome::Refused(Reason::ProofsFull), End::Complete, "gateway"),
            (Outcome::Refused(Reason::Internal), End::Complete, "gateway"),
            (Outcome::Refused(Reason::Internal), End::ClientGone, "client"),
        ] {
            assert_eq!(fault_name(fault(outcome, end)), whose, "{outcome:?} {end:?}");
        }
    }

    #[test]
    fn each_service_has_counters_of_its_own() {
        let services = Services::default();
        for (place, service) in SERVICES.into_iter().enumerate() {
            assert_eq!(slot(service), place);
            for _ in 0..=place {
                services.count(service, Some(Fault::Upstream), 1_000);
            }
        }
        services.count(Some(Service::Funds), None, 1_000_000);
        assert_eq!(SERVICES.map(|service| services.faults(service)[3]), [1, 2, 3, 4]);
        assert_eq!(services.faults(Some(Service::Funds)), [1, 0, 0, 4, 0]);
        assert_eq!(distribution(std::iter::once(&services), Some(Service::Funds)).1, 5);
    }
}
