//! The chain of the audit log: it goes on over files, restarts, takeovers and kills, and whoever changes it is found.

use crate::support::audit::{assert_intact, events, folder, lines, verify, with, with_keys};
use crate::support::client::{Client, Request, id};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::process::Process;
use crate::support::tokens::Token;
use scopegate::clock::Clock;
use scopegate::commands::gateway::Gateway;
use scopegate::config;
use serde_json::Value;
use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[test]
fn the_chain_goes_on_over_restarts_and_torn_lines() {
    let mut world = with("").start();
    world.get("/accounts", &Token::good());
    world.restart(&with(""));
    world.get("/accounts", &Token::good());
    world.drain();
    // The machine lost its power within a line.
    let mut text = std::fs::read(world.path("audit.log")).unwrap();
    text.extend_from_slice(b"{\"seq\":8,\"time\":\"2027-");
    std::fs::write(world.path("audit.log"), text).unwrap();
    let (code, said) = verify(&folder(&world), &["audit.log"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("broken: audit.log:8: torn: "), "{said}");
    world.restart(&with(""));
    world.drain();
    let said = assert_intact(&folder(&world), &["audit.log"]);
    assert!(said.contains("notice: audit.log:9 says that 23 bytes before it are no whole line"), "{said}");
    let path = world.path("audit.log");
    let text = std::fs::read_to_string(&path).unwrap();
    let without = |event: &str| text.lines().filter(|line| line.contains(event)).count();
    assert_eq!(
        (without("\"event\":\"start\""), without("\"event\":\"stop\""), without("\"event\":\"torn\"")),
        (3, 3, 1)
    );
}

/// Requests by several clients, until this is dropped.
fn under_load(world: &World, act: impl FnOnce(&dyn Fn(usize))) -> usize {
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = world.client();
                let token = Token::good().mint();
                while !stop.load(Ordering::Relaxed) {
                    let n = done.fetch_add(1, Ordering::Relaxed);
                    let answer = client.send(&Request::get("/accounts").token(&token).numbered(n));
                    assert_eq!(answer.status(), 200);
                }
            });
        }
        act(&|more| {
            let until = done.load(Ordering::Relaxed) + more;
            eventually("requests", || (done.load(Ordering::Relaxed) >= until).then_some(()));
        });
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner()
}

/// Each file that was moved away, and the one that is there, is read to the end: neither log loses a line or has one twice.
#[test]
fn files_that_are_moved_away_under_load_lose_no_line_and_repeat_none() {
    let mut world = with("").start();
    let requests = under_load(&world, |progress| {
        for n in (1..=6).rev() {
            progress(60);
            for log in ["access.log", "audit.log"] {
                std::fs::rename(world.path(log), world.path(&format!("{log}.{n}"))).unwrap();
            }
            progress(20);
            world.reload(&with("")).unwrap();
            eventually("the new files", || {
                ["access.log", "audit.log"].iter().all(|log| world.path(log).exists()).then_some(())
            });
        }
    });
    world.drain();
    for log in ["access.log", "audit.log"] {
        let mut seen = HashMap::new();
        for n in (0..=6).rev() {
            let name = if n == 0 { log.to_owned() } else { format!("{log}.{n}") };
            for line in lines(&world.path(&name)).iter().filter_map(|line| line["id"].as_str()) {
                *seen.entry(line.to_owned()).or_insert(0) += 1;
            }
        }
        let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{log}: {twice:?}");
        let missing: Vec<_> = (0..requests).filter(|n| !seen.contains_key(&id(*n))).collect();
        assert!(missing.is_empty(), "{log}: {} of {requests} are missing: {missing:?}", missing.len());
    }
    let names: Vec<_> = (1..=6).rev().map(|n| format!("audit.log.{n}")).chain(["audit.log".to_owned()]).collect();
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    assert_intact(&folder(&world), &all);
    // A folder is sorted by what stands in it; other files in it are left out.
    let said = assert_intact(&folder(&world), &["."]);
    assert!(said.contains("in 7 files"), "{said}");
    let without: Vec<_> = all.iter().copied().filter(|name| *name != "audit.log.3").collect();
    let (code, said) = verify(&folder(&world), &without);
    assert!(code == 1 && said.starts_with("broken: audit.log.2:1: truncated: "), "{said}");
}

