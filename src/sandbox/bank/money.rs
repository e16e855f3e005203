//! Amounts of money: text on the wire because binary fractions lose pence, whole pence inside.

use super::fault::{Code, Fault};
use serde_json::{Value, json};

/// An amount of a currency, never negative: the direction is told beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// In hundredths.
    pub minor: i64,
    /// Of what.
    pub currency: Currency,
}

/// The currencies in which accounts are held here; each has two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Currency {
    /// Euro.
    Eur,
    /// Pound sterling.
    Gbp,
    /// Turkish lira.
    Try,
}

impl Money {
    /// Reads `Amount`: digits, and up to two after the point; more are allowed by the standard and taken where they are
    /// zeros. An amount that is nothing is none.
    pub fn parse_amount(text: &str) -> Result<i64, Fault> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) || whole.len() > WHOLE_DIGITS_MAX {
            return Err(Fault::new(Code::FieldInvalid, "an amount is 1 to 13 digits, and a point with 1 or 2 more"));
        }
        if fraction.len() > FRACTION_DIGITS_MAX || fraction.bytes().skip(2).any(|b| b != b'0') {
            return Err(Fault::new(Code::FieldInvalid, "the currency has two decimals"));
        }
        let hundredths = format!("{fraction:0<2}").chars().take(2).collect::<String>();
        match format!("{whole}{hundredths}").parse() {
            Ok(minor) if minor > 0 => Ok(minor),
            Ok(_) | Err(_) => Err(Fault::new(Code::FieldInvalid, "an amount must be more than nothing")),
        }
    }

    /// As JSON carries it.
    pub(super) fn json(self) -> Value {
        json!({ "Amount": decimal(self.minor), "Currency": self.currency.as_str() })
    }

    /// `£1,204.50`, for people.
    pub(in crate::sandbox) fn text(self) -> String {
        let decimal = decimal(self.minor);
        let (whole, hundredths) = decimal.split_once('.').unwrap_or((&decimal, "00"));
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let sign = if self.minor < 0 { "−" } else { "" };
        format!("{sign}{}{grouped}.{hundredths}", self.currency.symbol())
    }
}

impl Currency {
    /// Every currency.
    pub const ALL: [Self; 3] = [Self::Eur, Self::Gbp, Self::Try];

    /// ISO 4217.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Try => "TRY",
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Eur => "€",
            Self::Gbp => "£",
            Self::Try => "₺",
        }
    }

    /// The currency of this name.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let is_code = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if !is_code {
            return Err(Fault::new(Code::FieldInvalid, "a currency is three capital letters (ISO 4217)"));
        }
        let known = Self::ALL.into_iter().find(|currency| currency.as_str() == text);
        known.ok_or(Fault::new(Code::CurrencyUnsupported, "this bank pays in EUR, GBP and TRY"))
    }
}

/// Without the sign, which the wire tells as credit or debit.
pub(super) fn decimal(minor: i64) -> String {
    let minor = minor.unsigned_abs();
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// `OBActiveCurrencyAndAmount_SimpleType`
const WHOLE_DIGITS_MAX: usize = 13;
const FRACTION_DIGITS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_to_the_penny() {
        for (text, minor) in [
            ("12.50", 1_250),
            ("12.5", 1_250),
            ("12", 1_200),
            ("0.01", 1),
            ("007", 700),
            ("1.50000", 150),
            ("9999999999999.99", 999_999_999_999_999),
        ] {
            assert_eq!(Money::parse_amount(text).ok(), Some(minor), "{text}");
        }
        for bad in [
            "",
            ".",
            "12.",
            ".50",
            "-1.00",
            "+1.00",
            "1e3",
            "0",
            "0.00",
            "1,00",
            "1.005",
            "1.500000",
            "12345678901234",
            " 1",
            "１",
        ] {
            assert!(Money::parse_amount(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_are_named_exactly() {
        assert_eq!(Currency::parse("GBP").ok(), Some(Currency::Gbp));
        for (bad, code) in
            [("gbp", Code::FieldInvalid), ("GBPX", Code::FieldInvalid), ("USD", Code::CurrencyUnsupported)]
        {
            assert_eq!(Currency::parse(bad).unwrap_err().code(), code, "{bad}");
        }
    }

    #[test]
    fn people_read_thousands() {
        let money = |minor| Money { minor, currency: Currency::Gbp }.text();
        assert_eq!([money(5), money(120_450), money(-123_456_789)], ["£0.05", "£1,204.50", "−£1,234,567.89"]);
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(minor in 1..=999_999_999_999_999_i64) {
            prop_assert_eq!(Money::parse_amount(&decimal(minor)).ok(), Some(minor));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,30}", number in "[0-9.]{0,30}") {
            for text in [text, number] {
                let _read = (Money::parse_amount(&text), Currency::parse(&text));
            }
        }
    }
}
