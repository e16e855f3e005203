//! Processes that the benchmark starts: found, pinned to a CPU, measured, and ended when they go out of scope.

use super::tools;
use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
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

/// CPU time of all threads of a process, in microseconds; `None` where the kernel does not tell.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu_us: Option<f64>,
    /// The part outside the kernel, in ticks: only sums over many seconds mean anything.
    pub(crate) user_us: Option<f64>,
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
            thread::sleep(Duration::from_millis(20));
        }
        bail!("it does not listen on {address}: {}", self.errors())
    }

    /// Waits until it has done what it does at its start: reading a hundred key sets is work too, and none of a request's.
    pub(crate) fn settles(&self) {
        for _ in 0..SETTLING_STEPS_MAX {
            let before = self.usage();
            thread::sleep(SETTLING_STEP);
            if self.usage().since(before).cpu_us.is_none_or(|us| us < SETTLED_US) {
                return;
            }
        }
    }

    /// What it has used until now.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }

    /// Memory in KiB, resident or swapped out: a kernel may take from a process what it has not touched for a while. `None`
    /// where it does not tell.
    pub(crate) fn resident_kib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kib = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
        };
        Some(kib("VmRSS:")? + kib("VmSwap:")?)
    }

    fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default().trim().to_owned()
    }
}

impl Usage {
    /// Of this process.
    pub(crate) fn mine() -> Self {
        Self::of(std::process::id())
    }

    fn of(process: u32) -> Self {
        Self { cpu_us: Self::scheduled_us(process), user_us: Self::user_us(process) }
    }

    /// From the scheduler, in nanoseconds: a tick of `stat` is a hundred requests long.
    fn scheduled_us(process: u32) -> Option<f64> {
        let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
        let of_thread = |thread: io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        };
        threads.map(of_thread).sum::<Option<f64>>().map(|ns| ns / 1000.0)
    }

    /// The 14th field; the second one may hold spaces, and ends with the last parenthesis.
    fn user_us(process: u32) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
        Some(ticks * 1e6 / TICKS_PER_SECOND)
    }

    /// What was used since an earlier look.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let difference = |now: Option<f64>, then: Option<f64>| Some(now? - then?);
        Self { cpu_us: difference(self.cpu_us, earlier.cpu_us), user_us: difference(self.user_us, earlier.user_us) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        self.child.kill().and_then(|()| self.child.wait().map(drop)).ok();
    }
}

impl Pins {
    /// Looks.
    pub(crate) fn find() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        Self { taskset: tools::find("taskset"), cpus: first_two(allowed.trim()) }
    }

    /// Puts this process beside what is measured.
    pub(crate) fn stand_beside(&self) {
        if let (Some(taskset), [_, beside, ..]) = (&self.taskset, self.cpus.as_slice()) {
            let (cpu, me) = (beside.to_string(), std::process::id().to_string());
            Command::new(taskset).args(["-a", "-c", "-p", &cpu, &me]).stdout(Stdio::null()).status().ok();
        }
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

/// An address that nobody listens on, below the ports that systems give to connections: else one of the load's could
/// have it when its contender is started again.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id();
    (0..PORTS)
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS)
        .filter_map(|place| u16::try_from(place).ok())
        .map(|place| SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + place)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no port is free")
}

/// Lets this process, and those that it starts, open as many files as they may.
pub(crate) fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    // What is too few will be said by whoever lacks it.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}

/// Share of the machine's time that the hypervisor gave to others, since it started, as (stolen, all) ticks.
pub(crate) fn stolen() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u64> =
        text.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().take(8).sum())
}

const FIRST_PORT: u16 = 15_000;
const PORTS: u32 = 17_000;
/// What `/proc` counts in, on every machine that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;
const SETTLING_STEP: Duration = Duration::from_millis(50);
const SETTLING_STEPS_MAX: usize = 100;
/// A hundredth of a CPU.
const SETTLED_US: f64 = 500.0;
const START_TIMEOUT: Duration = Duration::from_secs(10);
