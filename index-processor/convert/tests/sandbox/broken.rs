//! Documents that break their child.

use std::time::Duration;

use convert::sandbox::{Sandbox, SandboxSettings};
use convert::{ConvertError, Outcome, Profile};

use super::support::{converts, probe, probe_reply, sandbox, settings, text};

async fn error(sandbox: &Sandbox, what: &str) -> ConvertError {
    match probe_reply(sandbox, Profile::Parser, what).await.outcome {
        Outcome::Error(error) => error,
        other => panic!("{what} ended in {other:?}"),
    }
}

/// The document ends in `code`, in a new child and in one that has converted before; the next one is converted at once.
async fn ends_in(settings: SandboxSettings, what: &str, code: &str) -> String {
    let sandbox = Sandbox::new(settings);
    let first = error(&sandbox, what).await;
    assert_eq!(first.code(), code, "{first}");
    assert_eq!(converts(&sandbox).await, 1);
    assert_eq!(error(&sandbox, what).await, first);
    assert_eq!(converts(&sandbox).await, 1);
    assert_eq!(converts(&sandbox).await, 0);
    first.to_string()
}

fn short() -> SandboxSettings {
    SandboxSettings {
        wall: Duration::from_millis(300),
        ..settings()
    }
}

#[tokio::test]
async fn a_hang_ends_at_the_time_limit() {
    ends_in(short(), "hang", "converter_timeout").await;
}

#[tokio::test]
async fn processor_time_is_limited_by_itself_and_for_each_document_anew() {
    let settings = SandboxSettings {
        cpu: Duration::from_secs(1),
        ..settings()
    };
    ends_in(settings, "spin", "converter_timeout").await;
}

#[tokio::test]
async fn memory_is_limited() {
    ends_in(settings(), "allocate", "converter_out_of_memory").await;
}

#[tokio::test]
async fn a_stack_overflow_is_told_from_a_crash() {
    ends_in(settings(), "overflow", "converter_stack_overflow").await;
}

#[tokio::test]
async fn a_crash_is_told_with_its_signal() {
    let reason = ends_in(settings(), "abort", "converter_crashed").await;
    assert!(reason.contains("SIGABRT"), "{reason}");
    let reason = ends_in(settings(), "exit 3", "converter_crashed").await;
    assert!(reason.contains("exit status: 3"), "{reason}");
}

#[tokio::test]
async fn a_panic_is_told_with_its_message_and_the_child_is_replaced() {
    let reason = ends_in(settings(), "panic", "converter_panicked").await;
    assert!(reason.contains("the probe panics"), "{reason}");
}

#[tokio::test]
async fn output_is_limited_before_it_is_read() {
    let settings = SandboxSettings {
        max_output_bytes: 10_000,
        ..settings()
    };
    ends_in(settings.clone(), "output 10001", "output_too_large").await;
    let reply = probe(&Sandbox::new(settings), Profile::Parser, "output 10000").await;
    assert_eq!(reply.len(), 10_000);
}

#[tokio::test]
async fn a_document_larger_than_the_memory_is_not_sent() {
    let settings = SandboxSettings {
        memory_bytes: 1 << 20,
        ..settings()
    };
    let large = vec![b'x'; (1 << 20) + 1].into();
    let request = super::support::request("large.txt");
    let reply = Sandbox::new(settings)
        .run(Profile::Parser, &request, large)
        .await
        .unwrap();
    assert_eq!(reply.started, 0);
    assert_eq!(text(reply), "converter_out_of_memory");
}

#[tokio::test]
async fn what_is_printed_is_not_taken_for_an_answer() {
    let sandbox = sandbox();
    assert_eq!(probe(&sandbox, Profile::Parser, "print").await, "done");
    assert_eq!(probe(&sandbox, Profile::Parser, "stdin").await, "done 0");
    assert_eq!(converts(&sandbox).await, 0);
}

#[tokio::test]
async fn memory_that_earlier_documents_took_is_not_held_against_the_next() {
    let settings = SandboxSettings {
        // The stack and the allocator's reserve count as growth too.
        recycle_above_percent: 150,
        parsers: 1,
        ..settings()
    };
    let sandbox = Sandbox::new(settings);
    let (first, second) = (900 << 20, 901 << 20);
    assert_eq!(
        probe(&sandbox, Profile::Parser, &format!("leak {first}")).await,
        first.to_string()
    );
    let reply = probe_reply(&sandbox, Profile::Parser, &format!("leak {second}")).await;
    assert_eq!((reply.broken, reply.started), (1, 1));
    assert_eq!(text(reply), second.to_string());
}
