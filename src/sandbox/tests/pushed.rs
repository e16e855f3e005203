//! Pushed authorization requests (RFC 9126).

use super::authz::*;
use super::*;
use crate::sandbox::secret::Digest;
use crate::sandbox::store::PushedRequest;

fn ask<'a>(app: &'a App, challenge: &'a Challenge) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_id", &app.id),
        ("client_secret", &app.secret),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "accounts"),
        ("state", "s t&ate"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ]
}

impl Stage {
    async fn push(&self, app: &App) -> String {
        let challenge = Challenge::of(VERIFIER);
        let (status, json) = read(&self.post("/par", &ask(app, &challenge), &[]).await);
        assert_eq!(status, StatusCode::CREATED, "{json}");
        text(&json, "request_uri")
    }

    fn bring(&self, app: &App, request_uri: &str) -> String {
        self.url(&format!("/authorize?{}", form::join(&[("client_id", &app.id), ("request_uri", request_uri)])))
    }
}

/// AS-20
#[tokio::test]
async fn a_request_that_would_be_accepted_is_kept_under_a_name() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let challenge = Challenge::of(VERIFIER);
    let answer = stage.post("/par", &ask(&app, &challenge), &[]).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let (_, json) = read(&answer);
    assert_eq!(json["expires_in"], 90);
    let name = text(&json, "request_uri");
    assert!(name.strip_prefix("urn:ietf:params:oauth:request_uri:").is_some_and(|secret| secret.len() == 43), "{name}");
}

/// AS-20
#[tokio::test]
async fn a_request_that_would_be_refused_is_refused_at_once() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let challenge = Challenge::of(VERIFIER);
    for (change, status, code) in [
        (("client_secret", "wrong"), 401, "invalid_client"),
        (("client_id", ""), 401, "invalid_client"),
        (("request_uri", "urn:ietf:params:oauth:request_uri:x"), 400, "invalid_request"),
        (("redirect_uri", ""), 400, "invalid_request"),
        (("redirect_uri", "https://evil.example/"), 400, "invalid_request"),
        (("response_type", "token"), 400, "unsupported_response_type"),
        (("scope", "everything"), 400, "invalid_scope"),
        (("code_challenge", ""), 400, "invalid_request"),
        (("code_challenge_method", "plain"), 400, "invalid_request"),
        (("dpop_jkt", "short"), 400, "invalid_request"),
    ] {
        let answer = stage.post("/par", &changed(ask(&app, &challenge), change), &[]).await;
        assert_eq!(error(&answer), (status, code.to_owned()), "{change:?}");
    }
    let answer = stage.send(Request::get(stage.url("/par")), "").await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let long = "x".repeat(9000);
    let answer = stage.post("/par", &changed(ask(&app, &challenge), ("state", &long)), &[]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// AS-20: a client that pushes and never sends a customer fills nothing.
#[tokio::test]
async fn one_past_a_thousand_waiting_requests_has_to_wait() {
    let stage = Stage::start().await;
    let (app, other) = (stage.put(|_| ()).await, stage.put(|_| ()).await);
    let store = &stage.sandbox.site.store;
    for number in 0..999 {
        let request = PushedRequest { client_id: app.id.clone(), form: String::new() };
        assert!(store.push(Digest::of(&number.to_string()), &request, UnixSeconds(NOW + 90)).await.unwrap());
    }
    stage.push(&app).await;
    let challenge = Challenge::of(VERIFIER);
    let answer = stage.post("/par", &ask(&app, &challenge), &[]).await;
    assert_eq!(error(&answer), (429, "temporarily_unavailable".to_owned()));
    assert_eq!(answer.headers()["retry-after"], "5");
    stage.push(&other).await;
    stage.clock.advance(Duration::from_secs(90));
    store.sweep(stage.clock.now()).await.unwrap();
    stage.push(&app).await;
}

/// AS-21: only by whom it was pushed, in time, and whatever else is brought does not count.
#[tokio::test]
async fn a_pushed_request_is_opened_by_its_own_application_in_time() {
    let stage = Stage::start().await;
    let (app, other) = (stage.put(|_| ()).await, stage.put(|_| ()).await);
    let name = stage.push(&app).await;
    let opened = |answer: Answer| (answer.status().as_u16(), agent::location(&answer).starts_with('/'));
    let more = "&redirect_uri=https://evil.example/&scope=payments";
    for (address, expected) in [
        (stage.bring(&app, &name), (303, true)),
        // A customer may load the page again.
        (stage.bring(&app, &name), (303, true)),
        (stage.bring(&app, &name) + more, (303, true)),
        (stage.bring(&other, &name), (400, false)),
        (stage.bring(&app, "urn:ietf:params:oauth:request_uri:unknown"), (400, false)),
        (stage.bring(&app, "https://evil.example/request.jwt"), (400, false)),
        (stage.bring(&app, &name) + "&request_uri=x", (400, false)),
        (stage.url(&format!("/authorize?{}", form::join(&[("request_uri", &name)]))), (400, false)),
    ] {
        assert_eq!(opened(stage.browser().open(&address).await.unwrap()), expected, "{address}");
    }
    stage.clock.advance(Duration::from_secs(90));
    assert_eq!(opened(stage.browser().open(&stage.bring(&app, &name)).await.unwrap()), (400, false));
}

/// RFC 9126 §6
#[tokio::test]
async fn an_application_that_must_push_cannot_ask_otherwise() {
    let stage = Stage::start().await;
    let app = stage.put(|application| application.requires_pushed = true).await;
    let answer = stage.browser().open(&stage.authorize(&app, &[])).await.unwrap();
    assert_eq!(returned(&answer).get("error"), Some("invalid_request"));
    let name = stage.push(&app).await;
    let answer = stage.browser().open(&stage.bring(&app, &name)).await.unwrap();
    assert!(agent::location(&answer).starts_with('/'));
}

/// AS-23: RFC 9449 §10.1
#[tokio::test]
async fn the_key_of_a_pushed_request_is_the_one_that_it_names() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let (key, challenge) = (Key::new(), Challenge::of(VERIFIER));
    let (own, others) = (key.thumbprint(), Key::new().thumbprint());
    let proof = || key.proof(&stage.url("/par"));
    for (named, proof, expected) in [
        ("", Some(proof()), (201, "")),
        (&own, Some(proof()), (201, "")),
        (&own, None, (201, "")),
        (&others, Some(proof()), (400, "invalid_dpop_proof")),
        (&own, Some(key.proof(&stage.url("/token"))), (400, "invalid_dpop_proof")),
    ] {
        let head: Vec<_> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
        let (status, code) =
            error(&stage.post("/par", &changed(ask(&app, &challenge), ("dpop_jkt", named)), &head).await);
        assert_eq!((status, code.as_str()), expected, "{named}");
    }
}

/// AS-21: RFC 9126 §7.3. Opened in two windows, it gives one code.
#[tokio::test]
async fn a_pushed_request_is_answered_once() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let name = stage.push(&app).await;
    let mut windows = Vec::new();
    for _ in 0..2 {
        windows.push(stage.at_consent_of(&stage.bring(&app, &name)).await);
    }
    let mut codes = Vec::new();
    for (mut browser, consent) in windows {
        let fields = allowing(&consent);
        let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
        codes.push((answer.status().as_u16(), agent::location(&answer).contains("code=")));
    }
    assert_eq!(codes, [(303, true), (410, false)]);
    let answer = stage.browser().open(&stage.bring(&app, &name)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}
