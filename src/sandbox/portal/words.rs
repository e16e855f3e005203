//! What people write into forms: names and descriptions, hostile until escaped, and sometimes after.

/// Why a name cannot be shown, if so. `max` counts characters.
pub(super) fn name_fault(name: &str, max: usize) -> Option<String> {
    let is_fine = name.chars().count() <= max && !name.chars().any(deceives);
    (!is_fine).then(|| format!("Use at most {max} visible characters."))
}

/// An e-mail address as it is kept, if it is one. It only names the account, so its form is all that matters.
pub(super) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (user, host) = text.rsplit_once('@')?;
    let is_plain = text.len() <= EMAIL_BYTES_MAX && text.chars().all(|c| !c.is_whitespace() && !deceives(c));
    let is_one = is_plain && !user.is_empty() && !host.is_empty() && !host.starts_with('.') && !host.ends_with('.');
    is_one.then(|| text.to_lowercase())
}

/// Characters that reorder or hide text let a name pretend to be part of our page.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// RFC 5321 §4.5.3.1.3, without the brackets.
const EMAIL_BYTES_MAX: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_deceive_or_overflow_are_refused() {
        for (name, is_fine) in [
            ("a".repeat(60), true),
            ("a".repeat(61), false),
            ("Çağrı & Söhne".to_owned(), true),
            ("<script>".to_owned(), true),
            ("safe\u{202e}gnp".to_owned(), false),
            ("a\u{0}b".to_owned(), false),
            ("a\u{feff}b".to_owned(), false),
        ] {
            assert_eq!(name_fault(&name, 60).is_none(), is_fine, "{name:?}");
        }
    }

    #[test]
    fn emails_are_kept_in_lower_case() {
        for (text, kept) in [
            (" Ada@Tally.Example ", Some("ada@tally.example")),
            ("çağrı@tally.example", Some("çağrı@tally.example")),
            ("a@b@c.example", Some("a@b@c.example")),
            ("ada", None),
            ("@tally.example", None),
            ("ada@", None),
            ("ada@.example", None),
            ("a da@tally.example", None),
            ("ada\u{202e}@tally.example", None),
        ] {
            assert_eq!(email(text).as_deref(), kept, "{text}");
        }
        let long = format!("{}@a.example", "a".repeat(EMAIL_BYTES_MAX - 10));
        assert!(email(&long).is_some() && email(&format!("a{long}")).is_none());
    }
}
