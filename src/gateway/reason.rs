//! Why requests are refused, and what that means on the wire: status, OAuth code and text side by side, here and
//! nowhere else (the error table of RFC 6750, RFC 9449, RFC 9110 §15, RFC 9457).

use crate::oauth::challenge::ErrorCode;
use http::StatusCode;

/// Why a request was refused. The name is a metric label and a log field: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    // --- the request
    /// The head breaks HTTP: framing, field syntax, a bad transfer coding.
    HeadMalformed,
    /// No `Host`, several, an invalid one, or one that contradicts the request target.
    HostConflict,
    /// A host that the certificate of this connection is not for.
    Misdirected,
    /// A path that another server could read as another path.
    PathAmbiguous,
    /// Path and query are longer than allowed.
    TargetTooLong,
    /// The header section is larger than allowed.
    HeadTooLarge,
    /// The body is larger than the route allows.
    BodyTooLarge,
    /// The client stopped sending its body.
    BodyLate,
    /// An `Expect` other than `100-continue`.
    ExpectationUnknown,
    /// It came through this gateway before.
    Looped,
    /// A proxy of ours says that its client has several certificates, or one that cannot be read.
    CertificateMalformed,
    /// No route has this host and path.
    RouteUnknown,
    /// The route does not have this method.
    MethodUnknown,

    // --- the credentials
    /// No bearer token.
    TokenMissing,
    /// More than one token, or more than one way of sending it.
    TokenTwice,
    /// A token in the query: URLs end up in logs.
    TokenInQuery,
    /// The Bearer scheme without exactly one well-formed token.
    TokenMalformed,
    /// The client's own token came without the customer's.
    CustomerTokenMissing,

    // --- the token
    /// Not a signed JWT: segments, base64url, JSON, duplicate members.
    TokenUnreadable,
    /// An algorithm that this issuer may not use.
    AlgorithmRefused,
    /// Not an access token by its `typ`.
    TypeWrong,
    /// A critical extension that is not understood.
    ExtensionCritical,
    /// No configured issuer, or one that this route does not accept.
    IssuerUnknown,
    /// The issuer has no such key.
    KeyUnknown,
    /// The signature does not verify.
    SignatureWrong,
    /// A required claim is absent.
    ClaimMissing,
    /// A claim has the wrong type or an impossible value.
    ClaimInvalid,
    /// Meant for another resource server.
    AudienceWrong,
    /// Past its `exp`.
    TokenExpired,
    /// Before its `nbf`, or issued in the future.
    TokenEarly,
    /// The issuer says that it is expired, revoked or unknown.
    TokenInactive,
    /// On the deny-list.
    TokenRevoked,
    /// Its status list says that it was revoked or suspended, or does not have it.
    TokenStatus,

    // --- its sender
    /// Bound in a way that is not checked here.
    SenderUnproven,
    /// Bound to nobody, where it must be.
    SenderUnbound,
    /// Bound to another client certificate than this connection's, if it has one.
    SenderMismatch,
    /// Bound to a key, and presented without its proof.
    ProofAvoided,
    /// The DPoP scheme without a proof.
    ProofMissing,
    /// Several proofs, or something else than one: not a proof's JWT, members missing, an algorithm not accepted.
    ProofMalformed,
    /// Not signed by the key that it brings.
    ProofForged,
    /// Made for another request or another token.
    ProofMisplaced,
    /// Too old, or from the future.
    ProofStale,
    /// Without a nonce of ours, or with one from long ago.
    ProofNonce,
    /// By another key than the token's.
    ProofKeyWrong,
    /// Used before.
    ProofReplayed,
    /// The route needs a client certificate, and the client showed none.
    CertificateMissing,
    /// Before or past its dates.
    CertificateExpired,
    /// Nobody vouches for it, it is for something else than networks, or its statements cannot be read.
    CertificateInvalid,

    // --- the rule
    /// The client's certificate lacks the role that the route needs.
    RoleMissing,
    /// The same, where the API's standard calls it a question of who asks.
    RoleInvalid,
    /// The route needs a scope that the token lacks.
    ScopeMissing,
    /// The route needs a token obtained by another grant.
    GrantWrong,
    /// A field that the route's requests must have is missing, stands twice or has another form.
    HeaderRequired,
    /// The route needs details that were not granted.
    DetailsMissing,
    /// The request names another consent than the token holds, or none.
    ConsentMismatch,
    /// The customer's token was issued to another client than the one that asks.
    ClientMismatch,
    /// The customer's authentication is too weak or too long ago.
    StepUp,
    /// As many requests were made as a quota allows.
    QuotaSpent,
    /// As many requests are under way as a quota allows.
    TooManyAtOnce,

    // --- the upstream
    /// The upstream refused the connection.
    UpstreamRefused,
    /// The upstream's certificate does not verify.
    UpstreamUntrusted,
    /// The upstream does not take our certificate, or does not speak what it should.
    UpstreamHandshake,
    /// The upstream broke HTTP or closed before its answer was complete.
    UpstreamInvalid,
    /// No server of the upstream may be asked.
    UpstreamDown,
    /// All connections to the upstream are in use, and too many requests wait for one, or this one did for too long.
    UpstreamBusy,
    /// The upstream did not answer in time.
    UpstreamLate,

    // --- us
    /// The issuer's keys cannot be had now: the token may be good.
    IssuerUnreachable,
    /// The issuer refuses our own credentials: somebody must act.
    IntrospectionRefused,
    /// The token's status list cannot be had now, or is too old: the token may be good.
    StatusUnavailable,
    /// The token's status stands where we may not look, or cannot: somebody must act.
    StatusForeign,
    /// No more proofs can be remembered.
    ProofsFull,
    /// No more callers can be counted.
    QuotasFull,
    /// Nobody can say what other gateways know: a proof may be used, a token revoked.
    StateUnavailable,
    /// As many connections have switched protocols as may.
    TunnelsFull,
    /// Too many requests wait for the issuer's answers.
    IssuerBusy,
    /// What is decided could not be written down.
    AuditUnavailable,
    /// A fault of the gateway.
    Internal,
}

