//! A ledger with very many files: a few that the ledger made itself, copied with other names, claims and contents.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use anyhow::Context;
use futures::SinkExt;
use shared::blob_path::BlobPath;
use shared::ids::{ClaimId, FileId, IndexId, RunId};
use tokio_postgres::NoTls;

use super::lives::{FOLDER, Kind, Samples};

/// PROCESSING and PUBLISHING files, each.
const RUNNING: usize = 64;
/// Files of a folder.
const FOLDER_SIZE: usize = 500;
/// Files per run that is over.
const FILES_PER_RUN: usize = 500;
/// What is known of each copy before it is made.
const SEED: &str = "(n BIGINT, kind BIGINT, file_id TEXT, path TEXT, one TEXT, two TEXT, tag TEXT, hash TEXT, size BIGINT, chunks BIGINT)";

/// The n-th path of an index of `files`; nested, in this order.
pub(crate) fn path_of(n: usize) -> String {
    const TYPES: [&str; 4] = ["md", "pdf", "docx", "html"];
    let (folder, place) = (n / FOLDER_SIZE, n % FOLDER_SIZE);
    let (department, project) = (folder / 100, folder % 100);
    format!(
        "department-{department:03}/project-{project:02}/part-{:02}/document-{place:03}.{}",
        place / 50,
        TYPES[n % TYPES.len()]
    )
}

/// What the n-th file is: each kind has its share of every thousand, and one of the first thousands is running.
pub(crate) fn kind_of(n: usize) -> Kind {
    // Spread evenly, by a multiplication that has no common factor with the thousand.
    let mut place = n * 617 % 1000;
    let thousand = n / 1000;
    if place == 0 && thousand < 2 * RUNNING {
        return if thousand.is_multiple_of(2) {
            Kind::Processing
        } else {
            Kind::Publishing
        };
    }
    for kind in Kind::ALL {
        if place < kind.per_mille() {
            return kind;
        }
        place -= kind.per_mille();
    }
    Kind::Indexed
}

/// The tag of the n-th file's content.
pub(crate) fn tag_of(n: usize) -> String {
    blake3::hash(&n.to_be_bytes()).to_hex()[..32].to_owned()
}

/// A database beside its ledger.
pub(crate) enum Store {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Store {
    /// A SQLite database that nothing else has open: what is written is not safe until [`Store::finish`].
    pub(crate) fn sqlite(file: &Path) -> anyhow::Result<Self> {
        let db = rusqlite::Connection::open(file)?;
        db.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = FILE")?;
        Ok(Self::Sqlite(db))
    }

    /// A PostgreSQL database.
    #[expect(clippy::disallowed_methods, reason = "the connection ends with its client")]
    pub(crate) async fn postgres(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client
            .batch_execute("SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
            .await?;
        Ok(Self::Postgres(client))
    }

    async fn run(&self, sql: &str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(db) => db.execute_batch(sql)?,
            // Texts are compared by their bytes, as in the ledger's own tables.
            Self::Postgres(client) => {
                client
                    .batch_execute(&sql.replace(" TEXT", " TEXT COLLATE \"C\""))
                    .await?
            }
        }
        Ok(())
    }

    async fn texts(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        Ok(match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare(sql)?;
                let rows = statement.query_map([], |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            }
            Self::Postgres(client) => {
                let rows = client.query(sql, &[]).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
        })
    }

    async fn columns(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let sql = format!("SELECT * FROM {table}");
        Ok(match self {
            Self::Sqlite(db) => db.prepare(&sql)?.column_names().map(str::to_owned).collect(),
            Self::Postgres(client) => {
                let statement = client.prepare(&sql).await?;
                statement
                    .columns()
                    .iter()
                    .map(|column| column.name().to_owned())
                    .collect()
            }
        })
    }

    /// Takes away the indexes of a table that only make it fast to read; returns how to make them again.
    async fn without_indexes(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let (texts, names) = match self {
            Self::Sqlite(_) => {
                let of = format!(
                    "FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '{table}'"
                );
                (
                    format!("SELECT sql {of} ORDER BY name"),
                    format!("SELECT name {of}"),
                )
            }
            Self::Postgres(_) => {
                let of =
                    format!("FROM pg_indexes WHERE tablename = '{table}' AND indexname NOT LIKE '%_pkey'");
                (
                    format!("SELECT indexdef {of} ORDER BY indexname"),
                    format!("SELECT indexname::text {of}"),
                )
            }
        };
        let made_by = self.texts(&texts).await?;
        for name in self.texts(&names).await? {
            self.run(&format!("DROP INDEX {name}")).await?;
        }
        Ok(made_by)
    }

