//! Runs one program on one private directory.
//!
//! Its output goes to files of that directory, not to pipes: nothing has to be read while it runs, so one loop that looks at
//! the clock and at the size of the files is all it takes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ConvertError;

/// Most bytes that are read of what a program says about its trouble.
const MAX_COMPLAINT: u64 = 16 << 10;

/// Largest picture that is read back, in bytes.
const MAX_FILE: u64 = 256 << 20;

/// Longest pause between two looks at a running program.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// Why a program gave nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was killed at the deadline.
    Deadline,
    /// It was killed because it wrote too much.
    TooMuch,
    /// It ended with an error; what it said.
    Failed(String),
    /// It could not be run.
    System(io::Error),
}

/// A private directory with the file in it, removed in the end.
pub(super) struct Directory {
    directory: TempDir,
}

impl Directory {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, ConvertError> {
        let make = || {
            let directory = tempfile::Builder::new().prefix("longshore-tool-").tempdir()?;
            fs::write(directory.path().join("input"), bytes)?;
            Ok(directory)
        };
        match make() {
            Ok(directory) => Ok(Self { directory }),
            Err(error) => Err(Trouble::System(error).into()),
        }
    }

    /// The file.
    pub(super) fn input(&self) -> PathBuf {
        self.directory.path().join("input")
    }

    /// A path for output.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What a program wrote to a path.
    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, ConvertError> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|error| Trouble::System(error).into())
    }

    /// Runs a program in the directory; returns its output, of `most` bytes at most.
    pub(super) fn run<I, S>(
        &self,
        program: &Path,
        arguments: I,
        most: u64,
        deadline: Instant,
    ) -> Result<Vec<u8>, Trouble>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.directory.path(), program, arguments, most, deadline)
    }
}

/// What a program answers, on either of its outputs; `None` when it does not.
pub(super) fn ask(program: &Path, arguments: &[&str], deadline: Instant) -> Option<String> {
    let directory = tempfile::tempdir().ok()?;
    let said = run(directory.path(), program, arguments, MAX_COMPLAINT, deadline).ok()?;
    let said = if said.is_empty() {
        complaint(&mut File::open(directory.path().join("stderr")).ok()?)
    } else {
        String::from_utf8_lossy(&said).into_owned()
    };
    Some(said)
}

fn run<I, S>(
    directory: &Path,
    program: &Path,
    arguments: I,
    most: u64,
    deadline: Instant,
) -> Result<Vec<u8>, Trouble>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut output = create(&directory.join("stdout"))?;
    let mut complaints = create(&directory.join("stderr"))?;
    let child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TMPDIR", directory)
        .env("LANG", "C.UTF-8")
        // One page is one thread: pages of other files are read beside it.
        .env("OMP_THREAD_LIMIT", "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(complaints.try_clone()?)
        .spawn()?;
    let status = Running(child).wait(&output, &complaints, most, deadline)?;
    if !status.success() {
        let said = complaint(&mut complaints);
        return Err(Trouble::Failed(format!("{status}: {}", said.trim())));
    }
    let mut bytes = Vec::new();
    output.rewind()?;
    output.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn create(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}

fn complaint(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // A complaint that cannot be read is an empty one.
    let read = file
        .rewind()
        .and_then(|()| file.take(MAX_COMPLAINT).read_to_end(&mut bytes));
    read.map(|_| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// A program that is killed when nobody waits for it any more.
struct Running(Child);

impl Running {
    fn wait(
        mut self,
        output: &File,
        complaints: &File,
        most: u64,
        deadline: Instant,
    ) -> Result<ExitStatus, Trouble> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.0.try_wait()? {
                return match output.metadata()?.len() {
                    length if length > most => Err(Trouble::TooMuch),
                    _ => Ok(status),
                };
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Deadline);
            }
            if output.metadata()?.len() > most || complaints.metadata()?.len() > most.max(MAX_COMPLAINT) {
                return Err(Trouble::TooMuch);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a program that has ended and was waited for.
        if self.0.kill().is_ok() {
            self.0.wait().ok();
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<Trouble> for ConvertError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Deadline => Self::failed(
                "converter_timeout",
                "the file took longer than it may; split it, or allow more time",
            ),
            Trouble::TooMuch => {
                Self::failed("output_too_large", "the file has more text than it may; split it")
            }
            Trouble::Failed(said) => Self::failed(
                "tool_failed",
                format!("the program that reads it failed ({})", said.replace('\n', "; ")),
            ),
            Trouble::System(error) => Self::failed(
                "tool_failed",
                format!("the program that reads it could not be run ({error})"),
            ),
        }
    }
}
