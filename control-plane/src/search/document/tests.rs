use proptest::prelude::*;
use shared::ids::ClaimId;

use super::super::tests::hit;
use super::*;

/// A chunk of a document, with something in front of it and behind.
fn chunk(document: &str, ordinal: u32, range: Range<usize>, around: (&str, &str)) -> Payload {
    let body = &document[range.clone()];
    Payload {
        ordinal,
        text: format!("{}{body}{}", around.0, around.1),
        start: range.start as u64,
        end: range.end as u64,
        ..hit("a.md", ClaimId::made_at(1)).payload
    }
}

fn assembled(chunks: &[Payload], from: u64, max_bytes: usize) -> (String, Vec<DocumentSection>, Option<u64>) {
    let mut assembly = Assembly::new(from, max_bytes);
    for chunk in chunks {
        assembly.add(chunk);
    }
    assembly.finish()
}

#[test]
fn overlaps_are_said_once_and_gaps_are_blank() {
    let document = "One two three. Four\nfive six.\n\n\nSeven";
    let chunks = [
        chunk(document, 0, 0..14, ("", "")),
        chunk(document, 1, 8..19, ("", "")),
        chunk(document, 2, 20..29, ("", "")),
        chunk(document, 3, 32..37, ("", "")),
    ];
    let (text, sections, next) = assembled(&chunks, 0, 1000);
    assert_eq!(text, "One two three. Four\nfive six.\n\nSeven");
    assert_eq!(next, None);
    let starts: Vec<&str> = sections
        .iter()
        .map(|section| &text[usize::try_from(section.at).unwrap()..])
        .collect();
    assert!(
        starts[1].starts_with(" Four") && starts[3] == "Seven",
        "{starts:?}"
    );
    assert_eq!(sections[1].range, 8..19);
}

#[test]
fn repeated_headers_of_tables_are_said_once() {
    let document = "|a|b|\n|-|-|\n|1|2|\n|3|4|";
    let chunks = [
        chunk(document, 0, 0..17, ("", "")),
        chunk(document, 1, 18..23, ("|a|b|\n|-|-|\n", "")),
    ];
    assert_eq!(assembled(&chunks, 0, 1000).0, document);
    assert_eq!(assembled(&chunks, 20, 1000).0, "|4|");
}

#[test]
fn values_of_json_stay_whole() {
    let document = r#"{"a":1,"b":2}"#;
    let chunks = [
        chunk(document, 0, 1..6, ("{", "}")),
        chunk(document, 1, 7..12, ("{", "}")),
    ];
    let (text, _, next) = assembled(&chunks, 0, 1000);
    assert_eq!((text.as_str(), next), ("{\"a\":1}\n{\"b\":2}", None));
    // Each is shown, and shown whole, however little is asked for.
    let (text, _, next) = assembled(&chunks, 0, 1);
    assert_eq!((text.as_str(), next), ("{\"a\":1}", Some(7)));
    assert_eq!(assembled(&chunks, 7, 1).0, "{\"b\":2}");
}

proptest! {
    /// Whatever the cuts, overlaps and sizes: the parts, one after the other, are the document, each no larger than asked
    /// for but by a character.
    #[test]
    fn parts_add_up_to_the_document(
        document in "[a-zäß€]{1,80}",
        cuts in prop::collection::vec((0usize..12, 0usize..4), 0..12),
        max_bytes in 1usize..40,
    ) {
        let bound = |at: usize| document.floor_char_boundary(at.min(document.len()));
        let mut ranges = Vec::new();
        let mut at = 0;
        for (length, overlap) in cuts {
            let end = bound(at + length);
            if end > at {
                ranges.push(bound(at.saturating_sub(overlap))..end);
                at = end;
            }
        }
        if at < document.len() {
            ranges.push(at..document.len());
        }
        let chunks: Vec<_> = (0..).zip(ranges).map(|(n, range)| chunk(&document, n, range, ("", ""))).collect();
        let (mut whole, mut from) = (String::new(), Some(0));
        while let Some(begin) = from {
            let (text, _, next) = assembled(&chunks, begin, max_bytes);
            prop_assert!(text.len() <= max_bytes.max('€'.len_utf8()));
            prop_assert!(next.is_none_or(|next| next > begin), "no progress");
            whole.push_str(&text);
            from = next;
        }
        prop_assert_eq!(whole, document);
    }
}
