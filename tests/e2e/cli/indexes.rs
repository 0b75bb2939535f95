//! Indexes, their settings and generations, and removals that wait.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::wait;

use super::Remote;

#[test]
fn an_index_from_its_making_to_its_deletion() -> anyhow::Result<()> {
    let (docs, more) = (Docs::with_files(3, 1)?, Docs::with_files(5, 2)?);
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    let source = format!("file://{}", more.path().canonicalize()?.display());
    let made = remote.json(&[
        "index",
        "create",
        "more",
        "--source",
        &source,
        "--set",
        "chunking.size=400",
    ])?;
    ensure!(
        made["id"] == "more" && made["settings"]["chunking"]["size"] == 400,
        "{made}"
    );
    remote.says(&[
        "index",
        "create",
        "more",
        "--source",
        &source,
        "--set",
        "chunking.size=400",
    ])?;

    let several = remote.ends(&["search", "word1"], 2)?;
    ensure!(
        several.stderr.contains("docs, more") && several.stderr.contains("--index"),
        "{}",
        several.stderr
    );
    wait::until("the new index to be found in", || {
        let answer = remote.json(&["search", "topic4x1r0", "--index", "more", "--mode", "full_text"])?;
        Ok((answer["hits"][0]["path"] == Docs::name(4)).then_some(()))
    })?;
    let list = remote.says(&["index", "list"])?;
    ensure!(
        list.lines().count() == 3 && list.contains("ACTIVE") && list.contains(&source),
        "{list}"
    );
    // In a data folder it is the one that `up` was started with.
    ensure!(longshore.json(&["status"])?["id"] == "docs");
    ensure!(longshore.json(&["status", "--index", "more"])?["id"] == "more");

    let set = remote.json(&[
        "--index",
        "more",
        "index",
        "set",
        "files.exclude=**/*.tmp,drafts/**",
        "chunking.size=300",
    ])?;
    ensure!(
        set["index"]["settings"]["files"]["exclude"] == json!(["**/*.tmp", "drafts/**"]),
        "{set}"
    );
    let again = remote.says(&["--index", "more", "index", "set", "chunking.size=300"])?;
    ensure!(again.contains("so already"), "{again}");
    let back = remote.says(&["--index", "more", "index", "set", "chunking.size=null"])?;
    ensure!(back.contains("chunking.size takes effect"), "{back}");
    let shown = remote.says(&["index", "show", "more"])?;
    ensure!(
        shown.contains("files.exclude") && !shown.contains("chunking.size"),
        "{shown}"
    );
    remote.ends(&["--index", "more", "index", "set", "chunking.size=x"], 1)?;

    ensure!(remote.json(&["index", "pause", "more"])?["state"] == "PAUSED");
    ensure!(remote.says(&["index", "resume", "more"])?.contains("goes on"));

    let built = remote.json(&[
        "--index",
        "more",
        "index",
        "generations",
        "build",
        "--language",
        "german",
    ])?;
    ensure!(built["generations"][1]["state"] == "BUILDING", "{built}");
    wait::until("the generation to be live", || {
        let list = remote.json(&["--index", "more", "index", "generations", "list"])?;
        Ok((list["generations"][1]["state"] == "LIVE").then_some(()))
    })?;
    remote.ends(&["--index", "more", "index", "generations", "rollback"], 4)?;
    remote.ends(&["--index", "more", "index", "generations", "drop"], 2)?;
    let table = remote.says(&["--index", "more", "index", "generations", "list"])?;
    ensure!(table.contains("RETIRED") && table.contains("german"), "{table}");
    // A file is an instance of its generation.
    let name = Docs::name(4);
    let held = remote.json(&[
        "--index", "more", "instance", "suspend", &name, "--reason", "later",
    ])?;
    ensure!(
        held["instanceId"]
            .as_str()
            .is_some_and(|id| id.starts_with("more~2:")),
        "{held}"
    );
    remote.says(&["--index", "more", "instance", "resume", &name])?;
    remote.says(&["--index", "more", "index", "generations", "undo", "--now"])?;

    remote.ends(&["index", "delete", "more"], 2)?;
    ensure!(remote.json(&["index", "delete", "more", "--yes"])?["state"] == "DELETING");
    wait::until("the index to be gone", || {
        let list = remote.json(&["index", "list"])?;
        Ok((list.as_array().map(Vec::len) == Some(1)).then_some(()))
    })?;
    Ok(())
}

#[test]
fn removals_of_any_index_are_decided() -> anyhow::Result<()> {
    let (docs, more) = (Docs::with_files(3, 1)?, Docs::with_files(40, 1)?);
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    let source = more.path().canonicalize()?.to_string_lossy().into_owned();
    // On the same machine a folder may be named as people name folders.
    let made = longshore.run(&["index", "create", "more", "--source", &source])?;
    ensure!(made.code() == 0, "{}", made.stderr);
    let indexed = |count: u64| {
        wait::until(&format!("{count} files to be indexed"), || {
            let status = remote.json(&["status", "--index", "more"])?;
            Ok((status["stats"]["by_state"]["INDEXED"] == count).then_some(()))
        })
    };
    indexed(40)?;
    for number in 0..30 {
        more.remove(&Docs::name(number))?;
    }
    remote.says(&["run", "--index", "more"])?;
    let waiting = || -> anyhow::Result<Option<Value>> {
        let list = remote.json(&["approvals", "--state", "WAITING"])?;
        Ok(list.get(0).filter(|approval| approval["files"] == 30).cloned())
    };
    let asked = wait::until("30 removals to wait", waiting)?;
    ensure!(asked["index"] == "more", "{asked}");
    let none = remote.json(&["approvals", "--index", "docs"])?;
    ensure!(none == json!([]), "{none}");
    let some = remote.says(&[
        "approve",
        "--index",
        "more",
        "--files",
        "10",
        "--note",
        "moved on purpose",
    ])?;
    ensure!(some.contains("10 files removed from index more now"), "{some}");
    // What is more than was agreed to asks again.
    let rest = wait::until("the rest to be asked about", || {
        let list = remote.json(&["approvals", "--state", "WAITING"])?;
        let waits = |approval: &&Value| approval["files"] == 20;
        Ok(list.get(0).filter(waits).cloned())
    })?;
    let number = rest["number"].as_u64().context("no number")?.to_string();
    let kept = remote.says(&["reject", &number, "--index", "more"])?;
    ensure!(kept.contains("20 files kept in index more"), "{kept}");
    remote.ends(&["reject", &number, "--index", "more"], 7)?;
    let table = remote.says(&["approvals"])?;
    ensure!(
        table.contains("KEPT") && table.contains("APPROVED") && table.contains("moved on purpose"),
        "{table}"
    );
    Ok(())
}
