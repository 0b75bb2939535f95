//! Files made to harm end with a reason, within the limits, and the next document does not notice.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use convert::fixtures::damage::Damage;
use convert::fixtures::{self, Fixture, Text, hostile, promises};
use convert::sandbox::{Reply, Sandbox, SandboxSettings};
use convert::{Options, Outcome, Profile, Request, Task};

const MEMORY: u64 = 256 << 20;
const WALL: Duration = Duration::from_secs(5);
const WALL_PER_MIB: Duration = Duration::from_millis(100);
/// What may pass beyond the limit until a child is ended and replaced on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(10);

fn options() -> Options {
    Options {
        max_output_bytes: 16 << 20,
        max_unpacked_bytes: 128 << 20,
        ..Options::default()
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new(SandboxSettings {
        executable: Some(env!("CARGO_BIN_EXE_converter-child").into()),
        parsers: 1,
        memory_bytes: MEMORY,
        wall: WALL,
        wall_per_mib: WALL_PER_MIB,
        cpu: WALL,
        cpu_per_mib: WALL_PER_MIB,
        ..SandboxSettings::default()
    })
}

async fn send(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> Reply {
    let request = Request {
        task: Task::Native { skip: Vec::new() },
        name: name.to_owned(),
        content_type: None,
        options: options(),
    };
    let bytes = Bytes::copy_from_slice(bytes);
    sandbox.run(Profile::Parser, &request, bytes).await.unwrap()
}

/// The code it ended with, or `converted`.
fn ending(name: &str, reply: &Reply) -> String {
    let result = match &reply.outcome {
        Outcome::Document(document) => Ok(document.clone()),
        Outcome::Error(error) => Err(error.clone()),
        other => panic!("{name}: {other:?}"),
    };
    let broken = promises::broken(&result, &options());
    assert!(broken.is_none(), "{name}: {}", broken.unwrap_or_default());
    result.map_or_else(|error| error.code().to_owned(), |_| "converted".to_owned())
}

/// What each ends with; where there are two, the machine and the build decide which limit is met first.
fn expected(name: &str) -> &'static [&'static str] {
    match name {
        "overlapping.zip" => &["too_large_unpacked", "converter_timeout"],
        "bomb.zip" | "spaces.docx" | "elements.docx" => &["too_large_unpacked"],
        "matryoshka.zip" => &["nested_too_deep"],
        "doubling-forms.pdf" | "text-bomb.pdf" => &["converter_out_of_memory", "converter_timeout"],
        "password.pdf" | "password.zip" | "password.docx" => &["password_protected"],
        "deep-arrays.pdf" => &["empty"],
        // Strange, but what is in them can be told.
        _ => &["converted"],
    }
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future);
}

async fn harmless(sandbox: &Sandbox, file: &Fixture, good: &[u8]) -> String {
    let begun = Instant::now();
    let reply = send(sandbox, file.name, &file.bytes).await;
    let (took, code) = (begun.elapsed(), ending(file.name, &reply));
    println!(
        "{:22} {:>9} bytes {:>6} ms  {code}, {} children broken",
        file.name,
        file.bytes.len(),
        took.as_millis(),
        reply.broken
    );
    let allowed = WALL + WALL_PER_MIB * (file.bytes.len() >> 20) as u32 + SLACK;
    assert!(took < allowed, "{}: took {took:?}", file.name);
    let begun = Instant::now();
    let reply = send(sandbox, "good.docx", good).await;
    assert_eq!(ending("good.docx", &reply), "converted", "after {}", file.name);
    assert!(
        begun.elapsed() < SLACK,
        "after {}: {:?}",
        file.name,
        begun.elapsed()
    );
    code
}

#[test]
fn files_made_to_harm_end_with_a_reason_and_the_next_document_is_converted() {
    run(async {
        let (sandbox, good) = (sandbox(), fixtures::docx(&Text::known()));
        let mut wrong = Vec::new();
        for file in hostile::all() {
            let code = harmless(&sandbox, &file, &good).await;
            if !expected(file.name).contains(&&*code) {
                wrong.push(format!("{}: {code}", file.name));
            }
        }
        sandbox.close().await;
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

/// What is large is made one at a time, and nothing of it is left when the next one is.
async fn large(name: &'static str, bytes: Vec<u8>, endings: &[&str]) {
    let (sandbox, good) = (sandbox(), fixtures::docx(&Text::known()));
    let code = harmless(&sandbox, &Fixture { name, bytes }, &good).await;
    sandbox.close().await;
    assert!(endings.contains(&&*code), "{name}: {code}");
}

#[test]
fn a_sheet_of_a_million_rows_ends_with_a_reason() {
    let endings = [
        "too_large_unpacked",
        "output_too_large",
        "converter_out_of_memory",
        "converter_timeout",
    ];
    run(large("tall.xlsx", hostile::tall_xlsx(1_000_000), &endings));
}

#[test]
fn a_text_of_100_mib_ends_with_a_reason() {
    let endings = ["output_too_large", "converter_out_of_memory", "converter_timeout"];
    run(large("long.txt", hostile::long_text(100 << 20), &endings));
}

/// Damage is tried in the process of the tests too; here it is the child that has to stand it.
#[test]
fn damaged_files_break_no_sandbox() {
    run(async {
        let sandbox = sandbox();
        for fixture in fixtures::all() {
            for (number, seed) in (0..6u64).enumerate() {
                let damage = match number % 3 {
                    0 => Damage::Cut(700),
                    1 => Damage::Flip { bits: 24, seed },
                    _ => Damage::Smear { seed },
                };
                let reply = send(&sandbox, fixture.name, &damage.apply(&fixture.bytes)).await;
                let code = ending(fixture.name, &reply);
                if reply.broken > 0 {
                    println!("{} {damage:?}: {code}", fixture.name);
                }
            }
        }
        sandbox.close().await;
    });
}
