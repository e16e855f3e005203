//! Account information: what the consent lets see, and nothing else.

use super::*;

fn path(path: &str) -> String {
    format!("{AISP}{path}")
}

const ME: Who<'static> = Who { client: "app_tally", customer: Some((DENIZ, "authz_1")) };

#[tokio::test]
async fn a_customer_shows_the_accounts_they_chose() {
    let branch = Branch::open().await;
    branch.account_access("authz_1", &ALL, &["acc-1001", "acc-1003"]).await;
    let listed = branch.get(ME, &path("/accounts")).await;
    let ids: Vec<_> = listed.list("/Data/Account").iter().map(|account| account["AccountId"].clone()).collect();
    assert_eq!(ids, ["acc-1001", "acc-1003"]);
    let one = branch.get(ME, &path("/accounts/acc-1001")).await;
    assert_eq!(one.json["Data"]["Account"][0], listed.json["Data"]["Account"][0]);
    assert_eq!(one.text("/Data/Account/0/Account/0/SchemeName"), "UK.OBIE.IBAN");
    for (id, expected) in
        [("acc-1002", (403, "U008", "")), ("acc-2001", (403, "U008", "")), ("acc-9", (400, "U011", ""))]
    {
        for more in ["", "/balances", "/transactions"] {
            assert_eq!(branch.get(ME, &path(&format!("/accounts/{id}{more}"))).await.refusal(), expected, "{id}{more}");
        }
    }
    let balances = branch.get(ME, &path("/balances")).await;
    assert_eq!(balances.list("/Data/Balance").len(), 4);
    assert_eq!(branch.get(TALLY, &path("/accounts")).await.refusal(), (403, "U008", ""), "a token of its own");
}

#[tokio::test]
async fn permissions_are_honoured() {
    let branch = Branch::open().await;
    let cases: [(&[&str], [u16; 3]); 5] = [
        (&["ReadAccountsBasic"], [200, 403, 403]),
        (&["ReadAccountsDetail", "ReadPAN"], [200, 403, 403]),
        (&["ReadBalances"], [403, 200, 403]),
        (&["ReadTransactionsBasic", "ReadTransactionsCredits"], [403, 403, 200]),
        (&["ReadTransactionsDetail", "ReadTransactionsDebits"], [403, 403, 200]),
    ];
    for (place, (permissions, expected)) in cases.into_iter().enumerate() {
        let authorization = format!("authz_{place}");
        branch.account_access(&authorization, permissions, &["acc-1001"]).await;
        let me = TALLY.of(DENIZ, &authorization);
        let mut told = Vec::new();
        for what in ["", "/balances", "/transactions"] {
            told.push(branch.get(me, &path(&format!("/accounts/acc-1001{what}"))).await);
        }
        assert_eq!([told[0].status, told[1].status, told[2].status], expected, "{permissions:?}");
        let is_detailed = permissions.iter().any(|name| name.ends_with("Detail"));
        if told[0].status == 200 {
            assert_eq!(told[0].json["Data"]["Account"][0].get("Account").is_some(), is_detailed);
        }
        if told[2].status == 200 {
            let direction = if permissions[1] == "ReadTransactionsCredits" { "Credit" } else { "Debit" };
            for transaction in told[2].list("/Data/Transaction") {
                assert_eq!(transaction["CreditDebitIndicator"], direction);
                assert_eq!(transaction.get("TransactionInformation").is_some(), is_detailed, "{transaction}");
                assert!(is_detailed || transaction.get("Balance").is_none());
            }
        }
    }
}

#[tokio::test]
async fn a_card_is_shown_by_its_last_digits_unless_all_were_asked_for() {
    let branch = Branch::open().await;
    let me = TALLY.of("customer-2304", "authz_1");
    for (authorization, permissions, number) in [
        ("authz_1", vec!["ReadAccountsDetail"], "**** **** **** 1115"),
        ("authz_2", vec!["ReadAccountsDetail", "ReadPAN"], "5555341244441115"),
    ] {
        let body = json!({ "Data": { "Permissions": permissions }, "Risk": {} });
        let id = branch.post(TALLY, &path("/account-access-consents"), &body).await.text("/Data/ConsentId");
        assert!(branch.authorise(&id, authorization, ("customer-2304", &["acc-2003"])).await);
        let me = Who { customer: me.customer.map(|(subject, _)| (subject, authorization)), ..me };
        let told = branch.get(me, &path("/accounts/acc-2003")).await;
        assert_eq!(told.text("/Data/Account/0/Account/0/Identification"), number);
    }
}

