//! What each reason means to an operator: what happened, whose fault it is, what would have to change. `explain` says it,
//! and `docs/errors.md` is made from it. What a client is told is in `reason`, what a developer reads in the sandbox is
//! in its portal: others ask, and may know less.

use crate::gateway::reason::Reason;

/// Who has to act before such a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Who calls.
    Client,
    /// On whose behalf it calls.
    Customer,
    /// Who runs the gateway: its settings, its proxies.
    Operator,
    /// The authorization server.
    Issuer,
    /// The service behind the gateway.
    Upstream,
    /// The gateway itself.
    Gateway,
}

/// What a reason means.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Whose fault it is, most of the time.
    pub fault: Fault,
    /// What happened.
    pub meaning: &'static str,
    /// What would have to change, and by whom.
    pub mend: &'static str,
}

impl Fault {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Issuer => "issuer",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Client => "the client: the third party that calls",
            Self::Customer => "the customer, on whose behalf the client calls",
            Self::Operator => "the bank: how this gateway, or a proxy before it, is set up",
            Self::Issuer => "the issuer: the authorization server that makes the tokens",
            Self::Upstream => "the upstream: the service behind the gateway",
            Self::Gateway => "the gateway itself",
        }
    }
}

/// What `reason` means: one row a reason, in the order of the path.
#[expect(clippy::too_many_lines, reason = "one table")]
#[rustfmt::skip]
pub const fn words(reason: Reason) -> Words {
    use Fault::{Client, Customer, Gateway, Issuer, Operator, Upstream};
    match reason {
        Reason::HeadMalformed => say(Client, "What arrived is not HTTP as the standard writes it: its framing, a header line or a transfer coding is wrong.", "The client lets an HTTP library write its requests. Where every client of one network has it, look at the proxy between."),
        Reason::HostConflict => say(Client, "The request has no Host header, several, an invalid one, or one that contradicts the address it asks for.", "The client sends exactly one Host, the name it connected to. A proxy before the gateway must pass it on as it is."),
        Reason::Misdirected => say(Client, "The connection was made for another host than the request asks for, and the certificate shown does not cover it.", "The client opens a connection of its own for this host; or add the host to the certificate, if it is meant to be covered."),
        Reason::PathAmbiguous => say(Client, "The path can be read in more than one way (dot segments, empty segments, needless percent-encoding, `;`), and an upstream might read it differently from the rules.", "The client sends the path in its plain form, as the API's documentation writes it."),
        Reason::TargetTooLong => say(Client, "Path and query are longer than `limits.target`.", "The client asks for less at once; or raise `limits.target`, if the API needs it."),
        Reason::HeadTooLarge => say(Client, "The headers are larger or more than `limits.head` and `limits.headers` allow.", "The client leaves out headers and cookies that the API does not need; or raise the limit, if tokens or certificates of yours are that large."),
        Reason::BodyTooLarge => say(Client, "The body is larger than the route's `body` allows.", "The client sends less; or raise `body` on the route, if the API takes such bodies."),
        Reason::BodyLate => say(Client, "The client stopped sending its body, or sent it too slowly.", "The client sends the body at once. Where many clients have it, look at the network before the gateway."),
        Reason::ExpectationUnknown => say(Client, "The request has an `Expect` header other than `100-continue`.", "The client leaves the header out."),
        Reason::Looped => say(Operator, "The request came through this gateway before: its `Via` or `CDN-Loop` says so.", "Look where the upstream or a proxy sends requests: one of them sends them back to the gateway. Two gateways in a row need different `server.pseudonym`s."),
        Reason::CertificateMalformed => say(Operator, "A trusted proxy passed on several client certificates, or one that cannot be read.", "The proxy writes one `Client-Cert` header as RFC 9440 has it, and removes those that clients send."),
        Reason::RouteUnknown => say(Client, "No route has this path for this host.", "The client compares the path with the API's documentation, letter by letter. If the operation should be there, add a route; if it is there for another host only, add the host to `hosts`."),
        Reason::MethodUnknown => say(Client, "There is such a path, but no route for this method.", "The client uses one of the methods named in `Allow`. If the operation should be there, add the method to a route."),
        Reason::TokenMissing => say(Client, "The route needs a token, and the request has none in an `Authorization` header with a scheme that is accepted.", "The client sends `Authorization: Bearer` and its access token. If it says it does: a proxy between may remove the header. The DPoP scheme counts only where `dpop` is configured."),
        Reason::TokenTwice => say(Client, "More than one token: several `Authorization` headers, or one in the query too.", "The client sends exactly one. A library and a proxy that both add the header are the usual cause."),
        Reason::TokenInQuery => say(Client, "The token stands in the address, where logs and histories keep it.", "The client sends it in the `Authorization` header. This token has leaked: have it revoked, where `server.on_query_token` did not."),
        Reason::TokenMalformed => say(Client, "The `Authorization` header is not a scheme, one space and one token of at most 8 KiB.", "The client writes the token as it got it: no quotes, no line break, nothing behind it."),
        Reason::CustomerTokenMissing => say(Client, "The route needs two tokens, and the customer's is not in its header.", "The client sends the customer's token in the header that the route's `customer_token` names."),
        Reason::TokenUnreadable => say(Client, "The token is not a signed JWT: cut off, damaged, or of another kind.", "The client sends the whole `access_token` as it came, no refresh token and no ID. If the issuer's tokens are opaque, the issuer needs `introspection`."),
        Reason::AlgorithmRefused => say(Issuer, "The token is signed by an algorithm that its issuer may not use here, or by none.", "If the issuer really signs so, add the algorithm to its `algorithms`. If not, somebody forged the token."),
        Reason::TypeWrong => say(Client, "It is not an access token by its `typ`: an ID token or a logout token, most of the time.", "The client sends the `access_token` of the token response. If the issuer writes another `typ` into its access tokens, set its `typ: legacy`."),
        Reason::ExtensionCritical => say(Issuer, "The token demands that an extension be understood (`crit`), and none is here.", "The issuer makes access tokens without `crit`."),
        Reason::IssuerUnknown => say(Client, "The token's `iss` is none of the configured issuers, or none that this route accepts.", "The client gets its token from the right authorization server: test and production are confused most of the time. If the issuer should be accepted, add it, or name it in the route's `issuers`; `iss` is compared character by character, a final slash counts."),
        Reason::KeyUnknown => say(Issuer, "The key that the token names is not among its issuer's keys, which were fetched since.", "Compare the token's `kid` with the issuer's key set. The issuer publishes a key before it signs with it, and keeps the old one while its tokens live. With keys in a file: put the new set there and reload."),
        Reason::SignatureWrong => say(Client, "The issuer's key of this id did not make the signature: the token was changed, or somebody else made it.", "The client gets a new token and sends it unchanged. Where every token has it, the issuer replaced a key under the same `kid`, or this is the key set of another environment."),
        Reason::ClaimMissing => say(Issuer, "The token lacks a claim that it must have: `exp`, `aud`, one of `required_claims`, or `status`.", "The issuer puts the claim into its access tokens; or remove it from `required_claims`."),
        Reason::ClaimInvalid => say(Issuer, "A claim has the wrong type, stands twice, or holds what cannot be passed on.", "The issuer mends the claim. Common: `exp` as text, a scope with two spaces, a client id with a line break."),
        Reason::AudienceWrong => say(Client, "The token is meant for another resource server.", "The client asks for a token for this API (`resource`, `audience`, or the scope that brings it). If the audience is yours, add it to the issuer's `audiences`, or to the route's `audience`; it is compared character by character."),
        Reason::TokenExpired => say(Client, "The token's time is over.", "The client uses its refresh token, or gets a new token. Where fresh tokens are expired, compare the clocks of issuer and gateway."),
        Reason::TokenEarly => say(Issuer, "The token is not valid yet, or was issued in the future.", "Compare the clocks of issuer and gateway: up to 10 s are forgiven, and `leeway`."),
        Reason::TokenInactive => say(Client, "The issuer was asked and says that the token is not active: expired, revoked, unknown, or not for us.", "The client gets a new token; if the customer withdrew the consent, it asks the customer again. If the issuer says so of good tokens, look at what our `client_id` may see there."),
        Reason::TokenRevoked => say(Customer, "The token is on the gateway's deny-list: it, its customer, its client or its consent was revoked.", "The client asks the customer again and gets a new token. If the revocation was a mistake, a token that was issued later is good, if it named a time."),
        Reason::TokenStatus => say(Customer, "The issuer's status list says that the token was revoked or suspended, or does not have it.", "The client asks the customer again and gets a new token."),
        Reason::SenderUnproven => say(Client, "The token is bound to its sender in a way that is not checked here.", "If it is bound to a key, configure `dpop`. Otherwise the client gets a token bound by DPoP or by a certificate."),
        Reason::SenderUnbound => say(Client, "The token is bound to nobody, and its issuer's profile demands that it is.", "The client gets a token bound to its key (DPoP) or its certificate (mutual TLS)."),
        Reason::SenderMismatch => say(Client, "The token is bound to a client certificate, and the connection showed another one or none.", "The client connects with the certificate with which it got the token. After a renewal it needs a new token. If a proxy ends TLS before the gateway, it must pass the certificate on and be in `trusted_hops`."),
        Reason::ProofAvoided => say(Client, "The token is bound to a key, and came by the Bearer scheme without a proof.", "The client sends `Authorization: DPoP` and a proof in the `DPoP` header."),
        Reason::ProofMissing => say(Client, "The DPoP scheme came without a `DPoP` header.", "The client sends one proof with each request. A proxy between may remove the header."),
        Reason::ProofMalformed => say(Client, "The DPoP proof cannot be read, lacks a member, is signed by an algorithm that is not accepted, or there are several.", "The client lets a library make the proof; see `dpop.algorithms` for what is accepted."),
        Reason::ProofForged => say(Client, "The DPoP proof is not signed by the key that it brings.", "The client signs the proof with the key whose public half it puts into it."),
        Reason::ProofMisplaced => say(Client, "The DPoP proof was made for another method, another address or another token.", "The client makes the proof for this request: `htm`, `htu` without query, `ath` of this token. If `htu` is right and refused for everybody, `server.public_origin` is not what clients call the gateway."),
        Reason::ProofStale => say(Client, "The DPoP proof is older than `dpop.max_age`, or from the future.", "The client makes a proof for each request, and sets its clock right."),
        Reason::ProofNonce => say(Client, "The DPoP proof lacks the gateway's nonce, or has an old one. The first request of a client is refused so.", "The client takes the nonce from `DPoP-Nonce` of the answer and tries again; libraries do so by themselves."),
        Reason::ProofKeyWrong => say(Client, "The DPoP proof is by another key than the one that the token is bound to.", "The client keeps the key with which it got the token."),
        Reason::ProofReplayed => say(Client, "The DPoP proof was used before.", "The client makes a new proof for each request, for a repeated one too."),
        Reason::CertificateMissing => say(Client, "The route needs a client certificate, and the client showed none.", "The client connects with its certificate. If a proxy ends TLS before the gateway, it must pass the certificate on and be in `trusted_hops`."),
        Reason::CertificateExpired => say(Client, "The client certificate is not valid now, by its dates.", "The client renews it."),
        Reason::CertificateInvalid => say(Client, "Nobody whom we trust vouches for the client certificate, it is for something else than connections, or its statements cannot be read.", "The client uses its licensed certificate (eIDAS QWAC or what the scheme asks for). If its authority should count, add it to `client_ca`."),
        Reason::RoleMissing => say(Client, "The client's certificate does not grant the role that the route's `psd2_role` asks for.", "The client uses the certificate of the matching licence, or has the role added by its authority."),
        Reason::RoleInvalid => say(Client, "The client's certificate does not grant the role that the route's `psd2_role` asks for (said as Berlin Group's standard has it).", "The client uses the certificate of the matching licence, or has the role added by its authority."),
        Reason::ScopeMissing => say(Client, "The token was not granted a scope that the route needs.", "The client asks for the missing scope when it gets its token, and the customer must agree to it. If the client may not have it, the refusal is right."),
        Reason::GrantWrong => say(Client, "The token was obtained by another grant than the route takes: the client's own token where a customer's is needed, or the other way round.", "The client gets a token by the grant that the route's `grants` names. If the grant is unknown, name the issuer's claim for it in `claims.grant`."),
        Reason::HeaderRequired => say(Client, "A header that the route's `required_headers` name is missing, stands twice, or has another form.", "The client sends each of them once, in its form."),
        Reason::DetailsMissing => say(Client, "The token's `authorization_details` do not grant what the route needs.", "The client asks for them when it gets the customer's agreement (RFC 9396). Type, actions and locations must stand in one detail."),
        Reason::ConsentMismatch => say(Client, "The request names another consent than the token holds, or none, or the token holds none.", "The client uses the token that came of this consent. If tokens hold none at all, name the issuer's claim for it in `claims.consent`."),
        Reason::ClientMismatch => say(Client, "The customer's token was issued to another client than the client's own token.", "The client uses two tokens of one client, from one issuer."),
        Reason::StepUp => say(Customer, "The customer authenticated less strongly, or longer ago, than the route's `step_up` asks for.", "The client sends the customer through authentication again, with the `acr_values` and `max_age` that `WWW-Authenticate` names, and gets a new token."),
        Reason::QuotaSpent => say(Client, "As many requests were made as a quota of the route allows in its time.", "The client waits for the seconds in `Retry-After`, and asks less often. Which quota it was stands in the access log (`quota`); raise it if such use is right. The four unattended accesses a day are counted by consent: requests with the customer present must say so."),
        Reason::TooManyAtOnce => say(Client, "As many requests are under way as a quota of the route allows at a time.", "The client waits for answers before it asks again. If the upstream is slow, that is why they pile up."),
        Reason::UpstreamRefused => say(Upstream, "The upstream did not take the connection.", "See whether its servers run and listen where `upstreams` says, and whether a firewall stands between."),
        Reason::UpstreamUntrusted => say(Upstream, "The upstream's certificate could not be verified: expired, for another name, or by an authority that is not trusted.", "Renew the upstream's certificate, or mend `upstreams[].tls`: `ca_file` and the server's name."),
        Reason::UpstreamHandshake => say(Upstream, "TLS or HTTP/2 could not be agreed on with the upstream, or it does not take our certificate.", "See the process's log for the handshake's fault; compare `protocol` and `client_certificate` of the upstream with what it expects."),
        Reason::UpstreamInvalid => say(Upstream, "The upstream broke HTTP, or ended its answer before it was complete.", "See the upstream's log at this time: it crashed, or closed in the middle."),
        Reason::UpstreamDown => say(Upstream, "No server of the upstream may be asked: all failed their checks, or failed requests lately.", "See `scopegate_upstream_server_*` for which and why, and the upstream's own monitoring."),
        Reason::UpstreamBusy => say(Upstream, "All connections to the upstream are in use, and too many requests wait for one, or this one did for too long.", "The upstream is slow or has too few servers. `connections` and `pending` of the upstream bound how much it is given."),
        Reason::UpstreamLate => say(Upstream, "The upstream did not answer within `response_timeout`, or the exchange took longer than `total_timeout`.", "See why the upstream is slow; raise the timeout on the upstream or the route only if such answers are worth waiting for."),
        Reason::IssuerUnreachable => say(Issuer, "The issuer's keys, or its word on an opaque token, cannot be had now, or the token names a key that is being asked for. The token may be good.", "See whether the gateway reaches the issuer: name resolution, firewall, certificate, and the process's log for the fault. It tries again by itself."),
        Reason::IntrospectionRefused => say(Operator, "The issuer refuses the gateway's own credentials for introspection.", "Renew `introspection.client_id` and its secret, key or certificate, and reload."),
        Reason::StatusUnavailable => say(Issuer, "The token's status list cannot be had now, or is too old. The token may be good.", "See whether the gateway reaches the list's address, and the process's log for the fault. It tries again by itself."),
        Reason::StatusForeign => say(Issuer, "The token's status stands in a list that may not be fetched, or in another way than a list.", "If the list is the issuer's, add its address to `status_list.uris`."),
        Reason::ProofsFull => say(Operator, "As many used DPoP proofs are remembered as may be, so no further one can be accepted.", "Raise `dpop.proofs`. If the load is an attack, find who sends so many proofs."),
        Reason::QuotasFull => say(Operator, "As many callers are counted as may be, so no further one can be.", "Raise the quota's `keys`. If the load is an attack, find who calls under so many names."),
        Reason::StateUnavailable => say(Operator, "The store that several gateways share cannot be asked now, and `state` says that without it nothing is let through. The token may be good.", "See whether the gateway reaches the store, and the process's log for the fault. It tries again by itself; `state.when_away` says what is done meanwhile."),
        Reason::AuditUnavailable => say(Operator, "The audit log cannot be written, and `audit_log` says that nothing happens then that could not be told of.", "Make room on its disk, or give its folder back to the gateway; the process's log has the fault. It tries again by itself."),
        Reason::TunnelsFull => say(Operator, "As many connections have switched protocols as `limits.tunnels` allows.", "Raise `limits.tunnels`, or find clients that keep too many open."),
        Reason::IssuerBusy => say(Issuer, "Too many requests wait for the issuer's answers already.", "The issuer answers too slowly for so many opaque tokens: raise `introspection.cache` or `calls`, or have it make JWTs."),
        Reason::Internal => say(Gateway, "The gateway failed.", "See the process's log at this time, and report it with that log."),
    }
}

const fn say(fault: Fault, meaning: &'static str, mend: &'static str) -> Words {
    Words { fault, meaning, mend }
}
