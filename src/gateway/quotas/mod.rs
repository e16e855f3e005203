//! QUOTAS: whether so much may be asked for. Bounds by the network come before the token is looked at, all others once the
//! permit is there: what is refused for another reason takes nothing of them. The counts are in `state::limits`.

pub mod caller;
pub mod fields;
pub mod shares;

use super::reason::Reason;
use super::refusal::Refusal;
use crate::config::quotas::counting::Counting;
use crate::config::quotas::number::Number;
use crate::config::quotas::{self as settings, Frequency};
use crate::state::limits::window::Window;
use crate::state::limits::{self, Demand, Limit, Measure, Taken, WhenFull, Why, gcra::Rate};
use caller::{Caller, Consent, Presence};
use shares::{Owed, Share, Shares};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One quota, with what it has counted so far.
#[derive(Debug)]
pub struct Quota {
    /// What the configuration says of it.
    pub settings: settings::Quota,
    /// Its counts.
    pub counts: Arc<limits::Quota>,
    limit: Limit,
    overrides: HashMap<Box<str>, Limit>,
    when_full: WhenFull,
}

/// The quotas of one route, in the configuration's order.
#[derive(Debug, Default)]
pub struct Quotas {
    /// Before the token is looked at.
    pub strangers: Vec<Rule>,
    /// Once there is a permit.
    pub permitted: Vec<Rule>,
}

/// A quota on one route.
#[derive(Debug)]
pub struct Rule {
    quota: Arc<Quota>,
    /// The quota's place in the policy.
    place: usize,
    presence: Presence,
    consent: Consent,
    /// Of no other route.
    route: Box<[u8]>,
}

/// What one request took, and what its answer says of it.
#[derive(Debug, Default)]
pub struct Limited {
    taken: Taken,
    /// Whatever becomes of the request.
    kept: Taken,
    owed: Owed,
    told: SmallVec<[Told; 2]>,
}

/// How one quota stands.
#[derive(Debug)]
struct Told {
    place: usize,
    limit: Limit,
    left: u64,
    wait_us: u64,
}

impl Quota {
    /// With the counts of the one that had its name before, if it counts the same: other numbers are no reason to forget who
    /// called.
    pub fn new(settings: settings::Quota, old: Option<&Self>) -> Self {
        let kept = old.filter(|old| counts_alike(&old.settings, &settings)).map(|old| Arc::clone(&old.counts));
        let make = match settings.counting {
            Counting::Here => limits::Quota::new,
            Counting::Together => limits::Quota::everybodys,
        };
        let counts = kept.unwrap_or_else(|| Arc::new(make(measure(settings.number), settings.keys_max)));
        let overrides = settings.overrides.iter().flat_map(|one| one.clients.iter().map(|client| (client, one.number)));
        Self {
            counts,
            limit: limit(settings.number),
            overrides: overrides.map(|(client, number)| (client.clone(), limit(number))).collect(),
            when_full: match settings.when_full {
                settings::WhenFull::Refuse => WhenFull::Refuse,
                settings::WhenFull::Allow => WhenFull::Allow,
            },
            settings,
        }
    }
}

impl Quotas {
    /// Those that the route names, and those that hold everywhere.
    pub fn compile(route: &crate::config::routes::Route, all: &[Arc<Quota>]) -> Self {
        let mut quotas = Self::default();
        let holding = all.iter().enumerate().filter(|(place, quota)| quota.settings.holds_on(*place, route));
        for (place, quota) in holding {
            let rule = Rule {
                presence: Presence::compile(&quota.settings.customer, route.errors),
                consent: Consent::compile(&route.access),
                route: format!("{:?} {:?} {}", route.hosts, route.methods, route.path).into_bytes().into(),
                quota: Arc::clone(quota),
                place,
            };
            if quota.settings.is_for_everybody() { &mut quotas.strangers } else { &mut quotas.permitted }.push(rule);
        }
        quotas
    }
}

/// Takes what the request needs of each of these quotas, or nothing. Where it is refused, `limited` says by what. Gives what
/// other gateways count too, and are to be asked about.
pub fn take(
    rules: &[Rule],
    caller: &Caller<'_>,
    now_us: u64,
    limited: &mut Limited,
) -> Result<Option<Box<Shares>>, Refusal> {
    let of = |counting| rules.iter().filter(move |rule| rule.quota.settings.counting == counting);
    let here = of(Counting::Here);
    let demands: SmallVec<[_; 4]> = here.filter_map(|rule| Some((rule.place, rule.demand(caller)?))).collect();
    let taken = take_here(&demands, now_us, limited)?;
    let shares = |counting| of(counting).filter_map(|rule| rule.share(caller)).collect::<SmallVec<[_; 1]>>();
    let asked = shares(Counting::Together);
    if asked.is_empty() {
        limited.taken.join(taken);
        return Ok(None);
    }
    Ok(Some(Box::new(Shares { asked, taken, here: shares(Counting::Here) })))
}

