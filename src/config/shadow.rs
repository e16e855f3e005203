//! `shadow`: rules that are held against live traffic beside those in force, and never enforced: those of one route, or a
//! whole candidate configuration.

use super::fault::Problem;
use super::files::Files;
use super::reader::{Section, Value};
use super::{Settings, bounds, demands, file};

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// What is to be in force.
    Main,
    /// What might be, and is held against live traffic.
    Candidate,
}

/// `shadow: { config: FILE }`: the candidate, checked like any configuration. All its faults are this one's.
pub(super) fn read(value: &Value<'_>, root: &Section<'_>) -> Option<Box<Settings>> {
    refuse_nesting(value)?;
    let section = value.section(&["config"])?;
    let routes = root.find("routes").and_then(|routes| routes.list_or_empty()).unwrap_or_default();
    if let Some(route) = routes.iter().find(|route| route.has("shadow")) {
        let problem = Problem::new("stands beside a whole candidate configuration");
        route.refuse(problem.hint("one candidate at a time: put this route's rules into the candidate"));
    }
    let file = section.need("config")?;
    let (path, bytes) = file::read(&file, bounds::CONFIG_BYTES_MAX)?;
    let Ok(text) = String::from_utf8(bytes) else {
        file.refuse(Problem::new("the candidate is not UTF-8 text"));
        return None;
    };
    // Its faults are noted with their own places, and what it names is read in the same environment.
    let (context, mut files, nothing) = (file.context, Files::default(), |_: &str| None);
    let environment = context.environment.unwrap_or(&nothing);
    let candidate = super::read(&text, &path, environment, Role::Candidate, &mut files);
    context.files.borrow_mut().extend(files);
    candidate.map_err(|faults| context.faults.borrow_mut().extend(faults.iter().cloned())).ok().map(Box::new)
}

/// `routes[].shadow`: the keys that say who may pass, as the route has them.
pub(super) fn of_route<'c>(value: &Value<'c>) -> Option<Section<'c>> {
    refuse_nesting(value)?;
    value.section(&[&["access"][..], &demands::KEYS].concat())
}

/// Else a file that names itself would never be read to its end.
fn refuse_nesting(value: &Value<'_>) -> Option<()> {
    if value.context.role == Role::Candidate {
        value.refuse(Problem::new("a candidate has no candidate of its own").hint("remove it from this file"));
        return None;
    }
    Some(())
}
