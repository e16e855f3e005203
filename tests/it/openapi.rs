//! APIs out of their own documents: at most twenty lines of configuration, and every operation is enforced as its document
//! demands. The UK's account information itself is not ours to ship: the variable `SCOPEGATE_OBIE` says where it lies.

use crate::support::client::Request;
use crate::support::gateway::World;
use crate::support::keys;
use crate::support::server::Server;
use crate::support::tokens::{AUDIENCE, ISSUER, NOW, Token};
use scopegate::clock::Clock;
use scopegate::config::openapi::{self, Demanded};
use scopegate::config::{self, Settings};
use scopegate::oauth::grant::Grant;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// The whole configuration in front of `api.yaml`, with these lines beside it.
fn configuration(upstream: SocketAddr, beside: &str) -> String {
    let text = format!(
        "server: {{ listen: 127.0.0.1:0, workers: 1, realm: bank }}
admin: {{ listen: 127.0.0.1:0 }}
access_log: {{ path: access.log }}
issuers:
  - name: bank
    issuer: {ISSUER}
    audiences: [{AUDIENCE}]
    algorithms: [ES256]
    jwks: {{ file: jwks.json }}
    claims: {{ grant: gty, consent: consent_id }}
upstreams:
  - name: api
    servers: ['http://{upstream}']
apis:
  - openapi: api.yaml
    upstream: api
{beside}"
    );
    assert!(text.lines().count() <= 20, "{text}");
    text
}

fn world(document: &str, beside: &str) -> World {
    let upstream = Server::echo();
    let yaml = configuration(upstream.address(), beside);
    let set = keys::set(&[keys::ec()]).to_string();
    World::launch(&yaml, Clock::manual(NOW), upstream, &[("jwks.json", set), ("api.yaml", document.to_owned())])
}

fn ours(name: &str) -> String {
    std::fs::read_to_string(format!("src/sandbox/bank/openapi/{name}.yaml")).unwrap()
}

/// A path of the operation: every parameter is `1`.
fn target(base: &str, operation: &Demanded) -> String {
    let segments = operation.path.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
    format!("{base}{}", segments.collect::<Vec<_>>().join("/"))
}

/// Sends what must pass and what must not for every operation, and gives how many there are of each grant.
fn enforce(
    world: &World,
    document: &str,
    (base, scope): (&str, &str),
    grant_of: impl Fn(&str, &str) -> Grant,
) -> [usize; 2] {
    let operations = openapi::operations_of(document, Path::new("api.yaml")).unwrap();
    let mut client = world.client();
    let mut counts = [0, 0];
    let mut by_target: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in &operations {
        let (method, target) = (operation.method.as_str(), target(base, operation));
        let grant = grant_of(method, &operation.path);
        let (own, other) = match grant {
            Grant::ClientCredentials => ("client_credentials", "authorization_code"),
            Grant::AuthorizationCode => ("authorization_code", "client_credentials"),
        };
        counts[usize::from(grant == Grant::AuthorizationCode)] += 1;
        let token = |scope: &str, grant: &str| Some(Token::good().scope(scope).claim("gty", grant).mint());
        let near = format!("{scope}s {scope}:read x{scope}");
        for (name, token, status) in [
            ("the right token", token(scope, own), 200),
            ("a token of the other grant", token(scope, other), 403),
            ("a token without the scope", token(&near, own), 403),
            ("a token without any scope", token("openid", own), 403),
            ("no token", None, 401),
        ] {
            let request = Request::new(method, &target);
            let request = match &token {
                Some(token) => request.token(token),
                None => request,
            };
            let answer = client.send(&request);
            assert_eq!(answer.status(), status, "{method} {target} with {name}: {}", answer.text());
            // A missing scope can be asked for; that the token came by another grant cannot be mended so.
            let challenge = answer.get("www-authenticate").unwrap_or_default();
            let names_scope = challenge.contains("error=\"insufficient_scope\"");
            assert_eq!(names_scope, name.contains("scope"), "{method} {target} with {name}: {challenge}");
        }
        by_target.entry(target).or_default().push(method.to_owned());
    }
    let token = Token::good().scope(scope).mint();
    for (target, methods) in &by_target {
        for method in
            ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().filter(|method| !methods.iter().any(|one| one == *method))
        {
            let answer = client.send(&Request::new(method, target).token(&token));
            assert_eq!(answer.status(), 405, "{method} {target}");
        }
        for path in [format!("{target}/"), format!("{target}/no/such/path"), target.replacen(base, "", 1)] {
            let answer = client.send(&Request::get(&path).token(&token));
            assert_eq!(answer.status(), 404, "GET {path}");
        }
    }
    counts
}

