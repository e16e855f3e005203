//! The words of the OAuth RFCs as types. Pure: no IO, no clock, no runtime.

pub mod algorithm;
pub mod assertion;
pub mod bearer;
pub mod challenge;
pub mod claims;
pub mod confirmation;
pub mod dpop;
pub mod grant;
pub mod introspection;
pub mod jwk;
pub mod jws;
pub mod origin;
pub mod scope;
