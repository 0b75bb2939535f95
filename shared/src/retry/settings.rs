//! How a process tries again, as a flag: `--step-retry embed:first=5s,max=5m;*:attempts=3`.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::{Step, StepPolicies, StepPolicy};
use crate::index_settings::StepRetry;

/// Longest time that can be set.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How failed files are tried again.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Retries")]
pub struct StepRetryArgs {
    /// How failures of a step are tried again: STEP:NAME=VALUE,… with the steps claim, fetch, convert, chunk, embed, upsert,
    /// remove, or * for all; several are separated by semicolons, and a later one wins. Names: first and max (intervals
    /// such as 500ms, 5s, 2m), coefficient, attempts, retryable and final (failure codes joined by +). Each index can differ.
    #[arg(long, env = "INDEXER_STEP_RETRY", value_name = "RULES", value_delimiter = ';')]
    pub step_retry: Vec<StepRule>,
}

impl StepRetryArgs {
    /// The policies.
    #[must_use]
    pub fn policies(&self) -> StepPolicies {
        let mut policies = StepPolicies::all(&StepPolicy::default());
        for rule in &self.step_retry {
            for step in Step::ALL {
                if rule.step.is_none_or(|only| only == step) {
                    rule.change.change(policies.of_mut(step));
                }
            }
        }
        policies
    }
}

/// What is different about a step, or about all.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRule {
    step: Option<Step>,
    change: StepRetry,
}

impl FromStr for StepRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (step, changes) = text
            .trim()
            .split_once(':')
            .ok_or("write STEP:NAME=VALUE,…, for example embed:first=5s,attempts=3")?;
        let step = match step.trim() {
            "*" => None,
            name => Some(name.parse::<Step>().map_err(|error| error.to_string())?),
        };
        let mut change = StepRetry::default();
        for pair in changes.split(',') {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("{pair:?} is not NAME=VALUE"))?;
            let (name, value) = (name.trim(), value.trim());
            let wrong = || format!("{value:?} is no value for {name}");
            let codes = || Some(value.split('+').map(str::to_owned).collect());
            match name {
                "first" => change.first_interval_ms = Some(millis(value)?),
                "max" => change.max_interval_ms = Some(millis(value)?),
                "coefficient" => change.coefficient = Some(value.parse().map_err(|_| wrong())?),
                "attempts" => change.attempts = Some(value.parse().map_err(|_| wrong())?),
                "retryable" => change.retryable = codes(),
                "final" => change.not_retryable = codes(),
                _ => {
                    return Err(format!(
                        "{name:?} is none of first, max, coefficient, attempts, retryable, final"
                    ));
                }
            }
        }
        change.check()?;
        Ok(Self { step, change })
    }
}

fn millis(text: &str) -> Result<u64, String> {
    interval(text).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A length of time such as `500ms`, `5s`, `2m`, `1h`; seconds when there is no unit. At most a day.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" => Some(60 * 1000),
        "h" => Some(60 * 60 * 1000),
        _ => None,
    };
    let millis = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(n, factor)| n.checked_mul(factor));
    millis
        .map(Duration::from_millis)
        .filter(|time| *time <= DAY)
        .ok_or_else(|| format!("{text:?} is no time of at most a day, such as 500ms, 5s, 2m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_in_order() {
        let rules = ["*:first=500ms,attempts=4", "embed:max=5m,final=a_code+another"];
        let args = StepRetryArgs {
            step_retry: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        };
        let policies = args.policies();
        assert_eq!(policies.of(Step::Fetch).first, Duration::from_millis(500));
        assert_eq!(policies.of(Step::Fetch).max, Duration::from_secs(60));
        let embed = policies.of(Step::Embed);
        assert_eq!((embed.max, embed.attempts), (Duration::from_secs(300), Some(4)));
        assert_eq!(embed.final_codes, ["a_code", "another"]);
    }

    #[test]
    fn wrong_rules_say_what_is_wrong() {
        for (text, word) in [
            ("embed", "STEP:NAME=VALUE"),
            ("embedd:first=1s", "steps are"),
            ("embed:first", "NAME=VALUE"),
            ("embed:first=1d", "500ms"),
            ("embed:attempts=0", "attempts"),
            ("embed:speed=9", "coefficient"),
            ("*:first=9s,max=1s", "max_interval_ms"),
        ] {
            let error = text.parse::<StepRule>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
