use shared::ids::{ChunkHash, PointId};
use shared::vectors::Payload;

use super::*;

mod overtaken;

fn hit(file: &str, claim: ClaimId) -> Hit {
    let index = IndexId::new("docs").unwrap();
    let path = BlobPath::new(file).unwrap();
    Hit {
        id: PointId::of(claim, 0),
        score: 1.0,
        payload: Payload {
            file_id: FileId::of(&index, &path),
            claim,
            path,
            ordinal: 0,
            chunk_hash: ChunkHash::of("x"),
            heading_path: Vec::new(),
            text: "x".to_owned(),
            start: 0,
            end: 1,
            place: Place::default(),
            converter: String::new(),
            mime: "text/plain".to_owned(),
            etag: "e".to_owned(),
            metadata: std::collections::BTreeMap::new(),
        },
    }
}

#[test]
fn a_version_that_was_replaced_while_searching_is_noticed() {
    // By whatever clocks the claims were made.
    for (old, new) in [(1, 2), (2, 1)].map(|(a, b)| (ClaimId::made_at(a), ClaimId::made_at(b))) {
        let file = hit("a", old).payload.file_id;
        let live = HashMap::from([(file, new)]);
        assert_eq!(
            live_but_not_found(&[hit("a", old)], &live),
            live,
            "only the old version was found"
        );
        let both = [hit("a", old), hit("a", new), hit("a", old)];
        assert!(
            live_but_not_found(&both, &live).is_empty(),
            "the new one was found too"
        );
        assert!(
            live_but_not_found(&[hit("b", old)], &live).is_empty(),
            "another file"
        );
    }
}

fn marked(text: &str, matches: &[Range<usize>]) -> String {
    let (mut out, highlights) = snippet(text, matches);
    for range in highlights.iter().rev() {
        out.insert(range.end, ']');
        out.insert(range.start, '[');
    }
    out
}

#[test]
fn snippets_are_one_line_with_the_matches_marked() {
    assert_eq!(
        marked("one\n\n two\tthree", std::slice::from_ref(&(6..9))),
        "one [two] three"
    );
    assert_eq!(
        marked("ein Überfall", std::slice::from_ref(&(4..13))),
        "ein [Überfall]"
    );
    assert_eq!(marked("ab cd", &[0..2, 3..5]), "[ab] [cd]");
    assert_eq!(marked("nothing", &[]), "nothing");
    assert_eq!(marked("", &[]), "");
}

#[test]
fn long_texts_are_cut_around_the_first_match() {
    let text = format!("{} needle {}", "hay ".repeat(200), "stack ".repeat(200));
    let at = text.find("needle").unwrap();
    let (out, highlights) = snippet(&text, std::slice::from_ref(&(at..at + 6)));
    assert_eq!(&out[highlights[0].clone()], "needle");
    assert!(out.starts_with('…') && out.ends_with('…'));
    assert!(out.chars().count() <= SNIPPET_CHARS + 2);
    let unbroken = "x".repeat(2000) + "needle";
    let (out, highlights) = snippet(&unbroken, std::slice::from_ref(&(2000..2006)));
    assert_eq!(&out[highlights[0].clone()], "needle");
}
