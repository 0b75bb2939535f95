//! Waiting for conditions, never for durations.

use std::thread::sleep;
use std::time::Duration;

use anyhow::bail;

/// Longest wait; generous, because a slow machine is no defect.
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `condition` gives a value.
///
/// # Errors
/// When it does not within [`PATIENCE`]; the text names what was waited for.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    let mut last = None;
    for _ in 0..looks {
        match condition() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => last = None,
            Err(error) => last = Some(error),
        }
        sleep(LOOK_EVERY);
    }
    match last {
        Some(error) => Err(error.context(format!("waited in vain for {what}"))),
        None => bail!("waited in vain for {what}"),
    }
}
