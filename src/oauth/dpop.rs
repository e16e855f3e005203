//! A DPoP proof (RFC 9449 §4): who holds the key that signed it, and what it was made for. Whether that fits the
//! request is for the gateway to say.

use super::algorithm::Algorithm;
use super::confirmation::{Thumbprint, thumbprint};
use super::jwk::Key;
use super::jws::Jws;
use super::member::Member;
use super::numeric_date::NumericDate;
use crate::clock::UnixSeconds;
use serde::Deserialize;
use std::borrow::Cow;

/// A proof whose signature is its key's.
#[derive(Debug)]
pub struct Proof {
    /// RFC 7638 thumbprint of the key.
    pub key: Thumbprint,
    /// `jti`
    pub id: String,
    /// `htm`
    pub method: String,
    /// `htu`
    pub uri: String,
    /// `iat`
    pub issued: UnixSeconds,
    /// `nbf`
    pub not_before: Option<UnixSeconds>,
    /// `exp`
    pub expires: Option<UnixSeconds>,
    /// `ath`: SHA-256 of the access token. A request that asks for a token has none yet.
    pub token: Option<Thumbprint>,
    /// `nonce`
    pub nonce: Option<String>,
}

/// Why a text is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofFault {
    /// Not one well-formed JWT of type `dpop+jwt` with its claims and a public key, by an accepted algorithm.
    Malformed,
    /// Not signed by the key that it brings.
    Forged,
}

/// Reads a proof and verifies its signature (RFC 9449 §4.3, 2 to 7).
pub fn read(text: &[u8], accepted: &[Algorithm]) -> Result<Proof, ProofFault> {
    let malformed = ProofFault::Malformed;
    if text.len() > PROOF_BYTES_MAX {
        return Err(malformed);
    }
    let jws = Jws::read(text).map_err(|_| malformed)?;
    let header = jws.header().map_err(|_| malformed)?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| malformed)?;
    let is_proof = header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"));
    if !is_proof || !accepted.contains(&algorithm) {
        return Err(malformed);
    }
    let payload = jws.payload().map_err(|_| malformed)?;
    let claims = claims(payload).ok_or(malformed)?;
    let token = claims.ath.0.map(|ath| thumbprint(&ath).ok_or(malformed)).transpose()?;
    let jwk = header.jwk.ok_or(malformed)?;
    let (key, thumbprint) = Key::brought(jwk.get(), algorithm).map_err(|_| malformed)?;
    if !jws.is_signed_by(&key, algorithm) {
        return Err(ProofFault::Forged);
    }
    Ok(Proof {
        key: thumbprint,
        id: claims.jti.into_owned(),
        method: claims.htm.into_owned(),
        uri: claims.htu.into_owned(),
        issued: claims.iat.0,
        not_before: claims.nbf.0.map(|date| date.0),
        expires: claims.exp.0.map(|date| date.0),
        token,
        nonce: claims.nonce.0,
    })
}

/// Further members are ignored (RFC 9449 §4.2), none of these may stand twice.
#[derive(Deserialize)]
struct ProofClaims<'a> {
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    htm: Cow<'a, str>,
    #[serde(borrow)]
    htu: Cow<'a, str>,
    iat: NumericDate,
    #[serde(default)]
    ath: Member<String>,
    #[serde(default)]
    exp: Member<NumericDate>,
    #[serde(default)]
    nbf: Member<NumericDate>,
    #[serde(default)]
    nonce: Member<String>,
}

fn claims(payload: &str) -> Option<ProofClaims<'_>> {
    // A derived reader would also take an array.
    if !payload.trim_start().starts_with('{') {
        return None;
    }
    let claims: ProofClaims<'_> = serde_json::from_str(payload).ok()?;
    ((1..=ID_BYTES_MAX).contains(&claims.jti.len())).then_some(claims)
}

/// One with an RSA key of 4,096 bits has 2 KiB.
const PROOF_BYTES_MAX: usize = 8 * 1024;
/// A UUID has 36.
const ID_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    /// RFC 9449 §7.1.
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

    #[test]
    fn the_example_of_rfc_9449_is_read() {
        let proof = read(PROOF.as_bytes(), &[Algorithm::Es256]).unwrap();
        assert_eq!(Some(proof.key), thumbprint("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
        assert_eq!(proof.token, thumbprint("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"));
        assert_eq!((proof.id.as_str(), proof.method.as_str()), ("e1j3V_bKic8-LAEB", "GET"));
        assert_eq!(proof.uri, "https://resource.example.org/protectedresource");
        assert_eq!((proof.issued, proof.nonce), (UnixSeconds(1_562_262_618), None));
    }

    #[test]
    fn another_algorithm_or_signature_is_no_proof() {
        assert_eq!(read(PROOF.as_bytes(), &[Algorithm::Ps256]).unwrap_err(), ProofFault::Malformed);
        let flipped = PROOF.replace(".2oW9", ".3oW9");
        assert_eq!(read(flipped.as_bytes(), &[Algorithm::Es256]).unwrap_err(), ProofFault::Forged);
        for bad in ["", "a.b", "a.b.c", &format!("{PROOF},{PROOF}"), &format!("{PROOF} "), &"a".repeat(9000)] {
            assert_eq!(read(bad.as_bytes(), &[Algorithm::Es256]).unwrap_err(), ProofFault::Malformed, "{bad}");
        }
    }

    /// RFC 9449 §4.1: for the token endpoint, and so without `ath`.
    #[test]
    fn the_example_of_a_token_request_has_no_token() {
        let text = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let proof = read(text.as_bytes(), &[Algorithm::Es256]).unwrap();
        assert_eq!((proof.token, proof.method.as_str()), (None, "POST"));
        assert_eq!((proof.uri.as_str(), proof.id.as_str()), ("https://server.example.com/token", "-BwC3ESc6acc2lTc"));
    }

    /// RFC 9449 §7.1: the token of the example, and its hash.
    #[test]
    fn the_hash_of_the_examples_token_is_its_ath() {
        let token = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let hash = sha256(token);
        let proof = read(PROOF.as_bytes(), &[Algorithm::Es256]).unwrap();
        assert_eq!(Some(hash), proof.token);
    }
}
