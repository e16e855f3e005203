//! The arithmetic of `benches/peers`, which is a program without a test harness of its own.

#[path = "../../benches/peers/load/answers.rs"]
mod answers;
#[allow(dead_code, reason = "the benchmark counts more than is checked here")]
#[path = "../../benches/peers/figures.rs"]
mod figures;
#[path = "../../benches/peers/statistics.rs"]
mod statistics;

use figures::{Quantity, Row, Sample};
use statistics::Verdict;

#[test]
fn a_median_is_the_middle_or_between_the_middle_two() {
    assert_eq!(statistics::median(&[]), None);
    assert_eq!(statistics::median(&[7.0]), Some(7.0));
    assert_eq!(statistics::median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(statistics::median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
}

#[test]
fn a_percentile_is_the_smallest_that_so_many_do_not_exceed() {
    let hundred: Vec<u32> = (1..=100).collect();
    assert_eq!(statistics::percentile(&hundred, 50), Some(50.0));
    assert_eq!(statistics::percentile(&hundred, 99), Some(99.0));
    assert_eq!(statistics::percentile(&hundred, 100), Some(100.0));
    assert_eq!(statistics::percentile(&[3], 99), Some(3.0));
    assert_eq!(statistics::percentile(&[3, 5], 99), Some(5.0));
    assert_eq!(statistics::percentile(&[], 99), None);
}

#[test]
fn ratios_are_of_the_same_round_and_nothing_is_made_of_what_was_not_measured() {
    let ours = [Some(1.0), None, Some(3.0), Some(4.0), Some(5.0)];
    let theirs = [Some(2.0), Some(2.0), None, Some(0.0), Some(4.0)];
    assert_eq!(statistics::paired(&ours, &theirs), [0.5, 1.25]);
}

#[test]
fn fewer_than_five_rounds_have_no_interval_and_show_nothing() {
    assert_eq!(statistics::interval(&[1.0; 4]), None);
    assert_eq!(Verdict::of(None, 1.0), Verdict::NotShown);
    assert_eq!(statistics::interval(&[1.0; 5]), Some((1.0, 1.0)));
}

#[test]
fn an_interval_holds_the_median_and_narrows_with_rounds() {
    let rounds = |count: u32| -> Vec<f64> { (0..count).map(|round| f64::from(round % 5)).collect() };
    let (few, many) = (statistics::interval(&rounds(5)).unwrap(), statistics::interval(&rounds(25)).unwrap());
    assert!(few.0 <= 2.0 && few.1 >= 2.0, "{few:?}");
    assert!(many.0 <= 2.0 && many.1 >= 2.0, "{many:?}");
    assert!(many.1 - many.0 < few.1 - few.0, "{many:?} of {few:?}");
    assert_eq!(statistics::interval(&rounds(25)), Some(many), "the same rounds, the same interval");
}

#[test]
fn a_bound_within_the_interval_is_neither_met_nor_missed() {
    let verdict = |bound| Verdict::of(Some((0.85, 0.95)), bound);
    assert_eq!(verdict(0.96), Verdict::Met);
    assert_eq!(verdict(0.95), Verdict::Met);
    assert_eq!(verdict(0.94), Verdict::NotShown);
    assert_eq!(verdict(0.85), Verdict::NotShown);
    assert_eq!(verdict(0.84), Verdict::Missed);
}

#[test]
fn who_answers_less_than_was_offered_fell_short() {
    let row = |rate| {
        let sample = Sample::default().with(Quantity::Rate, rate);
        Row { samples: vec![sample], ..Row::new("one") }
    };
    assert!(!row(Some(9_990.0)).fell_short(10_000));
    assert!(!row(Some(9_800.0)).fell_short(10_000));
    assert!(row(Some(9_790.0)).fell_short(10_000));
    assert!(!row(None).fell_short(10_000), "what sends nothing promises no rate");
    assert!(!row(Some(10.0)).fell_short(0), "as fast as it goes");
}

#[test]
fn the_head_of_an_answer_tells_its_end() {
    let answer = b"HTTP/1.1 200 OK\r\ndate: today\r\nContent-Length: 3\r\n\r\nabc";
    let head = answers::head(answer).unwrap().unwrap();
    assert_eq!((head.status, head.bytes, head.body_bytes), (200, 51, 3));
    assert_eq!(answers::head(&answer[..50]).unwrap(), None, "not all of it is there");
    assert_eq!(answers::head(b"").unwrap(), None);
}

#[test]
fn an_answer_whose_end_cannot_be_known_is_a_fault() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        assert!(answers::head(answer).is_err(), "{}", String::from_utf8_lossy(answer));
    }
}
