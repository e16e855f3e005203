//! Whole reports out of logs that are written for them: the rule about downtime by replay, sums by hand, and logs that are not
//! what they should be.

use super::days::{Day, days};
use super::line::{Event, Reply, read};
use super::reading::{Reading, Tally};
use super::*;
use crate::config::service::Service;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

const DAY: &str = "2026-07-01";
/// Its midnight in UTC.
const MIDNIGHT_MS: u64 = 1_782_864_000_000;
const HOUR_MS: u64 = 3_600_000;
/// What is said where the logs are of the first day alone.
const SECOND_DAY: &str = "note: no line is of 2026-07-02: the uptime is not known; is a log missing?\n";

/// A line of a request for accounts that was received `at_ms` after midnight and took so long.
fn line(at_ms: u64, status: u16, took_ms: u64, more: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(MIDNIGHT_MS + at_ms).unwrap()).unwrap();
    format!(
        "{{\"time\":\"{time:.3}\",\"id\":\"x\",\"client\":\"127.0.0.1\",\"method\":\"GET\",\"path\":\"/accounts\",\"route\":\"/accounts\",\
         \"service\":\"ais\",\"status\":{status}{more},\"duration_us\":{},\"bytes\":1000}}\n",
        took_ms * 1000
    )
}

/// One request a second, from a time on: `.` is replied to, `x` fails, `t` takes too long, `4` is refused for what the client did.
fn requests(from_ms: u64, pattern: &str) -> String {
    let one = |(second, what): (usize, u8)| {
        let at_ms = from_ms + second as u64 * 1000;
        match what {
            b'x' => line(at_ms, 504, 10, ",\"reason\":\"upstream_late\""),
            b'5' => line(at_ms, 500, 10, ""),
            b't' => line(at_ms, 200, 30_001, ""),
            b'4' => line(at_ms, 401, 1, ",\"reason\":\"token_expired\""),
            _ => line(at_ms, 200, 10, ""),
        }
    };
    pattern.bytes().enumerate().map(one).collect()
}

/// A folder with logs, and what is asked of them.
struct Logs {
    folder: TempDir,
    wish: KpiArgs,
}

impl Logs {
    fn of(texts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = texts.iter().enumerate().map(|(number, text)| {
            let path = folder.path().join(format!("access.log.{number}"));
            std::fs::write(&path, text).unwrap();
            path
        });
        let wish = KpiArgs {
            from: DAY.to_owned(),
            to: "2026-07-02".to_owned(),
            log: log.collect(),
            zone: "UTC".to_owned(),
            format: KpiFormat::Csv,
            config: None,
            psu: None,
            benchmarks: false,
            require: false,
        };
        Self { folder, wish }
    }

    /// The exit code, the report and the notes.
    fn run(&self) -> (ExitCode, String, String) {
        let (mut output, mut notes) = (Vec::new(), Vec::new());
        // A week later.
        let clock = Clock::manual(i64::try_from(MIDNIGHT_MS / 1000).unwrap() + 7 * 86_400);
        let code = run(&self.wish, &clock, (&mut output, &mut notes)).unwrap();
        (code, String::from_utf8(output).unwrap(), String::from_utf8(notes).unwrap())
    }

