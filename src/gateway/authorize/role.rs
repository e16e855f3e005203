//! The role that a payment service provider needs (PSD2): what its authority granted it, by its certificate. Checked on
//! every request, like everything that a connection may outlive.

use super::Facts;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::role::{Role, Roles};

/// One of these roles.
#[derive(Debug)]
pub struct ProviderRole(Roles);

impl ProviderRole {
    /// `None` where the route asks for no role.
    pub fn compile(roles: &[Role]) -> Option<Self> {
        (!roles.is_empty()).then(|| Self(roles.iter().copied().collect()))
    }

    /// Refuses a client without a certificate that stands, and one whose roles are others.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let certificate = facts.certificate.ok_or(Reason::CertificateMissing)?.stands(facts.now)?;
        if certificate.roles().has_one_of(self.0) { Ok(()) } else { Err(Reason::RoleMissing.into()) }
    }
}
