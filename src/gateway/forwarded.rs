//! Reads what proxies of ours say of who came before them: `Forwarded` (RFC 7239), or `X-Forwarded-For` and its kin where
//! there is none. Read from the right: each element counts if the one after it was written by a hop that we trust, so
//! the first address that is no hop's is the client, and what stands before it the client wrote itself. That is dropped,
//! as it is with clients that have no proxy in front. Nothing in here decides where a request goes.

use super::http1::fields::{self, Fields};
use super::http1::lines;
use crate::config::bounds::FORWARDED_HOPS_MAX;
use http::{HeaderName, header};
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the hops say, as far as they can be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whom they name: the client, or a hop where there is nobody else.
    pub client: Option<IpAddr>,
    /// The elements from the client's on, in the form of `Forwarded`.
    pub chain: String,
    /// Something in it cannot be read, has no end, or contradicts itself: it and all before it was left out.
    pub is_bad: bool,
}

/// Reads the fields of a request that came from a hop of ours. `trusts` knows the hops.
pub fn read(fields: &Fields, trusts: impl Fn(IpAddr) -> bool) -> Told {
    let standard = fields.has(header::FORWARDED).then(|| Walk::standard(fields, &trusts));
    let older = is_older(fields).then(|| Walk::older(fields, &trusts));
    let walk = match (standard, older) {
        (None, None) => return Told::default(),
        (Some(walk), None) | (None, Some(walk)) => walk,
        // One of the two the client may have written, through a hop that knows the other only.
        (Some(standard), Some(older)) if older.names_any() && !standard.names_the_same(&older) => {
            return Told { is_bad: true, ..Told::default() };
        }
        (Some(standard), Some(_)) => standard,
    };
    walk.told()
}

fn is_older(fields: &Fields) -> bool {
    [&FOR, &PROTO, &HOST].into_iter().any(|name| fields.has(name))
}

/// One element: whom it names, and its text.
#[derive(Debug)]
struct Element {
    node: Option<IpAddr>,
    text: String,
}

/// The way from right to left.
struct Walk<'t> {
    trusts: &'t dyn Fn(IpAddr) -> bool,
    /// Last one first.
    elements: SmallVec<[Element; 4]>,
    client: Option<IpAddr>,
    is_over: bool,
    is_bad: bool,
}

impl<'t> Walk<'t> {
    fn new(trusts: &'t dyn Fn(IpAddr) -> bool) -> Self {
        Self { trusts, elements: SmallVec::new(), client: None, is_over: false, is_bad: false }
    }

    fn standard(fields: &Fields, trusts: &'t dyn Fn(IpAddr) -> bool) -> Self {
        let mut walk = Self::new(trusts);
        for line in fields.all(header::FORWARDED).collect::<SmallVec<[_; 4]>>().into_iter().rev() {
            // Quotes are read from the left, so one that cannot be read leaves its whole line in doubt.
            match elements(line) {
                Some(elements) => elements.into_iter().rev().for_each(|element| walk.step(Some(element))),
                None => walk.step(None),
            }
        }
        walk
    }

    /// §7.4: each address becomes an element.
    fn older(fields: &Fields, trusts: &'t dyn Fn(IpAddr) -> bool) -> Self {
        let mut walk = Self::new(trusts);
        for line in fields.all(FOR).collect::<SmallVec<[_; 4]>>().into_iter().rev() {
            let items = line.split(|b| *b == b',').map(<[u8]>::trim_ascii).rev();
            items.filter(|item| !item.is_empty()).for_each(|item| walk.step(older_element(item)));
        }
        // They describe what the last hop received, whose address comes last. Several are nobody's in particular.
        let single = |name: HeaderName| fields.only(name).and_then(fields::text);
        let proto = single(PROTO).filter(|text| is_scheme(text)).map(|text| format!("proto={text}"));
        let host = single(HOST).filter(|text| is_host(text)).map(|text| format!("host=\"{text}\""));
        let about = proto.into_iter().chain(host).collect::<Vec<_>>().join(";");
        match walk.elements.first_mut() {
            _ if about.is_empty() => {}
            Some(last) => last.text = format!("{};{about}", last.text),
            None if walk.is_bad => {}
            None => walk.step(Some(Element { node: None, text: about })),
        }
        walk
    }