    fn file(&mut self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Seconds down of the interface on both days.
fn down(log: &str) -> [u64; 2] {
    let (_, report, _) = Logs::of(&[log]).run();
    let column = |line: &str| match line.split(',').nth(5).unwrap() {
        // Of a day without a line nothing is said.
        "" => 0,
        seconds => seconds.strip_suffix(".000").unwrap().parse().unwrap(),
    };
    let of = |date: &str| column(report.lines().find(|line| line.starts_with(&format!("{date},all,"))).unwrap());
    [of(DAY), of("2026-07-02")]
}

/// KPI-3, RTS-8.
#[test]
fn downtime_begins_with_the_first_of_five_and_ends_with_the_next_reply() {
    let noon = 12 * HOUR_MS;
    for (pattern, seconds) in [
        ("....", 0),
        (".xxxx.", 0),
        (".xxxxx.", 5),
        (".xxxxxxx.", 7),
        ("xxxx.xxxx.", 0),
        ("xx5tx.", 5),
        ("ttttt.", 5),
        // What a client did wrong neither ends a row nor is part of it.
        ("xxx44x.", 0),
        ("xxx44xx.", 7),
        ("44444.", 0),
    ] {
        assert_eq!(down(&requests(noon, pattern)), [seconds, 0], "{pattern}");
    }
}

#[test]
fn downtime_across_midnight_is_split() {
    let before = 24 * HOUR_MS - 3000;
    assert_eq!(down(&requests(before, "xxxxxxxxx.")), [3, 6]);
    // Four before midnight and one after it.
    assert_eq!(down(&requests(24 * HOUR_MS - 4000, "xxxxx.")), [4, 1]);
    // Nobody came for a day.
    let log = requests(HOUR_MS, "xxxxx") + &requests(47 * HOUR_MS, ".");
    assert_eq!(down(&log), [23 * 3600, 23 * 3600]);
}

/// What is down at the end of the logs is down until the end of the period.
#[test]
fn downtime_without_an_end_lasts_until_that_of_the_period_and_not_into_the_future() {
    let log = requests(47 * HOUR_MS, "xxxxx");
    assert_eq!(down(&log), [0, 3600]);
    let logs = Logs::of(&[&log]);
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let clock = Clock::manual(i64::try_from((MIDNIGHT_MS + 47 * HOUR_MS) / 1000 + 60).unwrap());
    run(&logs.wish, &clock, (&mut output, &mut notes)).unwrap();
    assert!(String::from_utf8(output).unwrap().contains("2026-07-02,all,86400,99.9306,0.0694,60.000,"));
}

#[test]
fn days_of_23_and_25_hours_are_whole_days() {
    let mut logs = Logs::of(&[]);
    for (date, seconds) in [("2026-03-29", "82800"), ("2026-10-25", "90000"), ("2026-06-01", "86400")] {
        logs.wish = KpiArgs {
            from: date.into(),
            to: date.into(),
            zone: "Europe/London".into(),
            log: vec![logs.folder.path().join("access.log")],
            ..logs.wish
        };
        std::fs::write(&logs.wish.log[0], line(12 * HOUR_MS, 200, 1, "").replace(DAY, date)).unwrap();
        assert!(logs.run().1.contains(&format!("{date},all,{seconds},100.0000,")), "{date}");
    }
}

/// KPI-4 to KPI-7, by hand.
#[test]
fn means_and_shares_are_these() {
    let log = [
        line(0, 200, 100, ",\"first_us\":50000"),
        // Its body took 300 ms to arrive, which is not the bank's time.
        line(1000, 200, 500, ",\"received_us\":300000,\"first_us\":400000"),
        // Failed and refused requests have no part in the mean.
        line(2000, 503, 9000, ",\"reason\":\"issuer_unreachable\""),
        line(3000, 403, 1, ",\"reason\":\"scope_missing\""),
        line(4000, 429, 1, ""),
        line(5000, 500, 1, ",\"reason\":\"internal\",\"end\":\"client_gone\""),
        line(6000, 101, 60_000, ",\"end\":\"idle\""),
        line(7000, 200, 10, ",\"end\":\"upstream_broke\""),
        line(8000, 200, 80, "").replace("\"ais\"", "\"pis\""),
        line(9000, 200, 70, "").replace("\"ais\"", "\"funds\"").replace("GET", "POST"),
        line(9500, 200, 70, "").replace("\"service\":\"ais\",", ""),
    ];
    let (code, report, notes) = Logs::of(&[&log.concat()]).run();
    let expected = "date,service,day_seconds,uptime_percent,downtime_percent,downtime_seconds,requests,errors,error_percent,\
        mean_response_ms,mean_first_byte_ms\r\n\
        2026-07-01,all,86400,100.0000,0.0000,0.000,10,2,20.0000,112.5,75.0\r\n\
        2026-07-01,ais,86400,100.0000,0.0000,0.000,8,2,25.0000,150.0,75.0\r\n\
        2026-07-01,pis,86400,100.0000,0.0000,0.000,1,0,0.0000,80.0,\r\n\
        2026-07-01,funds,86400,100.0000,0.0000,0.000,1,0,0.0000,70.0,\r\n\
        2026-07-02,all,86400,,,,0,0,,,\r\n\
        2026-07-02,ais,86400,,,,0,0,,,\r\n\
        2026-07-02,pis,86400,,,,0,0,,,\r\n\
        2026-07-02,funds,86400,,,,0,0,,,\r\n";
    assert_eq!((code, report.as_str(), notes.as_str()), (ExitCode::SUCCESS, expected, SECOND_DAY));
}

#[test]
fn files_may_come_in_any_order_and_from_several_gateways() {
    let whole = requests(HOUR_MS, "..xxxxxxx..x.....xxxxx.x");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let expected = Logs::of(&[&whole]).run();
    let (old, new) = lines.split_at(9);
    let rotated = Logs::of(&[&new.concat(), &old.concat()]).run();
    let every = |first: usize| lines.iter().skip(first).step_by(2).copied().collect::<String>();
    let side_by_side = Logs::of(&[&every(1), "", &every(0)]).run();
    // Requests end in another order than they begin.
    let mut turned = lines.clone();
    turned.reverse();
    let turned = Logs::of(&[&turned.concat()]).run();
    assert!(expected.1.contains(",12.000,"), "{}", expected.1);
    assert_eq!((&rotated, &side_by_side, &turned), (&expected, &expected, &expected));
}

/// What nobody has read was not up.
#[test]
fn days_without_a_line_are_told_and_have_no_uptime() {
    let mut logs = Logs::of(&[&requests(HOUR_MS, "."), &requests(100 * HOUR_MS, ".")]);
    logs.wish.to = "2026-07-06".to_owned();
    logs.wish.require = true;
    let (code, report, notes) = logs.run();
    assert_eq!(code, ExitCode::from(1));
    assert_eq!(
        notes,
        "note: no line is of 2026-07-02 to 2026-07-04, 2026-07-06: the uptime is not known; is a log missing?\n"
    );
    for row in
        ["2026-07-02,all,86400,,,,0,0,,,,,,", "2026-07-05,all,86400,100.0000,0.0000,0.000,1,0,0.0000,10.0,,yes,yes,"]
    {
        assert!(report.lines().any(|line| line == row), "{row}: {report}");
    }
    logs.wish.format = KpiFormat::Html;
    assert!(logs.run().1.contains("<b>– %</b> available"));
    // An outage that lasted through the day is known.
    let down = requests(HOUR_MS, "xxxxx") + &requests(50 * HOUR_MS, ".");
    let mut logs = Logs::of(&[&down]);
    logs.wish.to = "2026-07-03".to_owned();
    let (_, report, notes) = logs.run();
    assert!(report.contains("2026-07-02,all,86400,0.0000,100.0000,86400.000,0,0,,,") && notes.is_empty(), "{report}");
}

#[test]
fn a_file_that_is_named_twice_is_read_once_and_a_pipe_as_a_whole() {
    let text = requests(HOUR_MS, &".".repeat(3000));
    let mut logs = Logs::of(&[&text]);
    let expected = logs.run();
    let link = logs.folder.path().join("link.log");
    std::os::unix::fs::symlink(&logs.wish.log[0], &link).unwrap();
    logs.wish.log.push(link);
    assert_eq!(logs.run(), expected);
    let pipe = logs.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "nonsense\n".to_owned() + &text)
    });
    logs.wish.log = vec![pipe.clone()];
    let (code, report, notes) = logs.run();
    writer.join().unwrap().unwrap();
    assert_eq!((code, report), (expected.0, expected.1));
    let place = format!("{}:1", pipe.display());
    assert_eq!(notes, format!("note: 1 of 3001 lines are none of an access log; the first is {place}\n{SECOND_DAY}"));
}

