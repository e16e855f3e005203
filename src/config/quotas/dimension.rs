//! By what quotas count: what the calls that are counted together have in common.

use crate::config::fault::Problem;

/// What calls may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The client that the token was issued to.
    Client,
    /// The token's customer.
    Subject,
    /// The consent that the token was made under.
    Consent,
    /// The organisation in the client's certificate.
    Organisation,
    /// The route.
    Route,
    /// The path.
    Path,
    /// The network that the request came from.
    Network,
}

impl Dimension {
    /// Whether it is known of a request with a token only.
    pub(super) fn is_of_token(self) -> bool {
        match self {
            Self::Client | Self::Subject | Self::Consent => true,
            Self::Organisation | Self::Route | Self::Path | Self::Network => false,
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Dimension, Problem> {
    let found = DIMENSIONS.iter().find(|(name, _)| *name == text);
    found.map(|(_, dimension)| *dimension).ok_or_else(|| {
        Problem::new("is nothing to count by").did_you_mean(text, DIMENSIONS.iter().map(|(name, _)| *name))
    })
}

const DIMENSIONS: [(&str, Dimension); 7] = [
    ("client", Dimension::Client),
    ("subject", Dimension::Subject),
    ("consent", Dimension::Consent),
    ("organisation", Dimension::Organisation),
    ("route", Dimension::Route),
    ("path", Dimension::Path),
    ("network", Dimension::Network),
];