/// OB-1, OB-2: consents are the client's own, everything else needs the customer's token.
fn of_account_information(_: &str, path: &str) -> Grant {
    if path.starts_with("/account-access-consents") { Grant::ClientCredentials } else { Grant::AuthorizationCode }
}

#[test]
fn every_operation_of_a_document_is_enforced() {
    let document = ours("account-information");
    let world = world(&document, "");
    let counts = enforce(&world, &document, ("/open-banking/v4.0/aisp", "accounts"), of_account_information);
    assert_eq!(counts, [3, 6]);
}

/// OB-2: the published document with its 29 operations.
#[test]
fn every_operation_of_the_uks_account_information_is_enforced() {
    #[expect(clippy::disallowed_methods, reason = "a test's own data")]
    let Ok(path) = std::env::var("SCOPEGATE_OBIE") else {
        std::io::stderr()
            .write_all(b"NOT RUN, because SCOPEGATE_OBIE names no file: 29 operations of the UK's\n")
            .unwrap();
        return;
    };
    let document = std::fs::read_to_string(path).unwrap();
    let world = world(&document, "");
    let counts = enforce(&world, &document, ("/open-banking/v4.0/aisp", "accounts"), of_account_information);
    assert_eq!(counts, [3, 26]);
}

/// A document with these operations: method, path, whether the customer's token is needed.
fn document_of(scope: &str, operations: &[(&str, &str, bool)]) -> String {
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (method, path, is_customers) in operations {
        let scheme = if *is_customers { "PSUOAuth2Security" } else { "TPPOAuth2Security" };
        let operation = format!("{}: {{ security: [{{ {scheme}: [{scope}] }}] }}", method.to_lowercase());
        paths.entry(path).or_default().push(operation);
    }
    let mut text = "openapi: 3.0.0\nservers: [{ url: /open-banking/v4.0/pisp }]\npaths:\n".to_owned();
    for (path, operations) in paths {
        writeln!(text, "  {path}: {{ {} }}", operations.join(", ")).unwrap();
    }
    writeln!(
        text,
        "components:
  securitySchemes:
    TPPOAuth2Security: {{ type: oauth2, flows: {{ clientCredentials: {{ scopes: {{ {scope}: x }} }} }} }}
    PSUOAuth2Security: {{ type: oauth2, flows: {{ authorizationCode: {{ scopes: {{ {scope}: x }} }} }} }}"
    )
    .unwrap();
    text
}

/// OB-3: of the 41 operations of payment initiation ten need the customer's token.
#[test]
fn a_payment_needs_the_customers_token_and_its_consent_the_clients() {
    let mut operations = Vec::new();
    let mut names = Vec::new();
    for kind in [
        "domestic",
        "domestic-scheduled",
        "domestic-standing-order",
        "international",
        "international-scheduled",
        "international-standing-order",
    ] {
        let order = if kind.ends_with("order") { format!("{kind}s") } else { format!("{kind}-payments") };
        let consent =
            if kind.ends_with("order") { format!("{kind}-consents") } else { format!("{kind}-payment-consents") };
        names.push((kind, order, consent));
    }
    names.push(("file", "file-payments".to_owned(), "file-payment-consents".to_owned()));
    for (kind, order, consent) in &names {
        operations.extend([
            ("POST", format!("/{consent}"), false),
            ("GET", format!("/{consent}/{{ConsentId}}"), false),
            ("POST", format!("/{order}"), true),
            ("GET", format!("/{order}/{{Id}}"), false),
            ("GET", format!("/{order}/{{Id}}/payment-details"), false),
        ]);
        if ["domestic", "international", "international-scheduled"].contains(kind) {
            operations.push(("GET", format!("/{consent}/{{ConsentId}}/funds-confirmation"), true));
        }
    }
    for (method, path) in [
        ("POST", "/file-payment-consents/{ConsentId}/file"),
        ("GET", "/file-payment-consents/{ConsentId}/file"),
        ("GET", "/file-payments/{Id}/report-file"),
    ] {
        operations.push((method, path.to_owned(), false));
    }
    let borrowed: Vec<_> = operations.iter().map(|(method, path, is)| (*method, path.as_str(), *is)).collect();
    let document = document_of("payments", &borrowed);
    let world = world(&document, "");
    let of_payments = |method: &str, path: &str| {
        let is_order = method == "POST" && !path.contains("-consents");
        if is_order || path.ends_with("/funds-confirmation") {
            Grant::AuthorizationCode
        } else {
            Grant::ClientCredentials
        }
    };
    assert_eq!(enforce(&world, &document, ("/open-banking/v4.0/pisp", "payments"), of_payments), [31, 10]);
}