/// A log may hold what clients wrote, half a line, another program's lines, or nothing of sense.
#[test]
fn lines_that_are_none_are_counted_and_the_rest_is_read() {
    let good = requests(HOUR_MS, ".....");
    let long = "x".repeat(200_000);
    let bad: &[&[u8]] = &[
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"\0",
        b"127.0.0.1 - - [01/Jul/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1",
        b"{\"time\":\"yesterday\",\"status\":200,\"duration_us\":1}",
        b"{\"time\":\"1969-07-01T00:00:00.000Z\",\"status\":200,\"duration_us\":1}",
        b"{\"time\":\"2026-07-01T00:00:00.000Z\",\"status\":20,\"duration_us\":1}",
        b"{\"time\":\"2026-07-01T00:00:00.000Z\",\"status\":70000,\"duration_us\":1}",
        b"{\"time\":\"2026-07-01T00:00:00.000Z\",\"status\":200,\"duration_us\":-1}",
        b"{\"time\":\"2026-07-01T00:00:00.000Z\",\"status\":200}",
        b"{\"time\":\"2026-07-01T00:00:00.000Z\",\"time\":\"2026-07-01T00:00:00.000Z\",\"status\":200,\"duration_us\":1}",
        b"{\"time\":\"2026-07-01T00:00:00.000Z\",\"status\":200,\"duration_us\":1,\"end\":\"of the world\"}",
        long.as_bytes(),
    ];
    let mut text = good.clone().into_bytes();
    for line in bad {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(good.as_bytes());
    // The last line is being written.
    text.extend_from_slice(&good.as_bytes()[..40]);
    let mut logs = Logs::of(&[]);
    logs.wish.log = vec![logs.folder.path().join("mixed.log")];
    std::fs::write(&logs.wish.log[0], text).unwrap();
    let (code, report, notes) = logs.run();
    assert_eq!(code, ExitCode::SUCCESS);
    assert!(report.contains("2026-07-01,all,86400,100.0000,0.0000,0.000,10,0,"), "{report}");
    let place = format!("{}:6", logs.wish.log[0].display());
    assert_eq!(notes, format!("note: 17 of 27 lines are none of an access log; the first is {place}\n{SECOND_DAY}"));
}

#[test]
fn numbers_beyond_all_measure_are_read_as_they_are() {
    let most = u64::MAX;
    let line = format!(
        "{{\"time\":\"9999-12-01T00:00:00Z\",\"status\":200,\"service\":\"ais\",\"duration_us\":{most},\"bytes\":{most},\"received_us\":{most},\"first_us\":{most}}}"
    );
    let event = read(line.as_bytes(), None).unwrap();
    assert_eq!((event.response_us, event.first_us, event.reply), (Some(0), Some(0), Reply::Given));
    let days = days(DAY, DAY, "UTC").unwrap();
    let mut reading = Reading::new(&days);
    (0..9).for_each(|_| reading.see(&event));
    assert_eq!(reading.end(0).tallies[0].scopes[0].requests, 0);
}

/// A reason that this version does not know is judged by its status.
#[test]
fn lines_of_other_versions_are_judged_by_their_status() {
    for (status, is_error) in [(429, false), (503, true)] {
        let text = line(0, status, 1, ",\"reason\":\"of_tomorrow\"");
        let event = read(text.as_bytes(), None).unwrap();
        assert_eq!(
            event.fault.is_some_and(|fault| fault != crate::gateway::reason::Fault::Client),
            is_error,
            "{status}"
        );
    }
}

#[test]
fn a_configuration_says_for_which_service_routes_are() {
    let text = line(0, 200, 10, "").replace("\"service\":\"ais\",", "");
    let mut logs = Logs::of(&[&text]);
    logs.wish.to = DAY.to_owned();
    assert_eq!(
        logs.run().2,
        "note: no request is for a service: say `service: ais` at its routes, and name them by --config\n"
    );
    let config = "server: { listen: '127.0.0.1:0' }\nupstreams: [{ name: a, servers: ['http://127.0.0.1:1'] }]\nroutes:\n  \
        - { path: /accounts, methods: [GET], access: open, upstream: a, service: funds }\n";
    logs.wish.config = Some(logs.file("gate.yaml", config));
    let (_, report, notes) = logs.run();
    assert!(report.contains("2026-07-01,funds,86400,100.0000,0.0000,0.000,1,0,0.0000,10.0,"), "{report}");
    assert_eq!(notes, "");
}

/// KPI-8, KPI-9: what the bank says of its own interfaces stands beside, and benchmarks are optional.
#[test]
fn interfaces_for_customers_and_benchmarks_are_further_columns() {
    let log = requests(HOUR_MS, "xxxxx") + &requests(3 * HOUR_MS, ".") + &requests(30 * HOUR_MS, ".");
    let mut logs = Logs::of(&[&log]);
    let rows = "date,interface,uptime_percent,response_ms,error_percent\n2026-07-01,\u{130}nternet, 99.95,310,0.01\n";
    logs.wish.psu = Some(logs.file("psu.csv", rows));
    logs.wish.benchmarks = true;
    let (code, report, _) = logs.run();
    let lines: Vec<&str> = report.split("\r\n").collect();
    assert!(lines[0].ends_with(
        ",uptime_kept,errors_kept,response_kept,\u{130}nternet uptime_percent,\u{130}nternet response_ms,\u{130}nternet error_percent"
    ));
    assert_eq!(lines[1], "2026-07-01,all,86400,91.6667,8.3333,7200.000,6,5,83.3333,10.0,,no,no,,99.95,310,0.01");
    assert_eq!(lines[2], "2026-07-01,ais,86400,91.6667,8.3333,7200.000,6,5,83.3333,10.0,,no,no,yes,,,");
    assert!(lines.iter().skip(1).all(|line| line.is_empty() || line.matches(',').count() == 16));
    // It is told, and only who asks for it is told no.
    assert_eq!(code, ExitCode::SUCCESS);
    logs.wish.require = true;
    assert_eq!(logs.run().0, ExitCode::from(1));
    let good = requests(HOUR_MS, ".") + &requests(30 * HOUR_MS, ".");
    let mut good = Logs::of(&[&good]);
    good.wish.require = true;
    assert_eq!(good.run().0, ExitCode::SUCCESS);
}

#[test]
fn the_report_as_json_has_numbers_days_and_endpoints() {
    let mut logs = Logs::of(&[&requests(HOUR_MS, "..x4"), "nonsense\n"]);
    logs.wish.format = KpiFormat::Json;
    logs.wish.psu =
        Some(logs.file("psu.csv", "date,interface,uptime_percent,response_ms,error_percent\n2026-07-02,App,99.9,,\n"));
    let (_, report, _) = logs.run();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["from"], &report["to"], &report["zone"]), (&DAY.into(), &"2026-07-02".into(), &"UTC".into()));
    let first = &report["days"][0];
    assert_eq!(
        first["services"]["ais"],
        serde_json::json!({"requests": 4, "errors": 1, "error_percent": 25.0, "uptime_percent": 100.0, "downtime_percent": 0.0,
            "downtime_seconds": 0.0, "mean_response_ms": 10.0})
    );
    assert_eq!(first["endpoints"], serde_json::json!({"GET /accounts": {"requests": 4, "errors": 1}}));
    assert_eq!(report["days"][1]["customer_interfaces"], serde_json::json!({"App": {"uptime_percent": 99.9}}));
    assert_eq!(report["period"]["all"]["requests"], 4);
    assert_eq!(report["log"], serde_json::json!({"lines": 5, "malformed": 1, "unpublished": 0, "late": 0}));
}

