//! `service`: for which of the services of PSD2 a route is. Banks publish availability, response times and error rates of
//! each (EBA GL 2018/07, 2.3 and 3).

use super::fault::Problem;

/// A service that third parties may offer, and the route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Account information.
    Ais,
    /// Payment initiation.
    Pis,
    /// Confirmation of funds.
    Funds,
}

impl Service {
    /// All, in the order of their places.
    pub const ALL: [Self; 3] = [Self::Ais, Self::Pis, Self::Funds];

    /// The name in configurations, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ais => "ais",
            Self::Pis => "pis",
            Self::Funds => "funds",
        }
    }

    /// The service of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

pub(super) fn parse(text: &str) -> Result<Service, Problem> {
    let names = Service::ALL.into_iter().map(Service::name);
    Service::named(text).ok_or_else(|| Problem::new("is no service of PSD2").did_you_mean(text, names))
}
