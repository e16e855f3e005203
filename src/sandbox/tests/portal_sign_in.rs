//! Signing up, in and out of the portal.

use super::*;
use http::header;

const EMAIL: &str = "ada@tally.example";
const PASSWORD: &str = "green ladder seventeen";

async fn sign_up(stage: &Stage, browser: &mut Agent, email: &str) -> Answer {
    let fields = [("name", "Ada"), ("email", email), ("password", PASSWORD)];
    browser.fill(&stage.url("/signup"), &stage.url("/signup"), &fields).await.unwrap()
}

async fn sign_in(stage: &Stage, browser: &mut Agent, email: &str, password: &str) -> Answer {
    let fields = [("email", email), ("password", password)];
    browser.fill(&stage.url("/signin"), &stage.url("/signin"), &fields).await.unwrap()
}

fn cookie(answer: &Answer) -> &str {
    answer.headers().get(header::SET_COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn who_signed_up_signs_in_and_out() {
    let stage = Stage::start().await;
    let mut browser = stage.browser();
    let home = browser.open(&stage.url("/")).await.unwrap();
    assert!(agent::text(&home).contains("href=\"/signup\""));
    assert_eq!(agent::location(&sign_up(&stage, &mut browser, EMAIL).await), "/dashboard");
    let dashboard = browser.open(&stage.url("/dashboard")).await.unwrap();
    assert!(agent::text(&dashboard).contains("Hello, Ada") && agent::text(&dashboard).contains("Add application"));

    let left = browser.fill(&stage.url("/dashboard"), &stage.url("/signout"), &[]).await.unwrap();
    assert_eq!((left.status(), agent::location(&left)), (StatusCode::SEE_OTHER, "/"));
    let dashboard = browser.open(&stage.url("/dashboard")).await.unwrap();
    assert_eq!((dashboard.status(), agent::location(&dashboard)), (StatusCode::SEE_OTHER, "/signin"));

    let back = sign_in(&stage, &mut browser, " ADA@tally.example", PASSWORD).await;
    assert_eq!((back.status(), agent::location(&back)), (StatusCode::SEE_OTHER, "/dashboard"));
    assert_eq!(browser.open(&stage.url("/dashboard")).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_page_that_asked_to_sign_in_follows_and_a_foreign_one_does_not() {
    let stage = Stage::start().await;
    let mut browser = stage.browser();
    sign_up(&stage, &mut browser, EMAIL).await;
    for (next, follows) in [("/applications/new?a=b", "/applications/new?a=b"), ("//evil.example/", "/dashboard")] {
        let mut browser = stage.browser();
        let page = format!("/signin?{}", form::join(&[("next", next)]));
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
        let answer = browser.fill(&stage.url(&page), &stage.url("/signin"), &fields).await.unwrap();
        assert_eq!(agent::location(&answer), follows);
    }
    let asked = stage.browser().open(&stage.url("/applications/new?a=b")).await.unwrap();
    assert_eq!(agent::location(&asked), "/signin?next=%2Fapplications%2Fnew%3Fa%3Db");
}

/// UI-5: whoever planted a cookie gains nothing by the sign-in; the old one is worthless, and so is one signed out.
#[tokio::test]
async fn the_cookie_changes_at_sign_in_and_dies_at_sign_out() {
    let stage = Stage::start().await;
    let mut browser = stage.browser();
    let before = browser.open(&stage.url("/signup")).await.unwrap();
    let after = sign_up(&stage, &mut browser, EMAIL).await;
    assert_ne!(cookie(&before), cookie(&after));
    for set in [cookie(&before), cookie(&after)] {
        assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("; Path=/;"), "{set}");
    }
    let open = async |set: &str| {
        let pair = set.split(';').next().unwrap();
        stage.send(Request::get(stage.url("/dashboard")).header("cookie", pair), "").await.status()
    };
    assert_eq!(open(cookie(&before)).await, StatusCode::SEE_OTHER);
    assert_eq!(open(cookie(&after)).await, StatusCode::OK);
    browser.fill(&stage.url("/dashboard"), &stage.url("/signout"), &[]).await.unwrap();
    assert_eq!(open(cookie(&after)).await, StatusCode::SEE_OTHER);
}

/// UI-2: no form is taken without the browser's own token, and none from a page of another origin.
#[tokio::test]
async fn a_forged_form_changes_nothing() {
    let stage = Stage::start().await;
    let mut browser = stage.browser();
    let signed_in = sign_up(&stage, &mut browser, EMAIL).await;
    let pair = cookie(&signed_in).split(';').next().unwrap();
    let page = browser.open(&stage.url("/applications/new")).await.unwrap();
    let token = agent::hidden(agent::text(&page), "form_token").unwrap();
    let right = format!("form_token={token}&name=Tally&kind=web&api=accounts&redirect_uris=https://a.example/");
    let post = || Request::post(stage.url("/applications")).header("content-type", FORM).header("cookie", pair);
    let other = stage.browser().open(&stage.url("/signin")).await.unwrap();
    let others = right.replace(token, agent::hidden(agent::text(&other), "form_token").unwrap());
    for (request, body) in [
        (post(), right.replace("form_token", "token")),
        (post(), others),
        (post().header("origin", "https://evil.example"), right.clone()),
        (post().header("sec-fetch-site", "cross-site"), right.clone()),
    ] {
        assert_eq!(stage.send(request, &body).await.status(), StatusCode::FORBIDDEN);
    }
    let list = browser.open(&stage.url("/applications")).await.unwrap();
    assert!(agent::text(&list).contains("Nothing here yet"));
    // The sign-in form is held to it too: nobody is signed in as somebody else unawares.
    let login = format!("email={EMAIL}&password={PASSWORD}");
    let request = Request::post(stage.url("/signin")).header("content-type", FORM);
    assert_eq!(stage.send(request, &login).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(stage.send(post(), &right).await.status(), StatusCode::CREATED);
}

/// UI-7: the same words and status whether the e-mail or the password is wrong, and a bound on guessing.
#[tokio::test]
async fn guessing_learns_nothing_and_is_stopped() {
    let stage = Stage::start().await;
    sign_up(&stage, &mut stage.browser(), EMAIL).await;
    let mut texts = Vec::new();
    for (email, password) in [(EMAIL, "wrong ladder"), ("eve@tally.example", PASSWORD), (EMAIL, &"x".repeat(2000))] {
        let page = sign_in(&stage, &mut stage.browser(), email, password).await;
        assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let html = agent::text(&page);
        assert!(html.contains(&format!("value=\"{email}\"")) && !html.contains(password), "{html}");
        texts.push(agent::element(html, "fault").unwrap().to_owned());
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    for _ in 0..9 {
        sign_in(&stage, &mut stage.browser(), EMAIL, "wrong ladder").await;
    }
    let late = sign_in(&stage, &mut stage.browser(), EMAIL, PASSWORD).await;
    assert_eq!(late.status(), StatusCode::TOO_MANY_REQUESTS);
    stage.clock.advance(Duration::from_mins(1));
    let again = sign_in(&stage, &mut stage.browser(), EMAIL, PASSWORD).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_email_signs_up_once_and_accounts_are_not_made_by_the_dozen() {
    let stage = Stage::start().await;
    sign_up(&stage, &mut stage.browser(), EMAIL).await;
    let taken = sign_up(&stage, &mut stage.browser(), "Ada@Tally.example").await;
    assert_eq!(taken.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(agent::text(&taken).contains("There is an account with this e-mail"));
    for index in 0..8 {
        let answer = sign_up(&stage, &mut stage.browser(), &format!("{index}@tally.example")).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
    let late = sign_up(&stage, &mut stage.browser(), "late@tally.example").await;
    assert_eq!(late.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(agent::text(&late).contains("value=\"late@tally.example\""));
}
