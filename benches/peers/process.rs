//! Processes that the benchmark starts: found, pinned to a CPU, measured, and ended when they go out of scope.

use anyhow::bail;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process of ours. Dropped, it ends.
pub(crate) struct Process {
    child: Child,
    errors: PathBuf,
}

/// Which CPUs there are to pin to, and what to pin with.
pub(crate) struct Pins {
    taskset: Option<PathBuf>,
    cpus: Vec<usize>,
}

/// Where a process runs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// What is measured has a CPU for itself.
    Measured,
    /// The upstream and the load share the other.
    Beside,
}

impl Process {
    /// Starts `command`; what it says on standard error is kept in `folder`.
    pub(crate) fn start(command: &[PathBuf], place: Place, pins: &Pins, folder: &Path) -> io::Result<Self> {
        let errors = folder.join("errors.log");
        let pin = pins.prefix(place);
        let mut words = pin.iter().chain(command);
        let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
        let output = Stdio::from(File::create(&errors)?);
        let child =
            Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).spawn()?;
        Ok(Self { child, errors })
    }

    /// Waits until it listens on `address`; says what it said if it does not.
    pub(crate) fn listens(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let end = Instant::now() + START_TIMEOUT;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.child.try_wait() {
                bail!("it ended at once ({status}): {}", self.errors());
            }
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("it does not listen on {address}: {}", self.errors())
    }

    /// CPU time of all its threads, from the scheduler, in nanoseconds: a tick of `/proc/PID/stat` is a hundred requests
    /// long. `None` where the kernel does not tell.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let of_thread = |thread: io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        threads.map(of_thread).sum()
    }

    fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        self.child.kill().and_then(|()| self.child.wait().map(drop)).ok();
    }
}

impl Pins {
    /// Looks, and puts the calling process beside what is measured.
    pub(crate) fn find() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let pins = Self { taskset: find("taskset"), cpus: first_two(allowed.trim()) };
        if let [taskset, ..] = pins.prefix(Place::Beside).as_slice() {
            let cpu = pins.cpus[1].to_string();
            let me = std::process::id().to_string();
            Command::new(taskset).args(["-a", "-c", "-p", &cpu, &me]).stdout(Stdio::null()).status().ok();
        }
        pins
    }

    /// How things are placed, for the reader of the figures.
    pub(crate) fn describe(&self) -> String {
        match (&self.taskset, self.cpus.as_slice()) {
            (Some(_), [measured, beside, ..]) => {
                format!("the proxy alone on CPU {measured}, upstream and load on CPU {beside}")
            }
            (None, [_, _, ..]) => "nothing is pinned: taskset is missing (package util-linux)".to_owned(),
            (Some(_) | None, _) => "nothing is pinned: it takes two CPUs".to_owned(),
        }
    }

    fn prefix(&self, place: Place) -> Vec<PathBuf> {
        match (&self.taskset, self.cpus.as_slice()) {
            (Some(taskset), [measured, beside, ..]) => {
                let cpu = match place {
                    Place::Measured => measured,
                    Place::Beside => beside,
                };
                vec![taskset.clone(), "-c".into(), cpu.to_string().into()]
            }
            (Some(_) | None, _) => Vec::new(),
        }
    }
}

/// Of a list such as `0-2,5`, as `/proc/self/status` has it.
fn first_two(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some(low.parse().ok()?..=high.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().take(2).collect()
}

/// Looks where a shell would, and where distributions keep servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// An address that nobody listens on just now.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Share of the machine's time that the hypervisor gave to others, since it started, as (stolen, all) ticks.
pub(crate) fn stolen() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u64> =
        text.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().take(8).sum())
}

const START_TIMEOUT: Duration = Duration::from_secs(10);
