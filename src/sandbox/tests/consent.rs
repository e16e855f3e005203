//! The consent page, and what the customer's one answer does.

use super::*;
use crate::sandbox::bank::consent::{Consent, Request as Wanted, Status};
use crate::sandbox::bank::order::Given;
use crate::sandbox::bank::permissions::Permissions;
use crate::sandbox::customer::{AMARA, JONAS};

/// What a third party sends to create a payment consent.
pub(super) fn payment(amount: &str, currency: &str) -> Value {
    serde_json::json!({ "Data": { "Initiation": {
        "InstructionIdentification": "1", "EndToEndIdentification": "1",
        "InstructedAmount": { "Amount": amount, "Currency": currency },
        "CreditorAccount": { "SchemeName": "UK.OBIE.IBAN", "Identification": "DE89370400440532013000", "Name": "Ada Books" },
        "RemittanceInformation": { "Unstructured": ["Order 4711"] },
    } }, "Risk": {} })
}

impl Stage {
    /// A consent that `app` created and that awaits its answer.
    async fn keep(&self, consent: Consent) -> String {
        let mut transaction = self.sandbox.site.store.begin().await.unwrap();
        assert!(transaction.add_consent(&consent).await.unwrap());
        transaction.commit().await.unwrap();
        consent.id
    }

    pub(super) async fn payment_consent(&self, app: &App, order: &Value) -> String {
        let given = Given::consent(order.to_string().as_bytes()).unwrap();
        self.keep(Consent::new(&app.id, Wanted::Payment(Box::new(given)), self.clock.now())).await
    }

    pub(super) async fn access_consent(&self, app: &App, permissions: &[&str]) -> String {
        let permissions = Permissions::parse(permissions.iter().copied()).unwrap();
        self.keep(Consent { permissions, ..Consent::new(&app.id, Wanted::AccountAccess, self.clock.now()) }).await
    }

    pub(super) async fn funds_consent(&self, app: &App, iban: &str) -> String {
        let words = serde_json::json!({ "SchemeName": "UK.OBIE.IBAN", "Identification": iban });
        let asked = crate::sandbox::bank::cbpii::Asked::kept(&words.to_string()).unwrap();
        self.keep(Consent::new(&app.id, Wanted::FundsConfirmation(Box::new(asked)), self.clock.now())).await
    }

    async fn consent(&self, id: &str) -> Consent {
        self.sandbox.site.store.consent(id).await.unwrap().unwrap()
    }

    /// The code that DEMO gives who allows all of a request.
    pub(super) async fn code_of(&self, request: &str) -> String {
        let (mut browser, consent) = self.at_consent_of(request).await;
        let back = browser.submit(&self.url("/consent"), &pairs(&allowing(&consent))).await.unwrap();
        returned(&back).get("code").unwrap().to_owned()
    }
}

/// AS-6, AS-11, AS-12
#[tokio::test]
async fn a_customer_who_refuses_sends_back_access_denied_with_state_and_issuer() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let id = stage.access_consent(&app, &["ReadBalances"]).await;
    let (mut browser, consent) = stage.at_consent_of(&stage.authorize(&app, &[("consent_id", &id)])).await;
    let fields = filled(&consent, &[("decision", "refuse")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    let back = returned(&answer);
    assert_eq!((back.get("error"), back.get("code")), (Some("access_denied"), None));
    assert_eq!((back.get("state"), back.get("iss")), (Some("s t&ate"), Some(stage.portal.as_str())));
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "UI-4");
    assert_eq!(stage.consent(&id).await.status, Status::Rejected);

    let again = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert_eq!((again.status(), agent::location(&again)), (StatusCode::GONE, ""));
    assert!(agent::text(&again).contains("You refused this already"));
}

