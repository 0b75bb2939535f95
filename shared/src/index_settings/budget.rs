//! What embedding may cost.

use serde::{Deserialize, Serialize};

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
