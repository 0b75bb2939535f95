//! Many documents at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use convert::Profile;
use convert::sandbox::{Sandbox, SandboxSettings};
use futures::StreamExt;
use futures::stream;

use super::support::{children_of, converts, entries, probe, probe_reply, request, settings, text, until};

#[tokio::test]
async fn a_document_that_hangs_delays_no_other() {
    let sandbox = Sandbox::new(SandboxSettings {
        parsers: 2,
        ..settings()
    });
    let hangs = request("probe:hang");
    let others = async {
        let replies = stream::iter(0..8).map(|_| converts(&sandbox)).buffer_unordered(8);
        replies.count().await
    };
    tokio::select! {
        biased;
        reply = sandbox.run(Profile::Parser, &hangs, Bytes::new()) => panic!("it ended: {reply:?}"),
        done = others => assert_eq!(done, 8),
    }
}

#[tokio::test]
async fn there_are_never_more_children_than_allowed() {
    let sandbox = Sandbox::new(SandboxSettings {
        parsers: 3,
        ..settings()
    });
    let processes = stream::iter(0..60).map(|_| probe(&sandbox, Profile::Parser, "process"));
    let processes: BTreeSet<String> = processes.buffer_unordered(20).collect().await;
    assert!(processes.len() <= 3, "{processes:?}");
}

#[tokio::test]
async fn a_large_document_goes_there_and_back() {
    let settings = settings();
    let sandbox = Sandbox::new(settings);
    let line = "A line of text that is long enough to be one, with umlauts: äöü.\n";
    let long = line.repeat((20 << 20) / line.len());
    let reply = sandbox
        .run(Profile::Parser, &request("long.txt"), Bytes::from(long.clone()))
        .await
        .unwrap();
    assert_eq!(text(reply).len(), long.len());
}

/// Documents of every kind, and callers that lose interest: nothing is left over, nothing answers for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_over_a_thousand_documents() {
    let within = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(SandboxSettings {
        temp_dir: Some(within.path().to_owned()),
        recycle_after: 50,
        ..settings()
    });
    converts(&sandbox).await;
    probe(&sandbox, Profile::Tools, "process").await;
    sandbox.warm(Profile::Parser, 2).await.unwrap();
    sandbox.warm(Profile::Tools, 2).await.unwrap();
    let files = || entries("/proc/self/fd".as_ref());
    let before = files();
    let sandbox = &sandbox;
    let one = async |n: u32| match n % 10 {
        0 if n.is_multiple_of(50) => assert_eq!(
            probe(sandbox, Profile::Parser, "abort").await,
            "converter_crashed"
        ),
        1 if n % 50 == 1 => assert_eq!(
            probe(sandbox, Profile::Parser, "panic").await,
            "converter_panicked"
        ),
        2 | 3 => {
            let length = 1000 + n;
            let output = probe_reply(sandbox, Profile::Parser, &format!("output {length}")).await;
            assert_eq!(text(output).len(), length as usize);
        }
        4 => {
            let wait = Duration::from_millis(u64::from(n % 7));
            let slept = tokio::time::timeout(wait, probe(sandbox, Profile::Parser, "sleep 5")).await;
            assert!(slept.is_err() || slept == Ok("slept".to_owned()));
        }
        5 if n % 20 == 5 => assert_eq!(probe(sandbox, Profile::Tools, "write_here").await, "done"),
        _ => {
            converts(sandbox).await;
        }
    };
    stream::iter(0..1000)
        .map(one)
        .buffer_unordered(8)
        .collect::<Vec<()>>()
        .await;
    sandbox.warm(Profile::Parser, 2).await.unwrap();
    sandbox.warm(Profile::Tools, 2).await.unwrap();
    until("there are four children", || {
        children_of(std::process::id()).len() == 4
    })
    .await;
    assert_eq!(entries(within.path()), 2);
    until("as many files are open as before", || files() == before).await;
    sandbox.close().await;
    assert!(children_of(std::process::id()).is_empty());
    assert_eq!(entries(within.path()), 0);
}
