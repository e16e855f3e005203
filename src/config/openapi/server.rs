//! Where an API's paths begin: the path of its `servers` (OpenAPI 3), its `basePath` (Swagger 2.0).

use super::Complaint;
use super::document::Version;
use crate::config::fault::{self, Problem};
use crate::config::reader::Value;
use crate::config::rewrite;

/// What stands before the path of an operation; empty for the root. Of `places` that may name servers the nearest is the
/// first, the document itself the last.
pub(super) fn base_path<'d>(version: Version, places: &[&Value<'d>]) -> Result<Box<str>, Complaint<'d>> {
    match version {
        Version::Swagger2 => match places.last().and_then(|root| root.get("basePath")) {
            Some(value) => path(&value, value.shown().unwrap_or_default()),
            None => Ok("".into()),
        },
        Version::OpenApi3 => match places.iter().find_map(|place| place.get("servers")) {
            Some(servers) => common(&servers),
            None => Ok("".into()),
        },
    }
}

/// The path that all of these servers have.
fn common<'d>(servers: &Value<'d>) -> Result<Box<str>, Complaint<'d>> {
    let Some(items) = servers.items() else {
        return Err(Complaint::at(servers, Problem::new("is no list").hint(HINT)));
    };
    let mut first: Option<Box<str>> = None;
    for item in items {
        let url = item.get("url").unwrap_or(item);
        let found = path(&url, path_of(url.shown().unwrap_or_default()))?;
        if let Some(first) = first.as_ref().filter(|first| **first != found) {
            let (one, two) = (fault::quoted(first), fault::quoted(&found));
            let problem = Problem::new(format!("servers have different paths: {one} and {two}"));
            return Err(Complaint::at(&url, problem.hint(HINT)));
        }
        first = Some(found);
    }
    // OpenAPI 3.0 §4.7.1: an empty list stands for one server, `/`.
    Ok(first.unwrap_or_default())
}

/// What is behind the authority of a URL, or the URL itself where it has none.
fn path_of(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest,
        None => match url.strip_prefix("//") {
            Some(rest) => rest,
            None => return url,
        },
    };
    rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// A path without its last slash, if every request that it is meant for begins with exactly this.
fn path<'d>(at: &Value<'d>, text: &str) -> Result<Box<str>, Complaint<'d>> {
    let complaint = |problem: Problem| Complaint::at(at, problem.hint(HINT));
    if text.contains('{') {
        return Err(complaint(Problem::new(format!("the path {} has a variable", fault::quoted(text)))));
    }
    if !text.starts_with('/') {
        let what = format!("{} is no path that begins with `/`", fault::quoted(text));
        return Err(complaint(Problem::new(what)));
    }
    let bare = text.strip_suffix('/').filter(|bare| !bare.is_empty()).unwrap_or(text);
    rewrite::prefix(bare)
        .map_err(|problem| complaint(Problem::new(format!("the path {} {}", fault::quoted(text), problem.what))))
}

const HINT: &str = "say where the API's paths begin: `base_path: /…` beside `openapi` in the configuration";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_what_is_behind_the_authority() {
        for (url, path) in [
            ("https://api.example/v1", "/v1"),
            ("https://api.example", "/"),
            ("https://api.example/", "/"),
            ("https://{region}.example:{port}/v1", "/v1"),
            ("https://api.example?x", "?x"),
            ("//api.example/v1/", "/v1/"),
            ("/v1", "/v1"),
            ("/", "/"),
            ("v1", "v1"),
            ("", ""),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
