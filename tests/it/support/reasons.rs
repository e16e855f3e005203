//! What clients are told, by reason: written down a second time, so that a change shows.

/// What a client is told: the class, never the cause (ERR-4, ERR-10).
pub fn description(reason: &str) -> &'static str {
    match reason {
        "token_unreadable" => "The access token is malformed",
        "algorithm_refused" | "key_unknown" | "signature_wrong" => "The access token cannot be verified",
        "type_wrong" => "The token is not an access token",
        "extension_critical" => "The access token has a critical extension that is not understood",
        "issuer_unknown" => "The issuer of the access token is not accepted here",
        "claim_missing" => "The access token lacks a required claim",
        "claim_invalid" => "The access token has an invalid claim",
        "audience_wrong" => "The access token is meant for another resource",
        "token_expired" => "The access token expired",
        "token_inactive" => "The access token is not active",
        "token_revoked" => "The access token was revoked",
        "token_status" => "The access token was revoked or suspended",
        "token_early" => "The access token is not valid yet",
        "sender_unproven" => "The access token is bound to a sender whose proof is not accepted here",
        "sender_unbound" => "The access token is not bound to its sender, which this resource demands",
        "sender_mismatch" => "The access token is bound to another client certificate",
        "proof_avoided" => "The access token is bound to a key: it needs the DPoP scheme and a proof",
        "proof_missing" => "The DPoP scheme needs a DPoP header with one proof",
        "proof_malformed" => "The DPoP proof is malformed",
        "proof_forged" => "The DPoP proof is not signed by its key",
        "proof_misplaced" => "The DPoP proof was made for another request or token",
        "proof_stale" => "The DPoP proof was not made just now",
        "proof_nonce" => "Resource server requires nonce in DPoP proof",
        "proof_key_wrong" => "Invalid DPoP key binding",
        "proof_replayed" => "The DPoP proof was used before",
        "certificate_missing" => "A client certificate is needed",
        "certificate_expired" => "The client certificate is not valid at this time",
        "certificate_invalid" => "The client certificate is not accepted here",
        "certificate_malformed" => "The client certificate cannot be read",
        "role_missing" => "The client certificate lacks the role that this resource needs",
        other => panic!("{other} is no reason to refuse a token"),
    }
}
