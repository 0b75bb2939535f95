//! What searches may show.

use std::collections::BTreeMap;

use control_plane::search::SearchHit;

use super::{FileLog, History, Span};

impl History {
    /// Checks the answer to a search that matches every chunk of every document and ran from moment `start` until now.
    pub(in super::super) fn searched(&self, start: u64, hits: &[SearchHit]) {
        let state = self.state();
        let mut found: BTreeMap<&str, Vec<(u32, &str)>> = BTreeMap::new();
        for hit in hits {
            let texts = found.entry(hit.path.as_str()).or_default();
            texts.push((hit.ordinal, hit.text.trim()));
        }
        for log in state.files.values() {
            let mut texts = found.remove(log.name.as_str()).unwrap_or_default();
            texts.sort_unstable();
            let shown = |span: &Span| match &span.shown {
                None => texts.is_empty(),
                Some(shown) => {
                    let wanted = shown.content.paragraphs.iter().map(String::as_str);
                    (0..).zip(wanted).eq(texts.iter().copied())
                }
            };
            let nothing_yet = texts.is_empty() && unborn(log, start);
            if !nothing_yet && !spans_since(log, start).any(shown) {
                let what = if texts.is_empty() {
                    "it was live during all of a search that did not find it".to_owned()
                } else {
                    format!("a search showed {texts:?}, which is no version that was live meanwhile")
                };
                self.world.broken(2, Some(&log.name), what);
            }
        }
        for path in found.keys() {
            self.world
                .broken(2, Some(path), "a search showed a file that never was");
        }
    }
}

/// What was shown at some moment since `start`.
fn spans_since(log: &FileLog, start: u64) -> impl Iterator<Item = &Span> {
    log.spans
        .iter()
        .filter(move |span| span.until.is_none_or(|until| until >= start))
}

/// Was nothing committed at `start`?
fn unborn(log: &FileLog, start: u64) -> bool {
    log.spans.first().is_none_or(|first| first.from >= start)
}
