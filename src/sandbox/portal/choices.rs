//! What an application's settings are called, and what follows from each.

use crate::sandbox::store::{Authentication, Refresh, Sender, TokenFormat};

/// One of several, of which a form takes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Its word in the form.
    pub(super) word: &'static str,
    /// Its name.
    pub(super) title: &'static str,
    /// What follows from it.
    pub(super) summary: &'static str,
}

/// For applications on a server: others cannot prove who they are.
pub(super) fn authentications() -> Vec<Choice> {
    let offered = Authentication::ALL.iter().filter(|one| **one != Authentication::None);
    offered.map(|one| authentication(*one)).collect()
}

/// What access tokens may look like.
pub(super) fn token_formats() -> Vec<Choice> {
    TokenFormat::ALL.iter().map(|one| token_format(*one)).collect()
}

/// What tokens may be bound to.
pub(super) fn senders() -> Vec<Choice> {
    Sender::ALL.iter().map(|one| sender(*one)).collect()
}

/// What may become of a used refresh token.
pub(super) fn refreshes() -> Vec<Choice> {
    Refresh::ALL.iter().map(|one| refresh(*one)).collect()
}

/// How an application proves who it is.
pub(super) fn authentication(one: Authentication) -> Choice {
    let word = one.as_str();
    match one {
        Authentication::Secret => Choice { word, title: "Client secret", summary: "By Basic or in the form." },
        Authentication::PrivateKey => Choice {
            word,
            title: "Private key",
            summary: "It signs an assertion with its own key (private_key_jwt); we hold the public half.",
        },
        Authentication::None => {
            Choice { word, title: "None", summary: "It cannot keep a secret; PKCE protects codes." }
        }
    }
}

/// What an access token looks like.
pub(super) fn token_format(one: TokenFormat) -> Choice {
    let word = one.as_str();
    match one {
        TokenFormat::Jwt => Choice { word, title: "JWT", summary: "Signed claims, which the gateway checks itself." },
        TokenFormat::Opaque => {
            Choice { word, title: "Opaque", summary: "A random word, which the gateway asks us about." }
        }
    }
}

/// What tokens are bound to.
pub(super) fn sender(one: Sender) -> Choice {
    let word = one.as_str();
    match one {
        Sender::Bearer => Choice { word, title: "Nothing", summary: "Whoever bears a token may use it." },
        Sender::Dpop => Choice {
            word,
            title: "A key of the application",
            summary: "Each request carries a proof signed with it (DPoP). A stolen token is worthless.",
        },
        Sender::Certificate => Choice {
            word,
            title: "A client certificate",
            summary: "It is shown in the TLS handshake (mutual TLS). A stolen token is worthless.",
        },
    }
}

/// What becomes of a used refresh token.
pub(super) fn refresh(one: Refresh) -> Choice {
    let word = one.as_str();
    match one {
        Refresh::Rotate => Choice {
            word,
            title: "Each gives the next",
            summary: "A used one is worthless, and if it returns everything is revoked.",
        },
        Refresh::Keep => {
            Choice { word, title: "It stays", summary: "As FAPI 2.0 wants it of applications that prove who they are." }
        }
    }
}
