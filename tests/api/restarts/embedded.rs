//! One process on SQLite.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use reqwest::Method;
use serde_json::{Value, json};
use tests::arena::Arena;
use tests::fleet::ADMIN_KEY;
use tests::folder::Docs;
use tests::longshore::{Longshore, Up};
use tests::model::Model;
use tests::random::seed;
use tests::wait;

use super::{FILES, GOING, STAYING, careful, decided_by_timer, set_timer, states};

/// Starts it, or starts it again.
fn start(longshore: &Longshore, docs: &Docs) -> anyhow::Result<(Up, Arena)> {
    let up = longshore.up(docs, &[])?;
    let arena = Arena::open(up.url(), ADMIN_KEY)?;
    Ok((up, arena))
}

fn longshore(flags: &[&str]) -> anyhow::Result<Longshore> {
    let flags = [&["--name", "docs"], flags].concat();
    Ok(Longshore::new(&flags)?.with_variable("LONGSHORE_ADMIN_KEY", ADMIN_KEY))
}

fn source(docs: &Docs) -> String {
    format!("file://{}", docs.path().display())
}

/// A question to the ledger of a process that is gone.
fn rows(data: &Path, question: &str) -> anyhow::Result<u64> {
    let ledger = rusqlite::Connection::open(data.join("ledger.sqlite"))?;
    let count: i64 = ledger.query_row(question, [], |row| row.get(0))?;
    Ok(u64::try_from(count)?)
}

#[test]
fn a_run_goes_on() -> anyhow::Result<()> {
    const MANY: usize = 200;
    let mut random = SmallRng::seed_from_u64(seed());
    let docs = Docs::with_files(MANY, 1)?;
    let longshore = longshore(&["--slots", "2"])?;
    let (up, arena) = start(&longshore, &docs)?;
    arena.indexed("docs", MANY)?;
    let run = arena.run("docs", "full=true")?;
    let path = format!("/runs/{run}");
    let state = arena.get(&path)?["state"].clone();
    ensure!(state == "LISTING" || state == "RUNNING", "it is {state} already");
    up.kill()?;

    let (up, arena) = start(&longshore, &docs)?;
    let enough = random.random_range(1..MANY as u64 / 2);
    let now = arena.until("a part of the run", &path, |run| {
        run["done"].as_u64() >= Some(enough)
    })?;
    ensure!(now["state"] == "RUNNING", "too late to be killed: {now}");
    up.kill()?;

    let (up, arena) = start(&longshore, &docs)?;
    let over = arena.over(&run, "COMPLETED")?;
    ensure!(
        over["total"] == MANY && over["counts"]["failed"] == 0 && over["counts"]["superseded"] == 0,
        "{over}"
    );
    arena.indexed("docs", MANY)?;
    up.kill()?;
    let others = rows(
        longshore.data_dir(),
        "SELECT COUNT(*) FROM (SELECT file_id FROM history WHERE event = 'committed' GROUP BY file_id HAVING COUNT(*) <> 2)",
    )?;
    ensure!(others == 0, "{others} files were not made exactly once more");
    Ok(())
}

#[test]
fn the_timer_of_an_approval_goes_on() -> anyhow::Result<()> {
    let (main, docs) = (Docs::with_files(1, 1)?, Docs::new()?);
    let indexes = [("going", "remove", "APPROVED"), ("kept", "keep", "KEPT")];
    for (name, ..) in indexes {
        for number in 0..FILES {
            docs.write(&format!("{name}/{number}.md"), Docs::text(number, 1, 0))?;
        }
    }
    let longshore = longshore(&["--reconcile-every", "1"])?;
    let (up, arena) = start(&longshore, &main)?;
    for (name, otherwise, _) in indexes {
        careful(&arena, name, &source(&docs), otherwise)?;
    }
    for (name, ..) in indexes {
        arena.indexed(name, FILES)?;
    }
    let since = Instant::now();
    for (name, ..) in indexes {
        for number in 0..GOING {
            docs.remove(&format!("{name}/{number}.md"))?;
        }
    }
    let mut times = Vec::new();
    for (name, ..) in indexes {
        times.push(set_timer(&arena, name, since)?);
    }
    up.kill()?;

    let (up, arena) = start(&longshore, &main)?;
    // Once more as soon as it is decided, whether it is carried out or not.
    arena.until("a decision", "/approvals?index=going", |approvals| {
        approvals[0]["state"] != "WAITING"
    })?;
    up.kill()?;
    let (_up, arena) = start(&longshore, &main)?;
    for ((name, _, state), seconds) in indexes.into_iter().zip(times) {
        decided_by_timer(&arena, name, state, seconds)?;
    }
    arena.until("the files to go", "/indexes/going", |index| {
        states(index) == [STAYING as u64, GOING as u64]
    })?;
    let kept = arena.get("/indexes/kept")?;
    ensure!(states(&kept) == [FILES as u64, 0], "{kept}");
    let found = |index: &str| -> anyhow::Result<bool> {
        let path = format!("/indexes/{index}/search?mode=full_text&q=topic0x0r0");
        Ok(arena.get(&path)?["hits"][0].is_object())
    };
    ensure!(!found("going")? && found("kept")?, "search shows something else");
    Ok(())
}