/// Whose fault a refusal is: error rates count those of the last three, and a client's own never (EBA GL 2018/07, 2.3 d).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Who asked.
    Client,
    /// Ours.
    Gateway,
    /// The service behind us.
    Upstream,
    /// Who issued the token, or says what became of it.
    Issuer,
}

/// Whether the connection may carry another request after this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// Framing is certain.
    Keep,
    /// Framing is in doubt, or a body was left unread.
    Close,
}

impl Reason {
    /// Every reason, in pipeline order. `index` is the place in it.
    pub const ALL: [Self; 77] = [
        Self::HeadMalformed,
        Self::HostConflict,
        Self::Misdirected,
        Self::PathAmbiguous,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::BodyTooLarge,
        Self::BodyLate,
        Self::ExpectationUnknown,
        Self::Looped,
        Self::CertificateMalformed,
        Self::RouteUnknown,
        Self::MethodUnknown,
        Self::TokenMissing,
        Self::TokenTwice,
        Self::TokenInQuery,
        Self::TokenMalformed,
        Self::CustomerTokenMissing,
        Self::TokenUnreadable,
        Self::AlgorithmRefused,
        Self::TypeWrong,
        Self::ExtensionCritical,
        Self::IssuerUnknown,
        Self::KeyUnknown,
        Self::SignatureWrong,
        Self::ClaimMissing,
        Self::ClaimInvalid,
        Self::AudienceWrong,
        Self::TokenExpired,
        Self::TokenEarly,
        Self::TokenInactive,
        Self::TokenRevoked,
        Self::TokenStatus,
        Self::SenderUnproven,
        Self::SenderUnbound,
        Self::SenderMismatch,
        Self::ProofAvoided,
        Self::ProofMissing,
        Self::ProofMalformed,
        Self::ProofForged,
        Self::ProofMisplaced,
        Self::ProofStale,
        Self::ProofNonce,
        Self::ProofKeyWrong,
        Self::ProofReplayed,
        Self::CertificateMissing,
        Self::CertificateExpired,
        Self::CertificateInvalid,
        Self::RoleMissing,
        Self::RoleInvalid,
        Self::ScopeMissing,
        Self::GrantWrong,
        Self::HeaderRequired,
        Self::DetailsMissing,
        Self::ConsentMismatch,
        Self::ClientMismatch,
        Self::StepUp,
        Self::QuotaSpent,
        Self::TooManyAtOnce,
        Self::UpstreamRefused,
        Self::UpstreamUntrusted,
        Self::UpstreamHandshake,
        Self::UpstreamInvalid,
        Self::UpstreamDown,
        Self::UpstreamBusy,
        Self::UpstreamLate,
        Self::IssuerUnreachable,
        Self::IntrospectionRefused,
        Self::StatusUnavailable,
        Self::StatusForeign,
        Self::ProofsFull,
        Self::QuotasFull,
        Self::StateUnavailable,
        Self::TunnelsFull,
        Self::IssuerBusy,
        Self::AuditUnavailable,
        Self::Internal,
    ];

