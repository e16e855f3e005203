//! How a connection reached us and who is at its other end, and whom a request on it is from: the connection's client, or
//! the one that a hop of ours names.

use super::certificate::Terms;
use super::forwarded;
use super::http1::fields::Fields;
use super::http1::lines;
use super::observe::line;
use crate::net::client::Transport;
use crate::oauth::server_certificate::Names;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// A connection that may be served.
pub struct Arrival {
    /// Its bytes.
    pub transport: Transport,
    /// Its client, as far as that is known.
    pub client: Client,
    /// What the certificates are for that it may have been shown; `None` where there is one for everything.
    pub shown: Option<Shown>,
}

/// Who is at the other end of a connection. IPv4 never comes in the form of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// This address, by the kernel or by a balancer that named it.
    Known(IpAddr),
    /// Somebody behind the balancer at this address, which did not name him.
    Behind(IpAddr),
}

/// Several where there are several kinds of keys: which of them it was is not known afterwards.
pub type Shown = SmallVec<[Arc<Names>; 2]>;

/// How a client reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// In the clear.
    Http,
    /// Through TLS.
    Https,
}

/// Whom requests are from.
#[derive(Debug)]
pub struct Source {
    /// Its address, as a field of the log.
    pub line: Rc<[u8]>,
    /// The same: whom quotas count.
    pub address: IpAddr,
    /// What the upstream is told of it (RFC 7239 §4), as it stands in a request.
    pub forwarded: Box<[u8]>,
}

impl Client {
    /// The address, for logs and limits.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Known(address) | Self::Behind(address) => address,
        }
    }

    /// Whether its word counts on others. Whoever a balancer did not name may be anybody.
    pub fn is_hop(self, terms: &Terms) -> bool {
        match self {
            Self::Known(address) => terms.trusts(address),
            Self::Behind(_) => false,
        }
    }
}

impl Source {
    /// A client at the other end.
    pub fn new(client: Client, protocol: Protocol) -> Self {
        let address = client.address();
        let forwarded = [FORWARDED, element(address, protocol).as_bytes(), b"\r\n"].concat().into();
        Self { line: client_line(address), address, forwarded }
    }

    /// Whom a hop names in these fields; `None` where it names nobody. The second part says that not all of it is believed.
    pub fn named(&self, terms: &Terms, fields: &Fields) -> (Option<Self>, bool) {
        let told = forwarded::read(fields, |address| terms.trusts(address));
        let named = (!told.chain.is_empty()).then(|| Self {
            line: told.client.map_or_else(|| Rc::clone(&self.line), client_line),
            address: told.client.unwrap_or(self.address),
            forwarded: self.behind(&told.chain),
        });
        (named, told.is_bad)
    }

    /// What is told of whoever came by the hops of `chain` and then by this one.
    fn behind(&self, chain: &str) -> Box<[u8]> {
        // It stood in a field, and so it is text. Were it not, it could end our field and begin another.
        match self.forwarded.strip_prefix(FORWARDED) {
            Some(own) if lines::is_text(chain.as_bytes()) => [FORWARDED, chain.as_bytes(), b", ", own].concat().into(),
            Some(_) | None => self.forwarded.clone(),
        }
    }
}

fn client_line(address: IpAddr) -> Rc<[u8]> {
    line::field("client", address.to_string().as_bytes()).into()
}

/// `for` and `proto`; the host goes on in its own field. IPv6 is quoted and bracketed (RFC 7239 §6).
fn element(client: IpAddr, protocol: Protocol) -> String {
    let proto = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
    };
    match client {
        IpAddr::V4(address) => format!("for={address};proto={proto}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\";proto={proto}"),
    }
}

const FORWARDED: &[u8] = b"forwarded: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_the_form_of_rfc_7239() {
        let v4 = element("192.0.2.1".parse().unwrap(), Protocol::Http);
        assert_eq!(v4, "for=192.0.2.1;proto=http");
        let v6 = element("2001:db8::1".parse().unwrap(), Protocol::Https);
        assert_eq!(v6, "for=\"[2001:db8::1]\";proto=https");
    }
}