    /// Takes the element before those that were taken; `None` where it cannot be read.
    fn step(&mut self, element: Option<Element>) {
        if self.is_over {
            return;
        }
        match element.filter(|_| self.elements.len() < FORWARDED_HOPS_MAX) {
            Some(element) => {
                self.client = element.node.or(self.client);
                self.is_over = !element.node.is_some_and(self.trusts);
                self.elements.push(element);
            }
            None => (self.is_over, self.is_bad) = (true, true),
        }
    }

    fn names_any(&self) -> bool {
        self.is_bad || self.elements.iter().any(|element| element.node.is_some())
    }

    fn names_the_same(&self, other: &Self) -> bool {
        let nodes = |walk: &Self| walk.elements.iter().map(|element| element.node).collect::<SmallVec<[_; 4]>>();
        self.is_bad == other.is_bad && nodes(self) == nodes(other)
    }

    fn told(self) -> Told {
        let chain = self.elements.iter().rev().map(|element| element.text.as_str()).collect::<Vec<_>>().join(", ");
        Told { client: self.client, chain, is_bad: self.is_bad }
    }
}

/// `1#forwarded-element` (§4): all elements of one line.
fn elements(line: &[u8]) -> Option<SmallVec<[Element; 4]>> {
    let mut rest = fields::text(line)?;
    let mut found = SmallVec::new();
    loop {
        let (element, after) = element(rest)?;
        found.extend(element);
        // However many the client wrote itself, they must not hide what hops wrote after them: the head bounds a line.
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None if after.is_empty() => return Some(found),
            None => return None,
        }
    }
}

/// `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`, and what follows it. `None` in the first place for an empty one.
fn element(text: &str) -> Option<(Option<Element>, &str)> {
    let mut element = Element { node: None, text: String::new() };
    let mut names: SmallVec<[&str; 4]> = SmallVec::new();
    let mut rest = text.trim_start_matches(WHITE);
    loop {
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, after) = rest.split_once('=').filter(|(name, _)| is_token(name))?;
            let (raw, value, after) = value(after)?;
            // §4: a parameter stands once in an element.
            if names.len() == PAIRS_MAX || names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return None;
            }
            names.push(name);
            if name.eq_ignore_ascii_case("for") {
                element.node = node(&value).ok()?;
            } else if name.eq_ignore_ascii_case("proto") && !is_scheme(&value) {
                return None;
            }
            let separator = if element.text.is_empty() { "" } else { ";" };
            element.text.extend([separator, &name.to_ascii_lowercase(), "=", raw]);
            rest = after;
        }
        rest = rest.trim_start_matches(WHITE);
        match rest.strip_prefix(';') {
            Some(after) => rest = after.trim_start_matches(WHITE),
            None => return Some(((!element.text.is_empty()).then_some(element), rest)),
        }
    }
}

/// `token / quoted-string` (RFC 9110 §5.6.4): as it stands there, what it means, and what follows it.
fn value(text: &str) -> Option<(&str, String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|octet| !lines::is_tchar(octet)).unwrap_or(text.len());
        let (token, rest) = text.split_at_checked(end).filter(|(token, _)| !token.is_empty())?;
        return Some((token, token.to_owned(), rest));
    };
    let mut meaning = String::new();
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (end, '"') => {
                let length = end + "\"\"".len();
                return Some((text.get(..length)?, meaning, text.get(length..)?));
            }
            (_, '\\') => meaning.push(characters.next()?.1),
            (_, plain) => meaning.push(plain),
        }
    }
}

