//! Where a developer wanted to go before the sign-in page came between. Only pages of the portal: an address of
//! somebody else would make the sign-in page a springboard for phishing (RFC 9700 §4.11).

use crate::sandbox::form;
use http::uri::PathAndQuery;

/// A path of the portal's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next(String);

impl Next {
    /// Where a request went.
    pub(super) fn of(target: Option<&PathAndQuery>) -> Self {
        target.map(|target| Self::parse(target.as_str())).unwrap_or_default()
    }

    /// Takes a path; anything else becomes the dashboard.
    pub(super) fn parse(text: &str) -> Self {
        // Browsers read `//host` and `/\host` as another machine, and skip tabs and line ends anywhere.
        let is_path = text.starts_with('/') && !text.starts_with("//");
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') && text.len() <= PATH_BYTES_MAX;
        if is_path && is_plain { Self(text.to_owned()) } else { Self::default() }
    }

    /// The path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The page at `path`, which leads on to here.
    pub(super) fn after(&self, path: &str) -> String {
        if *self == Self::default() {
            return path.to_owned();
        }
        format!("{path}?{}", form::join(&[("next", &self.0)]))
    }
}

impl Default for Next {
    fn default() -> Self {
        Self("/dashboard".to_owned())
    }
}

/// Our longest holds an authorization response.
const PATH_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_taken() {
        for (text, taken) in [
            ("/applications", "/applications"),
            ("/applications/app_1?tab=auth", "/applications/app_1?tab=auth"),
            ("", "/dashboard"),
            ("applications", "/dashboard"),
            ("//evil.example", "/dashboard"),
            ("/\\evil.example", "/dashboard"),
            ("/\t/evil.example", "/dashboard"),
            ("/a\r\nset-cookie: x", "/dashboard"),
            ("https://evil.example/", "/dashboard"),
            ("javascript:alert(1)", "/dashboard"),
        ] {
            assert_eq!(Next::parse(text).as_str(), taken, "{text:?}");
        }
        let long = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        assert_eq!(Next::parse(&long).as_str(), long);
        assert_eq!(Next::parse(&format!("{long}a")), Next::default());
    }

    #[test]
    fn the_dashboard_needs_no_mention() {
        assert_eq!(Next::default().after("/signin"), "/signin");
        assert_eq!(Next::parse("/a?b=c").after("/signin"), "/signin?next=%2Fa%3Fb%3Dc");
    }
}
