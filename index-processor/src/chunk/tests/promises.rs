//! Properties of every document, however strange.

use proptest::prelude::*;

use super::super::sizer::{Sizer, work};
use super::super::{Chunk, ChunkSettings, Size, chunk};
use super::{characters, kinds, manual, prose, tokens};
use convert::{DocumentKind, Language};

/// Checks the promises of [`chunk`], and returns the chunks.
fn check(document: &str, kind: DocumentKind, settings: &ChunkSettings) -> Vec<Chunk> {
    let chunks = chunk(document, kind, settings);
    assert_eq!(chunks, chunk(document, kind, settings), "not the same twice");
    for chunk in &chunks {
        let size = match settings.size() {
            Size::Tokens(_) => bpe_openai::cl100k_base().count(chunk.text.as_str()),
            Size::Characters(_) => chunk.text.chars().count(),
        };
        assert!(
            size <= settings.size().get(),
            "{size} is over the size: {chunk:?}"
        );
        assert!(!chunk.text.trim().is_empty(), "nothing to embed: {chunk:?}");
        let part = &document[chunk.range.clone()];
        let exact = match kind {
            DocumentKind::Csv => chunk.text == part || chunk.text.ends_with(&format!("\n{part}")),
            DocumentKind::Json => [
                part.to_owned(),
                format!("[{part}]"),
                format!("{{{part}}}"),
                format!("\"{part}\""),
            ]
            .contains(&chunk.text),
            _ => chunk.text == part,
        };
        assert!(exact, "the range is {part:?}: {chunk:?}");
    }
    for pair in chunks.windows(2) {
        assert!(
            pair[0].range.start < pair[1].range.start && pair[0].range.end < pair[1].range.end,
            "order: {pair:?}"
        );
        assert!(
            settings.overlap() > 0 || pair[0].range.end <= pair[1].range.start,
            "overlap: {pair:?}"
        );
        assert!(
            pair[0].range.end <= pair[1].range.start || pair[0].heading_path == pair[1].heading_path,
            "overlap across headings: {pair:?}"
        );
    }
    let mut ranges = chunks.iter().map(|chunk| &chunk.range).peekable();
    for at in content(document, kind) {
        while ranges.next_if(|range| range.end <= at).is_some() {}
        assert!(
            ranges.peek().is_some_and(|range| range.contains(&at)),
            "left out: {:?}",
            &document[at..]
        );
    }
    chunks
}

/// Where the characters are that must be in a chunk: all but white space and, in JSON, keys and punctuation.
fn content(document: &str, kind: DocumentKind) -> Vec<usize> {
    let visible = document.char_indices().filter(|(_, c)| !c.is_whitespace());
    let json = kind == DocumentKind::Json && serde_json::from_str::<serde::de::IgnoredAny>(document).is_ok();
    if !json {
        return visible.map(|(at, _)| at).collect();
    }
    let (mut content, mut string, mut escaped) = (Vec::new(), None, false);
    for (at, c) in visible {
        match (string, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(start), '"') => {
                string = None;
                if document[at + 1..].trim_start().starts_with(':') {
                    content.truncate(start);
                }
                continue;
            }
            (None, '"') => {
                string = Some(content.len());
                continue;
            }
            (None, ',' | ':' | '[' | ']' | '{' | '}') => continue,
            _ => {}
        }
        content.push(at);
    }
    content
}

