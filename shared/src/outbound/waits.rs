//! How long an endpoint asks us to wait.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Longest wait that is believed. More would overflow clocks that it is added to.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait in the reply's headers, at most a day: `retry-after-ms` (Azure), `Retry-After` in seconds
/// ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)), or the reset time of whichever of OpenAI's
/// budgets is used up (`x-ratelimit-reset-*`). A `Retry-After` that is a date is left out: it would need our clock to
/// agree with theirs.
#[must_use]
pub fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let millis = || text("retry-after-ms").and_then(seconds).map(|wait| wait / 1_000);
    let after = || text(RETRY_AFTER.as_str()).and_then(seconds);
    let reset = |budget: &str| {
        let spent = text(&format!("x-ratelimit-remaining-{budget}")) == Some("0");
        text(&format!("x-ratelimit-reset-{budget}"))
            .filter(|_| spent)
            .and_then(duration)
    };
    millis()
        .or_else(after)
        .or_else(|| reset("requests").max(reset("tokens")))
        .map(|wait| wait.min(MAX_WAIT))
}

fn seconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(value.parse().ok()?).ok()
}

/// OpenAI's form: `1s`, `6m0s`, `20ms`, `1h2m3.5s`.
fn duration(mut value: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    while !value.is_empty() {
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = value.split_at(digits);
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(letters);
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()?)?;
        value = rest;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<u128> {
        let headers = headers.iter().map(|(name, value)| {
            (
                reqwest::header::HeaderName::from_static(name),
                reqwest::header::HeaderValue::from_static(value),
            )
        });
        asked_wait(&headers.collect()).map(|wait| wait.as_millis())
    }

    #[test]
    fn waits_by_table() {
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "7")]), Some(7_000));
        assert_eq!(wait(&[("retry-after", "0.25")]), Some(250));
        assert_eq!(
            wait(&[("retry-after", "7"), ("retry-after-ms", "6500")]),
            Some(6_500)
        );
        assert_eq!(wait(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]), None);
        assert_eq!(wait(&[("retry-after", "-1")]), None);
        assert_eq!(wait(&[("retry-after", "1e300")]), None);
        assert_eq!(wait(&[("retry-after", "1e18")]), Some(86_400_000));
        let budget = |left, reset| {
            wait(&[
                ("x-ratelimit-remaining-tokens", left),
                ("x-ratelimit-reset-tokens", reset),
            ])
        };
        assert_eq!(budget("0", "6m0s"), Some(360_000));
        assert_eq!(budget("0", "1h2m3.5s"), Some(3_723_500));
        assert_eq!(budget("0", "20ms"), Some(20));
        assert_eq!(budget("5", "6m0s"), None, "there is budget left");
        assert_eq!(budget("0", "soon"), None);
        assert_eq!(budget("0", "5"), None);
    }
}
