//! `longshore up` with each embedded part replaced by a server, one by one and all together.

use anyhow::ensure;
use serde_json::json;
use tests::azurite::{ACCOUNT, Azurite};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::postgres::Postgres;
use tests::qdrant_front::process::FrontProcess;
use tests::rabbitmq::RabbitMq;

#[test]
fn each_part_can_be_a_server() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let rabbit = RabbitMq::start()?;
    let folder = tempfile::tempdir()?;
    let vectors = FrontProcess::start(&folder.path().join("vectors"), None)?;
    for mask in 1..8_usize {
        let database = postgres.database(&format!("up{mask}"))?;
        let prefix = format!("up{mask}");
        let all = [
            ("DATABASE_URL", database),
            ("AMQP_URL", rabbit.url()),
            ("QDRANT_URL", vectors.url()),
        ];
        let mut longshore = Longshore::new(&[])?
            .with_variable("QDRANT_COLLECTION_PREFIX", &prefix)
            .with_variable("AMQP_PREFIX", &prefix);
        for (number, (name, value)) in all.iter().enumerate() {
            if mask & (1 << number) != 0 {
                longshore = longshore.with_variable(name, value);
            }
        }
        let docs = Docs::with_files(5, 2)?;
        let ran = longshore.once_ok(&docs)?;
        ensure!(
            ran.stderr.contains("5 files indexed"),
            "servers {mask:03b}: {}",
            ran.stderr
        );
        let found = longshore.search("word3")?;
        ensure!(found == [Docs::name(3)], "servers {mask:03b}: {found:?}");
        std::fs::remove_file(docs.file(&Docs::name(3)))?;
        longshore.once_ok(&docs)?;
        ensure!(
            longshore.search("word3")?.is_empty(),
            "servers {mask:03b}: a removed file is found"
        );
    }
    Ok(())
}

#[test]
fn a_container_is_an_index_beside_the_folder() -> anyhow::Result<()> {
    let azurite = Azurite::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let container = runtime.block_on(azurite.container("container-one"))?;
    let docs = Docs::with_files(2, 1)?;
    let mut longshore = Longshore::new(&["--name", "docs"])?;
    for (name, value) in azurite.environment() {
        longshore = longshore.with_variable(name, &value);
    }
    runtime.block_on(container.put("a.md", "# Anemometer\n\nIt measures wind.\n"))?;
    let up = longshore.up(&docs, &[])?;
    up.create("cloud", &container.source())?;
    up.finds("cloud", "anemometer", &["a.md"])?;
    up.finds("docs", "topic1x0r0", &["part-0/doc-1.md"])?;

    // The next comparison is minutes away: the event is what brings it.
    runtime.block_on(container.put("b.md", "# Barometer\n\nIt measures pressure.\n"))?;
    let name = container.name();
    let event = json!([{
        "topic": format!("/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"),
        "subject": format!("/blobServices/default/containers/{name}/blobs/b.md"),
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": "event-1",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "", "metadataVersion": "1",
        "data": { "api": "PutBlob", "sequencer": "1", "url": format!("https://{ACCOUNT}.blob.core.windows.net/{name}/b.md") },
    }]);
    let (status, receipt) = up.ask("POST", "/events/azure", Some(&event))?;
    ensure!(status == 200 && receipt["accepted"] == 1, "{status} {receipt}");
    up.finds("cloud", "barometer", &["b.md"])?;

    let (status, _) = up.ask("DELETE", "/indexes/cloud", None)?;
    ensure!(status == 202);
    up.lists(&["docs"])?;
    runtime.block_on(container.put("c.md", "the container takes blobs as before"))?;
    Ok(())
}

#[test]
fn a_database_of_its_own_may_hold_several() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let database = postgres.database("several")?;
    let (docs, notes) = (Docs::with_files(2, 1)?, Docs::with_files(2, 1)?);
    let longshore = Longshore::new(&["--name", "docs"])?.with_variable("DATABASE_URL", &database);
    let up = longshore.up(&docs, &[])?;
    up.create("notes", &notes.path().to_string_lossy())?;
    up.finds("notes", "topic1x0r0", &["part-0/doc-1.md"])?;
    ensure!(up.stop()?.success());
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("topic1x0r0")? == ["part-0/doc-1.md"]);
    // Somebody else's data folder has nothing to do in there.
    let stranger = Longshore::new(&["--name", "stranger"])?.with_variable("DATABASE_URL", &database);
    let ran = stranger.once(&docs)?;
    ensure!(
        ran.code() == 1 && ran.stderr.contains("other indexes (docs, notes)"),
        "{}",
        ran.stderr
    );
    Ok(())
}
