//! Runs, and what people do to files and runs.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::wait;

use super::Remote;

#[test]
fn a_run_is_watched_to_its_end() -> anyhow::Result<()> {
    let docs = Docs::with_files(30, 2)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    wait::until("everything to be indexed", || {
        let status = remote.json(&["status"])?;
        Ok((status["stats"]["by_state"]["INDEXED"] == 30).then_some(()))
    })?;
    let watched = remote.ends(&["run", "--full", "--watch"], 0)?;
    ensure!(
        watched.stdout.contains("completed in") && watched.stdout.contains("30 "),
        "{watched:?}"
    );

    // For programs: each event a line, the last one as the API shows the run.
    let events = remote.lines(&["run", "--full", "--watch"])?;
    let last = events.last().context("no events")?;
    ensure!(
        last["state"] == "COMPLETED" && last["done"] == 30 && last["total"] == 30,
        "{last}"
    );
    let id = last["id"].as_str().context("no id")?;
    let shown = remote.json(&["runs", "show", id])?;
    ensure!(shown["counts"] == last["counts"], "{shown} {last}");
    ensure!(
        remote.json(&["status", id])? == remote.json(&["runs", "show", id])? || shown["state"] == "COMPLETED"
    );
    ensure!(remote.says(&["status", id])?.contains("30 of 30 done"));
    // One that is over can be watched, too.
    remote.ends(&["run", "watch", id], 0)?;
    remote.ends(&["run", "cancel", id], 0)?;

    let listed = remote.lines(&["runs", "--kind", "full"])?;
    ensure!(listed.len() == 2 && listed[0]["id"] == id, "{listed:?}");
    ensure!(remote.lines(&["runs", "-n", "1"])?.len() == 1);
    let table = remote.says(&["runs", "list", "--kind", "full"])?;
    ensure!(table.contains("COMPLETED") && table.contains(id), "{table}");
    remote.ends(&["runs", "--kind", "odd"], 2)?;
    remote.ends(&["run", "--full", "--retry"], 2)?;
    Ok(())
}

#[test]
fn a_cancelled_run_ends_its_watch_with_a_failure() -> anyhow::Result<()> {
    let docs = Docs::with_files(20, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    wait::until("everything to be indexed", || {
        let status = remote.json(&["status"])?;
        Ok((status["stats"]["by_state"]["INDEXED"] == 20).then_some(()))
    })?;
    // Paused, so that none of its files begins.
    remote.says(&["index", "pause"])?;
    let run = remote.json(&["run", "--full"])?;
    let run = run["run"].as_str().context("no run")?.to_owned();
    wait::until("its files to be recorded", || {
        Ok((remote.json(&["runs", "show", &run])?["total"] == 20).then_some(()))
    })?;
    let asked = remote.says(&["run", "cancel", &run])?;
    ensure!(asked.contains("is cancelled"), "{asked}");
    let watched = remote.ends(&["run", "watch", &run], 1)?;
    ensure!(watched.stdout.contains("cancelled in"), "{watched:?}");
    Ok(())
}

#[test]
fn files_are_held_ended_and_repeated() -> anyhow::Result<()> {
    let docs = Docs::with_files(5, 1)?;
    docs.write("damaged.pdf", b"%PDF-1.7\nnothing of the kind")?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    wait::until("the damaged file to have failed", || {
        let status = remote.json(&["status"])?;
        let stats = &status["stats"];
        Ok((stats["by_state"]["FAILED"] == 1 && stats["backlog"] == 0).then_some(()))
    })?;
    let why = remote.ends(&["why", "damaged.pdf"], 4)?.stdout;
    ensure!(why.contains("not found") && why.contains("STOP"), "{why}");
    let why = remote.json(&["why", &Docs::name(2), "--query", "word2"])?;
    ensure!(why["found"] == true, "{why}");
    let why = remote.ends(&["why", "nowhere.md", "--json"], 4)?.stdout;
    ensure!(why.contains("\"found\": false"), "{why}");

    let failed = remote.lines(&["instance", "list", "--status", "Failed"])?;
    ensure!(
        failed.len() == 1 && failed[0]["input"]["path"] == "damaged.pdf",
        "{failed:?}"
    );
    let id = failed[0]["instanceId"].as_str().context("no id")?;
    let shown = remote.says(&["instance", "show", id])?;
    ensure!(
        shown.contains("ExecutionStarted") && shown.contains("TaskFailed"),
        "{shown}"
    );
    ensure!(remote.says(&["retry", "damaged.pdf"])?.contains("1 failed file"));
    ensure!(
        remote
            .says(&["retry", &Docs::name(1)])?
            .contains("nothing to try again")
    );
    wait::until("it to have failed again", || {
        let history = remote.lines(&["history", "damaged.pdf"])?;
        let retried = history.iter().any(|entry| entry["event"] == "retried");
        let ended = history.first().is_some_and(|entry| entry["state"] == "FAILED");
        Ok((retried && ended).then_some(()))
    })?;
    remote.says(&["instance", "rewind", "damaged.pdf", "--reason", "again"])?;
    let ended = remote.ends(&["instance", "terminate", &Docs::name(1)], 7)?;
    ensure!(
        ended.stderr.contains("gone") || ended.stderr.contains("ended"),
        "{}",
        ended.stderr
    );

    remote.ends(&["instance", "purge"], 2)?;
    remote.ends(&["instance", "purge", &Docs::name(1)], 2)?;
    let purged = remote.json(&["instance", "purge", &Docs::name(1), "--yes"])?;
    ensure!(purged["instancesDeleted"] == 1, "{purged}");
    let purged = remote.json(&[
        "instance",
        "purge",
        "--from",
        "1d",
        "--status",
        "Completed",
        "--yes",
    ])?;
    ensure!(purged["instancesDeleted"].as_u64() >= Some(4), "{purged}");
    Ok(())
}

#[test]
fn without_a_running_process_runs_wait_for_the_next_one() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    docs.write("damaged.pdf", b"%PDF-1.7\nnothing of the kind")?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    ensure!(longshore.once(&docs)?.code() == 3);
    let retry = longshore.run(&["retry"])?;
    ensure!(
        retry
            .stdout
            .contains("1 failed file tried again at the next `longshore up`"),
        "{}",
        retry.stdout
    );
    let run = longshore.run(&["run", "--full", "--watch"])?;
    ensure!(
        run.code() == 0 && run.stdout.contains("begins at the next `longshore up`"),
        "{} {}",
        run.stdout,
        run.stderr
    );
    docs.write("damaged.pdf", b"it is text now")?;
    ensure!(longshore.once(&docs)?.code() != 1);
    let runs = longshore.run(&["runs", "--json"])?.stdout;
    let runs: Vec<Value> = runs.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for (kind, files) in [("full", 3), ("retry", 1)] {
        let of_kind = runs.iter().find(|run| run["kind"] == kind);
        let of_kind = of_kind.with_context(|| format!("no {kind} run: {runs:?}"))?;
        ensure!(
            of_kind["state"] == "COMPLETED" && of_kind["total"] == files,
            "{of_kind}"
        );
    }
    Ok(())
}
