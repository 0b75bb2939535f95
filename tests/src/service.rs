//! A service of the fleet as a child process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail, ensure};

use crate::longshore::built;
use crate::wait;

/// Variables of the surrounding environment that could change a service.
const OWN: [&str; 15] = [
    "EMBEDDING_",
    "LONGSHORE_",
    "CHUNK_",
    "FILE_INDEXING_",
    "INDEXER_",
    "INDEX_PROCESSOR_",
    "DATABASE_",
    "AMQP_",
    "QDRANT_",
    "AZURE_",
    "AZURITE_",
    "EVENTS_",
    "DISPATCH_",
    "RECONCILE_",
    "OTEL_",
];

/// A running service; killed when dropped.
pub struct Service {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Service {
    /// A command of a service with nothing from outside that could change it.
    #[must_use]
    pub fn command(binary: &str, environment: &[(&str, String)], flags: &[&str]) -> Command {
        let mut command = Command::new(built(binary));
        for (name, _) in std::env::vars_os() {
            if OWN.iter().any(|own| name.to_string_lossy().starts_with(own)) {
                command.env_remove(name);
            }
        }
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Starts a service.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(binary: &str, environment: &[(&str, String)], flags: &[&str]) -> anyhow::Result<Self> {
        let mut child = Self::command(binary, environment, flags)
            .spawn()
            .with_context(|| format!("starting {binary}"))?;
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, into) = (
            child.stderr.take().context("no standard error")?,
            Arc::clone(&log),
        );
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = into.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        Ok(Self { child, log })
    }

    /// Where it listens, once it does.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn url(&mut self) -> anyhow::Result<String> {
        wait::until("the service to listen", || {
            if let Some(at) = self.log().split("http://").nth(1) {
                return Ok(Some(Ok(format!(
                    "http://{}",
                    at.split_whitespace().next().unwrap_or("")
                ))));
            }
            // What it said last may still be on its way when it has ended.
            Ok(self.child.try_wait()?.map(Err))
        })?
        .or_else(|status| bail!("it ended with {status}:\n{}", self.log()))
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        signal(&self.child, "-TERM")?;
        wait::until("the service to stop", || Ok(self.child.try_wait()?))
    }

    /// Freezes it: connections stay open and nothing moves.
    ///
    /// # Errors
    /// When it is gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        freeze(&self.child)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn thaw(&self) -> anyhow::Result<()> {
        signal(&self.child, "-CONT")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal to a child process.
/// Stops a process where it is, and waits until none of its threads does anything any more.
pub(crate) fn freeze(child: &Child) -> anyhow::Result<()> {
    signal(child, "-STOP")?;
    let threads = format!("/proc/{}/task", child.id());
    wait::until("all threads to stand still", || {
        for thread in fs::read_dir(&threads)? {
            let stat = fs::read_to_string(thread?.path().join("stat"))?;
            // The state follows the name, which may have anything in it.
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
            if state != Some('T') {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
}

pub(crate) fn signal(child: &Child, signal: &str) -> anyhow::Result<()> {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()?;
    ensure!(status.success(), "kill {signal} failed");
    Ok(())
}