#[test]
fn the_report_as_a_page_needs_nothing_from_elsewhere() {
    let mut logs = Logs::of(&[&requests(HOUR_MS, "xxxxx.")]);
    logs.wish.format = KpiFormat::Html;
    logs.wish.benchmarks = true;
    let rows = "date,interface,uptime_percent,response_ms,error_percent\n2026-07-01,<b>App & co,99.9,,\n";
    logs.wish.psu = Some(logs.file("psu.csv", rows));
    let (_, page, _) = logs.run();
    for text in [
        "<th scope=\"row\"><time datetime=\"2026-07-01\">",
        "&lt;b&gt;App &amp; co: available, %",
        "✗ errors misses the benchmark",
    ] {
        assert!(page.contains(text), "{text} is missing in {page}");
    }
    for text in ["<script", "http", "url(", "<b>App"] {
        assert!(!page.contains(text), "{text} is in the page");
    }
    assert_eq!((page.matches("<table>").count(), page.matches("</table>").count()), (4, 4));
}

#[test]
fn what_cannot_be_done_is_said_and_is_the_users_fault() {
    let said = |change: &dyn Fn(&mut Logs)| {
        let mut logs = Logs::of(&[&requests(0, ".")]);
        change(&mut logs);
        let error = run(&logs.wish, &Clock::manual(0), (&mut Vec::new(), &mut Vec::new())).unwrap_err();
        assert!(error.downcast_ref::<CannotServe>().is_some());
        error.to_string().replace(&logs.folder.path().display().to_string(), "")
    };
    assert_eq!(
        said(&|logs| logs.wish.zone = "Mars".into()),
        "\"Mars\" is no time zone; write Europe/London, UTC or +03:00"
    );
    let missing = said(&|logs| logs.wish.log.push(logs.folder.path().join("none.log")));
    assert!(missing.starts_with("cannot read /none.log: No such file"), "{missing}");
    for (text, what) in [
        (&b""[..], "there is no line in the logs: nothing is known of these days"),
        (b"nonsense\n\n", "none of 2 lines is of an access log; the first is /access.log.0:1"),
        (b"\x1f\x8b\x08\0\0", "/access.log.0 is compressed; uncompress it: zcat /access.log.0 > /access.log.0.log"),
    ] {
        assert_eq!(said(&|logs| std::fs::write(&logs.wish.log[0], text).unwrap()), what);
    }
    let psu = said(&|logs| logs.wish.psu = Some(logs.file("psu.csv", "x\n")));
    assert_eq!(psu, "/psu.csv:1: the first line must be date,interface,uptime_percent,response_ms,error_percent");
}

