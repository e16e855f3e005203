//! The bank's demo customers. Their passwords are printed on the login page: nothing here is a secret.

use super::secret;

/// Somebody who holds accounts at the bank.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Customer {
    /// `sub` in tokens: says nothing about the person.
    pub(super) subject: &'static str,
    /// For the bank's own pages.
    pub(super) name: &'static str,
    /// What is typed into the login form.
    pub(super) user: &'static str,
    /// Likewise.
    pub(super) password: &'static str,
}

/// Four accounts in three currencies.
pub(super) const DENIZ: Customer =
    Customer { subject: "customer-4711", name: "Deniz Arslan", user: "deniz", password: "blue-kettle-42" };
/// A current account, savings and a credit card, in pounds.
pub(super) const AMARA: Customer =
    Customer { subject: "customer-2304", name: "Amara Okafor", user: "amara", password: "quiet-river-17" };
/// A student, with whom funds are short.
pub(super) const JONAS: Customer =
    Customer { subject: "customer-8150", name: "Jonas Weber", user: "jonas", password: "paper-lantern-83" };
/// The owner of a small company.
pub(super) const MEI: Customer =
    Customer { subject: "customer-9917", name: "Mei Lindqvist", user: "mei", password: "green-harbour-58" };

/// Every customer, in the order in which pages list them.
pub(super) static ALL: [Customer; 4] = [DENIZ, AMARA, JONAS, MEI];

/// The customer whose data the login page shows.
pub(super) const DEMO: Customer = DENIZ;

/// The customer with this user name and password; all are compared in full whatever differs.
pub(super) fn with_password(user: &str, password: &str) -> Option<&'static Customer> {
    let mut found = None;
    for customer in &ALL {
        let user_fits = secret::equal(user.as_bytes(), customer.user.as_bytes());
        let password_fits = secret::equal(password.as_bytes(), customer.password.as_bytes());
        if user_fits & password_fits {
            found = Some(customer);
        }
    }
    found
}

/// The customer with this `sub`.
pub(super) fn with_subject(subject: &str) -> Option<&'static Customer> {
    ALL.iter().find(|customer| customer.subject == subject)
}
