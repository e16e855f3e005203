//! The sockets of a gateway: bound, or inherited from whoever had them before, and dealt out to its workers.

use super::CannotServe;
use crate::net::inherit::Inherited;
use crate::net::listen;
use anyhow::Context as _;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Where it is reached, and the sockets, so that a successor can have them.
pub(super) struct Sockets {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) admin: SocketAddr,
    pub(super) all: Vec<TcpListener>,
}

impl Sockets {
    /// Copies of all of them, which keep them open.
    pub(super) fn of(listeners: &[Vec<TcpListener>], admin: &[Vec<TcpListener>]) -> anyhow::Result<Self> {
        let first = |of_address: &Vec<TcpListener>| of_address.first()?.local_addr().ok();
        let all = listeners.iter().chain(admin).flatten().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        let admin = admin.first().and_then(first).context("the admin listener has no address")?;
        Ok(Self { addresses: listeners.iter().filter_map(first).collect(), admin, all })
    }
}

/// So many sockets for each address as there are workers, if they are to be had.
pub(super) fn bind(
    addresses: &[SocketAddr],
    workers: usize,
    inherited: &mut Inherited,
) -> anyhow::Result<Vec<Vec<TcpListener>>> {
    let one = |address: &SocketAddr| {
        listen::complete(inherited.take(*address), *address, workers).map_err(|fault| {
            let hint = "is another process there? `ss -ltnp` shows which";
            CannotServe(format!("cannot listen on {address}: {fault}\n  hint: {hint}")).into()
        })
    };
    addresses.iter().map(one).collect()
}

/// From one list per address to one per worker. Where there are more sockets than workers, some have several: each is
/// accepted on, since the kernel spreads clients over all of them.
pub(super) fn deal(of_addresses: Vec<Vec<TcpListener>>, workers: usize) -> Vec<Vec<TcpListener>> {
    let mut of_workers: Vec<Vec<TcpListener>> = (0..workers).map(|_| Vec::new()).collect();
    for listeners in of_addresses {
        for (place, listener) in listeners.into_iter().enumerate() {
            if let Some(worker) = of_workers.get_mut(place % workers) {
                worker.push(listener);
            }
        }
    }
    of_workers
}
