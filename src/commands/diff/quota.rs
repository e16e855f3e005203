//! Compares what bounds the calls of two routes: quotas that they name, and those that hold everywhere.

use super::change::{Changes, Turn};
use super::route::Placed;
use crate::config::quotas::counting::Counting;
use crate::config::quotas::customer::Customer;
use crate::config::quotas::number::Number;
use crate::config::quotas::{Quota, Reach, WhenFull};
use crate::config::routes::Access;
use std::time::Duration;

/// Each quota more, and fewer calls pass.
pub(super) fn compare(changes: &mut Changes, old: Placed<'_>, new: Placed<'_>) {
    let (old, new) = (bounding(old), bounding(new));
    let names = |quotas: &[&Quota]| quotas.iter().map(|quota| quota.name.clone()).collect::<Vec<_>>();
    changes.all_of("quotas", &names(&old), &names(&new));
    for old in old {
        if let Some(new) = new.iter().find(|new| new.name == old.name) {
            changes.found.extend(of_one(old, new).found);
        }
    }
}

/// The quotas by which the route's calls are counted.
fn bounding(Placed { settings, route }: Placed<'_>) -> Vec<&Quota> {
    let is_open = matches!(route.access, Access::Open);
    let holds = |(place, quota): &(usize, &Quota)| match quota.reach {
        Reach::Named => route.quotas.contains(place),
        Reach::All => route.quotas.contains(place) || !(is_open && quota.needs_token()),
    };
    settings.quotas.iter().enumerate().filter(holds).map(|(_, quota)| quota).collect()
}

fn of_one(old: &Quota, new: &Quota) -> Changes {
    // `name` is what both were found by, and where one holds was asked before.
    let Quota { name, per, number, overrides, reach: _, customer, pages, frequency, keys_max, when_full, counting } =
        old;
    let mut changes = Changes::of(&format!("quota {name}: "));
    changes.other("per", per, &new.per);
    numbers(&mut changes, number, &new.number);
    changes.unshown("overrides", overrides, &new.overrides, Turn::Different);
    customers(&mut changes, customer, &new.customer);
    // Further pages are no calls.
    changes.accepts("pages", pages, &new.pages);
    changes.other("frequency", frequency, &new.frequency);
    changes.beside("keys", keys_max, &new.keys_max);
    let allows = |when: WhenFull| match when {
        WhenFull::Refuse => false,
        WhenFull::Allow => true,
    };
    changes.bound("allowed when full", &allows(*when_full), &allows(new.when_full));
    // Gateways that count for themselves let through as many calls each.
    let are_together = |counting: Counting| match counting {
        Counting::Here => false,
        Counting::Together => true,
    };
    changes.demand("shared", &are_together(*counting), &are_together(new.counting));
    changes
}

fn numbers(changes: &mut Changes, old: &Number, new: &Number) {
    match (*old, *new) {
        (Number::Rate { calls, period, burst }, Number::Rate { calls: then, period: after, burst: most }) => {
            // Of two fractions the greater, without dividing.
            let speed = |calls: u64, by: Duration| u128::from(calls) * by.as_nanos();
            let (slow, fast) = (speed(calls, after), speed(then, period));
            let turn = super::change::turn(fast >= slow, fast <= slow);
            if let Some(turn) = turn {
                changes.note("rate", (format!("{calls}/{period:?}"), format!("{then}/{after:?}")), turn);
            }
            changes.bound("burst", &burst, &most);
        }
        (Number::Window { calls, within }, Number::Window { calls: then, within: after }) => {
            changes.bound("calls", &calls, &then);
            changes.demand("within", &within, &after);
        }
        (Number::AtOnce(old), Number::AtOnce(new)) => changes.bound("at_once", &old, &new),
        (Number::Rate { .. } | Number::Window { .. } | Number::AtOnce(_), _) => changes.other("number", old, new),
    }
}

fn customers(changes: &mut Changes, old: &Customer, new: &Customer) {
    let leaves_out = |customer: &Customer| match customer {
        Customer::Counted => false,
        Customer::NotCounted | Customer::NotCountedWith(_) => true,
    };
    match (leaves_out(old), leaves_out(new)) {
        (true, true) => changes.other("customer", old, new),
        (before, after) => changes.bound("calls of present customers left out", &before, &after),
    }
}