/// Documents of pieces that mean something to one parser or another.
fn documents() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "\\PC{0,40}",
        2 => "[a-z ]{0,80}",
        3 => proptest::sample::select(vec![
            "# ", "## ", "\n", "\n\n", "\r\n", "===\n", "---\n", "```\n", "~~~", "    ", "\t", "- ", "> ", "| a | b |\n|---|---|\n",
            "<!--", "-->", "<pre>", "\"", ",", ";", "{", "}", "[", "]", ":", "{\"a\":", "\\", "\\u00e9", "null", "1e9",
            "fn main() {\n", "impl Foo {\n", "def f(x):\n    ", "class A:\n", "/* ", "*/", "// x\n", "#include <a>\n", "<?php ", "?>",
            "字", "。", "e\u{301}\u{302}\u{303}", "👩‍👩‍👧‍👦", "\u{0}", "\u{a0}", "\u{3000}", "\u{200d}", "\u{feff}", "'s", "12345678901234567890",
        ]).prop_map(str::to_owned),
        1 => (proptest::sample::select(vec![" ", "\n", "a", "字", "\u{301}", "[", "> ", "# ", "- "]), 1..700_usize).prop_map(|(text, times)| text.repeat(times)),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,30}".prop_map(Into::into),
        "(\\\\|\"|é|\n|😀|a){0,200}".prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 128, 10, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..12).prop_map(Into::into),
            proptest::collection::vec(("[a-z\"]{0,8}", inner), 0..12)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_document_is_cut_as_promised(document in documents(), kind in proptest::sample::select(kinds().collect::<Vec<_>>())) {
        for settings in [tokens(32, 0), tokens(40, 20), characters(50, 10), characters(300, 150)] {
            check(&document, kind, &settings);
        }
    }

    #[test]
    fn every_chunk_of_json_is_json(value in json(6), pretty: bool) {
        let document = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        for settings in [tokens(32, 0), characters(60, 20)] {
            for chunk in check(&document, DocumentKind::Json, &settings) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&chunk.text).is_ok(), "{chunk:?}");
            }
        }
    }

    /// The fast measure is the tokenizer's own, for every slice.
    #[test]
    fn slices_have_the_size_of_their_copies(document in documents(), from: prop::sample::Index, to: prop::sample::Index) {
        let boundaries: Vec<usize> = (0..=document.len()).filter(|&at| document.is_char_boundary(at)).collect();
        let (from, to) = (*from.get(&boundaries), *to.get(&boundaries));
        let range = from.min(to)..from.max(to);
        for size in [Size::Tokens(32), Size::Characters(32)] {
            let sizer = Sizer::new(&document, size);
            prop_assert_eq!(sizer.of(range.clone()), sizer.of_other(&document[range.clone()]), "{:?}", &document[range.clone()]);
        }
    }
}

#[test]
fn nothing_comes_of_nothing() {
    for kind in kinds() {
        for document in ["", " ", "\n\n\t\n", "\u{3000}\u{a0}"] {
            assert_eq!(chunk(document, kind, &ChunkSettings::default()), [], "{kind:?}");
        }
    }
}

#[test]
fn hostile_documents_are_cut_as_any_other() {
    use DocumentKind::{Code, Csv, Json, Markdown, Text};
    let documents: [(&[DocumentKind], String); 12] = [
        (&[Markdown, Text], "\n".repeat(3_000_000)),
        (&[Markdown], format!("a{}b", "\n".repeat(3_000_000))),
        (&[Text, Json], "a".repeat(40_000)),
        (&[Text, Csv], "字".repeat(5_000)),
        (&[Text], format!("e{}", "\u{301}".repeat(10_000))),
        (&[Markdown], format!("{}x", "> ".repeat(10_000))),
        (
            &[Markdown],
            (0..100)
                .map(|depth| format!("{}- x\n", "  ".repeat(depth)))
                .collect(),
        ),
        (
            &[Json, Markdown],
            format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        (
            &[Json],
            format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        ),
        (&[Json, Code(Language::Java)], "[".repeat(5_000)),
        (&[Csv], "\"".repeat(5_001)),
        (
            &[Code(Language::Rust), Code(Language::Cpp)],
            "fn a() { (".repeat(500),
        ),
    ];
    for (kinds, document) in &documents {
        for kind in *kinds {
            check(document, *kind, &tokens(128, 16));
        }
    }
}

#[test]
fn the_work_is_in_proportion_to_the_length() {
    type Document = fn(usize) -> String;
    let documents: [(DocumentKind, Document); 8] = [
        (DocumentKind::Text, |size| prose(1, size)),
        (DocumentKind::Text, |size| prose(1, size).replace('\n', " ")),
        (DocumentKind::Text, |size| "a".repeat(size * 200)),
        (DocumentKind::Markdown, manual),
        (DocumentKind::Markdown, |size| "# a\n".repeat(size * 50)),
        (DocumentKind::Csv, |size| "id,name,value\n".repeat(size * 15)),
        (DocumentKind::Json, |size| {
            format!("[{}0]", "{\"a\":[1,2,3]},".repeat(size * 15))
        }),
        (DocumentKind::Code(Language::Rust), |size| {
            "fn f() {\n    g();\n}\n".repeat(size * 10)
        }),
    ];
    for (kind, document) in documents {
        for settings in [tokens(64, 16), characters(200, 50)] {
            let [small, large] = [100, 400].map(|size| {
                let document = document(size);
                work::of(|| chunk(&document, kind, &settings)) * 1_000 / document.len()
            });
            assert!(
                large <= small * 3 / 2,
                "{kind:?}: {small} per 1,000 bytes, but {large} when four times as long"
            );
        }
    }
}