#[tokio::test]
async fn a_question_is_answered_once_however_often_the_form_is_sent() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let fields = allowing(&consent);
    let (url, fields) = (stage.url("/consent"), pairs(&fields));
    let [mut second, mut third, mut fourth] = std::array::from_fn(|_| browser.clone());
    let (one, two, three, four) = tokio::join!(
        browser.submit(&url, &fields),
        second.submit(&url, &fields),
        third.submit(&url, &fields),
        fourth.submit(&url, &fields),
    );
    // A browser shows the answer to the last press: that one has to be good, and no other.
    let mut good = 0;
    for answer in [one, two, three, four].map(Result::unwrap) {
        let code = returned(&answer).get("code").unwrap().to_owned();
        let (status, _) = stage.token(&authz::redeem(&app, &code)).await;
        good += usize::from(status == StatusCode::OK);
    }
    assert_eq!(good, 1);
    let late = browser.submit(&url, &fields).await.unwrap();
    assert_eq!(late.status(), StatusCode::GONE, "its code was used");
    // The back button, and the form that is still there.
    let ask = agent::hidden(agent::text(&consent), "ask").unwrap();
    for path in ["/consent", "/login", "/one-time-code"] {
        let answer = browser.open(&stage.url(&format!("{path}?ask={ask}"))).await.unwrap();
        let html = agent::text(&answer);
        assert_eq!(answer.status(), StatusCode::GONE, "{path}");
        assert!(
            html.contains("You allowed this already") && html.contains("href=\"https://tally.example/\""),
            "{html}"
        );
    }
    let changed = filled(&consent, &[("decision", "refuse")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&changed)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GONE);
}

#[tokio::test]
async fn questions_in_two_tabs_and_two_browsers_do_not_mix() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, first) = stage.at_consent(&app).await;
    let second = stage.follow(&mut browser, &stage.authorize(&app, &[("state", "second")])).await;
    let (mut stranger, strangers) = stage.at_consent(&app).await;

    let mut mixed = allowing(&strangers);
    mixed[0] = allowing(&first)[0].clone();
    let stolen = stranger.submit(&stage.url("/consent"), &pairs(&mixed)).await.unwrap();
    assert_eq!(stolen.status(), StatusCode::BAD_REQUEST);

    let refused = filled(&first, &[("decision", "refuse")]);
    let refused = browser.submit(&stage.url("/consent"), &pairs(&refused)).await.unwrap();
    assert_eq!((returned(&refused).get("state"), returned(&refused).get("code")), (Some("s t&ate"), None));
    let allowed = browser.submit(&stage.url("/consent"), &pairs(&allowing(&second))).await.unwrap();
    assert_eq!(returned(&allowed).get("state"), Some("second"));
    assert!(returned(&allowed).get("code").is_some());
}

#[tokio::test]
async fn a_form_of_before_somebody_else_logged_in_decides_nothing() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let login = stage.press(&mut browser, "/logout", &filled(&consent, &[])).await;
    let fields = filled(&login, &[("user", AMARA.user), ("password", AMARA.password)]);
    stage.press(&mut browser, "/login", &fields).await;
    let forged = browser.submit(&stage.url("/consent"), &pairs(&allowing(&consent))).await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    assert!(agent::text(&forged).contains("Look at the question again"));
}

#[tokio::test]
async fn a_question_waits_half_an_hour() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let fields = allowing(&consent);
    for _ in 0..6 {
        stage.clock.advance(Duration::from_secs(290));
        stage.follow(&mut browser, &stage.url("/my/access")).await;
    }
    stage.clock.advance(Duration::from_mins(1));
    let late = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert_eq!((late.status(), agent::location(&late)), (StatusCode::GONE, ""));
    assert!(agent::text(&late).contains("This took too long") && agent::text(&late).contains("error=access_denied"));
}

