//! Tokens in Huffman code, which are unpacked before h2 reads them.

use scopegate::gateway::http2::strain::Strain;
use scopegate::gateway::http2::unpack::Unpacker;
use std::future::poll_fn;
use std::task::Poll;
use tokio::io::{AsyncWriteExt, ReadBuf};

/// h2 finds the same requests in the frames of a client, and the same fault, whether they went through the unpacker or not.
/// The first two bytes say in what pieces they come, and how much room there is for them.
pub fn unpack(data: &[u8]) {
    let [step, room, frames @ ..] = data else { return };
    let (mut unpacker, mut strain, mut unpacked) = (Unpacker::default(), Strain::new(), Vec::new());
    let came = [PREFACE, frames].concat();
    for piece in came.chunks(usize::from(*step) * 8 + 1) {
        let mut bytes = piece;
        loop {
            let mut space = vec![0; usize::from(*room) * 32 + 1];
            let mut out = ReadBuf::new(&mut space);
            if !unpacker.pass_rest(&mut out) {
                if bytes.is_empty() {
                    break;
                }
                let taken = unpacker.pass(bytes, strain.until_frame(), &mut out);
                strain.received(&bytes[..taken]);
                bytes = &bytes[taken..];
            }
            assert!(!out.filled().is_empty(), "to h2 that would be the end");
            unpacked.extend_from_slice(out.filled());
        }
    }
    assert_eq!(understood(&unpacked), understood(&came));
}

fn understood(bytes: &[u8]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(ROOM);
        client.write_all(bytes).await.expect("there is room");
        let mut found = Vec::new();
        let Ok(mut connection) = h2::server::handshake(server).await else { return found };
        // Until there is nothing more to read: at the end `h2` would forget what it has read.
        while let Poll::Ready(Some(next)) = poll_fn(|cx| Poll::Ready(connection.poll_accept(cx))).await {
            found.push(match &next {
                Ok((request, _)) => format!("{:?}", (request.method(), request.uri(), request.headers())),
                Err(fault) => format!("{fault:?}"),
            });
            // A fault would be said again and again.
            if next.is_err() {
                break;
            }
        }
        found
    })
}

const ROOM: usize = 1024 * 1024;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
