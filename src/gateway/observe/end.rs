//! How answers and tunnels end, as the log tells it.

/// How the answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every byte was handed to the connection.
    Complete,
    /// The client went away before that.
    ClientGone,
    /// The upstream broke off in the middle of its body.
    UpstreamBroke,
    /// Of a tunnel: nothing moved in it.
    Idle,
    /// Of a tunnel: what let the client in has ended.
    TokenEnded,
    /// Of a tunnel: it lasted as long as it may.
    TooLong,
}

impl End {
    const ALL: [Self; 6] =
        [Self::Complete, Self::ClientGone, Self::UpstreamBroke, Self::Idle, Self::TokenEnded, Self::TooLong];

    /// The end of which a log tells so.
    pub fn told(name: Option<&str>) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.name() == name)
    }

    /// As the log tells it; a whole answer is nothing to tell.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Complete => None,
            Self::ClientGone => Some("client_gone"),
            Self::UpstreamBroke => Some("upstream_broke"),
            Self::Idle => Some("idle"),
            Self::TokenEnded => Some("token_ended"),
            Self::TooLong => Some("too_long"),
        }
    }
}
