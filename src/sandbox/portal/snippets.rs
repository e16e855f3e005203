//! Commands filled with the application's own values, which run as pasted.

use crate::sandbox::authz::Challenge;
use crate::sandbox::form;
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Application, Authentication, Sender};
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

/// The steps for `application`, in the order in which they are taken. None where each request needs a proof that no
/// shell makes.
pub(super) fn fill(site: &Site, application: &Application, secret: Option<&str>) -> Vec<Snippet> {
    if application.sender == Sender::Dpop {
        return Vec::new();
    }
    let verifier = secret::fresh("");
    let mut steps = vec![variables(site, application, secret, &verifier)];
    if application.is_confidential() {
        steps.push(own_token(site, application));
    }
    if application.is_confidential() && application.scopes.contains(Api::PaymentInitiation) {
        steps.push(payment_consent(site, application));
    }
    if application.scopes.contains(Api::AccountInformation) {
        steps.extend([consent(site, application, &verifier), redeem(site, application), refresh(site, application)]);
        steps.push(accounts(site, application));
    }
    steps
}

/// How to get a token that is bound to what the portal does not hold.
pub(super) fn bound(site: &Site, application: &Application) -> Option<Snippet> {
    match application.sender {
        Sender::Bearer => None,
        Sender::Certificate => Some(Snippet {
            title: "Its tokens are bound to its certificate",
            note: "So the portal, which does not have its key, cannot get or use one: that is the point. From your machine \
                it takes two files; the sandbox made a certificate to try with, and printed at its start where it lies.",
            text: format!("{} \\\n  -d grant_type=client_credentials", token_call(site, application)),
            is_link: false,
        }),
        Sender::Dpop => Some(Snippet {
            title: "Its tokens are bound to its key",
            note: "So the portal, which does not have the key, cannot get or use one: that is the point. A library makes the \
                proof that each request needs; here oauth4webapi, on Node (npm install oauth4webapi).",
            text: dpop(site, application),
            is_link: false,
        }),
    }
}

fn dpop(site: &Site, application: &Application) -> String {
    let authentication = match application.authentication {
        Authentication::Secret => "oauth.ClientSecretBasic(process.env.CLIENT_SECRET)",
        Authentication::PrivateKey => "oauth.PrivateKeyJwt(yourPrivateKey)",
        Authentication::None => return public_dpop(),
    };
    let (issuer, client_id, scopes) = (&site.issuer, &application.client_id, &application.scopes);
    format!(
        "import * as oauth from 'oauth4webapi'\n\n\
         const plain = {{ [oauth.allowInsecureRequests]: true }} // on this machine only\n\
         const issuer = new URL('{issuer}')\n\
         const found = await oauth.discoveryRequest(issuer, {{ algorithm: 'oauth2', ...plain }})\n\
         const server = await oauth.processDiscoveryResponse(issuer, found)\n\
         const client = {{ client_id: '{client_id}' }}\n\
         const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))\n\
         const who = {authentication}\n\
         const answer = await oauth.clientCredentialsGrantRequest(server, client, who, {{ scope: '{scopes}' }}, {{ DPoP, ...plain }})\n\
         console.log(await oauth.processClientCredentialsResponse(server, client, answer))"
    )
}

/// Its first token comes of a customer, in the browser; what differs is one argument.
fn public_dpop() -> String {
    "const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))\n\
     // Pass { DPoP } to authorizationCodeGrantRequest, refreshTokenGrantRequest and protectedResourceRequest."
        .to_owned()
}

fn variables(site: &Site, application: &Application, secret: Option<&str>, verifier: &str) -> Snippet {
    let mut lines = vec![format!("CLIENT_ID={}", application.client_id)];
    match application.authentication {
        Authentication::Secret => {
            lines.push(format!("CLIENT_SECRET={}", secret.unwrap_or("'the secret that was shown once'")));
        }
        Authentication::PrivateKey => {
            lines.push(format!(
                "ASSERTION='a JWT that your key signed: iss and sub {}, aud {}, jti and exp; new for each request'",
                application.client_id, site.issuer
            ));
        }
        Authentication::None => {}
    }
    lines.push(format!("VERIFIER={verifier}"));
    let text = lines.join("\n");
    Snippet { title: "Keep your values", note: "The steps below use them.", text, is_link: false }
}

