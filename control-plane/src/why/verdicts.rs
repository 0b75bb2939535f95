//! What each step's findings mean, in sentences. Pure.

use std::collections::BTreeMap;

use shared::blob_path::BlobPath;
use shared::blobs::{BlobError, BlobMeta};
use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::ledger::{FileRow, HistoryEntry, IndexRecord, IndexState, RunRecord, SuspendedBy};
use shared::vectors::SearchMode;

use super::{StepName, Verdict, WhyAnswer, WhyStep};
use crate::search::MAX_LIMIT;

fn step(name: StepName, verdict: Verdict, says: impl Into<String>) -> WhyStep {
    WhyStep {
        name,
        verdict,
        says: says.into(),
        detail: BTreeMap::new(),
    }
}

impl WhyStep {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "facts are small, and calls read better"
    )]
    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.detail.insert(name.to_owned(), value.to_string());
        self
    }
}

/// A step that could not be looked at.
pub(super) fn unknown(name: StepName, trouble: &str) -> WhyStep {
    let what = match name {
        StepName::Source => "the source",
        StepName::Ledger => "the ledger",
        StepName::Vectors => "the vector store",
        StepName::Search => "the search",
        StepName::Rules | StepName::Conversion | StepName::Chunks => "this",
    };
    step(
        name,
        Verdict::Warning,
        format!("{what} could not be asked: {trouble}"),
    )
}

/// What the source said.
pub(super) fn source(found: &Result<BlobMeta, BlobError>) -> WhyStep {
    let name = StepName::Source;
    match found {
        Ok(meta) => step(name, Verdict::Ok, "the source has it")
            .with("etag", &meta.etag)
            .with("size", meta.size)
            .with("modified_at", meta.modified),
        Err(BlobError::NotFound) => step(
            name,
            Verdict::Stop,
            "the source has no such file: compare the path, which is relative to the source, letter by letter",
        ),
        Err(BlobError::Denied(why)) => step(
            name,
            Verdict::Stop,
            format!("the source does not hand it out: give the service permission to read it ({why})"),
        ),
        Err(BlobError::TooLarge { size, limit }) => step(
            name,
            Verdict::Stop,
            format!("it has {size} bytes and the limit is {limit}: raise the limit, or split it"),
        ),
        Err(BlobError::NotABlob { code, message }) => {
            step(name, Verdict::Stop, message.clone()).with("code", code)
        }
        Err(BlobError::Changed) => step(name, Verdict::Warning, "it changes at this moment; ask again"),
        Err(BlobError::Unavailable(why)) => unknown(name, why),
    }
}

/// Does the index cover it?
pub(super) fn rules(left_out: Option<String>) -> WhyStep {
    match left_out {
        None => step(StepName::Rules, Verdict::Ok, "the index covers it"),
        Some(why) => step(
            StepName::Rules,
            Verdict::Stop,
            format!("the index leaves it out: {why}; change the index's settings to take it in"),
        ),
    }
}

/// The ledger has no row.
pub(super) fn never_reported(index: &IndexRecord) -> WhyStep {
    let says = match index.state {
        IndexState::Deleting => "the index is being deleted",
        IndexState::Active | IndexState::Paused => {
            "nobody has reported it yet: start a run, which compares the source with the index; if it stays away, events of \
             the source do not arrive"
        }
    };
    step(StepName::Ledger, Verdict::Stop, says)
}