/// `nodename [ ":" node-port ]` (§6): an address, or somebody who is not told.
fn node(text: &str) -> Result<Option<IpAddr>, BadNode> {
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (literal, port) = rest.split_once(']').ok_or(BadNode)?;
            (Some(literal.parse::<Ipv6Addr>().map(IpAddr::from).map_err(|_| BadNode)?), port)
        }
        None => {
            let (name, port) = text.split_at_checked(text.find(':').unwrap_or(text.len())).ok_or(BadNode)?;
            let address = name.parse::<Ipv4Addr>().ok().map(IpAddr::from);
            if address.is_none() && !name.eq_ignore_ascii_case("unknown") && !is_obfuscated(name) {
                return Err(BadNode);
            }
            (address, port)
        }
    };
    let is_port =
        |port: &str| is_obfuscated(port) || (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    if port_is_good { Ok(address.map(|address| address.to_canonical())) } else { Err(BadNode) }
}

/// Neither an address nor what may stand in its place.
struct BadNode;

/// One item of `X-Forwarded-For`: an address, in whose writing servers differ, perhaps with a port, or `unknown`.
fn older_element(item: &[u8]) -> Option<Element> {
    let item = std::str::from_utf8(item).ok()?;
    if let Ok(address) = item.parse::<Ipv6Addr>() {
        let node = IpAddr::from(address).to_canonical();
        return Some(Element { node: Some(node), text: format!("for=\"[{address}]\"") });
    }
    let node = node(item).ok()?;
    let text = if is_token(item) { format!("for={item}") } else { format!("for=\"{item}\"") };
    Some(Element { node, text })
}

/// `obfnode`, `obfport` (§6.3)
fn is_obfuscated(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(good))
}

/// RFC 3986 §3.1
fn is_scheme(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(good)
}

/// A host with or without port, whichever: nothing that a quoted-string would need a backslash for.
fn is_host(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    !text.is_empty() && text.bytes().all(good)
}

/// RFC 9110 §5.6.2
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(lines::is_tchar)
}

