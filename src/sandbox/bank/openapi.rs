//! The APIs' own documents (OpenAPI 3.0): what a developer reads, and what tests hold the APIs to.

use crate::sandbox::scopes::Api;

/// The document of one API, for a gateway and an authorization server at these origins.
pub(in crate::sandbox) fn document(api: Api, gateway: &str, issuer: &str) -> String {
    let text = match api {
        Api::AccountInformation => include_str!("openapi/account-information.yaml"),
        Api::PaymentInitiation => include_str!("openapi/payment-initiation.yaml"),
        Api::FundsConfirmation => include_str!("openapi/funds-confirmation.yaml"),
    };
    text.replace(GATEWAY, gateway).replace(ISSUER, issuer)
}

/// The name under which it is kept and offered.
pub(in crate::sandbox) fn file_name(api: Api) -> &'static str {
    match api {
        Api::AccountInformation => "account-information.yaml",
        Api::PaymentInitiation => "payment-initiation.yaml",
        Api::FundsConfirmation => "funds-confirmation.yaml",
    }
}

/// What stands in the files for the two origins.
const GATEWAY: &str = "https://gateway.example";
const ISSUER: &str = "https://issuer.example";
