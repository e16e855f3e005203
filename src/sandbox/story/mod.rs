//! The story of the door: a third party adds an application, a customer consents, and the gateway opens and shuts.
//! Everything goes over HTTP, as a third party would do it; the printed lines can be pasted.

mod call;
mod html;
mod narrator;
mod third_party;

pub(in crate::sandbox) mod agent;

use crate::net::fetch::{FetchError, Fetcher};
use http::StatusCode;
use narrator::{Expected, Narrator};
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;
use third_party::{Decision, ThirdParty};

/// Where the story takes place, as origins: `http://127.0.0.1:8080`.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The portal and the authorization server.
    pub portal: &'a str,
    /// The gateway.
    pub gateway: &'a str,
}

/// Why the story did not end well.
#[derive(Debug)]
pub enum StoryFault {
    /// It could not be printed.
    Print(io::Error),
    /// Somebody did not answer.
    Call(FetchError),
    /// An answer lacks what the next step needs; the text says what.
    Lacking(&'static str),
    /// This many answers were not the expected ones.
    Unmet(usize),
}

/// Walks the story and prints it to `out`.
pub async fn tell(places: Places<'_>, fetcher: Fetcher, out: &mut dyn Write) -> Result<(), StoryFault> {
    let mut narrator = Narrator::new(out);
    narrator.chapter("A third party adds its application in the portal")?;
    let mut party = ThirdParty::register(places, fetcher).await?;
    narrator
        .says(&format!("{0}/signup, then {0}/applications/new: Tally, which may ask for accounts", places.portal))?;
    narrator.says(&format!("CLIENT_ID={}", party.client_id()))?;
    narrator.says(&format!("CLIENT_SECRET={}", party.secret()))?;
    narrator.verdict(true, "client id and secret")?;
    consents(&mut party, &mut narrator).await?;
    calls(&party, &mut narrator).await?;
    refuses(&party, &mut narrator).await?;
    ends(&mut party, &mut narrator).await?;
    match narrator.unmet() {
        0 => Ok(()),
        unmet => Err(StoryFault::Unmet(unmet)),
    }
}

async fn consents(party: &mut ThirdParty<'_>, narrator: &mut Narrator<'_>) -> Result<(), StoryFault> {
    narrator.chapter("A customer logs in and lets it see the accounts")?;
    narrator.says(&party.authorize_url())?;
    let answer = party.ask(Decision::Allow).await?;
    let code = answer.get("code").ok_or(StoryFault::Lacking("the redirect holds no code"))?.to_owned();
    narrator.verdict(party.is_ours(&answer), "303 back to the application with code, state and iss")?;
    let call = party.redeem_call(&code);
    narrator.says(&format!("CODE={code}"))?;
    narrator.command(&call.curl())?;
    let tokens = party.take_tokens(&call).await?;
    narrator.answer(&tokens, expected(StatusCode::OK, "refresh_token"))?;
    narrator.says(TOKENS_NOTE)?;
    Ok(())
}

async fn calls(party: &ThirdParty<'_>, narrator: &mut Narrator<'_>) -> Result<(), StoryFault> {
    let own = party.own_token_call();
    let own_answer = own.send(party.fetcher()).await?;
    let own_token = third_party::field(&own_answer, "access_token")?;
    let steps = [
        ("It reads the accounts", party.accounts_call(), StatusCode::OK, "\"Account\""),
        ("It tries to pay, which nobody allowed", party.payment_call(), StatusCode::FORBIDDEN, "insufficient_scope"),
        (
            "It tries with its own token, behind which no customer stands",
            party.accounts_call_with(&own_token, "OWN_TOKEN"),
            StatusCode::FORBIDDEN,
            "",
        ),
        ("It puts the token into the address", party.query_call(), StatusCode::BAD_REQUEST, "invalid_request"),
        ("It forgets the token", party.bare_call(), StatusCode::UNAUTHORIZED, "Bearer"),
    ];
    for (index, (title, call, status, holds)) in steps.into_iter().enumerate() {
        narrator.chapter(title)?;
        if index == OWN_TOKEN_STEP {
            narrator.says("OWN_TOKEN is the access_token of:")?;
            narrator.command(&own.curl())?;
            narrator.answer(&own_answer, expected(StatusCode::OK, ""))?;
        }
        narrator.command(&call.curl())?;
        narrator.answer(&call.send(party.fetcher()).await?, expected(status, holds))?;
    }
    Ok(())
}

async fn refuses(party: &ThirdParty<'_>, narrator: &mut Narrator<'_>) -> Result<(), StoryFault> {
    narrator.chapter("Another time the customer refuses")?;
    narrator.says(&party.authorize_url())?;
    let answer = party.ask(Decision::Refuse).await?;
    let met = answer.get("error") == Some("access_denied") && party.is_ours(&answer);
    narrator.verdict(met, "303 back to the application with error=access_denied, state and iss")?;
    Ok(())
}

async fn ends(party: &mut ThirdParty<'_>, narrator: &mut Narrator<'_>) -> Result<(), StoryFault> {
    narrator.chapter("The access token expires")?;
    let call = party.accounts_call();
    narrator.command(&call.curl())?;
    let mut answer = call.send(party.fetcher()).await?;
    for _ in 0..EXPIRY_POLLS_MAX {
        if answer.status() != StatusCode::OK {
            break;
        }
        tokio::time::sleep(EXPIRY_POLL_INTERVAL).await;
        answer = call.send(party.fetcher()).await?;
    }
    narrator.answer(&answer, expected(StatusCode::UNAUTHORIZED, "The access token expired"))?;

    narrator.chapter("The refresh token gives a new one")?;
    let refresh = party.refresh_call();
    narrator.command(&refresh.curl())?;
    let tokens = party.take_tokens(&refresh).await?;
    narrator.answer(&tokens, expected(StatusCode::OK, "access_token"))?;
    narrator.says(TOKENS_NOTE)?;
    let call = party.accounts_call();
    narrator.command(&call.curl())?;
    narrator.answer(&call.send(party.fetcher()).await?, expected(StatusCode::OK, "\"Account\""))?;

    narrator.chapter("It gives its access back, and the gateway knows at once")?;
    let revoke = party.revoke_call();
    narrator.command(&revoke.curl())?;
    narrator.answer(&revoke.send(party.fetcher()).await?, expected(StatusCode::OK, ""))?;
    narrator.command(&call.curl())?;
    narrator.answer(&call.send(party.fetcher()).await?, expected(StatusCode::UNAUTHORIZED, "revoked"))?;
    Ok(())
}

fn expected(status: StatusCode, holds: &'static str) -> Expected {
    Expected { status, holds }
}

impl fmt::Display for StoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Print(_) => f.write_str("the story could not be printed"),
            Self::Call(_) => f.write_str("a call got no answer"),
            Self::Lacking(what) => f.write_str(what),
            Self::Unmet(count) => write!(f, "{count} of the story's answers were not the expected ones"),
        }
    }
}

impl std::error::Error for StoryFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Print(fault) => Some(fault),
            Self::Call(fault) => Some(fault),
            Self::Lacking(_) | Self::Unmet(_) => None,
        }
    }
}

impl From<io::Error> for StoryFault {
    fn from(fault: io::Error) -> Self {
        Self::Print(fault)
    }
}

impl From<FetchError> for StoryFault {
    fn from(fault: FetchError) -> Self {
        Self::Call(fault)
    }
}

/// What the lines below a token answer mean by their variables.
const TOKENS_NOTE: &str = "From here on TOKEN is its access_token, REFRESH_TOKEN its refresh_token.";
/// Where in `calls` the application's own token is used.
const OWN_TOKEN_STEP: usize = 2;
/// Between two looks at whether the token expired.
const EXPIRY_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Ten seconds: three times the lifetime of the story's tokens.
const EXPIRY_POLLS_MAX: usize = 100;
