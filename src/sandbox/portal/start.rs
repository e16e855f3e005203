//! `/start`: programs that run as pasted, filled with the developer's own application.

use super::visitor::{Frame, Visitor};
use crate::sandbox::form::Params;
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Application, Authentication, Kind, StoreFault};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "start.html", config = "src/sandbox/askama.toml")]
struct StartPage<'a> {
    frame: Frame,
    applications: &'a [Application],
    chosen: Option<&'a Application>,
    programs: Vec<Program>,
    redirect_uri: &'static str,
    is_registered: bool,
    issuer: &'a str,
}

/// One way to do it.
#[derive(Debug)]
struct Program {
    language: &'static str,
    note: String,
    file: &'static str,
    text: String,
}

/// What stands in the programs.
struct Values<'a> {
    issuer: &'a str,
    accounts: String,
    client_id: &'a str,
    has_secret: bool,
}

/// Shows the guide; signed in, with one's own values.
pub(super) async fn get(State(site): State<Arc<Site>>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let shown = async {
        let applications = match &visitor.developer {
            Some(developer) => site.store.applications_of(&developer.id).await?,
            None => Vec::new(),
        };
        let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
        let named = params.get("application");
        let chosen = applications.iter().find(|one| named.is_none_or(|id| id == one.client_id));
        Ok::<_, StoreFault>(show(&site, &visitor, &applications, chosen))
    };
    shown.await.unwrap_or_else(StoreFault::into_response)
}

fn show(site: &Site, visitor: &Visitor, applications: &[Application], chosen: Option<&Application>) -> Response {
    let values = Values {
        issuer: &site.issuer,
        accounts: format!("{}/accounts", Api::AccountInformation.audience(&site.gateway)),
        client_id: chosen.map_or("CLIENT_ID", |application| application.client_id.as_str()),
        has_secret: chosen.is_none_or(|application| application.authentication == Authentication::Secret),
    };
    let kind = chosen.map_or(Kind::Web, |application| application.kind);
    let is_registered = chosen.is_some_and(|one| one.redirect_uris.iter().any(|uri| uri.matches(REDIRECT_URI)));
    let page = StartPage {
        frame: visitor.frame("/start"),
        applications,
        chosen,
        programs: values.programs(kind),
        redirect_uri: REDIRECT_URI,
        is_registered,
        issuer: &site.issuer,
    };
    visitor.keep(page::show(StatusCode::OK, &page))
}

impl StartPage<'_> {
    fn is_chosen(&self, application: &Application) -> bool {
        self.chosen.is_some_and(|chosen| chosen.client_id == application.client_id)
    }
}

