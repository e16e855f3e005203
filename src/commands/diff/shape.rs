//! Path templates without the names of their parameters: what two of them have in common, and paths that stand for all of one.

/// The segments of a template, each parameter [`PARAMETER`] and a remainder [`REST`].
pub(super) type Shape<'t> = Vec<&'t str>;

pub(super) fn of(template: &str) -> Shape<'_> {
    let nameless = |segment| match kind(segment) {
        Kind::Literal => segment,
        Kind::Parameter => PARAMETER,
        Kind::Rest => REST,
    };
    segments(template).map(nameless).collect()
}

pub(super) fn segments(template: &str) -> impl Iterator<Item = &str> {
    template.strip_prefix('/').unwrap_or(template).split('/')
}

/// The template of what both take: a literal is more exact than a parameter, a remainder is whatever the other has. Of two names
/// it has the first one's.
pub(super) fn common<'t>(one: &[&'t str], other: &[&'t str]) -> Option<Shape<'t>> {
    let (mut one, mut other) = (one, other);
    let mut both = Vec::new();
    loop {
        match (one, other) {
            ([], []) => return Some(both),
            // A remainder is not empty.
            ([rest], [] | [""]) | ([] | [""], [rest]) if kind(rest) == Kind::Rest => return None,
            ([rest], others) | (others, [rest]) if kind(rest) == Kind::Rest => {
                both.extend(others);
                return Some(both);
            }
            ([first, rest @ ..], [second, others @ ..]) => {
                both.push(segment(first, second)?);
                (one, other) = (rest, others);
            }
            ([], _) | (_, []) => return None,
        }
    }
}

fn segment<'t>(one: &'t str, other: &'t str) -> Option<&'t str> {
    match (kind(one), kind(other)) {
        (Kind::Literal, Kind::Literal) => (one == other).then_some(one),
        // A parameter stands for at least one character.
        (Kind::Literal, _) => (!one.is_empty()).then_some(one),
        (_, Kind::Literal) => (!other.is_empty()).then_some(other),
        (_, _) => Some(one),
    }
}

/// Paths that this template takes and none that is more exact, for no literal segment can be `{}`: where it has a remainder, one
/// of each length up to what is deeper than all templates of `depth` segments, with and without a slash at the end.
pub(super) fn samples(shape: &[&str], depth: usize) -> Vec<String> {
    match shape {
        [before @ .., rest] if kind(rest) == Kind::Rest => {
            let beginning = before.iter().fold(String::new(), |path, segment| format!("{path}/{segment}"));
            // The deepest first: that one is least likely another route's.
            let lengths = (1..=depth + 1).rev();
            lengths
                .map(|length| format!("{beginning}{}", format!("/{PARAMETER}").repeat(length)))
                .flat_map(|path| [path.clone(), path + "/"])
                .collect()
        }
        whole => vec![format!("/{}", whole.join("/"))],
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Literal,
    Parameter,
    Rest,
}

fn kind(segment: &str) -> Kind {
    match segment.as_bytes() {
        [b'{', b'*', ..] => Kind::Rest,
        [b'{', ..] => Kind::Parameter,
        _ => Kind::Literal,
    }
}

const PARAMETER: &str = "{}";
const REST: &str = "{*}";
