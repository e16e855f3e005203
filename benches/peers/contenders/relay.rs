//! The limit: a relay on one thread that reads and writes, and never parses. Every client has an upstream connection of
//! its own. It runs as a process of the benchmark's own program.

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;

/// How the benchmark starts itself as a relay.
pub(super) fn command(listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<Vec<PathBuf>> {
    let itself = std::env::current_exe()?;
    Ok(vec![itself, OPTION.into(), listen.to_string().into(), upstream.to_string().into()])
}

/// Relays until it is ended.
pub(crate) fn run(listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<()> {
    let (listener, epoll) = (TcpListener::bind(listen)?, epoll::create(epoll::CreateFlags::CLOEXEC)?);
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut ends: Vec<Option<End>> = Vec::new();
    let (mut events, mut piece) = (Vec::with_capacity(256), vec![0; 64 * 1024]);
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data;
            if data.u64() == LISTENER {
                accept(&listener, upstream, &epoll, &mut ends)?;
                continue;
            }
            let place = usize::try_from(data.u64())?;
            // Of the pair's other end, an event of the same wait may have ended it.
            if let Some(Some(end)) = ends.get(place)
                && end.pass_on(&mut piece).is_none()
            {
                ends[place] = None;
                ends[place ^ 1] = None;
            }
        }
    }
}

/// One end of a pair, at the places 2 n and 2 n + 1.
struct End {
    stream: Rc<TcpStream>,
    other: Rc<TcpStream>,
}

impl End {
    /// What has come, to the other end. `None` when it is over.
    fn pass_on(&self, piece: &mut [u8]) -> Option<()> {
        let count = (&*self.stream).read(piece).ok().filter(|count| *count > 0)?;
        (&*self.other).write_all(&piece[..count]).ok()
    }
}

/// Sockets stay blocking: they are read when something is there, and whoever is written to reads.
fn accept(
    listener: &TcpListener,
    upstream: SocketAddr,
    epoll: &rustix::fd::OwnedFd,
    ends: &mut Vec<Option<End>>,
) -> anyhow::Result<()> {
    let (client, upstream) = (Rc::new(listener.accept()?.0), Rc::new(TcpStream::connect(upstream)?));
    for (stream, other) in [(&client, &upstream), (&upstream, &client)] {
        stream.set_nodelay(true)?;
        let place = u64::try_from(ends.len())?;
        epoll::add(epoll, &**stream, epoll::EventData::new_u64(place), epoll::EventFlags::IN)?;
        ends.push(Some(End { stream: Rc::clone(stream), other: Rc::clone(other) }));
    }
    Ok(())
}

/// Asks the benchmark's program to be this.
const OPTION: &str = "--relay";
const LISTENER: u64 = u64::MAX;
