//! Applications that developers registered: OAuth clients.

use super::Store;
use super::sql::{Row, StoreFault};
use super::statement::{Statement, sql};
use crate::clock::UnixSeconds;
use crate::sandbox::redirect_uri::RedirectUri;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::vocabulary::words;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A registered application.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Application {
    /// Chosen by us, so that it cannot be mistaken for a customer's `sub` (RFC 9700 §4.15).
    pub(in crate::sandbox) client_id: String,
    /// Whose it is.
    pub(in crate::sandbox) developer_id: String,
    /// As the developer wrote it: hostile until escaped.
    pub(in crate::sandbox) name: String,
    /// Likewise; may be empty.
    pub(in crate::sandbox) description: String,
    /// Where it runs.
    pub(in crate::sandbox) kind: Kind,
    /// Where customers are sent back to.
    pub(in crate::sandbox) redirect_uris: Vec<RedirectUri>,
    /// What it may ask for at most.
    pub(in crate::sandbox) scopes: Scopes,
    /// How it proves who it is.
    pub(in crate::sandbox) authentication: Authentication,
    /// The JWK set with which its assertions are checked; only with `private_key_jwt`.
    pub(in crate::sandbox) keys: Option<String>,
    /// What its access tokens look like.
    pub(in crate::sandbox) token_format: TokenFormat,
    /// What its tokens are bound to.
    pub(in crate::sandbox) sender: Sender,
    /// What becomes of a refresh token that was used.
    pub(in crate::sandbox) refresh: Refresh,
    /// Whether it must push its authorization requests (RFC 9126 §6).
    pub(in crate::sandbox) requires_pushed: bool,
    /// How long its access tokens live.
    pub(in crate::sandbox) access_lifetime: Duration,
    /// When it was added.
    pub(in crate::sandbox) created: UnixSeconds,
}

words! {
    /// Where an application runs, which decides whether it can keep a secret (RFC 6749 §2.1).
    Kind {
        /// On a server of the third party.
        Web = "web",
        /// In the customer's browser.
        SinglePage = "single-page",
        /// On the customer's device.
        Mobile = "mobile",
    }
}

words! {
    /// How an application proves who it is at the token endpoint.
    Authentication {
        /// A secret, by Basic or in the form (RFC 6749 §2.3.1).
        Secret = "secret",
        /// An assertion signed with its own key (RFC 7523 §2.2).
        PrivateKey = "private_key_jwt",
        /// Not at all: it cannot keep anything secret.
        None = "none",
    }
}

words! {
    /// What an access token looks like.
    TokenFormat {
        /// Signed claims that the gateway reads itself (RFC 9068).
        Jwt = "jwt",
        /// A random word that the gateway asks about (RFC 7662).
        Opaque = "opaque",
    }
}

words! {
    /// What a token is bound to.
    Sender {
        /// To nothing: whoever bears it may use it (RFC 6750).
        Bearer = "bearer",
        /// To a key that signs each request (RFC 9449).
        Dpop = "dpop",
        /// To a client certificate (RFC 8705 §3).
        Certificate = "certificate",
    }
}

words! {
    /// What becomes of a refresh token that was used.
    Refresh {
        /// It gives a new one and is worthless; when it returns, all are revoked (RFC 9700 §4.14.2).
        Rotate = "rotate",
        /// It stays: FAPI 2.0 §5.3.2.1-9 forbids rotation where the sender is constrained anyway.
        Keep = "keep",
    }
}

impl Kind {
    /// Its name on pages.
    pub(in crate::sandbox) fn title(self) -> &'static str {
        match self {
            Self::Web => "Web server",
            Self::SinglePage => "Single-page",
            Self::Mobile => "Mobile or desktop",
        }
    }

    /// What follows from it, for developers.
    pub(in crate::sandbox) fn summary(self) -> &'static str {
        match self {
            Self::Web => "Runs on your server and keeps a client secret.",
            Self::SinglePage => "Runs in the browser. No secret; PKCE protects the code.",
            Self::Mobile => "Runs on the customer's device. No secret; PKCE protects the code.",
        }
    }

    /// Whether it gets a client secret.
    pub(in crate::sandbox) fn keeps_secret(self) -> bool {
        match self {
            Self::Web => true,
            Self::SinglePage | Self::Mobile => false,
        }
    }
}

