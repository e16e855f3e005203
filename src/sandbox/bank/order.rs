//! What a third party asks the bank to pay (`OBDomestic2`), read strictly: hostile until it came through here.

use super::body::{self, Faults, Fields};
use super::fault::{Code, Fault};
use super::money::{Currency, Money};
use super::number::Scheme;
use serde_json::{Map, Value, json};

/// A payment that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// How much.
    pub amount: Money,
    /// Who gets it.
    pub creditor: Party,
    /// Who pays, if the third party knows.
    pub debtor: Option<Party>,
    /// What both read on their statements; may be empty.
    pub reference: String,
}

/// An account somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// How it is numbered.
    pub scheme: Scheme,
    /// Its number.
    pub number: String,
    /// On whose name it is held; may be empty.
    pub name: String,
}

/// An order with the words in which it was given, which are played back and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What it says.
    pub order: Order,
    /// `Initiation` and `Risk`.
    pub words: Value,
}

impl Given {
    /// Reads `OBWriteDomesticConsent4`.
    pub fn consent(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        read(bytes, |_| Some(())).map(|((), given)| given)
    }

    /// Reads `OBWriteDomestic2`: an order under a consent.
    pub fn submission(bytes: &[u8]) -> Result<(String, Self), Vec<Fault>> {
        read(bytes, |data| data.text("ConsentId", ID_CHARS_MAX).map(str::to_owned))
    }

    /// Reads words that were kept.
    pub(in crate::sandbox) fn kept(words: &str) -> Option<Self> {
        let words: Value = serde_json::from_str(words).ok()?;
        let members = words.as_object()?;
        let faults = Faults::default();
        let order = order(Fields::root(members, &faults).object("Initiation")?);
        let order = faults.check(order).ok()?;
        Some(Self { order, words })
    }

    /// Where this order differs from `other`, which it must repeat.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = |name| self.words.get(name) != other.words.get(name);
        match (differs("Initiation"), differs("Risk")) {
            (true, _) => Some("Data.Initiation"),
            (false, true) => Some("Risk"),
            (false, false) => None,
        }
    }

    /// As the third party wrote it.
    pub(super) fn initiation(&self) -> &Value {
        self.words.get("Initiation").unwrap_or(&Value::Null)
    }

    /// Likewise.
    pub(super) fn risk(&self) -> &Value {
        self.words.get("Risk").unwrap_or(&Value::Null)
    }
}

fn read<T>(bytes: &[u8], more: impl FnOnce(&Fields<'_>) -> Option<T>) -> Result<(T, Given), Vec<Fault>> {
    let members = body::object(bytes)?;
    let faults = Faults::default();
    let root = Fields::root(&members, &faults);
    let read = root.object("Data").map(|data| {
        let read = (more(&data), data.object("Initiation").and_then(order));
        data.close();
        read
    });
    if let Some(fields) = root.object("Risk") {
        risk(fields);
    }
    root.close();
    let words = json!({ "Initiation": member(&members, "Data", "Initiation"), "Risk": members.get("Risk") });
    let read = read.and_then(|(more, order)| more.zip(order));
    faults.check(read).map(|(more, order)| (more, Given { order, words }))
}

fn member<'m>(members: &'m Map<String, Value>, outer: &str, inner: &str) -> Option<&'m Value> {
    members.get(outer)?.get(inner)
}

fn order(fields: Fields<'_>) -> Option<Order> {
    let instruction = fields.text("InstructionIdentification", 35);
    let end_to_end = fields.text("EndToEndIdentification", 35);
    fields.optional_parsed("LocalInstrument", local_instrument);
    let amount = fields.object("InstructedAmount").and_then(money);
    let creditor = fields.object("CreditorAccount").and_then(|fields| party(fields, Name::Needed));
    let debtor = fields.optional_object("DebtorAccount").and_then(|fields| party(fields, Name::Optional));
    let reference = fields.optional_object("RemittanceInformation").map(remittance).unwrap_or_default();
    fields.close();
    instruction.and(end_to_end)?;
    Some(Order { amount: amount?, creditor: creditor?, debtor, reference })
}

/// `OBActiveOrHistoricCurrencyAndAmount`
pub(super) fn money(fields: Fields<'_>) -> Option<Money> {
    let minor = fields.parsed("Amount", Money::parse_amount);
    let currency = fields.parsed("Currency", Currency::parse);
    fields.close();
    Some(Money { minor: minor?, currency: currency? })
}

/// Whether an account must say on whose name it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Needed,
    Optional,
}

