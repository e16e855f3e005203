//! What an account-access consent lets a third party see (`OBInternalPermissions1Code`).

use super::fault::{Code, Fault};
use std::collections::BTreeSet;

/// A closed set of words that serde, tables and pages share.
macro_rules! permissions {
    ($($name:ident,)*) => {
        /// One permission.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the standard's own names")]
        pub enum Permission { $($name,)* }

        impl Permission {
            /// Every permission, in the order of the standard.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As JSON carries it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

permissions! {
    ReadAccountsBasic,
    ReadAccountsDetail,
    ReadBalances,
    ReadBeneficiariesBasic,
    ReadBeneficiariesDetail,
    ReadDirectDebits,
    ReadOffers,
    ReadPAN,
    ReadParty,
    ReadPartyPSU,
    ReadProducts,
    ReadScheduledPaymentsBasic,
    ReadScheduledPaymentsDetail,
    ReadStandingOrdersBasic,
    ReadStandingOrdersDetail,
    ReadStatementsBasic,
    ReadStatementsDetail,
    ReadTransactionsBasic,
    ReadTransactionsCredits,
    ReadTransactionsDebits,
    ReadTransactionsDetail,
}

/// Some permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// All of them.
    #[cfg(test)]
    pub(in crate::sandbox) fn all() -> Self {
        Self(Permission::ALL.iter().copied().collect())
    }

    /// What our own operations show, and no more: where nobody said what is needed, a customer is not asked for the rest.
    pub(in crate::sandbox) fn implied() -> Self {
        Self(IMPLIED.into())
    }

    /// Reads the names that a third party asks for.
    pub fn parse<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, Fault> {
        let find = |name: &str| Permission::ALL.iter().copied().find(|permission| permission.as_str() == name);
        let permissions: Option<BTreeSet<_>> = names.into_iter().map(find).collect();
        let permissions = permissions.ok_or(Fault::new(Code::FieldInvalid, "one of these is no permission"))?;
        let permissions = Self(permissions);
        if permissions.0.is_empty() {
            return Err(Fault::new(Code::FieldInvalid, "at least one permission"));
        }
        let rows = permissions.any(&[Permission::ReadTransactionsCredits, Permission::ReadTransactionsDebits]);
        let columns = permissions.any(&[Permission::ReadTransactionsBasic, Permission::ReadTransactionsDetail]);
        if rows != columns {
            return Err(Fault::new(
                Code::FieldInvalid,
                "transactions take both ReadTransactionsBasic or …Detail, and ReadTransactionsCredits or …Debits",
            ));
        }
        Ok(permissions)
    }

    /// Those of a text that [`Permissions::text`] made.
    pub(in crate::sandbox) fn of_text(text: &str) -> Self {
        let is_named = |permission: &Permission| text.split(' ').any(|name| name == permission.as_str());
        Self(Permission::ALL.iter().copied().filter(is_named).collect())
    }

    /// Their names with a space between.
    pub(in crate::sandbox) fn text(&self) -> String {
        self.names().collect::<Vec<_>>().join(" ")
    }

    /// Their names.
    pub(in crate::sandbox) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|permission| permission.as_str())
    }

    /// Whether `permission` is among them.
    pub(in crate::sandbox) fn has(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// Whether one of these is among them.
    pub(in crate::sandbox) fn any(&self, permissions: &[Permission]) -> bool {
        permissions.iter().any(|permission| self.has(*permission))
    }
}

const IMPLIED: [Permission; 5] = [
    Permission::ReadAccountsDetail,
    Permission::ReadBalances,
    Permission::ReadTransactionsCredits,
    Permission::ReadTransactionsDebits,
    Permission::ReadTransactionsDetail,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_exact_and_go_together() {
        let parse = |names: &str| Permissions::parse(names.split_whitespace());
        for good in [
            "ReadBalances",
            "ReadAccountsBasic ReadAccountsBasic",
            "ReadTransactionsBasic ReadTransactionsCredits",
            "ReadTransactionsDetail ReadTransactionsDebits ReadPAN",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "readBalances",
            "ReadBalances*",
            "ReadTransactionsBasic",
            "ReadTransactionsCredits ReadBalances",
            "WriteBalances",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let all = Permissions::all();
        assert_eq!(Permissions::of_text(&all.text()), all);
        assert_eq!(Permissions::parse(all.names()), Ok(all));
        assert_eq!(Permissions::of_text(""), Permissions::default());
    }
}
