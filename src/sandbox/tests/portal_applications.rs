//! Applications in the portal: their advanced settings, change, secrets, and their end.

use super::authz::*;
use super::*;
use crate::sandbox::secret;
use crate::sandbox::store::{Authentication, Kind, Refresh, Sender, TokenFormat};
use serde_json::json;

const GOOD: [(&str, &str); 4] =
    [("name", "Tally"), ("kind", "web"), ("redirect_uris", REDIRECT_URI), ("api", "accounts")];

/// A developer's browser with an application of theirs, which `more` describes further.
pub(super) async fn developer_with(stage: &Stage, more: &[(&str, &str)]) -> (Agent, App) {
    let fields: Vec<_> = GOOD.iter().chain(more).copied().collect();
    let (developer, page) = stage.register(&fields).await;
    let value = |id| agent::element(agent::text(&page), id).unwrap_or_default().to_owned();
    (developer, App { id: value("client-id"), secret: value("client-secret") })
}

/// Presses a button of the page of an application, and goes where it leads.
pub(super) async fn press(stage: &Stage, developer: &mut Agent, app: &App, path: &str) -> Answer {
    let page = stage.url(&format!("/applications/{}", app.id));
    let mut answer = developer.fill(&page, &format!("{page}{path}"), &[]).await.unwrap();
    for _ in 0..3 {
        match agent::location(&answer) {
            next if next.starts_with('/') => answer = developer.open(&stage.url(next)).await.unwrap(),
            _ => break,
        }
    }
    answer
}

async fn own_token(stage: &Stage, app: &App) -> StatusCode {
    stage.token(&own(app)).await.0
}

#[tokio::test]
async fn every_advanced_setting_is_kept() {
    let stage = Stage::start_with(|options| options.gateway = "https://api.bank.example".to_owned()).await;
    let keys = json!({ "keys": [Key::new().jwk()] }).to_string();
    let more = [
        ("authentication", "private_key_jwt"),
        ("keys", keys.as_str()),
        ("token_format", "opaque"),
        ("sender", "dpop"),
        ("refresh", "keep"),
        ("requires_pushed", "yes"),
        ("lifetime", "short"),
    ];
    let (_, app) = developer_with(&stage, &more).await;
    assert_eq!(app.secret, "");
    let kept = stage.sandbox.site.store.application(&app.id).await.unwrap().unwrap();
    assert_eq!((kept.authentication, kept.keys.as_deref()), (Authentication::PrivateKey, Some(keys.as_str())));
    assert_eq!((kept.token_format, kept.sender, kept.refresh), (TokenFormat::Opaque, Sender::Dpop, Refresh::Keep));
    assert!(kept.requires_pushed && kept.access_lifetime == Duration::from_secs(3));
}

#[tokio::test]
async fn a_fault_in_an_advanced_field_opens_them_and_stands_beside_it() {
    let stage = Stage::start().await;
    for (more, id) in [
        (vec![("authentication", "private_key_jwt"), ("keys", "{}")], "keys-fault"),
        (vec![("authentication", "none")], "authentication-fault"),
        (vec![("token_format", "paper")], "token_format-fault"),
        (vec![("sender", "certificate")], "sender-fault"),
        (vec![("kind", "mobile"), ("refresh", "keep")], "refresh-fault"),
    ] {
        let mut fields: Vec<_> =
            GOOD.iter().filter(|(name, _)| *name != "kind" || more[0].0 != "kind").copied().collect();
        fields.extend(&more);
        let mut developer = stage.developer().await;
        let (form, action) = (stage.url("/applications/new"), stage.url("/applications"));
        let page = developer.fill(&form, &action, &fields).await.unwrap();
        let html = agent::text(&page);
        assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY, "{id}");
        assert!(agent::element(html, id).is_some() && html.contains("<details class=\"more card\" open>"), "{id}");
        assert!(html.contains("value=\"Tally\""), "{id}");
    }
}

