//! Header values that are the same for every request, made when the policy is.

use crate::config::Settings;
use http::{HeaderValue, Version};

/// Header values made once.
#[derive(Debug)]
pub struct Texts {
    /// Our name to other proxies.
    pub pseudonym: Box<str>,
    /// `Via` for HTTP/1.0, 1.1 and 2.
    via: [HeaderValue; 3],
}

impl Texts {
    /// The `Via` for a request of this version.
    pub fn via(&self, version: Version) -> &HeaderValue {
        let [old, usual, new] = &self.via;
        match version {
            Version::HTTP_10 => old,
            Version::HTTP_2 => new,
            _ => usual,
        }
    }

    /// Those of these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        let via = |version: &str| {
            HeaderValue::from_str(&format!("{version} {}", settings.server.pseudonym))
                .expect("config takes only tokens")
        };
        Self { pseudonym: settings.server.pseudonym.clone(), via: ["1.0", "1.1", "2.0"].map(via) }
    }
}
