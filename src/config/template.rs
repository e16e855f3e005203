//! Path templates: `/accounts/{id}/balances`, `/files/{*rest}`. Literals stand in the one spelling that
//! `read` leaves of a request's path; in any other spelling a route would never be found.

use super::fault::Problem;

/// A template that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// As it was written.
    pub(super) text: Box<str>,
    /// With the names of its parameters taken out: two routes of one shape match the same paths.
    pub(super) shape: String,
}

impl Template {
    /// Which segment, from 0, the parameter `name` stands for. `{*rest}` is not one segment.
    pub(super) fn segment_of(&self, name: &str) -> Option<usize> {
        let is_it = |segment: &str| segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) == Some(name);
        self.text.split('/').skip(1).position(is_it)
    }
}

/// Checks `text`. No message quotes it: it may have come out of the environment.
pub(super) fn parse(text: &str) -> Result<Template, Problem> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err(Problem::new("does not begin with `/`"));
    };
    let segments: Vec<&str> = rest.split('/').collect();
    let last = segments.len() - 1;
    let mut names = Vec::new();
    let mut shape = String::with_capacity(text.len());
    for (index, segment) in segments.iter().enumerate() {
        let at = index + 1;
        shape.push('/');
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(parameter) => {
                let (name, sign) = match parameter.strip_prefix('*') {
                    Some(name) if index == last => (name, "{*}"),
                    Some(_) => {
                        return Err(Problem::new(format!("has `{{*…}}` in segment {at}"))
                            .hint("it takes the remainder of the path and can only stand last"));
                    }
                    None => (parameter, "{}"),
                };
                check_name(name, at)?;
                if names.contains(&name) {
                    return Err(Problem::new(format!("uses the name of segment {at} twice"))
                        .hint("give each parameter a name of its own"));
                }
                names.push(name);
                shape.push_str(sign);
            }
            None if segment.is_empty() && index == last => {}
            None => {
                check_literal(segment, at)?;
                shape.push_str(segment);
            }
        }
    }
    Ok(Template { text: text.into(), shape })
}

fn check_name(name: &str, at: usize) -> Result<(), Problem> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if is_name {
        return Ok(());
    }
    Err(Problem::new(format!("has no valid parameter name in segment {at}"))
        .hint("letters, digits, `_` and `-`, a letter or `_` first: {account_id}"))
}

fn check_literal(segment: &str, at: usize) -> Result<(), Problem> {
    let problem = |what: &str| Problem::new(format!("{what} in segment {at}"));
    match segment {
        "" => return Err(problem("has nothing").hint("write one `/` between segments")),
        "." | ".." => return Err(problem("has dots alone").hint("write the path that is meant")),
        _ => {}
    }
    if segment.contains(['{', '}']) {
        return Err(
            problem("has a parameter beside other text").hint("a parameter takes a whole segment: /accounts/{id}")
        );
    }
    let Some(odd) = segment.chars().find(|c| !is_literal(*c)) else { return Ok(()) };
    let problem = problem("has a character that no route may hold");
    Err(match odd {
        '?' | '#' => problem.hint("a route is a path: leave the query and the fragment out"),
        // Both let two servers read one path differently: CVE-2020-5902, and Tomcat's path parameters.
        ';' => problem.hint("`;` begins what some servers cut off, so the gateway refuses it in requests too"),
        '%' => problem
            .hint("write the character itself where it is allowed; `%2F` and its like are refused in requests too"),
        '*' | ':' => problem,
        _ => problem.hint("letters, digits and -._~!$&'()*+,=:@"),
    })
}

/// `pchar` of RFC 3986 §3.3 without percent-encoding and `;`.
fn is_literal(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_a_shape_without_names() {
        for (text, shape) in [
            ("/", "/"),
            ("/accounts", "/accounts"),
            ("/accounts/", "/accounts/"),
            ("/accounts/{id}", "/accounts/{}"),
            ("/accounts/{account-id}/balances", "/accounts/{}/balances"),
            ("/{a}/{b}", "/{}/{}"),
            ("/files/{*rest}", "/files/{*}"),
            ("/a.b/~c!$&'()*+,=:@-_", "/a.b/~c!$&'()*+,=:@-_"),
            ("/...", "/..."),
        ] {
            assert_eq!(parse(text).unwrap().shape, shape, "{text}");
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "",
            "accounts",
            "{id}",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a%2Fb",
            "/a%20b",
            "/a;b",
            "/a\\b",
            "/a?b",
            "/a#b",
            "/a b",
            "/ş",
            "/a\"",
            "/a|b",
            "/a^b",
            "/{}",
            "/{*}",
            "/{a",
            "/a}",
            "/{a}b",
            "/b{a}",
            "/{a}{b}",
            "/{a}/{a}",
            "/{*a}/b",
            "/{*a}/",
            "/{a}/{*a}",
            "/{1a}",
            "/{a.b}",
            "/{a b}",
            "/{**a}",
            "/{{a}}",
            "/a\0",
            "/a\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
