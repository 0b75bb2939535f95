//! Questions before something is lost.

use std::io::{self, IsTerminal, Write};

use anyhow::bail;

use super::bars;
use crate::failure::Failure;

/// Goes on when the person at the terminal says yes, or `--yes` was given.
///
/// # Errors
/// When the answer is no, or when there is nobody to ask.
pub(crate) fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::usage(format!(
            "{question} Nobody is at a terminal to say yes: give --yes"
        )));
    }
    bars().suspend(|| {
        let mut to = io::stderr().lock();
        write!(to, "{question} [y/N] ").and_then(|()| to.flush())
    })?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    bail!("nothing was done")
}