fn own_token(site: &Site, application: &Application) -> Snippet {
    Snippet {
        title: "Get a token of your own",
        note: "Client credentials: no customer, no refresh token. It creates consents and follows payments.",
        text: format!("{} \\\n  -d grant_type=client_credentials", token_call(site, application)),
        is_link: false,
    }
}

fn payment_consent(site: &Site, application: &Application) -> Snippet {
    let (gateway, path, certificate) = (&site.gateway, Api::PaymentInitiation.path(), certificate(application));
    Snippet {
        title: "Create a payment consent",
        note: "With the token of your own. Send the customer with the ConsentId of the answer, as consent_id, and scope=payments.",
        text: format!(
            "TOKEN='the access_token of the answer'\ncurl -i{certificate} -H \"Authorization: Bearer $TOKEN\" \
             {gateway}{path}/domestic-payment-consents \\\n  \
             -H 'Content-Type: application/json' -H 'x-idempotency-key: order-77' \\\n  -d '{PAYMENT}'"
        ),
        is_link: false,
    }
}

fn consent(site: &Site, application: &Application, verifier: &str) -> Snippet {
    let query = form::join(&[
        ("response_type", "code"),
        ("client_id", &application.client_id),
        ("redirect_uri", first_redirect(application)),
        ("scope", Api::AccountInformation.scope()),
        ("state", "remember-me"),
        ("code_challenge", Challenge::of(verifier).as_str()),
        ("code_challenge_method", "S256"),
    ]);
    Snippet {
        title: "Ask the customer",
        note: "Open it in a browser, log in as a demo customer, and allow or refuse.",
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
        note: "When the access token expired. A refresh token that rotates works once and brings its successor.",
        text,
        is_link: false,
    }
}

fn accounts(site: &Site, application: &Application) -> Snippet {
    let (gateway, path, certificate) = (&site.gateway, Api::AccountInformation.path(), certificate(application));
    Snippet {
        title: "Read accounts",
        note: "Through the gateway, with the customer’s token in the header.",
        text: format!(
            "TOKEN='the access_token of the answer'\ncurl -i{certificate} -H \"Authorization: Bearer $TOKEN\" {gateway}{path}/accounts"
        ),
        is_link: false,
    }
}

/// `curl` to the token endpoint, authenticated as this application does.
fn token_call(site: &Site, application: &Application) -> String {
    let who = match application.authentication {
        Authentication::Secret => "-u \"$CLIENT_ID:$CLIENT_SECRET\"",
        Authentication::PrivateKey => {
            "\\\n  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
             -d \"client_assertion=$ASSERTION\""
        }
        Authentication::None => "-d \"client_id=$CLIENT_ID\"",
    };
    format!("curl -s{} {}/token {who}", certificate(application), site.issuer)
}

fn certificate(application: &Application) -> &'static str {
    match application.sender {
        Sender::Certificate => " --cert client.pem",
        Sender::Bearer | Sender::Dpop => "",
    }
}

fn first_redirect(application: &Application) -> &str {
    application.redirect_uris.first().map_or("", |uri| uri.as_str())
}

const PAYMENT: &str = r#"{
    "Data": { "Initiation": {
      "InstructionIdentification": "order-77", "EndToEndIdentification": "order-77",
      "InstructedAmount": { "Amount": "12.50", "Currency": "GBP" },
      "CreditorAccount": { "SchemeName": "UK.OBIE.SortCodeAccountNumber", "Identification": "08080021325698", "Name": "Ada Books" }
    } },
    "Risk": {}
  }"#;