    /// The place in `ALL`: the variants stand in the same order.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        self.entry().status
    }

    /// The OAuth error code, where RFC 6750 §3.1 has one. A missing token has none, and a wrong grant is neither a bad
    /// token nor a question of scope.
    pub fn code(self) -> Option<ErrorCode> {
        self.entry().code
    }

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whose fault it is.
    pub fn fault(self) -> Fault {
        self.entry().fault
    }

    /// What the client is told: the class and what to do, never the cause's details. Only characters that a quoted-string
    /// holds unescaped (RFC 6750 §3).
    pub fn description(self) -> &'static str {
        self.entry().description
    }

    /// Whether the connection can go on: never after a head or body whose end is not certain.
    pub fn afterwards(self) -> Afterwards {
        self.entry().afterwards
    }

    /// The error table: one entry a reason.
    #[expect(clippy::too_many_lines, reason = "one table")]
    #[rustfmt::skip]
    const fn entry(self) -> Entry {
        match self {
            Self::HeadMalformed => refuse(StatusCode::BAD_REQUEST, "head_malformed", "The request is not well-formed HTTP").close(),
            Self::HostConflict => refuse(StatusCode::BAD_REQUEST, "host_conflict", "The request needs exactly one valid Host that agrees with its target").close(),
            Self::Misdirected => refuse(StatusCode::MISDIRECTED_REQUEST, "misdirected", "The connection was made for another host; open one for this one"),
            Self::PathAmbiguous => refuse(StatusCode::BAD_REQUEST, "path_ambiguous", "The path has a spelling that servers read differently; send it in plain form"),
            Self::TargetTooLong => refuse(StatusCode::URI_TOO_LONG, "target_too_long", "The path and query are too long").close(),
            Self::HeadTooLarge => refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The header section is too large").close(),
            Self::BodyTooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than this resource accepts").close(),
            Self::BodyLate => refuse(StatusCode::REQUEST_TIMEOUT, "body_late", "The body did not arrive in time").close(),
            Self::ExpectationUnknown => refuse(StatusCode::EXPECTATION_FAILED, "expectation_unknown", "Only 100-continue can be expected").close(),
            Self::Looped => refuse(StatusCode::LOOP_DETECTED, "request_looped", "The request came back to the gateway that forwarded it"),
            Self::CertificateMalformed => refuse(StatusCode::BAD_REQUEST, "certificate_malformed", "The client certificate cannot be read"),
            Self::RouteUnknown => refuse(StatusCode::NOT_FOUND, "route_unknown", "There is no such resource"),
            Self::MethodUnknown => refuse(StatusCode::METHOD_NOT_ALLOWED, "method_unknown", "The resource does not have this method"),
            Self::TokenMissing => refuse(StatusCode::UNAUTHORIZED, "token_missing", "An access token is needed in the Authorization header"),
            Self::TokenTwice => bad_credentials("token_twice", "The access token was sent more than once"),
            Self::TokenInQuery => bad_credentials("token_in_query", "An access token in the query string is not accepted; use the Authorization header"),
            Self::TokenMalformed => bad_credentials("token_malformed", "The Authorization header is not a scheme followed by one token"),
            Self::CustomerTokenMissing => refuse(StatusCode::UNAUTHORIZED, "customer_token_missing", "The customer's access token is needed beside the client's own"),
            Self::TokenUnreadable => bad_token("token_unreadable", "The access token is malformed"),
            Self::AlgorithmRefused => bad_token("algorithm_refused", "The access token cannot be verified"),
            Self::TypeWrong => bad_token("type_wrong", "The token is not an access token"),
            Self::ExtensionCritical => bad_token("extension_critical", "The access token has a critical extension that is not understood"),
            Self::IssuerUnknown => bad_token("issuer_unknown", "The issuer of the access token is not accepted here"),
            Self::KeyUnknown => bad_token("key_unknown", "The access token cannot be verified"),
            Self::SignatureWrong => bad_token("signature_wrong", "The access token cannot be verified"),
            Self::ClaimMissing => bad_token("claim_missing", "The access token lacks a required claim"),
            Self::ClaimInvalid => bad_token("claim_invalid", "The access token has an invalid claim"),
            Self::AudienceWrong => bad_token("audience_wrong", "The access token is meant for another resource"),
            Self::TokenExpired => bad_token("token_expired", "The access token expired"),
            Self::TokenEarly => bad_token("token_early", "The access token is not valid yet"),
            Self::TokenInactive => bad_token("token_inactive", "The access token is not active"),
            Self::TokenRevoked => bad_token("token_revoked", "The access token was revoked"),
            Self::TokenStatus => bad_token("token_status", "The access token was revoked or suspended"),
            Self::SenderUnproven => bad_token("sender_unproven", "The access token is bound to a sender whose proof is not accepted here"),
            Self::SenderUnbound => bad_token("sender_unbound", "The access token is not bound to its sender, which this resource demands"),
            Self::SenderMismatch => bad_token("sender_mismatch", "The access token is bound to another client certificate"),
            Self::ProofAvoided => bad_token("proof_avoided", "The access token is bound to a key: it needs the DPoP scheme and a proof"),
            Self::ProofMissing => bad_proof("proof_missing", "The DPoP scheme needs a DPoP header with one proof"),
            Self::ProofMalformed => bad_proof("proof_malformed", "The DPoP proof is malformed"),
            Self::ProofForged => bad_proof("proof_forged", "The DPoP proof is not signed by its key"),
            Self::ProofMisplaced => bad_proof("proof_misplaced", "The DPoP proof was made for another request or token"),
            Self::ProofStale => bad_proof("proof_stale", "The DPoP proof was not made just now"),
            Self::ProofNonce => bad_proof("proof_nonce", "Resource server requires nonce in DPoP proof").code(ErrorCode::UseDpopNonce),
            Self::ProofKeyWrong => bad_token("proof_key_wrong", "Invalid DPoP key binding"),
            Self::ProofReplayed => bad_proof("proof_replayed", "The DPoP proof was used before"),
            Self::CertificateMissing => refuse(StatusCode::UNAUTHORIZED, "certificate_missing", "A client certificate is needed"),
            Self::CertificateExpired => refuse(StatusCode::UNAUTHORIZED, "certificate_expired", "The client certificate is not valid at this time"),
            Self::CertificateInvalid => refuse(StatusCode::UNAUTHORIZED, "certificate_invalid", "The client certificate is not accepted here"),
            Self::RoleMissing => refuse(StatusCode::FORBIDDEN, "role_missing", "The client certificate lacks the role that this resource needs"),
            Self::RoleInvalid => refuse(StatusCode::UNAUTHORIZED, "role_invalid", "The client certificate lacks the role that this resource needs"),
            Self::ScopeMissing => refuse(StatusCode::FORBIDDEN, "scope_missing", "The access token does not cover this resource").code(ErrorCode::InsufficientScope),
            Self::GrantWrong => refuse(StatusCode::FORBIDDEN, "grant_wrong", "The access token was obtained by a grant that this resource does not accept"),
            Self::HeaderRequired => refuse(StatusCode::BAD_REQUEST, "header_required", "A header that this resource requires is missing or not in its form"),
            Self::DetailsMissing => refuse(StatusCode::FORBIDDEN, "details_missing", "The access token was not granted what this resource needs"),
            Self::ConsentMismatch => refuse(StatusCode::FORBIDDEN, "consent_mismatch", "The access token belongs to another consent than the request"),
            Self::ClientMismatch => refuse(StatusCode::FORBIDDEN, "client_mismatch", "The customer's access token was issued to another client"),
            Self::StepUp => refuse(StatusCode::UNAUTHORIZED, "step_up", "A stronger or more recent authentication is needed").code(ErrorCode::InsufficientUserAuthentication),
            Self::QuotaSpent => refuse(StatusCode::TOO_MANY_REQUESTS, "quota_spent", "As many requests were made as may be; Retry-After says when there may be more"),
            Self::TooManyAtOnce => refuse(StatusCode::TOO_MANY_REQUESTS, "too_many_at_once", "As many requests are under way as may be at a time"),
            Self::UpstreamRefused => refuse(StatusCode::BAD_GATEWAY, "upstream_refused", "The service behind the gateway cannot be reached").blame(Fault::Upstream),
            Self::UpstreamUntrusted => refuse(StatusCode::BAD_GATEWAY, "upstream_untrusted", "The service behind the gateway could not be verified").blame(Fault::Upstream),
            Self::UpstreamHandshake => refuse(StatusCode::BAD_GATEWAY, "upstream_handshake", "No connection to the service behind the gateway could be agreed on").blame(Fault::Upstream),
            Self::UpstreamInvalid => refuse(StatusCode::BAD_GATEWAY, "upstream_invalid", "The service behind the gateway gave no valid answer").blame(Fault::Upstream),
            Self::UpstreamDown => refuse(StatusCode::SERVICE_UNAVAILABLE, "upstream_down", "The service behind the gateway is not available").blame(Fault::Upstream),
            Self::UpstreamBusy => refuse(StatusCode::SERVICE_UNAVAILABLE, "upstream_busy", "The service behind the gateway has too much to do at the moment").blame(Fault::Upstream),
            Self::UpstreamLate => refuse(StatusCode::GATEWAY_TIMEOUT, "upstream_late", "The service behind the gateway did not answer in time").blame(Fault::Upstream),
            Self::IssuerUnreachable => refuse(StatusCode::SERVICE_UNAVAILABLE, "issuer_unreachable", "The access token cannot be checked at the moment").blame(Fault::Issuer),
            Self::IntrospectionRefused => refuse(StatusCode::SERVICE_UNAVAILABLE, "introspection_refused", "The access token cannot be checked at the moment").blame(Fault::Issuer),
            Self::StatusUnavailable => refuse(StatusCode::SERVICE_UNAVAILABLE, "status_unavailable", "The access token cannot be checked at the moment").blame(Fault::Issuer),
            Self::StatusForeign => refuse(StatusCode::SERVICE_UNAVAILABLE, "status_foreign", "The access token cannot be checked at the moment").blame(Fault::Issuer),
            Self::ProofsFull => refuse(StatusCode::SERVICE_UNAVAILABLE, "proofs_full", "The access token cannot be checked at the moment"),
            Self::QuotasFull => refuse(StatusCode::SERVICE_UNAVAILABLE, "quotas_full", "Requests cannot be counted at the moment"),
            Self::StateUnavailable => refuse(StatusCode::SERVICE_UNAVAILABLE, "state_unavailable", "The request cannot be checked at the moment"),
            Self::TunnelsFull => refuse(StatusCode::SERVICE_UNAVAILABLE, "tunnels_full", "The gateway carries as many such connections as it may; try again later"),
            Self::IssuerBusy => refuse(StatusCode::SERVICE_UNAVAILABLE, "issuer_busy", "The access token cannot be checked at the moment").blame(Fault::Issuer),
            Self::AuditUnavailable => refuse(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", "The gateway cannot take requests at the moment; try again later"),
            Self::Internal => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The gateway failed").close(),
        }
    }
}

