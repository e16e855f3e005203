//! Listening sockets that somebody else opened: the supervisor that started us (systemd's socket activation), or the
//! process that we take over from, which hands them over a socket of its own.
//!
//! They are told apart by their address, which the configuration names too: so it cannot happen that it says one thing and
//! the socket does another.

use listenfd::ListenFd;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Sockets that wait for their address to be asked for.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// What the supervisor passed (`LISTEN_FDS`, `sd_listen_fds(3)`). To be called while there is no other thread: it forgets
    /// the variables, so that no child of ours believes them.
    pub fn from_supervisor() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let count = passed.len();
        let take = |place| passed.take_tcp_listener(place).transpose();
        Self::of((0..count).filter_map(take).collect::<io::Result<_>>()?)
    }

    /// These.
    pub fn of(listeners: Vec<TcpListener>) -> io::Result<Self> {
        let known = listeners.into_iter().map(|listener| {
            if !SockRef::from(&listener).is_listener()? {
                return Err(io::Error::new(ErrorKind::InvalidInput, "a socket that was passed does not listen"));
            }
            listener.set_nonblocking(true)?;
            // A supervisor passes them so that every child of ours would have them too, and would hold them open.
            SockRef::from(&listener).set_cloexec(true)?;
            // What is accepted has it from its listener.
            SockRef::from(&listener).set_tcp_nodelay(true)?;
            Ok((listener.local_addr()?, listener))
        });
        Ok(Self(known.collect::<io::Result<_>>()?))
    }

    /// Those that listen on this very address.
    pub fn take(&mut self, address: SocketAddr) -> Vec<TcpListener> {
        self.0.extract_if(.., |(at, _)| *at == address).map(|(_, listener)| listener).collect()
    }

    /// The addresses that nobody has asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> = self.0.iter().map(|(address, _)| *address).collect();
        addresses.dedup();
        addresses
    }
}

/// Passes descriptors to whoever `receive`s at the other end. They stay open here too.
pub fn send(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let count = u32::try_from(descriptors.len()).map_err(io::Error::other)?;
    (&*stream).write_all(&count.to_be_bytes())?;
    for some in descriptors.chunks(AT_ONCE) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(some)) {
            return Err(io::Error::other("there is no room for the descriptors"));
        }
        // Descriptors travel with an octet, or not at all.
        sendmsg(stream, &[IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    }
    Ok(())
}

/// What the other end `send`s.
pub fn receive(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut count = [0; 4];
    (&*stream).read_exact(&mut count)?;
    let count = usize::try_from(u32::from_be_bytes(count)).map_err(io::Error::other)?;
    let mut descriptors = Vec::new();
    while descriptors.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut octet = [0];
        let message = recvmsg(stream, &mut [IoSliceMut::new(&mut octet)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if message.bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for passed in control.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = passed {
                descriptors.extend(some);
            }
        }
    }
    Ok(descriptors)
}

/// Linux passes 253 at most in one message.
const AT_ONCE: usize = 250;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[test]
    fn more_sockets_than_fit_into_a_message_arrive_and_each_is_found_by_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let mut all = vec![listener.as_fd(); AT_ONCE + 1];
        all.push(other.as_fd());
        send(&here, &all).unwrap();
        drop(here);
        let received: Vec<TcpListener> = receive(&there).unwrap().into_iter().map(TcpListener::from).collect();
        let mut inherited = Inherited::of(received).unwrap();
        assert_eq!(inherited.take(listener.local_addr().unwrap()).len(), AT_ONCE + 1);
        assert!(inherited.take(listener.local_addr().unwrap()).is_empty());
        assert_eq!(inherited.addresses(), [other.local_addr().unwrap()]);
        assert!(receive(&there).is_err(), "nothing more comes");
    }

    #[test]
    fn what_does_not_listen_is_no_listener() {
        let (here, _there) = UnixStream::pair().unwrap();
        assert!(Inherited::of(vec![TcpListener::from(OwnedFd::from(here))]).is_err());
    }
}
