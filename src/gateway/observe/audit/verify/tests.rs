//! A log as it was written is intact; every change of it is found, and named by its kind.

use super::*;
use crate::gateway::observe::audit::file::own;
use crate::gateway::observe::audit::key::SigningKey;
use crate::gateway::observe::stamp::Seconds;
use crate::oauth::algorithm::Algorithm;
use crate::oauth::signer;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

/// The lines of a file that begins a chain, or goes on behind `link`.
fn file(link: &mut Link, events: &[&str]) -> Vec<u8> {
    let stamp = Seconds::default().stamp(1_800_000_000_000);
    let mut out = Vec::new();
    let previous = format!(",\"previous\":\"{}\"", link.hash);
    link.append(&mut out, &own(&stamp, "file", &previous), |_, _| Vec::new());
    for event in events {
        link.append(&mut out, &own(&stamp, event, ",\"client_id\":\"tpp\""), |_, _| Vec::new());
    }
    out
}

fn log(lines: usize) -> Vec<u8> {
    file(&mut Link { seq: 0, hash: Hash::START }, &vec!["request"; lines - 1])
}

fn verified(files: &[&[u8]], anchors: Anchors) -> Result<Report, Broken> {
    let mut verifier = Verifier::new(anchors);
    let outcome = files.iter().enumerate().try_for_each(|(n, text)| verifier.file(&n.to_string(), *text));
    match outcome.and_then(|()| verifier.finish()) {
        Ok(report) => Ok(report),
        Err(NoReport::Broken(broken)) => Err(broken),
        Err(NoReport::Unreadable(fault)) => panic!("{fault}"),
    }
}

fn broken(files: &[&[u8]]) -> (String, u64, Break) {
    let Broken { place, how } = verified(files, Anchors::default()).unwrap_err();
    (place.file.to_string(), place.line, how)
}

fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_log_as_it_was_written_is_intact() {
    let report = verified(&[&log(5)], Anchors::default()).unwrap();
    assert_eq!((report.lines, report.first.unwrap().0, report.last.unwrap().0.seq, report.is_ended), (5, 1, 5, false));
    let mut link = Link::START;
    let (one, two) = (file(&mut link, &["start", "request"]), file(&mut link, &["request", "stop"]));
    let report = verified(&[&one, &two], Anchors::default()).unwrap();
    assert_eq!((report.lines, report.is_ended), (6, true));
    // A file alone says itself what it goes on from.
    assert_eq!(verified(&[&two], Anchors::default()).unwrap().lines, 3);
}

