//! Tokens that are bound to a client certificate (RFC 8705 §3).

use super::authz::*;
use super::*;
use crate::digest::sha256;
use crate::net::tls::{self, AskClients};
use crate::sandbox::store::Sender;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

fn made(name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.der().clone(), PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap())
}

/// AS-26: RFC 8705 §5
#[tokio::test]
async fn over_tls_a_certificate_binds_the_token_of_whoever_wishes_it() {
    let (server, client) = (made("127.0.0.1"), made("client"));
    let asks = AskClients::Certificate { authorities: &[], revoked: &[], is_required: false };
    let roots = [server.0.clone()];
    let config = tls::server(vec![server.0], server.1, asks).unwrap();
    let mut stage = Stage::start_with(|options| options.tls = Some(config)).await;
    let thumbprint = URL_SAFE_NO_PAD.encode(sha256(&client.0));
    let wishes = stage.put(|application| application.sender = Sender::Certificate).await;
    let does_not = stage.put(|_| ()).await;

    stage.fetcher = Fetcher::new(tls::client(Some(&roots)).unwrap());
    let answer = stage.post("/token", &own(&wishes), &[]).await;
    assert_eq!(error(&answer), (400, "invalid_request".to_owned()));
    let (_, metadata) =
        read(&stage.browser().open(&stage.url("/.well-known/oauth-authorization-server")).await.unwrap());
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(metadata["mtls_endpoint_aliases"]["token_endpoint"], json!(stage.url("/token")));

    stage.fetcher = Fetcher::new(tls::client_as(Some(&roots), vec![client.0], client.1).unwrap());
    let (status, tokens) = read(&stage.post("/token", &own(&wishes), &[]).await);
    assert_eq!((status, text(&tokens, "token_type").as_str()), (StatusCode::OK, "Bearer"));
    let token = text(&tokens, "access_token");
    assert_eq!(claims(&token)["cnf"], json!({ "x5t#S256": thumbprint }));
    assert_eq!(stage.introspect(&token).await["cnf"], json!({ "x5t#S256": thumbprint }));
    // A browser shows certificates unasked.
    let (_, tokens) = read(&stage.post("/token", &own(&does_not), &[]).await);
    assert_eq!(claims(&text(&tokens, "access_token")).get("cnf"), None);
}