#[tokio::test]
async fn transactions_come_in_pages_newest_first_and_each_once() {
    let branch = Branch::open().await;
    branch.account_access("authz_1", &ALL, &["acc-1001", "acc-1002"]).await;
    for of in ["/accounts/acc-1001/transactions", "/transactions"] {
        let (mut next, mut ids, mut dates, mut pages) = (Some(path(of)), Vec::new(), Vec::new(), 0);
        let mut total = 0;
        while let Some(address) = next {
            let told = branch.get(ME, &address).await;
            let transactions = told.list("/Data/Transaction");
            ids.extend(transactions.iter().map(|transaction| transaction["TransactionId"].to_string()));
            dates.extend(transactions.iter().map(|transaction| transaction["BookingDateTime"].to_string()));
            total = told.json["Meta"]["TotalPages"].as_u64().unwrap();
            next = told.json["Links"]["Next"].as_str().map(|link| link.strip_prefix(ORIGIN).unwrap().to_owned());
            assert!(next.is_none() || transactions.len() == 100);
            pages += 1;
        }
        assert_eq!(pages, total);
        assert!(ids.len() > 400, "{of}: {}", ids.len());
        assert!(dates.is_sorted_by(|one, other| one >= other), "{of}");
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{of}");
    }
    let beyond = branch.get(ME, &path("/transactions?page=99999")).await;
    assert_eq!((beyond.status, beyond.list("/Data/Transaction").len()), (200, 0));
    assert!(beyond.json["Links"].get("Next").is_none());
}

#[tokio::test]
async fn dates_bound_what_is_listed() {
    let branch = Branch::open().await;
    branch.account_access("authz_1", &ALL, &["acc-1001"]).await;
    let listed = async |query: &str| {
        let told = branch.get(ME, &path(&format!("/accounts/acc-1001/transactions{query}"))).await;
        let day = |transaction: &Value| transaction["BookingDateTime"].as_str().unwrap()[..10].to_owned();
        told.list("/Data/Transaction").iter().map(day).collect::<Vec<_>>()
    };
    let days = listed("?fromBookingDateTime=2026-02-10&toBookingDateTime=2026-02-19T23:59:59").await;
    assert!(days.len() > 5 && days.iter().all(|day| ("2026-02-10"..="2026-02-19").contains(&day.as_str())), "{days:?}");
    // The offset is ignored, as the standard asks.
    assert_eq!(
        listed("?fromBookingDateTime=2026-02-10T00:00:00%2B09:00&toBookingDateTime=2026-02-19T23:59:59Z").await,
        days
    );
    assert_eq!(listed("?fromBookingDateTime=2026-02-19&toBookingDateTime=2026-02-10").await.len(), 0);
    for (query, code, name) in [
        ("?fromBookingDateTime=yesterday", "U003", "fromBookingDateTime"),
        ("?toBookingDateTime=2026-02-30", "U003", "toBookingDateTime"),
        ("?page=0", "U002", "page"),
        ("?page=1000001", "U002", "page"),
        ("?page=one", "U002", "page"),
        ("?page=1&page=2", "U002", "page"),
    ] {
        let told = branch.get(ME, &path(&format!("/transactions{query}"))).await;
        assert_eq!(told.refusal(), (400, code, name), "{query}");
    }
}

#[tokio::test]
async fn a_consent_bounds_what_its_third_party_sees_of_the_past() {
    let branch = Branch::open().await;
    let body = json!({
        "Data": { "Permissions": ALL, "TransactionFromDateTime": "2026-02-10T00:00:00Z", "TransactionToDateTime": "2026-02-12T23:59:59Z" },
        "Risk": {},
    });
    let id = branch.post(TALLY, &path("/account-access-consents"), &body).await.text("/Data/ConsentId");
    assert!(branch.authorise(&id, "authz_1", (DENIZ, &["acc-1001"])).await);
    for query in ["", "?fromBookingDateTime=2025-01-01"] {
        let told = branch.get(ME, &path(&format!("/transactions{query}"))).await;
        let transactions = told.list("/Data/Transaction");
        assert!(!transactions.is_empty());
        for transaction in transactions {
            let day = &transaction["BookingDateTime"].as_str().unwrap()[..10];
            assert!(("2026-02-10"..="2026-02-12").contains(&day), "{day}");
        }
    }
}

/// UI-9
#[tokio::test]
async fn switches_make_it_say_no() {
    let branch = Branch::open().await;
    branch.account_access("authz_1", &ALL, &["acc-1001"]).await;
    let turned = async |switch: &str| {
        branch.ask_with(ME, ("GET", &path("/accounts")), &[("x-sandbox-switch", switch)], &Value::Null).await
    };
    for (switch, expected) in [
        ("error", (500, "U000", "")),
        ("unavailable", (503, "U000", "")),
        ("throttled", (429, "U042", "")),
        ("expired-consent", (403, "U009", "")),
        ("sideways", (400, "U006", "x-sandbox-switch")),
    ] {
        assert_eq!(turned(switch).await.refusal(), expected);
    }
    assert_eq!(turned("throttled").await.headers["retry-after"], "1");
    assert_eq!(branch.get(ME, &path("/accounts")).await.status, 200, "nothing is kept");
}
