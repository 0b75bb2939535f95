//! An edit changes the chunks around it only, so that the others are not embedded again.

use std::collections::BTreeSet;

use super::super::chunk;
use super::*;

/// How many chunks of the second document are not in the first.
fn new_chunks(before: &str, after: &str, kind: DocumentKind, settings: &ChunkSettings) -> usize {
    let known: BTreeSet<String> = chunk(before, kind, settings)
        .into_iter()
        .map(|chunk| chunk.text)
        .collect();
    chunk(after, kind, settings)
        .into_iter()
        .filter(|chunk| !known.contains(&chunk.text))
        .count()
}

#[test]
fn an_edit_leaves_all_other_sections_as_they_were() {
    let before = manual(200);
    for settings in [tokens(64, 16), ChunkSettings::default(), characters(1_000, 100)] {
        for section in [3, 100, 104, 198] {
            let heading = format!(" Section {section}\n\n");
            let at = before.find(&heading).unwrap() + heading.len();
            let after = format!(
                "{}An added paragraph, which is new.\n\n{}",
                &before[..at],
                &before[at..]
            );
            let (old, new) = (
                chunk(&before, DocumentKind::Markdown, &settings),
                chunk(&after, DocumentKind::Markdown, &settings),
            );
            // Of the whole document, only what shares a chapter with the edit may change: five sections.
            let chapter = section / 5 * 5;
            let outside = |chunks: &[Chunk]| -> Vec<(String, Vec<String>)> {
                let inside: Vec<String> = (chapter..chapter + 5)
                    .map(|section| format!("Section {section}"))
                    .collect();
                chunks
                    .iter()
                    .filter(|chunk| !chunk.heading_path.iter().any(|heading| inside.contains(heading)))
                    .map(|chunk| (chunk.text.clone(), chunk.heading_path.clone()))
                    .collect()
            };
            assert_eq!(outside(&old), outside(&new), "section {section}");
            assert!(
                outside(&old).len() > old.len() / 2,
                "the test looks at most of the document"
            );
        }
    }
}

#[test]
fn an_edit_of_a_long_text_without_headings_stays_in_its_window() {
    let before = prose(1, 2_000);
    let settings = ChunkSettings::default();
    let total = chunk(&before, DocumentKind::Text, &settings).len();
    for (at, added) in [(0, 1), (0, 17), (before.len() / 2, 1), (before.len() / 2, 30)] {
        let at = at + before[at..].find("\n\n").unwrap() + 2;
        let after = format!("{}{}{}", &before[..at], prose(9, added), &before[at..]);
        let new = new_chunks(&before, &after, DocumentKind::Text, &settings);
        assert!(new * 5 < total, "{new} of {total} chunks are new");
    }
}

#[test]
fn an_edit_of_one_of_many_alike_moves_few_boundaries() {
    let log =
        |first: usize| -> String {
            (first..400).rev().fold("# Changes\n\n".to_owned(), |log, version| {
            format!("{log}## Version {version}\n\n- A change of no great importance, number {version}.\n\n")
        })
        };
    let rows = |count: usize| -> String {
        (0..count).rev().fold("id,name\n".to_owned(), |rows, row| {
            format!("{rows}{row},name of {row}\n")
        })
    };
    let items = |count: usize| -> String {
        let items: Vec<String> = (0..count)
            .rev()
            .map(|item| format!("{{\"id\":{item},\"name\":\"of {item}\"}}"))
            .collect();
        format!("{{\"items\":[{}]}}", items.join(","))
    };
    let lines = |count: usize| -> String {
        (0..count).rev().fold(String::new(), |lines, item| {
            format!("{lines}{{\"id\":{item},\"name\":\"of {item}\"}}\n")
        })
    };
    let cases = [
        (
            DocumentKind::Markdown,
            log(1),
            log(0).replacen("# Changes\n\n", "# Changes\n\n## Version 400\n\n- New.\n\n", 1),
        ),
        (DocumentKind::Csv, rows(1_000), rows(1_001)),
        (DocumentKind::Json, items(1_000), items(1_001)),
        (DocumentKind::Json, lines(1_000), lines(1_001)),
    ];
    let settings = tokens(128, 0);
    for (kind, before, after) in cases {
        let total = chunk(&after, kind, &settings).len();
        let new = new_chunks(&before, &after, kind, &settings);
        assert!(new * 4 < total, "{kind:?}: {new} of {total} chunks are new");
    }
}

#[test]
fn an_edit_of_a_function_leaves_the_others_as_they_were() {
    let source = |changed: &str| -> String {
        (0..60).fold(String::new(), |source, number| {
            let body = if number == 30 { changed } else { "" };
            format!("{source}/// Does {number}.\nfn number_{number}() {{\n    {body}work({number});\n    rest({number});\n}}\n\n")
        })
    };
    let kind = DocumentKind::Code(Language::Rust);
    assert!(new_chunks(&source(""), &source("more(1); "), kind, &tokens(40, 0)) <= 2);
}
