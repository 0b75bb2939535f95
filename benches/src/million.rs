//! An index of very many files, listed, filtered and counted through the HTTP routes; beside it one with a tenth of the
//! files. What takes as long with both is bounded, whatever the number of files.

mod cases;
mod desk;
mod filling;
mod lives;
mod memory;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde_json::json;
use shared::clock::SystemClock;
use shared::ids::IndexId;
use shared::ledger::ControlLedger;
use shared::ledger::postgres::{PostgresLedger, PostgresSettings};
use shared::ledger::sqlite::SqliteLedger;
use shared::secret::Secret;
use tests::postgres::Postgres;

use self::cases::{Case, Places, entries};
use self::desk::{Ask, Desk};
use self::filling::{Store, count_of};
use self::lives::Kind;
use self::memory::Resident;
use self::table::{Row, Timings};
use crate::machine::Machine;

/// From this size on every page that is asked for can be full.
const FULL_PAGES: usize = 100_000;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Files of the larger index; the other one has a tenth.
    #[arg(long, default_value_t = 1_000_000)]
    files: usize,
    /// Times that each request is measured, alternately at both sizes.
    #[arg(long, default_value_t = 20)]
    repetitions: usize,
    /// The ledger [default: both, one after the other].
    #[arg(long, value_enum)]
    ledger: Vec<Backend>,
    /// Folder for the databases of SQLite and the results.
    #[arg(long, default_value = "target/bench", value_name = "FOLDER")]
    cache: PathBuf,
}

/// A kind of ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Prints a table for each ledger, and keeps them in the cache folder.
pub(crate) async fn measure(options: &Options) -> anyhow::Result<()> {
    let machine = Machine::look()?;
    let backends = match options.ledger.as_slice() {
        [] => &[Backend::Sqlite, Backend::Postgres],
        some => some,
    };
    std::fs::create_dir_all(&options.cache)?;
    let mut report = format!(
        "{} cores, {:.0} GiB, load {:.1} at the start; {} build.\n",
        machine.cores,
        machine.memory_gib,
        machine.load_before,
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
    );
    for backend in backends {
        let part = one_ledger(options, *backend).await?;
        println!("{part}");
        report.push_str(&part);
    }
    let file = options.cache.join("results-million.md");
    std::fs::write(&file, report)?;
    println!("written to {}", file.display());
    Ok(())
}

async fn one_ledger(options: &Options, backend: Backend) -> anyhow::Result<String> {
    let sizes = [options.files / 10, options.files];
    // Removed with what is in it when this is done.
    let folder = tempfile::Builder::new()
        .prefix("million-")
        .tempdir_in(&options.cache)?;
    let server = match backend {
        Backend::Sqlite => None,
        // On a thread that lives as long as the measurements: the server ends with the one that started it.
        Backend::Postgres => Some(tokio::task::block_in_place(|| {
            Postgres::start_with(&["fsync=off", "shared_buffers=512MB", "max_wal_size=4GB", "jit=on"])
        })?),
    };
    let mut filled = Vec::new();
    for files in sizes {
        let began = Instant::now();
        filled.push(fill(server.as_ref(), folder.path(), files).await?);
        println!(
            "{}: {files} files in {:.0} s",
            backend.name(),
            began.elapsed().as_secs_f64()
        );
    }
    let [(small, small_run), (large, large_run)] = filled.as_slice() else {
        unreachable!("one for each size");
    };
    let before = Resident::look()?;
    let mut rows = Vec::new();
    // The question about the removals is put when somebody asks for the first time.
    let mut opening = Row {
        title: "approvals, opened by asking".to_owned(),
        ..Row::default()
    };
    let approvals = Ask::get("/approvals");
    once(&mut opening, small, large, &approvals).await?;
    rows.push(opening);
    let (walked, at_small, at_large) = walks(small, large).await?;
    let pairs = cases::all(small, &at_small, small_run)?
        .into_iter()
        .zip(cases::all(large, &at_large, large_run)?);
    for (of_small, of_large) in pairs {
        rows.push(compare(options.repetitions, (small, &of_small), (large, &of_large)).await?);
    }
    rows.push(walked);
    rows.extend(decide(small, large).await?);
    let after = Resident::look()?;
    Ok(format!(
        "\n{}; the larger index was walked through in {:.1} s ({} files). Resident memory of the process: {:.0} MiB before, \
         {:.0} MiB after.\n\n{}",
        backend.name(),
        at_large.walk.total().as_secs_f64(),
        at_large.met,
        before.now,
        after.now,
        table::markdown(sizes[0], sizes[1], &rows)
    ))
}

/// A fresh ledger with an index of so many files, behind the routes; and the run that asked for the files.
async fn fill(server: Option<&Postgres>, folder: &Path, files: usize) -> anyhow::Result<(Desk, String)> {
    let index = IndexId::new("docs")?;
    let file = folder.join(format!("ledger-{files}.db"));
    let url = match server {
        Some(server) => Some(server.database(&format!("ledger{files}"))?),
        None => None,
    };
    let ledger = open(url.as_deref(), &file).await?;
    ledger
        .ensure_index(&index, &serde_json::to_value(desk::settings())?)
        .await?;
    let samples = lives::live(&*ledger, &index).await?;
    // Nothing else has the database open while it is filled.
    drop(ledger);
    let mut store = match &url {
        Some(url) => Store::postgres(url).await?,
        None => Store::sqlite(&file)?,
    };
    store.fill(&index, &samples, files).await?;
    store.finish().await?;
    let ledger = open(url.as_deref(), &file).await?;
    let stats = ledger.stats(&index).await?;
    let found: u64 = stats.by_state.values().sum();
    ensure!(
        found == files as u64,
        "the ledger has {found} files instead of {files}"
    );
    Ok((Desk::new(ledger, index, files)?, samples.run.to_string()))
}

