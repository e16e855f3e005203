//! Tells the supervisor how we are (`sd_notify(3)`). Without one there is nobody to tell.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// How we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// We serve.
    Ready,
    /// Configuration or process are about to change; `Ready` follows in any case.
    Reloading,
    /// We end.
    Stopping,
    /// The process with this id serves in our place.
    Succeeded(u32),
}

/// Tells it to whoever `NOTIFY_SOCKET` names.
pub fn tell(state: State) {
    #[expect(clippy::disallowed_methods, reason = "it is the supervisor's word, and no setting")]
    let Ok(name) = std::env::var("NOTIFY_SOCKET") else { return };
    if let Err(fault) = send(&name, state) {
        tracing::warn!(%fault, ?state, "the supervisor cannot be told");
    }
}

fn send(name: &str, state: State) -> std::io::Result<()> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let text = match state {
        State::Ready => "READY=1".to_owned(),
        State::Reloading => "RELOADING=1".to_owned(),
        State::Stopping => "STOPPING=1".to_owned(),
        State::Succeeded(pid) => format!("MAINPID={pid}\nREADY=1"),
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supervisor_is_told_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("scopegate-test-{}", std::process::id());
        for (name, listener) in [
            (path.display().to_string(), UnixDatagram::bind(&path).unwrap()),
            (
                format!("@{abstract_name}"),
                UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap(),
            ),
        ] {
            for (state, text) in [
                (State::Ready, "READY=1"),
                (State::Reloading, "RELOADING=1"),
                (State::Succeeded(7), "MAINPID=7\nREADY=1"),
                (State::Stopping, "STOPPING=1"),
            ] {
                send(&name, state).unwrap();
                let mut heard = [0; 64];
                let length = listener.recv(&mut heard).unwrap();
                assert_eq!(String::from_utf8_lossy(&heard[..length]), text);
            }
        }
        assert!(send("/no/such/socket", State::Ready).is_err());
    }
}
