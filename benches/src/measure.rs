//! One process, measured from outside by GNU time, the same for all.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

/// What a process took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    /// From its start to its exit, in seconds.
    pub(crate) wall_s: f64,
    /// User and system time with all its children, in seconds.
    pub(crate) cpu_s: f64,
    /// Largest resident set, in MiB; of its largest child, if that was larger.
    pub(crate) peak_rss_mib: f64,
}

/// Runs a command to its end; returns its usage and what it printed.
pub(crate) fn run(command: &Command, scratch: &Path) -> anyhow::Result<(Usage, String)> {
    let report = scratch.join("time.txt");
    let mut timed = Command::new("/usr/bin/time");
    timed
        .args(["--quiet", "--format=%U %S %M", "--output"])
        .arg(&report)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    // What others wrote before must not delay what this one waits for the disk to confirm.
    Command::new("sync").status().context("sync cannot be started")?;
    let start = Instant::now();
    let output = timed.output().context("/usr/bin/time cannot be started")?;
    let wall_s = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed with {}:\n{said}", output.status);
    }
    let numbers = std::fs::read_to_string(&report)?;
    let (cpu_s, peak_rss_mib) = parse(&numbers).with_context(|| format!("time reported {numbers:?}"))?;
    let usage = Usage {
        wall_s,
        cpu_s,
        peak_rss_mib,
    };
    Ok((usage, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// CPU seconds and MiB from "user system KiB".
fn parse(report: &str) -> Option<(f64, f64)> {
    let mut numbers = report.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next()?.ok();
    Some((next()? + next()?, next()? / 1024.0))
}

/// Starts a command and kills it, with its children, as soon as `reached` says so. Returns whether that was before its end.
pub(crate) fn kill_when(command: &mut Command, mut reached: impl FnMut() -> bool) -> anyhow::Result<bool> {
    // A group of its own, so that worker processes of a peer go down with it.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("{command:?} cannot be started"))?;
    while child.try_wait()?.is_none() {
        if reached() {
            // The standard library kills one process only.
            let group = format!("-{}", child.id());
            Command::new("kill").args(["-KILL", "--", &group]).status()?;
            child.wait()?;
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_gnu_time_is_read() {
        assert_eq!(parse("1.50 0.25 2048\n"), Some((1.75, 2.0)));
        assert_eq!(parse("Command terminated"), None);
    }
}
