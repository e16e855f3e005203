//! Certificates, beside what x509-parser reads in them.

use scopegate::oauth::certificate::Certificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::oid;
use x509_parser::prelude::FromDer;

/// A certificate that passes is one to another reader too, with the same dates and organisation; it has statements only
/// where there is the one extension for them, and is for networks only where that says so.
pub fn certificate(data: &[u8]) {
    let Ok(ours) = Certificate::parse(data) else { return };
    // The other reader also reads keys, algorithms and every other extension, which say nothing here.
    let Ok((rest, theirs)) = X509Certificate::from_der(data) else { return };
    assert!(rest.is_empty(), "something behind it");
    let validity = theirs.validity();
    assert_eq!(ours.not_before.0, validity.not_before.timestamp());
    assert_eq!(ours.not_after.0, validity.not_after.timestamp());
    let names: Vec<_> =
        theirs.subject().iter_by_oid(&oid!(2.5.4.97)).map(|one| one.as_str().expect("a text")).collect();
    assert_eq!(names, ours.organisation.as_deref().into_iter().collect::<Vec<_>>());
    let is_statements = |extension: &&x509_parser::prelude::X509Extension<'_>| extension.oid == oid!(1.3.6.1.5.5.7.1.3);
    let statements: Vec<_> = theirs.extensions().iter().filter(is_statements).collect();
    assert!(statements.len() <= 1);
    if ours.kind.is_some() || ours.provider.is_some() {
        assert_eq!(statements.len(), 1, "statements from nowhere");
    }
    if let Some(provider) = &ours.provider {
        let text = provider.authority_id.as_bytes();
        assert!(statements[0].value.windows(text.len()).any(|part| part == text));
    }
}
