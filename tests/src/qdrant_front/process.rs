//! The front as a process of its own, which tests can kill and suspend.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::service::{freeze, signal};

/// A running front; killed when dropped.
#[derive(Debug)]
pub struct FrontProcess {
    child: Child,
    dir: PathBuf,
    address: SocketAddr,
    api_key: Option<String>,
}

impl FrontProcess {
    /// Starts a front on a free port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(dir: &Path, api_key: Option<&str>) -> anyhow::Result<Self> {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (child, address) = spawn(dir, free, api_key)?;
        Ok(Self {
            child,
            dir: dir.to_owned(),
            address,
            api_key: api_key.map(str::to_owned),
        })
    }

    /// For `QDRANT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same folder and port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let (child, _) = spawn(&self.dir, self.address, self.api_key.as_deref())?;
        self.child = child;
        Ok(())
    }

    /// Kills it, removes everything it kept, and starts it again: a lost disk.
    ///
    /// # Errors
    /// When it does not start.
    pub fn wipe(&mut self) -> anyhow::Result<()> {
        self.kill()?;
        std::fs::remove_dir_all(&self.dir)?;
        self.restart()
    }

    /// Suspends it: connections stay open and nobody answers.
    ///
    /// # Errors
    /// When it is gone.
    pub fn suspend(&self) -> anyhow::Result<()> {
        freeze(&self.child)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resume(&self) -> anyhow::Result<()> {
        signal(&self.child, "-CONT")
    }
}

impl Drop for FrontProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(dir: &Path, listen: SocketAddr, api_key: Option<&str>) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(binary());
    command
        .arg("--dir")
        .arg(dir)
        .args(["--listen", &listen.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(key) = api_key {
        command.args(["--api-key", key]);
    }
    let mut child = command.spawn().context("starting qdrant-front")?;
    let stdout = child.stdout.take().context("no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    match line.trim().strip_prefix("http://").map(str::parse) {
        Some(Ok(address)) => Ok((child, address)),
        _ => {
            drop(child.kill());
            let status = child.wait()?;
            anyhow::bail!("qdrant-front ended with {status} instead of telling its address: {line:?}")
        }
    }
}

/// The binary that was built beside the tests.
fn binary() -> PathBuf {
    crate::longshore::built("qdrant-front")
}
