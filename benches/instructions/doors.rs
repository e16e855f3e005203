//! The gateways that are counted: everything on as in `peers`, and what each has beside it.

use crate::simulator::{Counted, Simulator};
use crate::support::configuration::{Configuration, Further};
use crate::support::issuer::Issuer;
use crate::support::upstream;
use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use tempfile::TempDir;

/// What a gateway has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Four routes, one issuer.
    Plain,
    /// 10,000 routes.
    Routes,
    /// 100 issuers.
    Issuers,
    /// TLS, and so HTTP/2.
    Tls,
}

/// A gateway that runs.
pub(crate) struct Door {
    pub(crate) gateway: Counted,
    pub(crate) address: SocketAddr,
    pub(crate) certificate: CertificateDer<'static>,
    /// Its files.
    _folder: TempDir,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Routes, Self::Issuers, Self::Tls];

    /// Routes beside the usual.
    const fn routes(self) -> usize {
        match self {
            Self::Routes => ROUTES,
            Self::Plain | Self::Issuers | Self::Tls => 0,
        }
    }

    /// What else it has beside the usual; its files are in `folder`.
    fn further(self, folder: &Path) -> Further<'_> {
        Further {
            tls: (self == Self::Tls).then_some(folder),
            issuers: if self == Self::Issuers { ISSUERS - 1 } else { 0 },
        }
    }
}

impl Door {
    /// Starts one, and waits until it listens.
    pub(crate) fn open(kind: Kind, (simulator, binary): (&Simulator, &Path), issuer: &Issuer) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let certified = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
        fs::write(path.join("tls.pem"), certified.cert.pem())?;
        fs::write(path.join("tls.key"), certified.signing_key.serialize_pem())?;
        fs::write(path.join("jwks.json"), issuer.key_set())?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let usual = Configuration {
            listen: address,
            upstream: upstream::start(BODY_BYTES),
            routes: kind.routes(),
            verdicts: 200_000,
            access_log: "access.log",
        };
        let file = path.join("scopegate.yaml");
        let mut text = usual.text_with(&kind.further(path));
        // For a scope that no token has.
        text.push_str("  - { path: /funds, methods: [GET], scopes: [fundsconfirmations], upstream: api }\n");
        fs::write(&file, text)?;
        let command = [binary.to_owned(), "serve".into(), "--config".into(), file];
        let mut gateway = simulator.start(&command, path)?;
        gateway.listens(address).context("scopegate under valgrind")?;
        Ok(Self { gateway, address, certificate: certified.cert.der().clone(), _folder: folder })
    }
}

/// Whom clients ask for.
pub(crate) const NAME: &str = "api.bank.example";
const BODY_BYTES: usize = 1024;
/// With the four that requests are for: 10,000.
const ROUTES: usize = 9_996;
const ISSUERS: usize = 100;
