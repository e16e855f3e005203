//! What logs and traces are read from: an audit log that somebody may have changed, and where a request says that it belongs.

use aws_lc_rs::digest::{SHA256, digest};
use scopegate::gateway::observe::audit::verify::{Anchors, Verifier};
use scopegate::gateway::observe::trace::context;
use std::fmt::Write as _;

/// A second reading by the letter of W3C Trace Context §3.2.2 finds the same, and what is written reads back.
pub fn traceparent(text: &[u8]) {
    let found = context::parse(text);
    let lossy = String::from_utf8_lossy(text);
    let second = Some(&*lossy).and_then(|text| {
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        let is_hex =
            |part: &str, length| part.len() == length && part.bytes().all(|octet| b"0123456789abcdef".contains(&octet));
        let [version, trace, span, flags, ..] = parts[..] else { return None };
        let is_whole = parts.len() == 4 || version != "00";
        let fits = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
        let is_known = version != "ff" && trace != "0".repeat(32) && span != "0".repeat(16);
        (fits && is_whole && is_known).then(|| (trace.to_owned(), span.to_owned(), flags.to_owned()))
    });
    let shown = found.map(|parent| (format!("{:032x}", parent.trace), format!("{:016x}", parent.span)));
    assert_eq!(shown, second.clone().map(|(trace, span, _)| (trace, span)));
    if let (Some(parent), Some((_, _, flags))) = (found, second) {
        assert_eq!(parent.is_sampled, u8::from_str_radix(&flags, 16).is_ok_and(|flags| flags & 1 == 1));
        let written = context::write(parent.trace, parent.span, parent.is_sampled);
        assert_eq!(context::parse(written.as_bytes()), Some(parent));
    }
}

/// What is found intact is: its hashes, computed by another road over the whole text, are those that stand there, and its
/// lines are counted without a gap.
pub fn audit(text: &[u8]) {
    let mut verifier = Verifier::new(Anchors::default());
    if verifier.file("log", text).is_err() {
        return;
    }
    let Ok(report) = verifier.finish() else { return };
    let mut before: Option<(u64, String)> = None;
    let mut lines = 0;
    for line in text.split_inclusive(|octet| *octet == b'\n').filter_map(|line| std::str::from_utf8(line).ok()) {
        // Torn ones are no lines.
        let Some((sealed, end)) = line.rsplit_once(",\"hash\":\"") else { continue };
        let Some(hash) = end.strip_suffix("\"}\n").filter(|hash| hash.len() == 64) else { continue };
        let Some(seq) = sealed.strip_prefix("{\"seq\":").and_then(|rest| rest.split(',').next()?.parse::<u64>().ok())
        else {
            continue;
        };
        let previous = match &before {
            Some((last, _)) if *last + 1 != seq => continue,
            Some((_, hash)) => hash.clone(),
            None => {
                sealed.split("\"previous\":\"").nth(1).and_then(|rest| rest.get(..64)).unwrap_or_default().to_owned()
            }
        };
        let computed = digest(&SHA256, format!("{previous}{sealed}").as_bytes());
        let computed = computed.as_ref().iter().fold(String::new(), |mut text, octet| {
            write!(text, "{octet:02x}").expect("a string takes everything");
            text
        });
        if computed != hash {
            continue;
        }
        before = Some((seq, hash.to_owned()));
        lines += 1;
    }
    assert_eq!(report.lines, lines);
    assert_eq!(report.last.map(|(link, _)| link.hash.to_string()), before.map(|(_, hash)| hash));
}
