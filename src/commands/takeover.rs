//! Takeover: a running gateway starts its successor, which gets its sockets and gets ready while this one serves; then it
//! hands over what one process only can have, and leaves. Where the successor fails, nothing has happened.
//!
//! ```text
//! predecessor                        successor
//!   starts it, passes the sockets ->   reads the configuration, makes everything, has its issuers' keys
//!                                 <- "prepared"
//!   lets no operators in, closes
//!   the file of revocations         -> "released"
//!                                      opens the file
//!                                 <- "serving", and lets everybody in
//!   drains                        <->  each tells the other what it revokes, until the predecessor has ended
//! ```
//!
//! The successor's standard input is the line to its predecessor. A signal starts it all, as operators know it from other
//! servers: it needs no listener, and who may send one is the system's to say.

use super::gateway::Gateway;
use super::legacy::Legacy;
use super::{CannotServe, life, parts};
use crate::clock::{Clock, UnixSeconds};
use crate::config::Settings;
use crate::config::bounds::{TAKEOVER_KEYS_MAX, TAKEOVER_PREPARE_MAX, TAKEOVER_SERVE_MAX};
use crate::net::inherit::{self, Inherited};
use crate::state::exchange::{self, Answer, Peer};
use crate::state::revocations::Revocations;
use anyhow::{Context as _, bail, ensure};
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The process that we take over from.
pub(super) struct Predecessor {
    line: UnixStream,
    /// On which it tells what it revokes.
    told: UnixStream,
}

impl Predecessor {
    /// The one that started this process, with its sockets, if it was started so.
    pub(super) fn find() -> anyhow::Result<Option<(Self, Inherited)>> {
        #[expect(clippy::disallowed_methods, reason = "it is our predecessor's word, and no setting")]
        let Ok(said) = std::env::var(VARIABLE) else { return Ok(None) };
        let (protocol, process) = said.split_once(' ').unwrap_or_default();
        // Somebody else's child has inherited the variable, and its standard input is its own.
        if process != std::os::unix::process::parent_id().to_string() {
            return Ok(None);
        }
        ensure!(
            protocol == PROTOCOL,
            "the predecessor hands over as no version does that this one knows: restart instead"
        );
        let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut descriptors = inherit::receive(&line).context("the predecessor's sockets did not come")?.into_iter();
        let told = descriptors.next().context("the predecessor passed nothing")?.into();
        let inherited = Inherited::of(descriptors.map(TcpListener::from).collect())?;
        Ok(Some((Self { line, told }, inherited)))
    }

    /// Gets ready, takes over, serves.
    pub(super) fn succeed(mut self, settings: Settings, inherited: &mut Inherited) -> anyhow::Result<Gateway> {
        let list = Arc::new(parts::revocations(&settings.revocations));
        hear("predecessor", self.told, Arc::clone(&list), Revocations::adopt)?;
        let gateway = Gateway::prepare(settings, Clock::System, Arc::clone(&list), inherited)?;
        wait_until_ready(&gateway)?;
        writeln!(self.line, "{PREPARED}")?;
        let released = read_line(&mut self.line)?;
        gateway.inherit(&read_legacy(&released).context("the predecessor talks nonsense")?)?;
        // The last word on this line. What is revoked here follows on it, so nobody is let in before who could revoke.
        writeln!(self.line, "{SERVING}")?;
        list.follow(Peer::new(self.line)?);
        gateway.open();
        Ok(gateway)
    }
}

