//! The form in which an application is described, when it is added and when it is changed: read, checked, and kept as it
//! was filled in when something is wrong, so that nobody types twice.

use super::words;
use crate::oauth::jwk::KeySet;
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::redirect_uri::RedirectUri;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::store::{Application, Authentication, Kind, Refresh, Sender, TokenFormat};

/// The form as it was filled in.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) kind: String,
    pub(super) redirect_uris: String,
    pub(super) apis: Vec<String>,
    pub(super) authentication: String,
    pub(super) keys: String,
    pub(super) token_format: String,
    pub(super) sender: String,
    pub(super) refresh: String,
    pub(super) requires_pushed: bool,
    pub(super) is_short: bool,
}

/// What is wrong, field by field, in words that say what to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) redirect_uris: Option<String>,
    pub(super) apis: Option<String>,
    pub(super) authentication: Option<String>,
    pub(super) keys: Option<String>,
    pub(super) token_format: Option<String>,
    pub(super) sender: Option<String>,
    pub(super) refresh: Option<String>,
}

impl Draft {
    /// An empty form; the portal's own callback page stands in for an application that is not there yet.
    pub(super) fn new(site: &Site) -> Self {
        Self {
            kind: Kind::Web.as_str().to_owned(),
            redirect_uris: callback(site),
            apis: [Api::AccountInformation, Api::PaymentInitiation].map(|api| api.scope().to_owned()).to_vec(),
            authentication: Authentication::Secret.as_str().to_owned(),
            token_format: TokenFormat::Jwt.as_str().to_owned(),
            sender: Sender::Bearer.as_str().to_owned(),
            refresh: Refresh::Rotate.as_str().to_owned(),
            ..Self::default()
        }
    }

    /// The form as an application was registered.
    pub(super) fn of(application: &Application, site: &Site) -> Self {
        let uris: Vec<_> = application.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let authentication = match application.authentication {
            // What it would be if it ran on a server.
            Authentication::None => Authentication::Secret,
            held @ (Authentication::Secret | Authentication::PrivateKey) => held,
        };
        Self {
            name: application.name.clone(),
            description: application.description.clone(),
            kind: application.kind.as_str().to_owned(),
            redirect_uris: uris.join("\n"),
            apis: application.scopes.iter().map(|api| api.scope().to_owned()).collect(),
            authentication: authentication.as_str().to_owned(),
            keys: application.keys.clone().unwrap_or_default(),
            token_format: application.token_format.as_str().to_owned(),
            sender: application.sender.as_str().to_owned(),
            refresh: application.refresh.as_str().to_owned(),
            requires_pushed: application.requires_pushed,
            is_short: application.access_lifetime == site.lifetimes.access_short,
        }
    }

