//! The fleet's own cost: sessions through RabbitMQ and PostgreSQL with nothing to do in between, beside the two servers used
//! raw; and what a whole fleet makes of an event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::json;
use shared::blob_path::BlobPath;
use shared::ids::{ClaimId, IndexId};
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::{Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, Ledger, Version};
use shared::queue::Queue;
use shared::queue::rabbit::{RabbitQueue, RabbitSettings};
use shared::secret::Secret;
use shared::shutdown::Tasks;
use shared::work_message::{Lane, WORK_MESSAGE_VERSION, WorkMessage};
use tests::fleet::{Fleet, text};
use tests::postgres::Postgres;
use tests::rabbitmq::RabbitMq;

/// Files in work at a time.
const SLOTS: usize = 32;
/// Rows of the ledger with which a session's cost is measured.
const ROWS: [u64; 3] = [1_000, 100_000, 1_000_000];

/// Prints one line a measurement.
pub(crate) async fn measure(sessions: usize) -> anyhow::Result<()> {
    // On a thread that lives as long as the measurements: the servers end with the one that started them.
    let (rabbit, postgres) =
        tokio::task::block_in_place(|| anyhow::Ok((RabbitMq::start()?, Postgres::start()?)))?;
    let raw_broker = raw_broker(&rabbit.url(), sessions).await?;
    println!("raw lapin, publish with confirm, consume, ack: {raw_broker:.0} messages/s");
    let raw_database = raw_database(&postgres, sessions).await?;
    println!(
        "raw PostgreSQL, update and insert per transaction, {SLOTS} sessions: {raw_database:.0} transactions/s"
    );
    for rows in ROWS {
        let (rate, processor) = cycle(&rabbit, &postgres, rows, sessions).await?;
        println!(
            "session cycles with {rows} rows in the ledger: {rate:.0}/s, {:.2} of the raw broker, {:.2} of the raw \
             transactions (three each), {:.0} us of this process's CPU each",
            rate / raw_broker,
            3.0 * rate / raw_database,
            processor * 1e6
        );
    }
    drop(rabbit);
    drop(postgres);
    tokio::task::spawn_blocking(whole_fleet).await?
}

/// A quorum queue as ours, used with nothing in between.
async fn raw_broker(url: &str, messages: usize) -> anyhow::Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare("raw".into(), durable, arguments).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let began = Instant::now();
    let publishing = async {
        let mut confirms = futures::stream::FuturesUnordered::new();
        for _ in 0..messages {
            let sent = channel
                .basic_publish(
                    "".into(),
                    "raw".into(),
                    BasicPublishOptions::default(),
                    &[0; 200],
                    BasicProperties::default(),
                )
                .await?;
            confirms.push(sent);
            if confirms.len() >= 64 {
                confirms.next().await.context("no confirm")??;
            }
        }
        while let Some(confirm) = confirms.next().await {
            confirm?;
        }
        anyhow::Ok(())
    };
    let other = connection.create_channel().await?;
    let consuming = async {
        other
            .basic_qos(u16::try_from(SLOTS)?, BasicQosOptions::default())
            .await?;
        let mut consumer = other
            .basic_consume(
                "raw".into(),
                "raw".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        for _ in 0..messages {
            let delivery = consumer.next().await.context("the queue ended")??;
            delivery.ack(BasicAckOptions::default()).await?;
        }
        anyhow::Ok(())
    };
    futures::try_join!(publishing, consuming)?;
    Ok(rate(messages, began))
}