/// Until it can answer: a successor without its issuers' keys would refuse what its predecessor accepts.
fn wait_until_ready(gateway: &Gateway) -> anyhow::Result<()> {
    let start = Clock::System.instant();
    loop {
        let missing = gateway.missing();
        if missing.is_empty() {
            return Ok(());
        }
        if start.elapsed() > TAKEOVER_KEYS_MAX {
            return Err(CannotServe(missing.concat().trim_end().to_owned()).into());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Passes a wish for a reload on to the process that serves now.
pub(super) fn tell_to_reload(process: u32) {
    let pid = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    let told = pid.ok_or(rustix::io::Errno::SRCH).and_then(|pid| rustix::process::kill_process(pid, Signal::HUP));
    if let Err(fault) = told {
        tracing::error!(%fault, process, "the successor could not be told to reload: send it SIGHUP");
    }
}

/// Starts a successor and hands over to it. Where that succeeds, the successor serves and `gateway` is to be drained. Where
/// it fails, or is dropped half done, the successor is gone, and `gateway` is to `take_back` what it let go.
pub(super) async fn run(gateway: &Gateway) -> anyhow::Result<u32> {
    // Its end would be the end of the container, and the successor's.
    ensure!(std::process::id() != 1, "process 1 cannot leave: start another container instead");
    let (line, its_line) = UnixStream::pair()?;
    let (tells, its_told) = UnixStream::pair()?;
    let mut successor = Successor::start(its_line)?;
    let mut descriptors = vec![its_told.as_fd()];
    descriptors.extend(gateway.sockets().iter().map(TcpListener::as_fd));
    inherit::send(&line, &descriptors).context("the sockets could not be passed")?;
    drop(its_told);
    line.set_nonblocking(true)?;
    let mut line = tokio::net::UnixStream::from_std(line)?;
    successor.says(PREPARED, &mut line, TAKEOVER_PREPARE_MAX).await?;

    let legacy = gateway.let_go(Peer::new(tells)?)?;
    life::handed_over(gateway.shared(), "begun");
    line.write_all(write_legacy(&legacy).as_bytes()).await?;
    successor.says(SERVING, &mut line, TAKEOVER_SERVE_MAX).await?;
    let line = line.into_std()?;
    line.set_nonblocking(false)?;
    hear("successor", line, Arc::clone(&gateway.shared().revocations), Revocations::learn)?;
    Ok(successor.leave_alone())
}

/// A process that is ended unless it came to serve.
struct Successor {
    child: Option<Child>,
}

impl Successor {
    /// By the name that we were started by: there may be another version now, which is what it is all for.
    fn start(line: UnixStream) -> anyhow::Result<Self> {
        let mut words = std::env::args_os();
        let program: OsString = words.next().context("our own name is not known")?;
        let child = Command::new(&program)
            .args(words)
            .env(VARIABLE, format!("{PROTOCOL} {}", std::process::id()))
            .stdin(Stdio::from(OwnedFd::from(line)))
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self { child: Some(child) })
    }

    /// Waits for the word.
    async fn says(&mut self, word: &str, line: &mut tokio::net::UnixStream, most: Duration) -> anyhow::Result<()> {
        let mut said = Vec::new();
        let read = async {
            while said.len() < LINE_BYTES_MAX {
                match line.read_u8().await {
                    Ok(b'\n') => return Ok(()),
                    Ok(octet) => said.push(octet),
                    Err(fault) => return Err(fault),
                }
            }
            Ok(())
        };
        match tokio::time::timeout(most, read).await {
            Ok(Ok(())) if said == word.as_bytes() => Ok(()),
            Ok(Ok(())) => bail!("the successor talks nonsense"),
            Ok(Err(_)) => bail!("the successor has ended before it was {word} ({}); what it said is above", self.end()),
            Err(_) => bail!("the successor was not {word} after {} s", most.as_secs()),
        }
    }

    /// It goes its own way from now on.
    fn leave_alone(mut self) -> u32 {
        self.child.take().map_or(0, |child| child.id())
    }

    fn end(&mut self) -> String {
        let Some(mut child) = self.child.take() else { return String::new() };
        // One that has ended already cannot be killed, and its end is there to be had.
        child.kill().ok();
        child.wait().map_or_else(|fault| fault.to_string(), |status| status.to_string())
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.end();
    }
}

/// Hears on a thread of its own what the other process revokes.
fn hear(
    name: &'static str,
    stream: UnixStream,
    list: Arc<Revocations>,
    take: fn(&Revocations, &str, UnixSeconds) -> Answer,
) -> io::Result<()> {
    let work = move || {
        if let Err(fault) = exchange::hear(stream, |text| take(&list, text, Clock::System.now())) {
            tracing::warn!(%fault, "the {name} cannot be heard any more");
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// One line: keys are JSON, which has none within.
fn write_legacy(Legacy { proofs_from, keys }: &Legacy) -> String {
    format!("{RELEASED} {} {keys}\n", proofs_from.0)
}

fn read_legacy(line: &str) -> Option<Legacy> {
    let (proofs_from, keys) = line.strip_prefix(RELEASED)?.strip_prefix(' ')?.split_once(' ')?;
    Some(Legacy { proofs_from: UnixSeconds(proofs_from.parse().ok()?), keys: keys.to_owned() })
}

fn read_line(line: &mut UnixStream) -> io::Result<String> {
    let mut said = Vec::new();
    let mut octet = [0];
    while said.len() < LINE_BYTES_MAX {
        line.read_exact(&mut octet)?;
        if octet == *b"\n" {
            break;
        }
        said.extend(octet);
    }
    String::from_utf8(said).map_err(io::Error::other)
}

/// In a successor's environment: the protocol that follows and the process that speaks it.
const VARIABLE: &str = "SCOPEGATE_PREDECESSOR";
/// Changes with what is said, so that two versions that do not understand each other say so.
const PROTOCOL: &str = "1";
const PREPARED: &str = "prepared";
const RELEASED: &str = "released";
const SERVING: &str = "serving";
/// A dozen public keys are a tenth of it.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Between two looks whether keys have come.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_a_successor_is_read_as_it_was_written() {
        for keys in ["", "{\"keys\":[{\"kid\":\"a b\"}]}"] {
            let legacy = Legacy { proofs_from: UnixSeconds(1_800_000_011), keys: keys.to_owned() };
            let line = write_legacy(&legacy);
            assert_eq!(read_legacy(line.strip_suffix('\n').unwrap()), Some(legacy));
        }
        for bad in ["", "released", "released 1", "released x {}", "released1 1 {}", "serving 1 {}"] {
            assert_eq!(read_legacy(bad), None, "{bad}");
        }
    }
}
