use proptest::prelude::*;

use super::*;

fn run(name: &str, bytes: impl AsRef<[u8]>) -> Result<Document, ConvertError> {
    convert(
        &Input {
            name,
            bytes: bytes.as_ref(),
            content_type: None,
        },
        &Options::default(),
    )
}

#[test]
fn the_fingerprint_names_every_converter() {
    insta::assert_snapshot!(fingerprint(), @"convert/2 html/1 markdown/1 json/1 csv/1 code/1 text/1 pdf/1 office/1 open_document/1 rtf/1 epub/1 email/1 notebook/1 xml/1 zip/1");
}

#[test]
fn each_format_has_its_kind() {
    let code = DocumentKind::Code;
    for (name, text, kind, mime) in [
        ("a.md", "# Title\ntext", DocumentKind::Markdown, "text/markdown"),
        ("a.html", "<p>text", DocumentKind::Html, "text/html"),
        ("a.json", "{\"a\": 1}", DocumentKind::Json, "application/json"),
        (
            "a.jsonl",
            "{\"a\": 1}\n{\"a\": 2}\n",
            DocumentKind::Json,
            "application/x-ndjson",
        ),
        ("a.csv", "a,b\n1,2\n", DocumentKind::Csv, "text/csv"),
        (
            "a.tsv",
            "a\tb\n1\t2\n",
            DocumentKind::Csv,
            "text/tab-separated-values",
        ),
        ("a.rs", "fn main() {}", code(Language::Rust), "text/x-rust"),
        ("a.sql", "select 1", code(Language::Other), "text/plain"),
        (
            "script",
            "#!/usr/bin/env python3\npass",
            code(Language::Python),
            "text/x-python",
        ),
        ("a.yaml", "a: 1", DocumentKind::Text, "application/yaml"),
        ("a.xml", "<a>1</a>", DocumentKind::Text, "application/xml"),
        ("LICENSE", "text", DocumentKind::Text, "text/plain"),
        ("a.unknown", "text", DocumentKind::Text, "text/plain"),
    ] {
        let document = run(name, text).unwrap();
        assert_eq!(
            (document.about.kind, &*document.about.mime),
            (kind, mime),
            "{name}"
        );
        assert_eq!(document.about.warnings, [""; 0], "{name}");
    }
}

#[test]
fn nothing_to_index() {
    for (name, bytes) in [
        ("a.txt", ""),
        ("a.md", " \n\t\r\n"),
        ("a.txt", "\u{FEFF}"),
        ("a.txt", "\u{FEFF} \n"),
        ("a.html", "<html><body></body></html>"),
        ("a.html", "<script>let a = 1;</script>"),
        ("a.csv", "\n\n"),
        ("photo.jpg", ""),
    ] {
        assert_eq!(run(name, bytes).unwrap_err().code(), "empty", "{name} {bytes:?}");
    }
}

#[test]
fn lines_end_in_one_way_and_the_mark_is_gone() {
    for (name, expected) in [
        ("a.md", "one\ntwo\n\nthree"),
        ("a.txt", "one\ntwo\n\nthree"),
        ("a.rs", "one\ntwo\n\nthree"),
    ] {
        assert_eq!(
            run(name, "\u{FEFF}one\r\ntwo\r\rthree").unwrap().markdown,
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_content_type_decides_only_where_content_and_name_do_not() {
    let kind = |name, bytes: &[u8], content_type| {
        convert(
            &Input {
                name,
                bytes,
                content_type: Some(content_type),
            },
            &Options::default(),
        )
        .unwrap()
        .about
        .kind
    };
    assert_eq!(
        kind("page", b"<p>text", "text/html; charset=utf-8"),
        DocumentKind::Html
    );
    assert_eq!(kind("a.md", b"<p>text", "text/html"), DocumentKind::Markdown);
    assert_eq!(
        kind("a", b"#!/bin/sh", "text/html"),
        DocumentKind::Code(Language::Bash)
    );
    assert_eq!(kind("a", b"text", "application/pdf"), DocumentKind::Text);
}

/// Names that steer into every converter.
fn any_name() -> impl Strategy<Value = String> {
    let extension = prop::sample::select(vec![
        "", ".html", ".md", ".json", ".jsonl", ".csv", ".tsv", ".rs", ".xml", ".txt", ".docx", ".svg",
        ".bin", ".eml", ".msg", ".ipynb", ".epub", ".zip",
    ]);
    (any::<String>(), extension).prop_map(|(stem, extension)| stem + extension)
}

/// Bytes that are often near a format: pieces of markup, marks and magic numbers among arbitrary ones.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        2 => prop::sample::select(vec![
            "<", ">", "</", "<!--", "-->", "<div", "<p>", "<title>", "</title>", "<script>", "</script", "<nav>", "</nav>",
            "<table><tr><td>", "<pre>", "<ul><li>", " title=\"", "class='", "=", "\"", "'", "&amp;", "&#x", ";", "<![CDATA[",
            "<?xml encoding=\"", "<meta charset=", "utf-16", "{", "}", "[", "]", ":", ",", "\\", "\n", "\r", "\t", "|", "---\n",
            "title: ", "```", "# ", "sep=;", "%PDF-", "PK\u{3}\u{4}", "\0", "é", "日本", "\u{FEFF}", "\u{AD}", "1e999", "null",
            "<article>", "<title>", "<para>", "<list><item>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "<rss><channel><item>",
            "Subject: x\n", "From: a@b.c\n", "Content-Type: multipart/mixed; boundary=x\n\n--x\n", "--x--", "=C3=", "\n\n",
            "{\"nbformat\": 4, \"cells\": [", "{\"cell_type\": \"code\", \"source\": \"x\"}", "]}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => prop::sample::select(vec![
            &b"\xFF\xFE"[..], b"\xFE\xFF", b"\xFF\xFE\0\0", b"\0\0\xFE\xFF", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", b"\x1B$B",
        ]).prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn conversion_never_panics_and_always_says_the_same(
        name in any_name(), bytes in any_content(), content_type in prop::option::of(any::<String>()),
    ) {
        let input = Input { name: &name, bytes: &bytes, content_type: content_type.as_deref() };
        let first = convert(&input, &Options::default());
        prop_assert_eq!(&first, &convert(&input, &Options::default()));
        match first {
            Ok(document) => {
                prop_assert!(!document.markdown.trim().is_empty());
                prop_assert!(!document.about.warnings.iter().any(|warning| warning.contains("crashed")), "{:?}", document);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn text_comes_through_whole(text in "[a-zA-Zéß日 .\n]{1,200}") {
        prop_assume!(!text.trim().is_empty());
        for name in ["a.txt", "a.md", "a.py", "a.toml"] {
            prop_assert_eq!(&run(name, &text).unwrap().markdown, &text);
        }
    }
}
