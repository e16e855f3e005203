//! The role that a payment service provider needs (PSD2): what its authority granted it, by its certificate. Checked on
//! every request, like everything that a connection may outlive.

use super::{Compared, Facts, listed};
use crate::config::envelope::Envelope;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::role::{Role, Roles};

/// One of these roles.
#[derive(Debug)]
pub struct ProviderRole {
    roles: Roles,
    names: Vec<&'static str>,
    /// Its name depends on the API: Berlin Group says 401 where everybody else says 403 (error table, E19).
    otherwise: Reason,
}

impl ProviderRole {
    /// `None` where the route asks for no role.
    pub fn compile(roles: &[Role], errors: Envelope) -> Option<Self> {
        let otherwise = if errors == Envelope::Berlin { Reason::RoleInvalid } else { Reason::RoleMissing };
        (!roles.is_empty()).then(|| Self {
            roles: roles.iter().copied().collect(),
            names: roles.iter().map(|role| role.as_str()).collect(),
            otherwise,
        })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let needs = format!("a client certificate with one of {}", listed(self.names.iter().copied()));
        let found = match facts.certificate.map(|certificate| certificate.stands(facts.now)) {
            None => "no client certificate".to_owned(),
            Some(Err(reason)) => format!("a client certificate that does not count: {}", reason.name()),
            Some(Ok(certificate)) => {
                let is_held = |role: &Role| certificate.roles().has_one_of(std::iter::once(*role).collect());
                listed(Role::ALL.iter().copied().filter(is_held).map(Role::as_str))
            }
        };
        Compared::new(needs, found)
    }

    /// Refuses a client without a certificate that stands, and one whose roles are others.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let certificate = facts.certificate.ok_or(Reason::CertificateMissing)?.stands(facts.now)?;
        if certificate.roles().has_one_of(self.roles) { Ok(()) } else { Err(self.otherwise.into()) }
    }
}
