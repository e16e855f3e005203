//! Networks of peers, as `10.0.0.0/8` and `::1/128`.

use super::fault::Problem;
use std::net::IpAddr;

/// All addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` is in it. One family holds none of the other: addresses come in canonical form.
    pub fn contains(self, address: IpAddr) -> bool {
        let (first, bits) = number(self.first);
        let (address, other_bits) = number(address);
        bits == other_bits && (first ^ address) & !low_bits(bits - self.prefix) == 0
    }
}

/// A network whose first address has no bits behind the prefix; an address alone is a network of one.
pub(super) fn parse(text: &str) -> Result<Network, Problem> {
    let problem =
        || Problem::new("is not a network").hint("an address and a length: 10.0.0.0/8, ::1/128, or an address alone");
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let first: IpAddr = address.parse().map_err(|_| problem())?;
    if first.to_canonical() != first {
        return Err(Problem::new("is IPv4 in the form of IPv6").hint(format!("write {}", first.to_canonical())));
    }
    let (number, bits) = number(first);
    let prefix = match prefix {
        None => bits,
        Some(prefix) if prefix.bytes().all(|b| b.is_ascii_digit()) => prefix.parse().map_err(|_| problem())?,
        Some(_) => return Err(problem()),
    };
    match prefix {
        0 => Err(Problem::new("holds every address").hint("name the networks of your own proxies")),
        _ if prefix > bits => Err(problem()),
        _ if number & low_bits(bits - prefix) != 0 => {
            Err(Problem::new(format!("has bits set behind its first {prefix}"))
                .hint(format!("write {first}/{bits} for one address, or the network's own")))
        }
        _ => Ok(Network { first, prefix }),
    }
}

/// An address as a number of so many bits.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn low_bits(count: u8) -> u128 {
    1_u128.checked_shl(count.into()).map_or(u128::MAX, |above| above - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_alike() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"),
            ("128.0.0.0/1", "255.0.0.0", "127.0.0.1"),
            ("::1/128", "::1", "::2"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("8000::/1", "ffff::", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", "::a00:1"),
        ] {
            let network = parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.1/8",
            "2001:db8::1/64",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0/8",
            "0.0.0.0/0",
            "::/0",
            "::ffff:10.0.0.0/104",
            "localhost",
            "10.0.0.0/300",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
