//! Which requests a route takes: path, methods, hosts. No two routes may take the same request.

use super::fault::Problem;
use super::reader::{Section, Value, distinct};
use super::template::{self, Template};
use super::{address, resources};
use http::Method;

/// Which requests a route takes.
pub(super) struct Matcher<'c> {
    /// Where its path stands.
    pub(super) path: Value<'c>,
    pub(super) template: Template,
    pub(super) methods: Vec<Method>,
    pub(super) hosts: Vec<Box<str>>,
}

pub(super) fn read<'c>(section: &Section<'c>, has_metadata: bool) -> Option<Matcher<'c>> {
    let path = section.need("path");
    let template = path.as_ref().and_then(|value| value.parse(template::parse));
    if let (Some(value), Some(template)) = (&path, &template)
        && has_metadata
        && resources::is_reserved(&template.text)
    {
        let problem = Problem::new("the gateway itself answers there, with the metadata of `resources`");
        value.refuse(problem.hint("remove the route"));
    }
    let methods = section.need("methods").and_then(|value| distinct(value.list()?, |item| item.parse(method)));
    let hosts = hosts(section);
    Some(Matcher { path: path?, template: template?, methods: methods?, hosts: hosts? })
}

/// Lower-case names; empty: every host.
pub(super) fn hosts(section: &Section<'_>) -> Option<Vec<Box<str>>> {
    section.read_or("hosts", Vec::new(), |value| distinct(value.list()?, |item| item.parse(host)))
}

/// Which of two such routes answers would depend on their order, and so would who may pass.
pub(super) fn refuse_overlap(matcher: &Matcher<'_>, alike: &[Matcher<'_>]) {
    let every_host = |one: &Matcher<'_>| one.hosts.is_empty();
    let Some(other) = alike.iter().find(|other| {
        matcher.methods.iter().any(|method| other.methods.contains(method))
            && (every_host(matcher) || every_host(other) || matcher.hosts.iter().any(|host| other.hosts.contains(host)))
    }) else {
        return;
    };
    let both: Vec<&str> =
        matcher.methods.iter().filter(|method| other.methods.contains(method)).map(Method::as_str).collect();
    let problem = Problem::new(format!(
        "takes the same {} requests as {} in {}",
        both.join(", "),
        other.path.path(),
        other.path.line_seen_from(&matcher.path)
    ));
    matcher.path.refuse(problem.hint("join the two, or tell them apart by `methods` or `hosts`"));
}

/// An RFC 9110 §9.1 method. Methods are case-sensitive, and no server knows `get`.
fn method(text: &str) -> Result<Method, Problem> {
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| Problem::new("is not a method"))?;
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "CONNECT" => Err(Problem::new("asks for a tunnel, past every check").hint("remove it")),
        "TRACE" => Err(Problem::new("would send a client's token back to it").hint("remove it")),
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" if upper != text => {
            Err(Problem::new("is not a registered method").hint(format!("did you mean `{upper}`?")))
        }
        _ => Ok(method),
    }
}

fn host(text: &str) -> Result<Box<str>, Problem> {
    let host = text.to_ascii_lowercase();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = bare.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    if is_address || address::is_name(&host) {
        return Ok(host.into());
    }
    Err(Problem::new("is not a host").hint("a name without scheme, port, path or final dot: api.bank.example"))
}
