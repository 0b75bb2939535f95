//! markitdown, in a process of its own that is kept for the whole run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Result;

/// The process; its imports and set-up are behind it when the first file is asked for.
pub(crate) struct Markitdown {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What it made of a file.
pub(crate) struct Converted {
    pub(crate) took: Duration,
    pub(crate) characters: u64,
    pub(crate) failed: bool,
}

impl Markitdown {
    pub(crate) fn start(python: &Path) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(own_file("markitdown_files.py"))
            .arg("1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let to = child.stdin.take().ok_or("no standard input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self { child, to, from })
    }

    pub(crate) fn convert(&mut self, path: &Path) -> Result<Converted> {
        writeln!(self.to, "{}", path.display())?;
        self.to.flush()?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line)?;
        Ok(Converted {
            took: Duration::from_secs_f64(said["seconds"].as_f64().ok_or("no seconds")?),
            characters: said["characters"].as_u64().unwrap_or_default(),
            failed: !said["error"].is_null(),
        })
    }

    /// Ends the process.
    pub(crate) fn end(self) -> Result<()> {
        let Self { mut child, to, .. } = self;
        drop(to);
        child.wait()?;
        Ok(())
    }
}

/// A file beside those of the other benchmarks.
pub(crate) fn own_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../benches/peers")
        .join(name)
}

/// A virtual environment with the pinned packages.
pub(crate) fn python(cache: &Path) -> Result<PathBuf> {
    let (folder, requirements) = (
        cache.join("venv-conversion"),
        own_file("requirements-conversion.txt"),
    );
    let (python, installed) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = std::fs::read(&requirements)?;
    if std::fs::read(&installed).is_ok_and(|has| has == wanted) {
        return Ok(python);
    }
    println!("installing markitdown into {}", folder.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(requirements))?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        return Err(format!("{command:?} failed: {status}").into());
    }
    Ok(())
}
