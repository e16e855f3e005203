//! `authorization_details` (RFC 9396): which consents, created before through the APIs, an application asks for.

use crate::sandbox::scopes::Api;
use serde::{Deserialize, Serialize};

/// At most one consent of each API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct Details(Vec<Detail>);

/// One consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Detail {
    /// Whose it is.
    pub(in crate::sandbox) api: Api,
    /// Its name at that API.
    pub(in crate::sandbox) consent_id: String,
}

/// The text is not a list of ours: RFC 9396 §5 wants unknown types and unknown fields refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct BadDetails;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    r#type: String,
    consent_id: String,
}

impl Details {
    /// Reads the parameter.
    pub(in crate::sandbox) fn parse(json: &str) -> Result<Self, BadDetails> {
        if json.len() > DETAILS_BYTES_MAX {
            return Err(BadDetails);
        }
        let list: Vec<Written> = serde_json::from_str(json).map_err(|_| BadDetails)?;
        let mut details = Self::default();
        for written in list {
            let api = api_of(&written.r#type).ok_or(BadDetails)?;
            details.add(api, written.consent_id)?;
        }
        Ok(details)
    }

    /// The one consent of the parameter `consent_id`, whose API its first letters tell.
    pub(in crate::sandbox) fn of_consent(consent_id: &str) -> Result<Self, BadDetails> {
        let api = Api::ALL.into_iter().find(|api| consent_id.starts_with(prefix(*api))).ok_or(BadDetails)?;
        let mut details = Self::default();
        details.add(api, consent_id.to_owned())?;
        Ok(details)
    }

    /// Adds a consent.
    pub(in crate::sandbox) fn add(&mut self, api: Api, consent_id: String) -> Result<(), BadDetails> {
        let is_id = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let fits = (1..=CONSENT_ID_BYTES_MAX).contains(&consent_id.len()) && consent_id.bytes().all(is_id);
        if !fits || self.consent(api).is_some() {
            return Err(BadDetails);
        }
        self.0.push(Detail { api, consent_id });
        Ok(())
    }

    /// The consent of `api`.
    pub(in crate::sandbox) fn consent(&self, api: Api) -> Option<&str> {
        self.0.iter().find(|detail| detail.api == api).map(|detail| detail.consent_id.as_str())
    }

    /// Each consent.
    pub(in crate::sandbox) fn iter(&self) -> impl Iterator<Item = &Detail> {
        self.0.iter()
    }

    /// As requests and token responses carry it.
    pub(in crate::sandbox) fn to_json(&self) -> String {
        let list: Vec<_> = self.0.iter().map(Detail::written).collect();
        serde_json::to_string(&list).expect("a list of texts is JSON")
    }
}

impl Detail {
    fn written(&self) -> Written {
        Written { r#type: type_of(self.api).to_owned(), consent_id: self.consent_id.clone() }
    }
}

/// The type of a detail of `api`.
pub(in crate::sandbox) fn type_of(api: Api) -> &'static str {
    match api {
        Api::AccountInformation => "account_access",
        Api::PaymentInitiation => "payment",
        Api::FundsConfirmation => "funds_confirmation",
    }
}

fn api_of(r#type: &str) -> Option<Api> {
    Api::ALL.into_iter().find(|api| type_of(*api) == r#type)
}

/// How the ids of an API's consents begin.
fn prefix(api: Api) -> &'static str {
    match api {
        Api::AccountInformation => "aac-",
        Api::PaymentInitiation => "pc-",
        Api::FundsConfirmation => "fc-",
    }
}

/// Three details with the longest ids fit.
const DETAILS_BYTES_MAX: usize = 1024;
/// UK Open Banking gives 128 characters to ids.
const CONSENT_ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_ours_reads_back() {
        for json in [
            "[]",
            r#"[{"type":"account_access","consent_id":"aac-1"}]"#,
            r#"[{"type":"payment","consent_id":"pc-1"},{"type":"funds_confirmation","consent_id":"fc-1"}]"#,
        ] {
            assert_eq!(Details::parse(json).unwrap().to_json(), json);
        }
        let longest = format!(r#"[{{"type":"payment","consent_id":"{}"}}]"#, "x".repeat(CONSENT_ID_BYTES_MAX));
        assert!(Details::parse(&longest).is_ok());
        assert_eq!(Details::parse(&longest.replace("xx", "xxx")), Err(BadDetails));
    }

    #[test]
    fn unknown_types_and_fields_are_refused() {
        for json in [
            "",
            "{}",
            "null",
            r#"{"type":"payment","consent_id":"pc-1"}"#,
            r#"[{"type":"payment"}]"#,
            r#"[{"consent_id":"pc-1"}]"#,
            r#"[{"type":"payment_initiation","consent_id":"pc-1"}]"#,
            r#"[{"type":"payment","consent_id":"pc-1","amount":"1.00"}]"#,
            r#"[{"type":"payment","type":"payment","consent_id":"pc-1"}]"#,
            r#"[{"type":"payment","consent_id":""}]"#,
            r#"[{"type":"payment","consent_id":"pc 1"}]"#,
            r#"[{"type":"payment","consent_id":7}]"#,
            r#"[{"type":"payment","consent_id":"pc-1"},{"type":"payment","consent_id":"pc-2"}]"#,
        ] {
            assert_eq!(Details::parse(json), Err(BadDetails), "{json}");
        }
    }

    #[test]
    fn the_plain_parameter_tells_its_api_by_its_first_letters() {
        for (id, api) in [
            ("aac-1", Some(Api::AccountInformation)),
            ("pc-1", Some(Api::PaymentInitiation)),
            ("fc-1", Some(Api::FundsConfirmation)),
            ("xc-1", None),
            ("pc-\"", None),
        ] {
            let details = Details::of_consent(id);
            assert_eq!(details.ok().and_then(|details| Some(details.iter().next()?.api)), api, "{id}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_printed_and_parses_again(json in r#"\[?(\{"type":"(payment|account_access|x)","consent_id":"[a-z" -]{0,9}"\},?){0,3}\]?"#) {
            if let Ok(details) = Details::parse(&json) {
                prop_assert_eq!(Details::parse(&details.to_json()), Ok(details));
            }
        }
    }
}
