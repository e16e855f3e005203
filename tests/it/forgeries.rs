//! VERIFY, the signature: every known way to pass off a token that the issuer did not sign.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer};
use crate::support::keys::{self, Key, base64url};
use crate::support::server::{Server, always, ok};
use crate::support::tokens::{ISSUER, Token};
use aws_lc_rs::hmac;
use base64::Engine as _;
use serde_json::{Value, json};

fn good() -> Token {
    Token::good()
}

fn hs256(secret: &[u8], kid: &str) -> String {
    let token = good().header("alg", "HS256").header("kid", kid);
    token.mint_with(|part| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), part).as_ref().to_vec())
}

/// `PyJWT` CVE-2026-48526, fast-jwt CVE-2026-34950 and CVE-2023-48223, `MinIO` CVE-2026-33322: the public key, in whichever form a library may hold it, is no shared secret.
#[test]
fn a_public_key_is_no_secret() {
    let world = World::start();
    let rsa = keys::rsa();
    let der = rsa.public_der();
    let lines = base64::engine::general_purpose::STANDARD.encode(&der);
    let lines: Vec<_> = lines.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    let jwk = rsa.jwk();
    let n = jwk["n"].as_str().unwrap().to_owned();
    let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&n).unwrap();
    let set = keys::set(&[keys::ec(), keys::rsa(), keys::ed()]).to_string();
    world.refuses(&[
        ("PEM", hs256(pem.as_bytes(), "rsa"), "algorithm_refused"),
        ("PEM without its last newline", hs256(pem.trim_end().as_bytes(), "rsa"), "algorithm_refused"),
        ("DER", hs256(&der, "rsa"), "algorithm_refused"),
        ("JWK", hs256(jwk.to_string().as_bytes(), "rsa"), "algorithm_refused"),
        ("n as text", hs256(n.as_bytes(), "rsa"), "algorithm_refused"),
        ("n as octets", hs256(&modulus, "rsa"), "algorithm_refused"),
        ("the whole set", hs256(set.as_bytes(), "rsa"), "algorithm_refused"),
        ("x of the EC key", hs256(keys::ec().jwk()["x"].as_str().unwrap().as_bytes(), "ec"), "algorithm_refused"),
        ("nothing", hs256(b"", "rsa"), "algorithm_refused"),
    ]);
}

#[test]
fn none_is_no_algorithm_in_any_spelling() {
    let world = World::start();
    let unsigned = |alg: &str| good().header("alg", alg).mint_with(|_| b"x".to_vec());
    let names = [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none\0",
        "",
        "es256",
        "Es256",
        "ES256 ",
        "ES256K",
        "ES512",
        "HS384",
        "HS512",
        "RSA1_5",
        "dir",
        "PBES2-HS256+A128KW",
        "ED25519",
        "Ed448",
        "RS1",
        "EDDSA",
    ];
    world.refuses(&names.map(|alg| (alg, unsigned(alg), "algorithm_refused")));
    let other = |alg: Value| good().header("alg", alg).mint_with(|_| b"x".to_vec());
    world.refuses(&[
        ("none without a signature", format!("{}.", good().header("alg", "none").signed_part()), "token_unreadable"),
        ("absent", good().without_header("alg").mint_with(|_| b"x".to_vec()), "token_unreadable"),
        ("null", other(Value::Null), "token_unreadable"),
        ("number", other(json!(256)), "token_unreadable"),
        ("array", other(json!(["ES256"])), "token_unreadable"),
        ("object", other(json!({"alg": "ES256"})), "token_unreadable"),
    ]);
}

/// JWT-3, RFC 9864: the name that says which curve is another name of the same algorithm.
#[test]
fn ed25519_is_a_name_of_eddsa() {
    let world = World::start();
    let named = good().by(&keys::ed()).header("alg", "Ed25519");
    world.accepts(&[("Ed25519", named.mint_with(|part| keys::ed().sign("EdDSA", part)))]);
    world.refuses(&[
        ("with another key", good().header("alg", "Ed25519").mint_with(|_| b"x".to_vec()), "signature_wrong"),
        ("forged", named.mint_with(|_| vec![0; 64]), "signature_wrong"),
    ]);
}

