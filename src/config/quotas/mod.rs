//! `quotas`: how often, how many within a time, how many at once; counted by whom, and where. `limits` are other bounds.

pub mod counting;
pub mod customer;
pub mod dimension;
pub mod number;

use crate::config::bounded::count;
use crate::config::bounds;
use crate::config::fault::{self, Problem};
use crate::config::issuers::Issuer;
use crate::config::names::Names;
use crate::config::reader::{Section, Value, distinct};
use crate::config::routes::{Access, Route};
use counting::Counting;
use customer::Customer;
use dimension::Dimension;
use number::{Number, Override};
use std::sync::Arc;

/// A bound on calls, with a name: in headers, logs and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Of no other quota.
    pub name: Arc<str>,
    /// Calls that have all of these in common are counted together; at least one.
    pub per: Vec<Dimension>,
    /// How much there may be.
    pub number: Number,
    /// How much there may be for some clients; the same kind of number.
    pub overrides: Vec<Override>,
    /// Where it holds.
    pub reach: Reach,
    /// Whether calls that a customer waits for are left out.
    pub customer: Customer,
    /// Parameters of a query by which a further page of an earlier one is known.
    pub pages: Vec<Box<str>>,
    /// What the consent's own number counts.
    pub frequency: Frequency,
    /// How many are counted at a time.
    pub keys_max: usize,
    /// What becomes of one more.
    pub when_full: WhenFull,
    /// Where it is counted.
    pub counting: Counting,
}

/// Where a quota holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On the routes that name it.
    Named,
    /// On every route that has what it counts by.
    All,
}

/// What the consent's own number counts, where its issuer names the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// Nothing.
    Ignored,
    /// It may lower the number.
    Lowers,
    /// It stands in place of the number.
    Replaces,
}

/// What becomes of a call that cannot be counted beside all the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It is let through uncounted.
    Allow,
}

impl Quota {
    /// Whether it holds on this route: by its place in `Settings::quotas`, or everywhere where it can be counted.
    pub fn holds_on(&self, place: usize, route: &Route) -> bool {
        let is_known = route.access != Access::Open || !self.needs_token();
        route.quotas.contains(&place) || (self.reach == Reach::All && is_known)
    }

    /// Whether it can be counted for requests without a token only.
    pub fn needs_token(&self) -> bool {
        self.per.iter().any(|dimension| dimension.is_of_token())
    }

    /// Whether it holds before a token is looked at: a bound on floods. Without the network such a bound would let
    /// strangers use up what others may.
    pub fn is_for_everybody(&self) -> bool {
        self.per.contains(&Dimension::Network) && !self.needs_token() && !self.per.contains(&Dimension::Organisation)
    }
}

/// What references to quotas call them.
pub(super) const NOUN: &str = "quota";

/// `quotas:`, with their names. `issuers` are those that could be read.
pub(super) fn read(root: &Section<'_>, issuers: Option<&[Issuer]>) -> (Names, Option<Vec<Quota>>) {
    let mut names = Names::new(NOUN);
    let Some(value) = root.find("quotas") else { return (names, Some(Vec::new())) };
    let Some(items) = value.list() else { return (Names::unreadable(NOUN), None) };
    let is_told = issuers.is_none_or(|issuers| issuers.iter().any(|issuer| issuer.claims.frequency.is_some()));
    let known = Known { is_told, has_store: root.find("state").is_some() };
    let quotas: Vec<_> = items.iter().map(|item| quota(item, &mut names, known)).collect();
    (names, quotas.into_iter().collect())
}

/// `routes[].quotas`: places in the list of quotas.
pub(super) fn of_route(section: &Section<'_>, (names, quotas): (&Names, Option<&[Quota]>)) -> Option<Vec<usize>> {
    let is_open = section.find("access").is_some();
    section.read_or("quotas", Vec::new(), |value| {
        distinct(value.one_or_list()?, |item| {
            let place = names.find(item)?;
            if is_open && quotas.and_then(|quotas| quotas.get(place)).is_some_and(Quota::needs_token) {
                let problem =
                    Problem::new("counts by what is in a token, and `access` lets everybody pass without one");
                item.refuse(problem.hint("name one that is `per: network`, or remove it"));
                return None;
            }
            Some(place)
        })
    })
}

/// A quota that bounds nothing is not what its author meant.
pub(super) fn check_used(root: &Section<'_>, quotas: Option<&[Quota]>, routes: Option<&[Route]>) {
    let (Some(quotas), Some(routes)) = (quotas, routes) else { return };
    let items = root.find("quotas").and_then(|value| value.list()).unwrap_or_default();
    for (place, (quota, item)) in quotas.iter().zip(items).enumerate() {
        if quota.reach == Reach::Named && !routes.iter().any(|route| route.quotas.contains(&place)) {
            let problem = Problem::new(format!("no route names the quota {}", fault::quoted(&quota.name)));
            item.refuse(problem.hint("put it under `quotas` of a route, or write `routes: all`"));
        }
    }
}

