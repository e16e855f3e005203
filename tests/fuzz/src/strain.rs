//! What the frames of an HTTP/2 client cost it.

use scopegate::config::bounds::HTTP2_CREDIT_MAX;
use scopegate::gateway::http2::strain::Strain;

/// However the network cuts a client's frames, they cost the same, and as much as they do when a second reader, which has all
/// of them before it, adds them up. The first byte says where they are cut.
pub fn strain(data: &[u8]) {
    let Some((step, frames)) = data.split_first() else { return };
    let of = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut strain = Strain::new();
        strain.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        pieces.for_each(|piece| strain.received(piece));
        (strain.is_too_much(), strain.is_within_head())
    };
    let whole = of(&mut std::iter::once(frames));
    assert_eq!(whole, of(&mut frames.chunks(usize::from(*step).max(1))));
    assert_eq!(whole, added_up(frames));
}

fn added_up(frames: &[u8]) -> (bool, bool) {
    let (mut credit, mut at, mut is_open) = (HTTP2_CREDIT_MAX, 0, false);
    while let Some([a, b, c, kind, flags, _, _, _, _]) = frames.get(at..at + 9) {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        credit = HTTP2_CREDIT_MAX.min(match kind {
            0 if length == 0 && flags % 2 == 0 => credit - 5,
            0 => credit,
            1 => credit + 2,
            3 | 4 => credit - 10,
            6 => credit - 5,
            _ => credit - 1,
        });
        if matches!(kind, 1 | 5 | 9) {
            is_open = flags & 4 == 0;
        }
        if at + 9 + length > frames.len() {
            return (credit < 0, is_open || *kind != 0);
        }
        at += 9 + length;
    }
    (credit < 0, is_open || at < frames.len())
}
