//! What a client's certificate says of its holder (RFC 5280, ETSI EN 319 412-5, TS 119 495): its organisation, its dates, its
//! kind, and its roles under PSD2. Who signed it was decided elsewhere; here it is read, all of it or none.
//!
//! Five fields of a certificate need a walk through it and no library: what is in them is refused unless it has the one
//! form that DER allows, stands there once, and fits the bounds below.

use super::der::{self, BadDer, Der};
use super::role::{Role, Roles};
use crate::clock::UnixSeconds;

/// What is read of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's `organizationIdentifier`: `PSDDE-BAFIN-123456` (TS 119 495 §5.2.1). Visible ASCII.
    pub organisation: Option<Box<str>>,
    /// First second in which it is valid.
    pub not_before: UnixSeconds,
    /// Last one.
    pub not_after: UnixSeconds,
    /// For what it was qualified, if it says so.
    pub kind: Option<Kind>,
    /// Its holder as a payment service provider.
    pub provider: Option<Provider>,
}

/// The `QcType` statement (EN 319 412-5 §4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a person's signatures.
    Signature,
    /// Of an organisation's seals (`QSealC`).
    Seal,
    /// Of servers and clients on a network (`QWAC`).
    Website,
    /// Of something else, or of several things.
    Other,
}

/// The `PSD2QcType` statement (TS 119 495 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// What it is authorised for.
    pub roles: Roles,
    /// By this authority: `NCAName`.
    pub authority: Box<str>,
    /// `NCAId`: `DE-BAFIN`.
    pub authority_id: Box<str>,
}

/// Not a certificate, or one that nobody should act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCertificate;

impl Certificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Self, BadCertificate> {
        if der.len() > BYTES_MAX {
            return Err(BadCertificate);
        }
        let mut outer = der::only(der, der::SEQUENCE)?;
        let mut tbs = outer.enter(der::SEQUENCE)?;
        outer.take(der::SEQUENCE)?;
        outer.take(der::BIT_STRING)?;
        outer.end()?;
        tbs.take_if(VERSION)?;
        tbs.take(der::INTEGER)?;
        tbs.take(der::SEQUENCE)?;
        tbs.take(der::SEQUENCE)?;
        let mut validity = tbs.enter(der::SEQUENCE)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.end()?;
        let organisation = organisation(tbs.enter(der::SEQUENCE)?)?;
        tbs.take(der::SEQUENCE)?;
        tbs.take_if(ISSUER_UNIQUE_ID)?;
        tbs.take_if(SUBJECT_UNIQUE_ID)?;
        let statements = match tbs.take_if(EXTENSIONS)? {
            Some(extensions) => Statements::find(der::only(extensions, der::SEQUENCE)?)?,
            None => Statements::default(),
        };
        tbs.end()?;
        Ok(Self { organisation, not_before, not_after, kind: statements.kind, provider: statements.provider })
    }

    /// Whether it is within its dates (RFC 5280 §4.1.2.5: both included).
    pub fn is_valid_at(&self, now: UnixSeconds) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether its holder may authenticate by it on a network. A provider's must say that it is for this: one for seals
    /// must not do (RTS Art. 34, TS 119 495 §5.3).
    pub fn is_for_networks(&self) -> bool {
        match self.kind {
            Some(kind) => kind == Kind::Website,
            None => self.provider.is_none(),
        }
    }

    /// What its holder is authorised for.
    pub fn roles(&self) -> Roles {
        self.provider.as_ref().map_or_else(Roles::default, |provider| provider.roles)
    }
}

/// The statements of one certificate that are understood (RFC 3739 §3.2.6).
#[derive(Default)]
struct Statements {
    kind: Option<Kind>,
    provider: Option<Provider>,
}

impl Statements {
    fn find(mut extensions: Der<'_>) -> Result<Self, BadCertificate> {
        let mut found = None;
        while !extensions.is_empty() {
            let mut extension = extensions.enter(der::SEQUENCE)?;
            let id = extension.take(der::OBJECT_IDENTIFIER)?;
            extension.take_if(der::BOOLEAN)?;
            let value = extension.take(der::OCTET_STRING)?;
            extension.end()?;
            if id == QC_STATEMENTS {
                once(&mut found, Self::read(der::only(value, der::SEQUENCE)?)?)?;
            }
        }
        Ok(found.unwrap_or_default())
    }

