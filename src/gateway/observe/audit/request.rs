//! The audit log's line of a request: who asked for what by which right, and what was decided. The path's template and
//! not the path, which may name an account.

use super::super::line;
use super::super::metrics::Outcome;
use super::super::record::Record;
use super::super::stamp::Stamp;
use super::{Buffer, unavailable};
use crate::gateway::policy::Entry;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::Issuer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::cell::RefCell;

impl Record {
    /// Whether the request may go on, as far as it must be told of: else it would be let in and nobody could say so.
    pub fn can_be_audited(&self) -> Result<(), Refusal> {
        let full = self.worker.shared.audit.as_ref().is_some_and(|audit| !audit.has_room());
        if full { Err(unavailable()) } else { Ok(()) }
    }

    /// It may go on.
    pub fn permitted(&mut self) {
        self.is_permitted = true;
    }

    /// Tells the audit log, if there is one and it asks for this request.
    pub(in super::super) fn audit(&self, stamp: &Stamp) {
        let Some(buffer) = &self.worker.audit else { return };
        match self.outcome {
            Outcome::Refused(Reason::AuditUnavailable) => buffer.borrow().refused(),
            Outcome::Refused(Reason::TokenInQuery) => self.line(buffer, stamp),
            Outcome::Refused(_) | Outcome::Passed(_) => {
                if self.route().is_some_and(|route| matches!(route.entry, Entry::Token(_))) {
                    self.line(buffer, stamp);
                }
            }
        }
    }

    /// Tells the audit log that a token of this issuer was sent in a URL, and is revoked.
    pub(in super::super) fn audit_leak(&self, issuer: &Issuer) {
        let fields =
            [("issuer", &*issuer.settings.issuer), ("kind", "token"), ("cause", "query"), ("id", self.id.as_str())];
        self.worker.shared.audit("revoke", &fields);
    }

    fn line(&self, buffer: &RefCell<Buffer>, stamp: &Stamp) {
        buffer.borrow_mut().line(self.is_permitted, |lines| self.write(lines, stamp));
    }

    fn write(&self, lines: &mut Vec<u8>, stamp: &Stamp) {
        let mut text = |name, value: &[u8]| line::named(lines, name, value);
        text("time", stamp.as_str().as_bytes());
        text("event", b"request");
        text("id", self.id.octets());
        if let Some(trace) = &self.trace {
            text("trace_id", trace.id().as_bytes());
        }
        if let Some(method) = &self.method {
            text("method", method.as_str().as_bytes());
        }
        text("decision", if self.is_permitted { b"permit" } else { b"refuse" });
        lines.extend_from_slice(&self.client);
        lines.extend_from_slice(self.name().unwrap_or_default());
        line::outcome(lines, self.outcome);
        if let Some(certificate) = &self.certificate {
            line::named(lines, "certificate", URL_SAFE_NO_PAD.encode(certificate.thumbprint()).as_bytes());
            lines.extend_from_slice(certificate.line());
        }
        if let Some(token) = &self.token {
            line::holder(lines, token);
            let issuer = &token.issuer().settings.issuer;
            let subject = token.customer().and_then(|one| self.worker.shared.audit_subject(issuer, one));
            if let Some(subject) = subject {
                line::named(lines, "subject", subject.as_bytes());
            }
            if let Some(consent) = token.consent() {
                line::named(lines, "consent", consent.as_bytes());
            }
        }
        lines.push(b'\n');
    }
}
