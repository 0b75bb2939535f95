//! How failures are tried again.

use serde::{Deserialize, Serialize};

/// Settings that differ from those of the index processors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {}
