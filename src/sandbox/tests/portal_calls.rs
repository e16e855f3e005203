//! The calls of an application, read from the gateway's access log, and operations that are tried in the portal.

use super::*;
use std::io::Write as _;

const ID: &str = "11111111-2222-4333-8444-555555555555";

/// A refusal as the gateway writes it.
fn refusal(client_id: &str) -> String {
    format!(
        "{{\"time\":\"2026-03-01T12:00:01.000Z\",\"id\":\"{ID}\",\"method\":\"GET\",\"path\":\"/<b>/accounts\",\
         \"status\":403,\"reason\":\"grant_wrong\",\"client_id\":\"{client_id}\",\"duration_us\":412,\"bytes\":90}}\n"
    )
}

#[tokio::test]
async fn a_developer_reads_what_the_gateway_decided_and_what_to_do() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().to_owned();
    let stage = Stage::start_with(|options| options.access_log = Some(path)).await;
    let fields = [("name", "Tally"), ("kind", "web"), ("redirect_uris", REDIRECT_URI), ("api", "accounts")];
    let (mut developer, page) = stage.register(&fields).await;
    let client_id = agent::element(agent::text(&page), "client-id").unwrap();
    log.as_file().write_all(refusal(client_id).as_bytes()).unwrap();
    let list = developer.open(&stage.url(&format!("/applications/{client_id}/calls"))).await.unwrap();
    let html = agent::text(&list);
    assert!(
        html.contains("grant_wrong") && html.contains("0.4 ms") && html.contains("/&#60;b&#62;/accounts"),
        "{html}"
    );
    let call = developer.open(&stage.url(&format!("/applications/{client_id}/calls/{ID}"))).await.unwrap();
    assert!(agent::text(&call).contains("The catalogue says for each operation whose token it takes."));
    let found = developer.open(&stage.url(&format!("/applications/{client_id}/calls/find?id={ID}"))).await.unwrap();
    assert_eq!(agent::location(&found), format!("/applications/{client_id}/calls/{ID}"));

    let mut stranger = stage.developer().await;
    for path in ["calls", &format!("calls/{ID}")] {
        let page = stranger.open(&stage.url(&format!("/applications/{client_id}/{path}"))).await.unwrap();
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn an_operation_is_tried_through_the_gateway_and_a_gateway_that_is_away_is_named() {
    let stage = Stage::start().await;
    let mut developer = stage.developer().await;
    let url = stage.url("/apis/accounts/GetAccounts");
    let page = developer.open(&url).await.unwrap();
    assert_eq!(page.status(), StatusCode::OK, "{}", agent::text(&page));
    // Nobody is at the gateway's address in this test.
    let page = developer.fill(&url, &url, &[("token", "abc")]).await.unwrap();
    assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(agent::text(&page).contains("The gateway gave no answer"), "{}", agent::text(&page));
    let forged = developer.submit(&url, &[("token", "abc")]).await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
}