#[test]
fn what_was_changed_is_named_with_its_line_and_exit_1() {
    let mut world = with("").start();
    for n in 0..5 {
        world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(n));
    }
    world.drain();
    let good = std::fs::read_to_string(world.path("audit.log")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let last = serde_json::from_str::<Value>(lines.last().unwrap()).unwrap()["hash"].as_str().unwrap().to_owned();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut changed);
        std::fs::write(world.path("changed"), changed.join("\n") + "\n").unwrap();
        verify(&folder(&world), &["changed"])
    };
    for (expected, (code, said)) in [
        ("changed:4: altered", with(&|lines| lines[3] = lines[3].replace("tpp-1", "tpp-2"))),
        ("changed:4: missing: 1 lines", with(&|lines| drop(lines.remove(3)))),
        ("changed:4: reordered", with(&|lines| lines.swap(3, 4))),
        (
            "changed:5: repeated",
            with(&|lines| {
                let line = lines[3].clone();
                lines.insert(4, line);
            }),
        ),
        ("changed:1: the beginning is missing", with(&|lines| drop(lines.drain(..2)))),
    ] {
        assert_eq!(code, 1, "{said}");
        assert!(said.starts_with(&format!("broken: {expected}")), "{said}");
    }
    // The end can be cut off from a chain, unless somebody remembers it.
    let (code, said) = with(&|lines| lines.truncate(4));
    assert!(code == 0 && said.contains("no `stop` at its end"), "{said}");
    let (code, said) = verify(&folder(&world), &["--to", &last, "changed"]);
    assert!(code == 1 && said.contains("truncated"), "{said}");
    assert_intact(&folder(&world), &["--to", &last, "audit.log"]);
}

/// Whoever spoils the beginning of a file does not put it out of sight.
#[test]
fn a_file_of_a_folder_is_not_left_out_for_its_first_line() {
    let mut world = with("").start();
    for n in (0..3).rev() {
        world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(n));
        if n > 0 {
            world.drain();
            std::fs::rename(world.path("audit.log"), world.path(&format!("audit.log.{n}"))).unwrap();
            world.restart(&with(""));
        }
    }
    world.drain();
    let place = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    let names = ["audit.log", "audit.log.1", "audit.log.2"];
    let fresh = || {
        for name in names {
            std::fs::write(place.path().join(name), read(name)).unwrap();
        }
        std::fs::write(place.path().join("access.log"), "{}\n").unwrap();
        std::fs::write(place.path().join("audit.key"), "PEM\n").unwrap();
    };
    fresh();
    let said = assert_intact(place.path(), &["."]);
    assert!(said.ends_with("left out: ./access.log: no audit log\nleft out: ./audit.key: no audit log\n"), "{said}");
    assert!(said.contains(" in 3 files") && !said.contains("begins at line"), "{said}");
    for name in names {
        fresh();
        std::fs::write(place.path().join(name), read(name).replacen("seq", "sex", 1).replace("tpp-1", "tpp-2"))
            .unwrap();
        let (code, said) = verify(place.path(), &["."]);
        assert!(code == 1 && said.contains(&format!("broken: ./{name}:1: altered")), "{name}: {said}");
        std::fs::write(place.path().join(name), read(name).replace("seq", "sex")).unwrap();
        let (code, said) = verify(place.path(), &["."]);
        assert!(code == 1 && said.contains(&format!("broken: ./{name}: named as the log is")), "{name}: {said}");
    }
    // The oldest one may be gone for good, which is said; the newest may be only just begun.
    fresh();
    std::fs::remove_file(place.path().join("audit.log.2")).unwrap();
    std::fs::write(place.path().join("audit.log.0"), "").unwrap();
    let said = assert_intact(place.path(), &["."]);
    assert!(said.contains("left out: ./audit.log.0: empty\n"), "{said}");
    let first = &lines(&place.path().join("audit.log.1"))[0];
    assert!(said.contains(&format!("begins at line {}: what was before is not here\n", first["seq"])), "{said}");
    let from = first["previous"].as_str().unwrap();
    assert!(!assert_intact(place.path(), &["--from", from, "."]).contains("begins at line"));
}

