//! nginx, as the upstream of all and as a contender that looks at no token.

use super::{Site, write};
use crate::load::stream::Transport;
use crate::process::{self, Pins, Place, Process};
use anyhow::Context as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Answers every request with a body of this size.
pub(super) fn start_upstream(
    nginx: &Path,
    folder: &Path,
    body_bytes: usize,
    pins: &Pins,
) -> anyhow::Result<(SocketAddr, Process)> {
    let (own, address) = (folder.join("upstream"), process::free_address()?);
    fs::create_dir_all(&own)?;
    let body = "x".repeat(body_bytes);
    let answer = if body_bytes > LITERAL_BYTES_MAX {
        write(&own, "body.json", &body)?;
        format!("root {}; sendfile on; try_files /body.json =404;", own.display())
    } else {
        format!("return 200 '{body}';")
    };
    let server =
        format!("server {{ listen {address} backlog=4096; default_type application/json; location / {{ {answer} }} }}");
    let file = write(&own, "nginx.conf", &configuration(&own, &server))?;
    let command = [nginx.to_owned(), "-c".into(), file];
    let mut process = Process::start(&command, Place::Beside, pins, &own)?;
    process.listens(address).context("nginx as the upstream")?;
    Ok((address, process))
}

pub(super) fn command(site: &Site<'_>, folder: &Path, listen: SocketAddr) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let Some(nginx) = site.tools.nginx.clone() else {
        return Ok(None);
    };
    let file = write(folder, "nginx.conf", &configuration(folder, &proxy(site, listen)))?;
    Ok(Some(vec![nginx, "-c".into(), file]))
}

/// One process, nothing outside `folder`, no connection closed before its time.
fn configuration(folder: &Path, rest: &str) -> String {
    let folder = folder.display();
    format!(
        "worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {rest}
}}
"
    )
}

/// Without `Connection ""` and version 1.1 nginx would open a connection for every request; with its usual buffers it
/// would put large bodies on the disk.
fn proxy(site: &Site<'_>, listen: SocketAddr) -> String {
    let (upstream, shared) = (site.upstream, site.folder.display());
    let (speaks, certificate) = match site.transport {
        Transport::Plain => ("", String::new()),
        Transport::Tls => ("ssl", format!("ssl_certificate {shared}/tls.pem; ssl_certificate_key {shared}/tls.key;")),
        Transport::Http2 => {
            ("ssl http2", format!("ssl_certificate {shared}/tls.pem; ssl_certificate_key {shared}/tls.key;"))
        }
    };
    let buffers = if site.body_bytes > LITERAL_BYTES_MAX {
        "proxy_buffers 64 32k; proxy_buffer_size 32k; proxy_busy_buffers_size 256k; proxy_max_temp_file_size 0;"
    } else {
        ""
    };
    format!(
        "upstream api {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {listen} backlog=4096 {speaks}; ssl_protocols TLSv1.2 TLSv1.3; {certificate}
    location / {{
      proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; {buffers}
    }}
  }}"
    )
}

/// What a configuration may hold as text; beyond it is a file.
const LITERAL_BYTES_MAX: usize = 2048;