    /// Writes rows of texts and numbers, as a line each with tabs between.
    async fn seeds(&mut self, rows: impl Iterator<Item = [String; 10]>) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(db) => {
                let tx = db.transaction()?;
                {
                    let mut insert = tx.prepare("INSERT INTO seeds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
                    for row in rows {
                        insert.execute(row)?;
                    }
                }
                tx.commit()?;
            }
            Self::Postgres(client) => {
                let sink = client.copy_in("COPY seeds FROM STDIN").await?;
                let mut sink = std::pin::pin!(sink);
                let mut text = String::new();
                for row in rows {
                    writeln!(text, "{}", row.join("\t"))?;
                    if text.len() > 1 << 20 {
                        sink.send(Cursor::new(std::mem::take(&mut text).into_bytes()))
                            .await?;
                    }
                }
                sink.send(Cursor::new(text.into_bytes())).await?;
                sink.finish().await?;
            }
        }
        Ok(())
    }

    /// Makes the files, their history and runs out of the samples, which are gone afterwards.
    pub(crate) async fn fill(
        &mut self,
        index: &IndexId,
        samples: &Samples,
        files: usize,
    ) -> anyhow::Result<()> {
        self.run(&format!("CREATE TEMP TABLE seeds {SEED}")).await?;
        let mut order = Vec::with_capacity(files);
        for n in 0..files {
            order.push((FileId::of(index, &BlobPath::new(path_of(n))?).to_string(), n));
        }
        // In the order of their key, so that it is written once, from left to right.
        order.sort_unstable();
        self.seeds(order.into_iter().map(|(file, n)| seed(n, file)))
            .await?;
        self.run(&samples_as_tables(samples)).await?;
        let mut indexes = self.without_indexes("files").await?;
        indexes.extend(self.without_indexes("history").await?);
        for table in ["files", "history"] {
            self.copy(table).await?;
        }
        for index in indexes {
            self.run(&index).await?;
        }
        self.run(&format!(
            "DELETE FROM history WHERE file_id IN (SELECT file_id FROM files WHERE path LIKE '{FOLDER}/%');
             DELETE FROM files WHERE path LIKE '{FOLDER}/%';
             DELETE FROM dead_claims;"
        ))
        .await?;
        self.runs(samples, files).await
    }

    /// Copies a table's samples for each seed. The joins are written so that SQLite goes through the seeds in their order.
    async fn copy(&self, table: &str) -> anyhow::Result<()> {
        let columns = self.columns(table).await?;
        let values: Vec<String> = columns.iter().map(|column| value_of(column)).collect();
        self.run(&format!(
            "CREATE TEMP TABLE sample_{table} AS SELECT * FROM {table};
             INSERT INTO {table} ({}) SELECT {} FROM seeds CROSS JOIN lives CROSS JOIN sample_{table} AS sample
                WHERE lives.kind = seeds.kind AND sample.file_id = lives.file_id",
            columns.join(", "),
            values.join(", ")
        ))
        .await
    }

