//! `longshore up` with each embedded part replaced by a server, one by one and all together.

use anyhow::ensure;
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