#[test]
fn a_deletion_goes_on_and_leaves_nothing() -> anyhow::Result<()> {
    let (main, docs) = (Docs::with_files(1, 1)?, Docs::with_files(60, 2)?);
    let longshore = longshore(&[])?;
    let (up, arena) = start(&longshore, &main)?;
    let wanted = json!({ "name": "goes", "source": source(&docs) });
    arena.does(&Method::POST, "/indexes", Some(wanted), 201)?;
    arena.indexed("goes", 60)?;
    let points = longshore.data_dir().join("collections/goes");
    ensure!(points.exists(), "there are no points that could go");
    arena.run("goes", "full=true")?;
    arena.does(&Method::DELETE, "/indexes/goes", None, 202)?;
    up.kill()?;
    ensure!(points.exists(), "it died before anything was gone");

    // Once more as soon as its points are gone, with the rows in the middle of it.
    let (up, _) = start(&longshore, &main)?;
    wait::until("the points to go", || Ok((!points.exists()).then_some(())))?;
    up.kill()?;
    let (up, arena) = start(&longshore, &main)?;
    arena.until("the index to be gone", "/indexes", |indexes| {
        indexes.as_array().is_some_and(|all| all.len() == 1)
    })?;
    arena.does(&Method::GET, "/indexes/goes", None, 404)?;
    arena.indexed("docs", 1)?;
    up.kill()?;
    for table in [
        "indexes",
        "files",
        "history",
        "runs",
        "dead_claims",
        "operations",
        "approvals",
    ] {
        let left = rows(
            longshore.data_dir(),
            &format!("SELECT COUNT(*) FROM {table} WHERE index_id <> 'docs'"),
        )?;
        ensure!(left == 0, "{left} rows are left in {table}");
    }
    let counts = "SELECT COUNT(*) FROM run_counts WHERE run_id NOT IN (SELECT run_id FROM runs)";
    ensure!(
        rows(longshore.data_dir(), counts)? == 0,
        "counts of its runs are left"
    );
    let families = rows(
        longshore.data_dir(),
        "SELECT COUNT(*) FROM catalog WHERE name <> 'docs'",
    )?;
    ensure!(families == 0 && !points.exists(), "something is left of it");
    for number in 0..60 {
        let text = std::fs::read_to_string(docs.file(&Docs::name(number)))?;
        ensure!(text == Docs::text(number, 2, 0), "the source was touched");
    }
    Ok(())
}

/// Files of the index whose generations change.
const DOCUMENTS: usize = 12;

/// Chunks of each file as search shows them: many small ones in the first generation, one large one in the second.
type Picture = BTreeMap<String, usize>;

const MODES: [&str; 2] = ["full_text", "hybrid"];

fn picture(arena: &Arena, mode: &str) -> anyhow::Result<Picture> {
    let path = format!("/indexes/docs/search?mode={mode}&limit=100&q=sentence");
    let answer = arena.get(&path)?;
    let mut picture = Picture::new();
    for hit in answer["hits"].as_array().context("no hits")? {
        let path = hit["path"].as_str().context("no path")?;
        *picture.entry(path.to_owned()).or_default() += 1;
    }
    Ok(picture)
}

