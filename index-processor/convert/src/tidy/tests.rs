use proptest::prelude::*;
use unicode_normalization::is_nfc;

use super::*;

fn tidied(markdown: &str) -> String {
    tidy(markdown, &mut [])
}

#[track_caller]
fn check(markdown: &str, expected: &str) {
    assert_eq!(tidied(markdown), expected);
}

#[test]
fn blank_lines_and_trailing_white_space_go() {
    check(
        "\n\n# A  \n\n\n\n text\t\n\n- b\n  - c\n\n\n",
        "# A\n\n text\n\n- b\n  - c\n",
    );
    check("a\r\nb\r\n\r\nc", "a\nb\n\nc\n");
    check("a\rb", "a b\n");
    check(" \n\t\n", "");
}

#[test]
fn letters_are_composed_and_ligatures_spelled_out() {
    check("Cafe\u{301} e\u{FB03}cient", "Café efficient\n");
    // The hint between letter and accent goes first.
    check("e\u{AD}\u{301}", "é\n");
}

#[test]
fn spaces_are_ordinary_and_hints_go() {
    check("1\u{A0}000\u{202F}km", "1 000 km\n");
    check("\u{A0}\u{A0}\u{A0}\u{A0}no code", "no code\n");
    check("exam\u{AD}ple\u{200B}s\u{FEFF}\u{200E}", "examples\n");
    check("می\u{200C}خواهم 👩\u{200D}🔬", "می\u{200C}خواهم 👩\u{200D}🔬\n");
    check("a\u{0}\u{1}\u{7}b\u{B}c\u{C}d\u{2028}e", "ab\nc\nd\ne\n");
}

#[test]
fn parts_start_where_their_text_starts() {
    let mut builder = Builder::new();
    builder.block("before\u{A0}\u{AD}all");
    builder.part(Place::page(1));
    builder.block("\n\n\n  one\u{301} \n\n\n\n");
    builder.unread(Place::page(2), "scanned", "no text on the page");
    builder.part(Place::page(3));
    builder.block("three");
    builder.failed(Place::page(4), &ConvertError::empty());
    let (markdown, parts) = builder.finish();
    assert_eq!(markdown, "before all\n\n  oné\n\nthree\n");
    let starts: Vec<_> = parts.iter().map(|part| &markdown[part.start..]).collect();
    assert_eq!(starts, ["  oné\n\nthree\n", "three\n", "three\n", ""]);
    let unread: Vec<_> = parts.iter().map(|part| part.unread.is_some()).collect();
    assert_eq!(unread, [false, true, false, true]);
}

#[test]
fn a_part_may_start_within_a_line() {
    let part = |start| Part {
        start,
        place: Place::default(),
        unread: None,
    };
    // The third is within a character, and the last past the end.
    let mut parts = [part(0), part(5), part(7), part(99)];
    let markdown = tidy("one\u{AD}  \u{E9}\u{A0}two  ", &mut parts);
    assert_eq!(markdown, "one  é two\n");
    let starts = parts.map(|part| part.start);
    assert_eq!(starts, [0, 5, 5, markdown.len()]);
}

proptest! {
    #[test]
    fn tidying_is_bounded_and_done_once(text in "(\\PC|[ \t\r\n\u{C}\u{301}\u{327}\u{A0}\u{AD}\u{200B}e]){0,80}", starts in prop::collection::vec(0usize..300, 0..5)) {
        let mut starts = starts;
        starts.sort_unstable();
        let mut parts: Vec<_> = starts
            .iter()
            .map(|start| Part { start: *start, place: Place::default(), unread: None })
            .collect();
        let once = tidy(&text, &mut parts);
        prop_assert!(parts.is_sorted_by_key(|part| part.start));
        prop_assert!(parts.iter().all(|part| once.is_char_boundary(part.start)));
        prop_assert!(!once.contains("\n\n\n") && !once.contains(" \n"));

        let whole = tidied(&text);
        prop_assert!(is_nfc(&whole));
        prop_assert_eq!(&tidied(&whole), &whole);
        prop_assert!(whole.len() <= 3 * text.len() + 1);
    }
}
