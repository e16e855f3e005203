//! Commands filled with the application's own values, which run as pasted.

use crate::sandbox::authz::Challenge;
use crate::sandbox::form;
use crate::sandbox::scopes::Api;
use crate::sandbox::store::Application;
use crate::sandbox::{Site, secret};

/// One step: what it does, and the command.
#[derive(Debug)]
pub(super) struct Snippet {
    /// What the step does.
    pub(super) title: &'static str,
    /// What to know before it.
    pub(super) note: &'static str,
    /// To be pasted into a shell, or opened where `is_link` says so.
    pub(super) text: String,
    /// Whether `text` is an address for the browser.
    pub(super) is_link: bool,
}

/// The steps for `application`, in the order in which they are taken.
pub(super) fn fill(site: &Site, application: &Application, secret: Option<&str>) -> Vec<Snippet> {
    let verifier = secret::fresh("");
    let mut steps = vec![variables(application, secret, &verifier)];
    if application.is_confidential() {
        steps.push(own_token(site, application));
    }
    steps.extend([consent(site, application, &verifier), redeem(site, application), refresh(site, application)]);
    steps.extend(application.scopes.iter().map(|api| call(site, api)));
    steps
}

fn variables(application: &Application, secret: Option<&str>, verifier: &str) -> Snippet {
    let mut lines = vec![format!("CLIENT_ID={}", application.client_id)];
    if application.is_confidential() {
        lines.push(format!("CLIENT_SECRET={}", secret.unwrap_or("'the secret that was shown once'")));
    }
    lines.push(format!("VERIFIER={verifier}"));
    let text = lines.join("\n");
    Snippet { title: "Keep your values", note: "The steps below use them.", text, is_link: false }
}

fn own_token(site: &Site, application: &Application) -> Snippet {
    Snippet {
        title: "Get a token of your own",
        note: "Client credentials: no customer, no refresh token. The banking APIs want a customer's token and say so.",
        text: format!("{} \\\n  -d grant_type=client_credentials", token_call(site, application)),
        is_link: false,
    }
}

fn consent(site: &Site, application: &Application, verifier: &str) -> Snippet {
    let query = form::join(&[
        ("response_type", "code"),
        ("client_id", &application.client_id),
        ("redirect_uri", first_redirect(application)),
        ("scope", &application.scopes.to_string()),
        ("state", "remember-me"),
        ("code_challenge", Challenge::of(verifier).as_str()),
        ("code_challenge_method", "S256"),
    ]);
    Snippet {
        title: "Ask the customer",
        note: "Open it in a browser, log in as the demo customer, and allow or refuse.",
        text: format!("{}/authorize?{query}", site.issuer),
        is_link: true,
    }
}

fn redeem(site: &Site, application: &Application) -> Snippet {
    let text = format!(
        "CODE='the code from the return address'\n{} \\\n  -d grant_type=authorization_code \\\n  -d \"code=$CODE\" \\\n  \
         -d \"code_verifier=$VERIFIER\" \\\n  --data-urlencode 'redirect_uri={}'",
        token_call(site, application),
        first_redirect(application),
    );
    Snippet { title: "Trade the code for tokens", note: "Within 60 seconds, and once.", text, is_link: false }
}

fn refresh(site: &Site, application: &Application) -> Snippet {
    let text = format!(
        "REFRESH_TOKEN='the refresh_token of the answer'\n{} \\\n  -d grant_type=refresh_token \\\n  -d \"refresh_token=$REFRESH_TOKEN\"",
        token_call(site, application),
    );
    Snippet {
        title: "Refresh",
        note: "When the access token expired. Each refresh token works once and brings its successor.",
        text,
        is_link: false,
    }
}

fn call(site: &Site, api: Api) -> Snippet {
    let gateway = &site.gateway;
    match api {
        Api::AccountInformation => Snippet {
            title: "Read accounts",
            note: "Through the gateway, with the token in the header.",
            text: format!(
                "TOKEN='the access_token of the answer'\ncurl -i -H \"Authorization: Bearer $TOKEN\" {gateway}{}/accounts",
                api.path()
            ),
            is_link: false,
        },
        Api::PaymentInitiation => Snippet {
            title: "Start a payment",
            note: "The same key never pays twice.",
            text: format!(
                "TOKEN='the access_token of the answer'\ncurl -i -H \"Authorization: Bearer $TOKEN\" {gateway}{}/domestic-payments \\\n  \
                 -H 'Content-Type: application/json' -H 'x-idempotency-key: rent-10' \\\n  -d '{PAYMENT}'",
                api.path()
            ),
            is_link: false,
        },
        Api::FundsConfirmation => Snippet {
            title: "Confirm funds",
            note: "Through the gateway, with the token in the header.",
            text: format!("curl -i -H \"Authorization: Bearer $TOKEN\" {gateway}{}", api.path()),
            is_link: false,
        },
    }
}

/// `curl` to the token endpoint, authenticated as this application does.
fn token_call(site: &Site, application: &Application) -> String {
    let who =
        if application.is_confidential() { "-u \"$CLIENT_ID:$CLIENT_SECRET\"" } else { "-d \"client_id=$CLIENT_ID\"" };
    format!("curl -s {}/token {who}", site.issuer)
}

fn first_redirect(application: &Application) -> &str {
    application.redirect_uris.first().map_or("", |uri| uri.as_str())
}

const PAYMENT: &str = r#"{
    "amount": {"amount": "12.50", "currency": "EUR"},
    "creditor": {"name": "Ada Books", "iban": "DE89370400440532013000"},
    "reference": "Order 77"
  }"#;