    /// The form as it was sent. A choice that it does not mention is the usual one.
    pub(super) fn read(params: &Params) -> Self {
        let text = |name| params.get(name).unwrap_or_default().trim().to_owned();
        let word = |name, usual: &str| params.get(name).unwrap_or(usual).to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            kind: text("kind"),
            redirect_uris: text("redirect_uris"),
            apis: params.all("api").map(str::to_owned).collect(),
            authentication: word("authentication", Authentication::Secret.as_str()),
            keys: text("keys"),
            token_format: word("token_format", TokenFormat::Jwt.as_str()),
            sender: word("sender", Sender::Bearer.as_str()),
            refresh: word("refresh", Refresh::Rotate.as_str()),
            requires_pushed: params.get("requires_pushed").is_some(),
            is_short: params.get("lifetime") == Some("short"),
        }
    }

    /// For the template: whether the box of `scope` is ticked.
    pub(super) fn has(&self, scope: &str) -> bool {
        self.apis.iter().any(|held| held == scope)
    }

    /// Whether something is chosen, or wrong, that most applications leave as it is.
    pub(super) fn is_advanced(&self, faults: &Faults) -> bool {
        let usual = [
            self.authentication == Authentication::Secret.as_str(),
            self.token_format == TokenFormat::Jwt.as_str(),
            self.sender == Sender::Bearer.as_str(),
            self.refresh == Refresh::Rotate.as_str(),
            !self.requires_pushed,
            !self.is_short,
        ];
        let wrong = [&faults.authentication, &faults.keys, &faults.token_format, &faults.sender, &faults.refresh];
        usual.contains(&false) || wrong.into_iter().any(Option::is_some)
    }

    /// `application` as the form describes it. All faults are told at once.
    pub(super) fn apply(&self, mut application: Application, site: &Site) -> Result<Application, Box<Faults>> {
        let mut faults = Faults::default();
        let app = &mut application;
        take(self.name(), &mut app.name, &mut faults.name);
        take(self.description(), &mut app.description, &mut faults.description);
        take(choice(Kind::of(&self.kind)), &mut app.kind, &mut faults.kind);
        take(self.redirect_uris(), &mut app.redirect_uris, &mut faults.redirect_uris);
        take(self.scopes(), &mut app.scopes, &mut faults.apis);
        take(self.authentication(app.kind), &mut app.authentication, &mut faults.authentication);
        take(self.keys(app.authentication), &mut app.keys, &mut faults.keys);
        take(choice(TokenFormat::of(&self.token_format)), &mut app.token_format, &mut faults.token_format);
        take(self.sender(site), &mut app.sender, &mut faults.sender);
        take(self.refresh(app.authentication, app.sender), &mut app.refresh, &mut faults.refresh);
        app.requires_pushed = self.requires_pushed;
        app.access_lifetime = if self.is_short { site.lifetimes.access_short } else { site.lifetimes.access };
        if faults == Faults::default() { Ok(application) } else { Err(Box::new(faults)) }
    }

    fn name(&self) -> Result<String, String> {
        if self.name.is_empty() {
            return Err("Give it a name: customers read it when they are asked.".to_owned());
        }
        words::name_fault(&self.name, NAME_CHARS_MAX).map_or_else(|| Ok(self.name.clone()), Err)
    }

    fn description(&self) -> Result<String, String> {
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(format!("Keep it to {DESCRIPTION_CHARS_MAX} characters."));
        }
        Ok(self.description.clone())
    }

    fn redirect_uris(&self) -> Result<Vec<RedirectUri>, String> {
        let lines: Vec<_> = self.redirect_uris.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() || lines.len() > REDIRECTS_MAX {
            return Err(format!("Enter one to {REDIRECTS_MAX} addresses, one per line."));
        }
        lines.iter().map(|line| RedirectUri::parse(line).map_err(|fault| format!("“{line}” {fault}."))).collect()
    }

    fn scopes(&self) -> Result<Scopes, String> {
        let scopes: Scopes = self.apis.iter().filter_map(|scope| Api::of_scope(scope)).collect();
        if scopes.is_empty() { Err("Choose at least one API.".to_owned()) } else { Ok(scopes) }
    }

    fn authentication(&self, kind: Kind) -> Result<Authentication, String> {
        if !kind.keeps_secret() {
            return Ok(Authentication::None);
        }
        // What runs on a server can prove who it is, and so must.
        let chosen = Authentication::of(&self.authentication);
        choice(chosen.filter(|authentication| *authentication != Authentication::None))
    }

    fn keys(&self, authentication: Authentication) -> Result<Option<String>, String> {
        if authentication != Authentication::PrivateKey {
            return Ok(None);
        }
        if self.keys.is_empty() {
            return Err("Paste the public keys, as {\"keys\": [ … ]}.".to_owned());
        }
        if self.keys.len() > KEYS_BYTES_MAX {
            return Err(format!("Keep it to {KEYS_BYTES_MAX} bytes: one or two keys will do."));
        }
        // What serde_json says quotes nothing of it but names of members.
        let set = KeySet::parse(self.keys.as_bytes(), KEYS_MAX).map_err(|_| {
            "This is no JWK set. Paste JSON: {\"keys\": [ … ]}, with one object for each key.".to_owned()
        })?;
        match (set.left_out.first(), set.keys.is_empty()) {
            (Some(why), _) => Err(format!("One of the keys is {why}. Paste public keys for ES256, PS256 or EdDSA.")),
            (None, true) => Err("The set is empty: without a key nothing can be checked.".to_owned()),
            (None, false) => Ok(Some(self.keys.clone())),
        }
    }

    fn sender(&self, site: &Site) -> Result<Sender, String> {
        match Sender::of(&self.sender) {
            Some(Sender::Certificate) if !site.issuer.starts_with("https://") => Err(NO_TLS.to_owned()),
            chosen => choice(chosen),
        }
    }

    /// RFC 9700 §4.14.2
    fn refresh(&self, authentication: Authentication, sender: Sender) -> Result<Refresh, String> {
        match Refresh::of(&self.refresh) {
            Some(Refresh::Keep) if (authentication, sender) == (Authentication::None, Sender::Bearer) => {
                Err(MUST_ROTATE.to_owned())
            }
            chosen => choice(chosen),
        }
    }
}

