//! The command line as people and scripts use it: against a running `up` with and without keys, and on a data folder alone.

mod exits;
mod indexes;
mod keys;
mod runs;
mod screens;

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::longshore::{Longshore, Ran};

/// Somebody on another machine: an address, and nothing else.
struct Remote {
    longshore: Longshore,
    url: String,
}

impl Remote {
    fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            longshore: Longshore::new(&[])?,
            url: url.to_owned(),
        })
    }

    fn with_key(url: &str, key: &str) -> anyhow::Result<Self> {
        Ok(Self {
            longshore: Longshore::new(&[])?.with_variable("LONGSHORE_API_KEY", key),
            url: url.to_owned(),
        })
    }

    fn run(&self, args: &[&str]) -> anyhow::Result<Ran> {
        self.longshore.run(&[&["--url", &self.url], args].concat())
    }

    /// A command that must end with this code.
    fn ends(&self, args: &[&str], code: i32) -> anyhow::Result<Ran> {
        let ran = self.run(args)?;
        ensure!(
            ran.code() == code,
            "{args:?} ended with {}: {}{}",
            ran.code(),
            ran.stdout,
            ran.stderr
        );
        Ok(ran)
    }

    /// What a command prints for people.
    fn says(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(self.ends(args, 0)?.stdout)
    }

    /// What it prints for programs.
    fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        let ran = self.ends(&[args, &["--json"]].concat(), 0)?;
        serde_json::from_str(&ran.stdout).with_context(|| format!("{args:?} printed {}", ran.stdout))
    }

    /// The same, one entry a line.
    fn lines(&self, args: &[&str]) -> anyhow::Result<Vec<Value>> {
        let ran = self.ends(&[args, &["--json"]].concat(), 0)?;
        let read =
            |line: &str| serde_json::from_str(line).with_context(|| format!("{args:?} printed {line}"));
        ran.stdout.lines().map(read).collect()
    }
}
