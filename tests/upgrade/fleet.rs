//! A fleet that the next build joins: its ledger is brought further under load, and replicas of this build restart on it.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;
use tests::upgrade::{NEXT, additions, record};

const JSON: &str = "application/json";

/// Changes something, tells of it more than once and in any order, and looks whether searches are answered.
fn stir(fleet: &mut Fleet) -> anyhow::Result<()> {
    let mut events = Vec::new();
    for _ in 0..3 {
        events.extend(fleet.change_something()?);
    }
    fleet.shuffle(&mut events);
    fleet.report(&events)?;
    fleet.search("paragraph cranes")?;
    Ok(())
}

/// A migration as the next build makes it: it does not wait for long, and tries again. The fleet goes on meanwhile.
fn migrate(fleet: &mut Fleet, addition: &str) -> anyhow::Result<()> {
    for _ in 0..10 {
        let done = fleet
            .postgres
            .sql("longshore", &format!("SET lock_timeout = '2s'; {addition}"));
        stir(fleet)?;
        match done {
            Ok(_) => return Ok(()),
            Err(error) => ensure!(format!("{error:#}").contains("lock timeout"), error),
        }
    }
    anyhow::bail!("it got no lock: {addition}")
}

/// What the next build has stored and this one does not know: settings of an index, and a scope of a key.
fn unknown_names_are_kept(fleet: &mut Fleet) -> anyhow::Result<()> {
    let made = fleet.post("/apiKeys", &json!({ "name": "later", "scopes": ["search"] }))?;
    ensure!(made.0 == 201, "{made:?}");
    fleet.postgres.sql(
        "longshore",
        "UPDATE indexes SET settings = jsonb_set(settings::jsonb, '{later}', '{\"a\": 1}')::text;
         UPDATE api_keys SET scopes = '[\"later\", \"search\"]' WHERE name = 'later'",
    )?;
    let patch = json!({ "budget": { "tokens_per_day": 1_000_000_000 } });
    let changed = fleet.send(
        Method::PATCH,
        &format!("/indexes/{INDEX}"),
        JSON,
        patch.to_string(),
    )?;
    ensure!(changed.0 == 200, "{changed:?}");
    let kept = fleet.postgres.sql(
        "longshore",
        "SELECT settings::jsonb -> 'later' ->> 'a', settings::jsonb -> 'budget' ->> 'tokens_per_day' FROM indexes",
    )?;
    ensure!(
        kept == "1|1000000000",
        "settings were lost or not changed: {kept}"
    );
    let keys = fleet.get("/apiKeys")?.to_string();
    ensure!(
        keys.contains("later") && keys.contains("search"),
        "the key is not listed: {keys}"
    );
    let scopes = "SELECT scopes FROM api_keys WHERE name = 'later'";
    let scopes = fleet.postgres.sql("longshore", scopes)?;
    ensure!(scopes.contains("later"), "its scope was lost: {scopes}");
    Ok(())
}

#[test]
fn a_fleet_is_upgraded_under_load() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    let upgraded = upgrade(&mut fleet);
    upgraded.with_context(|| fleet.logs())
}

fn upgrade(fleet: &mut Fleet) -> anyhow::Result<()> {
    fleet.add_control()?;
    fleet.add_processor()?;
    fleet.add_processor()?;
    for _ in 0..5 {
        stir(fleet)?;
    }
    for addition in additions() {
        migrate(fleet, &addition)?;
    }
    fleet.postgres.sql("longshore", &record(0))?;
    stir(fleet)?;

    // One of each dies, and comes back on the newer ledger; the others were there before.
    fleet.replace_control()?;
    fleet.processors.remove(0).kill()?;
    fleet.add_processor()?;
    for service in [fleet.control.last(), fleet.processors.last()]
        .into_iter()
        .flatten()
    {
        let told = format!("a newer build has brought the ledger to schema version {NEXT}");
        ensure!(
            service.log().contains(&told),
            "it does not say so: {}",
            service.log()
        );
    }
    unknown_names_are_kept(fleet)?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        stir(fleet)?;
    }
    fleet.settle()?;
    fleet.check_history()?;

    // The next build asks for more than this one knows: nobody joins, and those that run are not disturbed.
    let asks = format!("UPDATE schema_version SET needs = {NEXT} WHERE version = {NEXT}");
    fleet.postgres.sql("longshore", &asks)?;
    for service in ["control-plane", "index-processor"] {
        let (code, said) = fleet.try_service(service, &[], &[])?;
        let clear = format!("asks for a build that knows version {NEXT}");
        ensure!(
            (code == 1 || code == 2) && said.contains(&clear) && said.contains("newer build"),
            "{service} ended with {code}: {said}"
        );
    }
    fleet.write("last.md", &text("last.md", 0))?;
    let event = fleet.event("BlobCreated", "last.md");
    fleet.report(&[event])?;
    fleet.settle()
}
