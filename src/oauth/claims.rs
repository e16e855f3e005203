//! The claims of an access token (RFC 9068 §2.2).