/// `OBCashAccountCreditor3` and `OBCashAccountDebtor4`
pub(super) fn party(fields: Fields<'_>, name: Name) -> Option<Party> {
    let scheme = fields.parsed("SchemeName", Scheme::parse);
    let number = fields.text("Identification", 256);
    let is_needed = name == Name::Needed;
    let name = if is_needed { fields.text("Name", 350) } else { fields.optional_text("Name", 350) };
    fields.optional_text("SecondaryIdentification", 34);
    let number = scheme.zip(number).and_then(|(scheme, number)| {
        scheme.check(number).map_err(|fault| fields.refuse("Identification", fault)).ok()?;
        Some((scheme, number.to_owned()))
    });
    fields.close();
    let (scheme, number) = number?;
    let name = if is_needed { name? } else { name.unwrap_or_default() };
    Some(Party { scheme, number, name: name.to_owned() })
}

/// The structured reference if there is one, else the words.
fn remittance(fields: Fields<'_>) -> String {
    let words = fields.optional_texts("Unstructured", 140).join(" ");
    let mut reference = None;
    for structured in fields.optional_objects("Structured") {
        if let Some(creditor) = structured.optional_object("CreditorReferenceInformation") {
            reference = reference.or(creditor.optional_text("Reference", 35).map(str::to_owned));
            creditor.close();
        }
        structured.close();
    }
    fields.close();
    reference.unwrap_or(words)
}

/// `OBRisk1`, of which nothing is used and all is compared.
fn risk(fields: Fields<'_>) {
    fields.optional_parsed("PaymentContextCode", |text| {
        let is_known = PAYMENT_CONTEXTS.contains(&text);
        if is_known { Ok(()) } else { Err(Fault::new(Code::FieldInvalid, "not one of the standard's contexts")) }
    });
    fields.optional_parsed("MerchantCategoryCode", |text| {
        let is_code = (3..=4).contains(&text.chars().count());
        if is_code { Ok(()) } else { Err(Fault::new(Code::FieldInvalid, "three or four characters (ISO 18245)")) }
    });
    fields.optional_text("MerchantCustomerIdentification", 70);
    fields.optional_truth("ContractPresentIndicator");
    fields.optional_truth("BeneficiaryPrepopulatedIndicator");
    fields.close();
}

fn local_instrument(text: &str) -> Result<(), Fault> {
    let is_known = LOCAL_INSTRUMENTS.contains(&text);
    if is_known { Ok(()) } else { Err(Fault::new(Code::FieldInvalid, "not a scheme of payments that this bank uses")) }
}

/// `OBInternalLocalInstrument1Code`, as far as it is paid by here.
const LOCAL_INSTRUMENTS: [&str; 5] =
    ["UK.OBIE.FPS", "UK.OBIE.BACS", "UK.OBIE.CHAPS", "UK.OBIE.SEPACreditTransfer", "UK.OBIE.SEPAInstantCreditTransfer"];