#[test]
fn the_algorithm_fits_the_issuer_and_the_key() {
    let narrow = issuer("bank", ISSUER, "{ file: jwks.json }").replace("[RS256, PS256, ES256, EdDSA]", "[PS256]");
    let world = Setup::issuers(&[narrow]).start();
    world.refuses(&[
        ("JWT-3: RS256 where only PS256 is allowed", good().by(&keys::rsa()).mint(), "algorithm_refused"),
        ("ES256 where only PS256 is allowed", good().mint(), "algorithm_refused"),
        (
            "a PKCS #1 signature under PS256",
            good().by(&keys::rsa()).header("alg", "PS256").mint_with(|part| keys::rsa().sign("RS256", part)),
            "signature_wrong",
        ),
        (
            "PS256 by an EC key",
            good().header("alg", "PS256").mint_with(|part| keys::ec().sign("ES256", part)),
            "signature_wrong",
        ),
    ]);
    world.accepts(&[("PS256", good().by(&keys::rsa()).header("alg", "PS256").mint())]);

    let world = World::start();
    world.refuses(&[
        ("ES256 under the kid of the RSA key", good().header("kid", "rsa").mint(), "signature_wrong"),
        ("RS256 under the kid of the EC key", good().by(&keys::rsa()).header("kid", "ec").mint(), "signature_wrong"),
        ("EdDSA under the kid of the EC key", good().by(&keys::ed()).header("kid", "ec").mint(), "signature_wrong"),
        ("RS384 is not allowed", good().by(&keys::rsa()).header("alg", "RS384").mint(), "algorithm_refused"),
    ]);
    world.accepts(&[
        ("RS256", good().by(&keys::rsa()).mint()),
        ("PS256", good().by(&keys::rsa()).header("alg", "PS256").mint()),
        ("ES256", good().mint()),
        ("EdDSA", good().by(&keys::ed()).mint()),
        ("no kid: every key that fits is tried", good().without_header("kid").mint()),
    ]);
}

#[test]
fn a_signature_is_the_issuers_over_these_very_bytes() {
    let world = World::start();
    let stranger = Key::new("ec");
    let token = good().mint();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let octets = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with = |octets: &[u8]| format!("{signed}.{}", base64url(octets));
    let mut flipped = octets.clone();
    flipped[20] ^= 1;
    // 64 octets leave four bits of the last character unused: another spelling of the same signature.
    let last = signature.as_bytes()[85];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.iter().position(|b| *b == last).unwrap();
    let respelt = format!("{signed}.{}{}", &signature[..85], char::from(alphabet[place | 1]));
    let altered = good().scope("accounts payments admin").mint_with(|_| octets.clone());
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let n: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&order[at * 2..at * 2 + 2], 16).unwrap()).collect();
    world.refuses(&[
        ("by a stranger under our kid", good().by(&stranger).mint(), "signature_wrong"),
        ("by a stranger without kid", good().by(&stranger).without_header("kid").mint(), "signature_wrong"),
        ("one bit flipped", with(&flipped), "signature_wrong"),
        ("the payload altered", altered, "signature_wrong"),
        // JWT-15. CVE-2022-21449, psychic signatures.
        ("r and s are 0", with(&[0; 64]), "signature_wrong"),
        ("r is 0", with(&[&[0; 32][..], &octets[32..]].concat()), "signature_wrong"),
        ("s is 0", with(&[&octets[..32], &[0; 32]].concat()), "signature_wrong"),
        ("r and s are n", with(&[n.clone(), n.clone()].concat()), "signature_wrong"),
        ("r is all ones", with(&[&[0xff; 32][..], &octets[32..]].concat()), "signature_wrong"),
        ("63 octets", with(&octets[..63]), "signature_wrong"),
        ("65 octets", with(&[&octets[..], &[0]].concat()), "signature_wrong"),
        ("DER", with(&der(&octets)), "signature_wrong"),
        ("one octet", with(&[0]), "signature_wrong"),
        ("non-canonical base64url", respelt, "token_unreadable"),
        (
            "of another token",
            format!("{}.{signature}", good().claim("jti", "token-2").signed_part()),
            "signature_wrong",
        ),
    ]);
}

/// `SEQUENCE { INTEGER r, INTEGER s }`, as X.509 has it and JWS does not.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |octets: &[u8]| {
        let zeros = octets.iter().take_while(|b| **b == 0).count();
        let mut value = octets[zeros..].to_vec();
        if value[0] & 0x80 != 0 {
            value.insert(0, 0);
        }
        [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
    };
    let both = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

