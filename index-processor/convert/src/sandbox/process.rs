//! One child, from its start to its end.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tempfile::TempDir;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::SandboxSettings;
use super::cause::{Cause, printable};
use super::stderr::LastWords;
use super::wire::{self, WireError};
use crate::child::{ARGUMENT, Setup};
use crate::protocol::{Answer, Confinement, Hello, Order, Profile, Request, millis};

/// How long a child that was told to end may take before it is killed, and the last words of a dead one to arrive.
const GRACE: Duration = Duration::from_secs(1);

/// Size of the pipes in bytes, where the system grants it: large documents pass with fewer turns.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// One child. Dropped, it is killed together with whatever it started.
pub(super) struct ChildProcess {
    process: Child,
    /// Its process group, which has its id; `None` once it was reaped and the id may be somebody else's.
    group: Option<Pid>,
    to: Option<ChildStdin>,
    from: ChildStdout,
    stderr: ChildStderr,
    last_words: LastWords,
    temp_dir: Option<TempDir>,
    documents: u32,
    /// Address space after the start, in bytes.
    at_start: Option<u64>,
}

/// How a document went.
pub(super) enum Ran {
    /// The child lives; if worn, it is to be replaced.
    Answered { answer: Answer, worn: bool },
    /// The child is dead and reaped.
    Broken(Cause),
}

impl ChildProcess {
    /// Starts a child and waits for its greeting. The error says why that was not possible.
    pub(super) async fn start(
        settings: &SandboxSettings,
        profile: Profile,
    ) -> Result<(Self, Confinement), String> {
        let mut child = Self::spawn(settings, profile).map_err(|error| error.to_string())?;
        let greeting = timeout(settings.start_timeout, wire::read::<Hello>(&mut child.from, 0)).await;
        if let Ok(Ok((hello, _))) = greeting {
            child.at_start = child.address_space();
            return Ok((child, hello.confinement));
        }
        let words = child.kill().await.1;
        let last = words.lines().last().unwrap_or("it said nothing");
        Err(format!("it ended before it was ready ({})", printable(last, 200)))
    }