async fn open(url: Option<&str>, file: &Path) -> anyhow::Result<Arc<dyn ControlLedger>> {
    Ok(match url {
        Some(url) => PostgresLedger::connect(&PostgresSettings::new(Secret::new(url))).await?,
        None => SqliteLedger::open(file, Arc::new(SystemClock))?,
    })
}

/// Through all files of both indexes.
async fn walks(small: &Desk, large: &Desk) -> anyhow::Result<(Row, Places, Places)> {
    let (at_small, small_growth) = growth(cases::walk(small)).await?;
    let (at_large, large_growth) = growth(cases::walk(large)).await?;
    let row = Row {
        title: "each page of 1000, from the first to the last".to_owned(),
        small: at_small.walk.clone(),
        large: at_large.walk.clone(),
        bytes: 0,
        small_growth,
        large_growth,
    };
    Ok((row, at_small, at_large))
}

/// What the peak of memory grows by meanwhile, in MiB.
async fn growth<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(T, f64)> {
    memory::forget_peak()?;
    let before = Resident::look()?;
    let done = work.await?;
    Ok((done, Resident::look()?.peak - before.now))
}

/// One request at each size.
async fn once(row: &mut Row, small: &Desk, large: &Desk, ask: &Ask) -> anyhow::Result<()> {
    let (answer, growth_of_small) = growth(small.ask(ask)).await?;
    row.small.add(answer.took);
    let (answer, growth_of_large) = growth(large.ask(ask)).await?;
    row.large.add(answer.took);
    row.bytes = answer.bytes;
    (row.small_growth, row.large_growth) = (growth_of_small, growth_of_large);
    Ok(())
}

/// The same request at both sizes, in turns.
async fn compare(repetitions: usize, small: (&Desk, &Case), large: (&Desk, &Case)) -> anyhow::Result<Row> {
    let mut row = Row {
        title: small.1.title.to_owned(),
        ..Row::default()
    };
    for (desk, case, timed, kept) in [
        (small.0, small.1, &mut row.small, &mut row.small_growth),
        (large.0, large.1, &mut row.large, &mut row.large_growth),
    ] {
        // Not timed, unless it is the only one: the first reads from the disk. Its memory is as good as any other's.
        let (answer, grown) = growth(desk.ask(&case.ask)).await?;
        *kept = grown;
        row.bytes = answer.bytes;
        if case.heavy {
            timed.add(answer.took);
        }
        let found = entries(&answer.body);
        if let Some(expected) = case.entries
            && desk.files >= FULL_PAGES
        {
            ensure!(
                found == expected,
                "{}: {found} entries instead of {expected}",
                case.title
            );
        }
    }
    let repetitions = if small.1.heavy { 0 } else { repetitions };
    for _ in 0..repetitions {
        row.small.add(small.0.ask(&small.1.ask).await?.took);
        row.large.add(large.0.ask(&large.1.ask).await?.took);
    }
    println!("{}", table::line(&row));
    Ok(row)
}

/// Lets what waits be removed: the answer, then page by page as the background does it.
async fn decide(small: &Desk, large: &Desk) -> anyhow::Result<Vec<Row>> {
    let mut rows = [
        "approving a tenth of the index",
        "carrying that out, each thousand files",
    ]
    .map(|title| Row {
        title: title.to_owned(),
        ..Row::default()
    });
    for desk in [small, large] {
        let is_large = desk.files == large.files;
        let waiting = count_of(Kind::Awaiting, desk.files);
        let approve = format!("/indexes/{}/approvals/1/approve", desk.index);
        let ask = Ask::post(approve, Some(json!({ "files": waiting })));
        let (answer, grown) = growth(desk.ask(&ask)).await?;
        let (pages, grown_by_pages) = growth(carry_out(desk)).await?;
        let [asked, carried] = &mut rows;
        if is_large {
            asked.large.add(answer.took);
            (asked.bytes, asked.large_growth) = (answer.bytes, grown);
            (carried.large, carried.large_growth) = (pages, grown_by_pages);
        } else {
            asked.small.add(answer.took);
            asked.small_growth = grown;
            (carried.small, carried.small_growth) = (pages, grown_by_pages);
        }
        let path = format!("/indexes/{}/approvals/1", desk.index);
        let passed = desk.ask(&Ask::get(path)).await?.body["passed"].as_u64();
        ensure!(
            passed == Some(waiting as u64),
            "{passed:?} files were approved of {waiting}"
        );
    }
    Ok(rows.into())
}

async fn carry_out(desk: &Desk) -> anyhow::Result<Timings> {
    let mut pages = Timings::default();
    loop {
        let began = Instant::now();
        let page = desk.ledger.carry_out(&desk.index, 1, 1000).await?;
        let Some(approval) = page else { break };
        pages.add(began.elapsed());
        if approval.finished_at.is_some() {
            break;
        }
    }
    Ok(pages)
}
