//! How often a step has failed, kept with the file's last failure so that no column counts it.

use serde::{Deserialize, Serialize};

use super::{Failure, FailureClass};

/// Failures of one step, one after the other, while the same change was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tally {
    /// The change that was tried.
    pub seq: i64,
    /// Failures of this step in a row, this one included.
    pub in_a_row: u32,
    /// Of those, the ones that were charged to the file.
    pub charged: u32,
}

impl Tally {
    /// The count with `failure`, which ended the `attempts`th charged attempt at `seq`, after what `before` counted.
    #[must_use]
    pub(super) fn after(before: Option<&Failure>, failure: &Failure, seq: i64, attempts: u32) -> Self {
        // More were charged than attempts made: somebody asked for another try, and attempts began again.
        let goes_on = |tally: &Self| tally.seq == seq && tally.charged < attempts.max(1);
        let before = before
            .filter(|before| before.step == failure.step)
            .and_then(|before| before.tally)
            .filter(goes_on);
        let (in_a_row, charged) = before.map_or((0, 0), |tally| (tally.in_a_row, tally.charged));
        let now = u32::from(failure.class != FailureClass::Throttled);
        Self {
            seq,
            in_a_row: in_a_row.saturating_add(1),
            charged: charged.saturating_add(now),
        }
    }
}
