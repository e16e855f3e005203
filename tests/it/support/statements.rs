//! Writes what qualified certificates say of payment service providers (EN 319 412-5, TS 119 495): good by default, spoilt
//! in one place by each test.

use rcgen::CustomExtension;

/// The extension `qcStatements` of a provider's certificate for networks, with these roles.
pub fn website(roles: &[&str]) -> CustomExtension {
    extension(&[kind(3), provider(roles)])
}

/// The same of a certificate for seals.
pub fn seal(roles: &[&str]) -> CustomExtension {
    extension(&[kind(2), provider(roles)])
}

/// With these statements.
pub fn extension(statements: &[Vec<u8>]) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 3], der(0x30, &statements.concat()))
}

/// `QcType`: 1 is for signatures, 2 for seals, 3 for networks.
pub fn kind(number: u8) -> Vec<u8> {
    let id = |last: &[u8]| der(0x06, &[&[0x04, 0x00, 0x8E, 0x46, 0x01, 0x06], last].concat());
    der(0x30, &[id(&[]), der(0x30, &id(&[number]))].concat())
}

/// `PSD2QcType`
pub fn provider(roles: &[&str]) -> Vec<u8> {
    let role = |name: &&str| {
        let number = 1 + ["PSP_AS", "PSP_PI", "PSP_AI", "PSP_IC"].iter().position(|known| known == name).unwrap();
        let id = [0x04, 0x00, 0x81, 0x98, 0x27, 0x01, u8::try_from(number).unwrap()];
        der(0x30, &[der(0x06, &id), der(0x0C, name.as_bytes())].concat())
    };
    let roles = der(0x30, &roles.iter().flat_map(role).collect::<Vec<_>>());
    let info = der(0x30, &[roles, der(0x0C, b"Financial Authority"), der(0x0C, b"DE-BAFIN")].concat());
    der(0x30, &[der(0x06, &[0x04, 0x00, 0x81, 0x98, 0x27, 0x02]), info].concat())
}

/// One value, shorter than 256 bytes.
pub fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u8::try_from(contents.len()).unwrap();
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, contents.to_vec()].concat()
}
