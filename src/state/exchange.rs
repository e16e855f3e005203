//! Two processes that serve side by side for a while, one taking over from the other: what either revokes is told to the
//! other before it is acknowledged.
//!
//! A message is a length in four octets and the journal's lines; the answer is one octet. Each direction has a stream of its
//! own, so that neither waits for an answer while it is asked.

use super::entries::{Digest, Entry};
use super::journal;
use crate::clock::Clock;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

/// The other process, as the one that is told.
#[derive(Debug)]
pub struct Peer(UnixStream);

/// What becomes of what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is in force, and where it survives.
    Taken = 1,
    /// It can be told again in a moment.
    NotYet,
    /// It cannot be.
    Refused,
}

impl Peer {
    /// At the other end somebody `hear`s.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Returns when the other has taken them over. One who does not answer is not asked again.
    pub(super) fn tell(&mut self, entries: &[(Digest, Entry)]) -> io::Result<()> {
        for some in entries.chunks(ENTRIES_MAX) {
            let text = journal::text(some.iter().map(|(digest, entry)| (digest, entry)));
            let start = Clock::System.instant();
            let answer = loop {
                match self.ask(&text) {
                    // It is about to open the file.
                    Ok(answer) if answer == Answer::NotYet as u8 && start.elapsed() < PATIENCE => thread::sleep(PAUSE),
                    Ok(answer) => break answer,
                    Err(fault) => {
                        self.0.shutdown(Shutdown::Both).ok();
                        return Err(fault);
                    }
                }
            };
            if answer != Answer::Taken as u8 {
                return Err(io::Error::new(ErrorKind::ResourceBusy, "the other process does not take it over"));
            }
        }
        Ok(())
    }

    fn ask(&mut self, text: &str) -> io::Result<u8> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        self.0.write_all(&[&length.to_be_bytes(), text.as_bytes()].concat())?;
        let mut answer = [0];
        self.0.read_exact(&mut answer)?;
        let [answer] = answer;
        Ok(answer)
    }
}

/// Hears what the other process has to tell until it is gone.
pub fn hear(mut stream: UnixStream, mut take: impl FnMut(&str) -> Answer) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        match stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(fault) if fault.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(fault) => return Err(fault),
        }
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
        if length > MESSAGE_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "a message is longer than any of ours"));
        }
        let mut text = vec![0; length];
        stream.read_exact(&mut text)?;
        let answer = std::str::from_utf8(&text).map_or(Answer::Refused, &mut take);
        stream.write_all(&[answer as u8])?;
    }
}

/// An entry is two lines at most, each of less than 110 octets.
const MESSAGE_BYTES_MAX: usize = ENTRIES_MAX * 220;
/// Of one message.
const ENTRIES_MAX: usize = 1000;
/// The other may wait for its disk meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_arrives_whole_and_what_cannot_be_taken_is_said() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut peer = Peer::new(here).unwrap();
        let heard = thread::spawn(move || {
            let mut heard = Vec::new();
            hear(there, |text| {
                heard.extend(journal::parse_all(text).unwrap());
                match heard.len() {
                    1 => Answer::NotYet,
                    3 => Answer::Refused,
                    _ => Answer::Taken,
                }
            })
            .unwrap();
            heard
        });
        let both =
            Entry::new(Some(i64::MIN + 1), i64::MAX).joined(Entry::new(None, i64::MAX), crate::clock::UnixSeconds(0));
        let many = vec![([9; 32], both); ENTRIES_MAX + 1];
        let one = [([1; 32], Entry::new(None, 7))];
        peer.tell(&one).expect("asked again");
        assert_eq!(peer.tell(&one).unwrap_err().kind(), ErrorKind::ResourceBusy);
        peer.tell(&many).unwrap();
        drop(peer);
        assert_eq!(heard.join().unwrap().len(), 3 + 2 * many.len());
    }

    #[test]
    fn who_is_gone_or_talks_nonsense_is_noticed() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        let mut peer = Peer::new(here).unwrap();
        peer.tell(&[([1; 32], Entry::new(None, 7))]).unwrap_err();
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert_eq!(hear(there, |_| Answer::Taken).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
