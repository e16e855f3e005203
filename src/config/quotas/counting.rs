//! `quotas[].shared`: whether a quota has one number for all gateways, or one for each.

use crate::config::fault::Problem;
use crate::config::reader::Value;

/// Where calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// By each gateway for itself.
    Here,
    /// By all that share a store.
    Together,
}

pub(super) fn read(value: &Value<'_>, has_store: bool) -> Option<Counting> {
    let is_shared = value.truth()?;
    if is_shared && !has_store {
        let problem = Problem::new("there is no store in which gateways could count together");
        value.refuse(problem.hint("add the section `state`, or remove the key"));
    }
    Some(if is_shared { Counting::Together } else { Counting::Here })
}
