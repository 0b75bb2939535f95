//! What the tools answer: a text that a model can quote from and cite, and the same as data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::UnixMillis;
use shared::ids::IndexId;
use shared::place::{Missing, Place};

use crate::search::document::Document;
use crate::search::{SearchAnswer, SearchHit, SearchQuery};

/// Bytes of whole passages in one answer; those after them are cut down to their snippets.
const PASSAGE_BYTES: usize = 64 * 1024;

/// A result.
pub(super) struct Shown {
    /// For a model to read.
    pub(super) text: String,
    /// For a program.
    pub(super) structured: Value,
}

/// What is taken from the listing of indexes.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) id: IndexId,
    state: String,
    stats: Stats,
}

#[derive(Debug, Deserialize)]
struct Stats {
    by_state: BTreeMap<String, u64>,
    backlog: u64,
}

pub(super) fn indexes(listed: &[Listed]) -> Shown {
    let mut text = String::new();
    let mut data = Vec::new();
    for Listed { id, state, stats } in listed {
        let indexed = stats.by_state.get("INDEXED").copied().unwrap_or(0);
        let failed = stats.by_state.get("FAILED").copied().unwrap_or(0);
        let waiting = stats.backlog;
        line(
            &mut text,
            format_args!("{id}: {state}, {indexed} files up to date, {waiting} waiting, {failed} failed"),
        );
        data.push(json!({
            "index": id, "state": state, "indexed": indexed, "waiting": waiting, "failed": failed,
        }));
    }
    if listed.is_empty() {
        text.push_str("There is no index, or none that the key is for.\n");
    }
    Shown {
        text,
        structured: json!({ "indexes": data }),
    }
}

/// A passage as data. Names are those of the HTTP interface.
#[derive(Serialize)]
struct Passage<'a> {
    path: &'a str,
    heading_path: &'a [String],
    #[serde(flatten)]
    place: &'a Place,
    etag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_at: Option<String>,
    mime: &'a str,
    from: u64,
    to: u64,
    score: f32,
    text: &'a str,
    /// Only a part of the passage is shown.
    cut: bool,
}

pub(super) fn passages(index: &IndexId, query: &SearchQuery, answer: &SearchAnswer) -> Shown {
    let mut text = String::new();
    let mode = json!(answer.mode);
    let mode = mode.as_str().unwrap_or_default();
    match answer.hits.len() {
        0 => line(
            &mut text,
            format_args!("Nothing found in index {index} (mode {mode})."),
        ),
        1 => line(
            &mut text,
            format_args!("1 passage from index {index} (mode {mode})."),
        ),
        several => line(
            &mut text,
            format_args!("{several} passages from index {index} (mode {mode})."),
        ),
    }
    for degraded in &answer.degraded {
        line(&mut text, format_args!("Note: {}", degraded.detail));
    }
    let mut left = PASSAGE_BYTES;
    let mut data = Vec::new();
    for (number, hit) in (query.offset + 1..).zip(&answer.hits) {
        let cut = hit.text.len() > left;
        let shown = if cut { &hit.snippet } else { &hit.text };
        left = left.saturating_sub(shown.len());
        let passage = Passage {
            path: hit.path.as_str(),
            heading_path: &hit.heading_path,
            place: &hit.place,
            etag: &hit.etag,
            modified_at: hit.modified_at.and_then(moment),
            mime: &hit.mime,
            from: hit.range.start,
            to: hit.range.end,
            score: hit.score,
            text: shown,
            cut,
        };
        headline(&mut text, number, hit, &passage);
        data.push(json!(passage));
    }
    if let Some(next) = answer.next_offset {
        line(
            &mut text,
            format_args!("\nThere is more: search again with offset {next}."),
        );
    }
    Shown {
        text,
        structured: json!({
            "index": index,
            "mode": mode,
            "passages": data,
            "next_offset": answer.next_offset,
            "notes": answer.degraded.iter().map(|degraded| &degraded.detail).collect::<Vec<_>>(),
        }),
    }
}

