//! The verification of a signature by itself, keys parsed before: what no gateway can do with less for a new token. Thousands
//! take turns: a processor that is shown the same few again and again learns the way through each, and needs 5 % less (ES256).

use super::process::Usage;
use super::support::issuer::Issuer;
use super::tokens::Tokens;
use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Of one algorithm.
pub(crate) struct Verification {
    key: ParsedPublicKey,
    /// What was signed, with its signature.
    signed: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Verification {
    /// Of some tokens of these.
    pub(crate) fn of(issuer: &Issuer, algorithm: &str, tokens: &Tokens) -> anyhow::Result<Self> {
        let key = match algorithm {
            "RS256" => {
                let (n, e) = (member(issuer, algorithm, "n")?, member(issuer, algorithm, "e")?);
                let components = RsaPublicKeyComponents { n, e };
                ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, der(&components)?.as_ref())?
            }
            "ES256" => {
                let point = [vec![4], member(issuer, algorithm, "x")?, member(issuer, algorithm, "y")?].concat();
                ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)?
            }
            _ => ParsedPublicKey::new(&signature::ED25519, member(issuer, algorithm, "x")?)?,
        };
        let split = |token: &str| {
            let (signed, signature) = token.rsplit_once('.')?;
            Some((signed.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).ok()?))
        };
        let signed = tokens.iter().take(TOKENS).map(split).collect::<Option<_>>().context("a token is no JWS")?;
        Ok(Self { key, signed })
    }

    /// CPU time of one in microseconds, measured for so long.
    pub(crate) fn measure(&self, time: Duration) -> anyhow::Result<Option<f64>> {
        let (mut count, begin, before) = (0.0, Instant::now(), Usage::mine());
        for (signed, signature) in self.signed.iter().cycle() {
            if begin.elapsed() >= time {
                break;
            }
            self.key.verify_sig(signed, signature).context("a signature of ours is not good")?;
            count += 1.0;
        }
        Ok(Usage::mine().since(before).cpu_us.map(|us| us / count))
    }
}

/// The RSA key for programs that know no key sets.
pub(crate) fn rsa_pem(issuer: &Issuer) -> anyhow::Result<String> {
    let (n, e) = (member(issuer, "RS256", "n")?, member(issuer, "RS256", "e")?);
    let text = STANDARD.encode(der(&RsaPublicKeyComponents { n, e })?.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
}

fn der(components: &RsaPublicKeyComponents<Vec<u8>>) -> anyhow::Result<PublicKeyX509Der<'static>> {
    components.as_der().ok().context("the issuer's RSA key")
}

/// Decoded, of the key of this name.
fn member(issuer: &Issuer, kid: &str, name: &str) -> anyhow::Result<Vec<u8>> {
    let set: Value = serde_json::from_str(&issuer.key_set())?;
    let mut keys = set["keys"].as_array().into_iter().flatten();
    let text = keys.find(|key| key["kid"] == kid).and_then(|key| key[name].as_str());
    Ok(URL_SAFE_NO_PAD.decode(text.with_context(|| format!("no {name} of {kid}"))?)?)
}

/// More than a processor learns by heart.
const TOKENS: usize = 3000;