/// What the row says. `tag` is the source's now.
pub(super) fn ledger(
    row: &FileRow,
    run: Option<&RunRecord>,
    index: &IndexRecord,
    tag: Option<&str>,
    now: UnixMillis,
) -> WhyStep {
    // With a version that search shows, waiting for the next one is no reason not to be found.
    let waiting = if row.live_claim.is_some() {
        Verdict::Warning
    } else {
        Verdict::Stop
    };
    let older = if row.live_claim.is_some() {
        "; search shows the version before"
    } else {
        ""
    };
    let error = row.last_error.as_ref();
    let because = error.map_or_else(String::new, |error| format!(": {error}"));
    let (verdict, says) = match row.state {
        FileState::Pending => (waiting, format!("{}{older}", pending(row, run, index, now))),
        FileState::Processing => (waiting, format!("an attempt is under way{older}")),
        FileState::Publishing => (Verdict::Ok, "its new version is committed".to_owned()),
        FileState::Failed => (
            waiting,
            format!("it was given up{because}{older}; correct the cause, then rewind or retry it"),
        ),
        FileState::Skipped => (Verdict::Stop, format!("it is not indexed by policy{because}")),
        FileState::Deleted => (
            Verdict::Stop,
            "it was gone from the source when it was last looked at; if it is back, start a run".to_owned(),
        ),
        FileState::AwaitingApproval => (
            Verdict::Warning,
            "its removal waits for approval, until then it is found; approve or reject it".to_owned(),
        ),
        FileState::Indexed => {
            let read = row.version.as_ref().map(|version| version.etag.as_str());
            if tag.is_some() && tag != read {
                let says = "it is indexed, and the source has another version since: start a run, or see whether events arrive";
                (Verdict::Warning, says.to_owned())
            } else {
                (Verdict::Ok, "it is indexed".to_owned())
            }
        }
    };
    let mut step = step(StepName::Ledger, verdict, says)
        .with("file_id", row.file_id)
        .with("state", row.state)
        .with("attempts", row.attempts)
        .with("failure_count", row.failure_count)
        .with("updated_at", row.updated_at);
    if let Some(error) = error {
        step = step.with("error_code", &error.code);
    }
    if row.state == FileState::Pending {
        step = step
            .with("pending_since", row.enqueued_at)
            .with("next_attempt_at", row.not_before);
    }
    if let Some(suspended) = row.suspended {
        step = step
            .with("suspended_by", suspended.by.name())
            .with("suspended_at", suspended.at);
    }
    if let Some(version) = &row.version {
        step = step.with("etag", &version.etag);
    }
    step
}

/// What a PENDING file waits for.
fn pending(row: &FileRow, run: Option<&RunRecord>, index: &IndexRecord, now: UnixMillis) -> String {
    let held = |by| row.suspended.is_some_and(|suspended| suspended.by == by);
    let run = run.filter(|run| run.suspended_at.is_some() && !run.state.is_over());
    if index.state == IndexState::Paused {
        return "it waits because the index is paused: resume that".to_owned();
    }
    if index.state == IndexState::Deleting {
        return "the index is being deleted".to_owned();
    }
    if held(SuspendedBy::File) {
        return "it is suspended: resume it".to_owned();
    }
    if let Some(run) = run {
        return format!("it waits because its run {} is suspended: resume that", run.id);
    }
    if held(SuspendedBy::Run) {
        return "its run was resumed; it is due in a moment".to_owned();
    }
    if row.waits_for.is_some() {
        return "it was renamed, and its removal waits until the file under the new name has settled"
            .to_owned();
    }
    if row.not_before > now {
        let seconds = (row.not_before - now + 999) / 1000;
        return match &row.last_error {
            Some(error) => format!("the last attempt failed ({error}); the next is due in {seconds} s"),
            None => format!("it is due in {seconds} s"),
        };
    }
    let error = row.last_error.as_ref();
    let before = error.map_or_else(String::new, |error| {
        format!(", after an attempt that failed: {error}")
    });
    format!("it waits for a worker{before}; if that lasts, look whether index processors run")
}

/// What the latest commit tells of the conversion.
pub(super) fn conversion(row: &FileRow, commit: Option<&HistoryEntry>) -> WhyStep {
    let name = StepName::Conversion;
    let missing = row.version.as_ref().map_or(&[][..], |version| &version.missing);
    let mut step = if missing.is_empty() {
        step(name, Verdict::Ok, "all of it was read")
    } else {
        let parts: Vec<String> = missing
            .iter()
            .map(|missing| format!("{} ({}: {})", missing.parts, missing.code, missing.reason))
            .collect();
        step(
            name,
            Verdict::Warning,
            format!(
                "parts of it could not be read, and are not found: {}",
                parts.join("; ")
            ),
        )
    };
    for fact in ["type", "converter", "warnings", "tried"] {
        if let Some(value) = commit.and_then(|commit| commit.detail.get(fact)) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            step = step.with(fact, text);
        }
    }
    step
}