    fn spawn(settings: &SandboxSettings, profile: Profile) -> std::io::Result<Self> {
        let temp_dir = match profile {
            Profile::Parser => None,
            Profile::Tools => {
                let within = settings.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
                Some(
                    tempfile::Builder::new()
                        .prefix("longshore-convert-")
                        .tempdir_in(within)?,
                )
            }
        };
        let temp_path = temp_dir.as_ref().map(|dir| dir.path().to_owned());
        let setup = Setup {
            profile,
            parent: i32::try_from(std::process::id()).unwrap_or(0),
            memory_bytes: settings.memory_bytes,
            max_input_bytes: settings.memory_bytes,
            max_file_bytes: settings.max_file_bytes,
            temp_dir: temp_path.clone(),
            readable: settings.tools_readable.clone(),
        };
        let mut command = Command::new(match &settings.executable {
            Some(executable) => executable.clone(),
            None => this_program()?,
        });
        command
            .arg0("longshore")
            .arg(ARGUMENT)
            .arg(setup.to_argument()?)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(path) = &temp_path {
            command
                .current_dir(path)
                .envs(
                    settings
                        .tools_environment
                        .iter()
                        .map(|(name, value)| (name, value)),
                )
                .env("TMPDIR", path)
                .env("HOME", path);
        } else {
            command.current_dir("/");
        }
        let mut process = command.spawn()?;
        let gone = || std::io::Error::other("it ended at once");
        let child = Self {
            group: process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)),
            to: process.stdin.take(),
            from: process.stdout.take().ok_or_else(gone)?,
            stderr: process.stderr.take().ok_or_else(gone)?,
            process,
            last_words: LastWords::default(),
            temp_dir,
            documents: 0,
            at_start: None,
        };
        #[cfg(target_os = "linux")]
        {
            // Pipes of the usual size do as well, so a refusal is not looked at.
            if let Some(to) = &child.to {
                rustix::pipe::fcntl_setpipe_size(to, PIPE).ok();
            }
            rustix::pipe::fcntl_setpipe_size(&child.from, PIPE).ok();
        }
        Ok(child)
    }

    /// Documents that it was given so far.
    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    /// Has it not ended while it was idle? Does not reap it: what it started is killed by its id, which must stay its own.
    pub(super) fn is_alive(&mut self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.group
            .is_some_and(|pid| matches!(rustix::process::waitid(WaitId::Pid(pid), look), Ok(None)))
    }

    /// Has it convert one document.
    pub(super) async fn run(&mut self, settings: &SandboxSettings, request: &Request, bytes: &[u8]) -> Ran {
        self.documents += 1;
        self.last_words.clear();
        let wall = settings.wall_of(bytes.len());
        let order = Order {
            request,
            cpu_seconds: settings.cpu_of(bytes.len()).as_secs().max(1),
            wall_millis: millis(wall),
        };
        let Some(to) = &mut self.to else {
            return Ran::Broken(Cause::Crashed("it was told to end".to_owned()));
        };
        let exchange = wire::exchange(to, &mut self.from, &order, bytes, settings.max_output_bytes);
        let listening = async {
            self.last_words.listen(&mut self.stderr).await;
            std::future::pending().await
        };
        let exchanged = tokio::select! {
            biased;
            exchanged = timeout(wall, exchange) => exchanged,
            never = listening => never,
        };
        match exchanged {
            Ok(Ok((answer, retire))) => Ran::Answered {
                worn: retire || self.is_worn(settings),
                answer,
            },
            Ok(Err(WireError::Gone)) => {
                // It is dead or dying, with its status set already: killing changes nothing of that, and takes what it started.
                let (status, last_words) = self.kill().await;
                let unknown = || Cause::Crashed("nobody knows how it ended".to_owned());
                Ran::Broken(status.map_or_else(unknown, |status| Cause::of(status, &last_words)))
            }
            Ok(Err(WireError::TooLarge)) => {
                self.kill().await;
                Ran::Broken(Cause::OutputTooLarge)
            }
            Ok(Err(WireError::Nonsense(what))) => {
                self.kill().await;
                Ran::Broken(Cause::Nonsense(what.to_owned()))
            }
            Err(_elapsed) => {
                self.kill().await;
                Ran::Broken(Cause::TimedOut)
            }
        }
    }

    /// Lets it end by itself, and sees to it.
    pub(super) async fn end(mut self) {
        self.to = None;
        // Whether it went by itself or not, it is gone afterwards.
        timeout(GRACE, self.process.wait()).await.ok();
        self.kill().await;
    }

    fn is_worn(&self, settings: &SandboxSettings) -> bool {
        let grown = self
            .address_space()
            .zip(self.at_start)
            .map_or(0, |(now, at_start)| now.saturating_sub(at_start));
        let most = settings.memory_bytes / 100 * u64::from(settings.recycle_above_percent);
        self.documents >= settings.recycle_after || grown > most
    }

    /// Address space that it has, in bytes, where the system tells: the quantity that is limited.
    fn address_space(&self) -> Option<u64> {
        let statm = format!("/proc/{}/statm", self.group?.as_raw_nonzero());
        let pages: u64 = std::fs::read_to_string(statm)
            .ok()?
            .split(' ')
            .next()?
            .parse()
            .ok()?;
        Some(pages.saturating_mul(rustix::param::page_size() as u64))
    }

    /// Kills and reaps it. Returns how it ended, and what it said last.
    async fn kill(&mut self) -> (Option<std::process::ExitStatus>, String) {
        self.kill_group();
        let status = self.process.wait().await.ok();
        self.group = None;
        // The pipe ends with the last process that has it.
        timeout(GRACE, self.last_words.listen(&mut self.stderr))
            .await
            .ok();
        (status, self.last_words.text())
    }

    fn kill_group(&self) {
        if let Some(group) = self.group {
            // It fails when all are dead.
            rustix::process::kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill_group();
        let Some(temp_dir) = self.temp_dir.take() else {
            return;
        };
        let path = temp_dir.keep();
        // A process that was killed may finish one last write, which fills the directory again while it is removed.
        for _ in 0..50 {
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => break,
            }
        }
    }
}

/// This very program, even when its file was replaced by a newer version, which would speak another protocol.
fn this_program() -> std::io::Result<PathBuf> {
    let itself = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() {
        return Ok(itself);
    }
    std::env::current_exe()
}
