//! The portal's pages.

use super::*;

#[tokio::test]
async fn a_faulty_form_keeps_its_values_and_adds_nothing() {
    let stage = Stage::start().await;
    let mut developer = stage.developer().await;
    let fields = [("name", "Tally & Co"), ("redirect_uris", "http://evil.example/")];
    let (form, action) = (stage.url("/applications/new"), stage.url("/applications"));
    let page = developer.fill(&form, &action, &fields).await.unwrap();
    let html = agent::text(&page);
    assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("http://evil.example/</textarea>") && html.contains("use https"), "{html}");
    assert!(html.contains("value=\"Tally &#38; Co\""), "{html}");
    let list = developer.open(&action).await.unwrap();
    assert!(agent::text(&list).contains("Nothing here yet"));
}

#[tokio::test]
async fn every_page_is_guarded() {
    let stage = Stage::start().await;
    let mut developer = stage.developer().await;
    for (path, status) in [
        ("/", 200),
        ("/signin", 303),
        ("/signup", 303),
        ("/dashboard", 200),
        ("/applications", 200),
        ("/applications/new", 200),
        ("/applications/app_unknown", 404),
        ("/apis", 200),
        ("/apis/accounts", 200),
        ("/apis/payments", 200),
        ("/apis/fundsconfirmations", 200),
        ("/apis/others", 404),
        ("/apis/payments/CreateDomesticPayment", 200),
        ("/apis/payments/Nothing", 404),
        ("/start", 200),
        ("/status", 200),
        ("/callback?code=%3Cscript%3E", 200),
        ("/login", 303),
        ("/consent", 400),
        ("/nowhere", 404),
    ] {
        let page = developer.open(&stage.url(path)).await.unwrap();
        assert_eq!(page.status().as_u16(), status, "{path}");
        let headers = page.headers();
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"), "{path}");
        assert!(headers.contains_key("referrer-policy"), "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
        let html = agent::text(&page).replace("<script src=\"/portal.js\" defer></script>", "");
        assert!(!html.contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn another_developers_application_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut other = stage.developer().await;
    let [theirs, nobodys] = [app.id.as_str(), "app_unknown"].map(|id| stage.url(&format!("/applications/{id}")));
    let (theirs, nobodys) = (other.open(&theirs).await.unwrap(), other.open(&nobodys).await.unwrap());
    assert_eq!((theirs.status(), theirs.body()), (StatusCode::NOT_FOUND, nobodys.body()));
    let list = other.open(&stage.url("/applications")).await.unwrap();
    assert!(!agent::text(&list).contains(&app.id));
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
