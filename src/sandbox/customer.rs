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

/// The customer whose data the login page shows.
pub(super) const DEMO: Customer =
    Customer { subject: "customer-4711", name: "Deniz Arslan", user: "deniz", password: "blue-kettle-42" };

/// The customer with this user name and password; both are compared in full whatever differs.
pub(super) fn with_password(user: &str, password: &str) -> Option<&'static Customer> {
    let user_fits = secret::equal(user.as_bytes(), DEMO.user.as_bytes());
    let password_fits = secret::equal(password.as_bytes(), DEMO.password.as_bytes());
    (user_fits & password_fits).then_some(&DEMO)
}

/// The customer with this `sub`.
pub(super) fn with_subject(subject: &str) -> Option<&'static Customer> {
    (subject == DEMO.subject).then_some(&DEMO)
}
