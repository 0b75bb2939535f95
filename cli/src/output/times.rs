//! Moments and spans, as people write and read them.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::clock::{Clock, SystemClock, UnixMillis};

/// Now.
pub(crate) fn now() -> UnixMillis {
    SystemClock.now()
}

/// A moment as `2026-03-01 12:00:05 UTC`.
pub(crate) fn moment(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at).map_or_else(
        |_| at.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// A day as `2026-03-01`.
pub(crate) fn day(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at)
        .map_or_else(|_| at.to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// A moment on the command line: `2026-03-01`, `2026-03-01T12:00:00Z`, or a span before now such as `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past(pub(crate) UnixMillis);

/// The same, with a span from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Future(pub(crate) UnixMillis);

/// A span on the command line: `30s`, `10m`, `12h`, `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl std::str::FromStr for Past {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        read(text, now(), -1).map(Self)
    }
}

impl std::str::FromStr for Future {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        read(text, now(), 1).map(Self)
    }
}

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let span = span(text).ok_or_else(|| format!("{text:?} is no span: write 30s, 10m, 12h or 90d"))?;
        Ok(Self(span))
    }
}

impl Past {
    /// In the form of RFC 3339.
    pub(crate) fn rfc3339(self) -> String {
        Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |time| time.to_string())
    }
}

fn read(text: &str, now: UnixMillis, direction: i32) -> Result<UnixMillis, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok();
    if let Some(time) = text.parse::<Date>().ok().and_then(midnight) {
        return Ok(time.timestamp().as_millisecond());
    }
    let from = Timestamp::from_millisecond(now).ok();
    let moved = span(text)
        .and_then(|span| SignedDuration::try_from(span).ok())
        .and_then(|span| from?.checked_add(span.checked_mul(direction)?).ok());
    moved.map(Timestamp::as_millisecond).ok_or_else(|| {
        format!("{text:?} is no moment: write 2026-03-01, 2026-03-01T12:00:00Z, or a span such as 7d or 12h")
    })
}

fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let count: u64 = text[..text.len() - 1].parse().ok()?;
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        let now = 1_750_000_000_000;
        assert_eq!(read("2025-06-15T15:06:40Z", now, -1), Ok(now));
        assert_eq!(read("2025-06-15", now, -1), Ok(1_749_945_600_000));
        assert_eq!(read("2h", now, -1), Ok(now - 7_200_000));
        assert_eq!(read("2d", now, 1), Ok(now + 172_800_000));
        for bad in [
            "",
            "d",
            "2",
            "yesterday",
            "2w",
            "-2d",
            "99999999999999999999d",
            "9999999999999999d",
            "ü",
        ] {
            assert!(read(bad, now, -1).is_err(), "{bad:?}");
        }
        assert_eq!("90d".parse(), Ok(Span(Duration::from_secs(7_776_000))));
        assert_eq!(moment(now), "2025-06-15 15:06:40 UTC");
        assert_eq!(day(now), "2025-06-15");
    }
}
