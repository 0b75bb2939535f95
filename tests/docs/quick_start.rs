//! The commands of the quick starts, run as the pages have them.
//!
//! A block of commands below `<!-- run -->` is run; blocks of text up to the next one are what the commands print, where `…` stands
//! for anything. All blocks of a page are run by one shell, one after the other.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tests::longshore::binary;
use tests::postgres::Postgres;
use tests::qdrant_front::process::FrontProcess;
use tests::rabbitmq::RabbitMq;

/// Says that the commands below are run.
const MARK: &str = "<!-- run -->";
/// Printed after each block.
const END_OF_BLOCK: char = '\u{1e}';

/// Commands, and what they print.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    commands: String,
    printed: Vec<String>,
}

/// The blocks of a page that are run.
fn blocks(page: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines: VecDeque<&str> = page.lines().collect();
    while let Some(line) = lines.front().copied() {
        if line.trim() == MARK {
            lines.pop_front();
            let commands =
                fenced(&mut lines, "```sh").context("below each mark there is a block of commands")?;
            blocks.push(Block {
                commands: commands.join("\n"),
                printed: Vec::new(),
            });
        } else if let Some(printed) = fenced(&mut lines, "```text") {
            let block = blocks
                .last_mut()
                .context("what is printed stands below what prints it")?;
            let printed = printed.into_iter().filter(|line| !line.trim().is_empty());
            block.printed.extend(printed.map(str::to_owned));
        } else if fenced(&mut lines, line.trim()).is_none() {
            lines.pop_front();
        }
    }
    Ok(blocks)
}

/// The content of the fenced block that begins right here.
fn fenced<'a>(lines: &mut VecDeque<&'a str>, fence: &str) -> Option<Vec<&'a str>> {
    if lines.front()?.trim() != fence || !fence.starts_with("```") {
        return None;
    }
    lines.pop_front();
    let mut content = Vec::new();
    while let Some(line) = lines.pop_front().filter(|line| line.trim() != "```") {
        content.push(line);
    }
    Some(content)
}

/// Does the page's line stand for the printed one? Blanks count once, `…` is anything.
fn stands_for(said: &str, printed: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed = squeezed(printed);
    let mut rest = printed.as_str();
    said.split('…')
        .map(squeezed)
        .all(|part| match rest.split_once(&*part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
}

/// Runs the blocks of a page in an empty folder.
fn walk(page: &str, environment: &[(&str, String)]) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading docs/{page}"))?;
    let blocks = blocks(&text)?;
    ensure!(!blocks.is_empty(), "docs/{page} has nothing to run");
    // Another port than the page's: something else may have that one.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let mut script =
        "set -euo pipefail\nexec 2>&1\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n".to_owned();
    for block in &blocks {
        script.push_str(&block.commands.replace("7700", &port));
        script.push_str("\nprintf '\\036'\n");
    }
    let folder = tempfile::Builder::new().prefix("quick-start-").tempdir()?;
    let own = binary().parent().map(Path::to_path_buf).unwrap_or_default();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths: Vec<PathBuf> = std::iter::once(own)
        .chain(std::env::split_paths(&paths))
        .collect();
    let ran = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", std::env::join_paths(paths)?)
        .env("HOME", folder.path())
        .env("LONGSHORE_LISTEN", format!("127.0.0.1:{port}"))
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()?;
    let printed = String::from_utf8_lossy(&ran.stdout);
    ensure!(
        ran.status.success(),
        "the commands of docs/{page} ended with {}:\n{printed}",
        ran.status
    );
    for (block, printed) in blocks.iter().zip(printed.split(END_OF_BLOCK)) {
        for said in &block.printed {
            ensure!(
                printed.lines().any(|line| stands_for(said, line)),
                "docs/{page} says that\n{}\nprints {said:?}, but it printed:\n{printed}",
                block.commands
            );
        }
    }
    Ok(())
}

#[test]
fn embedded() -> anyhow::Result<()> {
    walk("quickstart.md", &[])
}

#[test]
fn a_fleet_on_one_machine() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rabbit = RabbitMq::start()?;
    let postgres = Postgres::start()?;
    let vectors = FrontProcess::start(&folder.path().join("vectors"), None)?;
    let environment = [
        ("DATABASE_URL", postgres.database("longshore")?),
        ("AMQP_URL", rabbit.url()),
        ("QDRANT_URL", vectors.url()),
    ];
    walk("fleet.md", &environment)
}

#[test]
fn pages_are_read_as_they_are_written() {
    let page = "a\n```sh\nnot run\n```\n<!-- run -->\n```sh\none\ntwo\n```\nsays\n```text\n3 files … done\n\n```\n\n```json\n<!-- run -->\n```\n\
                <!-- run -->\n```sh\nthree\n```\nb\n```text\nx\n```\n```text\ny\n```\n";
    let block = |commands: &str, printed: &[&str]| Block {
        commands: commands.to_owned(),
        printed: printed.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(
        blocks(page).unwrap(),
        [
            block("one\ntwo", &["3 files … done"]),
            block("three", &["x", "y"])
        ]
    );
    for unclear in ["<!-- run -->\n\n```sh\none\n```\n", "```text\nx\n```\n"] {
        blocks(unclear).unwrap_err();
    }
    assert!(stands_for("3 files … done", "  3   files in 2 s, done"));
    assert!(!stands_for("3 files … done", "done: 3 files"));
    assert!(!stands_for("3 files", "13 filed"));
}
