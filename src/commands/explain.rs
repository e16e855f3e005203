//! `scopegate explain FILE METHOD PATH`: what would become of a request, and why, by this configuration. No gateway need
//! run: keys come from where the gateway would get them, unless `--offline` forbids it.

use super::{BadUse, control, parts};
use crate::cli::Explain;
use crate::clock::{Clock, UnixSeconds};
use crate::config::key_source::KeySource;
use crate::config::{self, Settings};
use crate::gateway::explain::case::{Asked, Case};
use crate::gateway::explain::trail::Network;
use crate::gateway::explain::{self, Decision, Explanation};
use crate::gateway::observe::metrics::Metrics;
use crate::gateway::policy::{Parts, Policy};
use crate::gateway::verify::Issuer;
use crate::gateway::verify::key_source::FetchPlan;
use crate::net::fetch::Fetcher;
use crate::net::{thread, tls};
use crate::state::revocations::Revocations;
use anyhow::Context as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Says it; the exit code is 0 where the request would be let through, 1 where not.
pub fn run(wish: &Explain, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let settings = config::load(&wish.config)?;
    let now = wish.at.as_deref().map(time).transpose()?.unwrap_or_else(|| Clock::System.now());
    let case = case(wish)?;
    let network = if wish.offline { Network::Forbidden } else { Network::Allowed };
    tls::install_provider();
    let (policy, mut notes) = policy(&settings, now)?;
    let mut explanation = thread::here(decide(&policy, &case, (now, network)))?;
    explanation.notes.append(&mut notes);
    if wish.json {
        // serde_json would hide a closed pipe inside its own error.
        let text = serde_json::to_string_pretty(&explanation)?;
        writeln!(output, "{text}")?;
    } else {
        write!(output, "{explanation}")?;
    }
    output.flush()?;
    Ok(match explanation.decision {
        Decision::LetThrough | Decision::Answered => ExitCode::SUCCESS,
        Decision::Refused | Decision::Undecided => ExitCode::from(REFUSED),
    })
}

/// What can be decided by what is here; where that is not enough, whom the tokens name is asked.
async fn decide(policy: &Policy, case: &Case, (now, network): (UnixSeconds, Network)) -> Explanation {
    let first = explain::explain(policy, case.clone(), (now, Network::Forbidden)).await;
    if network == Network::Forbidden || first.decision != Decision::Undecided {
        return first;
    }
    let issuers = policy.verifier.issuers();
    let named = |issuer: &&Arc<Issuer>| {
        first.tokens.iter().any(|label| label.issuer.as_deref() == Some(&*issuer.settings.name))
    };
    let mut notes = Vec::new();
    for issuer in issuers.iter().filter(named) {
        if let Err(fault) = fetch(issuer).await {
            notes.push(format!("the keys of {} could not be fetched: {fault:#}", issuer.settings.name));
        }
    }
    for issuer in issuers {
        control::ask(issuer, &Clock::System);
        control::watch(issuer, &Clock::System);
    }
    let mut explanation = explain::explain(policy, case.clone(), (now, Network::Allowed)).await;
    explanation.notes.append(&mut notes);
    explanation
}

/// Once, within the time that the gateway gives it.
async fn fetch(issuer: &Issuer) -> anyhow::Result<()> {
    let Some(fetching) = issuer.settings.keys.fetching() else { return Ok(()) };
    let client = tls::client(fetching.authorities.as_deref())?;
    if let Some(plan) = FetchPlan::new(&issuer.settings, Fetcher::new(client)) {
        issuer.keys.fetch(&plan, &Clock::System).await.with_context(|| place(&issuer.settings.keys))?;
    }
    Ok(())
}

fn place(keys: &KeySource) -> String {
    match keys {
        KeySource::Uri(uri, _) => uri.to_string(),
        KeySource::Discovered(..) => "by the issuer's metadata".to_owned(),
        KeySource::File(_) | KeySource::None => String::new(),
    }
}