/// What a reason means on the wire and in the log.
struct Entry {
    status: StatusCode,
    code: Option<ErrorCode>,
    name: &'static str,
    description: &'static str,
    afterwards: Afterwards,
    fault: Fault,
}

/// A 4xx is the client's fault (RFC 9110 §15.5), a 5xx ours unless the table says otherwise.
const fn refuse(status: StatusCode, name: &'static str, description: &'static str) -> Entry {
    let fault = if status.as_u16() < 500 { Fault::Client } else { Fault::Gateway };
    Entry { status, code: None, name, description, afterwards: Afterwards::Keep, fault }
}

/// A token that was presented well and is not good.
const fn bad_token(name: &'static str, description: &'static str) -> Entry {
    refuse(StatusCode::UNAUTHORIZED, name, description).code(ErrorCode::InvalidToken)
}

/// A proof that does not prove (RFC 9449 §7.1).
const fn bad_proof(name: &'static str, description: &'static str) -> Entry {
    refuse(StatusCode::UNAUTHORIZED, name, description).code(ErrorCode::InvalidDpopProof)
}

/// A token that was not presented well.
const fn bad_credentials(name: &'static str, description: &'static str) -> Entry {
    refuse(StatusCode::BAD_REQUEST, name, description).code(ErrorCode::InvalidRequest)
}

