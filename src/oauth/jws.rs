//! A JSON Web Signature in compact form (RFC 7515), read strictly: what JWT libraries forgive (`crit`, duplicate
//! members, arrays for objects, padding) is a fault here.

use super::algorithm::Algorithm;
use super::base64url;
use super::claims::Text;
use super::jwk::Key;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::slice::SliceIndex;

/// Why a text is no JWS of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsFault {
    /// Segments, base64url, UTF-8, JSON, a member twice.
    Unreadable,
    /// It wants an extension to be understood; we understand none.
    Extended,
}

/// The three parts of a JWS in compact form, decoded (RFC 7515 §7.1).
pub struct Jws<'t> {
    signed: &'t str,
    /// Header, payload and signature, one behind the other.
    octets: Vec<u8>,
    header_end: usize,
    payload_end: usize,
}

impl<'t> Jws<'t> {
    /// Exactly three segments of base64url, none of header and signature empty. A JWE has five.
    pub fn read(token: &'t [u8]) -> Result<Self, JwsFault> {
        let token = std::str::from_utf8(token).map_err(|_| JwsFault::Unreadable)?;
        let (signed, signature) = halves(token, memchr::memrchr(b'.', token.as_bytes()))?;
        let (header, payload) = halves(signed, memchr::memchr(b'.', signed.as_bytes()))?;
        if header.is_empty() || signature.is_empty() {
            return Err(JwsFault::Unreadable);
        }
        let mut octets = Vec::with_capacity(token.len());
        let mut append = |part| {
            base64url::append(part, &mut octets).map_err(|_| JwsFault::Unreadable)?;
            Ok::<_, JwsFault>(octets.len())
        };
        let (header_end, payload_end, _) = (append(header)?, append(payload)?, append(signature)?);
        Ok(Self { signed, octets, header_end, payload_end })
    }

    /// The header, its members checked for what changes the meaning of the rest.
    pub fn header(&self) -> Result<Header<'_>, JwsFault> {
        let header: Header<'_> =
            serde_json::from_str(self.text(..self.header_end)?).map_err(|_| JwsFault::Unreadable)?;
        if header.is_extended { Err(JwsFault::Extended) } else { Ok(header) }
    }

    /// Whether the signature is `key`'s by `algorithm`: never, where they do not fit.
    pub fn is_signed_by(&self, key: &Key, algorithm: Algorithm) -> bool {
        let signature = self.octets.get(self.payload_end..);
        signature.is_some_and(|signature| key.has_signed(algorithm, self.signed.as_bytes(), signature))
    }

    /// What is signed beside the header: text, so that JSON can be read from it.
    pub fn payload(&self) -> Result<&str, JwsFault> {
        self.text(self.header_end..self.payload_end)
    }

    fn text(&self, place: impl SliceIndex<[u8], Output = [u8]>) -> Result<&str, JwsFault> {
        let octets = self.octets.get(place).ok_or(JwsFault::Unreadable)?;
        std::str::from_utf8(octets).map_err(|_| JwsFault::Unreadable)
    }
}

/// What stands on both sides of the point at this place.
fn halves(text: &str, point: Option<usize>) -> Result<(&str, &str), JwsFault> {
    let (before, after) = text.split_at(point.ok_or(JwsFault::Unreadable)?);
    Ok((before, after.strip_prefix('.').unwrap_or_default()))
}

/// The members that decide. `jku`, `x5u` and `x5c` are never read: an issuer's keys come from its set alone.
#[derive(Default)]
pub struct Header<'j> {
    /// The algorithm's name.
    pub alg: Cow<'j, str>,
    /// The key's id.
    pub kid: Option<Cow<'j, str>>,
    /// What kind of JWT it says that it is.
    pub typ: Option<Cow<'j, str>>,
    /// The key that it says it is signed with. Only a DPoP proof may bring its own: nobody else looks here.
    pub jwk: Option<&'j RawValue>,
    is_extended: bool,
}

/// An object, and no member of it twice (RFC 7515 §4): what a derived reader would also take is an array.
impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Header<'de>, A::Error> {
        let mut header = Header::default();
        let mut names = Vec::with_capacity(MEMBERS_USUAL);
        while let Some(Text(name)) = members.next_key()? {
            if names.contains(&name) || names.len() == MEMBERS_MAX {
                return Err(de::Error::custom("a member twice, or too many"));
            }
            match &*name {
                "alg" => header.alg = members.next_value::<Text<'de>>()?.0,
                "kid" => header.kid = Some(members.next_value::<Text<'de>>()?.0),
                "jwk" => header.jwk = Some(members.next_value()?),
                "typ" => header.typ = Some(members.next_value::<Text<'de>>()?.0),
                // RFC 7515 §4.1.11: we understand no extension, so none may be critical, whatever the value is;
                // RFC 7797 changes what is signed.
                "crit" | "b64" => {
                    members.next_value::<IgnoredAny>()?;
                    header.is_extended = true;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            names.push(name);
        }
        if names.iter().any(|name| name == "alg") { Ok(header) } else { Err(de::Error::missing_field("alg")) }
    }
}

/// Members of one header; certificate-bound ones have a dozen.
const MEMBERS_MAX: usize = 32;
/// What most stay below.
const MEMBERS_USUAL: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    fn ec() -> Value {
        json!({"kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    }

    fn rsa() -> Value {
        json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})
    }

    fn ed() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn is_good(jwk: &Value, text: &str) -> bool {
        let set = crate::oauth::jwk::KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes(), 1).unwrap();
        let jws = Jws::read(text.as_bytes()).unwrap();
        let Ok(algorithm) = jws.header().unwrap().alg.parse() else { return false };
        set.keys.iter().any(|key| jws.is_signed_by(key, algorithm))
    }

    /// RFC 7515 A.2 and A.3, RFC 8037 A.4.
    #[test]
    fn the_examples_of_the_rfcs_verify_by_their_keys_alone() {
        let rs256 = format!(
            "eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
        let es256 = format!(
            "eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        );
        let eddsa = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let examples = [(rs256.as_str(), rsa()), (&es256, ec()), (eddsa, ed())];
        for (n, (text, key)) in examples.iter().enumerate() {
            assert!(is_good(key, text), "{n}");
            let (signed, signature) = text.rsplit_once('.').unwrap();
            let flipped = signature.replacen(&signature[9..10], if &signature[9..10] == "A" { "B" } else { "A" }, 1);
            assert!(!is_good(key, &format!("{signed}.{flipped}")), "{n}");
            let others = examples.iter().enumerate().filter(|(other, _)| *other != n);
            assert!(others.into_iter().all(|(_, (_, other))| !is_good(other, text)), "{n}");
        }
        let jws = Jws::read(rs256.as_bytes()).unwrap();
        let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        assert_eq!((jws.payload().unwrap(), jws.header().unwrap().kid), (payload, None));
    }

    /// RFC 7515 A.1, A.4 and A.5: a shared secret, an algorithm that is not offered, and none; A.6: not in compact form.
    #[test]
    fn examples_of_what_is_not_accepted_are_not() {
        let secret = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"});
        let hs256 =
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert!(!is_good(&secret, &hs256));
        let p521 = json!({"kty": "EC", "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4XUQcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"});
        assert!(!is_good(
            &p521,
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
        ));
        assert!(Jws::read(format!("eyJhbGciOiJub25lIn0.{CLAIMS}.").as_bytes()).is_err());
        let json =
            json!({"payload": CLAIMS, "signatures": [{"protected": "eyJhbGciOiJFUzI1NiJ9", "signature": "DtEh"}]});
        assert!(Jws::read(json.to_string().as_bytes()).is_err());
    }
}