/// The rule as it is written, for each millisecond of both days.
fn oracle(events: &[Event], days: &[Day], now_ms: u64, scope: Option<Service>) -> Vec<u64> {
    let mut seen: Vec<(u64, bool)> = events
        .iter()
        .filter(|event| event.service.is_some() && (scope.is_none() || event.service == scope))
        .filter(|event| event.reply != Reply::Unknown)
        .map(|event| (event.received_ms, event.reply == Reply::Given))
        .collect();
    // Of requests in the same millisecond those that failed come first, and then whatever is for the first service.
    seen.sort_unstable();
    let is_down = |at_ms: u64| {
        (0..seen.len()).any(|first| {
            let row: Vec<_> = seen[first..].iter().take_while(|(_, replied)| !replied).collect();
            let ends = seen[first..].iter().find(|(_, replied)| *replied).map_or(now_ms, |(ends, _)| *ends);
            row.len() >= 5 && seen[first].0 <= at_ms && at_ms < ends
        })
    };
    days.iter().map(|day| (day.start_ms..day.end_ms).filter(|ms| is_down(*ms)).count() as u64).collect()
}

fn event((received, took, kind): (u64, u64, u8)) -> Event {
    let service = [None, Some(Service::Ais), Some(Service::Pis), Some(Service::Funds)][usize::from(kind % 4)];
    let reply =
        [Reply::Missing, Reply::Missing, Reply::Missing, Reply::Given, Reply::Unknown][usize::from(kind / 4 % 5)];
    Event {
        time_ms: received,
        received_ms: received,
        ended_ms: received + took,
        service,
        endpoint: "GET /".into(),
        fault: None,
        reply,
        response_us: Some(took * 1000),
        first_us: None,
        bytes: 0,
    }
}