/// How many chunks were made.
pub(super) fn chunks(row: &FileRow) -> WhyStep {
    let name = StepName::Chunks;
    match &row.version {
        Some(version) if version.chunks > 0 => {
            step(name, Verdict::Ok, format!("it is in {} chunks", version.chunks))
                .with("chunks", version.chunks)
        }
        Some(_) | None => step(
            name,
            Verdict::Stop,
            "no text was found in it, so there is nothing to search; see the conversion",
        )
        .with("chunks", 0),
    }
}

/// Points under the live claim, against those that there should be.
pub(super) fn vectors(points: u64, wanted: u32) -> WhyStep {
    let name = StepName::Vectors;
    let step = if points == u64::from(wanted) {
        step(name, Verdict::Ok, "the vector store has all of its points")
    } else if points == 0 && wanted > 0 {
        step(
            name,
            Verdict::Stop,
            "the vector store has lost its points: start a run, which finds that and makes them again",
        )
    } else {
        step(
            name,
            Verdict::Warning,
            format!(
                "the vector store has {points} of {wanted} points: start a run, which finds that and makes them again"
            ),
        )
    };
    step.with("points", points).with("expected", wanted)
}

/// Places in the answers, from 0, by mode.
pub(super) fn search(places: &[(SearchMode, Result<Option<usize>, String>)]) -> WhyStep {
    let name = StepName::Search;
    let mode_name = |mode: SearchMode| match mode {
        SearchMode::Vector => "vector",
        SearchMode::FullText => "full_text",
        SearchMode::Hybrid => "hybrid",
    };
    let best = places
        .iter()
        .filter_map(|(_, place)| place.as_ref().ok().copied().flatten())
        .min();
    let troubles = places.iter().filter_map(|(_, place)| place.as_ref().err());
    let mut step = match (best, troubles.clone().next()) {
        (Some(best), _) => step(
            name,
            Verdict::Ok,
            format!("the query finds it, at place {} at best", best + 1),
        ),
        (None, Some(trouble)) => unknown(name, trouble),
        (None, None) => step(
            name,
            Verdict::Stop,
            format!("it is not among the first {MAX_LIMIT} hits for this query: ask in words that it uses"),
        ),
    };
    for (mode, place) in places {
        let place = match place {
            Ok(Some(place)) => (place + 1).to_string(),
            Ok(None) => format!("not among the first {MAX_LIMIT}"),
            Err(trouble) => trouble.clone(),
        };
        step = step.with(mode_name(*mode), place);
    }
    step
}

/// The first stop is the answer.
pub(super) fn conclude(index: IndexId, path: BlobPath, steps: Vec<WhyStep>) -> WhyAnswer {
    let shown = steps
        .iter()
        .any(|step| step.name == StepName::Vectors && step.verdict != Verdict::Stop);
    let first = |verdict| steps.iter().find(|step| step.verdict == verdict);
    let stop = first(Verdict::Stop);
    let says = match (stop, first(Verdict::Warning)) {
        // Search shows what is in the index until the removal is recorded.
        (Some(stop), _) if shown && stop.name == StepName::Source => {
            format!(
                "{}; what the index still has of it is found until the next comparison",
                stop.says
            )
        }
        (Some(stop), _) => stop.says.clone(),
        (None, Some(warning)) => format!("it can be found; {}", warning.says),
        (None, None) => "it can be found, nothing stands in the way".to_owned(),
    };
    WhyAnswer {
        index,
        path,
        found: stop.is_none() && shown,
        stops_at: stop.map(|stop| stop.name),
        says,
        steps,
    }
}
