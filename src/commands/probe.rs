//! `scopegate probe`: asks a running gateway whether it is ready. For the health checks of images that have no curl.

use super::CannotServe;
use crate::net::fetch::{Bounds, Fetcher};
use crate::net::tls;
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Uri};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Writes what `url` answers. The answer is yes if it is 2xx; any other, and none in time, is no.
pub fn run(url: &Uri, ca_file: Option<&Path>, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    tls::install_provider();
    let fetcher = Fetcher::new(tls::client(authorities(url, ca_file)?.as_deref())?);
    let request = Request::get(url).body(Bytes::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (said, code) = match runtime.block_on(fetcher.send(request, BOUNDS)) {
        Ok(answer) if answer.status().is_success() => (text(answer.body()), ExitCode::SUCCESS),
        Ok(answer) => (format!("{}: {}", answer.status(), text(answer.body())), ExitCode::FAILURE),
        Err(fault) => (format!("{url}: {fault}"), ExitCode::FAILURE),
    };
    writeln!(output, "{said}")?;
    output.flush()?;
    Ok(code)
}

/// Whom to trust. In the clear nobody is asked for, and to read the system's roots would be the most of the work.
fn authorities(url: &Uri, ca_file: Option<&Path>) -> anyhow::Result<Option<Vec<CertificateDer<'static>>>> {
    let Some(path) = ca_file else {
        return Ok((url.scheme_str() == Some("http")).then(Vec::new));
    };
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let certificates = read().map_err(|fault| CannotServe(format!("{}: {fault}", path.display())))?;
    Some(certificates)
        .filter(|certificates| !certificates.is_empty())
        .map(Some)
        .context(CannotServe(format!("{}: there is no certificate in it", path.display())))
}

/// What was answered, as one line that a supervisor can show.
fn text(body: &[u8]) -> String {
    let lines = String::from_utf8_lossy(body);
    lines.lines().map(|line| line.replace(char::is_control, "?")).collect::<Vec<_>>().join("; ")
}

/// Supervisors ask every few seconds and have patience of their own, which ends later than ours.
const BOUNDS: Bounds = Bounds { total: Duration::from_secs(2), body_bytes_max: 64 * 1024 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;

    /// What is said of a server that answers so, and how it ends.
    fn probed(answer: &'static str) -> (String, ExitCode) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Uri = format!("http://{}/readyz", listener.local_addr().unwrap()).parse().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                stream.read_exact(&mut octet).unwrap();
                head.extend(octet);
            }
            assert!(head.starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let mut output = Vec::new();
        let code = run(&url, None, &mut output).unwrap();
        server.join().unwrap();
        (String::from_utf8(output).unwrap(), code)
    }

    #[test]
    fn ready_is_yes_and_everything_else_is_no_with_its_reason() {
        let ready = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n";
        assert_eq!(probed(ready), ("ready\n".to_owned(), ExitCode::SUCCESS));
        let cold = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 16\r\n\r\nissuer a\nissuer\t";
        assert_eq!(probed(cold), ("503 Service Unavailable: issuer a; issuer?\n".to_owned(), ExitCode::FAILURE));
        let elsewhere = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(probed(elsewhere).1, ExitCode::FAILURE);
        let (said, code) = probed("SSH-2.0-OpenSSH\r\n");
        assert_eq!(code, ExitCode::FAILURE);
        assert!(said.contains("no valid HTTP answer"), "{said}");
    }

    #[test]
    fn nobody_there_is_no_and_a_file_without_certificates_is_a_fault_of_the_caller() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut output = Vec::new();
        let code = run(&format!("http://{address}/").parse().unwrap(), None, &mut output).unwrap();
        assert_eq!(code, ExitCode::FAILURE);
        assert!(String::from_utf8_lossy(&output).contains("cannot connect"), "{output:?}");
        for file in ["Cargo.toml", "no/such/file.pem"] {
            let fault = run(&Uri::from_static("https://localhost"), Some(Path::new(file)), &mut output).unwrap_err();
            assert!(fault.downcast_ref::<CannotServe>().is_some(), "{fault:#}");
        }
    }
}
