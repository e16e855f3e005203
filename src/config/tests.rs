//! Whole configurations: good ones become settings, bad ones every fault they have, in words that are kept.

use super::demands::Demands;
use super::envelope::Envelope;
use super::fault::Faults;
use super::issuers::TokenType;
use super::key_source::Fetching;
use super::key_source::KeySource;
use super::routes::Access;
use super::*;
use crate::oauth::grant::Grant;
use crate::oauth::metadata::Places;
use crate::oauth::scope::ScopeToken;
use http::Method;
use proptest::prelude::*;
use std::fs;
use std::time::Duration;

const SECRET: &str = "s3 cret";

fn environment(name: &str) -> Option<String> {
    (name == "SECRET").then(|| SECRET.to_owned())
}

fn fixture(name: &str) -> Result<Settings, Faults> {
    let path = fixtures().join(name);
    parse_with(&fs::read_to_string(&path).unwrap(), &path, &environment)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

#[test]
fn every_bad_configuration_is_refused_in_exactly_these_words() {
    let folder = format!("{}/", fixtures().display());
    let mut differing = Vec::new();
    for path in files(&fixtures(), "yaml") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let said = fixture(name).expect_err(name).to_string().replace(&folder, "") + "\n";
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if said != expected {
            differing.push(format!("--- {name} says:\n{said}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn five_faults_in_five_sections_are_named_with_their_lines_in_one_run() {
    let faults = fixture("five-faults.yaml").unwrap_err();
    let places: Vec<(u64, &str)> =
        faults.iter().map(|fault| (fault.place.mark.unwrap().line, fault.path.as_str())).collect();
    let expected = [
        (4, "server.relm"),
        (6, "limits.connections"),
        (12, "issuers[0].jwks.file"),
        (20, "routes[0].upstream"),
        (23, "routes[1].scopes[0]"),
    ];
    assert_eq!(places, expected);
}

#[test]
fn no_fault_shows_what_the_environment_holds() {
    let said = fixture("environment.yaml").unwrap_err().to_string();
    assert!(said.contains("${SECRET}"), "{said}");
    assert!(!said.contains("s3") && !said.contains("cret"), "{said}");
}

#[test]
fn every_configuration_that_ships_is_good() {
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config"), "yaml") {
        load(&path).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn the_sample_says_what_the_defaults_are() {
    let settings = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/scopegate.yaml")).unwrap();
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.access_log, AccessLog::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/access.log")));
    let [accounts, payments] = settings.upstreams.as_slice() else { panic!("two upstreams") };
    assert_eq!(accounts.servers.len(), 2);
    assert_eq!(
        (accounts.connect_timeout, accounts.response_timeout, accounts.idle_timeout),
        (payments.connect_timeout, payments.response_timeout, payments.idle_timeout)
    );
}

/// Nobody who tries the sample has a store, so its section is commented out.
#[test]
fn the_sample_says_what_the_defaults_of_a_store_are() {
    let sample = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/scopegate.yaml")).unwrap();
    let (_, rest) = sample.split_once("\n# state:\n").unwrap();
    let lines = rest.lines().map_while(|line| line.strip_prefix("#   "));
    // What needs files, or TLS, has no default.
    let lines: Vec<_> =
        lines.filter(|line| !["ca_file", "username", "password"].iter().any(|key| line.starts_with(key))).collect();
    let section = |lines: &[&str]| format!("{MINIMAL}state:\n  {}\n", lines.join("\n  "));
    let read =
        |text: &str| parse(text, Path::new("state.yaml")).unwrap_or_else(|faults| panic!("{faults}")).state.unwrap();
    let state = read(&section(&lines));
    assert_eq!(state, read(&section(&["store: redis://127.0.0.1:6379/0"])));
    assert_eq!((state.timeout, state.store.port), (Duration::from_millis(20), 6379));
}

const MINIMAL: &str = "
server: { listen: 127.0.0.1:0 }
upstreams: [{ name: a, servers: ['http://[::1]:9001'] }]
routes: [{ path: /, methods: [GET], access: open, upstream: a }]
";

fn minimal() -> Settings {
    parse_with(MINIMAL, Path::new("/etc/gate/minimal.yaml"), &environment).unwrap()
}

#[test]
fn what_is_left_out_has_a_safe_default() {
    let settings = minimal();
    assert!(settings.server.workers.get() >= 1 && settings.server.tls.is_none());
    assert_eq!((settings.server.realm.as_str(), &*settings.server.pseudonym), ("scopegate", "scopegate"));
    assert_eq!(settings.admin.listen, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(settings.access_log, AccessLog::Stdout);
    assert_eq!(settings.limits, Limits::default());
    let [route] = settings.routes.as_slice() else { panic!("one route") };
    assert_eq!((&route.access, route.hosts.len(), route.body_bytes_max), (&Access::Open, 0, 1024 * 1024));
}

/// META-5.
#[test]
fn keys_are_where_the_metadata_says_if_nothing_else_is_said() {
    let with = |rest: &str| {
        let entry = format!("{{ name: i, issuer: https://i.example/t, audiences: [a], algorithms: [ES256]{rest} }}");
        let text = format!("{MINIMAL}issuers: [{entry}]\n");
        parse_with(&text, Path::new("x.yaml"), &environment).unwrap().issuers.remove(0).keys
    };
    let places = Places::of("https://i.example/t").unwrap();
    assert_eq!(with(""), KeySource::Discovered(places.clone(), Fetching::default()));
    let often = Fetching { refresh: Duration::from_secs(7), ..Fetching::default() };
    assert_eq!(with(", jwks: { discover: true, refresh: 7s }"), KeySource::Discovered(places, often));
    let asked = ", introspection: { endpoint: https://i.example/i, client_id: g, client_secret: '${SECRET}' }";
    assert_eq!(with(asked), KeySource::None, "its tokens are opaque");
}

#[test]
fn a_route_carries_every_term_and_indexes_into_the_right_lists() {
    let text = "
server: { listen: ['127.0.0.1:0', '[::1]:0'], workers: '${SECRET_COUNT}' }
limits: { body: 2MiB }
issuers:
  - { name: first, issuer: a, audiences: [x], algorithms: [ES256], jwks: { uri: 'http://127.0.0.1:1/' } }
  - name: second
    issuer: b
    audiences: [x, y]
    algorithms: [EdDSA]
    jwks: { uri: 'https://b/jwks', refresh: 10s }
    typ: legacy
    required_claims: []
    claims: { consent: c }
    leeway: 0s
upstreams:
  - { name: a, servers: ['http://a'] }
  - { name: b, servers: ['http://b'] }
routes:
  - { path: '/x/{id}', methods: [GET], hosts: [API.Example], scopes: [p], any_scope: [q, r], grants: [client_credentials],
      issuers: [second], upstream: b }
";
    let environment = |name: &str| (name == "SECRET_COUNT").then(|| "3".to_owned());
    let settings = parse_with(text, Path::new("x.yaml"), &environment).unwrap();
    assert_eq!((settings.server.workers.get(), settings.server.listen.len()), (3, 2));
    let scope = |text: &str| text.parse::<ScopeToken>().unwrap();
    let expected = Route {
        rewrite: None,
        upgrades: Vec::new(),
        path: "/x/{id}".into(),
        methods: vec![Method::GET],
        hosts: vec!["api.example".into()],
        access: Access::Token(Box::new(Demands {
            all: vec![scope("p")],
            any: vec![scope("q"), scope("r")],
            grants: vec![Grant::ClientCredentials],
            issuers: vec![1],
            ..Demands::default()
        })),
        total_timeout: None,
        errors: Envelope::Problem,
        service: None,
        cors: None,
        quotas: Vec::new(),
        shadow: None,
        upstream: 1,
        body_bytes_max: 2 * 1024 * 1024,
        origin: None,
    };
    assert_eq!(settings.routes, [expected]);
    let [first, second] = settings.issuers.as_slice() else { panic!("two issuers") };
    assert_eq!(first.required_claims, ["sub", "client_id", "iat", "jti"].map(Box::from));
    assert_eq!((first.typ, first.leeway), (TokenType::AccessToken, Duration::from_secs(5)));
    assert!(second.required_claims.is_empty() && second.leeway.is_zero());
    assert_eq!((second.typ, second.claims.consent.as_deref()), (TokenType::Legacy, Some("c")));
}

/// REV-1: a list that every token must name is a way to learn of revocations, and the default is the issuer's own origin.
#[test]
fn status_lists_are_read_at_the_issuer_unless_told_otherwise() {
    let with = |issuer: &str, more: &str| {
        let text = format!(
            "{MINIMAL}
issuers: [{{ name: a, issuer: '{issuer}', audiences: [x], algorithms: [ES256], jwks: {{ uri: 'https://a/jwks' }}{more} }}]
dpop: {{}}
"
        );
        let text = text.replace("0 }", "0, public_origin: 'https://api' }");
        parse_with(&text, Path::new("x.yaml"), &environment).map(|settings| settings.issuers[0].status_list.clone())
    };
    let lists = with("https://a/tenant", "").unwrap().unwrap();
    assert!(lists.sites[0].holds("https://a/lists/1") && !lists.is_required);
    assert_eq!((lists.refresh, lists.stale_max), (Duration::from_mins(5), Duration::from_hours(1)));
    assert!(with("name", "").unwrap().unwrap().sites.is_empty(), "no list can be read");
    assert!(with("http://127.0.0.1:1", "").unwrap().unwrap().sites[0].holds("http://127.0.0.1:1/a"));
    assert!(with("https://a", ", status_list: off").unwrap().is_none());
    let lists = with("name", ", status_list: { uris: ['https://b/c'], refresh: 1m, stale_max: 2m }").unwrap().unwrap();
    assert!(lists.sites[0].holds("https://b/c/1") && !lists.sites[0].holds("https://a/1"));
    assert_eq!((lists.refresh, lists.stale_max), (Duration::from_mins(1), Duration::from_mins(2)));
    assert!(with("https://a", ", profile: fapi2").is_err());
    assert!(with("https://a", ", profile: fapi2, status_list: {}").is_err());
    assert!(with("https://a", ", profile: fapi2, status_list: { required: true }").unwrap().unwrap().is_required);
}

#[test]
fn relative_paths_begin_at_the_folder_of_the_file() {
    let text = format!("{MINIMAL}access_log: {{ path: logs/access.log }}\n");
    let settings = parse_with(&text, Path::new("/etc/gate/x.yaml"), &environment).unwrap();
    assert_eq!(settings.access_log, AccessLog::File("/etc/gate/logs/access.log".into()));
    let text = format!("{MINIMAL}access_log: {{ path: off }}\n");
    assert_eq!(parse_with(&text, Path::new("x.yaml"), &environment).unwrap().access_log, AccessLog::Off);
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault_without_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load(&folder.path().join("missing.yaml")).unwrap_err();
    assert_eq!((missing.count(), missing.iter().next().unwrap().place.mark), (1, None));
    let latin = folder.path().join("latin.yaml");
    fs::write(&latin, b"server: \xe9").unwrap();
    assert!(load(&latin).unwrap_err().to_string().ends_with("latin.yaml: the configuration is not UTF-8 text"));
}

#[test]
fn a_key_must_belong_to_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let made = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec!["api.bank.example".to_owned()]).unwrap();
        fs::write(path(&format!("{name}.pem")), made.cert.pem()).unwrap();
        fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    };
    made("one");
    made("other");
    let with = |certificate: &str, key: &str| {
        let listen = format!("listen: 0.0.0.0:0, tls: {{ certificate: {certificate}, key: {key} }}");
        parse_with(&MINIMAL.replace("listen: 127.0.0.1:0", &listen), &path("x.yaml"), &environment)
    };
    assert_eq!(with("one.pem", "one.key").unwrap().server.tls.unwrap().certificates.len(), 1);
    for (certificate, key, expected) in [
        ("one.pem", "other.key", "server.tls.key: the key does not belong to the certificate"),
        ("one.key", "one.key", "server.tls.certificate: the file holds no certificate"),
        ("one.pem", "one.pem", "server.tls.key: the file holds no private key"),
        ("none.pem", "one.key", "server.tls.certificate: cannot read \"none.pem\""),
    ] {
        let said = with(certificate, key).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn it_is_certain_for_each_name_which_certificate_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let made = |name: &str, names: &[&str], kind| {
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        fs::write(path(&format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    };
    let (ecdsa, rsa) = (&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_RSA_SHA256);
    made("a", &["a.example", "*.a.example"], ecdsa);
    made("ab", &["b.example", "A.example"], ecdsa);
    made("rsa", &["a.example"], rsa);
    made("address", &["192.0.2.1"], ecdsa);
    made("nameless", &[], ecdsa);
    let pair = |name: &str| format!("certificate: {name}.pem, key: {name}.key");
    let with = |first: &str, names: &[&str]| {
        let list: Vec<_> = names.iter().map(|name| format!("{{ {} }}", pair(name))).collect();
        let tls = format!("tls: {{ {first}certificates: [{}] }}", list.join(", "));
        let text = MINIMAL.replace("listen: 127.0.0.1:0", &format!("listen: 0.0.0.0:0, {tls}"));
        parse_with(&text, &path("x.yaml"), &environment)
    };
    let count = |settings: Result<Settings, Faults>| settings.unwrap().server.tls.unwrap().certificates.len();
    assert_eq!(count(with("", &["a"])), 1);
    assert_eq!(count(with("", &["nameless", "a", "rsa"])), 3);
    assert_eq!(count(with(&format!("{}, ", pair("address")), &["ab"])), 2);
    for (first, names, expected) in [
        (
            "",
            &["a", "ab"][..],
            "certificates[1]: another certificate is for `a.example` too, with the same kind of key",
        ),
        ("", &["a", "a"], "certificates[1]: another certificate is for `*.a.example` too"),
        ("", &["a", "nameless"], "certificates[1]: the certificate names no host"),
        ("", &["a", "address"], "certificates[1]: the certificate names no host"),
        ("certificate: a.pem, ", &["ab"], "server.tls: the key `key` is missing"),
        ("", &[], "server.tls.certificates: the list is empty"),
        ("", &["none"], "certificates[0].certificate: cannot read"),
        ("min_version: 1.1, ", &["a"], "server.tls.min_version: \"1.1\" is not a version of TLS"),
        ("", &["a"; bounds::CERTIFICATES_MAX + 1], "server.tls.certificates: there are more than 64"),
        ("", &["a"; bounds::CERTIFICATES_MAX], "another certificate is for `a.example` too"),
    ] {
        let said = with(first, names).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_list_of_what_was_revoked_must_be_one_and_of_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(vec!["api.bank.example".to_owned()]).unwrap();
    fs::write(path("one.pem"), made.cert.pem()).unwrap();
    fs::write(path("one.key"), made.signing_key.serialize_pem()).unwrap();
    fs::write(path("bad.crl"), "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n").unwrap();
    let with = |clients: &str| {
        let tls = format!("tls: {{ certificate: one.pem, key: one.key, {clients} }}");
        let text = MINIMAL.replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:0, {tls}"));
        parse_with(&text, &path("x.yaml"), &environment)
    };
    let trusted = "client_certificate: optional, client_ca: one.pem";
    assert!(with(trusted).unwrap().server.knows_authorities());
    assert!(!with("client_certificate: optional").unwrap().server.vouches());
    for (clients, expected) in [
        (format!("{trusted}, client_crl: one.pem"), "client_crl: the file holds no certificate revocation list"),
        (format!("{trusted}, client_crl: none.crl"), "client_crl: cannot read \"none.crl\""),
        (format!("{trusted}, client_crl: bad.crl"), "client_crl: a list in it cannot be used"),
        (
            "client_certificate: optional, client_crl: bad.crl".to_owned(),
            "client_crl: names what was revoked, but not by whom",
        ),
    ] {
        let said = with(&clients).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        prop_assert!(parse_with(&text, Path::new("x"), &environment).is_err());
    }

    #[test]
    fn text_that_looks_like_yaml_never_panics(text in "([a-z]{1,3}|[0-9.]{1,3}|[-:,{}\\[\\]&*!|>'\"%@#?~<$ \n\t]){0,60}") {
        prop_assert!(parse_with(&text, Path::new("x"), &environment).is_err());
    }

    /// Damages a good file in one place: the likeliest kind of bad file.
    #[test]
    fn a_damaged_sample_never_panics(at in 0_usize..8_000, length in 0_usize..40, insert in "[-:,{}\\[\\]&*!'\"$ \na-z0-9]{0,6}") {
        let sample = include_str!("../../config/scopegate.yaml");
        let start = (0..=at.min(sample.len())).rev().find(|index| sample.is_char_boundary(*index)).unwrap_or(0);
        let end = (start..=(start + length).min(sample.len())).rev().find(|index| sample.is_char_boundary(*index)).unwrap_or(start);
        let damaged = format!("{}{insert}{}", &sample[..start], &sample[end..]);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/x.yaml");
        if let Err(faults) = parse_with(&damaged, &file, &environment) {
            prop_assert!(!faults.to_string().contains("a defect of ours"), "{}", faults);
        }
    }
}
