//! What hops say of themselves: `Via`, `CDN-Loop`, and the fields behind a body.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use scopegate::gateway::forward::trailers;
use scopegate::gateway::http1::fields::Fields;
use scopegate::gateway::http1::framing::{Chunk, Chunks, Framing};
use scopegate::gateway::via;

/// We are found where the name stands as a hop's, by a second reading; where a line has no comment and no quote, exactly
/// there; and never where the name does not stand at all.
pub fn via(line: &[u8]) {
    let (passed, looped) = (via::passed(line, NAME), via::looped(line, NAME));
    let is_there = line.windows(NAME.len()).any(|window| window.eq_ignore_ascii_case(NAME));
    assert!(is_there || !(passed || looped));
    if line.iter().any(|byte| b"()\"\\".contains(byte)) {
        return;
    }
    let elements = || line.split(|byte| *byte == b',');
    let by = |element: &[u8]| {
        let words = element.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty());
        words.skip(1).take(1).any(|word| host(word).eq_ignore_ascii_case(NAME))
    };
    assert_eq!(passed, elements().any(by));
    let id = |element: &[u8]| {
        element.split(|byte| *byte == b';').next().is_some_and(|id| host(id.trim_ascii()).eq_ignore_ascii_case(NAME))
    };
    assert_eq!(looped, elements().any(id));
}

fn host(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b':').next().unwrap_or_default()
}

/// What passes stood there as a field, and says nothing that a head decides; kept or dropped, the body ends where it ends. The
/// first byte says where the network cuts.
pub fn trailers(data: &[u8]) {
    let Some((step, wire)) = data.split_first() else { return };
    let wire = [b"1\r\na\r\n0\r\n", wire].concat();
    let (kept, dropped) = (read(wire.chunks(usize::from(*step).max(1)), true), read(std::iter::once(&wire[..]), false));
    assert_eq!(kept.as_ref().map(|(_, rest)| rest), dropped.as_ref().map(|(_, rest)| rest));
    let Some((lines, _)) = kept else { return };
    let fields: Vec<(HeaderName, HeaderValue)> = lines
        .iter()
        .map(|line| {
            let end = line.iter().position(|byte| *byte == b':').expect("it was read as a field");
            let name = HeaderName::from_bytes(&line[..end]).expect("it was read as a field");
            (name, HeaderValue::from_bytes(line[end + 1..].trim_ascii()).expect("it was read as a field"))
        })
        .collect();
    for (name, value) in trailers::passing(&lines, &Fields::default()).iter().flatten() {
        assert!(fields.iter().any(|(known, said)| known == name && said == value));
        let text = name.as_str();
        assert!(
            text == "content-digest" || !(DECIDED.contains(&text) || KINDS.iter().any(|kind| text.starts_with(kind))),
            "{text}"
        );
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{text}");
    }
}

/// The lines that were kept, and what is behind the body; `None` where it has no end.
fn read<'w>(pieces: impl Iterator<Item = &'w [u8]>, keeps: bool) -> Option<(Vec<Bytes>, Vec<u8>)> {
    let (mut buffer, mut framing) = (BytesMut::new(), Framing::Chunked(Chunks::default()));
    if keeps {
        framing.keep_trailers();
    }
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while !matches!(framing.take(&mut buffer).ok()?, Chunk::Incomplete | Chunk::End) {}
    }
    framing.is_over().then(|| (framing.take_trailers(), buffer.to_vec()))
}

const NAME: &[u8] = b"gate";
const DECIDED: [&str; 6] =
    ["transfer-encoding", "connection", "upgrade", "authorization", "set-cookie", "cache-control"];
const KINDS: [&str; 5] = ["content-", "x-auth-", "x-forwarded-", "client-cert", "access-control-"];
