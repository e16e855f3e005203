//! `rewrite`: which beginning of a route's path the upstream knows by another name.

use super::fault::Problem;
use super::reader::Value;
use super::template::{self, Template};

/// One beginning in place of another. Both are whole segments in plain spelling, without a slash at the end: empty for
/// the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// What every path of the route begins with.
    pub from: Box<str>,
    /// What is forwarded in its place.
    pub to: Box<str>,
}

impl Rewrite {
    /// `path` with its other beginning; nothing where it does not have the one that is replaced.
    pub fn of(&self, path: &str) -> Option<String> {
        let rest = rest(path, &self.from)?;
        let path = [&*self.to, rest].concat();
        Some(if path.is_empty() { "/".to_owned() } else { path })
    }
}

/// `rewrite:` of a route with this template.
pub(super) fn read(value: &Value<'_>, route: Option<&Template>) -> Option<Rewrite> {
    let section = value.section(&["from", "to"])?;
    let (from, to) = (section.need("from"), section.need("to"));
    let beginning = from.as_ref().and_then(|value| value.parse(prefix));
    let other = to.and_then(|value| value.parse(prefix));
    if let (Some(value), Some(from), Some(route)) = (&from, &beginning, route)
        && rest(&route.text, from).is_none()
    {
        let problem = Problem::new("is not what the route's `path` begins with, segment by segment");
        value.refuse(problem.hint("`from` is the part of `path` that is replaced, up to its first parameter at most"));
        return None;
    }
    let (from, to) = (beginning?, other?);
    if from == to {
        value.refuse(Problem::new("replaces a beginning by itself").hint("remove it"));
        return None;
    }
    Some(Rewrite { from, to })
}

/// Literal segments, in the spelling that a request's path has when it is let through: two that are joined have no
/// other reading either.
pub(super) fn prefix(text: &str) -> Result<Box<str>, Problem> {
    let template = template::parse(text)?;
    // The name of a parameter has no place in a shape.
    if template.shape != text {
        return Err(Problem::new("has a parameter").hint("only what is the same in every path can be replaced"));
    }
    match text.strip_suffix('/') {
        Some("") => Ok("".into()),
        Some(_) => Err(Problem::new("ends with `/`").hint("leave the last slash out; `/` alone is the root")),
        None => Ok(text.into()),
    }
}

/// What is behind `from`, if `path` begins with that, in whole segments.
fn rest<'p>(path: &'p str, from: &str) -> Option<&'p str> {
    path.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_has_one_spelling() {
        for (text, prefix_) in [("/", ""), ("/v1", "/v1"), ("/open-banking/v4.0", "/open-banking/v4.0"), ("/@a", "/@a")]
        {
            assert_eq!(&*prefix(text).unwrap(), prefix_, "{text}");
        }
        for text in [
            "",
            "v1",
            "//",
            "/v1/",
            "/v1//a",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%61",
            "/%2e%2e",
            "/a;b",
            "/a?b",
            "/a#b",
            "/{a}",
            "/a/{*rest}",
            "/a b",
            "/\u{15f}",
            "/a\\b",
            "http://a/b",
            "/a\r\nx: y",
        ] {
            assert!(prefix(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_beginning_ends_where_a_segment_does() {
        for (path, from) in [
            ("/v4/a", "/v4"),
            ("/v4", "/v4"),
            ("/v4/{id}", "/v4"),
            ("/v4/{*rest}", "/v4"),
            ("/a", ""),
            ("/", ""),
            ("/v4/", "/v4"),
        ] {
            assert!(rest(path, from).is_some(), "{path} {from}");
        }
        for (path, from) in
            [("/v44/a", "/v4"), ("/a/v4", "/v4"), ("/V4", "/v4"), ("/{v4}", "/v4"), ("/v4", "/v4/a"), ("/", "/v4")]
        {
            assert!(rest(path, from).is_none(), "{path} {from}");
        }
    }
}
