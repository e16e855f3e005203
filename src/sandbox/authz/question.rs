//! What an application may ask (RFC 6749 §4.1.1), once it is known whom to answer. Used for requests that the browser
//! brings and for those that were pushed.

use super::{Challenge, Details};
use crate::clock::UnixSeconds;
use crate::oauth::confirmation;
use crate::sandbox::form::Params;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::store::{Acr, Application, Login, Question};

/// Whether a login of before will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// However old.
    Any,
    /// Not older than so many seconds (`max_age`).
    Seconds(i64),
    /// It must come now (`prompt=login`).
    Now,
}

/// Faults that the application learns of (RFC 6749 §4.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum AskFault {
    Repeated,
    RequestObject,
    ResponseTypeMissing,
    ResponseType,
    ResponseMode,
    StateTooLong,
    ScopeUnknown,
    ScopeNotRegistered,
    ChallengeMissing,
    ChallengeMethod,
    ChallengeMalformed,
    ThumbprintMalformed,
    DetailsMalformed,
    DetailsTwice,
    DetailsOutsideScope,
    /// The consent does not exist, is another application's, or was decided before.
    DetailsConsent,
    /// Likewise, named by the plain parameter.
    ConsentMalformed,
    PaymentConsentMissing,
    FundsConsentMissing,
    NotPushed,
    AcrUnmet,
    MaxAge,
    Prompt,
    PromptNone,
}

/// Reads a request. Whether its consents exist is asked afterwards: that needs the store.
pub(super) fn check(
    params: &Params,
    application: &Application,
    redirect_uri: String,
) -> Result<(Question, Freshness), AskFault> {
    check_shape(params)?;
    let details = details(params)?;
    let scopes = scopes(params, application, &details)?;
    let challenge = params.get("code_challenge").ok_or(AskFault::ChallengeMissing)?;
    // RFC 7636 §4.3: without a method it would be `plain`.
    if params.get("code_challenge_method") != Some("S256") {
        return Err(AskFault::ChallengeMethod);
    }
    let challenge = Challenge::parse(challenge).ok_or(AskFault::ChallengeMalformed)?;
    let dpop_jkt = params.get("dpop_jkt");
    if dpop_jkt.is_some_and(|key| confirmation::thumbprint(key).is_none()) {
        return Err(AskFault::ThumbprintMalformed);
    }
    let question = Question {
        redirect_uri,
        state: params.get("state").map(str::to_owned),
        acr: acr(params, &scopes)?,
        scopes,
        challenge,
        dpop_jkt: dpop_jkt.map(str::to_owned),
        details,
        pushed: None,
    };
    Ok((question, freshness(params)?))
}

fn check_shape(params: &Params) -> Result<(), AskFault> {
    if params.repeats_any() {
        return Err(AskFault::Repeated);
    }
    if params.get("request").is_some() {
        return Err(AskFault::RequestObject);
    }
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(AskFault::ResponseType),
        None => return Err(AskFault::ResponseTypeMissing),
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(AskFault::ResponseMode);
    }
    if params.get("state").is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return Err(AskFault::StateTooLong);
    }
    Ok(())
}

fn details(params: &Params) -> Result<Details, AskFault> {
    match (params.get("authorization_details"), params.get("consent_id")) {
        (Some(_), Some(_)) => Err(AskFault::DetailsTwice),
        (Some(json), None) => Details::parse(json).map_err(|_| AskFault::DetailsMalformed),
        (None, Some(id)) => Details::of_consent(id).map_err(|_| AskFault::ConsentMalformed),
        (None, None) => Ok(Details::default()),
    }
}

fn scopes(params: &Params, application: &Application, details: &Details) -> Result<Scopes, AskFault> {
    let of_details: Scopes = details.iter().map(|detail| detail.api).collect();
    let scopes = match params.get("scope") {
        Some(text) => Scopes::parse(text).map_err(|_| AskFault::ScopeUnknown)?,
        // RFC 6749 §3.3: the default is what the consents are for, or what the application registered for; the
        // consent page spells it out.
        None if of_details.is_empty() => application.scopes.clone(),
        None => of_details.clone(),
    };
    if !scopes.within(&application.scopes) {
        return Err(AskFault::ScopeNotRegistered);
    }
    if !of_details.within(&scopes) {
        return Err(AskFault::DetailsOutsideScope);
    }
    for (api, fault) in [
        (Api::PaymentInitiation, AskFault::PaymentConsentMissing),
        (Api::FundsConfirmation, AskFault::FundsConsentMissing),
    ] {
        if scopes.contains(api) && details.consent(api).is_none() {
            return Err(fault);
        }
    }
    Ok(scopes)
}

