//! Another embedding model without a gap: a generation is built beside the live one and takes over, whatever dies meanwhile.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::embedding_server::faults::Fault;
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;
use tests::wait;

/// A document with a word that the stems of English and German tell apart.
fn document(path: &str, revision: usize) -> String {
    format!("{}\n\nthe crane lifted boxes", text(path, revision))
}

/// A fleet with documents that are indexed.
fn started(files: usize) -> anyhow::Result<Fleet> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_control()?;
    fleet.add_processor()?;
    let mut events = Vec::new();
    for number in 0..files {
        let path = format!("docs/{number}.md");
        fleet.write(&path, &document(&path, 0))?;
        events.push(fleet.event("BlobCreated", &path));
    }
    fleet.report(&events)?;
    fleet.settle()?;
    Ok(fleet)
}

fn path(rest: &str) -> String {
    format!("/indexes/{INDEX}{rest}")
}

/// Another model at the same endpoint, and another language, so that a search tells which generation answered.
fn begin(fleet: &mut Fleet) -> anyhow::Result<(u16, Value)> {
    let body = json!({ "embedding": { "model": "other-model" }, "language": "german" });
    fleet.post(&path("/generations"), &body)
}

fn states(fleet: &mut Fleet) -> anyhow::Result<Vec<(u64, String)>> {
    let list = fleet.get(&path("/generations"))?;
    let one = |one: &Value| {
        let state = one["state"].as_str().unwrap_or_default().to_owned();
        (one["number"].as_u64().unwrap_or_default(), state)
    };
    Ok(list["generations"]
        .as_array()
        .context("no list")?
        .iter()
        .map(one)
        .collect())
}

fn is(fleet: &mut Fleet, wanted: &[(u64, &str)]) -> anyhow::Result<Option<()>> {
    let found = states(fleet)?;
    let found: Vec<(u64, &str)> = found
        .iter()
        .map(|(number, state)| (*number, state.as_str()))
        .collect();
    Ok((found == wanted).then_some(()))
}

