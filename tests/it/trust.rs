//! Whom the gateway trusts when it asks an issuer, and what becomes of that when a `ca_file` is another at a reload: the
//! path that stands in the configuration is the same.

use crate::support::front::{Authority, Front};
use crate::support::gateway::{Setup, World, issuer};
use crate::support::introspection::{Introspection, ask, assert_unavailable, secret};
use crate::support::issuer::Issuer;
use crate::support::keys::Key;
use crate::support::status_list::{Lists, listed, packed};
use crate::support::tokens::{ISSUER, Token};
use crate::support::{eventually, keys};
use serde_json::json;

/// A gateway that trusts strangers, and what makes it trust `authority` instead.
fn misled(setup: impl Fn() -> Setup, authority: &Authority) -> (World, impl Fn(&World)) {
    let files = [
        ("ca.pem", Authority::new().pem()),
        ("jwks.json", keys::set(&[keys::ec()]).to_string()),
        secret().into_iter().next().unwrap(),
    ];
    let (world, pem) = (setup().with_files(&files), authority.pem());
    (world, move |world: &World| {
        std::fs::write(world.path("ca.pem"), &pem).unwrap();
        world.reload(&setup()).unwrap();
    })
}

fn failed(world: &World) -> f64 {
    world.metric("scopegate_issuer_key_fetches_total{issuer=\"bank\",outcome=\"failed\"}")
}

/// Those that were fetched before are used meanwhile: nobody waits for the first fetch under the new roots.
#[test]
fn keys_are_fetched_under_the_roots_of_the_last_reload() {
    let (theirs, old, new) = (Authority::new(), Key::new("old"), Key::new("new"));
    let bank = Issuer::serving(std::slice::from_ref(&old));
    let front = Front::open(bank.address(), &theirs);
    let jwks = format!("{{ uri: \"{}/jwks\", ca_file: ca.pem, refresh: 1s, refetch: 1s }}", front.origin());
    let setup = || Setup::issuers(&[issuer("bank", ISSUER, &jwks)]);
    let status = |world: &World, key: &Key| world.get("/accounts", &Token::good().by(key)).status();
    let (world, mend) = misled(setup, &theirs);
    eventually("a failed fetch", || (failed(&world) >= 1.0).then_some(()));
    assert_eq!((status(&world, &old), bank.calls()), (503, 0));
    mend(&world);
    eventually("the keys", || (status(&world, &old) == 200).then_some(()));

    std::fs::write(world.path("ca.pem"), Authority::new().pem()).unwrap();
    let before = failed(&world);
    world.reload(&setup()).unwrap();
    eventually("a failed fetch", || (failed(&world) > before).then_some(()));
    bank.has(&[old.clone(), new.clone()]);
    assert_eq!(
        (status(&world, &old), status(&world, &new)),
        (200, 503),
        "the keys were fetched under the roots before"
    );
    mend(&world);
    assert_eq!(status(&world, &old), 200);
    eventually("the new key", || (status(&world, &new) == 200).then_some(()));
}

/// How often keys are fetched is no reason to be without them either.
#[test]
fn keys_survive_another_interval_of_fetching() {
    let (key, new) = (Key::new("old"), Key::new("new"));
    let bank = Issuer::serving(std::slice::from_ref(&key));
    let setup = |refresh| Setup::issuers(&[issuer("bank", ISSUER, &bank.jwks().replace("refresh: 1h", refresh))]);
    let world = setup("refresh: 1h").start();
    world.wait_ready();
    bank.says("");
    world.reload(&setup("refresh: 1s")).unwrap();
    let status = |key| world.get("/accounts", &Token::good().by(key)).status();
    assert_eq!(status(&key), 200);
    eventually("the new interval", || (failed(&world) >= 1.0).then_some(()));
    bank.has(std::slice::from_ref(&new));
    eventually("the new keys", || ((status(&new), status(&key)) == (200, 401)).then_some(()));
}

#[test]
fn an_issuer_is_asked_under_the_roots_of_the_last_reload() {
    let (theirs, bank) = (Authority::new(), Introspection::active());
    let front = Front::open(bank.0.address(), &theirs);
    let setup = || {
        let plain = bank.setup(", ca_file: ca.pem");
        let there = plain.issuers.replace(&format!("http://{}", bank.0.address()), &front.origin());
        Setup { issuers: there, ..plain }
    };
    let (world, mend) = misled(setup, &theirs);
    assert_unavailable(&ask(&world, "one"), "another's issuer");
    assert_eq!(bank.calls(), 0);
    mend(&world);
    assert_eq!((ask(&world, "one").status(), bank.calls()), (200, 1));
}

#[test]
fn status_lists_are_fetched_under_the_roots_of_the_last_reload() {
    let (theirs, lists) = (Authority::new(), Lists::empty());
    let front = Front::open(lists.server.address(), &theirs);
    let uri = format!("{}/status/1", front.origin());
    lists.serves(1, &lists.list_with(1, &packed(&[0, 1]), &json!({"sub": uri})));
    let setup = || {
        let entry = issuer("bank", ISSUER, "{ file: jwks.json }");
        let terms = format!("    status_list: {{ uris: [\"{}/status\"], ca_file: ca.pem }}\n", front.origin());
        Setup { issuers: entry + &terms, ..Setup::default() }
    };
    let (world, mend) = misled(setup, &theirs);
    let status = |index| world.get("/accounts", &listed(&uri, index)).status();
    assert_eq!((status(0), lists.fetches()), (503, 0));
    mend(&world);
    assert_eq!((status(0), status(1), lists.fetches()), (200, 401, 1));
}