/// OB-4: the published document of variable recurring payments marks two operations for the client's own token that the
/// specification's tables give to the customer's. An override corrects them.
#[test]
fn an_override_corrects_what_a_document_has_wrong() {
    let document = document_of(
        "payments",
        &[
            ("POST", "/domestic-vrp-consents", false),
            ("GET", "/domestic-vrp-consents/{ConsentId}", false),
            ("DELETE", "/domestic-vrp-consents/{ConsentId}", false),
            ("POST", "/domestic-vrp-consents/{ConsentId}/funds-confirmation", false),
            ("POST", "/domestic-vrps", false),
            ("GET", "/domestic-vrps/{DomesticVRPId}", false),
            ("GET", "/domestic-vrps/{DomesticVRPId}/payment-details", false),
        ],
    );
    let correction = "    override:
      - { path: /domestic-vrps, methods: [POST], grants: [authorization_code], because: the tables say so }
      - path: /domestic-vrp-consents/{ConsentId}/funds-confirmation
        grants: [authorization_code]
";
    let by_the_tables = |method: &str, path: &str| {
        let is_customers = (method, path) == ("POST", "/domestic-vrps") || path.ends_with("/funds-confirmation");
        if is_customers { Grant::AuthorizationCode } else { Grant::ClientCredentials }
    };
    let world = world(&document, correction);
    assert_eq!(enforce(&world, &document, ("/open-banking/v4.0/pisp", "payments"), by_the_tables), [5, 2]);
}

/// OB-4.
#[test]
fn funds_are_confirmed_with_the_customers_token() {
    let document = ours("funds-confirmation");
    let world = world(&document, "    base_path: /cbpii\n");
    let of_funds = |_: &str, path: &str| {
        if path == "/funds-confirmations" { Grant::AuthorizationCode } else { Grant::ClientCredentials }
    };
    assert_eq!(enforce(&world, &document, ("/cbpii", "fundsconfirmations"), of_funds), [3, 1]);
}

/// The document is a file of the configuration like any other.
#[test]
fn a_reload_reads_the_document_again_whole_or_not_at_all() {
    let document = ours("account-information");
    let world = world(&document, "");
    let yaml = configuration(world.upstream.address(), "");
    let read = || -> Result<Settings, String> {
        config::parse(&yaml, &world.path("scopegate.yaml")).map_err(|faults| faults.to_string())
    };
    let accounts = "/open-banking/v4.0/aisp/accounts";
    let status = || world.get(accounts, &Token::good().scope("accounts")).status();
    assert_eq!(status(), 200);
    let narrower = document.replace("PSUOAuth2Security: [accounts]", "PSUOAuth2Security: [balances]");
    let narrower = narrower.replace("scopes: { accounts:", "scopes: { balances: '', accounts:");
    std::fs::write(world.path("api.yaml"), narrower).unwrap();
    world.gateway().reload(&read().unwrap()).unwrap();
    assert_eq!(status(), 403);
    assert_eq!(world.get(accounts, &Token::good().scope("balances")).status(), 200);
    std::fs::write(world.path("api.yaml"), document.replace("[{ PSUOAuth2Security: [accounts] }]", "[]")).unwrap();
    let said = read().unwrap_err();
    assert!(said.contains("api.yaml:156:17: paths./accounts.get.security: says that nobody needs a token"), "{said}");
    assert_eq!(status(), 403, "the old one stays");
    std::fs::write(world.path("api.yaml"), document).unwrap();
    world.gateway().reload(&read().unwrap()).unwrap();
    assert_eq!(status(), 200);
}
