//! `errors`: in which form an API's third parties are told why they were refused.

use super::fault::Problem;

/// The form of a refusal's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Problem details (RFC 9457).
    Problem,
    /// UK Open Banking: `OBErrorResponse1`, with the codes of its version 3.1.
    Obie,
    /// Berlin Group `NextGenPSD2`: `tppMessages`.
    Berlin,
    /// Türkiye's ÖHVPS: its error object, in English and Turkish.
    Ohvps,
}

pub(super) fn parse(text: &str) -> Result<Envelope, Problem> {
    match text {
        "problem" => Ok(Envelope::Problem),
        "obie" => Ok(Envelope::Obie),
        "berlin" => Ok(Envelope::Berlin),
        "ohvps" => Ok(Envelope::Ohvps),
        _ => Err(Problem::new("is no form of an error")
            .did_you_mean(text, ["problem", "obie", "berlin", "ohvps"].into_iter())),
    }
}
