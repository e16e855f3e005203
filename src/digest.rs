//! SHA-256 (FIPS 180-4): what is kept and compared in place of what must not be, or is too long for it.

use aws_lc_rs::digest;

/// Of some octets.
pub type Digest = [u8; 32];

/// The SHA-256 of `octets`.
pub fn sha256(octets: &[u8]) -> Digest {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    sha256
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// FIPS 180-4's own example.
    #[test]
    fn abc_has_its_digest() {
        assert_eq!(URL_SAFE_NO_PAD.encode(sha256(b"abc")), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }
}
