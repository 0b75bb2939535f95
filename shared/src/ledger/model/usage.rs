//! What embedding costs, in the model.

use async_trait::async_trait;

use super::ModelLedger;
use crate::file_state::FileState;
use crate::ids::IndexId;
use crate::ledger::{DAY, LedgerError, Spending, Usage, UsageLedger, UsageNote};

#[async_trait]
impl UsageLedger for ModelLedger {
    async fn spend(&self, index: &IndexId, tokens: u64, limit: u64) -> Result<Spending, LedgerError> {
        let (mut tables, now) = self.enter();
        let key = (index.clone(), now / DAY);
        let spent = tables.usage.get(&key).map_or(0, |usage| usage.tokens);
        if spent + tokens > limit {
            return Ok(Spending::Refused {
                spent,
                next_day_in: DAY - now % DAY,
            });
        }
        tables.usage.entry(key).or_default().tokens += tokens;
        Ok(Spending::Granted)
    }

    async fn note_usage(&self, index: &IndexId, note: &UsageNote) -> Result<(), LedgerError> {
        let (mut tables, now) = self.enter();
        let usage = tables.usage.entry((index.clone(), now / DAY)).or_default();
        usage.tokens = usage.tokens.saturating_add_signed(note.tokens);
        usage.embedded += note.embedded;
        usage.reused += note.reused;
        usage.bytes += note.bytes;
        Ok(())
    }

    async fn usage(&self, index: &IndexId, days: u32) -> Result<Vec<Usage>, LedgerError> {
        let (tables, _) = self.enter();
        let of_index = tables.usage.iter().rev().filter(|((of, _), _)| of == index);
        let shown = of_index.map(|((_, day), usage)| Usage {
            day: day * DAY,
            ..*usage
        });
        Ok(shown.take(days as usize).collect())
    }

    async fn wake_waiting(&self, index: &IndexId, code: &str) -> Result<u64, LedgerError> {
        let (mut tables, now) = self.enter();
        let mut woken = 0;
        for (_, row) in tables.files.iter_mut().filter(|((of, _), _)| of == index) {
            let waits = row.state == FileState::Pending && row.not_before > now;
            if waits
                && row
                    .last_error
                    .as_ref()
                    .is_some_and(|failure| failure.code == code)
            {
                row.not_before = now;
                row.woken_at = 0;
                woken += 1;
            }
        }
        Ok(woken)
    }
}