/// The first of `acr_values` that can be met (RFC 9470 §4). Payments need the second factor, whatever is asked ((EU) 2015/2366, article 97).
fn acr(params: &Params, scopes: &Scopes) -> Result<Acr, AskFault> {
    let least = if scopes.contains(Api::PaymentInitiation) { Acr::OneTimeCode } else { Acr::Password };
    match params.get("acr_values") {
        Some(values) => values.split(' ').find_map(Acr::of).map(|acr| acr.max(least)).ok_or(AskFault::AcrUnmet),
        None => Ok(least),
    }
}

fn freshness(params: &Params) -> Result<Freshness, AskFault> {
    let seconds = params.get("max_age").map(|text| text.parse::<u32>().map_err(|_| AskFault::MaxAge)).transpose()?;
    let mut now = seconds == Some(0);
    for prompt in params.get("prompt").into_iter().flat_map(|prompts| prompts.split(' ')) {
        match prompt {
            "login" | "select_account" => now = true,
            // Every question is put to the customer.
            "consent" => {}
            "none" => return Err(AskFault::PromptNone),
            _ => return Err(AskFault::Prompt),
        }
    }
    match seconds {
        _ if now => Ok(Freshness::Now),
        Some(seconds) => Ok(Freshness::Seconds(i64::from(seconds))),
        None => Ok(Freshness::Any),
    }
}

impl Freshness {
    /// Whether the customer has to log in, logged in or not.
    pub(super) fn needs_login(self, login: Option<&Login>, now: UnixSeconds) -> bool {
        match self {
            Self::Any => false,
            Self::Seconds(seconds) => login.is_some_and(|login| now.0 - login.authenticated.0 > seconds),
            Self::Now => true,
        }
    }
}

impl AskFault {
    /// The `error` of RFC 6749 §4.1.2.1, RFC 9396 §5 or RFC 9470 §5.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Repeated
            | Self::ResponseTypeMissing
            | Self::ResponseMode
            | Self::StateTooLong
            | Self::ChallengeMissing
            | Self::ChallengeMethod
            | Self::ChallengeMalformed
            | Self::ThumbprintMalformed
            | Self::DetailsTwice
            | Self::ConsentMalformed
            | Self::PaymentConsentMissing
            | Self::FundsConsentMissing
            | Self::NotPushed
            | Self::MaxAge
            | Self::Prompt => "invalid_request",
            Self::DetailsMalformed | Self::DetailsConsent => "invalid_authorization_details",
            Self::RequestObject => "request_not_supported",
            Self::ResponseType => "unsupported_response_type",
            Self::ScopeUnknown | Self::ScopeNotRegistered | Self::DetailsOutsideScope => "invalid_scope",
            Self::AcrUnmet => "unmet_authentication_requirements",
            Self::PromptNone => "interaction_required",
        }
    }

    /// The `error_description`.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Repeated => "A parameter is repeated",
            Self::RequestObject => "Request objects are not supported: push the parameters instead (RFC 9126)",
            Self::ResponseTypeMissing => "response_type is missing: it must be code",
            Self::ResponseType => "Only response_type=code is supported",
            Self::ResponseMode => "Only response_mode=query is supported",
            Self::StateTooLong => "state is longer than 512 characters",
            Self::ScopeUnknown => "scope names something other than accounts, payments and fundsconfirmations",
            Self::ScopeNotRegistered => "scope goes beyond the APIs that the application was registered for",
            Self::ChallengeMissing => "code_challenge is missing: PKCE is required (RFC 7636)",
            Self::ChallengeMethod => "code_challenge_method must be S256",
            Self::ChallengeMalformed => "code_challenge is not the base64url of a SHA-256",
            Self::ThumbprintMalformed => "dpop_jkt is not the base64url of a SHA-256 (RFC 9449)",
            Self::DetailsMalformed => {
                "authorization_details must be a list of {type, consent_id}: account_access, payment, funds_confirmation"
            }
            Self::DetailsTwice => "Send authorization_details or consent_id, not both",
            Self::DetailsOutsideScope => "scope lacks the API of a consent that is asked for",
            Self::DetailsConsent | Self::ConsentMalformed => {
                "No such consent of this application waits for authorisation: create a new one"
            }
            Self::PaymentConsentMissing => {
                "scope=payments needs a consent: POST domestic-payment-consents first, then send its ConsentId as consent_id"
            }
            Self::FundsConsentMissing => {
                "scope=fundsconfirmations needs a consent: POST funds-confirmation-consents first, then send its ConsentId as consent_id"
            }
            Self::NotPushed => "The application must push its requests: send them to /par first (RFC 9126)",
            Self::AcrUnmet => "None of acr_values is supported: see acr_values_supported in the metadata",
            Self::MaxAge => "max_age is not a number of seconds",
            Self::Prompt => "prompt must be login, consent or select_account",
            Self::PromptNone => "prompt=none cannot be met: customers always see what they allow",
        }
    }
}

/// Applications put an identifier there, not a document.
const STATE_BYTES_MAX: usize = 512;