fn headline(text: &mut String, number: usize, hit: &SearchHit, passage: &Passage<'_>) {
    let mut cited = hit.path.to_string();
    let place = hit.place.to_string();
    if !place.is_empty() {
        cited.push_str(&format!(", {place}"));
    }
    if !hit.heading_path.is_empty() {
        cited.push_str(&format!(", under {}", hit.heading_path.join(" › ")));
    }
    line(text, format_args!("\n[{number}] {cited}"));
    let written = passage.modified_at.as_ref();
    let written = written
        .map(|moment| format!(", written {moment}"))
        .unwrap_or_default();
    let cut = if passage.cut { ", shown in part" } else { "" };
    line(
        text,
        format_args!(
            "etag {}{written}, bytes {}-{}{cut}",
            hit.etag, passage.from, passage.to
        ),
    );
    line(text, format_args!("{}", passage.text));
}

pub(super) fn document(index: &IndexId, from: u64, document: &Document) -> Shown {
    let mut text = String::new();
    let written = document.modified_at.and_then(moment);
    let written = written
        .map(|moment| format!(", written {moment}"))
        .unwrap_or_default();
    line(
        &mut text,
        format_args!(
            "{} from index {index} ({}), etag {}{written}, from byte {from}\n",
            document.path, document.mime, document.etag
        ),
    );
    text.push_str(&with_places(document));
    match document.next {
        Some(next) => line(
            &mut text,
            format_args!(
                "\n\n[It goes on: call get_document with from {next} and etag {}]",
                document.etag
            ),
        ),
        None => line(&mut text, format_args!("\n\n[End of the document]")),
    }
    let mut structured = json!(document);
    structured["index"] = json!(index);
    Shown { text, structured }
}

/// The text with a mark where a page, slide, sheet or attachment begins.
fn with_places(document: &Document) -> String {
    let mut marked = String::with_capacity(document.text.len());
    let (mut at, mut place) = (0, &Place::default());
    for section in &document.sections {
        let begin = usize::try_from(section.at).unwrap_or(usize::MAX);
        if section.place == *place {
            continue;
        }
        let Some(before) = document.text.get(at..begin) else {
            continue;
        };
        marked.push_str(before);
        (at, place) = (begin, &section.place);
        let name = place.to_string();
        if !name.is_empty() {
            line(&mut marked, format_args!("[{name}]"));
        }
    }
    marked.push_str(document.text.get(at..).unwrap_or_default());
    marked
}

/// What is taken from the answer about a file.
#[derive(Debug, Deserialize)]
pub(super) struct FileAnswer {
    file: File,
}

#[derive(Debug, Deserialize)]
struct File {
    path: String,
    state: String,
    /// There when some version is searchable.
    live_claim: Option<Value>,
    version: Option<Version>,
    last_error: Option<Reason>,
    updated_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Version {
    #[serde(default)]
    missing: Vec<Missing>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reason {
    code: String,
    message: String,
}

pub(super) fn file(index: &IndexId, answer: &FileAnswer) -> Shown {
    let file = &answer.file;
    let searchable = file.live_claim.is_some();
    let missing = file.version.as_ref().map_or(&[][..], |version| &version.missing);
    let since = moment(file.updated_at);
    let mut text = String::new();
    let found = if searchable {
        "can be found by search"
    } else {
        "cannot be found by search"
    };
    line(
        &mut text,
        format_args!("{} in index {index} is {} and {found}.", file.path, file.state),
    );
    if let Some(reason) = &file.last_error {
        line(
            &mut text,
            format_args!("Reason: {} ({})", reason.message, reason.code),
        );
    }
    for missing in missing {
        line(&mut text, format_args!("Not searchable in it: {missing}"));
    }
    if let Some(since) = &since {
        line(&mut text, format_args!("Last change of this status: {since}"));
    }
    Shown {
        text,
        structured: json!({
            "index": index,
            "path": file.path,
            "state": file.state,
            "searchable": searchable,
            "reason": file.last_error,
            "missing": missing,
            "updated_at": since,
        }),
    }
}

/// As RFC 3339; models read no Unix milliseconds.
fn moment(millis: UnixMillis) -> Option<String> {
    Timestamp::from_millisecond(millis)
        .ok()
        .map(|moment| moment.to_string())
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(text, "{what}").ok();
}
