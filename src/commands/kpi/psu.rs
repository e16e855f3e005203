//! What the bank itself says of its interfaces for customers, to be published beside the one for third parties: a CSV file
//! `date,interface,uptime_percent,response_ms,error_percent`, values that are not known left empty.

use super::bounds::{INTERFACES_MAX, PSU_BYTES_MAX};
use super::days::Day;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// All that a file says.
#[derive(Debug, Default)]
pub(super) struct Psu {
    /// In alphabetical order.
    pub(super) interfaces: Vec<String>,
    /// By day and interface.
    values: BTreeMap<(String, String), Values>,
}

/// Uptime in percent, response in milliseconds, errors in percent: as they were written, once they were read as numbers.
pub(super) type Values = [Option<String>; VALUES.len()];

/// The names of the columns.
pub(super) const VALUES: [&str; 3] = ["uptime_percent", "response_ms", "error_percent"];

impl Psu {
    /// Reads a file; days outside of the period are left out.
    pub(super) fn load(path: &Path, days: &[Day]) -> Result<Self, String> {
        let mut text = String::new();
        let bounded = File::open(path).and_then(|file| file.take(PSU_BYTES_MAX + 1).read_to_string(&mut text));
        let at = path.display();
        bounded.map_err(|fault| format!("cannot read {at}: {fault}"))?;
        if text.len() as u64 > PSU_BYTES_MAX {
            return Err(format!("{at} is longer than {PSU_BYTES_MAX} bytes"));
        }
        Self::parse(&text, days).map_err(|(line, why)| format!("{at}:{line}: {why}"))
    }

    fn parse(text: &str, days: &[Day]) -> Result<Self, (usize, String)> {
        let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
        let header = format!("date,interface,{}", VALUES.join(","));
        if lines.next().is_none_or(|(_, line)| line.trim_end() != header) {
            return Err((1, format!("the first line must be {header}")));
        }
        let mut psu = Self::default();
        let mut interfaces = BTreeSet::new();
        for (number, line) in lines.map(|(place, line)| (place + 1, line.trim_end())) {
            if line.is_empty() {
                continue;
            }
            let wrong = |why: String| (number, why);
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let [date, interface, values @ ..] = cells.as_slice() else {
                return Err(wrong("too few columns".to_owned()));
            };
            let values: [&str; VALUES.len()] =
                values.try_into().map_err(|_| wrong(format!("{} columns are needed", VALUES.len() + 2)))?;
            if interface.is_empty() || interface.chars().any(|c| c == '"' || c.is_control()) {
                return Err(wrong("an interface has a name, without quotes".to_owned()));
            }
            date.parse::<jiff::civil::Date>().map_err(|_| wrong(format!("{date:?} is not a day")))?;
            let mut read = Values::default();
            for ((place, value), name) in read.iter_mut().zip(values).zip(VALUES) {
                *place = number_in(value, name).map_err(wrong)?;
            }
            interfaces.insert((*interface).to_owned());
            if interfaces.len() > INTERFACES_MAX {
                return Err(wrong(format!("there may be {INTERFACES_MAX} interfaces")));
            }
            let is_in_period = days.iter().any(|day| day.date == *date);
            let key = ((*date).to_owned(), (*interface).to_owned());
            if is_in_period && psu.values.insert(key, read).is_some() {
                return Err(wrong(format!("{interface} has two lines for {date}")));
            }
        }
        psu.interfaces = interfaces.into_iter().collect();
        Ok(psu)
    }

    /// What is said of an interface on a day.
    pub(super) fn values(&self, date: &str, interface: &str) -> Values {
        self.values.get(&(date.to_owned(), interface.to_owned())).cloned().unwrap_or_default()
    }
}

/// A number as it was written, or nothing.
fn number_in(text: &str, name: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let most = if name.ends_with("_percent") { 100.0 } else { f64::MAX };
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match text.parse::<f64>() {
        Ok(number) if is_plain && number <= most => Ok(Some(text.to_owned())),
        Ok(_) | Err(_) => Err(format!("{text:?} is no {name}; write 99.95, or nothing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::kpi::days::days;

    const HEADER: &str = "date,interface,uptime_percent,response_ms,error_percent\n";

    fn parse(rows: &str) -> Result<Psu, (usize, String)> {
        Psu::parse(&format!("{HEADER}{rows}"), &days("2026-07-01", "2026-07-02", "UTC").unwrap())
    }

    #[test]
    fn values_are_kept_as_they_were_written() {
        let psu =
            parse("2026-07-01,Mobile app,99.950,310,0.01\r\n2026-07-02,Online banking,100,,\n\n2026-08-01,Old,1,1,1\n");
        let psu = psu.unwrap();
        assert_eq!(psu.interfaces, ["Mobile app", "Old", "Online banking"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(psu.values("2026-07-01", "Mobile app"), [text("99.950"), text("310"), text("0.01")]);
        assert_eq!(psu.values("2026-07-02", "Online banking"), [text("100"), None, None]);
        assert_eq!(psu.values("2026-07-01", "Online banking"), [None, None, None]);
    }

    #[test]
    fn what_cannot_be_published_is_refused_with_its_line() {
        for (rows, line, said) in [
            ("2026-07-01,a\n", 2, "5 columns are needed"),
            ("2026-07-01\n", 2, "too few columns"),
            ("2026-07-01,a,1,1,1,1\n", 2, "5 columns are needed"),
            ("1.7.2026,a,1,1,1\n", 2, "\"1.7.2026\" is not a day"),
            ("2026-07-01,,1,1,1\n", 2, "an interface has a name, without quotes"),
            ("2026-07-01,\"a\",1,1,1\n", 2, "an interface has a name, without quotes"),
            ("2026-07-01,a,100.1,1,1\n", 2, "\"100.1\" is no uptime_percent; write 99.95, or nothing"),
            ("2026-07-01,a,NaN,1,1\n", 2, "\"NaN\" is no uptime_percent; write 99.95, or nothing"),
            ("2026-07-01,a,1,-1,1\n", 2, "\"-1\" is no response_ms; write 99.95, or nothing"),
            ("2026-07-01,a,1,1,1e1\n", 2, "\"1e1\" is no error_percent; write 99.95, or nothing"),
            ("2026-07-01,a,1,1,1\n2026-07-01,a,1,1,1\n", 3, "a has two lines for 2026-07-01"),
        ] {
            assert_eq!(parse(rows).unwrap_err(), (line, said.to_owned()));
        }
        assert!(Psu::parse("day,interface\n", &[]).is_err());
        let rows = |count: usize| (0..count).map(|n| format!("2026-07-01,i{n},1,1,1\n")).collect::<Vec<_>>().concat();
        assert!(parse(&rows(INTERFACES_MAX)).is_ok());
        assert_eq!(parse(&rows(INTERFACES_MAX + 1)).unwrap_err().0, INTERFACES_MAX + 2);
    }
}
