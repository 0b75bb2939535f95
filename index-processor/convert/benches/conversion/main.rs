//! What conversion costs, beside markitdown; see benches/README.md.
//!
//! ```console
//! $ cargo bench -p convert --bench conversion                       # everything
//! $ cargo bench -p convert --bench conversion -- speed --files DIR  # one's own documents
//! $ cargo bench -p convert --bench conversion -- overhead
//! $ cargo bench -p convert --bench conversion -- memory
//! ```

#![expect(clippy::print_stdout, reason = "tables go to the terminal")]

mod documents;
mod memory;
mod overhead;
mod peer;
mod speed;
mod table;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convert::sandbox::{Sandbox, SandboxSettings};
use convert::{FileType, Input, Options, Request, Task};
use documents::Documents;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What to measure, on what.
struct Arguments {
    parts: Vec<String>,
    files: Option<PathBuf>,
    rounds: usize,
    with_peer: bool,
}

const PARTS: [&str; 3] = ["speed", "overhead", "memory"];

fn main() -> Result<()> {
    let arguments = arguments()?;
    // Below it are the peer's virtual environment and the documents that its libraries write.
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&cache)?;
    let cache = cache.canonicalize()?;
    let needs_python = arguments.with_peer || arguments.files.is_none();
    let python = if needs_python {
        Some(peer::python(&cache)?)
    } else {
        None
    };
    let documents = Documents::find(arguments.files.as_deref(), &cache, python.as_deref())?;
    for part in &arguments.parts {
        match part.as_str() {
            "speed" => speed::measure(
                &documents,
                python.as_deref().filter(|_| arguments.with_peer),
                arguments.rounds,
            )?,
            "overhead" => overhead::measure(&documents, arguments.rounds)?,
            _ => memory::measure(&documents)?,
        }
    }
    Ok(())
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments {
        parts: Vec::new(),
        files: None,
        rounds: 5,
        with_peer: true,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--files" => arguments.files = Some(value()?.into()),
            "--rounds" => arguments.rounds = value()?.parse::<usize>()?.max(1),
            "--no-peer" => arguments.with_peer = false,
            // Cargo says so.
            "--bench" => {}
            part if PARTS.contains(&part) => arguments.parts.push(part.to_owned()),
            other => {
                return Err(format!("{other:?} is neither a flag nor one of {}", PARTS.join(", ")).into());
            }
        }
    }
    if arguments.parts.is_empty() {
        arguments.parts = PARTS.map(str::to_owned).into();
    }
    Ok(arguments)
}

/// Everything may be converted, whatever its type.
fn options() -> Options {
    Options {
        open: FileType::ALL.into(),
        ..Options::default()
    }
}

fn input<'a>(name: &'a str, bytes: &'a [u8]) -> Input<'a> {
    Input {
        name,
        bytes,
        content_type: None,
    }
}

fn request(name: &str) -> Request {
    Request {
        task: Task::Native { skip: Vec::new() },
        name: name.to_owned(),
        content_type: None,
        options: options(),
    }
}

/// A sandbox of one child, as in production but for what `change` says.
fn sandbox(change: impl FnOnce(&mut SandboxSettings)) -> Sandbox {
    let mut settings = SandboxSettings {
        executable: Some(env!("CARGO_BIN_EXE_converter-child").into()),
        parsers: 1,
        ..SandboxSettings::default()
    };
    change(&mut settings);
    Sandbox::new(settings)
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
