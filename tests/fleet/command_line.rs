//! The command line against the control planes of a fleet.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::fleet::{ADMIN_KEY, Fleet, INDEX, text};
use tests::longshore::{Longshore, Ran};
use tests::random::seed;
use tests::wait;

#[test]
fn a_fleet_is_run_from_anywhere() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_control()?;
    fleet.add_processor()?;
    let mut events = Vec::new();
    for number in 0..20 {
        let path = format!("docs/{number}.md");
        fleet.write(&path, &text(&path, 0))?;
        events.push(fleet.event("BlobCreated", &path));
    }
    fleet.report(&events)?;
    fleet.settle()?;

    let (one, other) = (fleet.control[0].url()?, fleet.control[1].url()?);
    let somebody = Longshore::new(&[])?.with_variable("LONGSHORE_API_KEY", ADMIN_KEY);
    let run = |url: &str, args: &[&str], code: i32| -> anyhow::Result<Ran> {
        let ran = somebody.run(&[&["--url", url], args].concat())?;
        ensure!(
            ran.code() == code,
            "{args:?} ended with {}: {}{}",
            ran.code(),
            ran.stdout,
            ran.stderr
        );
        Ok(ran)
    };
    let indexes: Value = serde_json::from_str(&run(&one, &["index", "list", "--json"], 0)?.stdout)?;
    ensure!(indexes[0]["id"] == INDEX, "{indexes}");
    // What one control plane begins is watched at another one.
    let begun = run(&one, &["run", "--full", "--json", "--index", INDEX], 0)?;
    let begun: Value = serde_json::from_str(&begun.stdout)?;
    let id = begun["run"].as_str().context("no run")?;
    let watched = run(&other, &["run", "watch", id], 0)?;
    ensure!(watched.stdout.contains("completed in"), "{watched:?}");
    let shown = run(&other, &["status", id], 0)?;
    ensure!(shown.stdout.contains("20 of 20 done"), "{}", shown.stdout);
    let dependencies = run(&one, &["dependencies"], 0)?.stdout;
    for name in ["ledger", "broker", "vectors"] {
        ensure!(dependencies.contains(name), "{name} is not in {dependencies}");
    }
    run(&one, &["status", "docs/nowhere.md", "--index", INDEX], 4)?;

    // One call has every process say more, and another one ends that.
    let says = |text: &str| {
        wait::until(&format!("every process to say {text:?}"), || {
            let processes = fleet.control.iter().chain(&fleet.processors);
            let all = processes
                .map(|process| process.log())
                .all(|log| log.contains(text));
            Ok(all.then_some(()))
        })
    };
    run(
        &one,
        &["logging", "set", "info,index_processor=debug", "--for", "1h"],
        0,
    )?;
    says("logging goes by the filter \"info,index_processor=debug\"")?;
    run(&other, &["run", "--full", "--watch", "--index", INDEX], 0)?;
    let worked = fleet.processors[0].log();
    ensure!(worked.contains(" DEBUG index_processor::worker"), "{worked}");
    run(&other, &["logging", "reset"], 0)?;
    says("logging goes by its own filter \"info\" again")?;
    Ok(())
}