    fn read(mut list: Der<'_>) -> Result<Self, BadCertificate> {
        let mut statements = Self::default();
        while !list.is_empty() {
            let mut statement = list.enter(der::SEQUENCE)?;
            match statement.take(der::OBJECT_IDENTIFIER)? {
                QC_TYPE => once(&mut statements.kind, kind(statement.enter(der::SEQUENCE)?)?)?,
                PSD2 => once(&mut statements.provider, provider(statement.enter(der::SEQUENCE)?)?)?,
                _ if statement.is_empty() => {}
                _ => drop(statement.read()?),
            }
            statement.end()?;
        }
        Ok(statements)
    }
}

/// Two of what there can be one of would be read differently by different readers.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), BadCertificate> {
    if place.replace(value).is_some() { Err(BadCertificate) } else { Ok(()) }
}

/// `SEQUENCE OF OBJECT IDENTIFIER`
fn kind(mut types: Der<'_>) -> Result<Kind, BadDer> {
    let kind = match types.take(der::OBJECT_IDENTIFIER)?.strip_prefix(QC_TYPE) {
        Some([1]) => Kind::Signature,
        Some([2]) => Kind::Seal,
        Some([3]) => Kind::Website,
        Some(_) | None => Kind::Other,
    };
    let is_alone = types.is_empty();
    while !types.is_empty() {
        types.take(der::OBJECT_IDENTIFIER)?;
    }
    Ok(if is_alone { kind } else { Kind::Other })
}

/// `SEQUENCE { rolesOfPSP, nCAName, nCAId }`
fn provider(mut statement: Der<'_>) -> Result<Provider, BadCertificate> {
    let mut list = statement.enter(der::SEQUENCE)?;
    let mut roles = Roles::default();
    while !list.is_empty() {
        let mut item = list.enter(der::SEQUENCE)?;
        let id = item.take(der::OBJECT_IDENTIFIER)?;
        let name = item.take(der::UTF8_STRING)?;
        item.end()?;
        // A role that is not known is no reason to doubt the others; one under another's name is.
        if let Some(role) =
            Role::ALL.into_iter().find(|role| id.strip_prefix(PSD2_ROLES).is_some_and(|arc| arc == [role.number()]))
        {
            if name != role.as_str().as_bytes() {
                return Err(BadCertificate);
            }
            roles = roles.with(role);
        }
    }
    let authority = text(statement.take(der::UTF8_STRING)?)?;
    let authority_id = text(statement.take(der::UTF8_STRING)?)?;
    statement.end()?;
    Ok(Provider { roles, authority, authority_id })
}

/// `SIZE (1..256)`
fn text(bytes: &[u8]) -> Result<Box<str>, BadCertificate> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadCertificate)?;
    if (1..=TEXT_CHARACTERS_MAX).contains(&text.chars().count()) { Ok(text.into()) } else { Err(BadCertificate) }
}

/// The one `organizationIdentifier` of a name.
fn organisation(mut name: Der<'_>) -> Result<Option<Box<str>>, BadCertificate> {
    let mut found = None;
    while !name.is_empty() {
        let mut attributes = name.enter(der::SET)?;
        while !attributes.is_empty() {
            let mut attribute = attributes.enter(der::SEQUENCE)?;
            let id = attribute.take(der::OBJECT_IDENTIFIER)?;
            let (tag, value) = attribute.read()?;
            attribute.end()?;
            if id == ORGANIZATION_IDENTIFIER {
                once(&mut found, identifier(tag, value)?)?;
            }
        }
    }
    Ok(found)
}

