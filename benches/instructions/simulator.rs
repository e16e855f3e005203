//! valgrind: starts a program under its counter of instructions, and reads the counter while the program waits.

use anyhow::{Context as _, bail};
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The two programs of the package.
pub(crate) struct Simulator {
    valgrind: PathBuf,
    vgdb: PathBuf,
}

/// A program whose instructions are counted. Dropped, it ends.
pub(crate) struct Counted {
    child: Child,
    vgdb: PathBuf,
    folder: PathBuf,
    profiles: usize,
}

impl Simulator {
    pub(crate) fn find() -> Option<Self> {
        Some(Self { valgrind: program("valgrind")?, vgdb: program("vgdb")? })
    }

    /// Its version.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let output = Command::new(&self.valgrind).arg("--version").output()?.stdout;
        Ok(String::from_utf8(output)?.trim().trim_start_matches("valgrind-").to_owned())
    }

    /// What a program prints that sees the CPU which valgrind pretends to be.
    pub(crate) fn output(&self, command: &[&Path]) -> anyhow::Result<String> {
        let output = Command::new(&self.valgrind).args(["--tool=none", "--quiet"]).args(command).output()?;
        if !output.status.success() {
            bail!("valgrind ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Starts `command`; what it leaves is in `folder`.
    pub(crate) fn start(&self, command: &[PathBuf], folder: &Path) -> anyhow::Result<Counted> {
        let of_folder = |option: &str, name: &str| format!("{option}={}/{name}", folder.display());
        let child = Command::new(&self.valgrind)
            .args(["--tool=callgrind", "--quiet"])
            .args([of_folder("--callgrind-out-file", PROFILE), of_folder("--vgdb-prefix", VGDB)])
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join(ERRORS))?)
            .spawn()?;
        Ok(Counted { child, vgdb: self.vgdb.clone(), folder: folder.to_owned(), profiles: 0 })
    }
}

impl Counted {
    /// Waits until it listens on `address`; says what it said if it does not.
    pub(crate) fn listens(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let end = Instant::now() + TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > end {
                bail!("it does not listen: {}", fs::read_to_string(self.folder.join(ERRORS))?);
            }
            thread::sleep(STEP);
        }
        Ok(())
    }

    /// Begins at nought.
    pub(crate) fn reset(&self) -> anyhow::Result<()> {
        self.tell("zero")
    }

    /// What was counted since, and the profile that says where. Begins again.
    pub(crate) fn take(&mut self) -> anyhow::Result<(u64, PathBuf)> {
        self.tell("dump")?;
        self.profiles += 1;
        let profile = self.folder.join(format!("{PROFILE}.{}", self.profiles));
        let text = fs::read_to_string(&profile).with_context(|| profile.display().to_string())?;
        let summary = text.lines().find_map(|line| line.strip_prefix("summary: "));
        Ok((summary.context("a profile without a summary")?.trim().parse()?, profile))
    }

    fn tell(&self, what: &str) -> anyhow::Result<()> {
        self.wait_until_idle()?;
        let prefix = format!("--vgdb-prefix={}/{VGDB}", self.folder.display());
        let pid = format!("--pid={}", self.child.id());
        let output = Command::new(&self.vgdb).args([&prefix, &pid, what]).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("vgdb could not {what}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// The line of the last request is written when its answer has left; and what a start has set going goes on for a while.
    fn wait_until_idle(&self) -> anyhow::Result<()> {
        let end = Instant::now() + TIMEOUT;
        let mut before = 0;
        while Instant::now() < end {
            let now = self.cpu_ns().context("the kernel does not tell CPU time")?;
            if now - before < IDLE_NS_MAX {
                return Ok(());
            }
            before = now;
            thread::sleep(STEP);
        }
        bail!("the gateway is busy though nobody asks it")
    }

    /// CPU time of all its threads, in nanoseconds.
    fn cpu_ns(&self) -> Option<u64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let of_thread = |thread: io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        threads.map(of_thread).sum()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        self.child.kill().and_then(|()| self.child.wait().map(drop)).ok();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The profiles' name, without their number.
const PROFILE: &str = "callgrind";
const VGDB: &str = "vgdb";
const ERRORS: &str = "errors.log";
const TIMEOUT: Duration = Duration::from_mins(1);
/// In each step a tenth of a CPU, which is more than valgrind itself takes for the clocks of an idle program.
const STEP: Duration = Duration::from_millis(50);
const IDLE_NS_MAX: u64 = 5_000_000;
