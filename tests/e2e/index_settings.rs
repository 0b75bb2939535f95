//! Settings of an index through the front door: what each change does to files, chunks and search, on SQLite and on
//! PostgreSQL; the parts are those that run in production, on a folder and with vectors in memory.

mod desk;
mod refusals;

use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use shared::clock::{Clock, SystemClock};
use shared::ledger::ControlLedger;
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::sqlite::SqliteLedger;
use shared::secret::Secret;
use tests::folder::Docs;
use tests::postgres::Postgres;

use self::desk::{Answer, Desk};

/// Files below `drafts`.
const DRAFTS: usize = 3;
/// Files that are removed when drafts are left out, and one that was removed before.
const GONE: usize = DRAFTS + 1;
/// All files.
const FILES: usize = 8;

fn docs() -> anyhow::Result<Docs> {
    let docs = Docs::new()?;
    for number in 0..DRAFTS {
        docs.write(&format!("drafts/d{number}.md"), Docs::text(number, 2, 0))?;
    }
    for number in DRAFTS..FILES {
        docs.write(&format!("kept/k{number}.md"), Docs::text(number, 2, 0))?;
    }
    Ok(docs)
}

/// Everything that a test checks, one after the other on one index.
async fn everything(ledger: Arc<dyn ControlLedger>) -> anyhow::Result<()> {
    let desk = Desk::start(ledger, docs()?).await?;
    let made = desk.make(json!({ "files": { "exclude": ["**/*.tmp"] } })).await?;
    ensure!(made.status == 201, "{made:?}");
    desk.settled(json!({ "INDEXED": FILES })).await?;
    refusals::nonsense_is_refused(&desk).await?;
    refusals::one_of_two_clients_wins(&desk).await?;
    globs_remove_and_restore(&desk).await?;
    chunks_follow_a_full_run(&desk).await?;
    large_and_unwanted_files_are_skipped(&desk).await?;
    the_guard_is_the_indexs_own(&desk).await?;
    the_prefix_can_move(&desk).await?;
    refusals::a_deleted_index_takes_no_change(&desk).await?;
    desk.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_take_effect_on_sqlite() -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    everything(SqliteLedger::in_memory(&clock)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_take_effect_on_postgres() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.database("settings")?;
    everything(PostgresLedger::connect(&PostgresSettings::new(Secret::new(&url))).await?).await
}

fn effects(answer: &Answer) -> Vec<String> {
    let effects = answer.body["effects"].as_array().cloned().unwrap_or_default();
    let one = |effect: Value| {
        let word = |name: &str| effect[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("field"), word("effect"))
    };
    effects.into_iter().map(one).collect()
}

async fn globs_remove_and_restore(desk: &Desk) -> anyhow::Result<()> {
    ensure!(desk.finds("word1").await?, "a draft is not found");
    let answer = desk
        .patch(json!({ "files": { "exclude": ["drafts/**"] } }))
        .await?;
    ensure!(effects(&answer) == ["files.exclude now"], "{answer:?}");
    ensure!(
        answer.body["compares"] == true && answer.body["files_for_full_run"] == 0,
        "{answer:?}"
    );
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "DELETED": DRAFTS }))
        .await?;
    ensure!(!desk.finds("word1").await?, "an excluded file is found");
    ensure!(desk.finds("word5").await?, "another file is not found any more");
    // Neither a new file nor a full run brings one in.
    desk.docs.write("drafts/new.md", Docs::text(90, 1, 0))?;
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "DELETED": DRAFTS }))
        .await?;
    desk.docs.remove("drafts/new.md")?;
    // An include leaves out what it does not name.
    let answer = desk
        .patch(json!({ "files": { "exclude": null, "include": ["kept/*5.md", "drafts/**"] } }))
        .await?;
    ensure!(
        effects(&answer) == ["files.include now", "files.exclude now"],
        "{answer:?}"
    );
    desk.settled(json!({ "INDEXED": DRAFTS + 1, "DELETED": FILES - DRAFTS - 1 }))
        .await?;
    desk.patch(json!({ "files": { "include": null } })).await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    ensure!(desk.finds("word1").await?, "an included file is not found again");
    Ok(())
}

