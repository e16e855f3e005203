//! Whom a test payment pays how much: the form, and the consent that is asked for with it.

use crate::sandbox::bank::money::Money;
use crate::sandbox::bank::number::Scheme;
use crate::sandbox::form::Params;
use crate::sandbox::store::Walk;
use serde_json::{Value, json};

/// Whom to pay how much.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) amount: String,
    pub(super) payee: String,
    pub(super) account: String,
    pub(super) reference: String,
}

/// What is wrong, field by field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) amount: Option<&'static str>,
    pub(super) payee: Option<&'static str>,
    pub(super) account: Option<&'static str>,
    pub(super) reference: Option<&'static str>,
}

impl Draft {
    /// Something to begin with.
    pub(super) fn example() -> Self {
        let [amount, payee, account, reference] =
            ["12.50", "Ada Books", "08080021325698", "Order 77"].map(str::to_owned);
        Self { amount, payee, account, reference }
    }

    /// As it was filled in.
    pub(super) fn read(params: &Params) -> Self {
        let text = |name| params.get(name).unwrap_or_default().trim().to_owned();
        Self { amount: text("amount"), payee: text("payee"), account: text("account"), reference: text("reference") }
    }

    /// As it was sent.
    pub(super) fn of(walk: &Walk) -> Self {
        let body: Value = serde_json::from_str(&walk.request).unwrap_or_default();
        let text = |pointer: &str| {
            let value = body.pointer(&format!("/Data/Initiation/{pointer}"));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            amount: text("InstructedAmount/Amount"),
            payee: text("CreditorAccount/Name"),
            account: text("CreditorAccount/Identification"),
            reference: text("RemittanceInformation/Unstructured/0"),
        }
    }

    /// What a bank would not take.
    pub(super) fn faults(&self) -> Faults {
        let long = |text: &str, max| text.chars().count() > max;
        Faults {
            amount: Money::parse_amount(&self.amount).is_err().then_some("Write pounds and pence: 12.50"),
            payee: (self.payee.is_empty() || long(&self.payee, PAYEE_CHARS_MAX))
                .then_some("Say who is paid, in at most 70 characters."),
            account: Scheme::SortCode
                .check(&self.account)
                .is_err()
                .then_some("Write six digits of sort code and eight of account number, without spaces."),
            reference: long(&self.reference, REFERENCE_CHARS_MAX).then_some("Keep it to 35 characters."),
        }
    }

    /// `OBWriteDomesticConsent4`
    pub(super) fn consent(&self, id: &str) -> Value {
        let mut initiation = json!({
            "InstructionIdentification": id,
            "EndToEndIdentification": id,
            "InstructedAmount": { "Amount": self.amount, "Currency": "GBP" },
            "CreditorAccount": {
                "SchemeName": Scheme::SortCode.as_str(),
                "Identification": self.account,
                "Name": self.payee,
            },
        });
        if let (false, Some(fields)) = (self.reference.is_empty(), initiation.as_object_mut()) {
            fields.insert("RemittanceInformation".to_owned(), json!({ "Unstructured": [self.reference] }));
        }
        let risk = json!({ "PaymentContextCode": "EcommerceMerchantInitiatedPayment" });
        json!({ "Data": { "Initiation": initiation }, "Risk": risk })
    }

    /// For the pages.
    pub(super) fn number(&self) -> String {
        Scheme::SortCode.text(&self.account)
    }
}

const PAYEE_CHARS_MAX: usize = 70;
const REFERENCE_CHARS_MAX: usize = 35;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_held_to_what_a_bank_takes() {
        let faults = |change: fn(&mut Draft)| {
            let mut draft = Draft::example();
            change(&mut draft);
            let Faults { amount, payee, account, reference } = draft.faults();
            [amount, payee, account, reference].map(|fault| fault.is_some())
        };
        assert_eq!(faults(|_| ()), [false; 4]);
        assert_eq!(faults(|draft| draft.amount = "12,50".to_owned()), [true, false, false, false]);
        assert_eq!(faults(|draft| draft.amount = "0.00".to_owned()), [true, false, false, false]);
        assert_eq!(faults(|draft| draft.payee.clear()), [false, true, false, false]);
        assert_eq!(faults(|draft| draft.payee = "a".repeat(PAYEE_CHARS_MAX + 1)), [false, true, false, false]);
        assert_eq!(faults(|draft| draft.payee = "ç".repeat(PAYEE_CHARS_MAX)), [false; 4]);
        assert_eq!(faults(|draft| draft.account = "0808002132569".to_owned()), [false, false, true, false]);
        assert_eq!(faults(|draft| draft.reference = "a".repeat(REFERENCE_CHARS_MAX + 1)), [false, false, false, true]);
        assert_eq!(faults(|draft| draft.reference.clear()), [false; 4]);
    }
}
