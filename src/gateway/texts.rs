//! Header fields that are the same for every request, made when the policy is.

use crate::config::Settings;
use http::{Version, header};

/// Header fields made once.
#[derive(Debug)]
pub struct Texts {
    /// Our name to other proxies.
    pub pseudonym: Box<str>,
    /// `Via` for HTTP/1.0, 1.1 and 2, as it stands in a request.
    via: [Box<[u8]>; 3],
}

impl Texts {
    /// The `Via` for a request of this version.
    pub fn via(&self, version: Version) -> &[u8] {
        let [old, usual, new] = &self.via;
        match version {
            Version::HTTP_10 => old,
            Version::HTTP_2 => new,
            _ => usual,
        }
    }

    /// Those of these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        // Config takes only tokens for a pseudonym.
        let via =
            |version: &str| format!("{}: {version} {}\r\n", header::VIA, settings.server.pseudonym).into_bytes().into();
        Self { pseudonym: settings.server.pseudonym.clone(), via: ["1.0", "1.1", "2.0"].map(via) }
    }
}