/// A search must show every file, and as one generation has it. Returns whether the second one answered.
///
/// # Panics
/// When it does not, because an error would only be waited out.
fn look(arena: &Arena, first: &[Picture; 2], all: &BTreeSet<String>) -> anyhow::Result<bool> {
    let mut answered = false;
    for (mode, first) in MODES.iter().zip(first) {
        let seen = picture(arena, mode)?;
        assert!(seen.keys().eq(all), "{mode} lost something: {seen:?}");
        let second = seen.values().all(|chunks| *chunks == 1);
        assert!(
            second || seen == *first,
            "{mode} answers from two generations: {seen:?}, the first one is {first:?}"
        );
        answered = second;
    }
    Ok(answered)
}

#[test]
fn a_generation_is_built_and_takes_over() -> anyhow::Result<()> {
    let mut random = SmallRng::seed_from_u64(seed());
    let docs = Docs::with_files(DOCUMENTS, 2)?;
    let all: BTreeSet<String> = (0..DOCUMENTS).map(Docs::name).collect();
    let model = Model::start()?;
    let flags = [
        "--name",
        "docs",
        "--chunk-unit",
        "characters",
        "--chunk-size",
        "400",
        "--chunk-overlap",
        "0",
    ];
    let slow = ["--embedding-batch-size", "1", "--embedding-max-in-flight", "1"];
    let longshore = Longshore::with_model(&model.url(), &[&flags[..], &slow].concat())?
        .with_variable("LONGSHORE_ADMIN_KEY", ADMIN_KEY);
    let (mut up, mut arena) = start(&longshore, &docs)?;
    arena.indexed("docs", DOCUMENTS)?;
    let first = [picture(&arena, MODES[0])?, picture(&arena, MODES[1])?];
    let whole = |picture: &Picture| picture.keys().eq(&all) && picture.values().all(|chunks| *chunks > 1);
    ensure!(first.iter().all(whole), "{first:?}");
    model.set(|faults| faults.latency_ms = 150);
    let patch = json!({
        "embedding": { "model": "other-model" },
        "chunking": { "size": 4000, "unit": "characters", "overlap": 0 },
    });
    arena.does(&Method::PATCH, "/indexes/docs", Some(patch), 200)?;

    // While it builds, at moments that the seed chooses.
    let mut moments: Vec<u64> = (0..2).map(|_| random.random_range(0..DOCUMENTS as u64)).collect();
    moments.sort_unstable();
    let live = |arena: &Arena| -> anyhow::Result<u64> {
        arena.get("/indexes/docs")?["generation"]
            .as_u64()
            .context("no generation")
    };
    for moment in moments {
        wait::until(&format!("{moment} files to be built"), || {
            look(&arena, &first, &all)?;
            let list = arena.get("/indexes/docs/generations")?;
            let settled = |one: &Value| one["progress"]["settled"].as_u64();
            let built = list["generations"]
                .as_array()
                .context("no list")?
                .iter()
                .find_map(settled);
            Ok((live(&arena)? == 2 || built >= Some(moment)).then_some(()))
        })?;
        up.kill()?;
        (up, arena) = start(&longshore, &docs)?;
        look(&arena, &first, &all)?;
    }
    // And at the moment at which it takes over. What has once answered is not followed by what was before.
    let mut second = false;
    wait::until("the second generation to be live", || {
        let now = look(&arena, &first, &all)?;
        assert!(now || !second, "the first generation answered again");
        second = now;
        Ok((live(&arena)? == 2).then_some(()))
    })?;
    up.kill()?;
    model.set(|faults| faults.latency_ms = 0);
    let (_up, arena) = start(&longshore, &docs)?;
    ensure!(
        look(&arena, &first, &all)?,
        "the second generation is live and did not answer"
    );
    let list = arena.get("/indexes/docs/generations")?;
    ensure!(
        list["generations"][0]["state"] == "RETIRED"
            && list["generations"][1]["state"] == "LIVE"
            && list["generations"][1]["embedding"]["model"] == "other-model",
        "{list}"
    );
    // It goes on as any index does.
    docs.write("new.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    arena.until(
        "a new file to be found",
        "/indexes/docs/search?mode=hybrid&limit=1&q=fresnel",
        |answer| answer["hits"][0]["path"] == "new.md",
    )?;
    Ok(())
}
