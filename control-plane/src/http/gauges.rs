//! Gauges that are read from the ledger when somebody asks for the metrics.
//!
//! Counting the files of an index reads as many index entries as it has files. So that any number of scrapers of any index
//! cost the ledger a small share of its time, a reading stands for twenty times as long as it took, and those who come
//! meanwhile get the same.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::index_settings::IndexSettings;
use shared::ledger::{DAY, IndexRecord, Role, RunFilter, RunKind, RunState};
use shared::work_message::Lane;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

use super::Api;
use super::errors::ApiError;
use crate::metrics::RECENT_RUNS;

/// A reading stands for so many times as long as it took.
const STANDS: u32 = 20;

/// When the gauges were read.
#[derive(Debug, Default)]
pub struct LastReading {
    ended: Option<Instant>,
    took: Duration,
}

impl LastReading {
    fn stands(&self) -> bool {
        self.ended
            .is_some_and(|ended| ended.elapsed() < self.took * STANDS)
    }
}

/// Sets every gauge that the ledger knows, unless that was done a moment ago. While the answer is held, nobody changes them.
pub(super) async fn read(api: &Api) -> Result<MutexGuard<'_, LastReading>, ApiError> {
    // Held while reading: those who come at the same time wait for this one.
    let mut last = api.metrics.reading.lock().await;
    if last.stands() {
        return Ok(last);
    }
    let began = Instant::now();
    let read = read_now(api).await;
    // Also after a failure: a ledger in trouble is not asked more often than one that is well.
    last.took = began.elapsed();
    last.ended = Some(Instant::now());
    if read.is_err() {
        // What was shown before would pass for the present.
        forget(api);
    }
    read.map(|()| last)
}

fn forget(api: &Api) {
    let metrics = &api.metrics;
    for gauges in [
        &metrics.files,
        &metrics.backlog,
        &metrics.oldest_pending_seconds,
        &metrics.generations,
        &metrics.recent_runs,
        &metrics.open_runs,
        &metrics.approvals_waiting,
        &metrics.approval_files_waiting,
        &metrics.today_tokens,
        &metrics.budget_day_tokens,
        &metrics.budget_left_tokens,
    ] {
        gauges.reset();
    }
    for gauges in [
        &metrics.completeness,
        &metrics.generation_progress,
        &metrics.today_cost,
    ] {
        gauges.reset();
    }
}

async fn read_now(api: &Api) -> Result<(), ApiError> {
    let records = api.indexes.records().await?;
    let lanes = api.ledger.backlog().await?;
    let approvals = api.ledger.open_approvals().await?;
    // What is gone must not be shown with its last value.
    forget(api);
    let mut generations: BTreeMap<(IndexId, &str), i64> = BTreeMap::new();
    let mut backlog: BTreeMap<(IndexId, &str), u64> = BTreeMap::new();
    // Questions and their files.
    let mut waiting: BTreeMap<IndexId, (i64, u64)> = BTreeMap::new();
    for record in &records {
        let name = record.id.base();
        *generations.entry((name.clone(), record.role.name())).or_default() += 1;
        match record.role {
            Role::Live => live(api, record).await?,
            Role::Building => building(api, record).await?,
            Role::Retired | Role::Dropping => {}
        }
        for lane in Lane::ALL {
            // Shown also when there is nothing to do.
            backlog.entry((name.clone(), lane.name())).or_default();
        }
        waiting.entry(name).or_default();
    }
    for lane in lanes {
        // The generations of an index together: the same workers do both.
        *backlog.entry((lane.index.base(), lane.lane.name())).or_default() += lane.pending + lane.running;
    }
    for approval in approvals {
        let (questions, files) = waiting.entry(approval.index.base()).or_default();
        *questions += 1;
        *files += approval.files;
    }
    let metrics = &api.metrics;
    for ((index, role), count) in generations {
        metrics
            .generations
            .with_label_values(&[index.as_str(), role])
            .set(count);
    }
    for ((index, lane), files) in backlog {
        metrics
            .backlog
            .with_label_values(&[index.as_str(), lane])
            .set(signed(files));
    }
    for (index, (questions, files)) in waiting {
        let labels = [index.as_str()];
        metrics
            .approvals_waiting
            .with_label_values(&labels)
            .set(questions);
        metrics
            .approval_files_waiting
            .with_label_values(&labels)
            .set(signed(files));
    }
    Ok(())
}

