//! The portal's pages.

use super::*;

#[tokio::test]
async fn a_secret_is_shown_once() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    assert_eq!((app.id.len(), app.secret.len()), ("app_".len() + 43, "secret_".len() + 43));
    let page = stage.browser().open(&stage.url(&format!("/applications/{}", app.id))).await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!agent::text(&page).contains(&app.secret) && agent::text(&page).contains("Was shown once"));
    let list = stage.browser().open(&stage.url("/applications")).await.unwrap();
    assert!(agent::text(&list).contains(&app.id) && !agent::text(&list).contains(&app.secret));
}

#[tokio::test]
async fn a_faulty_form_keeps_its_values_and_adds_nothing() {
    let stage = Stage::start().await;
    let fields = [("name", "Tally & Co"), ("redirect_uris", "http://evil.example/")];
    let page = stage.browser().submit(&stage.url("/applications"), &fields).await.unwrap();
    let html = agent::text(&page);
    assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("http://evil.example/</textarea>") && html.contains("use https"), "{html}");
    assert!(html.contains("value=\"Tally &#38; Co\""), "{html}");
    let list = stage.browser().open(&stage.url("/applications")).await.unwrap();
    assert!(agent::text(&list).contains("Nothing here yet"));
}

#[tokio::test]
async fn every_page_is_guarded() {
    let stage = Stage::start().await;
    for (path, status) in [
        ("/", 200),
        ("/applications", 200),
        ("/applications/new", 200),
        ("/applications/app_unknown", 404),
        ("/callback?code=%3Cscript%3E", 200),
        ("/login", 400),
        ("/consent", 400),
        ("/nowhere", 404),
    ] {
        let page = stage.browser().open(&stage.url(path)).await.unwrap();
        assert_eq!(page.status().as_u16(), status, "{path}");
        let headers = page.headers();
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(headers.contains_key("referrer-policy") && headers.contains_key("content-security-policy"), "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
        assert!(!agent::text(&page).contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn a_busy_port_is_replaced_by_a_free_one() {
    let stage = Stage::start().await;
    let taken = stage.sandbox.portal();
    let options = Options { portal: taken, ..options(Clock::System).await };
    let other = Sandbox::start(options).await.unwrap();
    assert_ne!(other.portal(), taken);
    other.stop().await;
    stage.sandbox.stop().await;
}