fn take_here(demands: &[(usize, Demand<'_>)], now_us: u64, limited: &mut Limited) -> Result<Taken, Refusal> {
    match limits::take(demands.iter().map(|(_, demand)| *demand), now_us) {
        Ok(taken) => {
            for ((place, demand), standing) in demands.iter().zip(&taken.standings) {
                if let Some(standing) = standing {
                    limited.tell(*place, demand.limit, standing.left, standing.wait_us);
                }
            }
            Ok(taken)
        }
        Err(refused) => {
            limited.told.clear();
            let (place, demand) = demands.get(refused.place).ok_or(Reason::Internal)?;
            Err(match refused.why {
                Why::Spent { wait_us } => spent(limited, (*place, demand.limit), wait_us),
                Why::TooManyAtOnce => {
                    limited.tell(*place, demand.limit, 0, 0);
                    Refusal::unavailable(Reason::TooManyAtOnce, 1)
                }
                Why::Full => Refusal::unavailable(Reason::QuotasFull, 1),
            })
        }
    }
}

fn spent(limited: &mut Limited, (place, limit): (usize, Limit), wait_us: u64) -> Refusal {
    limited.tell(place, limit, 0, wait_us);
    Refusal::unavailable(Reason::QuotaSpent, fields::whole_seconds(wait_us))
}

impl Rule {
    /// What the caller takes of it; nothing where it does not count.
    fn demand(&self, caller: &Caller<'_>) -> Option<Demand<'_>> {
        if self.presence.is_there(caller) {
            return None;
        }
        let quota = &*self.quota;
        let limit = self.limit(caller);
        let key = caller.key(&quota.settings.per, (&quota.counts.keys, &self.route, &self.consent));
        let call = caller.call(&quota.settings.pages);
        Some(Demand { quota: &quota.counts, key, limit, call, when_full: quota.when_full })
    }

    /// The same, to be kept while others are asked.
    fn share(&self, caller: &Caller<'_>) -> Option<Share> {
        let Demand { quota, key, limit, call, when_full } = self.demand(caller)?;
        let (place, name) = (self.place, Arc::clone(&self.quota.settings.name));
        Some(Share { place, name, counts: Arc::clone(quota), key, limit, call, when_full })
    }

    fn limit(&self, caller: &Caller<'_>) -> Limit {
        let quota = &*self.quota;
        let own =
            if quota.overrides.is_empty() { None } else { caller.client().and_then(|id| quota.overrides.get(id)) };
        let limit = own.copied().unwrap_or(quota.limit);
        let Limit::Window(window) = limit else { return limit };
        Limit::Window(match (quota.settings.frequency, caller.frequency()) {
            (Frequency::Ignored, _) | (_, None) => window,
            (Frequency::Lowers, Some(calls)) => Window { calls: window.calls.min(calls), ..window },
            (Frequency::Replaces, Some(calls)) => Window { calls, ..window },
        })
    }
}

impl Limited {
    /// What was taken by now stays so: a flood is one, whatever it is answered.
    pub fn keep(&mut self) {
        self.kept.join(std::mem::take(&mut self.taken));
    }

    /// What the store may have counted of a call that was not let through.
    pub fn not_let_through(&mut self) -> Owed {
        std::mem::take(&mut self.owed)
    }

    /// The call came to nothing, and that was not its caller's fault: it is none. What counts requests at a time still does,
    /// until the answer has ended. Gives what the store is owed.
    pub fn came_to_nothing(&mut self) -> Owed {
        self.taken.give_back();
        self.told.clear();
        std::mem::take(&mut self.owed)
    }

    /// The place in the policy of what a refused request was refused by.
    pub fn refused_by(&self) -> Option<usize> {
        self.told.last().map(|told| told.place)
    }

    fn tell(&mut self, place: usize, limit: Limit, left: u64, wait_us: u64) {
        self.told.push(Told { place, limit, left, wait_us });
    }
}

/// Whether the counts of one are the counts of the other, however many it allows.
fn counts_alike(one: &settings::Quota, other: &settings::Quota) -> bool {
    let counts = |quota: &settings::Quota| (measure(quota.number), quota.keys_max);
    let (names, callers) = (one.name == other.name, one.per == other.per && one.counting == other.counting);
    names && callers && counts(one) == counts(other)
}

fn measure(number: Number) -> Measure {
    match number {
        Number::Rate { .. } => Measure::Rate,
        Number::Window { within, .. } => Measure::Window { within_us: micros(within) },
        Number::AtOnce(_) => Measure::AtOnce,
    }
}

fn limit(number: Number) -> Limit {
    match number {
        Number::Rate { calls, period, burst } => Limit::Rate(Rate::new(calls, micros(period), burst)),
        Number::Window { calls, within } => Limit::Window(Window { calls, within_us: micros(within) }),
        Number::AtOnce(most) => Limit::AtOnce(most),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
