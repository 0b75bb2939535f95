//! A control plane and a processor on PostgreSQL, RabbitMQ and a vector server.

use std::time::Instant;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;
use tests::arena::Arena;
use tests::fleet::{ADMIN_KEY, Fleet, INDEX, text};
use tests::random::seed;
use tests::wait;

use super::{FILES, GOING, STAYING, careful, decided_by_timer, set_timer, states};

/// Files of the index that is run.
const MANY: usize = 120;

#[test]
fn a_run_and_the_timer_of_an_approval_go_on_in_a_fleet() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    let gone_on = go_on(&mut fleet);
    gone_on.with_context(|| fleet.logs())?;
    fleet.check_history()
}

fn go_on(fleet: &mut Fleet) -> anyhow::Result<()> {
    fleet.add_processor()?;
    let arena = Arena::open(&fleet.control[0].url()?, ADMIN_KEY)?;
    // The index of the whole container would only do everything twice.
    arena.does(&Method::POST, &format!("/indexes/{INDEX}/pause"), None, 200)?;
    for (name, files) in [("many", MANY), ("going", FILES)] {
        for number in 0..files {
            let path = format!("{name}/{number}.md");
            fleet.write(&path, &text(&path, 0))?;
        }
    }
    let source = fleet.container.source();
    careful(&arena, "going", &source, "remove")?;
    let many = json!({ "name": "many", "source": source, "prefix": "many" });
    arena.does(&Method::POST, "/indexes", Some(many), 201)?;
    arena.indexed("going", FILES)?;
    arena.indexed("many", MANY)?;
    let since = Instant::now();
    for number in 0..GOING {
        fleet.remove(&format!("going/{number}.md"))?;
    }
    arena.run("going", "")?;
    let seconds = set_timer(&arena, "going", since)?;
    let run = arena.run("many", "full=true")?;
    let path = format!("/runs/{run}");
    let state = arena.get(&path)?["state"].clone();
    ensure!(state == "LISTING" || state == "RUNNING", "it is {state} already");
    // The one that lists, and would decide.
    fleet.replace_control()?;

    let arena = Arena::open(&fleet.control[0].url()?, ADMIN_KEY)?;
    wait::until("the run to be worked on", || {
        let run = arena.get(&path)?;
        Ok((run["done"].as_u64() > Some(0)).then_some(()))
    })?;
    fleet.processors.remove(0).kill()?;
    fleet.add_processor()?;
    let over = arena.over(&run, "COMPLETED")?;
    ensure!(
        over["total"] == MANY && over["counts"]["failed"] == 0 && over["counts"]["superseded"] == 0,
        "{over}"
    );
    decided_by_timer(&arena, "going", "APPROVED", seconds)?;
    arena.until("the files to go", "/indexes/going", |index| {
        states(index) == [STAYING as u64, GOING as u64]
    })?;
    arena.indexed("many", MANY)?;
    // A processor that was killed after its commit leaves a file whose next attempt has nothing to make, and keeps what is there.
    let others = fleet.postgres.sql(
        "longshore",
        "SELECT commits, COUNT(*), MIN(file_id) FROM (SELECT file_id, COUNT(*) AS commits FROM history
            WHERE index_id = 'many' AND event = 'committed' AND detail LIKE '%upsert_ms%' GROUP BY file_id) AS files
         WHERE commits <> 2 GROUP BY commits",
    )?;
    let told = fleet.postgres.sql(
        "longshore",
        "SELECT n, event, state, seq, claim_id, detail FROM history WHERE index_id = 'many' AND file_id = (
            SELECT MIN(file_id) FROM (SELECT file_id FROM history
                WHERE index_id = 'many' AND event = 'committed' AND detail LIKE '%upsert_ms%'
                GROUP BY file_id HAVING COUNT(*) <> 2) AS odd) ORDER BY n",
    )?;
    ensure!(
        others.is_empty(),
        "files were not made exactly once more (commits|files|one of them): {others}\n{told}\n{over}"
    );
    Ok(())
}