/// UI-6: two secrets live while one takes the other's place; neither is shown again, and one always stays.
#[tokio::test]
async fn a_secret_is_changed_without_a_gap() {
    let stage = Stage::start().await;
    let (mut developer, first) = developer_with(&stage, &[]).await;
    let page = press(&stage, &mut developer, &first, "/secrets").await;
    assert_eq!(page.status(), StatusCode::CREATED);
    let secret = agent::element(agent::text(&page), "client-secret").unwrap().to_owned();
    let second = App { id: first.id.clone(), secret };
    assert_eq!((own_token(&stage, &first).await, own_token(&stage, &second).await), (StatusCode::OK, StatusCode::OK));
    let third = press(&stage, &mut developer, &first, "/secrets").await;
    assert_eq!(third.status(), StatusCode::CONFLICT);
    let page = developer.open(&stage.url(&format!("/applications/{}", first.id))).await.unwrap();
    assert!(!agent::text(&page).contains(&second.secret) && agent::text(&page).contains("last used"));
    let secrets = stage.sandbox.site.store.secrets(&first.id).await.unwrap();
    let remove = async |developer: &mut Agent, id: &str| {
        press(&stage, developer, &first, &format!("/secrets/{id}/remove")).await;
    };
    let oldest = secrets.iter().find(|held| held.digest.equals(&secret::Digest::of(&first.secret))).unwrap();
    let newest = secrets.iter().find(|held| held.id != oldest.id).unwrap();
    remove(&mut developer, &oldest.id).await;
    remove(&mut developer, &newest.id).await;
    assert_eq!(own_token(&stage, &first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(own_token(&stage, &second).await, StatusCode::OK);
}

#[tokio::test]
async fn a_change_is_saved_and_takes_secrets_that_are_no_longer_used() {
    let stage = Stage::start().await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let edit = stage.url(&format!("/applications/{}/edit", app.id));
    let page = developer.open(&edit).await.unwrap();
    assert!(agent::text(&page).contains("value=\"Tally\""));
    let fields = [("name", "Count"), ("kind", "single-page"), ("redirect_uris", REDIRECT_URI), ("api", "payments")];
    let saved = developer.fill(&edit, &edit, &fields).await.unwrap();
    assert_eq!(saved.status(), StatusCode::SEE_OTHER, "{}", agent::text(&saved));
    let store = &stage.sandbox.site.store;
    let kept = store.application(&app.id).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.kind, kept.authentication), ("Count", Kind::SinglePage, Authentication::None));
    assert_eq!((kept.scopes.to_string(), store.secrets(&app.id).await.unwrap().len()), ("payments".to_owned(), 0));
    // Back on a server it needs a new one, which is shown once.
    let back = developer.fill(&edit, &edit, &GOOD).await.unwrap();
    let secret = agent::element(agent::text(&back), "client-secret").unwrap().to_owned();
    assert_eq!(own_token(&stage, &app).await, StatusCode::UNAUTHORIZED);
    assert_eq!(own_token(&stage, &App { id: app.id.clone(), secret }).await, StatusCode::OK);
    let wrong = developer.fill(&edit, &edit, &[("name", ""), ("kind", "web")]).await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(store.application(&app.id).await.unwrap().unwrap().name, "Tally");
}

#[tokio::test]
async fn a_deleted_application_takes_everything_with_it_and_the_gateway_knows() {
    let admin = Admin::start().await;
    let stage = Stage::start_with(|options| options.admin = admin.origin.clone()).await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let tokens = stage.tokens(&app).await;
    let unused = stage.granted(&app, |_| ()).await;
    press(&stage, &mut developer, &app, "/tokens").await;
    let page = developer.open(&stage.url(&format!("/applications/{}/delete", app.id))).await.unwrap();
    assert!(agent::text(&page).contains("Delete Tally?") && agent::text(&page).contains(&app.id));
    let list = press(&stage, &mut developer, &app, "/delete").await;
    assert!(agent::text(&list).contains("Nothing here yet"), "{}", agent::text(&list));
    let until = NOW + 300 + 60;
    assert_eq!(admin.told(), [json!({ "issuer": stage.portal, "client_id": app.id, "until": until })]);
    assert!(!stage.is_active(&text(&tokens, "access_token")).await);
    for fields in [own(&app), refresh(&app, &text(&tokens, "refresh_token")), redeem(&app, &unused)] {
        assert_eq!(stage.token(&fields).await.0, StatusCode::UNAUTHORIZED);
    }
    let store = &stage.sandbox.site.store;
    assert!(store.secrets(&app.id).await.unwrap().is_empty());
    assert!(store.refresh_token(&text(&tokens, "refresh_token")).await.unwrap().is_none());
    assert!(store.code(&unused).await.unwrap().is_none());
}

/// UI-2, and nobody changes another's.
#[tokio::test]
async fn strangers_change_nothing() {
    let stage = Stage::start().await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let page = press(&stage, &mut developer, &app, "/tokens").await;
    let token = agent::element(agent::text(&page), "access-token").unwrap().to_owned();
    let token_id = stage.sandbox.site.store.test_tokens(&owner(&stage, &app).await).await.unwrap()[0].id.clone();
    let secret_id = stage.sandbox.site.store.secrets(&app.id).await.unwrap()[0].id.clone();
    let mut other = stage.developer().await;
    for path in [
        "/edit".to_owned(),
        "/delete".to_owned(),
        "/secrets".to_owned(),
        format!("/secrets/{secret_id}/remove"),
        "/tokens".to_owned(),
        format!("/tokens/{token_id}/refresh"),
        format!("/tokens/{token_id}/revoke"),
        "/ask".to_owned(),
        "/payment".to_owned(),
        "/accounts".to_owned(),
    ] {
        let url = stage.url(&format!("/applications/{}{path}", app.id));
        let theirs = other.fill(&stage.url("/dashboard"), &url, &GOOD).await.unwrap();
        assert_eq!(theirs.status(), StatusCode::NOT_FOUND, "{path}");
        let forged = developer.submit(&url, &GOOD).await.unwrap();
        assert_eq!(forged.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let seen = other.open(&stage.url(&format!("/applications/{}/tokens/{token_id}", app.id))).await.unwrap();
    assert_eq!(seen.status(), StatusCode::NOT_FOUND);
    assert!(stage.is_active(&token).await);
    assert_eq!(own_token(&stage, &app).await, StatusCode::OK);
}

pub(super) async fn owner(stage: &Stage, app: &App) -> String {
    stage.sandbox.site.store.application(&app.id).await.unwrap().unwrap().developer_id.clone()
}