/// What a gateway with these settings decides by, and what of it only a running one knows.
fn policy(settings: &Settings, now: UnixSeconds) -> anyhow::Result<(Policy, Vec<String>)> {
    let mut notes = vec![ASK_LIVE.to_owned()];
    let config::revocations::Revocations { file, entries_max, keep } = &settings.revocations;
    let revocations = match file.as_deref().map(|file| Revocations::as_written(file, *entries_max, *keep, now)) {
        None => Revocations::new(*entries_max, *keep),
        Some(Ok(list)) => list,
        Some(Err(fault)) => {
            notes.push(format!("the file of revocations was not looked at: {fault}"));
            Revocations::new(*entries_max, *keep)
        }
    };
    let (verifier, read) = parts::verifier(settings, None, (&Arc::new(revocations), &Clock::System))?;
    read.take_over(Clock::System.instant());
    let parts = Parts {
        verifier,
        // No proof is of another process's time: nonces are the running gateway's.
        senders: parts::senders(settings, None, UnixSeconds(i64::MIN)),
        keys: None,
        endpoints: Vec::new(),
        quotas: Vec::new(),
        tracing: None,
    };
    Ok((Policy::compile(settings, 1, parts, &Metrics::new(1)), notes))
}

fn case(wish: &Explain) -> anyhow::Result<Case> {
    let token = wish.token_file.as_deref().map(token).transpose()?;
    let certificate = wish.certificate.as_deref().map(|path| bytes("--certificate", path)).transpose()?;
    let header = |line: &String| match line.split_once(':') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(BadUse("--header: write `Name: value`".to_owned())),
    };
    let headers: Vec<_> = wish.header.iter().map(header).collect::<Result<_, _>>()?;
    let asked = Asked {
        method: &wish.method,
        path: &wish.path,
        host: wish.host.as_deref(),
        headers: headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        token: token.as_deref(),
        certificate: certificate.as_deref(),
    };
    Ok(Case::new(&asked).map_err(|why| BadUse(why.to_string()))?)
}

/// Without what an editor or `echo` puts behind it.
fn token(path: &Path) -> anyhow::Result<Vec<u8>> {
    let octets = if path == Path::new("-") {
        octets(&mut io::stdin().lock()).map_err(|fault| BadUse(format!("--token-file: {fault}")))?
    } else {
        bytes("--token-file", path)?
    };
    match octets.trim_ascii() {
        [] => Err(BadUse("--token-file: there is no token in it".to_owned()).into()),
        token => Ok(token.to_vec()),
    }
}

fn bytes(option: &str, path: &Path) -> Result<Vec<u8>, BadUse> {
    let read = File::open(path).and_then(|mut file| octets(&mut file));
    read.map_err(|fault| BadUse(format!("{option} {}: {fault}", path.display())))
}

fn octets(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > INPUT_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long"));
    }
    Ok(octets)
}

/// Seconds since 1970, or RFC 3339 in UTC to the second.
fn time(text: &str) -> anyhow::Result<UnixSeconds> {
    let bad = || BadUse("--at: write 2026-11-26T03:00:00Z, or seconds since 1970".to_owned());
    if let Ok(seconds) = text.parse() {
        return Ok(UnixSeconds(seconds));
    }
    let form = text.bytes().map(|octet| if octet.is_ascii_digit() { b'0' } else { octet });
    if !form.eq(*b"0000-00-00T00:00:00Z") {
        return Err(bad().into());
    }
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<i64>().ok()).unwrap_or(0);
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    if !(1970..).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return Err(bad().into());
    }
    Ok(UnixSeconds(UnixSeconds::of_date((year, month, day)).0 + hour * 3600 + minute * 60 + second))
}

/// A token or a certificate; more is a mistake.
const INPUT_BYTES_MAX: u64 = 64 * 1024;
/// The gateway says no.
const REFUSED: u8 = 1;
const ASK_LIVE: &str = "by the configuration alone; what a running gateway remembers (revocations without a file, used \
                        proofs, nonces) is known to POST /explain on its admin listener";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds) in [
            ("1795435404", 1_795_435_404),
            ("2026-11-23T12:03:24Z", 1_795_435_404),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
        ] {
            assert_eq!(time(text).unwrap().0, seconds, "{text}");
        }
        for bad in ["", "now", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T12:03:24", "2026-11-23 12:03:24Z"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
