//! The contender `HAProxy`, which looks at no token or verifies every one: it has no cache of verdicts.

use super::{Site, write};
use crate::load::stream::Transport;
use crate::support::issuer::ISSUER;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What it does beside forwarding.
#[derive(Clone, Copy)]
pub(super) enum Checks {
    Nothing,
    /// `jwt_verify` with RS256, issuer, expiry and scope.
    Tokens,
}

/// `None` also where its version cannot do what is asked of it.
pub(super) fn command(
    site: &Site<'_>,
    folder: &Path,
    listen: SocketAddr,
    checks: Checks,
) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let Some(haproxy) = site.tools.haproxy.clone() else {
        return Ok(None);
    };
    let (shared, upstream) = (site.folder.display(), site.upstream);
    let speaks = match site.transport {
        Transport::Plain => String::new(),
        Transport::Tls => format!("ssl crt {shared}/both.pem alpn http/1.1"),
        Transport::Http2 => format!("ssl crt {shared}/both.pem alpn h2,http/1.1"),
    };
    let checks = match checks {
        Checks::Nothing => String::new(),
        Checks::Tokens => rules(&site.folder),
    };
    let text = format!(
        "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
  http-reuse always
frontend door
  bind {listen} backlog 4096 {speaks}
{checks}  option forwardfor
  default_backend api
backend api
  server one {upstream} pool-max-conn 512
"
    );
    let file = write(folder, "haproxy.cfg", &text)?;
    let checked = Command::new(&haproxy).arg("-c").arg("-f").arg(&file).output()?;
    if !checked.status.success() {
        let why = String::from_utf8_lossy(&checked.stderr);
        let why = why.lines().find(|line| line.contains("ALERT")).unwrap_or_default();
        println!("not here: HAProxy that can do this (jwt_verify: 2.5 or later, with OpenSSL): {why}\n");
        return Ok(None);
    }
    Ok(Some(vec![haproxy, "-db".into(), "-f".into(), file]))
}

fn rules(shared: &Path) -> String {
    let key = shared.join("rsa.pub");
    format!(
        "  http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')
  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request set-var(txn.scope) http_auth_bearer,jwt_payload_query('$.scope')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,\"{}\") 1 }}
  http-request deny deny_status 401 unless {{ var(txn.iss) -m str {ISSUER} }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 403 unless {{ var(txn.scope) -m sub accounts }}
",
        key.display()
    )
}
