//! `scopegate check FILE`: says exactly what `serve` would, and starts nothing.

use super::{concerns, counted, gateway};
use crate::clock::Clock;
use crate::config;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Writes what a good configuration holds; a bad one is the error, with all its faults.
pub fn run(config: &Path, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let settings = config::load(config)?;
    gateway::rehearse(&settings)?;
    writeln!(
        output,
        "config OK: {}, {}, {}",
        counted(settings.routes.len(), "route"),
        counted(settings.issuers.len(), "issuer"),
        counted(settings.upstreams.len(), "upstream"),
    )?;
    for (index, api) in settings.apis.iter().enumerate() {
        let routes =
            settings.routes.iter().filter(|route| route.origin.as_ref().is_some_and(|origin| origin.api == index));
        let excluded = match api.excluded.len() {
            0 => String::new(),
            count => format!(", {} left out", counted(count, "operation")),
        };
        writeln!(output, "{}: {}{excluded}", api.document.display(), counted(routes.count(), "route"))?;
    }
    let now = Clock::System.now();
    for concern in concerns::of(&settings, now) {
        writeln!(output, "warning: {concern}")?;
    }
    writeln!(output, "see what it lets through: scopegate routes {}", config.display())?;
    writeln!(output, "start it:                 scopegate serve --config {}", config.display())?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_good() {
        let mut output = Vec::new();
        let code = run(Path::new("config/scopegate.yaml"), &mut output).unwrap();
        assert_eq!(code, ExitCode::SUCCESS);
        let text = String::from_utf8(output).unwrap();
        assert!(text.starts_with("config OK: 8 routes, 1 issuer, 2 upstreams\n"), "{text}");
    }

    #[test]
    fn routes_that_no_customer_passes_are_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.yaml");
        let said = |claims: &str| {
            let text = format!(
                "server: {{ listen: 127.0.0.1:0 }}
issuers: [{{ name: bank, issuer: 'https://a.example', audiences: [a], algorithms: [ES256], jwks: {{ uri: 'https://a.example/j' }}{claims} }}]
upstreams: [{{ name: a, servers: ['http://127.0.0.1:9001'] }}]
routes:
  - {{ path: /a, methods: [GET], scopes: [a], grants: [authorization_code], upstream: a }}
  - {{ path: /b, methods: [GET], scopes: [a], grants: [client_credentials], upstream: a }}
"
            );
            std::fs::write(&path, text).unwrap();
            let mut output = Vec::new();
            run(&path, &mut output).unwrap();
            String::from_utf8(output).unwrap()
        };
        let told = said("");
        assert!(told.contains("warning: /a asks for authorization_code"), "{told}");
        assert!(told.contains("issuer bank") && told.contains("claims.grant"), "{told}");
        assert!(!said(", claims: { grant: gty }").contains("warning"));
    }

    #[test]
    fn a_bad_configuration_is_an_error_and_says_nothing_on_standard_output() {
        let mut output = Vec::new();
        assert!(run(Path::new("tests/fixtures/config/five-faults.yaml"), &mut output).is_err());
        assert!(output.is_empty());
    }
}