/// What else the configuration has.
#[derive(Clone, Copy)]
struct Known {
    /// An issuer says in which claim a consent has a number.
    is_told: bool,
    /// There is a `state`.
    has_store: bool,
}

fn quota(value: &Value<'_>, names: &mut Names, Known { is_told, has_store }: Known) -> Option<Quota> {
    let section = value.section(&KEYS);
    let name = names.add(section.as_ref().and_then(|section| section.need("name")));
    let section = section?;
    let per = section.need("per").and_then(|value| distinct(value.one_or_list()?, |item| item.parse(dimension::parse)));
    let number = number::read(&section);
    let overrides = section.read_or("overrides", Vec::new(), |value| {
        let items = value.list()?;
        items.iter().map(|item| number::read_override(item, number?)).collect::<Vec<_>>().into_iter().collect()
    });
    let reach = section.read_or("routes", Reach::Named, |value| {
        value.parse(|text| match text {
            "all" => Ok(Reach::All),
            _ => Err(Problem::new("is not `all`").hint("to hold on some, a quota is named under `quotas` of each")),
        })
    });
    let pages =
        section.read_or("pages", Vec::new(), |value| distinct(value.one_or_list()?, |item| item.parse(parameter)));
    let frequency = section.read_or("frequency", Frequency::Ignored, |value| value.parse(frequency));
    if let Some(value) = section.find("frequency").filter(|_| !is_told) {
        let problem = Problem::new("no issuer says in which claim a consent has a number");
        value.refuse(problem.hint("name it under `claims.frequency` of the issuer"));
    }
    let customer = customer::read(&section);
    let keys_max = count(&section, "keys", bounds::QUOTA_KEYS_MAX, bounds::QUOTA_KEYS_MOST);
    let when_full = section.read_or("when_full", WhenFull::Refuse, |value| value.parse(when_full));
    let counting = section.read_or("shared", Counting::Here, |value| counting::read(&value, has_store));
    let quota = Quota {
        name: name?,
        per: per?,
        number: number?,
        overrides: overrides?,
        reach: reach?,
        customer: customer?,
        pages: pages?,
        frequency: frequency?,
        keys_max: keys_max?,
        when_full: when_full?,
        counting: counting?,
    };
    check(&section, &quota);
    Some(quota)
}

/// What goes together.
fn check(section: &Section<'_>, quota: &Quota) {
    let refuse = |key: &str, problem: Problem| {
        if let Some(value) = section.find(key) {
            value.refuse(problem);
        }
    };
    if !matches!(quota.number, Number::Window { .. }) {
        for key in ["pages", "frequency"] {
            refuse(key, Problem::new("is for `calls` within a time only").hint("remove it"));
        }
    }
    if quota.counting == Counting::Together && (quota.is_for_everybody() || matches!(quota.number, Number::AtOnce(_))) {
        let problem =
            Problem::new("neither `at_once` nor a quota `per: network` is counted together with other gateways");
        refuse(
            "shared",
            problem.hint("remove it: each gateway counts these for itself, which a flood or a crash cannot upset"),
        );
    }
    if quota.is_for_everybody() {
        for key in ["unattended", "overrides", "frequency"] {
            let problem = Problem::new("a quota `per: network` holds before anybody knows who calls");
            refuse(key, problem.hint("add `client` to `per`, or remove the key"));
        }
    } else if !quota.needs_token() && !quota.per.contains(&Dimension::Organisation) {
        if quota.per.contains(&Dimension::Path) {
            let problem = Problem::new("anybody can think of more paths than can be counted");
            refuse("per", problem.hint("add `client` or `network` to `path`"));
        }
        let problem = Problem::new("several clients count together here, so none can have a number of its own");
        refuse("overrides", problem.hint("add `client` to `per`, or remove it"));
    }
}

fn frequency(text: &str) -> Result<Frequency, Problem> {
    match text {
        "lowers" => Ok(Frequency::Lowers),
        "replaces" => Ok(Frequency::Replaces),
        _ => Err(Problem::new("is neither `lowers` nor `replaces`")
            .hint("what the consent's own number does to `calls`; leave the key out and it does nothing")),
    }
}

fn when_full(text: &str) -> Result<WhenFull, Problem> {
    match text {
        "refuse" => Ok(WhenFull::Refuse),
        "allow" => Ok(WhenFull::Allow),
        _ => Err(Problem::new("is neither `refuse` nor `allow`")),
    }
}

/// It is compared with the query octet by octet, so one that would have to be encoded never stands there.
fn parameter(text: &str) -> Result<Box<str>, Problem> {
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
    if is_plain { Ok(text.into()) } else { Err(Problem::new("is not the name of a parameter that needs no encoding")) }
}

const KEYS: [&str; 16] = [
    "name",
    "per",
    "rate",
    "burst",
    "calls",
    "within",
    "at_once",
    "overrides",
    "routes",
    "unattended",
    "attended_by",
    "pages",
    "frequency",
    "keys",
    "when_full",
    "shared",
];