/// Sets the gauges of what search shows.
async fn live(api: &Api, record: &IndexRecord) -> Result<(), ApiError> {
    let index = record.id.base_str();
    let metrics = &api.metrics;
    let stats = api.ledger.stats(&record.id).await?;
    for state in FileState::ALL {
        let count = stats.by_state.get(&state).copied().unwrap_or(0);
        metrics
            .files
            .with_label_values(&[index, state.name()])
            .set(signed(count));
    }
    let age = stats
        .oldest_pending_at
        .map_or(0, |at| (api.clock.now() - at).max(0) / 1000);
    metrics
        .oldest_pending_seconds
        .with_label_values(&[index])
        .set(age);
    if let Some(comparison) = &record.comparison {
        metrics
            .completeness
            .with_label_values(&[index])
            .set(comparison.completeness());
    }
    runs(api, record).await?;
    spending(api, record).await
}

/// Sets the gauges of runs.
async fn runs(api: &Api, record: &IndexRecord) -> Result<(), ApiError> {
    let index = record.id.base_str();
    for kind in RunKind::ALL {
        api.metrics
            .open_runs
            .with_label_values(&[index, kind.name()])
            .set(0);
    }
    for run in api.ledger.open_runs(&record.id).await? {
        api.metrics
            .open_runs
            .with_label_values(&[index, run.kind.name()])
            .inc();
    }
    for state in RunState::ALL {
        api.metrics
            .recent_runs
            .with_label_values(&[index, state.name()])
            .set(0);
    }
    let recent = api
        .ledger
        .runs(&record.id, &RunFilter::default(), RECENT_RUNS)
        .await?;
    for run in recent {
        api.metrics
            .recent_runs
            .with_label_values(&[index, run.state.name()])
            .inc();
    }
    Ok(())
}

/// Sets the gauges of what embedding costs.
#[expect(clippy::cast_precision_loss, reason = "a price needs no more than 52 bits")]
async fn spending(api: &Api, record: &IndexRecord) -> Result<(), ApiError> {
    let index = [record.id.base_str()];
    let today = api.clock.now() / DAY * DAY;
    let usage = api.ledger.usage(&record.id.base(), 1).await?;
    let tokens = usage
        .iter()
        .find(|usage| usage.day >= today)
        .map_or(0, |usage| usage.tokens);
    let metrics = &api.metrics;
    metrics.today_tokens.with_label_values(&index).set(signed(tokens));
    let Ok(settings) = IndexSettings::of(record) else {
        return Ok(());
    };
    if let Some(price) = settings.budget.price_per_million_tokens {
        metrics
            .today_cost
            .with_label_values(&index)
            .set(price * tokens as f64 / 1e6);
    }
    if let Some(most) = settings.budget.tokens_per_day {
        metrics
            .budget_day_tokens
            .with_label_values(&index)
            .set(signed(most));
        metrics
            .budget_left_tokens
            .with_label_values(&index)
            .set(signed(most.saturating_sub(tokens)));
    }
    Ok(())
}

/// Sets the gauge of a build.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
async fn building(api: &Api, record: &IndexRecord) -> Result<(), ApiError> {
    let stats = api.ledger.stats(&record.id).await?;
    let known: u64 = stats.by_state.values().sum();
    let settled = known.saturating_sub(stats.backlog);
    let share = if known == 0 {
        0.0
    } else {
        settled as f64 / known as f64
    };
    api.metrics
        .generation_progress
        .with_label_values(&[record.id.base_str()])
        .set(share);
    Ok(())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reading_stands_for_twenty_times_as_long_as_it_took() {
        assert!(!LastReading::default().stands(), "nothing was read yet");
        let last = LastReading {
            ended: Some(Instant::now()),
            took: Duration::from_secs(2),
        };
        tokio::time::advance(Duration::from_secs(39)).await;
        assert!(last.stands());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!last.stands());
    }
}