/// The least that a step of the protocol could be: a row changed and a line of history written, together.
async fn raw_database(postgres: &Postgres, transactions: usize) -> anyhow::Result<f64> {
    let url = postgres.database("raw")?;
    postgres.sql(
        "raw",
        "CREATE TABLE f (id BIGINT PRIMARY KEY, n BIGINT); CREATE TABLE h (id BIGINT, n BIGINT, detail TEXT);
        INSERT INTO f SELECT g, 0 FROM generate_series(1, 10000) g",
    )?;
    let tasks = Tasks::new();
    let mut sessions = Vec::new();
    let began = Instant::now();
    for session in 0..SLOTS {
        let url = url.clone();
        let share = transactions / SLOTS;
        let connections = tasks.clone();
        sessions.push(tasks.spawn(async move {
            let (mut client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            connections.spawn(connection);
            let update = client.prepare("UPDATE f SET n = n + 1 WHERE id = $1").await?;
            let insert = client.prepare("INSERT INTO h VALUES ($1, 1, 'detail')").await?;
            for n in 0..share {
                let id = i64::try_from(1 + (session * share + n) % 10_000)?;
                let transaction = client.transaction().await?;
                transaction.execute(&update, &[&id]).await?;
                transaction.execute(&insert, &[&id]).await?;
                transaction.commit().await?;
            }
            anyhow::Ok(())
        }));
    }
    for session in sessions {
        session.await??;
    }
    Ok(rate(transactions / SLOTS * SLOTS, began))
}

/// Full cycles: a change recorded, its wake-up published and confirmed, received, claimed, acknowledged, committed and
/// released. Returns cycles per second, and CPU seconds of this process per cycle.
async fn cycle(
    rabbit: &RabbitMq,
    postgres: &Postgres,
    rows: u64,
    sessions: usize,
) -> anyhow::Result<(f64, f64)> {
    let name = format!("cycle{rows}");
    let ledger = PostgresLedger::connect(&PostgresSettings {
        pool_size: SLOTS,
        ..PostgresSettings::new(Secret::new(&postgres.database(&name)?))
    })
    .await?;
    let index = IndexId::new("docs")?;
    ledger.ensure_index(&index, &json!({})).await?;
    postgres.sql(&name, &format!(
        "INSERT INTO files (index_id, file_id, path, state, desired_seq, claimed_seq, applied_seq, lane, not_before, reason,
            enqueued_at, entries, updated_at, live_claim, outcome, etag, content_hash, pipeline, size, chunks)
         SELECT 'docs', md5(g::text)::uuid::text, 'old/' || g, 'INDEXED', 1, 1, 1, 1, 0, 'scan', 0, 1, 0,
            md5('c' || g)::uuid::text, 'INDEXED', 'e', 'h', 'p', 100, 5 FROM generate_series(1, {rows}) g; ANALYZE"))?;
    let queue = Arc::new(RabbitQueue::new(RabbitSettings {
        prefix: name,
        ..RabbitSettings::new(Secret::new(&rabbit.url()))
    })?);
    queue.check().await?;
    let paths = (0..sessions)
        .map(|n| BlobPath::new(format!("new/{n}")))
        .collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    let cpu = cpu_seconds()?;
    let producing = async {
        for page in paths.chunks(500) {
            let changes: Vec<Change> = page
                .iter()
                .map(|path| Change::new(path.clone(), "event", Lane::Fast))
                .collect();
            let enqueued = ledger.enqueue(&index, &changes).await?;
            let woken: Vec<WorkMessage> = page
                .iter()
                .zip(&enqueued)
                .map(|(path, enqueued)| WorkMessage {
                    v: WORK_MESSAGE_VERSION,
                    index: index.clone(),
                    file_id: enqueued.file_id,
                    path: path.clone(),
                    seq: enqueued.seq,
                })
                .collect();
            let publishes = woken.iter().map(|message| queue.publish(Lane::Fast, message));
            let mut publishes = futures::stream::iter(publishes).buffer_unordered(64);
            while let Some(published) = publishes.next().await {
                published?;
            }
            ledger.mark_woken(&woken).await?;
        }
        anyhow::Ok(())
    };
    let working = async {
        let mut consumer = queue.consume(Lane::Fast, u16::try_from(SLOTS)?).await?;
        let mut under_way = futures::stream::FuturesUnordered::new();
        for _ in 0..sessions {
            if under_way.len() >= SLOTS {
                let ended: anyhow::Result<()> = under_way.next().await.context("nothing under way")?;
                ended?;
            }
            let delivery = consumer.receive().await?;
            let ledger = Arc::clone(&ledger);
            under_way.push(async move {
                let request = ClaimRequest {
                    index: delivery.message.index.clone(),
                    file_id: delivery.message.file_id,
                    claim_id: ClaimId::generate(),
                    owner: "bench".to_owned(),
                    lease: Duration::from_secs(60),
                };
                let outcome = ledger.claim(&request).await?;
                delivery.ack().await?;
                let ClaimOutcome::Claimed(claim) = outcome else {
                    anyhow::bail!("a file was not claimable");
                };
                let version = Version {
                    etag: "e".to_owned(),
                    content_hash: "h".to_owned(),
                    pipeline: "p".to_owned(),
                    size: 100,
                    chunks: 5,
                    missing: Vec::new(),
                };
                ledger
                    .commit(&Commit {
                        hold: claim.hold,
                        change: CommitChange::Replace(version),
                        detail: json!({}),
                        debounce: Duration::ZERO,
                    })
                    .await?;
                Ok(())
            });
        }
        while let Some(ended) = under_way.next().await {
            ended?;
        }
        anyhow::Ok(())
    };
    futures::try_join!(producing, working)?;
    let per_second = rate(sessions, began);
    let cpu = (cpu_seconds()? - cpu) / f64::from(u32::try_from(sessions)?);
    Ok((per_second, cpu))
}

/// Event to searchable, and scale-out, with the services as processes.
fn whole_fleet() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(1)?;
    fleet.add_processor()?;
    let mut waits = Vec::new();
    for number in 0..60 {
        let path = format!("latency/{number}.md");
        fleet.write(&path, &text(&path, 1))?;
        let event = fleet.event("BlobCreated", &path);
        let began = Instant::now();
        fleet.report(&[event])?;
        let word = text(&path, 1)
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        while fleet.search(&word)?.is_empty() {
            ensure!(
                began.elapsed() < Duration::from_secs(60),
                "{path} does not become searchable"
            );
        }
        waits.push(began.elapsed());
    }
    waits.sort_unstable();
    println!(
        "event to searchable: p50 {} ms, p99 {} ms",
        waits[waits.len() / 2].as_millis(),
        waits[waits.len() * 99 / 100].as_millis()
    );
    fleet.model.set(|faults| faults.latency_ms = 50);
    let mut one = 0.0;
    for processors in [1, 4] {
        while fleet.processors.len() < processors {
            fleet.add_processor()?;
        }
        let mut events = Vec::new();
        for number in 0..400 {
            let path = format!("scale{processors}/{number}.md");
            fleet.write(&path, &text(&path, 1))?;
            events.push(fleet.event("BlobCreated", &path));
        }
        let began = Instant::now();
        for page in events.chunks(100) {
            fleet.report(page)?;
        }
        while fleet.get("/backlog")?["backlog"] != 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let per_second = rate(events.len(), began);
        if processors == 1 {
            one = per_second;
        }
        println!(
            "{processors} processors, embedder with 50 ms: {per_second:.0} files/s, {:.2} times one",
            per_second / one
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

/// CPU seconds of this process so far, user and system (proc(5): fields 14 and 15 of `stat`, in hundredths).
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("an odd /proc/self/stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}
