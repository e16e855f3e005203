//! The roles of payment service providers under PSD2, as certificates and routes name them (TS 119 495 §5.1).

use std::str::FromStr;

/// A role of payment service providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Account servicing.
    Servicing,
    /// Payment initiation.
    Initiation,
    /// Account information.
    Information,
    /// Issuing of card-based payment instruments.
    Issuing,
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Role {
    /// In the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Servicing, Self::Initiation, Self::Information, Self::Issuing];

    /// The name in certificates and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Servicing => "PSP_AS",
            Self::Initiation => "PSP_PI",
            Self::Information => "PSP_AI",
            Self::Issuing => "PSP_IC",
        }
    }

    /// The last arc of its identifier.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Servicing => 1,
            Self::Initiation => 2,
            Self::Information => 3,
            Self::Issuing => 4,
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// Not one of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRole;

impl Roles {
    /// Also this one.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role.number())
    }

    /// Whether one of these is among them.
    pub fn has_one_of(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::default(), Self::with)
    }
}
