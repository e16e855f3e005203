//! What rows are called, in tables and by who compares them.

pub(crate) const DIRECT: &str = "direct, no proxy";
pub(crate) const RELAY: &str = "the limit: a relay";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const HAPROXY: &str = "haproxy";
pub(crate) const HAPROXY_JWT: &str = "haproxy + jwt_verify";
pub(crate) const ENVOY: &str = "envoy jwt_authn, cache";
pub(crate) const GATE: &str = "scopegate";
pub(crate) const ONE_TOKEN: &str = "one token";
pub(crate) const THOUSAND: &str = "1,000 tokens";
pub(crate) const MILLION: &str = "1,000,000 tokens";
pub(crate) const RAW_ES256: &str = "verifying ES256";
pub(crate) const WARM_ES256: &str = "a known ES256 token";
pub(crate) const COLD_ES256: &str = "new ES256 tokens";
pub(crate) const RAW_RS256: &str = "verifying RS256";
pub(crate) const WARM_RS256: &str = "a known RS256 token";
pub(crate) const COLD_RS256: &str = "new RS256 tokens";
pub(crate) const FEW_ROUTES: &str = "one issuer, few routes";
pub(crate) const MANY_ROUTES: &str = "10,000 routes";
pub(crate) const MANY_ISSUERS: &str = "100 issuers";
