//! Who takes part: how each is configured and started, and how it proves that it does its work. Every one forwards over
//! kept-alive connections with one worker, and gets the same requests with the same tokens.

mod envoy;
mod haproxy;
mod nginx;
pub(crate) mod relay;
mod scopegate;

pub(crate) use scopegate::Gate;

use super::load::stream::{self, Transport};
use super::load::{Habit, Load, Target};
use super::process::{self, Pins, Place, Process, Usage};
use super::support::issuer::Issuer;
use super::support::upstream;
use super::tools::Tools;
use super::verification;
use anyhow::{Context as _, bail};
use rcgen::CertifiedKey;
use rustls::pki_types::CertificateDer;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// One way from the load to the upstream.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    /// Straight to the upstream: what the load and the upstream cost by themselves.
    Direct,
    /// Reads and writes, and never parses: no proxy that uses sockets can do less.
    Relay,
    Nginx,
    Haproxy,
    /// Verifies signature, issuer, expiry and scope.
    HaproxyJwt,
    /// Likewise, with its cache of verified tokens.
    Envoy,
    Gate(Gate),
}

/// What all contenders of a scenario have in common: the upstream, the keys, and a folder for what they read.
pub(crate) struct Site<'a> {
    folder: PathBuf,
    tools: &'a Tools,
    transport: Transport,
    body_bytes: usize,
    upstream: SocketAddr,
    certificate: CertificateDer<'static>,
    /// nginx, or `None` where the benchmark answers by itself.
    upstream_process: Option<Process>,
}

/// Who can be started and measured.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    command: Option<Vec<PathBuf>>,
    checks_tokens: bool,
    folder: PathBuf,
}

impl<'a> Site<'a> {
    /// Writes what all read, and starts the upstream.
    pub(crate) fn prepare(
        folder: PathBuf,
        tools: &'a Tools,
        issuer: &Issuer,
        (transport, body_bytes): (Transport, usize),
        pins: &Pins,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([super::load::HOST.to_owned()])?;
        write(&folder, "tls.pem", &cert.pem())?;
        write(&folder, "tls.key", &signing_key.serialize_pem())?;
        write(&folder, "both.pem", &format!("{}{}", cert.pem(), signing_key.serialize_pem()))?;
        write(&folder, "jwks.json", &issuer.key_set())?;
        write(&folder, "rsa.pub", &verification::rsa_pem(issuer)?)?;
        let (upstream, upstream_process) = match &tools.nginx {
            Some(nginx) => {
                let (address, process) = nginx::start_upstream(nginx, &folder, body_bytes, pins)?;
                (address, Some(process))
            }
            None => (upstream::start(body_bytes), None),
        };
        Ok(Self { folder, tools, transport, body_bytes, upstream, certificate: cert.der().clone(), upstream_process })
    }

    /// What the upstream has used, where it is a process of its own.
    pub(crate) fn upstream_usage(&self) -> Usage {
        self.upstream_process.as_ref().map_or(Usage { cpu_us: Some(0.0), user_us: Some(0.0) }, Process::usage)
    }

    /// Writes its configuration. `None`: its program is not on this machine.
    pub(crate) fn contender(&self, name: &'static str, who: Who) -> anyhow::Result<Option<Contender>> {
        let folder = self.folder.join(name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        fs::create_dir_all(&folder)?;
        let listen = process::free_address()?;
        let command = match who {
            Who::Direct => None,
            Who::Relay => Some(relay::command(listen, self.upstream)?),
            Who::Nginx => nginx::command(self, &folder, listen)?,
            Who::Haproxy => haproxy::command(self, &folder, listen, haproxy::Checks::Nothing)?,
            Who::HaproxyJwt => haproxy::command(self, &folder, listen, haproxy::Checks::Tokens)?,
            Who::Envoy => envoy::command(self, &folder, listen)?,
            Who::Gate(gate) => Some(scopegate::command(self, &folder, listen, gate)?),
        };
        let is_direct = matches!(who, Who::Direct);
        if command.is_none() && !is_direct {
            return Ok(None);
        }
        let address = if is_direct { self.upstream } else { listen };
        let tls = stream::client(self.transport, &self.certificate)?;
        let target = Target { address, tls, body_bytes: self.body_bytes };
        let checks_tokens = matches!(who, Who::HaproxyJwt | Who::Envoy | Who::Gate(_));
        Ok(Some(Contender { name, target, command, checks_tokens, folder }))
    }
}

impl Contender {
    /// Starts it and lets it prove that it does its work: `token` gets the upstream's answer, and whoever checks tokens
    /// refuses none and a forged one. Nothing runs where there is no proxy.
    pub(crate) fn start(&self, token: &str, habit: Habit, pins: &Pins) -> anyhow::Result<Option<Process>> {
        // Of the round before: it would fill the disk.
        fs::remove_file(self.folder.join(scopegate::LOG)).ok();
        let mut process = match &self.command {
            None => None,
            Some(command) => Some(Process::start(command, Place::Measured, pins, &self.folder)?),
        };
        if let Some(process) = &mut process {
            process.listens(self.target.address)?;
        }
        self.proves_itself(token, habit)?;
        if let Some(process) = &process {
            process.settles();
        }
        Ok(process)
    }

    fn proves_itself(&self, token: &str, habit: Habit) -> anyhow::Result<()> {
        let single = match habit {
            Habit::Streams(_) => Habit::Streams(1),
            Habit::KeepAlive | Habit::Reconnect => habit,
        };
        let mut proof = Load::open(&self.target, 1, single)?;
        let answer = proof.ask(Some(token))?;
        if answer.status != 200 || answer.body_bytes != self.target.body_bytes {
            bail!("it does not pass the upstream's answer on: {answer:?}");
        }
        if !self.checks_tokens {
            return Ok(());
        }
        for (what, token) in [("no token", None), ("a forged one", Some(forged(token).as_str()))] {
            let answer = proof.ask(token)?;
            if answer.status != 401 {
                bail!("it answers {} to a request with {what}", answer.status);
            }
        }
        Ok(())
    }
}

/// With another signature of the same length.
pub(crate) fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at(8);
    let other: String = first.chars().map(|letter| if letter == 'A' { 'B' } else { 'A' }).collect();
    format!("{signed}.{other}{rest}")
}

fn write(folder: &Path, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, content).with_context(|| file.display().to_string())?;
    Ok(file)
}
