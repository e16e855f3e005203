//! LOOPS: a request that has been here before is not sent round again (RFC 9110 §7.6.3). Each that we forward has our
//! pseudonym in `Via`, so one that arrives with it was ours. `CDN-Loop` (RFC 8586), which nobody may take away, is looked at
//! too; we add nothing to it, being no network for content, but one behind us may bear our name.

use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;

/// Refuses a request whose fields say that it came from us. What they say beside that is not judged: they are others'.
pub fn refuse_loop(head: &Head, pseudonym: &str) -> Result<(), Refusal> {
    let us = pseudonym.as_bytes();
    let is_ours =
        |name: &'static str, reads: fn(&[u8], &[u8]) -> bool| head.fields().all(name).any(|line| reads(line, us));
    if is_ours("via", passed) || is_ours("cdn-loop", looped) { Err(Reason::Looped.into()) } else { Ok(()) }
}

/// Whether a line of `Via` names `us`: `received-protocol RWS received-by [ RWS comment ]`, with commas between them.
pub fn passed(line: &[u8], us: &[u8]) -> bool {
    names(line, Guard::Comments, |element| {
        let is_gap = |byte: &u8| matches!(byte, b' ' | b'\t' | b'(');
        let by = element.split(is_gap).filter(|word| !word.is_empty()).nth(1);
        by.is_some_and(|by| is_host(by, us))
    })
}

/// Whether a line of `CDN-Loop` names `us`: `cdn-id *( OWS ";" OWS parameter )`, with commas between them.
pub fn looped(line: &[u8], us: &[u8]) -> bool {
    names(line, Guard::Quotes, |element| {
        is_host(element.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii(), us)
    })
}

/// `host [ ":" port ]`; host names have no case.
fn is_host(text: &[u8], us: &[u8]) -> bool {
    text.split(|byte| *byte == b':').next().unwrap_or_default().eq_ignore_ascii_case(us)
}

/// Within what a comma divides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Parentheses, one within another (RFC 9110 §5.6.5).
    Comments,
    /// Quotes (§5.6.4).
    Quotes,
}

/// Whether an element of the list is what is looked for. A comment or quote that does not end hides nothing: whoever began
/// it did not know what would be written behind it.
fn names(list: &[u8], guard: Guard, is_it: impl Fn(&[u8]) -> bool) -> bool {
    let (mut depth, mut is_escaped, mut start, mut is_found) = (0_usize, false, 0, false);
    for (place, byte) in list.iter().enumerate() {
        match (byte, guard) {
            _ if is_escaped => is_escaped = false,
            (b'\\', _) => is_escaped = depth > 0,
            (b'(', Guard::Comments) => depth += 1,
            (b')', Guard::Comments) => depth = depth.saturating_sub(1),
            (b'"', Guard::Quotes) => depth = 1 - depth,
            (b',', _) if depth == 0 => {
                is_found |= is_it(list.get(start..place).unwrap_or_default());
                start = place + 1;
            }
            _ => {}
        }
    }
    match depth {
        0 => is_found || is_it(list.get(start..).unwrap_or_default()),
        _ => list.split(|byte| *byte == b',').any(is_it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn our_name_is_found_where_a_hop_writes_it_and_nowhere_else() {
        for line in [
            "1.1 gate",
            "1.0 fred, 1.1 gate",
            "1.1 gate, 1.0 fred",
            "HTTP/1.1 gate",
            "2 gate",
            "1.1\tgate",
            "1.1  gate  ",
            "1.1 GATE",
            "1.1 gate:8080",
            "1.1 gate (a, b)",
            "1.1 gate(a)",
            ", ,1.1 gate,",
            "1.1 a (x), 1.1 gate",
            "1.1 a (x (y, z) \\) ,), 1.1 gate",
            "1.1 a (, 1.1 gate",
            "1.1 a (\\, 1.1 gate",
            "1.1 a ((), 1.1 gate, 1.1 b (c)",
            "1.1 a ), 1.1 gate",
            "1.1 \"a, 1.1 gate, 1.1 b\"",
        ] {
            assert!(passed(line.as_bytes(), b"gate"), "{line}");
        }
        for line in [
            "",
            "gate",
            "gate gat",
            "1.1 gate2",
            "1.1 2gate",
            "1.1 gate.example",
            "1.1 other (gate)",
            "1.1 other (a, 1.1 gate)",
            "1.1 other (a \\), 1.1 gate)",
            "1.1 other, 1.1",
            "1.1 :gate",
        ] {
            assert!(!passed(line.as_bytes(), b"gate"), "{line}");
        }
    }

    #[test]
    fn cdn_loop_names_hosts_with_parameters() {
        for line in [
            "gate",
            "GATE ; v=1",
            "foo123.foocdn.example, gate; trace=\"abcdef\"",
            "gate:443;a=b",
            "a;b=\"x\", gate",
            "a;b=\"\\\"\", gate",
            "a;b=\", gate",
            "a (, gate, b)",
        ] {
            assert!(looped(line.as_bytes(), b"gate"), "{line}");
        }
        for line in ["", "gate2", "a;gate", "a;b=\"x, gate, y\"", "a;b=\"\\\", gate\"", "a gate"] {
            assert!(!looped(line.as_bytes(), b"gate"), "{line}");
        }
    }

    proptest! {
        /// Wherever we stand in a list of hops, whatever they say in comments, we are found, and only then.
        #[test]
        fn we_are_found_among_any_hops(
            hops in proptest::collection::vec("(1\\.1|2|HTTP/1\\.0) (fred|gate2|a\\.b:80)( \\([a-z, ]{0,6}(\\([gate, 1.]{0,9}\\))?\\))?", 0..5),
            place in 0_usize..6,
            is_there in any::<bool>(),
        ) {
            let mut hops = hops;
            if is_there {
                hops.insert(place.min(hops.len()), "1.1 Gate".to_owned());
            }
            prop_assert_eq!(passed(hops.join(" , ").as_bytes(), b"gate"), is_there);
        }

        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..64)) {
            passed(&line, b"gate");
            looped(&line, b"gate");
        }
    }
}