/// CVE-2018-0114, liboauth2 CWE-918 and JWT-8: what a token says about keys is neither used nor fetched.
#[test]
fn keys_never_come_out_of_a_token() {
    let world = World::start();
    let stranger = Key::new("evil");
    let set = keys::set(std::slice::from_ref(&stranger)).to_string();
    let canary = Server::with(always(ok("application/json", &set)));
    let url = format!("http://{}/jwks", canary.address());
    let own = |kid: &str| good().by(&stranger).header("kid", kid);
    let jwk = stranger.jwk();
    world.refuses(&[
        ("jku under an unknown kid", own("evil").header("jku", url.as_str()).mint(), "key_unknown"),
        ("jku under a known kid", own("ec").header("jku", url.as_str()).mint(), "signature_wrong"),
        ("x5u", own("ec").header("x5u", url.as_str()).mint(), "signature_wrong"),
        ("jwk", own("ec").header("jwk", jwk.clone()).mint(), "signature_wrong"),
        ("jwk without kid", own("ec").without_header("kid").header("jwk", jwk).mint(), "signature_wrong"),
        ("x5c", own("ec").header("x5c", json!(["MIIB"])).mint(), "signature_wrong"),
        ("kid is an address", own(&url).mint(), "key_unknown"),
        ("iss is an address", own("ec").claim("iss", url.as_str()).mint(), "issuer_unknown"),
        ("kid is a path", own("../../../../dev/null").mint(), "key_unknown"),
        ("kid is SQL", own("' OR 1=1 --").mint(), "key_unknown"),
        ("kid with NUL", own("ec\0").mint(), "key_unknown"),
        ("kid in capitals", own("EC").mint(), "key_unknown"),
        ("kid empty", own("").mint(), "key_unknown"),
        ("kid of 5,000 octets", own(&"k".repeat(5000)).mint(), "key_unknown"),
        ("kid is a number", good().header("kid", 1).mint(), "token_unreadable"),
    ]);
    // By a good key the same members are only ignored.
    world.accepts(&[
        ("jku", good().header("jku", url.as_str()).mint()),
        ("x5u", good().header("x5u", url.as_str()).mint()),
    ]);
    assert_eq!((canary.connections(), canary.hits()), (0, 0), "somebody followed a token's link");
}

/// JWT-9, Envoy CVE-2021-21378, NodeDB#61: issuer first, then that issuer's keys only.
#[test]
fn two_issuers_with_one_kid_do_not_sign_for_each_other() {
    let (ours, theirs) = (Key::new("shared"), Key::new("shared"));
    let other = "https://auth.other.example";
    let world = Setup::issuers(&[
        issuer("bank", ISSUER, "{ file: jwks.json }"),
        issuer("other", other, "{ file: other.json }"),
    ]);
    let world = world.with_files(&[
        ("jwks.json", keys::set(std::slice::from_ref(&ours)).to_string()),
        ("other.json", keys::set(&[theirs.clone(), Key::new("only-theirs")]).to_string()),
    ]);
    let only_theirs = theirs.named("only-theirs");
    world.refuses(&[
        ("iss bank, key of other", good().by(&theirs).mint(), "signature_wrong"),
        ("iss other, key of bank", good().by(&ours).claim("iss", other).mint(), "signature_wrong"),
        ("iss bank, kid of other", good().by(&only_theirs).mint(), "key_unknown"),
        ("neither", good().by(&ours).claim("iss", "https://evil.example").mint(), "issuer_unknown"),
    ]);
    world.accepts(&[("bank", good().by(&ours).mint()), ("other", good().by(&theirs).claim("iss", other).mint())]);
}

/// JWT-11: two keys may share an id; each that fits is tried.
#[test]
fn two_keys_of_one_issuer_may_share_a_kid() {
    let (one, two) = (Key::new("k"), Key::new("k"));
    let set = keys::set(&[one.clone(), keys::rsa().named("k"), two.clone()]).to_string();
    let world = Setup::default().with_files(&[("jwks.json", set)]);
    world.accepts(&[("first", good().by(&one).mint()), ("last", good().by(&two).mint())]);
    world.accepts(&[("of another kind", good().by(&keys::rsa().named("k")).mint())]);
    world.refuses(&[("a third", good().by(&Key::new("k")).mint(), "signature_wrong")]);
}

/// JWT-10, JWT-14: such members of a set are not used, and the others are.
#[test]
fn keys_that_may_not_verify_do_not() {
    let with = |key: &Key, name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[name] = value;
        jwk
    };
    let bad = ["enc", "ops", "private", "pinned", "off-curve"].map(Key::new);
    let set = json!({"keys": [
        with(&bad[0], "use", json!("enc")),
        with(&bad[1], "key_ops", json!(["sign"])),
        with(&bad[2], "d", json!("AAAA")),
        with(&bad[3], "alg", json!("ES384")),
        with(&bad[4], "y", json!(base64url([1; 32]))),
        {"kty": "oct", "kid": "oct", "k": base64url([7; 32])},
        "nonsense",
        keys::ec().jwk(),
    ]});
    let world = Setup::default().with_files(&[("jwks.json", set.to_string())]);
    let mut rows: Vec<_> = bad.iter().map(|key| (key.kid(), good().by(key).mint(), "key_unknown")).collect();
    rows.push(("oct", hs256(&[7; 32], "oct"), "algorithm_refused"));
    world.refuses(&rows);
    world.accepts(&[("the good one", good().mint())]);
}

/// CVE-2024-45809 and the many-dots attacks: refused by size, within the time that any request takes.
#[test]
fn a_megabyte_of_dots_costs_nothing() {
    let world = World::start();
    let mut client = world.client();
    let request = Request::get("/accounts").token(&".".repeat(1024 * 1024));
    client.write(request.bytes());
    assert_eq!(client.next().map(|answer| answer.status()), Some(431));
    world.accepts(&[("the next one", good().mint())]);
}
