//! Who calls, as far as quotas count by it: the names that become a key, whether a customer waits, and whether it is a
//! further page.

use crate::clock::UnixSeconds;
use crate::config::bounds::QUOTA_PAGES_WITHIN;
use crate::config::demands::ConsentRule;
use crate::config::envelope::Envelope;
use crate::config::quotas::customer::Customer;
use crate::config::quotas::dimension::Dimension;
use crate::config::routes::Access;
use crate::gateway::authorize::consent;
use crate::gateway::certificate::ClientCertificate;
use crate::gateway::http1::fields;
use crate::gateway::read::Head;
use crate::gateway::verify::token::VerifiedToken;
use crate::net::admission;
use crate::state::limits::key::{Key, KeyMaker};
use crate::state::limits::window::Call;
use http::HeaderName;
use std::net::IpAddr;

/// What is known of a request.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Its head.
    pub head: &'a Head,
    /// Where it came from, as far as our proxies say so.
    pub address: IpAddr,
    /// Its token, once that was looked at.
    pub token: Option<&'a VerifiedToken>,
    /// The certificate that its client showed.
    pub certificate: Option<&'a ClientCertificate>,
    /// When its head was complete.
    pub now: UnixSeconds,
}

/// How it is known that a customer waits for the answer, so that the call does not count.
#[derive(Debug)]
pub(super) enum Presence {
    /// All calls count.
    Irrelevant,
    /// By the customer's address in this field (OB-6, BG-3).
    Address(HeaderName),
    /// By this field.
    Field(HeaderName),
    /// By `PSU-Initiated`: `E` says that the customer asked, `O` that an event did (TR-4).
    Initiated,
}

/// Where a route's requests name their consent, beside the token's claim.
#[derive(Debug)]
pub(super) struct Consent(Option<ConsentRule>);

impl Presence {
    pub(super) fn compile(customer: &Customer, form: Envelope) -> Self {
        match (customer, form) {
            (Customer::Counted, _) => Self::Irrelevant,
            (Customer::NotCountedWith(field), _) => Self::Field(field.clone()),
            (Customer::NotCounted, Envelope::Problem | Envelope::Obie) => Self::Address(CUSTOMER_IP_ADDRESS),
            (Customer::NotCounted, Envelope::Berlin) => Self::Address(PSU_IP_ADDRESS),
            (Customer::NotCounted, Envelope::Ohvps) => Self::Initiated,
        }
    }

    /// Whether a customer waits. It is the client's word, as the standards have it; what cannot be read says nothing, nor does
    /// what the upstream is not told.
    pub(super) fn is_there(&self, caller: &Caller<'_>) -> bool {
        match self {
            Self::Irrelevant => false,
            Self::Address(field) => {
                let value = caller.head.passing(field).and_then(fields::text);
                value.is_some_and(|text| text.parse::<IpAddr>().is_ok())
            }
            Self::Field(field) => caller.head.passing(field).is_some_and(|value| !value.is_empty()),
            Self::Initiated => caller.head.passing(&PSU_INITIATED).is_some_and(|value| value == b"E" || value == b"O"),
        }
    }
}

impl Consent {
    pub(super) fn compile(access: &Access) -> Self {
        Self(match access {
            Access::Open => None,
            Access::Token(demands) => demands.consent.clone(),
        })
    }
}

impl Caller<'_> {
    /// Whose count it is. Who lacks a name, such as a token without a consent, counts together with the others of the same
    /// client that lack it, and never with who has one.
    pub(super) fn key(&self, per: &[Dimension], (maker, route, consent): (&KeyMaker, &[u8], &Consent)) -> Key {
        let mut names = maker.begin();
        if let Some(token) = self.token {
            names.add(ISSUER, token.issuer().settings.issuer.as_bytes());
        }
        for dimension in per {
            let network;
            let (kind, name) = match dimension {
                Dimension::Client => (1, self.client().map(str::as_bytes)),
                Dimension::Subject => (2, self.token.and_then(VerifiedToken::subject).map(str::as_bytes)),
                Dimension::Consent => (3, self.consent(consent)),
                Dimension::Organisation => {
                    (4, self.certificate.and_then(|one| one.organisation(self.now)).map(str::as_bytes))
                }
                Dimension::Route => (5, Some(route)),
                Dimension::Path => (6, Some(self.head.path().as_bytes())),
                Dimension::Network => {
                    network = admission::network(self.address).to_bits().to_be_bytes();
                    (7, Some(network.as_slice()))
                }
            };
            match name {
                Some(name) => names.add(kind, name),
                None => names.add(kind | NAMELESS, self.client().unwrap_or_default().as_bytes()),
            }
        }
        names.end()
    }

    /// A further page is one by a parameter of the query. Its name is compared as it is written.
    pub(super) fn call(&self, pages: &[Box<str>]) -> Call {
        let mut parameters = self.head.query().unwrap_or_default().split('&').filter(|_| !pages.is_empty());
        let is_page = parameters.any(|parameter| {
            let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
            pages.iter().any(|page| **page == *name)
        });
        if is_page { Call::FollowUp(super::micros(QUOTA_PAGES_WITHIN)) } else { Call::One }
    }

    pub(super) fn client(&self) -> Option<&str> {
        self.token?.client_id()
    }

    pub(super) fn frequency(&self) -> Option<u64> {
        self.token?.frequency().map(u64::from)
    }

    /// The one that the request names and the token was found to hold, or else the token's.
    fn consent(&self, Consent(rule): &Consent) -> Option<&[u8]> {
        match rule {
            Some(rule) => consent::given(rule, self.head),
            None => self.token?.consent().map(str::as_bytes),
        }
    }
}

// What stands before each name in a key. Never changed, so that several gateways may count together.
const ISSUER: u8 = 0;
const NAMELESS: u8 = 0x80;
const CUSTOMER_IP_ADDRESS: HeaderName = HeaderName::from_static("x-fapi-customer-ip-address");
const PSU_IP_ADDRESS: HeaderName = HeaderName::from_static("psu-ip-address");
const PSU_INITIATED: HeaderName = HeaderName::from_static("psu-initiated");
