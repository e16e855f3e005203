//! The role that a payment service provider needs (PSD2): what its authority granted it, by its certificate. Checked on
//! every request, like everything that a connection may outlive.

use super::Facts;
use crate::config::envelope::Envelope;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::role::{Role, Roles};

/// One of these roles.
#[derive(Debug)]
pub struct ProviderRole {
    roles: Roles,
    /// Its name depends on the API: Berlin Group says 401 where everybody else says 403 (error table, E19).
    otherwise: Reason,
}

impl ProviderRole {
    /// `None` where the route asks for no role.
    pub fn compile(roles: &[Role], errors: Envelope) -> Option<Self> {
        let otherwise = if errors == Envelope::Berlin { Reason::RoleInvalid } else { Reason::RoleMissing };
        (!roles.is_empty()).then(|| Self { roles: roles.iter().copied().collect(), otherwise })
    }

    /// Refuses a client without a certificate that stands, and one whose roles are others.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let certificate = facts.certificate.ok_or(Reason::CertificateMissing)?.stands(facts.now)?;
        if certificate.roles().has_one_of(self.roles) { Ok(()) } else { Err(self.otherwise.into()) }
    }
}
