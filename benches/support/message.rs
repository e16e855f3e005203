//! Where a message of HTTP/1.1 ends, for those who know what is sent to them.

/// The length of the message at the front, once all of it is there. No chunked body that is sent here has `0` alone on a line.
pub(crate) fn whole(received: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(received, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
    if text.contains("\r\ntransfer-encoding: chunked\r\n") {
        let end = b"\r\n0\r\n\r\n";
        return memchr::memmem::find(&received[head - 2..], end).map(|place| head - 2 + place + end.len());
    }
    let length = text.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    let length = head + length.map_or(0, |text| text.trim().parse().unwrap_or(0));
    (length <= received.len()).then_some(length)
}
