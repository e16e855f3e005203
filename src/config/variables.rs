//! `${NAME}` in the strings of a configuration.

use super::fault::{self, Problem};
use std::borrow::Cow;

/// Replaces each `${NAME}`. There is no other syntax, no default and no nesting.
pub(super) fn expand<'t>(text: &'t str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Cow<'t, str>, Problem> {
    let Some((before, mut rest)) = text.split_once("${") else { return Ok(Cow::Borrowed(text)) };
    let mut value = before.to_owned();
    loop {
        let Some((name, after)) = rest.split_once('}') else {
            return Err(Problem::new("`${` without its `}`").hint("write ${NAME} for a variable of the environment"));
        };
        if !is_variable_name(name) {
            return Err(Problem::new(format!("{} cannot be the name of a variable", fault::quoted(name)))
                .hint("write ${NAME}: letters, digits and `_`, no digit first; there are no defaults"));
        }
        let Some(found) = environment(name) else {
            return Err(Problem::new(format!("the environment has no variable `{name}`"))
                .hint(format!("set {name} where scopegate is started")));
        };
        value.push_str(&found);
        let Some((before, next)) = after.split_once("${") else {
            value.push_str(after);
            return Ok(Cow::Owned(value));
        };
        value.push_str(before);
        rest = next;
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_nothing_else() {
        let environment = |name: &str| (name == "KEY").then(|| "s3cret".to_owned());
        for (text, expected) in [
            ("plain", Some("plain")),
            ("$KEY", Some("$KEY")),
            ("${KEY}", Some("s3cret")),
            ("a${KEY}b${KEY}c", Some("as3cretbs3cretc")),
            ("${KEY", None),
            ("${}", None),
            ("${NONE}", None),
            ("${KEY:-x}", None),
            ("${1}", None),
        ] {
            assert_eq!(expand(text, &environment).ok().as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_value_of_the_environment_is_not_expanded_again() {
        let environment = |_: &str| Some("${KEY}".to_owned());
        assert_eq!(expand("${KEY}", &environment).unwrap(), "${KEY}");
    }
}
