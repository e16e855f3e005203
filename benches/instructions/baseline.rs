//! The baseline: a file that people read, and that is committed with the change that moved it. And what a count is beside it.

use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;

/// What was counted, and with what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub(crate) date: String,
    pub(crate) environment: Environment,
    pub(crate) counts: Counts,
}

/// What counts depend on beside the code. Where it differs nothing is shown by comparing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The compiler of the gateway.
    pub(crate) rustc: String,
    /// The CPU as valgrind shows it: cryptography, memchr and the C library choose their code by that.
    pub(crate) cpu: String,
    /// Its memcpy and memcmp.
    pub(crate) libc: String,
    pub(crate) valgrind: String,
}

/// Instructions per request, by scenario, in the order of counting.
pub(crate) type Counts = Vec<(String, u64)>;

/// A count beside that of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Above,
    Within,
    /// So much better that the baseline holds nobody to it.
    Below,
}

impl Baseline {
    /// `None` where there is none yet.
    pub(crate) fn read() -> anyhow::Result<Option<Self>> {
        match fs::read_to_string(FILE) {
            Ok(text) => Ok(Some(Self::parse(&text).context(FILE)?)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault).context(FILE),
        }
    }

    pub(crate) fn write(&self) -> anyhow::Result<()> {
        fs::write(FILE, self.text()).context(FILE)
    }

    pub(crate) fn text(&self) -> String {
        let Self { date, environment: Environment { rustc, cpu, libc, valgrind }, counts } = self;
        let mut text =
            format!("{HEADER}\ndate: {date}\nrustc: {rustc}\ncpu: {cpu}\nlibc: {libc}\nvalgrind: {valgrind}\n\n");
        for (name, count) in counts {
            writeln!(text, "{:16}{count:>10}", format!("{name}:")).unwrap();
        }
        text
    }

    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let (mut known, mut counts) = (BTreeMap::new(), Counts::new());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some((name, value)) = line.split_once(':') else { bail!("not `NAME: VALUE`: {line}") };
            let value = value.trim();
            if KNOWN.contains(&name) {
                known.insert(name, value.to_owned());
            } else {
                counts.push((name.to_owned(), value.parse().with_context(|| format!("not a count: {line}"))?));
            }
        }
        let mut take = |name: &str| known.remove(name).with_context(|| format!("no `{name}`"));
        let environment =
            Environment { rustc: take("rustc")?, cpu: take("cpu")?, libc: take("libc")?, valgrind: take("valgrind")? };
        Ok(Self { date: take("date")?, environment, counts })
    }
}

impl Change {
    pub(crate) fn new(before: u64, now: u64) -> Self {
        if 100 * now > (100 + TOLERANCE_PERCENT) * before {
            Self::Above
        } else if 100 * now < (100 - TOLERANCE_PERCENT) * before {
            Self::Below
        } else {
            Self::Within
        }
    }
}

/// The count of this scenario.
pub(crate) fn find(counts: &Counts, name: &str) -> Option<u64> {
    counts.iter().find_map(|(one, count)| (one == name).then_some(*count))
}

pub(crate) const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.baseline");
/// Runs of the same binary differ by a tenth of this.
pub(crate) const TOLERANCE_PERCENT: u64 = 2;
const HEADER: &str =
    "# Instructions per request, outside the kernel. Written by `cargo bench --bench instructions -- --record`;
# benches/README.md says when.
";
const KNOWN: [&str; 5] = ["date", "rustc", "cpu", "libc", "valgrind"];
