//! Applications that third parties registered.

use super::Store;
use crate::sandbox::redirect_uri::RedirectUri;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret::Digest;
use std::sync::Arc;
use std::time::Duration;

/// A registered application: an OAuth client.
#[derive(Debug)]
pub(in crate::sandbox) struct Application {
    /// Chosen by us, so that it cannot be mistaken for a customer's `sub` (RFC 9700 §4.15).
    pub(in crate::sandbox) client_id: String,
    /// As the developer wrote it: hostile until escaped.
    pub(in crate::sandbox) name: String,
    /// Likewise; may be empty.
    pub(in crate::sandbox) description: String,
    /// Where it runs.
    pub(in crate::sandbox) kind: Kind,
    /// Where customers are sent back to.
    pub(in crate::sandbox) redirect_uris: Vec<RedirectUri>,
    /// What it may ask for at most.
    pub(in crate::sandbox) scopes: Scopes,
    /// Of its secret; applications that cannot keep one have none.
    pub(in crate::sandbox) secret: Option<Digest>,
    /// How long its access tokens live.
    pub(in crate::sandbox) access_lifetime: Duration,
}

/// Where an application runs, which decides whether it can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Kind {
    /// On a server of the third party.
    Web,
    /// In the customer's browser.
    SinglePage,
    /// On the customer's device.
    Mobile,
}

/// There are as many applications as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Full;

impl Kind {
    /// Every kind, in the order in which pages list them.
    pub(in crate::sandbox) const ALL: [Self; 3] = [Self::Web, Self::SinglePage, Self::Mobile];

    /// Its value in forms.
    pub(in crate::sandbox) fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::SinglePage => "single-page",
            Self::Mobile => "mobile",
        }
    }

    /// Its name on pages.
    pub(in crate::sandbox) fn title(self) -> &'static str {
        match self {
            Self::Web => "Web server",
            Self::SinglePage => "Single-page",
            Self::Mobile => "Mobile or desktop",
        }
    }

    /// What follows from it, for developers.
    pub(in crate::sandbox) fn summary(self) -> &'static str {
        match self {
            Self::Web => "Runs on your server and keeps a client secret.",
            Self::SinglePage => "Runs in the browser. No secret; PKCE protects the code.",
            Self::Mobile => "Runs on the customer's device. No secret; PKCE protects the code.",
        }
    }

    /// Whether it gets a client secret.
    pub(in crate::sandbox) fn keeps_secret(self) -> bool {
        match self {
            Self::Web => true,
            Self::SinglePage | Self::Mobile => false,
        }
    }
}

impl Store {
    /// Adds an application. None leaves to make room: somebody's client id would stop working.
    pub(in crate::sandbox) fn add_application(&self, application: Application) -> Result<(), Full> {
        let mut tables = self.tables();
        if tables.applications.len() >= APPLICATIONS_MAX {
            return Err(Full);
        }
        tables.applications.push(Arc::new(application));
        Ok(())
    }

    /// The application with this client id.
    pub(in crate::sandbox) fn application(&self, client_id: &str) -> Option<Arc<Application>> {
        self.tables().applications.iter().find(|application| application.client_id == client_id).cloned()
    }

    /// Every application, newest first.
    pub(in crate::sandbox) fn applications(&self) -> Vec<Arc<Application>> {
        self.tables().applications.iter().rev().cloned().collect()
    }
}

/// More than a person adds by hand.
const APPLICATIONS_MAX: usize = 200;
