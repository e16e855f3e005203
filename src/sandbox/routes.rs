//! What the gateway lets through to the banking APIs, and on which terms: what a bank's API team tells its operators.

use super::scopes::Api;

/// One operation of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Whose it is: its path goes before, its scope is needed, its audience must be the token's.
    pub api: Api,
    /// In the API's OpenAPI document's words.
    pub path: &'static str,
    /// The method.
    pub method: &'static str,
    /// Whose token opens it.
    pub access: Access,
}

/// Whose token opens an operation. UK Open Banking tells the two apart for each: a token of the wrong one is refused,
/// whatever its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The application's own.
    Client,
    /// A customer's, who agreed.
    Customer,
    /// A customer's, who proved with a one-time code who they are.
    CustomerWithCode,
}

const fn aisp(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { api: Api::AccountInformation, path, method, access }
}

const fn pisp(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { api: Api::PaymentInitiation, path, method, access }
}

const fn cbpii(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { api: Api::FundsConfirmation, path, method, access }
}

/// Every operation.
pub const ROUTES: &[Route] = &[
    aisp("POST", "/account-access-consents", Access::Client),
    aisp("GET", "/account-access-consents/{ConsentId}", Access::Client),
    aisp("DELETE", "/account-access-consents/{ConsentId}", Access::Client),
    aisp("GET", "/accounts", Access::Customer),
    aisp("GET", "/accounts/{AccountId}", Access::Customer),
    aisp("GET", "/accounts/{AccountId}/balances", Access::Customer),
    aisp("GET", "/accounts/{AccountId}/transactions", Access::Customer),
    aisp("GET", "/balances", Access::Customer),
    aisp("GET", "/transactions", Access::Customer),
    pisp("POST", "/domestic-payment-consents", Access::Client),
    pisp("GET", "/domestic-payment-consents/{ConsentId}", Access::Client),
    pisp("GET", "/domestic-payment-consents/{ConsentId}/funds-confirmation", Access::Customer),
    pisp("POST", "/domestic-payments", Access::CustomerWithCode),
    pisp("GET", "/domestic-payments/{DomesticPaymentId}", Access::Client),
    cbpii("POST", "/funds-confirmation-consents", Access::Client),
    cbpii("GET", "/funds-confirmation-consents/{ConsentId}", Access::Client),
    cbpii("DELETE", "/funds-confirmation-consents/{ConsentId}", Access::Client),
    cbpii("POST", "/funds-confirmations", Access::Customer),
];
