//! What goes on in the background goes on after `kill -9`: a run, the timer of an approval, the deletion of an index, the
//! building of a generation and its taking over. Real processes, through the front door.

mod embedded;
mod fleet;

use std::time::Instant;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::arena::Arena;

/// Files of an index that is to lose some of them, those that go, and those that stay.
const FILES: usize = 12;
const GOING: usize = 8;
const STAYING: usize = FILES - GOING;

/// An index on a folder of `source` that has its name, which asks before it removes more than two files.
fn careful(arena: &Arena, name: &str, source: &str, otherwise: &str) -> anyhow::Result<()> {
    let approval = json!({ "files": 2, "share": 0.1, "decide_after_seconds": null, "otherwise": otherwise });
    let wanted = json!({ "name": name, "source": source, "prefix": name, "approval": approval });
    arena.does(&Method::POST, "/indexes", Some(wanted), 201)?;
    Ok(())
}

/// Waits until the removals wait, and then gives them some seconds.
fn set_timer(arena: &Arena, name: &str, since: Instant) -> anyhow::Result<u64> {
    let path = format!("/approvals?index={name}");
    arena.until("the removals to wait", &path, |approvals| {
        approvals[0]["state"] == "WAITING" && approvals[0]["files"] == GOING
    })?;
    // It counts from when the first of them was reported, so that a slow machine must not have used it up by now.
    let seconds = since.elapsed().as_secs() + 5;
    let patch = json!({ "approval": { "decide_after_seconds": seconds } });
    arena.does(&Method::PATCH, &format!("/indexes/{name}"), Some(patch), 200)?;
    let approvals = arena.get(&path)?;
    ensure!(
        approvals[0]["state"] == "WAITING",
        "too early to be decided: {approvals}"
    );
    Ok(seconds)
}

/// Waits until the timer has decided, and checks that it did so once, in time, and about all of them.
fn decided_by_timer(arena: &Arena, name: &str, state: &str, seconds: u64) -> anyhow::Result<()> {
    let path = format!("/approvals?index={name}");
    let approvals = arena.until("the decision to be carried out", &path, |approvals| {
        !approvals[0]["finished_at"].is_null()
    })?;
    let approval = &approvals[0];
    ensure!(
        approvals.as_array().is_some_and(|all| all.len() == 1)
            && approval["state"] == state
            && approval["decided_by"] == "timer"
            && approval["files"] == GOING
            && approval["passed"] == GOING,
        "{approvals}"
    );
    let time = |field: &str| approval[field].as_u64().context("no time");
    ensure!(
        time("decided_at")? >= time("opened_at")? + 1000 * seconds,
        "decided before its time of {seconds} s: {approval}"
    );
    Ok(())
}

/// Files of the index in each state that matters.
fn states(index: &Value) -> [u64; 2] {
    ["INDEXED", "DELETED"].map(|state| index["stats"]["by_state"][state].as_u64().unwrap_or(0))
}
