use proptest::prelude::*;

use super::*;

fn markdown(text: &str, levels: usize) -> String {
    let mut out = String::new();
    push_markdown(&mut out, text, levels, &[]);
    out
}

#[test]
fn headings_move_below_the_one_above() {
    for (text, expected) in [
        ("# a\n## b ##\n###### c", "### a\n#### b ##\n###### c\n"),
        ("Title\n===\n\nb\n---\n\ntext", "### Title\n\n#### b\n\ntext\n"),
        // Not headings: a list above a rule, a paragraph of two lines, a table, code.
        ("- a\n---\n", "- a\n---\n"),
        ("a\nb\n---\n", "a\nb\n---\n"),
        ("| a |\n| --- |\n", "| a |\n| --- |\n"),
        ("    # a\n", "    # a\n"),
        ("```\n# a\nb\n---\n```\n# c", "```\n# a\nb\n---\n```\n### c\n"),
        ("#hashtag", "#hashtag\n"),
    ] {
        assert_eq!(markdown(text, 2), expected);
    }
}

#[test]
fn code_that_is_left_open_is_closed() {
    for (text, expected) in [
        ("```rust\nfn", "```rust\nfn\n```\n"),
        ("~~~~\n```\n~~~", "~~~~\n```\n~~~\n~~~~\n"),
        ("````\n```\n````\ntext", "````\n```\n````\ntext\n"),
        ("`` ` ``\n``` a`b\ntext", "`` ` ``\n``` a`b\ntext\n"),
    ] {
        assert_eq!(markdown(text, 1), expected);
    }
}

#[test]
fn blank_lines_run_together_outside_of_code() {
    assert_eq!(
        markdown("\n\na\n\n\n\nb\n```\n\n\n```\n", 0),
        "a\n\nb\n```\n\n\n```\n"
    );
}

#[test]
fn places_move_with_the_text() {
    let text = "# Page 1\n\nfirst\n\nPage 2\n---\n\nsecond\n";
    let starts: Vec<usize> = ["# Page 1", "first", "Page 2", "second"]
        .into_iter()
        .map(|mark| text.find(mark).unwrap())
        .chain([text.len()])
        .collect();
    let mut out = "above".to_owned();
    let moved = push_markdown(&mut out, text, 2, &starts);
    assert_eq!(out, "above\n\n### Page 1\n\nfirst\n\n#### Page 2\n\nsecond\n");
    let at: Vec<&str> = moved
        .iter()
        .map(|place| out[*place..].lines().next().unwrap_or_default())
        .collect();
    assert_eq!(at, ["### Page 1", "first", "#### Page 2", "second", ""]);
}

#[test]
fn places_within_a_line_stay_within_it() {
    let mut out = String::new();
    let moved = push_markdown(&mut out, "# One two\nthree four", 1, &[2, 6, 16]);
    let at: Vec<&str> = moved.iter().map(|place| &out[*place..*place + 3]).collect();
    assert_eq!(at, ["One", "two", "fou"]);
}

#[test]
fn plain_text_stays_what_it_is() {
    let mut out = String::new();
    push_plain(
        &mut out,
        "# a\n  ```\ntext  \n===\n\n\n\n<b>\n- item\n#tag\n> said\n",
    );
    assert_eq!(
        out,
        "\\# a\n  \\```\ntext\n\\===\n\n\\<b>\n- item\n#tag\n> said\n"
    );
}

#[test]
fn fences_are_longer_than_those_inside() {
    let mut out = "x\n".to_owned();
    push_fenced(&mut out, "md", "\n```\na\n````\n");
    assert_eq!(out, "x\n\n`````md\n```\na\n````\n`````\n");
}

#[test]
fn lines_are_made_one_and_short() {
    assert_eq!(one_line(" a\n\t b\0c \u{202E}d "), "a b c d");
    assert_eq!(one_line(&"é".repeat(500)), format!("{}…", "é".repeat(200)));
}

proptest! {
    #[test]
    fn every_place_is_kept_in_order(
        text in "([#=~` a\\-é\n]|```|\n\n){0,120}", cuts in prop::collection::vec(0usize..200, 0..6), levels in 0usize..4,
    ) {
        let mut starts: Vec<usize> = cuts
            .into_iter()
            .map(|cut| (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0))
            .collect();
        starts.sort_unstable();
        let mut out = String::new();
        let moved = push_markdown(&mut out, &text, levels, &starts);
        prop_assert_eq!(moved.len(), starts.len());
        prop_assert!(moved.is_sorted());
        prop_assert!(moved.iter().all(|place| out.is_char_boundary(*place)));
        // Nothing but marks and white space is added or lost.
        let words = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        prop_assert_eq!(words(&out), words(&text));
        // What follows is not code.
        push_heading(&mut out, 1, "behind");
        prop_assert!(markdown(&out, 1).ends_with("## behind\n\n"), "{}", out);
    }

    #[test]
    fn plain_text_has_no_headings_or_code(text in "([#=~` <a\\-\n]|```|\n\n){0,120}") {
        let mut out = String::new();
        push_plain(&mut out, &text);
        prop_assert_eq!(&markdown(&out, 3), &out);
    }
}

#[test]
fn lines_of_plain_text_end_in_line_feeds_however_they_ended() {
    let mut out = String::new();
    push_plain(&mut out, "one\rtwo\r\n\rthree\u{0}\r");
    assert!(!out.contains('\r'), "{out:?}");
    assert_eq!(out, "one\ntwo\n\nthree\u{0}\n");
}
