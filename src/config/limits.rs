//! Every bound of the gateway, with its default and its reason. An operator may move those in `Limits`.

use std::time::Duration;

/// The bounds that the configuration's `limits:` may move. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line and header fields together.
    pub head_bytes_max: usize,
    /// Path and query; RFC 9112 §3 asks for at least 8,000.
    pub target_bytes_max: usize,
    /// A request body, where the route says nothing.
    pub body_bytes_max: u64,
    /// Open client connections, all workers together.
    pub connections_max: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Silence between requests on a connection.
    pub idle_timeout: Duration,
    /// Silence within a request or response body on the client's side.
    pub stall_timeout: Duration,
    /// From SIGTERM to the end, whatever is still in flight.
    pub drain_timeout: Duration,
    /// Verdicts kept, all workers together.
    pub verdicts_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 32 * 1024,
            target_bytes_max: 8 * 1024,
            body_bytes_max: 1024 * 1024,
            connections_max: 20_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            verdicts_max: 200_000,
        }
    }
}

/// Header fields of one message; more is an attack on the upstream's parser or on ours.
pub const HEADERS_MAX: usize = 100;
/// An access token; RFC 9068 tokens with rich claims stay below a third of it.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// A JWK set; a hundred RSA-4096 keys with certificates fit.
pub const JWKS_BYTES_MAX: usize = 512 * 1024;
/// Keys of one set; the rest is ignored and counted.
pub const JWKS_KEYS_MAX: usize = 100;
/// One fetch of a JWK set.
pub const JWKS_FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two fetches caused by an unknown `kid`: random ones cannot make us hammer the issuer.
pub const JWKS_REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// Between two tries while the issuer does not answer.
pub const JWKS_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// Clock difference that an operator may forgive; RFC 9068 issuers and we both keep time.
pub const LEEWAY_MAX: Duration = Duration::from_secs(60);
/// Nesting of claims; the deepest standard claim (`authorization_details`) needs six.
pub const CLAIMS_DEPTH_MAX: usize = 16;
/// Idle connections kept to one server by one worker.
pub const UPSTREAM_IDLE_MAX: usize = 512;
/// Connections to one server by one worker; one more request is answered 503.
pub const UPSTREAM_CONNECTIONS_MAX: usize = 4096;
/// A response head from an upstream.
pub const UPSTREAM_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Access-log lines of one worker are handed to the writer at this size, in bytes.
pub const LOG_BLOCK_BYTES: usize = 32 * 1024;
/// Blocks that may wait for the writer; further ones are dropped and counted.
pub const LOG_BLOCKS_MAX: usize = 64;
/// The configuration file, in bytes.
pub const CONFIG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Worker threads; more than any machine we know has CPUs.
pub const WORKERS_MAX: usize = 1024;
