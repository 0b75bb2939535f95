//! How failures are tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::retry::{Step, StepPolicies, StepPolicy};

/// Longest interval that can be set: a day.
const MAX_INTERVAL_MS: u64 = 24 * 60 * 60 * 1000;
/// Most attempts that can be set.
const MAX_ATTEMPTS: u32 = 1000;
/// Most failure codes in a list, and most characters in one of them.
const MAX_CODES: usize = 64;

/// Settings of an index that differ from those of the index processors, by step. A change takes effect with the next failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {
    /// Taking a file and opening its index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<StepRetry>,
    /// Reading the blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<StepRetry>,
    /// From bytes to Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convert: Option<StepRetry>,
    /// From Markdown to chunks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<StepRetry>,
    /// From chunks to dense vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed: Option<StepRetry>,
    /// Writing points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upsert: Option<StepRetry>,
    /// Removing points of the version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<StepRetry>,
}

/// What is different about a step; what is left out stays as the index processors have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepRetry {
    /// Wait after the first failure, in milliseconds; half of it is spread by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86_400_000)]
    pub first_interval_ms: Option<u64>,
    /// How much longer each wait is than the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub coefficient: Option<f64>,
    /// Longest wait, in milliseconds; a dependency that asks for more gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86_400_000)]
    pub max_interval_ms: Option<u64>,
    /// Failures of this step after which a file is FAILED. `FILE_INDEXING_MAX_RETRIES` limits the attempts of all steps
    /// together, so only a smaller number has an effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub attempts: Option<u32>,
    /// Failure codes that are tried again although the same content is expected to fail again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 64)]
    pub retryable: Option<Vec<String>>,
    /// Failure codes that are final although they may pass. Wins over `retryable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 64)]
    pub not_retryable: Option<Vec<String>>,
}

impl RetrySettings {
    /// The steps that have settings of their own.
    pub fn steps(&self) -> impl Iterator<Item = (Step, &StepRetry)> {
        let all = [
            (Step::Claim, &self.claim),
            (Step::Fetch, &self.fetch),
            (Step::Convert, &self.convert),
            (Step::Chunk, &self.chunk),
            (Step::Embed, &self.embed),
            (Step::Upsert, &self.upsert),
            (Step::Remove, &self.remove),
        ];
        all.into_iter()
            .filter_map(|(step, own)| Some((step, own.as_ref()?)))
    }

    /// The policies of a process with these differences.
    #[must_use]
    pub fn over(&self, process: &StepPolicies) -> StepPolicies {
        let mut policies = process.clone();
        for (step, own) in self.steps() {
            own.change(policies.of_mut(step));
        }
        policies
    }

    /// Can it be meant?
    ///
    /// # Errors
    /// When a value is out of its bounds; the text names it.
    pub fn check(&self) -> Result<(), String> {
        self.steps()
            .try_for_each(|(step, own)| own.check().map_err(|why| format!("retry.{step}.{why}")))
    }
}

impl StepRetry {
    /// Puts what is set into a policy. The longest wait is never shorter than the first.
    pub fn change(&self, policy: &mut StepPolicy) {
        if let Some(first) = self.first_interval_ms {
            policy.first = Duration::from_millis(first);
            policy.max = policy.max.max(policy.first);
        }
        if let Some(max) = self.max_interval_ms {
            policy.max = Duration::from_millis(max);
            policy.first = policy.first.min(policy.max);
        }
        policy.coefficient = self.coefficient.unwrap_or(policy.coefficient);
        policy.attempts = self.attempts.or(policy.attempts);
        if let Some(codes) = &self.retryable {
            policy.retryable.clone_from(codes);
        }
        if let Some(codes) = &self.not_retryable {
            policy.final_codes.clone_from(codes);
        }
    }

    /// Can it be meant?
    ///
    /// # Errors
    /// When a value is out of its bounds; the text begins with its name.
    pub fn check(&self) -> Result<(), String> {
        let intervals = [
            ("first_interval_ms", self.first_interval_ms),
            ("max_interval_ms", self.max_interval_ms),
        ];
        for (name, value) in intervals {
            if value.is_some_and(|value| value > MAX_INTERVAL_MS) {
                return Err(format!("{name}: at most {MAX_INTERVAL_MS}, which is a day"));
            }
        }
        if let (Some(first), Some(max)) = (self.first_interval_ms, self.max_interval_ms)
            && first > max
        {
            return Err("max_interval_ms: not below first_interval_ms".to_owned());
        }
        if self.coefficient.is_some_and(|it| !(1.0..=100.0).contains(&it)) {
            return Err("coefficient: a number from 1 to 100".to_owned());
        }
        if self.attempts.is_some_and(|it| !(1..=MAX_ATTEMPTS).contains(&it)) {
            return Err(format!("attempts: from 1 to {MAX_ATTEMPTS}"));
        }
        for (name, codes) in [
            ("retryable", &self.retryable),
            ("not_retryable", &self.not_retryable),
        ] {
            let codes = codes.as_deref().unwrap_or_default();
            if codes.len() > MAX_CODES || !codes.iter().all(|code| is_code(code)) {
                return Err(format!(
                    "{name}: at most {MAX_CODES} failure codes, each in snake case, such as embedder_unavailable"
                ));
            }
        }
        Ok(())
    }
}

fn is_code(text: &str) -> bool {
    (1..=MAX_CODES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<RetrySettings, String> {
        let settings: RetrySettings = serde_json::from_str(json).map_err(|error| error.to_string())?;
        settings.check().map(|()| settings)
    }

    #[test]
    fn only_what_is_set_differs() {
        let settings =
            read(r#"{"embed":{"first_interval_ms":120000,"attempts":3,"not_retryable":["odd"]}}"#).unwrap();
        let process = StepPolicies::default();
        let policies = settings.over(&process);
        for step in Step::ALL {
            assert_eq!(
                policies.of(step) == process.of(step),
                step != Step::Embed,
                "{step}"
            );
        }
        let embed = policies.of(Step::Embed);
        assert_eq!(
            (embed.first, embed.max),
            (Duration::from_secs(120), Duration::from_secs(120))
        );
        assert_eq!((embed.attempts, embed.coefficient), (Some(3), 2.0));
        assert_eq!(embed.final_codes, ["odd"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let table = [
            (r#"{"embed":{"coefficient":0.5}}"#, "retry.embed.coefficient"),
            (r#"{"fetch":{"attempts":0}}"#, "retry.fetch.attempts"),
            (
                r#"{"chunk":{"first_interval_ms":86400001}}"#,
                "retry.chunk.first_interval_ms",
            ),
            (
                r#"{"claim":{"first_interval_ms":9,"max_interval_ms":8}}"#,
                "retry.claim.max_interval_ms",
            ),
            (
                r#"{"remove":{"retryable":["Not A Code"]}}"#,
                "retry.remove.retryable",
            ),
            (
                r#"{"upsert":{"not_retryable":[""]}}"#,
                "retry.upsert.not_retryable",
            ),
            (r#"{"embd":{}}"#, "embd"),
            (r#"{"embed":{"max":1}}"#, "max"),
        ];
        for (json, name) in table {
            let error = read(json).unwrap_err();
            assert!(error.contains(name), "{json}: {error}");
        }
        assert_eq!(read("{}").unwrap(), RetrySettings::default());
    }
}