impl Values<'_> {
    fn programs(&self, kind: Kind) -> Vec<Program> {
        let secret = if self.has_secret { "Put the client secret into the variable CLIENT_SECRET first. " } else { "" };
        let node = Program {
            language: "Node",
            note: format!(
                "{secret}npm install openid-client, then node tally.mjs, and open the address that it prints."
            ),
            file: "tally.mjs",
            text: self.node(),
        };
        let python = Program {
            language: "Python",
            note: format!(
                "{secret}pip install authlib requests, then python tally.py, and open the address that it prints."
            ),
            file: "tally.py",
            text: self.python(),
        };
        let curl = Program {
            language: "curl",
            note: format!("{secret}A POSIX shell with openssl. Paste the address that you are sent back to."),
            file: "tally.sh",
            text: self.curl(),
        };
        match kind {
            Kind::SinglePage => vec![self.page(), curl],
            Kind::Web | Kind::Mobile => vec![node, python, curl],
        }
    }

    fn node(&self) -> String {
        let Self { issuer, accounts, client_id, has_secret } = self;
        let who = if *has_secret { "client.ClientSecretPost(process.env.CLIENT_SECRET)" } else { "client.None()" };
        format!(
            "import http from 'node:http';\n\
             import * as client from 'openid-client';\n\n\
             const redirectUri = '{REDIRECT_URI}';\n\
             const config = await client.discovery(new URL('{issuer}'), '{client_id}', undefined, {who},\n  \
               {{ algorithm: 'oauth2', execute: [client.allowInsecureRequests] }});\n\
             const verifier = client.randomPKCECodeVerifier();\n\
             const state = client.randomState();\n\
             const address = client.buildAuthorizationUrl(config, {{\n  \
               redirect_uri: redirectUri, scope: 'accounts', state,\n  \
               code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',\n\
             }});\n\
             console.log('Open', address.href);\n\n\
             http.createServer(async (request, response) => {{\n  \
               const tokens = await client.authorizationCodeGrant(config, new URL(request.url, redirectUri),\n    \
                 {{ pkceCodeVerifier: verifier, expectedState: state }});\n  \
               const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL('{accounts}'), 'GET');\n  \
               console.log(answer.status, JSON.stringify(await answer.json(), null, 2));\n  \
               response.end('Done: the accounts stand in the terminal.', () => process.exit());\n\
             }}).listen(8765, '127.0.0.1');\n"
        )
    }

    fn python(&self) -> String {
        let Self { issuer, accounts, client_id, has_secret } = self;
        let (secret, method) =
            if *has_secret { ("os.environ[\"CLIENT_SECRET\"]", "client_secret_basic") } else { ("None", "none") };
        format!(
            "import os\n\
             from http.server import BaseHTTPRequestHandler, HTTPServer\n\n\
             from authlib.common.security import generate_token\n\
             from authlib.integrations.requests_client import OAuth2Session\n\n\
             os.environ[\"AUTHLIB_INSECURE_TRANSPORT\"] = \"1\"  # plain http, on this machine only\n\
             redirect_uri = \"{REDIRECT_URI}\"\n\
             session = OAuth2Session(\"{client_id}\", {secret}, token_endpoint_auth_method=\"{method}\",\n                        \
               scope=\"accounts\", redirect_uri=redirect_uri, code_challenge_method=\"S256\")\n\
             verifier = generate_token(48)\n\
             address, state = session.create_authorization_url(\"{issuer}/authorize\", code_verifier=verifier)\n\
             print(\"Open\", address)\n\n\n\
             class Callback(BaseHTTPRequestHandler):\n    \
               def do_GET(self):\n        \
                 session.fetch_token(\"{issuer}/token\", authorization_response=redirect_uri + self.path.removeprefix(\"/callback\"),\n                            \
                   code_verifier=verifier, state=state)\n        \
                 answer = session.get(\"{accounts}\")\n        \
                 print(answer.status_code, answer.text)\n        \
                 self.send_response(200)\n        \
                 self.end_headers()\n        \
                 self.wfile.write(b\"Done: the accounts stand in the terminal.\")\n\n\n\
             HTTPServer((\"127.0.0.1\", 8765), Callback).handle_request()\n"
        )
    }

    fn curl(&self) -> String {
        let Self { issuer, accounts, client_id, has_secret } = self;
        let who = if *has_secret { "-u \"$CLIENT_ID:$CLIENT_SECRET\"" } else { "-d client_id=$CLIENT_ID" };
        format!(
            "CLIENT_ID={client_id}\n\
             VERIFIER=$(openssl rand -hex 32)\n\
             CHALLENGE=$(printf %s \"$VERIFIER\" | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '=')\n\
             echo \"Open {issuer}/authorize?response_type=code&client_id=$CLIENT_ID&redirect_uri={REDIRECT_URI}&scope=accounts&state=x&code_challenge=$CHALLENGE&code_challenge_method=S256\"\n\
             printf 'The address that you are sent back to: '; read -r BACK\n\
             CODE=$(printf %s \"$BACK\" | sed 's/.*[?&]code=\\([^&]*\\).*/\\1/')\n\
             TOKEN=$(curl -s {issuer}/token {who} -d grant_type=authorization_code -d code=\"$CODE\" \\\n  \
               -d code_verifier=$VERIFIER -d redirect_uri={REDIRECT_URI} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
             curl -i {accounts} -H \"Authorization: Bearer $TOKEN\"\n"
        )
    }

    fn page(&self) -> Program {
        let Self { issuer, accounts, client_id, .. } = self;
        let text = format!(
            "<!doctype html>\n<title>Tally</title>\n<button id=\"ask\">Show my accounts</button>\n<pre id=\"out\"></pre>\n\
             <script type=\"module\">\n\
             const here = '{REDIRECT_URI}';\n\
             const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');\n\
             const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));\n\n\
             document.getElementById('ask').onclick = async () => {{\n  \
               const [verifier, state] = [random(), random()];\n  \
               sessionStorage.setItem('asked', JSON.stringify({{ verifier, state }}));\n  \
               const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));\n  \
               location = '{issuer}/authorize?' + new URLSearchParams({{ response_type: 'code', client_id: '{client_id}', redirect_uri: here,\n    \
                 scope: 'accounts', state, code_challenge: challenge, code_challenge_method: 'S256' }});\n\
             }};\n\n\
             const back = new URLSearchParams(location.search);\n\
             if (back.has('code')) {{\n  \
               const {{ verifier, state }} = JSON.parse(sessionStorage.getItem('asked'));\n  \
               if (back.get('state') !== state || back.get('iss') !== '{issuer}') throw new Error('not our answer');\n  \
               const answer = await fetch('{issuer}/token', {{ method: 'POST', body: new URLSearchParams({{ grant_type: 'authorization_code',\n    \
                 client_id: '{client_id}', code: back.get('code'), redirect_uri: here, code_verifier: verifier }}) }});\n  \
               const {{ access_token: token }} = await answer.json();\n  \
               const accounts = await fetch('{accounts}', {{ headers: {{ Authorization: `Bearer ${{token}}` }} }});\n  \
               document.getElementById('out').textContent = JSON.stringify(await accounts.json(), null, 2);\n\
             }}\n\
             </script>\n"
        );
        Program {
            language: "A page",
            note: "Save it as callback (no ending matters to a browser, but this server needs the name), then in its folder: \
                   python3 -c \"import http.server as h; h.SimpleHTTPRequestHandler.extensions_map[''] = 'text/html'; \
                   h.test(h.SimpleHTTPRequestHandler, port=8765, bind='127.0.0.1')\", and open http://127.0.0.1:8765/callback"
                .to_owned(),
            file: "callback",
            text,
        }
    }
}

/// On loopback any port is good, where the path is registered (RFC 8252 §7.3).
const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";
