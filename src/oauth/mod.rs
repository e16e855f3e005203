//! The words of the OAuth RFCs as types. Pure: no IO, no clock, no runtime.

pub mod algorithm;
mod base64url;
pub mod bearer;
pub mod certificate;
pub mod challenge;
pub mod claims;
pub mod client_assertion;
pub mod confirmation;
pub mod der;
pub mod dpop;
pub mod grant;
pub mod introspection;
pub mod json;
pub mod jwk;
pub mod jws;
mod member;
pub mod metadata;
pub mod origin;
pub mod resource;
mod roca;
pub mod role;
pub mod scope;
pub mod security_event;
pub mod server_certificate;
pub mod signer;
pub mod status_list;
pub mod subject;