const WHITE: [char; 2] = [' ', '\t'];
/// Parameters of one element: there are four, and room for extensions.
const PAIRS_MAX: usize = 16;
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trusts(address: IpAddr) -> bool {
        address.to_string().starts_with("10.") || address.to_string().starts_with("2001:db8:a::")
    }

    fn told(fields: &[(&str, &str)]) -> Told {
        read(&Fields::of(fields), trusts)
    }

    fn good(client: &str, chain: &str) -> Told {
        Told { client: client.parse().ok(), chain: chain.to_owned(), is_bad: false }
    }

    #[test]
    fn the_rightmost_address_that_is_no_hops_is_the_client() {
        for (lines, client, chain) in [
            (&["for=192.0.2.1"][..], "192.0.2.1", "for=192.0.2.1"),
            (&["for=6.6.6.6, for=192.0.2.1"], "192.0.2.1", "for=192.0.2.1"),
            (&["for=192.0.2.1, for=10.0.0.1"], "192.0.2.1", "for=192.0.2.1, for=10.0.0.1"),
            (&["for=6.6.6.6", "for=192.0.2.1", "for=10.0.0.1"], "192.0.2.1", "for=192.0.2.1, for=10.0.0.1"),
            (&["for=10.0.0.2, for=10.0.0.1"], "10.0.0.2", "for=10.0.0.2, for=10.0.0.1"),
            (&["For=\"[2001:DB8::1]:4711\";Proto=https"], "2001:db8::1", "for=\"[2001:DB8::1]:4711\";proto=https"),
            (
                &["for=192.0.2.1;by=203.0.113.60;proto=http;host=a.example"],
                "192.0.2.1",
                "for=192.0.2.1;by=203.0.113.60;proto=http;host=a.example",
            ),
            (&["for=\"192.0.2.1:80\""], "192.0.2.1", "for=\"192.0.2.1:80\""),
            (&["for=\"192.0.2.1:_p\""], "192.0.2.1", "for=\"192.0.2.1:_p\""),
            (&["for=\"[::ffff:192.0.2.1]\""], "192.0.2.1", "for=\"[::ffff:192.0.2.1]\""),
            (&["for=\"192\\.0.2.1\""], "192.0.2.1", "for=\"192\\.0.2.1\""),
            (&[" ,\tfor=192.0.2.1 ,, "], "192.0.2.1", "for=192.0.2.1"),
            (
                &["for=192.0.2.1; proto=https ;x=\"a,b;c\\\"\""],
                "192.0.2.1",
                "for=192.0.2.1;proto=https;x=\"a,b;c\\\"\"",
            ),
            // Nobody is named before this one.
            (&["for=6.6.6.6, for=unknown, for=10.0.0.1"], "10.0.0.1", "for=unknown, for=10.0.0.1"),
            (&["for=6.6.6.6, for=_hidden"], "", "for=_hidden"),
            (&["for=6.6.6.6, proto=https"], "", "proto=https"),
            (&["for=6.6.6.6, for=UNKNOWN"], "", "for=UNKNOWN"),
            (&[""], "", ""),
            (&[" , ;"], "", ""),
        ] {
            let fields: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            assert_eq!(told(&fields), good(client, chain), "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_chain() {
        for line in [
            "for",
            "for=",
            "=a",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1:80",
            "for=[::1]",
            "for=\"::1\"",
            "for=\"[::1\"",
            "for=\"[192.0.2.1]\"",
            "for=\"192.0.2.1",
            "for=\"192.0.2.1\\",
            "for=\"192.0.2.1\"x",
            "for=\"192.0.2.1:\"",
            "for=\"192.0.2.1:123456\"",
            "for=\"192.0.2.1:x\"",
            "for=192.0.2.01",
            "for=192.0.2",
            "for=a.example",
            "for=_",
            "for=\"_a b\"",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;For=192.0.2.1",
            "for=192.0.2.1 for=192.0.2.2",
            "for=192.0.2.1;proto=\"a b\"",
            "for=192.0.2.1;a b=c",
            "for=\"\"",
        ] {
            assert_eq!(told(&[("forwarded", line)]), Told { is_bad: true, ..Told::default() }, "{line:?}");
            // Those after it were written by hops of ours, line by line.
            let fields = [("forwarded", line), ("forwarded", "for=10.0.0.2, for=10.0.0.1")];
            let expected = good("10.0.0.2", "for=10.0.0.2, for=10.0.0.1");
            assert_eq!(told(&fields), Told { is_bad: true, ..expected }, "{line:?}");
            // What a client writes does not hide it.
            let fields = [("forwarded", line), ("forwarded", "for=192.0.2.1")];
            assert_eq!(told(&fields), good("192.0.2.1", "for=192.0.2.1"), "{line:?}");
        }
    }

    #[test]
    fn the_older_fields_become_the_standard_one() {
        let list = |text| ("x-forwarded-for", text);
        for (fields, client, chain) in [
            (&[list("192.0.2.1")][..], "192.0.2.1", "for=192.0.2.1"),
            (&[list("6.6.6.6, 192.0.2.1")], "192.0.2.1", "for=192.0.2.1"),
            (&[list("trash, 192.0.2.1,10.0.0.1")], "192.0.2.1", "for=192.0.2.1, for=10.0.0.1"),
            (&[list("192.0.2.1"), list("10.0.0.1")], "192.0.2.1", "for=192.0.2.1, for=10.0.0.1"),
            (&[list("2001:db8::1")], "2001:db8::1", "for=\"[2001:db8::1]\""),
            (&[list("[2001:db8::1]:80")], "2001:db8::1", "for=\"[2001:db8::1]:80\""),
            (&[list("192.0.2.1:80")], "192.0.2.1", "for=\"192.0.2.1:80\""),
            (&[list("::ffff:192.0.2.1")], "192.0.2.1", "for=\"[::ffff:192.0.2.1]\""),
            (&[list("unknown")], "", "for=unknown"),
            (&[list("192.0.2.1"), ("x-forwarded-proto", "https")], "192.0.2.1", "for=192.0.2.1;proto=https"),
            (
                &[list("192.0.2.1, 10.0.0.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example:80")],
                "192.0.2.1",
                "for=192.0.2.1, for=10.0.0.1;proto=https;host=\"a.example:80\"",
            ),
            (&[("x-forwarded-proto", "https")], "", "proto=https"),
            (&[list("192.0.2.1"), ("x-forwarded-proto", "https,http")], "192.0.2.1", "for=192.0.2.1"),
            (&[list("192.0.2.1"), ("x-forwarded-host", "a\";for=\"6.6.6.6")], "192.0.2.1", "for=192.0.2.1"),
        ] {
            assert_eq!(told(fields), good(client, chain), "{fields:?}");
        }
        for bad in
            ["trash", "192.0.2.1, trash", "192.0.2.1, 1", "192.0.2.1, a\"b", "192.0.2.1, [::1", "192.0.2.1, ::1:x"]
        {
            assert_eq!(told(&[list(bad)]), Told { is_bad: true, ..Told::default() }, "{bad}");
        }
    }

    #[test]
    fn two_fields_that_disagree_are_both_dropped() {
        let both = |standard, older| told(&[("forwarded", standard), ("x-forwarded-for", older)]);
        assert_eq!(both("for=192.0.2.1;proto=https", "192.0.2.1"), good("192.0.2.1", "for=192.0.2.1;proto=https"));
        assert_eq!(both("for=6.6.6.6, for=192.0.2.1", "7.7.7.7, 192.0.2.1"), good("192.0.2.1", "for=192.0.2.1"));
        for (standard, older) in [
            ("for=6.6.6.6", "192.0.2.1"),
            ("for=192.0.2.1, for=10.0.0.1", "192.0.2.1"),
            ("for=_a", "192.0.2.1"),
            ("for=192.0.2.1", "trash"),
            ("trash", "192.0.2.1"),
        ] {
            assert_eq!(both(standard, older), Told { is_bad: true, ..Told::default() }, "{standard} {older}");
        }
        let fields = [("forwarded", "for=192.0.2.1;proto=https"), ("x-forwarded-proto", "https")];
        assert_eq!(told(&fields), good("192.0.2.1", "for=192.0.2.1;proto=https"));
    }

    #[test]
    fn so_many_hops_and_not_one_more() {
        let of = |count: usize| vec!["for=10.0.0.1"; count].join(", ");
        let most = told(&[("forwarded", &of(FORWARDED_HOPS_MAX))]);
        assert_eq!(most, good("10.0.0.1", &of(FORWARDED_HOPS_MAX)));
        assert_eq!(told(&[("forwarded", &of(FORWARDED_HOPS_MAX + 1))]), Told { is_bad: true, ..most.clone() });
        let flood = format!("{}, for=192.0.2.1", vec!["for=6.6.6.6"; 1000].join(", "));
        assert_eq!(told(&[("forwarded", &flood)]), good("192.0.2.1", "for=192.0.2.1"));
        let older = |count: usize| told(&[("x-forwarded-for", &vec!["10.0.0.1"; count].join(","))]);
        assert_eq!(older(FORWARDED_HOPS_MAX), most);
        assert_eq!(older(FORWARDED_HOPS_MAX + 1), Told { is_bad: true, ..most });
    }

    proptest! {
        /// What goes on says the same again, to us as to whoever reads it next.
        #[test]
        fn a_chain_reads_back_as_itself(line in "((for|proto|by|x)=|\"|\\\\|10\\.0\\.0\\.1|192\\.0\\.2\\.1|\\[::1\\]|_a|:80|[ ,;]){0,16}") {
            for name in ["forwarded", "x-forwarded-for"] {
                let first = told(&[(name, &line)]);
                let again = told(&[("forwarded", &first.chain)]);
                prop_assert_eq!(again, Told { is_bad: false, ..first });
            }
        }
    }
}