async fn chunks_follow_a_full_run(desk: &Desk) -> anyhow::Result<()> {
    let before = desk.chunks().await?;
    let answer = desk
        .patch(json!({ "chunking": { "size": 200, "overlap": 0, "unit": "characters" } }))
        .await?;
    let expected = [
        "chunking.size full_run",
        "chunking.overlap full_run",
        "chunking.unit full_run",
    ];
    ensure!(effects(&answer) == expected, "{answer:?}");
    // The tombstones of the files that were left out for a while are not among them.
    ensure!(answer.body["files_for_full_run"] == FILES, "{answer:?}");
    ensure!(answer.body["compares"] == false, "{answer:?}");
    desk.run("").await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    ensure!(desk.chunks().await? == before, "a comparison made files again");
    let index = desk.index().await?;
    ensure!(index["comparison"]["outdated"] == FILES, "{index}");
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    let smaller = desk.chunks().await?;
    ensure!(smaller > before, "{before} chunks became {smaller}");
    desk.run("").await?;
    let index = desk.index().await?;
    ensure!(index["comparison"]["outdated"] == 0, "{index}");
    // One type of its own: everything here is Markdown.
    desk.patch(json!({ "chunking": { "types": { "markdown": { "size": 4000 }, "pdf": { "size": 50 } } } }))
        .await?;
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    let larger = desk.chunks().await?;
    ensure!(larger < smaller, "{smaller} chunks became {larger}");
    desk.patch(json!({ "chunking": null })).await?;
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    ensure!(
        desk.chunks().await? == before,
        "the same settings make other chunks"
    );
    Ok(())
}

async fn large_and_unwanted_files_are_skipped(desk: &Desk) -> anyhow::Result<()> {
    // More than the process allows, and less than the index does then.
    desk.docs.write("kept/large.md", Docs::text(77, 60, 0))?;
    desk.run("").await?;
    desk.settled(json!({ "INDEXED": FILES, "SKIPPED": 1 })).await?;
    desk.patch(json!({ "files": { "max_bytes": 1 << 20 } })).await?;
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES + 1 })).await?;
    ensure!(
        desk.finds("word77").await?,
        "a file within the limit is not found"
    );
    desk.docs.remove("kept/large.md")?;
    desk.run("").await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    for (patch, code) in [
        (json!({ "files": { "max_bytes": 10 } }), "too_large"),
        (
            json!({ "files": { "max_bytes": null, "skip_types": ["markdown"] } }),
            "type_not_wanted",
        ),
    ] {
        let answer = desk.patch(patch).await?;
        ensure!(
            effects(&answer)
                .iter()
                .all(|effect| effect.ends_with("new_files")),
            "{answer:?}"
        );
        ensure!(answer.body["files_for_full_run"] == FILES, "{answer:?}");
        desk.run("full=true").await?;
        desk.settled(json!({ "SKIPPED": FILES })).await?;
        let file = desk.get("/indexes/docs/files/kept/k5.md").await?;
        ensure!(file.body.to_string().contains(code), "{file:?}");
        ensure!(!desk.finds("word5").await?, "a skipped file is found");
    }
    desk.patch(json!({ "files": null, "limits": { "attempt_minutes": 3 } }))
        .await?;
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES })).await
}

async fn the_guard_is_the_indexs_own(desk: &Desk) -> anyhow::Result<()> {
    desk.patch(json!({ "approval": { "files": 1, "share": 0.1 } }))
        .await?;
    desk.patch(json!({ "files": { "exclude": ["drafts/**"] } }))
        .await?;
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "AWAITING_APPROVAL": DRAFTS }))
        .await?;
    ensure!(desk.finds("word1").await?, "a held removal was carried out");
    desk.run("full=true").await?;
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "AWAITING_APPROVAL": DRAFTS }))
        .await?;
    ensure!(
        desk.finds("word1").await?,
        "a full run carried a held removal out"
    );
    // Taken back, they are as before; approved, they go.
    desk.patch(json!({ "files": { "exclude": null } })).await?;
    desk.settled(json!({ "INDEXED": FILES })).await?;
    desk.patch(json!({ "files": { "exclude": ["drafts/**"] } }))
        .await?;
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "AWAITING_APPROVAL": DRAFTS }))
        .await?;
    let approvals = desk.get("/approvals?index=docs").await?;
    let number = approvals.body[0]["number"].as_u64().context("no approval")?;
    let approve = format!("/indexes/docs/approvals/{number}/approve");
    let answer = desk.post(&approve, json!({ "files": DRAFTS })).await?;
    ensure!(answer.status == 200, "{answer:?}");
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "DELETED": GONE }))
        .await?;
    desk.patch(json!({ "files": { "exclude": null }, "approval": null }))
        .await?;
    desk.settled(json!({ "INDEXED": FILES })).await
}

async fn the_prefix_can_move(desk: &Desk) -> anyhow::Result<()> {
    let answer = desk.patch(json!({ "prefix": "/kept/" })).await?;
    ensure!(effects(&answer) == ["prefix now"], "{answer:?}");
    ensure!(answer.body["index"]["settings"]["prefix"] == "kept", "{answer:?}");
    desk.settled(json!({ "INDEXED": FILES - DRAFTS, "DELETED": GONE }))
        .await?;
    desk.patch(json!({ "prefix": null })).await?;
    desk.settled(json!({ "INDEXED": FILES })).await
}
