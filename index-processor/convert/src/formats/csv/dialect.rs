//! How a file of separated values is written: its delimiter, and whether quotation marks quote.

use csv::{Reader, ReaderBuilder, StringRecord};

const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];

/// How much of a file the delimiter is judged by: bytes and records.
const SAMPLE_BYTES: usize = 64 * 1024;
const SAMPLE_RECORDS: usize = 100;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// What separates cells.
    pub(super) delimiter: u8,
    /// Do quotation marks hold cells together? Not when they do not pair up: one that is never closed would swallow the
    /// rest of the file.
    pub(super) quoted: bool,
    /// Bytes of a first line `sep=;`, which Excel writes, and which is no record.
    skipped: usize,
}

impl Dialect {
    /// Finds the delimiter that cuts most records to the same number of cells; `promised` wins a draw. `None` when
    /// nothing separates columns.
    pub(super) fn sniff(text: &str, promised: u8) -> Option<Self> {
        let quoted = text.bytes().filter(|byte| *byte == b'"').count() % 2 == 0;
        if let Some((delimiter, skipped)) = stated(text) {
            return Some(Self {
                delimiter,
                quoted,
                skipped,
            });
        }
        let end = if text.len() <= SAMPLE_BYTES {
            text.len()
        } else {
            text.floor_char_boundary(SAMPLE_BYTES)
        };
        // Rather a sample without the record that the cut runs through.
        let sample = match text[..end].rfind('\n') {
            Some(at) if end < text.len() => &text[..at],
            _ => &text[..end],
        };
        CANDIDATES
            .into_iter()
            .filter_map(|delimiter| {
                let dialect = Self {
                    delimiter,
                    quoted,
                    skipped: 0,
                };
                Some((dialect.regularity(sample)?, delimiter == promised, dialect))
            })
            .max_by_key(|(regularity, promised, _)| (*regularity, *promised))
            .map(|(_, _, dialect)| dialect)
    }

    /// The text behind a `sep=` line.
    pub(super) fn body(self, text: &str) -> &str {
        &text[self.skipped..]
    }

    pub(super) fn reader(self, text: &str) -> Reader<&[u8]> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .quoting(self.quoted)
            .from_reader(text.as_bytes())
    }

    /// How many in a thousand sampled records have the most common number of cells, in steps of 50, and that number;
    /// `None` when that number is 1.
    fn regularity(self, sample: &str) -> Option<(usize, usize)> {
        let mut widths = std::collections::BTreeMap::<usize, usize>::new();
        let mut reader = self.reader(sample);
        let mut record = StringRecord::new();
        let mut records = 0;
        while records < SAMPLE_RECORDS && reader.read_record(&mut record).ok()? {
            *widths.entry(record.len()).or_default() += 1;
            records += 1;
        }
        let (width, count) = widths.into_iter().max_by_key(|(width, count)| (*count, *width))?;
        (width > 1).then(|| (count * 1000 / records / 50, width))
    }
}

/// The delimiter in a first line such as `sep=;`, with the length of that line.
fn stated(text: &str) -> Option<(u8, usize)> {
    let line = text.split_inclusive('\n').next()?;
    let delimiter = line.trim_end_matches('\n').strip_prefix("sep=")?;
    let [delimiter] = *delimiter.as_bytes() else {
        return None;
    };
    delimiter
        .is_ascii_punctuation()
        .then_some((delimiter, line.len()))
        .or((delimiter == b'\t').then_some((delimiter, line.len())))
}
