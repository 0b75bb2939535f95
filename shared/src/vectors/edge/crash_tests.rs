//! `kill -9` at any moment: what was acknowledged is found, and the collection opens.
//!
//! The test starts its own binary again with [`writer_process`] as the only test, lets it write, and kills it. The child
//! reports on standard output what it is about to delete and what was acknowledged.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::tests::{LOW, open};
use super::*;
use crate::ids::FileId;
use crate::vectors::conformance::{DIMENSIONS, point, terms};
use crate::vectors::filter::Filter;

const ROUNDS: u32 = 4;
const POINTS: u32 = 12;

fn points(claim: ClaimId) -> Vec<Point> {
    (0..POINTS)
        .map(|n| {
            point(
                &claim.to_string(),
                claim,
                n,
                &format!("anchor number{n}"),
                Some(DIMENSIONS),
            )
        })
        .collect()
}

fn file(claim: ClaimId) -> FileId {
    points(claim)[0].payload.file_id
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").and_then(|()| out.flush()).unwrap();
}

/// The child: writes, deletes and tidies until it is killed. Takes the folder from standard input.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn writer_process() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).unwrap();
    let vectors = open(Path::new(dir.trim_end()), LOW);
    let writer = async |writer: u32| {
        let mut written = Vec::new();
        loop {
            let claim = ClaimId::generate();
            vectors.upsert(points(claim)).await.unwrap();
            say(&format!("written {claim}"));
            written.push(claim);
            if written.len().is_multiple_of(5) {
                let claim = written.swap_remove(0);
                say(&format!("deleting {claim}"));
                vectors.delete_claims(&[claim]).await.unwrap();
            }
            if writer == 0 && written.len().is_multiple_of(3) {
                vectors.maintain().await.unwrap();
            }
        }
    };
    join_all((0..4).map(writer)).await;
}

fn start(dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "vectors::edge::crash_tests::writer_process",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", dir.display()).unwrap();
    child
}

/// Reads reports, kills the child after `lines` of them and a random breath, and reads what it still said.
fn observe(mut child: Child, lines: usize, spins: u32, live: &mut HashSet<ClaimId>) {
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        match (words.next(), words.next().and_then(|claim| claim.parse().ok())) {
            (Some("written"), Some(claim)) => live.insert(claim),
            (Some("deleting"), Some(claim)) => live.remove(&claim),
            _ => continue,
        };
        seen += 1;
        if seen == lines {
            for _ in 0..spins {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= lines, "the writer ended by itself after {seen} reports");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_points_survive_kill_9() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut live = HashSet::new();
    for round in 0..ROUNDS {
        let child = start(dir.path());
        observe(
            child,
            random.random_range(1..40),
            random.random_range(0..3_000_000),
            &mut live,
        );

        let vectors = open(dir.path(), LOW);
        let mut found = HashMap::new();
        for claim in &live {
            for query in [
                Query::FullText(terms("anchor")),
                Query::Vector(vec![1.0; DIMENSIONS]),
            ] {
                let request = SearchRequest {
                    query,
                    limit: 100,
                    offset: 0,
                    filter: Filter::file(file(*claim)),
                    with_dense: false,
                };
                let hits = vectors.search(request).await.unwrap();
                let expected: HashSet<_> = points(*claim).into_iter().map(|point| point.id).collect();
                assert_eq!(
                    hits.iter().map(|hit| hit.id).collect::<HashSet<_>>(),
                    expected,
                    "round {round}, seed {seed}"
                );
                found.insert(*claim, hits.len());
            }
        }
        // What was written before the crash can be deleted after it, orphans included.
        let keep: HashSet<_> = live.iter().copied().take(5).collect();
        let rest: Vec<_> = vectors
            .claims()
            .await
            .unwrap()
            .into_iter()
            .filter(|claim| !keep.contains(claim))
            .collect();
        vectors.delete_claims(&rest).await.unwrap();
        assert_eq!(
            vectors
                .claims()
                .await
                .unwrap()
                .into_iter()
                .collect::<HashSet<_>>(),
            keep,
            "seed {seed}"
        );
        live = keep;
        vectors.close().await.unwrap();
    }
}