#[test]
fn what_was_changed_is_named_by_its_kind_and_its_line() {
    let whole = lines(&log(6));
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        let (_, line, how) = broken(&[&lines.concat()]);
        (line, how)
    };
    let edited = |line: &mut Vec<u8>| *line = String::from_utf8(line.clone()).unwrap().replace("tpp", "tqp").into();
    for (name, found, expected) in [
        ("edited", with(&|lines| edited(&mut lines[2])), (3, Break::Altered)),
        ("edited, the last", with(&|lines| edited(&mut lines[5])), (6, Break::Altered)),
        ("made unreadable", with(&|lines| lines[2].insert(0, b' ')), (3, Break::Altered)),
        ("joined", with(&|lines| lines[2].retain(|octet| *octet != b'\n')), (3, Break::Altered)),
        ("deleted", with(&|lines| drop(lines.remove(2))), (3, Break::Missing(1))),
        ("three deleted", with(&|lines| drop(lines.drain(1..4))), (2, Break::Missing(3))),
        ("swapped", with(&|lines| lines.swap(2, 3)), (3, Break::Reordered)),
        (
            "moved to the end",
            with(&|lines| {
                let line = lines.remove(1);
                lines.push(line);
            }),
            (2, Break::Reordered),
        ),
        (
            "repeated",
            with(&|lines| {
                let line = lines[2].clone();
                lines.insert(3, line);
            }),
            (4, Break::Repeated),
        ),
        ("put in", with(&|lines| lines.insert(3, b"what\n".to_vec())), (4, Break::Altered)),
        ("the beginning deleted", with(&|lines| drop(lines.remove(0))), (1, Break::NoBeginning)),
        ("half of the last", with(&|lines| lines[5].truncate(40)), (6, Break::Torn)),
    ] {
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn what_is_cut_off_between_two_files_is_found_in_the_second() {
    let mut link = Link::START;
    let (one, two) = (file(&mut link, &["request"; 5]), file(&mut link, &["request"]));
    let short = lines(&one)[..4].concat();
    assert_eq!(broken(&[&short, &two]), ("1".to_owned(), 1, Break::Truncated(2)));
    assert_eq!(broken(&[&two, &one]).2, Break::OtherChain, "in the wrong order");
    let other = file(&mut Link { seq: 6, hash: Hash::START }, &["request"]);
    assert_eq!(broken(&[&one, &other]), ("1".to_owned(), 1, Break::OtherChain));
    let anew = file(&mut Link { seq: 0, hash: Hash::START }, &["request"]);
    assert_eq!(broken(&[&one, &anew]).2, Break::OtherChain);
}

/// A chain alone cannot know its end: a hash that somebody kept does.
#[test]
fn hashes_that_were_kept_elsewhere_show_what_the_chain_cannot() {
    let mut link = Link::START;
    let one = file(&mut link, &["request"; 3]);
    let end = link.hash;
    let two = file(&mut link, &["request"; 3]);
    let from = |from| Anchors { from: Some(from), ..Anchors::default() };
    assert_eq!(verified(&[&two], from(end)).unwrap().lines, 4);
    assert_eq!(verified(&[&two], from(Hash::START)).unwrap_err().how, Break::OtherBeginning);
    let cut = lines(&two)[1..].concat();
    let header = Line::read(lines(&two)[0].strip_suffix(b"\n").unwrap()).unwrap().hash;
    assert_eq!(verified(&[&cut], from(header)).unwrap().lines, 3);
    let to = || Anchors { reaches: Some(end), ..Anchors::default() };
    assert_eq!(verified(&[&one], to()).unwrap().lines, 4);
    assert_eq!(verified(&[&lines(&one)[..3].concat()], to()).unwrap_err().how, Break::TooShort);
}

#[test]
fn what_is_declared_is_told_and_breaks_nothing() {
    let stamp = Seconds::default().stamp(1_800_000_000_000);
    let mut link = Link::START;
    let mut text = file(&mut link, &["request"]);
    text.extend_from_slice(b"{\"seq\":3,\"ti\0\n");
    link.append(&mut text, &own(&stamp, "torn", ",\"bytes\":14"), |_, _| Vec::new());
    link.append(&mut text, &own(&stamp, "gap", ",\"lost\":7"), |_, _| Vec::new());
    let report = verified(&[&text], Anchors::default()).unwrap();
    let notices: Vec<_> = report.notices.iter().map(|(place, notice)| (place.line, notice.clone())).collect();
    assert_eq!(notices, [(4, Notice::Torn("14".to_owned())), (5, Notice::Gap("7".to_owned()))]);
    // Other octets than were declared are somebody's.
    let altered = String::from_utf8(text).unwrap().replacen("{\"seq\":3,\"ti\0\n", "{\"seq\":3,\"ti\0x\n", 1);
    assert_eq!(broken(&[altered.as_bytes()]), ("0".to_owned(), 3, Break::Altered));
}

fn keys() -> (SigningKey, VerifyingKey) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let private = pair.to_pkcs8().unwrap();
    assert!(signer::PrivateKey::read(private.as_ref(), Algorithm::EdDsa).is_some());
    let info = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], pair.public_key().as_ref()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(info));
    (SigningKey::read(private.as_ref()).unwrap(), VerifyingKey::read(pem.as_bytes()).unwrap())
}

