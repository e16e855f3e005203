//! Every operation of the banking APIs, once: what the gateway is configured with, what the router serves and what the
//! documents describe, which a test compares.

use crate::sandbox::scopes::Api;
use crate::sandbox::store::Acr;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub(in crate::sandbox) api: Api,
    /// `GET`, `POST`, `DELETE`.
    pub(in crate::sandbox) method: &'static str,
    /// Behind the API's own path: `/accounts/{AccountId}`.
    pub(in crate::sandbox) path: &'static str,
    pub(in crate::sandbox) whose: Whose,
}

/// Whose token an operation takes (OB-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Whose {
    /// The application's own: client credentials.
    Application,
    /// A customer's: authorization code.
    Customer,
}

impl Operation {
    /// The path at the gateway, as a template of its configuration.
    pub fn template(&self) -> String {
        format!("{}{}", self.api.path(), self.path)
    }

    /// The method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The scope that a token needs.
    pub fn scope(&self) -> &'static str {
        self.api.scope()
    }

    /// The grant by which it must have been obtained.
    pub fn grant(&self) -> &'static str {
        match self.whose {
            Whose::Application => "client_credentials",
            Whose::Customer => "authorization_code",
        }
    }

    /// How the customer must have proved who they are, if a password is not enough: money leaves.
    pub fn acr(&self) -> Option<&'static str> {
        let pays = self.api == Api::PaymentInitiation && self.whose == Whose::Customer && self.method == "POST";
        pays.then(|| Acr::OneTimeCode.as_str())
    }

    /// What stands in a token's `aud`, behind the gateway's origin.
    pub fn audience_path(&self) -> &'static str {
        self.api.path()
    }
}

const fn aisp(whose: Whose, method: &'static str, path: &'static str) -> Operation {
    Operation { api: Api::AccountInformation, method, path, whose }
}

const fn pisp(whose: Whose, method: &'static str, path: &'static str) -> Operation {
    Operation { api: Api::PaymentInitiation, method, path, whose }
}

const fn cbpii(whose: Whose, method: &'static str, path: &'static str) -> Operation {
    Operation { api: Api::FundsConfirmation, method, path, whose }
}

/// OB-2, OB-3, OB-4.
pub const ALL: [Operation; 18] = [
    aisp(Whose::Application, "POST", "/account-access-consents"),
    aisp(Whose::Application, "GET", "/account-access-consents/{ConsentId}"),
    aisp(Whose::Application, "DELETE", "/account-access-consents/{ConsentId}"),
    aisp(Whose::Customer, "GET", "/accounts"),
    aisp(Whose::Customer, "GET", "/accounts/{AccountId}"),
    aisp(Whose::Customer, "GET", "/accounts/{AccountId}/balances"),
    aisp(Whose::Customer, "GET", "/accounts/{AccountId}/transactions"),
    aisp(Whose::Customer, "GET", "/balances"),
    aisp(Whose::Customer, "GET", "/transactions"),
    pisp(Whose::Application, "POST", "/domestic-payment-consents"),
    pisp(Whose::Application, "GET", "/domestic-payment-consents/{ConsentId}"),
    pisp(Whose::Customer, "GET", "/domestic-payment-consents/{ConsentId}/funds-confirmation"),
    pisp(Whose::Customer, "POST", "/domestic-payments"),
    pisp(Whose::Application, "GET", "/domestic-payments/{DomesticPaymentId}"),
    cbpii(Whose::Application, "POST", "/funds-confirmation-consents"),
    cbpii(Whose::Application, "GET", "/funds-confirmation-consents/{ConsentId}"),
    cbpii(Whose::Application, "DELETE", "/funds-confirmation-consents/{ConsentId}"),
    cbpii(Whose::Customer, "POST", "/funds-confirmations"),
];
