//! Why the gateway refused, in plain words, and what a developer does about it. The reasons are the gateway's own, as
//! they stand in its log; a test holds that each has its words here.

/// What a reason means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Explanation {
    /// What was wrong.
    pub(super) why: &'static str,
    /// What mends it.
    pub(super) fix: &'static str,
}

/// What `reason` means; nothing, if the gateway is newer than this table.
pub(super) fn explain(reason: &str) -> Option<Explanation> {
    let row = REASONS.iter().find(|(name, ..)| *name == reason);
    row.map(|(_, why, fix)| Explanation { why, fix })
}

const ASK_LATER: &str = "Nothing on your side: try again in a moment. If it goes on, the Status page says more.";
const FRESH_TOKEN: &str = "Get a new token from this sandbox's token endpoint and send it as it came.";
const OWN_PROOF: &str =
    "Let a DPoP library make the proof for each request: its method, its address without the query, this token.";

/// Name, what was wrong, what mends it; in the order in which the gateway looks.
const REASONS: [(&str, &str, &str); 77] = [
    (
        "head_malformed",
        "The request is not HTTP as the standard writes it.",
        "Use an HTTP library; do not write the request by hand.",
    ),
    (
        "host_conflict",
        "The request names no host, or two that differ.",
        "Send exactly one Host header, which HTTP libraries do by themselves.",
    ),
    (
        "misdirected",
        "The request is for another host than its connection was made for.",
        "Open a connection of its own for each host; HTTP libraries do so by themselves.",
    ),
    (
        "path_ambiguous",
        "The path can be read in two ways, by dots, double slashes or needless escapes.",
        "Send the path in its plain form.",
    ),
    ("target_too_long", "Path and query are too long.", "Ask for less at once."),
    ("head_too_large", "The headers are too large.", "Leave out headers and cookies that the API does not need."),
    (
        "body_too_large",
        "The body is larger than this operation takes.",
        "Send less; the catalogue shows what the operation needs.",
    ),
    ("body_late", "The body did not arrive in time.", "Send the whole body at once, with its length."),
    ("expectation_unknown", "The request expects something other than 100-continue.", "Leave the Expect header out."),
    (
        "request_looped",
        "The request has this gateway's own name in Via or CDN-Loop: it went round in a circle.",
        "Leave both headers out; proxies write them.",
    ),
    (
        "certificate_malformed",
        "The client certificate cannot be read.",
        "Use the certificate that the sandbox made, or one of your own in the usual form.",
    ),
    ("route_unknown", "There is no operation at this path.", "Compare the path with the catalogue, letter by letter."),
    (
        "method_unknown",
        "The path has no operation with this method.",
        "The Allow header of the answer names the methods that there are.",
    ),
    (
        "token_missing",
        "The request carried no access token.",
        "Send the header “Authorization: Bearer” followed by the token.",
    ),
    (
        "token_twice",
        "The request carried more than one token.",
        "Send exactly one Authorization header, and no token elsewhere.",
    ),
    (
        "token_in_query",
        "The token stood in the address, where logs and histories keep it.",
        "Send it in the Authorization header. Take this token for leaked: revoke it.",
    ),
    (
        "token_malformed",
        "The Authorization header is not a scheme, a space and one token.",
        "Write “Bearer”, one space, the token, and nothing else: no quotes, no line break.",
    ),
    (
        "customer_token_missing",
        "The operation needs two tokens, and the customer's is not there.",
        "Send the customer's token in the field that the catalogue names.",
    ),
    (
        "token_unreadable",
        "The token is damaged: cut off, or with characters that do not belong there.",
        "Send the whole access_token as it came. A refresh token is not one.",
    ),
    ("algorithm_refused", "The token is signed in a way that is not accepted.", FRESH_TOKEN),
    ("type_wrong", "It is a token of another kind, an ID token for example.", "Send the access_token."),
    ("extension_critical", "The token demands an extension that is not understood.", FRESH_TOKEN),
    (
        "issuer_unknown",
        "The token comes from another authorization server.",
        "Tokens of another environment, or of a sandbox at another address, are worthless here: get a new one.",
    ),
    (
        "key_unknown",
        "No key is known that could have signed the token.",
        "Tokens of an earlier sandbox do not survive it: get a new one.",
    ),
    ("signature_wrong", "The signature does not fit: the token was changed, or made by somebody else.", FRESH_TOKEN),
    ("claim_missing", "The token lacks something that it must say.", FRESH_TOKEN),
    ("claim_invalid", "The token says something that it must not.", FRESH_TOKEN),
    ("audience_wrong", "The token is meant for another API.", "Ask for the scope of this API when you get the token."),
    ("token_expired", "The token's time is over.", "Use the refresh token, or get a new token by client credentials."),
    ("token_early", "The token is not valid yet.", "Wait a moment; compare your clock if you made it yourself."),
    (
        "token_inactive",
        "The authorization server does not know this token, or it is over.",
        "Get a new token. If the customer withdrew their consent, ask them again.",
    ),
    (
        "token_revoked",
        "The token was revoked: by you, by the customer, or because a refresh token was used twice.",
        "Ask the customer again; use each refresh token once.",
    ),
    ("token_status", "The token was revoked or suspended by its issuer.", "Ask the customer again."),
    (
        "sender_unproven",
        "The token is bound to its sender in a way that is not accepted here.",
        "Use it over the same client certificate, or with a DPoP proof.",
    ),
    (
        "sender_unbound",
        "The operation takes only tokens that are bound to their sender.",
        "Choose DPoP or a certificate in the application's settings and get a new token.",
    ),
    (
        "sender_mismatch",
        "The token is bound to another client certificate than this connection showed.",
        "Connect with the certificate with which you got the token.",
    ),
    (
        "proof_avoided",
        "The token is bound to a key but came as Bearer.",
        "Send “Authorization: DPoP” and a proof in the DPoP header.",
    ),
    ("proof_missing", "The DPoP scheme came without a proof.", "Send exactly one DPoP header with each request."),
    ("proof_malformed", "The DPoP proof cannot be read.", OWN_PROOF),
    ("proof_forged", "The DPoP proof is not signed by the key that it names.", OWN_PROOF),
    ("proof_misplaced", "The DPoP proof was made for another request or another token.", OWN_PROOF),
    (
        "proof_stale",
        "The DPoP proof is too old, or from the future.",
        "Make a proof for each request, and set your clock right.",
    ),
    (
        "proof_nonce",
        "The gateway wants its nonce in the proof.",
        "Take it from the DPoP-Nonce header of the answer and try again.",
    ),
    (
        "proof_key_wrong",
        "The proof was made with another key than the token is bound to.",
        "Keep the key with which you got the token.",
    ),
    ("proof_replayed", "The proof was used before.", "Make a proof for each request."),
    ("certificate_missing", "The operation needs a client certificate.", "Connect with one."),
    ("certificate_expired", "The client certificate is not valid now.", "Use one within its dates."),
    (
        "certificate_invalid",
        "The client certificate is not accepted here.",
        "Use one that the bank's list of authorities issued.",
    ),
    (
        "role_missing",
        "The client certificate does not grant the role that the operation needs.",
        "Use the certificate of the matching licence.",
    ),
    (
        "role_invalid",
        "The client certificate does not grant the role that the operation needs.",
        "Use the certificate of the matching licence.",
    ),
    (
        "scope_missing",
        "The token does not cover this API.",
        "Ask for the scope that WWW-Authenticate names; the application must have the API in its settings, and the customer must agree.",
    ),
    (
        "grant_wrong",
        "The token is of the wrong kind: the application's own instead of a customer's, or the other way round.",
        "The catalogue says for each operation whose token it takes.",
    ),
    (
        "header_required",
        "A header that the operation requires is missing or malformed.",
        "Compare with the parameters in the catalogue.",
    ),
    (
        "details_missing",
        "The token was not granted what the operation needs.",
        "Name it in authorization_details when you ask the customer.",
    ),
    (
        "consent_mismatch",
        "The token belongs to another consent than the request names.",
        "Use the token that came of this consent.",
    ),
    ("client_mismatch", "The two tokens belong to different applications.", "Use both tokens of one application."),
    (
        "step_up",
        "The customer must have proved more surely who they are: by a one-time code.",
        "Ask the customer again with acr_values=urn:scopegate:acr:otp; WWW-Authenticate names it.",
    ),
    (
        "quota_spent",
        "As many requests were made as the bank allows in that time.",
        "Wait for the seconds in Retry-After; RateLimit says before how many are left.",
    ),
    (
        "too_many_at_once",
        "As many requests are under way as the bank allows at a time.",
        "Wait for the answers of some before the next is sent.",
    ),
    ("upstream_refused", "The API behind the gateway cannot be reached.", ASK_LATER),
    ("upstream_untrusted", "The API behind the gateway could not prove who it is.", ASK_LATER),
    ("upstream_handshake", "The gateway and the API behind it could not agree on a connection.", ASK_LATER),
    ("upstream_invalid", "The API behind the gateway gave no valid answer.", ASK_LATER),
    ("upstream_down", "The API behind the gateway is not available.", ASK_LATER),
    ("upstream_busy", "The API behind the gateway had too much to do.", ASK_LATER),
    ("upstream_late", "The API behind the gateway took too long.", ASK_LATER),
    ("issuer_unreachable", "The gateway could not reach the authorization server to check the token.", ASK_LATER),
    ("introspection_refused", "The gateway was not allowed to ask about the token.", ASK_LATER),
    ("status_unavailable", "The gateway could not learn whether the token was revoked.", ASK_LATER),
    ("status_foreign", "The token names a status list elsewhere.", ASK_LATER),
    ("proofs_full", "The gateway cannot remember more proofs at the moment.", ASK_LATER),
    ("quotas_full", "The gateway cannot count more callers at the moment.", ASK_LATER),
    ("state_unavailable", "The gateway could not ask what other gateways know of the proof or the token.", ASK_LATER),
    ("tunnels_full", "The gateway carries as many connections of another protocol as it may.", ASK_LATER),
    ("issuer_busy", "The gateway is asking about too many tokens at once.", ASK_LATER),
    (
        "audit_unavailable",
        "The gateway could not write down what it decides, and takes nothing until it can.",
        ASK_LATER,
    ),
    ("internal", "The gateway failed.", ASK_LATER),
];
