//! The failures of embedding, by their stable names.

use crate::retry::Failure;

/// The endpoint refuses our key (401, 403).
pub const REFUSED_KEY: &str = "embedder_refused_key";
/// The endpoint has no such model, deployment or path (404).
pub const MODEL_UNKNOWN: &str = "embedder_model_unknown";
/// The endpoint refuses how we ask, whatever the text.
pub const MISCONFIGURED: &str = "embedder_misconfigured";
/// The account's quota is used up; waiting alone does not help.
pub const QUOTA_SPENT: &str = "embedder_quota_spent";
/// The endpoint asks us to slow down (429).
pub const THROTTLED: &str = "embedder_throttled";
/// The endpoint is down, overloaded, too slow or unreachable.
pub const UNAVAILABLE: &str = "embedder_unavailable";
/// The endpoint's answer is not what was asked for.
pub const BAD_REPLY: &str = "embedder_bad_reply";
/// The model refuses this text, for instance as too long.
pub const TEXT_REFUSED: &str = "text_refused";
/// This process is stopping.
pub const STOPPED: &str = "embedder_stopped";

/// Whether somebody has to change a setting or an account before it can work: trying again within seconds is of no use.
#[must_use]
pub fn needs_a_person(failure: &Failure) -> bool {
    [REFUSED_KEY, MODEL_UNKNOWN, MISCONFIGURED, QUOTA_SPENT].contains(&failure.code.as_str())
}
