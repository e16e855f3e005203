//! The second factor.

use super::consent::payment;
use super::*;
use crate::sandbox::customer::AMARA;

/// A browser that logged in for a payment, at the page that asks for the code.
async fn at_code(stage: &Stage, request: &str) -> (Agent, Answer) {
    let mut browser = stage.browser();
    let login = stage.follow(&mut browser, request).await;
    let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let page = stage.press(&mut browser, "/login", &fields).await;
    (browser, page)
}

async fn payment_request(stage: &Stage) -> String {
    let app = stage.add("web", &["payments"]).await;
    let consent = stage.payment_consent(&app, &payment("12.50", "EUR")).await;
    stage.authorize(&app, &[("scope", "payments"), ("consent_id", &consent)])
}

fn other_code(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// AS-32; (EU) 2018/389, article 5
#[tokio::test]
async fn a_payment_needs_a_code_whose_message_names_amount_and_payee() {
    let stage = Stage::start().await;
    let (mut browser, page) = at_code(&stage, &payment_request(&stage).await).await;
    let (html, code) = (agent::text(&page), sent_code(&page).unwrap());
    assert!(html.contains("The text message we would send") && html.contains("pay €12.50 to Ada Books"), "{html}");
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
    let ask = agent::hidden(html, "ask").unwrap();
    let skipped = browser.open(&stage.url(&format!("/consent?ask={ask}"))).await.unwrap();
    assert!(agent::location(&skipped).starts_with("/one-time-code?"));
    let forced = filled(&page, &[("decision", "allow"), ("payer", "acc-1001")]);
    let forced = browser.submit(&stage.url("/consent"), &pairs(&forced)).await.unwrap();
    assert!(agent::location(&forced).starts_with("/one-time-code?"));

    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    let consent = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", &spaced)])).await;
    assert!(agent::text(&consent).contains("Which account pays?"), "{}", agent::text(&consent));
}

#[tokio::test]
async fn account_access_needs_a_code_only_if_the_application_asks_for_one() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    assert_eq!(sent_code(&consent), None);
    let stepped = stage.authorize(&app, &[("acr_values", "urn:other:face urn:scopegate:acr:otp")]);
    let page = stage.follow(&mut browser, &stepped).await;
    let code = sent_code(&page).unwrap();
    let consent = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", &code)])).await;
    let back = browser.submit(&stage.url("/consent"), &pairs(&allowing(&consent))).await.unwrap();
    let code = returned(&back).get("code").unwrap().to_owned();
    let granted = stage.sandbox.site.store.code(&code).await.unwrap().unwrap();
    assert_eq!(granted.content.authorization.acr.as_str(), "urn:scopegate:acr:otp");
}

#[tokio::test]
async fn five_wrong_codes_need_another_and_after_three_codes_the_question_is_closed() {
    let stage = Stage::start().await;
    let (mut browser, mut page) = at_code(&stage, &payment_request(&stage).await).await;
    for sent in 1..=3 {
        stage.clock.advance(Duration::from_mins(1));
        let code = sent_code(&page).unwrap();
        for tried in 1..=5 {
            page = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", other_code(&code))])).await;
            if (sent, tried) == (3, 5) {
                break;
            }
            assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY, "{sent} {tried}");
            assert_eq!(sent_code(&page).unwrap() == code, tried < 5, "{sent} {tried}");
        }
    }
    assert_eq!(page.status(), StatusCode::GONE);
    let html = agent::text(&page);
    assert!(html.contains("Too many wrong codes") && html.contains("error=access_denied"), "{html}");
}

/// UI-7
#[tokio::test]
async fn ten_wrong_codes_in_a_minute_close_every_question_of_the_customer_for_the_rest_of_it() {
    let stage = Stage::start().await;
    let request = payment_request(&stage).await;
    for _ in 0..2 {
        let (mut browser, mut page) = at_code(&stage, &request).await;
        for _ in 0..5 {
            let code = sent_code(&page).unwrap();
            page = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", other_code(&code))])).await;
        }
    }
    let (mut browser, page) = at_code(&stage, &request).await;
    let right = filled(&page, &[("code", &sent_code(&page).unwrap())]);
    let answer = stage.press(&mut browser, "/one-time-code", &right).await;
    assert!(agent::text(&answer).contains("Wait 60 seconds"), "{}", agent::text(&answer));
    stage.clock.advance(Duration::from_mins(1));
    let consent = stage.press(&mut browser, "/one-time-code", &right).await;
    assert!(agent::text(&consent).contains("Which account pays?"));
}

#[tokio::test]
async fn another_code_makes_the_one_before_worthless() {
    let stage = Stage::start().await;
    let (mut browser, page) = at_code(&stage, &payment_request(&stage).await).await;
    let first = sent_code(&page).unwrap();
    let page = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("another", "yes")])).await;
    let second = sent_code(&page).unwrap();
    if first != second {
        let answer = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", &first)])).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let consent = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", &second)])).await;
    assert!(agent::text(&consent).contains("Which account pays?"));
}

#[tokio::test]
async fn a_code_works_for_five_minutes_in_one_session_for_one_question() {
    let stage = Stage::start().await;
    let (mut browser, page) = at_code(&stage, &payment_request(&stage).await).await;
    let code = sent_code(&page).unwrap();
    // Another question of the same session.
    let other = stage.follow(&mut browser, &payment_request(&stage).await).await;
    let own = sent_code(&other).unwrap();
    if own != code {
        let answer = stage.press(&mut browser, "/one-time-code", &filled(&other, &[("code", &code)])).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    // Too late.
    stage.clock.advance(Duration::from_mins(4));
    stage.follow(&mut browser, &stage.url("/my/access")).await;
    stage.clock.advance(Duration::from_mins(1));
    let answer = stage.press(&mut browser, "/one-time-code", &filled(&page, &[("code", &code)])).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{}", agent::text(&answer));
    // Another customer at the same browser starts anew.
    let code = sent_code(&answer).unwrap();
    let consent = stage.press(&mut browser, "/one-time-code", &filled(&answer, &[("code", &code)])).await;
    let login = stage.press(&mut browser, "/logout", &filled(&consent, &[])).await;
    let fields = filled(&login, &[("user", AMARA.user), ("password", AMARA.password)]);
    let page = stage.press(&mut browser, "/login", &fields).await;
    assert!(sent_code(&page).is_some(), "{}", agent::text(&page));
}