/// [`look`] inside of a wait, where an error would only be waited out.
///
/// # Panics
/// When an answer is wrong.
fn watch(fleet: &mut Fleet, expected: &BTreeSet<String>) -> bool {
    look(fleet, expected).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A search by meaning and by words must always find every file; a word whose stem differs finds all in the one
/// generation and none in the other. Returns whether the English one answered.
fn look(fleet: &mut Fleet, expected: &BTreeSet<String>) -> anyhow::Result<bool> {
    for mode in ["full_text", "hybrid"] {
        let url = path(&format!("/search?limit=100&mode={mode}&q=paragraph"));
        let answer = fleet.get(&url)?;
        let found = paths(&answer)?;
        ensure!(
            found.is_superset(expected),
            "{mode} lost {:?}",
            expected.difference(&found).collect::<Vec<_>>()
        );
    }
    let answer = fleet.get(&path("/search?limit=100&mode=full_text&q=lifting"))?;
    let found = paths(&answer)?;
    ensure!(
        found.is_empty() || found.is_superset(expected),
        "an answer is of two generations: {found:?}"
    );
    Ok(!found.is_empty())
}

fn paths(answer: &Value) -> anyhow::Result<BTreeSet<String>> {
    let hits = answer["hits"].as_array().context("no hits")?;
    Ok(hits
        .iter()
        .filter_map(|hit| Some(hit["path"].as_str()?.to_owned()))
        .collect())
}

#[test]
fn another_model_takes_over_without_a_gap() -> anyhow::Result<()> {
    let mut fleet = started(15)?;
    let files: BTreeSet<String> = fleet.truth.keys().cloned().collect();
    ensure!(look(&mut fleet, &files)?, "English is live");
    fleet.model.set(|faults| faults.latency_ms = 150);
    let begun = begin(&mut fleet)?;
    ensure!(begun.0 == 202, "{begun:?}");

    // Killed while it builds, with something changing at the same time.
    fleet.replace_control()?;
    look(&mut fleet, &files)?;
    let changed = "docs/3.md";
    fleet.write(changed, &document(changed, 1))?;
    let added = "docs/new.md";
    fleet.write(added, &document(added, 1))?;
    let events = [
        fleet.event("BlobCreated", changed),
        fleet.event("BlobCreated", added),
    ];
    fleet.report(&events)?;
    fleet.model.set(|faults| faults.latency_ms = 20);
    let mut english = true;
    wait::until("the next generation to be live", || {
        // One that has answered once is not followed by the one before.
        let now = watch(&mut fleet, &files);
        assert!(english || !now, "the generation before answered again");
        english = now;
        is(&mut fleet, &[(1, "RETIRED"), (2, "LIVE")])
    })?;
    // Killed right after the swap.
    fleet.replace_control()?;
    ensure!(!look(&mut fleet, &files)?, "German is live");
    let index = fleet.get(&path(""))?;
    ensure!(index["generation"] == 2 && index["id"] == INDEX, "{index}");
    wait::until("the changed file to be found", || {
        let answer = fleet.get(&path("/search?mode=full_text&limit=1&q=docs3mdx1"))?;
        Ok((paths(&answer)?.contains(changed)).then_some(()))
    })?;

    // Back, with the one before behind by a file.
    let late = "docs/late.md";
    fleet.write(late, &document(late, 1))?;
    let event = fleet.event("BlobCreated", late);
    fleet.report(&[event])?;
    let with_late: BTreeSet<String> = fleet.truth.keys().cloned().collect();
    wait::until("the late file to be found", || {
        let answer = fleet.get(&path("/search?mode=full_text&limit=100&q=paragraph"))?;
        Ok((paths(&answer)? == with_late).then_some(()))
    })?;
    let undone = fleet.post(&path("/generations/2/undo"), &json!({}))?;
    ensure!(undone.0 == 202, "{undone:?}");
    fleet.replace_control()?;
    wait::until("the generation before to be live again", || {
        watch(&mut fleet, &with_late);
        is(&mut fleet, &[(1, "LIVE"), (2, "RETIRED")])
    })?;
    ensure!(look(&mut fleet, &with_late)?, "English is live");

    // Dropped, and killed while it goes.
    let dropped = fleet.send(
        reqwest::Method::DELETE,
        &path("/generations/2"),
        "application/json",
        String::new(),
    )?;
    ensure!(dropped.0 == 202, "{dropped:?}");
    fleet.replace_control()?;
    wait::until("the second generation to be gone", || {
        watch(&mut fleet, &with_late);
        is(&mut fleet, &[(1, "LIVE")])
    })?;
    fleet.settle()?;
    fleet.check_history()
}

#[test]
fn a_build_that_fails_is_rolled_back() -> anyhow::Result<()> {
    let mut fleet = started(5)?;
    let files: BTreeSet<String> = fleet.truth.keys().cloned().collect();
    // What cannot work is told at once.
    fleet
        .model
        .set(|faults| faults.model = Some("test-model".to_owned()));
    let refused = begin(&mut fleet)?;
    ensure!(refused.0 == 400, "{refused:?}");

    // What stops working later is given up.
    fleet.model.set(|faults| {
        faults.model = None;
        faults.latency_ms = 300;
    });
    let begun = begin(&mut fleet)?;
    ensure!(begun.0 == 202, "{begun:?}");
    fleet
        .model
        .set(|faults| faults.model = Some("test-model".to_owned()));
    wait::until("the build to be given up", || {
        watch(&mut fleet, &files);
        let list = fleet.get(&path("/generations"))?;
        let reason = list["failure"]["reason"].as_str().unwrap_or_default();
        Ok(reason.contains("the model refuses").then_some(()))
    })?;
    wait::until("what was built to be gone", || is(&mut fleet, &[(1, "LIVE")]))?;

    // Trouble that passes is waited for.
    fleet.model.set(|faults| {
        faults.model = None;
        faults.latency_ms = 0;
    });
    let begun = begin(&mut fleet)?;
    ensure!(begun.0 == 202, "{begun:?}");
    fleet.model.fail_next(
        10,
        Fault::Throttle {
            retry_after: Some(1.0),
        },
    );
    wait::until("the next generation to be live", || {
        is(&mut fleet, &[(1, "RETIRED"), (3, "LIVE")])
    })?;
    ensure!(!look(&mut fleet, &files)?, "German is live");
    Ok(())
}
