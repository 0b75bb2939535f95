//! What the benchmarks need, fetched or built once: the binary, a Python environment, Debian packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Where everything is.
pub(crate) struct Tools {
    /// Absolute; everything that is downloaded, measured or reported lies below it.
    pub(crate) cache: PathBuf,
    /// The binary under test.
    pub(crate) longshore: PathBuf,
    /// An interpreter with the peers' packages; none when only Longshore is measured.
    pub(crate) python: Option<PathBuf>,
}

impl Tools {
    /// Gets everything ready.
    pub(crate) fn prepare(cache: &Path, longshore: Option<PathBuf>, peers: bool) -> anyhow::Result<Self> {
        if cfg!(debug_assertions) {
            bail!(
                "a debug build serves embeddings too slowly to measure their clients: use cargo run --release"
            );
        }
        run(Command::new("/usr/bin/time").args(["--format=", "true"]))
            .context("GNU time measures the processes: install Debian's package `time`")?;
        std::fs::create_dir_all(cache)?;
        let cache = cache.canonicalize()?;
        let longshore = longshore.map_or_else(build, Ok)?.canonicalize()?;
        let python = if peers { Some(python(&cache)?) } else { None };
        Ok(Self {
            cache,
            longshore,
            python,
        })
    }
}

/// A folder or file of this crate, in the working copy that it was built from.
pub(crate) fn own_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Builds the binary into the folder that this one was built into.
fn build() -> anyhow::Result<PathBuf> {
    run(Command::new("cargo").args(["build", "--release", "--package", "cli", "--bin", "longshore"]))?;
    Ok(std::env::current_exe()?.with_file_name("longshore"))
}

/// A virtual environment with the pinned packages of `peers/requirements.txt`.
pub(crate) fn python(cache: &Path) -> anyhow::Result<PathBuf> {
    let (folder, installed) = (cache.join("venv"), cache.join("venv/requirements.txt"));
    let python = folder.join("bin/python");
    let wanted = std::fs::read_to_string(own_file("peers/requirements.txt"))?;
    if std::fs::read_to_string(&installed).is_ok_and(|has| has == wanted) {
        return Ok(python);
    }
    println!("installing the peers into {}", folder.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(own_file("peers/requirements.txt")))?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{command:?} cannot be started"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