/// `OBInternalPaymentContext1Code`
const PAYMENT_CONTEXTS: [&str; 7] = [
    "BillingGoodsAndServicesInAdvance",
    "BillingGoodsAndServicesInArrears",
    "EcommerceMerchantInitiatedPayment",
    "FaceToFacePointOfSale",
    "TransferToSelf",
    "TransferToThirdParty",
    "Other",
];
/// `Max128Text`
pub(super) const ID_CHARS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::sandbox) fn body() -> Value {
        json!({
            "Data": { "Initiation": {
                "InstructionIdentification": "ACME412", "EndToEndIdentification": "FRESCO.21302.GFX.20",
                "LocalInstrument": "UK.OBIE.FPS",
                "InstructedAmount": { "Amount": "165.88", "Currency": "GBP" },
                "CreditorAccount": { "SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "08080021325698", "Name": "ACME Inc" },
                "DebtorAccount": { "SchemeName": "UK.OBIE.IBAN", "Identification": "DE89370400440532013000" },
                "RemittanceInformation": { "Unstructured": ["Internal ops code 5120101"],
                    "Structured": [{ "CreditorReferenceInformation": { "Reference": "FRESCO-101" } }] },
            } },
            "Risk": { "PaymentContextCode": "EcommerceMerchantInitiatedPayment", "MerchantCategoryCode": "5967",
                "MerchantCustomerIdentification": "053598653254", "ContractPresentIndicator": true },
        })
    }

    fn faults(body: &Value) -> Vec<String> {
        let faults = Given::consent(body.to_string().as_bytes()).err().unwrap_or_default();
        faults.iter().map(|fault| format!("{} {}", fault.code().as_str(), fault.path())).collect()
    }

    #[test]
    fn an_order_is_read_whole() {
        let given = Given::consent(body().to_string().as_bytes()).unwrap();
        let order = &given.order;
        assert_eq!((order.amount.minor, order.amount.currency), (16_588, Currency::Gbp));
        assert_eq!((order.creditor.name.as_str(), order.reference.as_str()), ("ACME Inc", "FRESCO-101"));
        assert_eq!(order.debtor.as_ref().map(|debtor| debtor.scheme), Some(Scheme::Iban));
        assert_eq!(given.initiation(), &body()["Data"]["Initiation"]);
        assert_eq!(Given::kept(&given.words.to_string()), Some(given));
    }

    #[test]
    fn what_it_cannot_mean_is_refused_where_it_stands() {
        for (pointer, value, expected) in [
            (
                "/Data/Initiation/InstructedAmount/Amount",
                json!("1.005"),
                "U002 Data.Initiation.InstructedAmount.Amount",
            ),
            ("/Data/Initiation/InstructedAmount/Amount", json!(5), "U002 Data.Initiation.InstructedAmount.Amount"),
            (
                "/Data/Initiation/InstructedAmount/Currency",
                json!("JPY"),
                "U023 Data.Initiation.InstructedAmount.Currency",
            ),
            (
                "/Data/Initiation/CreditorAccount/SchemeName",
                json!("UK.OBIE.PAN"),
                "U027 Data.Initiation.CreditorAccount.SchemeName",
            ),
            (
                "/Data/Initiation/CreditorAccount/Identification",
                json!("1"),
                "U021 Data.Initiation.CreditorAccount.Identification",
            ),
            ("/Data/Initiation/CreditorAccount/Name", json!("  "), "U002 Data.Initiation.CreditorAccount.Name"),
            (
                "/Data/Initiation/InstructionIdentification",
                json!("x".repeat(36)),
                "U002 Data.Initiation.InstructionIdentification",
            ),
            ("/Data/Initiation/LocalInstrument", json!("UK.OBIE.Paym"), "U002 Data.Initiation.LocalInstrument"),
            (
                "/Data/Initiation/RemittanceInformation/Unstructured",
                json!("x"),
                "U002 Data.Initiation.RemittanceInformation.Unstructured",
            ),
            ("/Risk/PaymentContextCode", json!("Gift"), "U002 Risk.PaymentContextCode"),
            ("/Risk", json!([]), "U002 Risk"),
        ] {
            let mut body = body();
            *body.pointer_mut(pointer).unwrap() = value;
            assert_eq!(faults(&body), [expected], "{pointer}");
        }
        let mut more = body();
        more["Data"]["Initiation"]["Tip"] = json!("1.00");
        more["Data"]["ConsentId"] = json!("pc-1");
        assert_eq!(faults(&more), ["U005 Data.Initiation.Tip", "U005 Data.ConsentId"]);
        assert_eq!(faults(&json!({})), ["U004 Data", "U004 Risk"]);
    }

    #[test]
    fn a_submission_repeats_its_consent() {
        let consent = Given::consent(body().to_string().as_bytes()).unwrap();
        let submit = |change: &dyn Fn(&mut Value)| {
            let mut body = body();
            body["Data"]["ConsentId"] = json!("pc-1");
            change(&mut body);
            Given::submission(body.to_string().as_bytes()).unwrap()
        };
        let (id, given) = submit(&|_| ());
        assert_eq!((id.as_str(), given.difference(&consent)), ("pc-1", None));
        let (_, dearer) = submit(&|body| body["Data"]["Initiation"]["InstructedAmount"]["Amount"] = json!("165.89"));
        assert_eq!(dearer.difference(&consent), Some("Data.Initiation"));
        let (_, riskier) = submit(&|body| body["Risk"]["ContractPresentIndicator"] = json!(false));
        assert_eq!(riskier.difference(&consent), Some("Risk"));
        assert!(Given::submission(body().to_string().as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(text in "\\PC{0,200}", cut in 0_usize..700, with in "\\PC{0,3}") {
            let mut body = body().to_string();
            let cut = (0..=cut.min(body.len())).rev().find(|at| body.is_char_boundary(*at)).unwrap_or_default();
            body.insert_str(cut, &with);
            for body in [text, body] {
                if let Ok(given) = Given::consent(body.as_bytes()) {
                    prop_assert!(given.order.amount.minor > 0);
                    prop_assert_eq!(Given::kept(&given.words.to_string()), Some(given));
                }
            }
        }
    }
}
