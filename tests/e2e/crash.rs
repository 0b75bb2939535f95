//! Promises 1 to 4 and 7 under `kill -9`: whatever moment the process dies at, the next one goes on, and in the end
//! index and folder are equal, with nothing left behind and nothing paid for twice that was stored.

use std::time::Duration;

use anyhow::ensure;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;
use tests::random::seed;

const FILES: usize = 72;
/// Documents that change in a round: enough for several requests to the model.
const EDITS: usize = 20;
const CHUNKS: &[&str] = &[
    "--chunk-unit",
    "characters",
    "--chunk-size",
    "900",
    "--chunk-overlap",
    "0",
];

#[test]
fn killed_at_random_moments_until_done() -> anyhow::Result<()> {
    let mut random = SmallRng::seed_from_u64(seed());
    let docs = Docs::with_files(FILES, 2)?;
    let model = Model::start()?;
    // Slow enough that a kill finds work under way.
    model.set(|faults| faults.latency_ms = 30);
    let longshore = Longshore::with_model(
        &model.url(),
        &[
            CHUNKS,
            &[
                "--embedding-batch-size",
                "4",
                "--embedding-max-in-flight",
                "2",
                "--slots",
                "8",
            ],
        ]
        .concat(),
    )?;
    let mut kills = 0;
    for round in 0..20 {
        // The folder goes on changing while things die.
        let edited = if round < 10 { EDITS } else { 0 };
        for _ in 0..edited {
            let number = random.random_range(0..FILES);
            docs.write(&Docs::name(number), Docs::text(number, 2, round + 1))?;
        }
        let before = model.counts().requests;
        let mut child = longshore
            .command(&longshore.up_args(docs.path(), &["--once"]))
            .spawn()?;
        // Somewhere in its work, which the model sees: after so many requests, and some more of the time that one takes.
        let requests = before + random.random_range(1..6);
        let ended = tests::wait::until("work or the end", || {
            let ended = child.try_wait()?;
            Ok((ended.is_some() || model.counts().requests >= requests).then_some(ended))
        })?;
        if let Some(status) = ended {
            ensure!(status.success(), "it ended by itself with {status}");
            if edited == 0 {
                break;
            }
            continue;
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        child.kill()?;
        // It may have ended by itself at this very moment.
        kills += usize::from(!child.wait()?.success());
    }
    let ran = longshore.once_ok(&docs)?;
    println!("{kills} kills; {}; {:?}", ran.stderr.trim(), model.counts());
    ensure!(kills >= 3, "too few kills to say anything");
    ensure!(
        ran.stderr
            .contains(&format!("{FILES} files indexed, 0 skipped, 0 failed")),
        "{}",
        ran.stderr
    );
    for number in 0..FILES {
        let found = longshore.search(&format!("word{number}"))?;
        ensure!(
            found == [Docs::name(number)],
            "document {number} is found in {found:?}"
        );
    }
    left_behind_is_nothing(&longshore, &docs)
}

/// The store holds exactly the points of the committed versions once the scrub has run.
fn left_behind_is_nothing(longshore: &Longshore, docs: &Docs) -> anyhow::Result<()> {
    let up = longshore.up(docs, &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let get = |path: &str| -> anyhow::Result<serde_json::Value> {
        let url = format!("{}{path}", up.url());
        Ok(runtime.block_on(async { reqwest::get(url).await?.json().await })?)
    };
    let index = get("/indexes")?[0].clone();
    let chunks = index["stats"]["chunks"].as_u64();
    tests::wait::until("the scrub to remove what the dead left", || {
        let points = get("/readyz")?["points"].as_u64();
        Ok((points == chunks).then_some(()))
    })
}

/// Of the texts that were embedded before a kill, those that were stored are not embedded again.
#[test]
fn a_crash_costs_only_what_was_never_stored() -> anyhow::Result<()> {
    let docs = Docs::with_files(FILES, 2)?;
    let model = Model::start()?;
    model.set(|faults| faults.latency_ms = 20);
    let (batch, in_flight, slots) = (4_u64, 2_u64, 8_u64);
    let longshore = Longshore::with_model(
        &model.url(),
        &[
            CHUNKS,
            &[
                "--embedding-batch-size",
                "4",
                "--embedding-max-in-flight",
                "2",
                "--slots",
                "8",
            ],
        ]
        .concat(),
    )?;
    let mut child = longshore
        .command(&longshore.up_args(docs.path(), &["--once"]))
        .spawn()?;
    tests::wait::until("half of the texts", || {
        Ok((model.counts().texts >= FILES as u64).then_some(()))
    })?;
    child.kill()?;
    child.wait()?;
    longshore.once_ok(&docs)?;
    let counts = model.counts();
    // What was in flight or in the hands of a slot when the process died, three chunks a file.
    let unstored = batch * in_flight + slots * 3;
    println!("{counts:?}, at most {unstored} may be repeated");
    ensure!(
        counts.repeated <= unstored,
        "{} texts were embedded twice",
        counts.repeated
    );
    Ok(())
}
