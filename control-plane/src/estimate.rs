//! What a run would do and cost, before it is started; pure.
//!
//! What cannot be known without reading every file is estimated from what the index used so far, and says so.

use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::index_settings::Budget;
use shared::ledger::{IndexStats, Usage};
use utoipa::ToSchema;

use crate::reconcile::Plan;

/// Tokens of a byte of source where an index has no experience: English text has about four letters a token.
const TOKENS_PER_BYTE: f64 = 0.25;
/// Bytes of source of a chunk where an index has no experience: chunks of about 250 tokens.
const BYTES_PER_CHUNK: f64 = 1000.0;
/// Files that are named.
const NAMED: usize = 100;

/// What a run would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunPlan {
    /// Files that the index does not know.
    pub added: u64,
    /// Files that changed, or that were made with other settings.
    pub changed: u64,
    /// Files that moved: their vectors are reused.
    pub renamed: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Of those, removals that would wait for approval.
    pub held: u64,
    /// Files that stay as they are; with `full`, they are looked at as well.
    pub unchanged: u64,
    /// The first hundred of what would be done.
    pub files: Vec<PlannedFile>,
    /// What it would cost.
    pub estimate: Estimate,
}

/// Something that a run would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedFile {
    /// The file.
    pub path: BlobPath,
    /// What would be done.
    pub action: Action,
    /// Its size, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What a run would do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Index it for the first time.
    Add,
    /// Index it anew.
    Change,
    /// Index it under its new path, with the vectors that there are.
    Rename,
    /// Remove it.
    Remove,
    /// Ask whether it may be removed.
    AskToRemove,
}

/// What a run would cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    /// Bytes to read.
    pub bytes: u64,
    /// Chunks to embed.
    pub chunks: u64,
    /// Chunks whose vectors would be reused: those of moved files, and as many of changed ones as it was until now.
    pub chunks_reused: u64,
    /// Tokens to embed; 0 where the index has no model.
    pub tokens: u64,
    /// Their price, in the currency of the index's price; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Days that the budget spreads it over; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
    /// What it is estimated from.
    pub basis: Basis,
}

/// What an estimate is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What this index used for its files so far.
    Measured,
    /// Common values: the index has embedded nothing yet.
    #[default]
    Assumed,
}

/// How much a byte of source comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rates {
    tokens_per_byte: f64,
    chunks_per_byte: f64,
    /// Share of the chunks of a changed file whose vectors are there.
    reuse: f64,
    basis: Basis,
}

impl Rates {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate needs no more than 52 bits"
    )]
    fn of(usage: &[Usage], stats: &IndexStats) -> Self {
        let sum = |of: fn(&Usage) -> u64| usage.iter().map(of).sum::<u64>() as f64;
        let (tokens, embedded) = (sum(|day| day.tokens), sum(|day| day.embedded));
        let (reused, bytes) = (sum(|day| day.reused), sum(|day| day.bytes));
        let chunks_per_byte = if stats.bytes > 0 && stats.chunks > 0 {
            stats.chunks as f64 / stats.bytes as f64
        } else {
            1.0 / BYTES_PER_CHUNK
        };
        if embedded > 0.0 && tokens > 0.0 && bytes > 0.0 {
            Self {
                // Of all chunks, not only of those that had to be embedded.
                tokens_per_byte: tokens / embedded * (embedded + reused) / bytes,
                chunks_per_byte: (embedded + reused) / bytes,
                reuse: reused / (embedded + reused),
                basis: Basis::Measured,
            }
        } else {
            Self {
                tokens_per_byte: TOKENS_PER_BYTE,
                chunks_per_byte,
                reuse: 0.0,
                basis: Basis::Assumed,
            }
        }
    }
}

/// What is known of the index.
pub struct Known<'a> {
    /// Its latest days.
    pub usage: &'a [Usage],
    /// Its numbers.
    pub stats: &'a IndexStats,
    /// Its budget and price.
    pub budget: &'a Budget,
    /// Does it have a model?
    pub has_model: bool,
    /// Is every file looked at?
    pub full: bool,
}

/// What a plan would do and cost. `size` tells the size of a file of the source.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of something that is never negative"
)]
pub fn estimate(plan: &Plan, size: impl Fn(&BlobPath) -> Option<u64>, known: &Known<'_>) -> RunPlan {
    let rates = Rates::of(known.usage, known.stats);
    // In the order of the plan: renames, additions, edits, removals.
    let (renamed, added, changed) = (plan.renamed, plan.added, plan.changed);
    let action = |n: usize, held: bool| match n {
        n if n < renamed => Action::Rename,
        n if n < renamed + added => Action::Add,
        n if n < renamed + added + changed => Action::Change,
        _ if held => Action::AskToRemove,
        _ => Action::Remove,
    };
    let files = plan.changes.iter().enumerate().map(|(n, change)| PlannedFile {
        path: change.path.clone(),
        action: action(n, change.hold),
        bytes: size(&change.path),
    });
    let (mut fresh, mut edited, mut moved) = (0_u64, 0_u64, 0_u64);
    let mut named = Vec::new();
    for file in files {
        let bytes = file.bytes.unwrap_or(0);
        match file.action {
            Action::Add => fresh += bytes,
            Action::Change => edited += bytes,
            Action::Rename => moved += bytes,
            Action::Remove | Action::AskToRemove => {}
        }
        if named.len() < NAMED {
            named.push(file);
        }
    }
    let chunks = |bytes: f64| bytes * rates.chunks_per_byte;
    let to_embed = fresh as f64 + edited as f64 * (1.0 - rates.reuse);
    let reused = chunks(moved as f64 + edited as f64 * rates.reuse);
    // Unchanged files are read again, and their vectors are there.
    let again = if known.full {
        (known.stats.bytes, known.stats.chunks)
    } else {
        (0, 0)
    };
    let tokens = if known.has_model {
        (to_embed * rates.tokens_per_byte).round() as u64
    } else {
        0
    };
    RunPlan {
        added: added as u64,
        changed: changed as u64,
        renamed: renamed as u64,
        removed: plan.removed as u64,
        held: plan.held as u64,
        unchanged: plan.unchanged as u64,
        files: named,
        estimate: Estimate {
            bytes: fresh + edited + moved + again.0,
            chunks: chunks(to_embed).round() as u64,
            chunks_reused: reused.round() as u64 + again.1,
            tokens,
            cost: known
                .budget
                .price_per_million_tokens
                .map(|price| price * tokens as f64 / 1e6),
            days: known
                .budget
                .tokens_per_day
                .filter(|day| *day > 0)
                .map(|day| tokens.div_ceil(day)),
            basis: rates.basis,
        },
    }
}

#[cfg(test)]
mod tests;
