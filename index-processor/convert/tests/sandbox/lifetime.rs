//! When children start and end.

use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use convert::Profile;
use convert::sandbox::{Sandbox, SandboxError, SandboxSettings};

use super::support::{
    children_of, converts, entries, group, probe, probe_reply, request, sandbox, settings, until,
};

async fn process(sandbox: &Sandbox, profile: Profile) -> u32 {
    probe(sandbox, profile, "process").await.parse().unwrap()
}

#[tokio::test]
async fn a_child_serves_many_documents_and_is_then_replaced() {
    let sandbox = Sandbox::new(SandboxSettings {
        recycle_after: 3,
        ..settings()
    });
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(process(&sandbox, Profile::Parser).await);
    }
    assert_eq!((seen[0], seen[3]), (seen[2], seen[5]));
    assert_ne!(seen[0], seen[3]);
    assert!(group(seen[0]).is_empty());
}

#[tokio::test]
async fn a_child_that_has_grown_is_replaced() {
    let sandbox = sandbox();
    let before = process(&sandbox, Profile::Parser).await;
    assert_eq!(process(&sandbox, Profile::Parser).await, before);
    let reply = probe_reply(&sandbox, Profile::Parser, &format!("leak {}", 600 << 20)).await;
    assert_eq!(reply.broken, 0);
    assert_ne!(process(&sandbox, Profile::Parser).await, before);
}

#[tokio::test]
async fn a_child_that_died_while_idle_is_replaced_in_silence() {
    let sandbox = sandbox();
    let dead = process(&sandbox, Profile::Parser).await;
    let id = rustix::process::Pid::from_raw(i32::try_from(dead).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    assert_eq!(converts(&sandbox).await, 1);
    until("the dead child is reaped", || {
        !children_of(std::process::id()).contains(&dead)
    })
    .await;
}

#[tokio::test]
async fn a_child_that_somebody_kills_at_work_is_replaced_too() {
    let sandbox = sandbox();
    let id = process(&sandbox, Profile::Parser).await;
    let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    let (reply, ()) = tokio::join!(probe_reply(&sandbox, Profile::Parser, "sleep 300"), async {
        // It sleeps much longer than this takes, and when it does not, the test still holds.
        tokio::time::sleep(Duration::from_millis(100)).await;
        rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    });
    assert_eq!((reply.broken, reply.started), (1, 1));
    assert_eq!(super::support::text(reply), "slept");
}

#[tokio::test]
async fn whoever_stops_waiting_ends_the_child_and_all_that_it_started() {
    let within = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(SandboxSettings {
        temp_dir: Some(within.path().to_owned()),
        tools: 1,
        ..settings()
    });
    let id = process(&sandbox, Profile::Tools).await;
    let hangs = request("probe:program");
    {
        let run = sandbox.run(Profile::Tools, &hangs, Bytes::new());
        let started = until("the program runs", || group(id).len() == 2);
        tokio::select! {
            biased;
            reply = run => panic!("it ended: {reply:?}"),
            () = started => {}
        }
    }
    until("all of them are gone", || group(id).is_empty()).await;
    until("it is reaped", || !children_of(std::process::id()).contains(&id)).await;
    assert_eq!(entries(within.path()), 0);
    assert_ne!(process(&sandbox, Profile::Tools).await, id);
}

#[tokio::test]
async fn a_program_does_not_outlive_a_child_that_hangs_or_crashes() {
    let sandbox = Sandbox::new(SandboxSettings {
        wall: Duration::from_millis(500),
        tools: 1,
        ..settings()
    });
    let id = process(&sandbox, Profile::Tools).await;
    assert_eq!(
        probe(&sandbox, Profile::Tools, "program").await,
        "converter_timeout"
    );
    // Killed already; somebody else reaps it.
    until("the program is gone", || group(id).is_empty()).await;
}

#[tokio::test]
async fn closing_and_dropping_end_all_children() {
    let within = tempfile::tempdir().unwrap();
    let settings = SandboxSettings {
        temp_dir: Some(within.path().to_owned()),
        ..settings()
    };
    for close in [true, false] {
        let sandbox = Sandbox::new(settings.clone());
        assert_eq!(sandbox.warm(Profile::Parser, 2).await, Ok(2));
        assert_eq!(sandbox.warm(Profile::Tools, 1).await, Ok(1));
        assert_eq!(entries(within.path()), 1);
        assert_eq!(converts(&sandbox).await, 0);
        let ours = children_of(std::process::id());
        assert_eq!(ours.len(), 3);
        if close {
            sandbox.close().await;
            assert!(children_of(std::process::id()).is_empty());
            let refused = sandbox
                .run(Profile::Parser, &request("a.txt"), Bytes::new())
                .await;
            assert_eq!(refused, Err(SandboxError::Closed));
        } else {
            drop(sandbox);
            until("the children are gone", || {
                children_of(std::process::id()).is_empty()
            })
            .await;
        }
        assert_eq!(entries(within.path()), 0);
    }
}

#[tokio::test]
async fn a_child_that_cannot_be_started_is_not_the_fault_of_the_document() {
    for executable in ["/does/not/exist", "/bin/true", "/bin/sh"] {
        let sandbox = Sandbox::new(SandboxSettings {
            executable: Some(executable.into()),
            ..settings()
        });
        let refused = sandbox
            .run(Profile::Parser, &request("a.txt"), Bytes::new())
            .await;
        assert!(
            matches!(refused, Err(SandboxError::Unavailable { .. })),
            "{executable}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn children_end_with_a_worker_that_is_killed() {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_converter-child"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut children = Vec::new();
    until("both children work", || {
        children = children_of(worker.id());
        // One of them has started a program.
        children.len() == 2 && children.iter().map(|child| group(*child).len()).sum::<usize>() == 3
    })
    .await;
    worker.kill().unwrap();
    worker.wait().unwrap();
    until("the children are gone", || {
        children.iter().all(|child| group(*child).is_empty())
    })
    .await;
}
