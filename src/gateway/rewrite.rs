//! REWRITE: the path as the upstream knows it. Rules are decided on the path that was asked for; only what goes on has
//! another beginning, and what is said of it to the upstream is said of what goes on. Nothing is looked up, decoded or cut:
//! one checked beginning stands in place of another, and the whole is checked again (Traefik CVE-2026-48020).

use super::policy::Route;
use super::read::{self, Head};
use super::reason::Reason;
use super::refusal::Refusal;
use std::borrow::Cow;

/// Path and query of a request on its way. Made only by `target`.
#[derive(Debug)]
pub struct Target<'a> {
    text: Cow<'a, str>,
    path_bytes: usize,
}

impl Target<'_> {
    /// Path and query, as they stand in a request line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.text.get(..self.path_bytes).unwrap_or_default()
    }
}

/// What of `head` goes on to the upstream of `route`: itself, but for the beginning that the route replaces. A path that does
/// not have it, or would have two readings after, is a fault of ours, and goes nowhere.
pub fn target<'a>(route: &Route, head: &'a Head) -> Result<Target<'a>, Refusal> {
    let (whole, path) = (head.target(), head.path());
    match &route.rewrite {
        None => Ok(Target { text: Cow::Borrowed(whole), path_bytes: path.len() }),
        Some(rewrite) => {
            let path = rewrite.of(path).filter(|path| read::is_canonical(path.as_bytes())).ok_or(Reason::Internal)?;
            let (path_bytes, query) = (path.len(), whole.get(head.path().len()..).unwrap_or_default());
            Ok(Target { text: Cow::Owned(path + query), path_bytes })
        }
    }
}
