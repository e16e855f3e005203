//! Who takes part: how each is configured and started, and how to get those that are not here. Every one forwards over
//! kept-alive connections with one worker; scopegate alone checks tokens, writes a log and counts.

use super::load::Connection;
use super::process::{self, Pins, Place, Process};
use crate::support::configuration::Configuration;
use crate::support::issuer::Issuer;
use crate::support::upstream;
use anyhow::{Context as _, bail};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// One way from the load to the upstream.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    way: Way,
    folder: PathBuf,
}

enum Way {
    /// Straight to the upstream: what the load and the upstream cost by themselves.
    Direct,
    /// Through a proxy that looks at no token.
    Proxy(Vec<PathBuf>),
    /// Through scopegate.
    Gate(Vec<PathBuf>),
}

/// The upstream of all contenders, and what of the machine's could be found.
pub(crate) struct World {
    pub(crate) contenders: Vec<Contender>,
    pub(crate) missing: Vec<String>,
    /// nginx, or `None` where the benchmark answers by itself.
    _upstream: Option<Process>,
}

impl World {
    /// Writes every configuration into `folder` and starts the upstream.
    pub(crate) fn prepare(folder: &Path, issuer: &Issuer, routes: usize, pins: &Pins) -> anyhow::Result<Self> {
        let (nginx, haproxy) = (process::find("nginx"), process::find("haproxy"));
        let mut missing = Vec::new();
        if nginx.is_none() {
            missing.push("nginx (package nginx): no ratio, and the benchmark is the upstream itself".to_owned());
        }
        if haproxy.is_none() {
            missing.push("haproxy (package haproxy)".to_owned());
        }
        let (upstream, process) = start_upstream(folder, nginx.as_deref(), pins)?;
        let mut world = Self { contenders: Vec::new(), missing, _upstream: process };
        world.add("direct, no proxy", upstream, Way::Direct, folder);
        if let Some(nginx) = nginx {
            let address = process::free_address()?;
            let file = write(folder, "nginx.conf", &nginx_conf(folder, &nginx_proxy(address, upstream)))?;
            world.add("nginx", address, Way::Proxy(vec![nginx, "-c".into(), file]), folder);
        }
        if let Some(haproxy) = haproxy {
            let address = process::free_address()?;
            let file = write(folder, "haproxy.cfg", &haproxy_cfg(address, upstream))?;
            world.add("haproxy", address, Way::Proxy(vec![haproxy, "-db".into(), "-f".into(), file]), folder);
        }
        let address = process::free_address()?;
        write(folder, "jwks.json", &issuer.key_set())?;
        let log = folder.join("access.log").display().to_string();
        let gate = Configuration { listen: address, upstream, routes, verdicts: 200_000, access_log: &log };
        let file = write(folder, "scopegate.yaml", &gate.text())?;
        let command = vec![env!("CARGO_BIN_EXE_scopegate").into(), "serve".into(), "--config".into(), file];
        world.add("scopegate", address, Way::Gate(command), folder);
        Ok(world)
    }

    fn add(&mut self, name: &'static str, address: SocketAddr, way: Way, folder: &Path) {
        self.contenders.push(Contender { name, address, way, folder: folder.to_owned() });
    }
}

impl Contender {
    /// Starts it and lets it prove that it does its work: `request` is answered by the upstream, and scopegate refuses
    /// the same without its token. Nothing runs where there is no proxy.
    pub(crate) fn start(&self, request: &[u8], pins: &Pins) -> anyhow::Result<Option<Process>> {
        let name = self.name;
        let process = match &self.way {
            Way::Direct => None,
            Way::Proxy(command) | Way::Gate(command) => {
                let started = Process::start(command, Place::Measured, pins, &self.folder);
                let mut process = started.context(name)?;
                process.listens(self.address).context(name)?;
                Some(process)
            }
        };
        let mut proof = Connection::new(self.address)?;
        let answer = proof.ask(request).context(name)?;
        if !answer.starts_with(b"HTTP/1.1 200") || !answer.ends_with(&[b'x'; BODY_BYTES]) {
            bail!("{name} does not pass the upstream's answer on: {}", String::from_utf8_lossy(answer));
        }
        let bare = proof.ask(b"GET /accounts HTTP/1.1\r\nhost: api.bank.example\r\n\r\n")?;
        if matches!(self.way, Way::Gate(_)) && !bare.starts_with(b"HTTP/1.1 401") {
            bail!("{name} lets a request without a token in");
        }
        Ok(process)
    }
}

fn start_upstream(folder: &Path, nginx: Option<&Path>, pins: &Pins) -> anyhow::Result<(SocketAddr, Option<Process>)> {
    let Some(nginx) = nginx else {
        return Ok((upstream::start(BODY_BYTES), None));
    };
    let address = process::free_address()?;
    let body = "x".repeat(BODY_BYTES);
    let server = format!(
        "server {{ listen {address} backlog=4096; default_type application/json; location / {{ return 200 '{body}'; }} }}"
    );
    let own = folder.join("upstream");
    fs::create_dir(&own)?;
    let file = write(&own, "nginx.conf", &nginx_conf(&own, &server))?;
    let command = [nginx.to_owned(), "-c".into(), file];
    let mut process = Process::start(&command, Place::Beside, pins, &own)?;
    process.listens(address).context("nginx as the upstream")?;
    Ok((address, Some(process)))
}

/// One process, nothing outside `folder`, no connection closed before its time.
fn nginx_conf(folder: &Path, rest: &str) -> String {
    let folder = folder.display();
    format!(
        "worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {rest}
}}
"
    )
}

/// Without `Connection ""` and version 1.1 nginx would open a connection for every request.
fn nginx_proxy(listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "upstream api {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}"
    )
}

fn haproxy_cfg(listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
  http-reuse always
frontend door
  bind {listen} backlog 4096
  option forwardfor
  default_backend api
backend api
  server one {upstream} pool-max-conn 512
"
    )
}

fn write(folder: &Path, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, content).with_context(|| file.display().to_string())?;
    Ok(file)
}

const BODY_BYTES: usize = 1024;