#[tokio::test]
async fn consent_needs_a_login_and_an_answer() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let login = stage.follow(&mut browser, &stage.authorize(&app, &[])).await;
    let fields = filled(&login, &[("decision", "allow"), ("account", "acc-1001")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert!(agent::location(&answer).starts_with("/login?"));

    let (mut browser, consent) = stage.at_consent(&app).await;
    let fields = filled(&consent, &[("decision", "perhaps")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert!(agent::location(&answer).starts_with("/consent?"));
}

#[tokio::test]
async fn the_customer_picks_accounts_of_their_own() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let id = stage.access_consent(&app, &["ReadAccountsDetail", "ReadBalances"]).await;
    let request = stage.authorize(&app, &[("consent_id", &id)]);
    let (mut browser, consent) = stage.at_consent_of(&request).await;
    let html = agent::text(&consent);
    assert!(html.contains("see how much is on them") && html.contains("see what you spend or receive"));
    assert!(!html.contains(" checked"), "nothing is ticked for the customer");
    // None, and one of Amara's.
    for accounts in [&[][..], &[("account", "acc-2001")]] {
        let mut more = vec![("decision", "allow")];
        more.extend_from_slice(accounts);
        let answer = browser.submit(&stage.url("/consent"), &pairs(&filled(&consent, &more))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(agent::text(&answer).contains("href=\"#account-fault\">Tick at least one account"));
    }
    let more = [("decision", "allow"), ("account", "acc-1003"), ("account", "acc-1001"), ("account", "acc-2001")];
    let answer = browser.submit(&stage.url("/consent"), &pairs(&filled(&consent, &more))).await.unwrap();
    let code = returned(&answer).get("code").unwrap().to_owned();
    let authorization = stage.sandbox.site.store.code(&code).await.unwrap().unwrap().content.authorization;
    let kept = stage.consent(&id).await;
    assert_eq!((kept.status, kept.accounts), (Status::Authorised, vec!["acc-1001".to_owned(), "acc-1003".to_owned()]));
    assert_eq!(kept.authorization_id, Some(authorization.id));
    assert_eq!(kept.subject.as_deref(), Some(DEMO.subject));
    // AS-31
    assert_eq!(authorization.details, Some(format!(r#"[{{"type":"account_access","consent_id":"{id}"}}]"#)));
}

#[tokio::test]
async fn a_scope_without_a_consent_makes_one_of_the_customers_choice() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let code = stage.code(&app).await;
    let authorization = stage.sandbox.site.store.code(&code).await.unwrap().unwrap().content.authorization;
    let consents = stage.sandbox.site.store.consents_of_authorization(&authorization.id).await.unwrap();
    assert_eq!((consents.len(), consents[0].accounts.len()), (1, 4));
    assert!(consents[0].status == Status::Authorised && authorization.details.unwrap().contains(&consents[0].id));
}

#[tokio::test]
async fn a_payment_shows_amount_payee_and_reference_and_comes_from_an_account_of_its_currency() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["payments"]).await;
    let id = stage.payment_consent(&app, &payment("1204.50", "EUR")).await;
    let request = stage.authorize(&app, &[("scope", "payments"), ("consent_id", &id)]);
    let (mut browser, consent) = stage.at_consent_of(&request).await;
    let html = agent::text(&consent);
    for words in ["€1,204.50", "Ada Books", "DE89 3704 0044 0532 0130 00", "Order 4711", "tally.example", "acc-1001"]
    {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(!html.contains("acc-1003") && !html.contains("acc-1004"), "pounds and lira pay no euro");
    for payer in [&[][..], &[("payer", "acc-1003")], &[("payer", "acc-3001")]] {
        let mut more = vec![("decision", "allow")];
        more.extend_from_slice(payer);
        let answer = browser.submit(&stage.url("/consent"), &pairs(&filled(&consent, &more))).await.unwrap();
        assert!(agent::text(&answer).contains("Choose the account that pays"), "{payer:?}");
    }
    let more = [("decision", "allow"), ("payer", "acc-1002")];
    let answer = browser.submit(&stage.url("/consent"), &pairs(&filled(&consent, &more))).await.unwrap();
    assert!(returned(&answer).get("code").is_some());
    assert_eq!(stage.consent(&id).await.accounts, ["acc-1002"]);
}

#[tokio::test]
async fn what_cannot_be_paid_or_asked_can_only_be_refused() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["payments", "fundsconfirmations"]).await;
    let pounds = stage.payment_consent(&app, &payment("5.00", "GBP")).await;
    let strange = stage.funds_consent(&app, "DE89370400440532013000").await;
    for (scope, id) in [("payments", pounds), ("fundsconfirmations", strange)] {
        let request = stage.authorize(&app, &[("scope", scope), ("consent_id", &id)]);
        let (mut browser, consent) = stage.at_consent_as(&request, &JONAS).await;
        let html = agent::text(&consent);
        assert!(html.contains("log in as somebody else") && !html.contains("value=\"allow\""), "{html}");
        let forced = filled(&consent, &[("decision", "allow"), ("payer", "acc-2001")]);
        let answer = browser.submit(&stage.url("/consent"), &pairs(&forced)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let refused = filled(&consent, &[("decision", "refuse")]);
        let answer = browser.submit(&stage.url("/consent"), &pairs(&refused)).await.unwrap();
        assert_eq!(returned(&answer).get("error"), Some("access_denied"));
    }
}

#[tokio::test]
async fn unticked_scopes_are_not_granted_and_their_consents_are_rejected() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts", "payments"]).await;
    let id = stage.payment_consent(&app, &payment("12.50", "EUR")).await;
    let request = stage.authorize(&app, &[("scope", "accounts payments"), ("consent_id", &id)]);
    let (mut browser, consent) = stage.at_consent_of(&request).await;
    let none = filled(&consent, &[("decision", "allow"), ("account", "acc-1001"), ("payer", "acc-1001")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&none)).await.unwrap();
    assert!(agent::text(&answer).contains("Tick what you allow"));
    let one = filled(&consent, &[("decision", "allow"), ("scope", "accounts"), ("account", "acc-1001")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&one)).await.unwrap();
    let code = returned(&answer).get("code").unwrap().to_owned();
    let authorization = stage.sandbox.site.store.code(&code).await.unwrap().unwrap().content.authorization;
    assert_eq!(authorization.scopes.to_string(), "accounts");
    assert!(!authorization.details.unwrap().contains(&id));
    assert_eq!(stage.consent(&id).await.status, Status::Rejected);
}

#[tokio::test]
async fn a_consent_that_was_answered_elsewhere_meanwhile_is_not_granted_twice() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["payments"]).await;
    let id = stage.payment_consent(&app, &payment("12.50", "EUR")).await;
    let request = stage.authorize(&app, &[("scope", "payments"), ("consent_id", &id)]);
    let (mut browser, page) = stage.at_consent_of(&request).await;
    let (mut late, _) = stage.at_consent_as(&request, &AMARA).await;
    let ask = agent::hidden(agent::text(&page), "ask").unwrap().to_owned();
    stage.code_of(&request).await;
    let answer = browser.submit(&stage.url("/consent"), &pairs(&allowing(&page))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GONE, "{}", agent::location(&answer));
    assert!(agent::text(&answer).contains("This is no longer asked"));
    let again = browser.open(&stage.url(&format!("/consent?ask={ask}"))).await.unwrap();
    assert_eq!(again.status(), StatusCode::GONE);
    assert_eq!(stage.consent(&id).await.status, Status::Authorised, "the answer that was given stays");
    let _unused = late.open(&stage.url("/my/access")).await.unwrap();
}