    /// The counts of the run that asked for the files, and many runs that are over.
    async fn runs(&mut self, samples: &Samples, files: usize) -> anyhow::Result<()> {
        let Samples { run, old_run, .. } = samples;
        let counted = |what: &str, code: &str, which: &str| {
            format!(
                "INSERT INTO run_counts (run_id, stripe, what, code, files, embedded, reused, tokens, this_minute, in_minute, in_previous)
                 SELECT '{run}', substr(file_id, 1, 1), {what}, {code}, COUNT(*), 5 * COUNT(*), 0, 1200 * COUNT(*), 0, 0, 0
                 FROM files WHERE run_id = '{run}' AND {which} GROUP BY 2, 3, 4;"
            )
        };
        let code = "CASE WHEN state <> 'FAILED' THEN '' WHEN last_error LIKE '%encrypted%' THEN 'encrypted'
            ELSE 'conversion_failed' END";
        let old: Vec<String> = (0..files / FILES_PER_RUN)
            .map(|n| format!("('{}', {n})", RunId::generate()))
            .collect();
        let columns = self.columns("runs").await?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| match column.as_str() {
                "run_id" => "old.run_id".to_owned(),
                "opened_at" | "completed_at" | "sealed_at" => format!("{column} - 300000 * (old.n + 1)"),
                column => format!("runs.{column}"),
            })
            .collect();
        self.run(&format!(
            "DELETE FROM run_counts;
             {}{}
             CREATE TEMP TABLE old (run_id TEXT, n BIGINT);
             INSERT INTO old VALUES {};
             INSERT INTO runs ({}) SELECT {} FROM runs JOIN old ON runs.run_id = '{old_run}';
             INSERT INTO run_counts (run_id, stripe, what, code, files, embedded, reused, tokens, this_minute, in_minute, in_previous)
                SELECT old.run_id, stripe, what, '', 20, 100, 0, 24000, 0, 0, 0
                FROM old, (SELECT DISTINCT stripe FROM run_counts) AS stripes, (SELECT 'JOINED' AS what UNION SELECT 'INDEXED') AS whats;",
            counted("'JOINED'", "''", "1 = 1"),
            counted("state", code, "state IN ('INDEXED', 'FAILED', 'SKIPPED', 'DELETED')"),
            old.join(", "),
            columns.join(", "),
            values.join(", ")
        ))
        .await
    }

    /// As a database is that has been used for a while.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        match &self {
            Self::Sqlite(_) => self.run("DROP TABLE seeds; PRAGMA journal_mode = WAL").await,
            Self::Postgres(client) => {
                // Apart: a vacuum cannot be part of a transaction.
                for statement in ["DROP TABLE seeds", "VACUUM ANALYZE", "CHECKPOINT"] {
                    client.batch_execute(statement).await?;
                }
                Ok(())
            }
        }
    }
}

/// How a copy differs from its sample.
fn value_of(column: &str) -> String {
    match column {
        "file_id" => "seeds.file_id".to_owned(),
        "path" => "seeds.path".to_owned(),
        "claim_id" | "last_claim" | "live_claim" | "prev_claim" | "committed_claim" => {
            format!("CASE sample.{column} WHEN lives.one THEN seeds.one WHEN lives.two THEN seeds.two END")
        }
        "etag" | "seen_etag" => format!("CASE WHEN sample.{column} IS NOT NULL THEN seeds.tag END"),
        "content_hash" => "CASE WHEN sample.content_hash IS NOT NULL THEN seeds.hash END".to_owned(),
        "size" => "CASE WHEN sample.size IS NOT NULL THEN seeds.size END".to_owned(),
        "chunks" => "CASE WHEN sample.chunks > 0 THEN seeds.chunks ELSE sample.chunks END".to_owned(),
        "created_at" | "enqueued_at" | "updated_at" | "not_before" | "happened_at" => {
            format!("sample.{column} - 10 * (seeds.n % 1000000)")
        }
        other => format!("sample.{other}"),
    }
}

fn samples_as_tables(samples: &Samples) -> String {
    let rows: Vec<String> = samples
        .files
        .iter()
        .map(|sample| {
            let claim = |n: usize| {
                sample
                    .claims
                    .get(n)
                    .map_or("NULL".to_owned(), |claim| format!("'{claim}'"))
            };
            let (kind, file) = (number_of(sample.kind), sample.file);
            format!("({kind}, '{file}', {}, {})", claim(0), claim(1))
        })
        .collect();
    format!(
        "CREATE TEMP TABLE lives (kind BIGINT, file_id TEXT, one TEXT, two TEXT); INSERT INTO lives VALUES {}",
        rows.join(", ")
    )
}

fn number_of(kind: Kind) -> usize {
    Kind::ALL
        .iter()
        .position(|other| *other == kind)
        .unwrap_or_default()
}

fn seed(n: usize, file: String) -> [String; 10] {
    [
        n.to_string(),
        number_of(kind_of(n)).to_string(),
        file,
        path_of(n),
        ClaimId::generate().to_string(),
        ClaimId::generate().to_string(),
        tag_of(n),
        blake3::hash(&n.to_le_bytes()).to_hex().to_string(),
        (500 + n * 7919 % 200_000).to_string(),
        (1 + n * 31 % 20).to_string(),
    ]
}

/// How many of `files` are of a kind.
pub(crate) fn count_of(kind: Kind, files: usize) -> usize {
    (0..files).filter(|n| kind_of(*n) == kind).count()
}

/// The first file at or after `n` that is of a kind.
pub(crate) fn next_of(kind: Kind, n: usize, files: usize) -> anyhow::Result<String> {
    let found = (n..files).find(|n| kind_of(*n) == kind);
    found.map(path_of).with_context(|| format!("no file is {kind:?}"))
}
