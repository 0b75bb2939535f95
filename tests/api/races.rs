//! Clients that ask for the same change at the same moment: one decides, the others are told so, and nothing happens twice.
//! Every operation of the service's document that may change something has its race, on both databases; one that has none
//! fails the test.

mod ground;
mod table;

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use reqwest::Method;
use tests::arena::Arena;
use tests::fleet::{ADMIN_KEY, Fleet, INDEX};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;
use tests::random::seed;

use self::ground::Ground;
use self::table::RACES;

fn every_race(mut ground: Ground<'_>) -> anyhow::Result<()> {
    let there: BTreeSet<String> = ground.arena.changing();
    let raced: BTreeSet<String> = RACES
        .iter()
        .map(|(operation, _)| (*operation).to_owned())
        .collect();
    let forgotten: Vec<&String> = there.difference(&raced).collect();
    ensure!(
        forgotten.is_empty(),
        "these operations have no race in tests/api/races/table.rs: {forgotten:?}"
    );
    let stale: Vec<&String> = raced.difference(&there).collect();
    ensure!(
        stale.is_empty(),
        "these operations are not there any more: {stale:?}"
    );
    // Each by itself: a route that loses a race hides no other one.
    let mut lost = Vec::new();
    for (operation, race) in RACES {
        if let Err(error) = race(&mut ground) {
            lost.push(format!("{operation}: {error:#}"));
        }
    }
    ensure!(
        lost.is_empty(),
        "{} races were lost:\n{}",
        lost.len(),
        lost.join("\n")
    );
    let ready = ground.arena.get("/readyz")?;
    ensure!(ready["ready"] != false, "after all races: {ready}");
    Ok(())
}

#[test]
fn one_of_many_clients_decides_in_the_embedded_mode() -> anyhow::Result<()> {
    let (docs, model) = (Docs::with_files(1, 1)?, Model::start()?);
    let longshore = Longshore::with_model(&model.url(), &["--name", "main", "--reconcile-every", "2"])?
        .with_variable("LONGSHORE_ADMIN_KEY", ADMIN_KEY);
    let up = longshore.up(&docs, &[])?;
    let arena = Arena::open(up.url(), ADMIN_KEY)?;
    every_race(Ground {
        arena: &arena,
        source: format!("file://{}", docs.path().display()),
        write: &mut |path, text| docs.write(path, text),
        remove: &mut |path| docs.remove(path),
        indexes: 0,
        ready: Vec::new(),
    })?;
    ensure!(!up.log().contains("panicked"), "{}", up.log());
    Ok(())
}

#[test]
fn one_of_many_clients_decides_in_a_fleet() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    let arena = Arena::open(&fleet.control[0].url()?, ADMIN_KEY)?;
    // The index of the whole container would only do everything twice.
    arena.does(&Method::POST, &format!("/indexes/{INDEX}/pause"), None, 200)?;
    let source = fleet.container.source();
    let fleet = std::cell::RefCell::new(fleet);
    every_race(Ground {
        arena: &arena,
        source,
        write: &mut |path, text| fleet.borrow_mut().write(path, text),
        remove: &mut |path| fleet.borrow_mut().remove(path),
        indexes: 0,
        ready: Vec::new(),
    })
    .with_context(|| fleet.borrow().logs())?;
    fleet.borrow().check_history()
}
