//! What embedding may cost.

use serde::{Deserialize, Serialize};

/// The failure code of attempts that wait for the next day's budget.
pub const BUDGET_SPENT: &str = "budget_spent";
/// The failure code of files that need more than a day's budget.
pub const OVER_BUDGET: &str = "over_budget";

/// Limits of an index, and the price that estimates use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Most tokens that are embedded in a day (UTC); none for no limit. Embedding pauses when they are spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// What a million tokens cost, in whatever currency; for estimates only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub price_per_million_tokens: Option<f64>,
}
