//! The words of the OAuth RFCs as types. Pure: no IO, no clock, no runtime.

pub mod algorithm;
pub mod assertion;
pub mod bearer;
pub mod challenge;
pub mod claims;
pub mod grant;
pub mod introspection;
pub mod jwk;
pub mod scope;