/// The portal's own page that shows what an application would receive.
pub(super) fn callback(site: &Site) -> String {
    format!("{}/callback", site.issuer)
}

fn take<T>(read: Result<T, String>, place: &mut T, fault: &mut Option<String>) {
    match read {
        Ok(value) => *place = value,
        Err(text) => *fault = Some(text),
    }
}

fn choice<T>(chosen: Option<T>) -> Result<T, String> {
    chosen.ok_or_else(|| "Choose one of these.".to_owned())
}

/// A name has to fit the consent page's largest type.
const NAME_CHARS_MAX: usize = 60;
/// Two or three sentences.
const DESCRIPTION_CHARS_MAX: usize = 400;
/// One per environment, and a few to spare.
const REDIRECTS_MAX: usize = 5;
/// A 4,096-bit RSA key takes 750 bytes.
const KEYS_BYTES_MAX: usize = 6 * 1024;
/// As many as are tried when the application signs.
const KEYS_MAX: usize = 10;
const NO_TLS: &str =
    "A certificate can only be shown over TLS, which this sandbox was started without: start it with --tls.";
const MUST_ROTATE: &str =
    "An application without a secret has to rotate, unless its tokens are bound to a key (RFC 9700 §4.14.2).";

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(form: &str) -> Draft {
        Draft::read(&Params::parse(form.as_bytes()).unwrap())
    }

    #[test]
    fn every_fault_is_told_at_its_field_and_at_once() {
        let draft = draft("kind=other&redirect_uris=http://evil.example/&api=admin");
        assert!(draft.name().is_err() && draft.scopes().is_err());
        let fault = draft.redirect_uris().unwrap_err();
        assert_eq!(fault, "“http://evil.example/” uses http to another machine: use https.");
        assert_eq!(draft.description(), Ok(String::new()));
    }

    #[test]
    fn only_public_keys_are_taken_and_not_too_many_bytes() {
        let keys = |keys: &str| Draft { keys: keys.to_owned(), ..Draft::default() }.keys(Authentication::PrivateKey);
        let good = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
        assert_eq!(keys(good), Ok(Some(good.to_owned())));
        let private = good.replace("\"kty\"", "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\",\"kty\"");
        for (text, needle) in [
            ("", "Paste"),
            ("{}", "no JWK set"),
            (r#"{"keys":[]}"#, "empty"),
            (&private, "private"),
            (&" ".repeat(KEYS_BYTES_MAX + 1), "Keep it to"),
        ] {
            assert!(keys(text).unwrap_err().contains(needle), "{text}");
        }
        let padded = format!("{good}{}", " ".repeat(KEYS_BYTES_MAX - good.len()));
        assert!(keys(&padded).is_ok());
        assert_eq!(Draft::default().keys(Authentication::Secret), Ok(None));
    }

    #[test]
    fn only_who_proves_something_keeps_a_refresh_token() {
        let draft = draft("refresh=keep");
        for (authentication, sender, may) in [
            (Authentication::None, Sender::Bearer, false),
            (Authentication::None, Sender::Dpop, true),
            (Authentication::Secret, Sender::Bearer, true),
        ] {
            assert_eq!(draft.refresh(authentication, sender).is_ok(), may, "{authentication:?} {sender:?}");
        }
    }
}