impl Entry {
    const fn code(mut self, code: ErrorCode) -> Self {
        self.code = Some(code);
        self
    }

    const fn blame(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    const fn close(mut self) -> Self {
        self.afterwards = Afterwards::Close;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn reasons_stand_in_the_order_of_their_index_and_have_names_of_their_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), place, "{reason:?}");
        }
        let names: HashSet<_> = Reason::ALL.into_iter().map(Reason::name).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn a_code_stands_only_beside_the_status_that_rfc_6750_gives_it() {
        for reason in Reason::ALL {
            let expected = match reason.code() {
                Some(ErrorCode::InvalidRequest) => StatusCode::BAD_REQUEST,
                Some(
                    ErrorCode::InvalidToken
                    | ErrorCode::InvalidDpopProof
                    | ErrorCode::UseDpopNonce
                    | ErrorCode::InsufficientUserAuthentication,
                ) => StatusCode::UNAUTHORIZED,
                Some(ErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
                None => continue,
            };
            assert_eq!(reason.status(), expected, "{reason:?}");
        }
    }

    #[test]
    fn whose_fault_a_refusal_is_shows_in_its_status() {
        for reason in Reason::ALL {
            assert_eq!(reason.status().is_client_error(), reason.fault() == Fault::Client, "{reason:?}");
            let begins = |word: &str| reason.name().starts_with(word);
            assert_eq!(begins("upstream_"), reason.fault() == Fault::Upstream, "{reason:?}");
            assert!(
                !begins("issuer_") || reason.fault() == Fault::Issuer || reason == Reason::IssuerUnknown,
                "{reason:?}"
            );
            assert_eq!(Reason::named(reason.name()), Some(reason));
        }
        assert_eq!(Reason::named("nothing"), None);
    }

    #[test]
    fn descriptions_fit_into_a_quoted_string() {
        for reason in Reason::ALL {
            assert!(reason.description().bytes().all(|b| matches!(b, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E)));
        }
    }
}
