//! Waiting until a file's times are old enough to trust.
//!
//! The kernel stamps files with a clock that ticks every 1 to 10 ms (4 ms on most systems; newer kernels are finer only
//! once somebody has looked). Two edits within one tick leave the same times, and with the same size the same tag: content
//! read between them would count as current for ever. So content is read only after the tick of the last change has
//! passed; a later edit then gets another time. Git has the same problem and calls such files racily clean:
//! <https://git-scm.com/docs/racy-git>.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, UnixMillis};

/// Longer than any tick of the kernel's clock.
const TICK: Duration = Duration::from_millis(20);

/// Some file systems keep whole seconds, FAT even two.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// Blocks until the file's tag is sure to tell its content from any later one.
pub(super) fn wait(metadata: &Metadata) {
    let pause = pause(metadata.ctime(), metadata.ctime_nsec(), SystemClock.now());
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}

/// How long to wait for a file that changed at `seconds` and `nanoseconds`. Only the change time counts: every edit
/// moves it, and unlike the modification time nobody can set it.
fn pause(seconds: i64, nanoseconds: i64, now: UnixMillis) -> Duration {
    // Fine times are at a whole second once in a billion.
    let tick = if nanoseconds == 0 { COARSE_TICK } else { TICK };
    let changed = seconds
        .saturating_mul(1000)
        .saturating_add(nanoseconds / 1_000_000);
    let age = now.saturating_sub(changed);
    // A change in the future is one on a server whose clock is ahead; the tick is as much as makes sense to wait.
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    tick.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_rest_of_the_tick() {
        let ms = Duration::from_millis;
        assert_eq!(pause(1_000, 5_000_000, 1_000_005), ms(20));
        assert_eq!(pause(1_000, 5_000_000, 1_000_012), ms(13));
        assert_eq!(pause(1_000, 5_000_000, 1_000_025), ms(0));
        assert_eq!(pause(1_000, 5_000_000, 9_000_000), ms(0));
        assert_eq!(pause(1_000, 0, 1_000_500), ms(1_500), "whole seconds");
        assert_eq!(
            pause(2_000, 5_000_000, 1_000_000),
            ms(20),
            "a clock that is ahead"
        );
        assert_eq!(pause(i64::MAX, 1, i64::MIN), ms(20));
        assert_eq!(pause(i64::MIN, 1, i64::MAX), ms(0));
    }
}