impl Application {
    /// Whether it can authenticate (RFC 6749 §2.1): others may not act for themselves.
    pub(in crate::sandbox) fn is_confidential(&self) -> bool {
        self.authentication != Authentication::None
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreFault> {
        let word = |column| row.text(column);
        let uris = row.text("redirect_uris")?;
        let redirect_uris = uris.lines().map(RedirectUri::parse).collect::<Result<_, _>>().map_err(|_| StoreFault)?;
        Ok(Self {
            client_id: row.text("client_id")?,
            developer_id: row.text("developer_id")?,
            name: row.text("name")?,
            description: row.text("description")?,
            kind: Kind::of(&word("kind")?).ok_or(StoreFault)?,
            redirect_uris,
            scopes: Scopes::parse(&row.text("scopes")?).map_err(|_| StoreFault)?,
            authentication: Authentication::of(&word("authentication")?).ok_or(StoreFault)?,
            keys: row.optional_text("keys")?,
            token_format: TokenFormat::of(&word("token_format")?).ok_or(StoreFault)?,
            sender: Sender::of(&word("sender")?).ok_or(StoreFault)?,
            refresh: Refresh::of(&word("refresh")?).ok_or(StoreFault)?,
            requires_pushed: row.flag("requires_pushed")?,
            access_lifetime: Duration::from_secs(row.integer("lifetime_seconds")?.unsigned_abs()),
            created: row.time("created")?,
        })
    }

    /// Whether customers may be sent back to `asked`: a registered redirect URI, or the page of the portal at `issuer` that
    /// asks on its developer's behalf.
    pub(in crate::sandbox) fn returns_to(&self, asked: &str, issuer: &str) -> bool {
        asked == self.own_callback(issuer) || self.redirect_uris.iter().any(|registered| registered.matches(asked))
    }

    /// The page of the portal at `issuer` to which customers return whom the portal asked for this application.
    pub(in crate::sandbox) fn own_callback(&self, issuer: &str) -> String {
        format!("{issuer}/applications/{}/callback", self.client_id)
    }

    /// Everything but id, owner and age.
    pub(super) fn update(&self) -> Statement {
        let statement = sql("UPDATE applications SET name = $1, description = $2, kind = $3, redirect_uris = $4, \
             scopes = $5, authentication = $6, keys = $7, token_format = $8, sender = $9, refresh = $10, \
             requires_pushed = $11, lifetime_seconds = $12 WHERE client_id = $13");
        self.bind_settings(statement).bind(self.client_id.as_str())
    }

    fn bind_settings(&self, statement: Statement) -> Statement {
        statement
            .bind(self.name.as_str())
            .bind(self.description.as_str())
            .bind(self.kind.as_str())
            .bind(self.uris())
            .bind(self.scopes.to_string())
            .bind(self.authentication.as_str())
            .bind(self.keys.clone())
            .bind(self.token_format.as_str())
            .bind(self.sender.as_str())
            .bind(self.refresh.as_str())
            .bind(self.requires_pushed)
            .bind(i64::try_from(self.access_lifetime.as_secs()).unwrap_or(i64::MAX))
    }

    fn uris(&self) -> String {
        let uris: Vec<_> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        uris.join("\n")
    }
}

impl Store {
    /// Adds an application.
    pub(in crate::sandbox) async fn add_application(&self, application: &Application) -> Result<(), StoreFault> {
        let statement =
            sql("INSERT INTO applications (name, description, kind, redirect_uris, scopes, authentication, \
             keys, token_format, sender, refresh, requires_pushed, lifetime_seconds, client_id, developer_id, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)");
        let statement = application
            .bind_settings(statement)
            .bind(application.client_id.as_str())
            .bind(application.developer_id.as_str())
            .bind(application.created);
        self.database.run(statement).await.map(drop)
    }

    /// The application with this client id.
    pub(in crate::sandbox) async fn application(
        &self,
        client_id: &str,
    ) -> Result<Option<Arc<Application>>, StoreFault> {
        let statement = sql("SELECT * FROM applications WHERE client_id = $1").bind(client_id);
        let row = self.database.row(statement).await?;
        row.map(|row| Application::read(&row).map(Arc::new)).transpose()
    }

    /// Where the pages of applications that run in browsers come from, of the newest ones: as browsers write origins.
    pub(in crate::sandbox) async fn single_page_origins(&self) -> Result<BTreeSet<String>, StoreFault> {
        let statement = sql("SELECT redirect_uris FROM applications WHERE kind = $1 ORDER BY created DESC LIMIT $2")
            .bind(Kind::SinglePage.as_str())
            .bind(SINGLE_PAGE_MAX);
        let mut origins = BTreeSet::new();
        for row in self.database.rows(statement).await? {
            let uris = row.text("redirect_uris")?;
            origins.extend(uris.lines().filter_map(|uri| RedirectUri::parse(uri).ok()?.web_origin()));
        }
        Ok(origins)
    }

    /// The applications of one developer, newest first.
    pub(in crate::sandbox) async fn applications_of(&self, developer_id: &str) -> Result<Vec<Application>, StoreFault> {
        let statement = sql("SELECT * FROM applications WHERE developer_id = $1 \
             ORDER BY created DESC, client_id LIMIT $2")
        .bind(developer_id)
        .bind(APPLICATIONS_LISTED_MAX);
        self.database.rows(statement).await?.iter().map(Application::read).collect()
    }
}

/// Every one of them stands in each route of the gateway.
const SINGLE_PAGE_MAX: i64 = 100;
/// What one page shows.
const APPLICATIONS_LISTED_MAX: i64 = 500;