proptest! {
    #[test]
    fn downtime_is_what_the_rule_says(mut seeds in prop::collection::vec((0..240_u64, 0..60_u64, 0..20_u8), 0..60), now in 0..300_u64) {
        let at = |start_ms, end_ms| Day { date: String::new(), start_ms, end_ms };
        let days = [at(20, 100), at(100, 200)];
        // In the order in which they end.
        seeds.sort_by_key(|(received, took, _)| received + took);
        let events: Vec<Event> = seeds.into_iter().map(event).collect();
        let mut reading = Reading::new(&days);
        for event in &events {
            reading.see(event);
        }
        // Nothing is read that was not written yet.
        let now = now.max(events.iter().map(|event| event.ended_ms).max().unwrap_or_default());
        let tallies: Vec<Tally> = reading.end(now).tallies;
        for (place, scope) in reading::SCOPES.into_iter().enumerate() {
            let down: Vec<u64> = tallies.iter().map(|tally| tally.scopes[place].down_ms).collect();
            prop_assert_eq!(down, oracle(&events, &days, now, scope), "{:?}", scope);
        }
    }

    #[test]
    fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200), from in 0..80_usize, text in "\\PC{0,20}") {
        read(&line, None);
        let mut damaged = tests::line(0, 200, 1, ",\"received_us\":5");
        let mut out = String::new();
        write!(out, "{text}").unwrap();
        if damaged.is_char_boundary(from) {
            damaged.insert_str(from, &out);
        }
        read(damaged.as_bytes(), None);
    }
}