/// UI-1, UI-3
#[tokio::test]
async fn hostile_names_are_shown_as_text_and_every_page_has_its_protection() {
    let stage = Stage::start().await;
    for hostile in [
        "<img src=x onerror=alert(1)>",
        "\"><script>alert(2)</script>",
        "' onfocus='alert(3)",
        "</title><svg onload=alert(4)>",
        "{{7*7}}${7*7}",
        "javascript:alert(5)",
        "&lt;b&gt;",
    ] {
        let fields = [
            ("name", hostile),
            ("description", hostile),
            ("kind", "single-page"),
            ("redirect_uris", "http://127.0.0.1:1/cb"),
            ("api", "accounts"),
            ("api", "payments"),
        ];
        let (_, page) = stage.register(&fields).await;
        let app =
            App { id: agent::element(agent::text(&page), "client-id").unwrap().to_owned(), secret: String::new() };
        let mut order = payment("12.50", "EUR");
        order["Data"]["Initiation"]["CreditorAccount"]["Name"] = hostile.into();
        order["Data"]["Initiation"]["RemittanceInformation"]["Unstructured"] = serde_json::json!([hostile]);
        let id = stage.payment_consent(&app, &order).await;
        let loopback =
            [("redirect_uri", "http://127.0.0.1:49152/cb"), ("scope", "accounts payments"), ("consent_id", &id)];
        let request = stage.authorize(&app, &loopback);
        let mut browser = stage.browser();
        let login = stage.follow(&mut browser, &request).await;
        let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
        let code_page = stage.press(&mut browser, "/login", &fields).await;
        let code = sent_code(&code_page).unwrap();
        let consent = stage.press(&mut browser, "/one-time-code", &filled(&code_page, &[("code", &code)])).await;
        let policy = consent.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.ends_with("form-action 'self' http://127.0.0.1:49152"), "{policy}");
        assert!(agent::text(&consent).contains("return to <b class=\"host\">127.0.0.1:49152</b>"));
        let answer = browser.submit(&stage.url("/consent"), &pairs(&allowing(&consent))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let ended = browser.submit(&stage.url("/consent"), &pairs(&allowing(&consent))).await.unwrap();
        let access = stage.follow(&mut browser, &stage.url("/my/access")).await;
        for page in [&login, &code_page, &consent, &ended, &access] {
            check_safe(page);
        }
    }
}

fn check_safe(page: &Answer) {
    let html = agent::text(page);
    for token in ["<img", "<script", "<svg", "onfocus='", "onerror=alert(1)>", "://cdn", "url("] {
        assert!(!html.contains(token), "{token}: {html}");
    }
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}
