//! Account numbers, in the schemes that the bank knows.

use super::fault::{Code, Fault};

/// How an account is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// ISO 13616.
    Iban,
    /// Six digits of sort code and eight of account.
    SortCode,
}

impl Scheme {
    /// The scheme of this name.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "UK.OBIE.IBAN" => Ok(Self::Iban),
            "UK.OBIE.SortCodeAccountNumber" => Ok(Self::SortCode),
            _ => Err(Fault::new(
                Code::SchemeUnsupported,
                "accounts are named by UK.OBIE.IBAN or UK.OBIE.SortCodeAccountNumber",
            )),
        }
    }

    /// As JSON carries it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iban => "UK.OBIE.IBAN",
            Self::SortCode => "UK.OBIE.SortCodeAccountNumber",
        }
    }

    /// Whether `number` can be one of this scheme.
    pub fn check(self, number: &str) -> Result<(), Fault> {
        match self {
            Self::Iban if is_iban(number) => Ok(()),
            Self::Iban => Err(Fault::new(Code::AccountUnsupported, "not an IBAN: check its digits")),
            Self::SortCode if number.len() == 14 && number.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
            Self::SortCode => {
                Err(Fault::new(Code::AccountUnsupported, "six digits of sort code and eight of account number"))
            }
        }
    }

    /// In groups, for people.
    pub(in crate::sandbox) fn text(self, number: &str) -> String {
        let groups: &[usize] = match self {
            Self::Iban => &[4],
            Self::SortCode => &[2, 2, 2, 8],
        };
        let separator = |place: usize| if self == Self::SortCode && place < 2 { '-' } else { ' ' };
        let (mut spaced, mut rest) = (String::new(), number);
        for (place, length) in groups.iter().cycle().enumerate() {
            let Some((group, tail)) = rest.split_at_checked(*length) else { break };
            if place > 0 && !group.is_empty() {
                spaced.push(separator(place - 1));
            }
            spaced.push_str(group);
            rest = tail;
            if rest.is_empty() {
                return spaced;
            }
        }
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced + rest
    }
}

/// The IBAN of a country's own account number, with the check digits of ISO 13616.
pub(in crate::sandbox) fn iban(country: &str, bban: &str) -> String {
    let check = 98 - remainder_97(&format!("{bban}{country}00"));
    format!("{country}{check:02}{bban}")
}

fn is_iban(iban: &str) -> bool {
    let Some((head, rest)) = iban.split_at_checked(4) else { return false };
    let Some((country, check)) = head.split_at_checked(2) else { return false };
    (15..=34).contains(&iban.len())
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && check.bytes().all(|b| b.is_ascii_digit())
        && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && remainder_97(&format!("{rest}{head}")) == 1
}

/// Letters count as 10 to 35.
fn remainder_97(text: &str) -> u32 {
    text.chars().filter_map(|c| c.to_digit(36)).fold(0, |rest, digit| {
        let shift = if digit < 10 { 10 } else { 100 };
        (rest * shift + digit) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_checked_by_their_scheme() {
        let is_good =
            |scheme: &str, number: &str| Scheme::parse(scheme).and_then(|scheme| scheme.check(number)).is_ok();
        assert!(is_good("UK.OBIE.IBAN", "DE89370400440532013000") && is_good("UK.OBIE.IBAN", "GB29NWBK60161331926819"));
        assert!(is_good("UK.OBIE.SortCodeAccountNumber", "08080021325698"));
        for (scheme, number) in [
            ("UK.OBIE.IBAN", "DE88370400440532013000"),
            ("UK.OBIE.IBAN", "de89370400440532013000"),
            ("UK.OBIE.IBAN", "DE89 3704 0044 0532 0130 00"),
            ("UK.OBIE.IBAN", "DE8"),
            ("UK.OBIE.IBAN", "DÉ"),
            ("UK.OBIE.SortCodeAccountNumber", "0808002132569"),
            ("UK.OBIE.SortCodeAccountNumber", "080800213256989"),
            ("UK.OBIE.SortCodeAccountNumber", "08-08-00213256"),
            ("UK.OBIE.PAN", "4000000000000002"),
            ("IBAN", "DE89370400440532013000"),
        ] {
            assert!(!is_good(scheme, number), "{scheme} {number}");
        }
    }

    #[test]
    fn people_read_groups() {
        assert_eq!(Scheme::Iban.text("DE89370400440532013000"), "DE89 3704 0044 0532 0130 00");
        assert_eq!(Scheme::SortCode.text("40321712345678"), "40-32-17 12345678");
    }

    proptest! {
        #[test]
        fn made_ibans_are_good_and_one_wrong_digit_is_not(bban in "[A-Z]{4}[0-9]{14}", place in 8_usize..20, step in 1_u8..10) {
            let iban = iban("GB", &bban);
            prop_assert!(is_iban(&iban), "{iban}");
            let mut wrong = iban.into_bytes();
            wrong[place] = b'0' + (wrong[place] - b'0' + step) % 10;
            prop_assert!(!is_iban(&String::from_utf8(wrong).unwrap()));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,40}") {
            for scheme in [Scheme::Iban, Scheme::SortCode] {
                let _checked = (scheme.check(&text), scheme.text(&text), Scheme::parse(&text));
            }
        }
    }
}