fn signed(key: &SigningKey, client: &str) -> Vec<u8> {
    let stamp = Seconds::default().stamp(1_800_000_000_000);
    let mut link = Link::START;
    let mut text = file(&mut link, &["start"]);
    for _ in 0..3 {
        link.append(&mut text, &own(&stamp, "request", client), |_, _| Vec::new());
        link.append(&mut text, &own(&stamp, "checkpoint", ""), |before, line| key.sign(before, line));
    }
    text
}

/// A chain that was written anew as a whole holds; without the key its signatures cannot be.
#[test]
fn signatures_show_a_log_that_was_written_anew() {
    let (key, public) = keys();
    let with = |key| Anchors { key: Some(key), ..Anchors::default() };
    let text = signed(&key, ",\"client_id\":\"a\"");
    let report = verified(&[&text], with(public)).unwrap();
    assert_eq!((report.signed, report.has_signatures), (Some(8), true));
    assert!(verified(&[&text], Anchors::default()).unwrap().has_signatures);

    let (other, other_public) = keys();
    let anew = signed(&other, ",\"client_id\":\"b\"");
    assert_eq!(verified(&[&anew], with(other_public)).unwrap().lines, 8);
    let (_, public) = keys();
    assert_eq!(verified(&[&anew], with(public)).unwrap_err().how, Break::WrongKey);
    // Without any signature it is no better.
    let (_, public) = keys();
    assert_eq!(verified(&[&log(5)], with(public)).unwrap_err().how, Break::Unsigned);
    let many = log(usize::try_from(AUDIT_UNSIGNED_MAX).unwrap() + 1);
    let (_, public) = keys();
    let Broken { place, how } = verified(&[&many], with(public)).unwrap_err();
    assert_eq!((place.line, how), (1, Break::Unsigned));
}

/// A signature of one log cannot be carried into another that says something else.
#[test]
fn a_signature_covers_what_is_before_it() {
    let (key, public) = keys();
    let (text, other) = (signed(&key, ",\"client_id\":\"a\""), signed(&key, ",\"client_id\":\"b\""));
    let borrowed = Line::read(lines(&text)[3].strip_suffix(b"\n").unwrap()).unwrap().signed().unwrap().1.to_owned();
    let own = Line::read(lines(&other)[3].strip_suffix(b"\n").unwrap()).unwrap().signed().unwrap().1.to_owned();
    let mut link = Link::START;
    let mut forged = Vec::new();
    for octets in lines(&other) {
        let text = String::from_utf8(octets).unwrap().replace(&own, &borrowed);
        let fields = text.split_once(",\"time\"").unwrap().1.rsplit_once(",\"hash\"").unwrap().0;
        link.append(&mut forged, format!(",\"time\"{fields}").as_bytes(), |_, _| Vec::new());
    }
    assert!(verified(&[&forged], Anchors::default()).is_ok());
    let found = verified(&[&forged], Anchors { key: Some(public), ..Anchors::default() }).unwrap_err();
    assert_eq!((found.place.line, found.how), (4, Break::WrongKey));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_changed_octet_is_found(count in 1_usize..8, place: prop::sample::Index, octet: u8) {
        let mut text = log(count);
        prop_assert!(verified(&[&text], Anchors::default()).is_ok());
        let place = place.index(text.len());
        prop_assume!(text[place] != octet);
        text[place] = octet;
        prop_assert!(verified(&[&text], Anchors::default()).is_err());
    }

    #[test]
    fn every_octet_that_is_gone_or_put_in_is_found(count in 1_usize..8, place: prop::sample::Index, octet: u8) {
        let whole = log(count);
        let place = place.index(whole.len());
        let (mut less, mut more) = (whole.clone(), whole);
        less.remove(place);
        more.insert(place, octet);
        prop_assert!(verified(&[&less], Anchors::default()).is_err());
        prop_assert!(verified(&[&more], Anchors::default()).is_err());
    }

    /// Of what nobody wrote.
    #[test]
    fn nothing_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(verified(&[&text], Anchors::default()));
    }
}
