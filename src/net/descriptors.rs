//! File descriptors: every connection takes one at the client's side and as a rule one at the upstream's.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process have as many as `connections` need, as far as it may, and says what is missing.
pub fn provide(connections: usize) {
    let needed = needed(connections);
    let limit = getrlimit(Resource::Nofile);
    let may_have = |most: Option<u64>| most.is_none_or(|most| most >= needed);
    if may_have(limit.current) {
        return;
    }
    // The hard limit is what an administrator allows; the soft one is low for programs that use `select`, as we do not.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let has = if raised.is_ok() { limit.maximum } else { limit.current };
    if !may_have(has) {
        tracing::warn!(
            needed,
            allowed = has,
            "`limits.connections` is more than there are file descriptors for: when they are used up, nobody is accepted. \
             Raise the limit (LimitNOFILE=, ulimit -n) or lower `limits.connections`"
        );
    }
}

fn needed(connections: usize) -> u64 {
    (connections as u64).saturating_mul(2).saturating_add(RESERVE)
}

/// Listeners, logs, the deny-list, what issuers are asked over, operators.
const RESERVE: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_connection_and_a_reserve_are_counted() {
        assert_eq!((needed(0), needed(20_000), needed(usize::MAX)), (1024, 41_024, u64::MAX));
    }
}
