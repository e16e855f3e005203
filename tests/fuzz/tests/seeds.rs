//! Runs every target on its seeds and on mutations of them, the same ones each time. It is no replacement for the
//! engine; it keeps the bodies true.

use scopegate_fuzz::TARGETS;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn no_seed_and_no_mutation_of_one_breaks_a_target() {
    for (name, body) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        let mut random = fastrand::Rng::with_seed(1);
        seeds.iter().for_each(|seed| feed(name, body, seed));
        for _ in 0..MUTATIONS {
            feed(name, body, &mutation(&seeds, &mut random));
        }
    }
}

/// Others each time, for as long as `SCOPEGATE_FUZZ_SECONDS` says, each target. No engine leads it, so it finds what lies
/// near the seeds.
#[test]
fn nothing_near_a_seed_breaks_a_target() {
    let Some(seconds) = std::env::var("SCOPEGATE_FUZZ_SECONDS").ok().map(|text| text.parse().expect("whole seconds"))
    else {
        return;
    };
    for (name, body) in TARGETS {
        let (seeds, mut random) = (seeds(name), fastrand::Rng::new());
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_secs(seconds) {
            feed(name, body, &mutation(&seeds, &mut random));
            count += 1;
        }
        println!("{name}: {count} inputs in {seconds} s");
    }
}

/// Says which input it was: it is a new seed.
fn feed(name: &str, body: fn(&[u8]), input: &[u8]) {
    if catch_unwind(|| body(input)).is_err() {
        panic!("{name} breaks on b\"{}\"", input.escape_ascii());
    }
}

fn mutation(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = random.choice(seeds).cloned().unwrap_or_default();
    for _ in 0..random.u8(1..4) {
        mutate(&mut input, random);
    }
    input
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn mutate(input: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let place = random.usize(0..=input.len());
    match random.u8(0..5) {
        0 => input.truncate(place),
        1 => input.insert(place, random.u8(..)),
        2 => drop(input.splice(place..place, random.choice(WORDS).unwrap().bytes())),
        3 => drop(input.drain(place..input.len().min(place + random.usize(0..8)))),
        _ => {
            if let Some(byte) = input.get_mut(place) {
                *byte ^= 1 << random.u8(0..8);
            }
        }
    }
}

const MUTATIONS: usize = 20_000;
const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    "/",
    "..",
    "%2e",
    "%2F",
    "%c3%bc",
    ";",
    "=",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "\\u0000",
    "crit",
    "b64",
    "alg",
    "none",
    "exp",
    "keys",
    "jwk",
    "nonce",
    "kty",
    "oct",
    "transfer-encoding: chunked\r\n",
    "content-length: 5\r\n",
    "connection: close\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
];