/// It goes into a header field: encoding it would name another organisation than the authority did.
fn identifier(tag: u8, value: &[u8]) -> Result<Box<str>, BadCertificate> {
    let is_text = matches!(tag, der::UTF8_STRING | der::PRINTABLE_STRING);
    let is_plain = value.iter().all(|b| matches!(b, 0x20..=0x7E)) && value.trim_ascii() == value;
    if is_text && is_plain { text(value) } else { Err(BadCertificate) }
}

impl From<BadDer> for BadCertificate {
    fn from(_: BadDer) -> Self {
        Self
    }
}

/// A certificate, in bytes. Those of banks have one to three thousand; the rest is room for chains of names.
pub const BYTES_MAX: usize = 16 * 1024;
/// A text in it (TS 119 495 §5.1), and its `organizationIdentifier`.
pub const TEXT_CHARACTERS_MAX: usize = 256;

const VERSION: u8 = 0xA0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xA3;
/// 2.5.4.97
const ORGANIZATION_IDENTIFIER: &[u8] = &[0x55, 0x04, 0x61];
/// 1.3.6.1.5.5.7.1.3
const QC_STATEMENTS: &[u8] = &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x03];
/// 0.4.0.1862.1.6; the kinds are its children.
const QC_TYPE: &[u8] = &[0x04, 0x00, 0x8E, 0x46, 0x01, 0x06];
/// 0.4.0.19495.2
const PSD2: &[u8] = &[0x04, 0x00, 0x81, 0x98, 0x27, 0x02];
/// 0.4.0.19495.1, whose children the roles are.
const PSD2_ROLES: &[u8] = &[0x04, 0x00, 0x81, 0x98, 0x27, 0x01];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, date_time_ymd};

    const ORGANISATION: &str = "PSDDE-BAFIN-123456";

    fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let length = u16::try_from(contents.len()).unwrap();
        let [high, low] = length.to_be_bytes();
        let head = match length {
            0..=0x7F => vec![tag, low],
            0x80..=0xFF => vec![tag, 0x81, low],
            _ => vec![tag, 0x82, high, low],
        };
        [head, contents].concat()
    }

    fn role(number: u8, name: &str) -> Vec<u8> {
        let id = value(der::OBJECT_IDENTIFIER, &[PSD2_ROLES, &[number]]);
        value(der::SEQUENCE, &[&id, &value(der::UTF8_STRING, &[name.as_bytes()])])
    }

    fn psd2(roles: &[Vec<u8>], authority: &str) -> Vec<u8> {
        let list = value(der::SEQUENCE, &roles.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let text = |text: &str| value(der::UTF8_STRING, &[text.as_bytes()]);
        let info = value(der::SEQUENCE, &[&list, &text(authority), &text("DE-BAFIN")]);
        value(der::SEQUENCE, &[&value(der::OBJECT_IDENTIFIER, &[PSD2]), &info])
    }

    fn qc_type(kinds: &[u8]) -> Vec<u8> {
        let ids: Vec<_> = kinds.iter().map(|kind| value(der::OBJECT_IDENTIFIER, &[QC_TYPE, &[*kind]])).collect();
        let ids = value(der::SEQUENCE, &ids.iter().map(Vec::as_slice).collect::<Vec<_>>());
        value(der::SEQUENCE, &[&value(der::OBJECT_IDENTIFIER, &[QC_TYPE]), &ids])
    }

    /// `QcCompliance`: a statement without information.
    fn compliance() -> Vec<u8> {
        value(der::SEQUENCE, &[&value(der::OBJECT_IDENTIFIER, &[&[0x04, 0x00, 0x8E, 0x46, 0x01, 0x01]])])
    }

    fn with(statements: &[Vec<u8>], spoil: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = date_time_ymd(2050, 3, 1);
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), ORGANISATION);
        let list = value(der::SEQUENCE, &statements.iter().map(Vec::as_slice).collect::<Vec<_>>());
        params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 3], list));
        spoil(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn read(statements: &[Vec<u8>]) -> Result<Certificate, BadCertificate> {
        Certificate::parse(&with(statements, |_| {}))
    }

    #[test]
    fn a_provider_has_its_roles_its_authority_and_its_organisation() {
        let roles = [role(3, "PSP_AI"), role(2, "PSP_PI"), role(9, "PSP_XX")];
        let certificate = read(&[compliance(), qc_type(&[3]), psd2(&roles, "Federal Authority")]).unwrap();
        let provider = certificate.provider.as_ref().unwrap();
        assert_eq!(provider.roles, [Role::Information, Role::Initiation].into_iter().collect());
        assert_eq!((&*provider.authority, &*provider.authority_id), ("Federal Authority", "DE-BAFIN"));
        assert_eq!((certificate.organisation.as_deref(), certificate.kind), (Some(ORGANISATION), Some(Kind::Website)));
        assert!(certificate.is_for_networks());
        let (first, last) = (UnixSeconds(1_767_312_000), UnixSeconds(2_529_705_600));
        assert_eq!((certificate.not_before, certificate.not_after), (first, last));
        for (now, expected) in [(first.0 - 1, false), (first.0, true), (last.0, true), (last.0 + 1, false)] {
            assert_eq!(certificate.is_valid_at(UnixSeconds(now)), expected, "{now}");
        }
    }

    #[test]
    fn every_role_has_a_number_of_its_own() {
        for (number, one) in (1..).zip(Role::ALL) {
            let certificate = read(&[qc_type(&[3]), psd2(&[role(number, one.as_str())], "A")]).unwrap();
            for other in Role::ALL {
                assert_eq!(certificate.roles().has_one_of(Roles::default().with(other)), one == other);
            }
            assert_eq!(one.as_str().parse(), Ok(one));
        }
        assert!("psp_ai".parse::<Role>().is_err());
        assert!(!read(&[psd2(&[], "A")]).unwrap().roles().has_one_of(Role::ALL.into_iter().collect()));
    }

    #[test]
    fn only_what_is_for_networks_authenticates_on_one() {
        let roles = psd2(&[role(3, "PSP_AI")], "A");
        for (statements, kind, is_good) in [
            (vec![], None, true),
            (vec![roles.clone()], None, false),
            (vec![qc_type(&[3])], Some(Kind::Website), true),
            (vec![qc_type(&[2]), roles.clone()], Some(Kind::Seal), false),
            (vec![qc_type(&[2])], Some(Kind::Seal), false),
            (vec![qc_type(&[1])], Some(Kind::Signature), false),
            (vec![qc_type(&[4])], Some(Kind::Other), false),
            (vec![qc_type(&[3, 2]), roles], Some(Kind::Other), false),
        ] {
            let certificate = read(&statements).unwrap();
            assert_eq!((certificate.kind, certificate.is_for_networks()), (kind, is_good));
        }
        let ordinary = Certificate::parse(&with(&[], |params| params.custom_extensions.clear())).unwrap();
        assert!(ordinary.is_for_networks() && ordinary.provider.is_none());
    }

    /// QC-5: what could be read in two ways, or not at all, is not read.
    #[test]
    fn statements_that_are_not_as_they_should_be_are_refused() {
        let good = || psd2(&[role(3, "PSP_AI")], "A");
        let statement = |info: &[u8]| value(der::SEQUENCE, &[&value(der::OBJECT_IDENTIFIER, &[PSD2]), info]);
        for (name, statements) in [
            ("no information", vec![statement(&[])]),
            ("not a sequence", vec![statement(&value(der::SET, &[]))]),
            ("no roles", vec![statement(&value(der::SEQUENCE, &[]))]),
            ("another's name", vec![psd2(&[role(3, "PSP_PI")], "A")]),
            ("no name", vec![psd2(&[role(3, "")], "A")]),
            ("no authority", vec![psd2(&[], "")]),
            ("a long authority", vec![psd2(&[], &"ü".repeat(TEXT_CHARACTERS_MAX + 1))]),
            ("twice", vec![good(), good()]),
            ("two kinds", vec![qc_type(&[3]), qc_type(&[2])]),
            ("no kind", vec![qc_type(&[])]),
            ("more behind it", vec![[good(), vec![0]].concat()]),
            ("more within", vec![statement(&[value(der::SEQUENCE, &[]), value(der::SEQUENCE, &[])].concat())]),
            ("no statement", vec![value(der::SEQUENCE, &[])]),
            ("cut off", vec![good()[..good().len() - 1].to_vec()]),
        ] {
            assert_eq!(read(&statements), Err(BadCertificate), "{name}");
        }
        assert!(read(&[psd2(&[], &"ü".repeat(TEXT_CHARACTERS_MAX))]).is_ok());
        let twice = with(&[qc_type(&[3])], |params| {
            let again = params.custom_extensions[0].clone();
            params.custom_extensions.push(again);
        });
        assert_eq!(Certificate::parse(&twice), Err(BadCertificate));
    }

    #[test]
    fn an_organisation_stands_there_once_and_fits_into_a_field() {
        let named = |name: &str| {
            Certificate::parse(&with(&[], |params| {
                params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), name);
            }))
        };
        assert_eq!(named("VATDE-1 2").unwrap().organisation.as_deref(), Some("VATDE-1 2"));
        assert_eq!(named(&"x".repeat(TEXT_CHARACTERS_MAX)).unwrap().organisation.unwrap().len(), TEXT_CHARACTERS_MAX);
        for bad in
            ["", "a\r\nx-auth-subject: root", "a\0", "PSDDE-BaFin-ü", " a", "a ", &"x".repeat(TEXT_CHARACTERS_MAX + 1)]
        {
            assert_eq!(named(bad), Err(BadCertificate), "{bad:?}");
        }
        let nobody = with(&[], |params| params.distinguished_name = rcgen::DistinguishedName::new());
        assert_eq!(Certificate::parse(&nobody).unwrap().organisation, None);
    }

    #[test]
    fn a_certificate_is_bounded_and_has_nothing_behind_it() {
        let mut sized = with(&[], |params| {
            let filler = vec![0; BYTES_MAX - 1000];
            params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3], filler));
        });
        assert!(Certificate::parse(&sized).is_ok() && sized.len() <= BYTES_MAX);
        sized.push(0);
        assert_eq!(Certificate::parse(&sized), Err(BadCertificate));
        let long = with(&[], |params| {
            params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3], vec![0; BYTES_MAX]));
        });
        assert_eq!(Certificate::parse(&long), Err(BadCertificate));
        for bad in [&b""[..], b"-----BEGIN CERTIFICATE-----", &[0x30, 0x00], &[0x30, 0x02, 0x30, 0x00]] {
            assert_eq!(Certificate::parse(bad), Err(BadCertificate));
        }
    }

    proptest! {
        #[test]
        fn what_was_written_reads_the_same(
            numbers in proptest::collection::btree_set(0_usize..4, 0..4),
            authority in "\\PC{1,40}",
            organisation in "[!-~]([ -~]{0,60}[!-~])?",
        ) {
            let roles: Vec<_> = numbers.iter().map(|number| Role::ALL[*number]).collect();
            let items: Vec<_> = roles.iter().map(|one| role(one.number(), one.as_str())).collect();
            let certificate = with(&[qc_type(&[3]), psd2(&items, &authority)], |params| {
                params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), &*organisation);
            });
            let certificate = Certificate::parse(&certificate).unwrap();
            prop_assert_eq!(certificate.roles(), roles.into_iter().collect());
            prop_assert_eq!(&*certificate.provider.unwrap().authority, authority);
            prop_assert_eq!(certificate.organisation.as_deref(), Some(&*organisation));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            Certificate::parse(&bytes).ok();
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0_usize..600, bytes in proptest::collection::vec(any::<u8>(), 0..4)) {
            static GOOD: std::sync::LazyLock<Vec<u8>> =
                std::sync::LazyLock::new(|| with(&[qc_type(&[3]), psd2(&[role(3, "PSP_AI")], "A")], |_| {}));
            let mut damaged = GOOD.clone();
            let at = at.min(damaged.len());
            let end = (at + bytes.len()).min(damaged.len());
            damaged.splice(at..end, bytes);
            Certificate::parse(&damaged).ok();
        }
    }
}