#[test]
fn what_cannot_be_looked_at_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let (_, said) = verify(folder.path(), &["nowhere"]);
    assert!(said.contains("cannot be verified: nowhere: No such file"), "{said}");
    for words in [
        &["nowhere"][..],
        &["empty"],
        &["."],
        &["--from", "abc", "empty"],
        &["--to", &"F".repeat(64), "empty"],
        &["--key", "empty", "empty"],
        &["--key", "nowhere", "empty"],
        &[],
    ] {
        let (code, said) = verify(folder.path(), words);
        assert_eq!(code, 2, "{words:?}: {said}");
    }
}

#[test]
fn checkpoints_are_signed_and_a_log_written_anew_is_noticed() {
    let mut world = with_keys(with("  key: audit.key\n"));
    for n in 0..3 {
        world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(n));
    }
    world.drain();
    let said = assert_intact(&folder(&world), &["--key", "audit.pub", "audit.log"]);
    assert!(said.contains("signed by this key up to line "), "{said}");
    assert!(assert_intact(&folder(&world), &["audit.log"]).contains("`--key` would check"));
    let (code, said) = verify(&folder(&world), &["--key", "other.pub", "audit.log"]);
    assert!(code == 1 && said.contains("wrong key"), "{said}");

    let mut unsigned = with("").start();
    unsigned.drain();
    std::fs::copy(unsigned.path("audit.log"), world.path("anew")).unwrap();
    assert_intact(&folder(&world), &["anew"]);
    let (code, said) = verify(&folder(&world), &["--key", "audit.pub", "anew"]);
    assert!(code == 1 && said.starts_with("broken: anew:1: unsigned"), "{said}");
}

/// A predecessor and its successor write to one file for a while: to one chain.
#[test]
fn the_chain_goes_on_over_a_takeover_and_a_kill() {
    let server = "  workers: 2\n".to_owned();
    let limits = "  drain_timeout: 5s\n  connections: 1000\n".to_owned();
    let mut process = Process::start(&Setup { server, limits, ..with("") });
    let token = || {
        let now = Clock::System.now().0;
        Token::good().claim("iat", now).claim("exp", now + 300).mint()
    };
    let send = |process: &Process, n: usize| {
        let answer = Client::connect(process.address).send(&Request::get("/accounts").token(&token()).numbered(n));
        assert_eq!(answer.status(), 200);
    };
    let mut kept = Client::connect(process.address);
    for n in 0..20 {
        send(&process, n);
    }
    process.take_over();
    for n in 20..40 {
        send(&process, n);
    }
    kept.write(b"GET /");
    let log = process.path("audit.log");
    let of = |n: usize| lines(&log).iter().filter(|line| line["id"] == *id(n)).count();
    eventually("the lines of both", || (0..40).all(|n| of(n) == 1).then_some(()));
    let told = events(&log);
    assert_eq!(told.iter().filter(|event| *event == "start").count(), 2);
    assert_eq!(told.iter().filter(|event| *event == "stop").count(), 1);
    assert!(told.iter().any(|event| event == "takeover"), "{told:?}");
    assert_intact(log.parent().unwrap(), &["audit.log"]);

    process.signal("KILL");
    eventually("its end", || TcpStream::connect(process.admin).is_err().then_some(()));
    let settings = config::load(&process.path("scopegate.yaml")).unwrap_or_else(|faults| panic!("{faults}"));
    Gateway::start(settings, Clock::System).unwrap().drain();
    assert_intact(log.parent().unwrap(), &["audit.log"]);
    assert!((0..40).all(|n| of(n) == 1));
}
