//! Small documents, to read.

use insta::assert_snapshot;

use super::super::{SettingsError, chunk, semantic};
use super::*;

#[test]
fn markdown_is_cut_by_its_headings() {
    let document = "---\ntitle: x\n---\n# Guide\n\n## Install\n\nRun this:\n\n```sh\n# not a heading\nmake install\n```\n\n\
        Usage\n-----\n\nCall it with a folder and wait until it says that it is ready.\n\n### Flags\n\nNone.\n\n### Files\n\nOne.\n";
    assert_snapshot!(page(&chunk(document, DocumentKind::Markdown, &characters(80, 0))), @r##"
    0..16 
    ---
    title: x
    ---

    17..87 Guide > Install
    # Guide

    ## Install

    Run this:

    ```sh
    # not a heading
    make install
    ```

    89..164 Guide > Usage
    Usage
    -----

    Call it with a folder and wait until it says that it is ready.

    166..199 Guide > Usage
    ### Flags

    None.

    ### Files

    One.
    "##);
}

#[test]
fn a_path_is_that_of_the_text_in_the_chunk() {
    let text = "Some text that is long enough.";
    let document = format!("# A\n\n## B\n\n{text}\n\n# C\n\n{text}\n\n### D\n\n{text}\n\n## E\n\n{text}\n");
    let chunks = chunk(&document, DocumentKind::Markdown, &characters(64, 0));
    let paths: Vec<String> = chunks
        .iter()
        .map(|chunk| chunk.heading_path.join(" > "))
        .collect();
    assert_eq!(paths, ["A > B", "C", "C > D", "C > E"]);
}

#[test]
fn small_html_sections_share_a_chunk_under_their_parent() {
    let document = "# Glossary\n\n## A\n\nOne.\n\n## B\n\nTwo.\n\n## C\n\nThree things that take some room to explain.\n\n# End\n\nBye.\n";
    assert_snapshot!(page(&chunk(document, DocumentKind::Html, &characters(60, 0))), @r##"
    0..34 Glossary
    # Glossary

    ## A

    One.

    ## B

    Two.

    36..86 Glossary > C
    ## C

    Three things that take some room to explain.

    88..99 End
    # End

    Bye.
    "##);
}

#[test]
fn text_overlaps_by_sentences() {
    let document = "One is the first number. Two comes next. Three is a crowd. Four is even. Five is a hand.";
    assert_snapshot!(page(&chunk(document, DocumentKind::Text, &characters(50, 20))), @r##"
    0..40 
    One is the first number. Two comes next.

    25..72 
    Two comes next. Three is a crowd. Four is even.

    59..88 
    Four is even. Five is a hand.
    "##);
}

#[test]
fn json_is_cut_by_its_structure() {
    let document = r#"{"version": 3, "name": "demo", "users": [{"id": 1, "mail": "a@example.com"}, {"id": 2}, {"id": 3}],
        "note": "a long note that \"does not\" fit in one chunk, so it is cut into strings \u00e9\u00e9"}"#;
    assert_snapshot!(page(&chunk(document, DocumentKind::Json, &characters(50, 0))), @r##"
    1..29 
    {"version": 3, "name": "demo"}

    41..75 users > [0]
    {"id": 1, "mail": "a@example.com"}

    77..97 users > [1-2]
    [{"id": 2}, {"id": 3}]

    117..150 note
    "a long note that \"does not\" fit"

    151..182 note
    "in one chunk, so it is cut into"

    183..203 note
    "strings \u00e9\u00e9"
    "##);
}

#[test]
fn lines_of_json_stay_whole() {
    let document =
        "{\"id\": 1, \"name\": \"a\"}\n{\"id\": 2, \"name\": \"b\"}\n{\"id\": 3, \"name\": \"c\"}\n";
    assert_snapshot!(page(&chunk(document, DocumentKind::Json, &characters(50, 0))), @r##"
    0..45 [0-1]
    {"id": 1, "name": "a"}
    {"id": 2, "name": "b"}

    46..68 [2]
    {"id": 3, "name": "c"}
    "##);
}

#[test]
fn rows_repeat_their_header() {
    let document = "| id | name |\n| --- | --- |\n| 1 | 5\" pipe |\n| 2 | c |\n| 3 | d |\n| 4 | e |\n";
    assert_snapshot!(page(&chunk(document, DocumentKind::Csv, &characters(60, 0))), @r##"
    0..53 
    | id | name |
    | --- | --- |
    | 1 | 5" pipe |
    | 2 | c |

    54..73 
    | id | name |
    | --- | --- |
    | 3 | d |
    | 4 | e |
    "##);
    // Without a delimiter row, the first line alone is the header.
    let plain = "id,name\n1,a\n2,b\n3,c\n4,d\n5,e\n6,f\n7,g\n8,h\n9,i\n";
    let chunks = chunk(plain, DocumentKind::Csv, &characters(32, 0));
    assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.text.starts_with("id,name\n")));
}

#[test]
fn code_is_cut_by_its_items() {
    let document = "//! Demo.\nuse std::fmt;\n\n/// A pair.\n#[derive(Debug)]\nstruct Pair(u32, u32);\n\nimpl Pair {\n    /// Adds.\n    fn sum(&self) -> u32 {\n        self.0 + self.1\n    }\n\n    fn first(&self) -> u32 {\n        self.0\n    }\n}\n";
    assert_snapshot!(page(&chunk(
        document,
        DocumentKind::Code(Language::Rust),
        &characters(90, 0)
    )), @r##"
    0..23 
    //! Demo.
    use std::fmt;

    25..76 struct Pair
    /// A pair.
    #[derive(Debug)]
    struct Pair(u32, u32);

    78..160 impl Pair > fn sum
    impl Pair {
        /// Adds.
        fn sum(&self) -> u32 {
            self.0 + self.1
        }

    162..213 impl Pair > fn first
        fn first(&self) -> u32 {
            self.0
        }
    }
    "##);
}

#[test]
fn items_have_names_in_every_language() {
    let cases = [
        (Language::Bash, "build() {\n  BODY\n}\n", "build"),
        (Language::C, "static int *add(int a)\n{\n  BODY;\n}\n", "add"),
        (
            Language::CSharp,
            "namespace N {\n class C {\n  int Add(int a) {\n  BODY;\n }\n}\n}\n",
            "namespace N > class C > Add",
        ),
        (
            Language::Cpp,
            "namespace n {\nclass C {\n int add(int a) {\n  BODY;\n }\n};\n}\n",
            "namespace n > class C > add",
        ),
        (
            Language::Go,
            "package p\n\nfunc (s *S) Add(a int) int {\n  BODY()\n}\n",
            "func Add",
        ),
        (
            Language::Java,
            "class C {\n int add(int a) {\n  BODY;\n }\n}\n",
            "class C > add",
        ),
        (
            Language::JavaScript,
            "export class C {\n add(a) {\n  BODY;\n }\n}\n",
            "class C > add",
        ),
        (
            Language::Php,
            "<?php\nclass C {\n function add($a) {\n  BODY;\n }\n}\n",
            "class C > add",
        ),
        (
            Language::Python,
            "@x\nclass C:\n    def add(self, a):\n        BODY\n",
            "class C > def add",
        ),
        (
            Language::Ruby,
            "module M\n class C\n  def add(a)\n   BODY\n  end\n end\nend\n",
            "module M > class C > def add",
        ),
        (
            Language::Rust,
            "impl<T> A for B<T> {\n fn add(&self) {\n  BODY;\n }\n}\n",
            "impl A for B<T> > fn add",
        ),
        (
            Language::Tsx,
            "export function add(a: number) {\n  BODY;\n}\n",
            "function add",
        ),
        (
            Language::TypeScript,
            "namespace n { interface I { a: string }\n function add(a: I) {\n  BODY;\n }\n}\n",
            "namespace n > function add",
        ),
    ];
    for (language, template, expected) in cases {
        let document = template.replace(
            "BODY",
            &"body_of_it_that_is_long ".repeat(3).trim_end().replace(' ', "_"),
        );
        let chunks = chunk(&document, DocumentKind::Code(language), &characters(100, 0));
        let paths: Vec<String> = chunks
            .iter()
            .map(|chunk| chunk.heading_path.join(" > "))
            .collect();
        assert!(
            paths.iter().any(|path| path == expected),
            "{language:?}: {paths:?}\n{}",
            page(&chunks)
        );
    }
}

#[test]
fn prose_is_cut_where_its_meaning_changes() {
    let document = "# Pets\n\nCats purr. Cats sleep. Stocks fell. Bonds rose.\n";
    let settings = ChunkSettings::new(Size::Tokens(64), 0, Strategy::Semantic).unwrap();
    let kind = DocumentKind::Markdown;
    assert!(semantic::applies(kind, &settings) && !semantic::applies(DocumentKind::Json, &settings));
    let sentences = semantic::sentences(document, kind, &settings);
    let vectors: Vec<Vec<f32>> = sentences
        .iter()
        .map(|sentence| {
            if document[sentence.clone()].contains("Cats") {
                vec![1.0, 0.1]
            } else {
                vec![0.1, 1.0]
            }
        })
        .collect();
    assert_snapshot!(page(
        &semantic::group(document, kind, &sentences, &vectors, &settings).unwrap()
    ), @r##"
    0..30 Pets
    # Pets

    Cats purr. Cats sleep.

    31..55 Pets
    Stocks fell. Bonds rose.
    "##);
    let error = semantic::group(document, kind, &sentences, &vectors[1..], &settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 sentences but 3 vectors: every sentence needs one, in order"
    );
}

#[test]
fn settings_are_checked() {
    let new = |size, overlap| ChunkSettings::new(size, overlap, Strategy::Auto);
    assert_eq!(new(Size::Tokens(10), 0), Err(SettingsError::Size(10)));
    assert_eq!(
        new(Size::Tokens(100), 51),
        Err(SettingsError::Overlap {
            overlap: 51,
            size: 100
        })
    );
    let error = new(Size::Characters(100), 60).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the chunk overlap is 60, but must be at most half of the chunk size, which is 100"
    );
    assert_eq!(
        ChunkSettings::default().fingerprint(),
        "chunk2-auto-cl100k-512-64"
    );
}

#[test]
fn large_tables_in_markdown_repeat_their_header() {
    let rows: String = (1..=40)
        .map(|row| format!("| {row} | name of {row} |\n"))
        .collect();
    let document = format!("# Book\n\n## Sheet\n\nBefore.\n\n| id | name |\n| --- | --- |\n{rows}\nAfter.\n");
    let chunks = chunk(&document, DocumentKind::Office, &characters(200, 0));
    let of_table: Vec<_> = chunks
        .iter()
        .filter(|chunk| chunk.text.contains("name of"))
        .collect();
    assert!(of_table.len() > 3, "{}", page(&chunks));
    for chunk in &of_table {
        assert!(
            chunk.text.starts_with("| id | name |\n| --- | --- |\n"),
            "{}",
            page(&chunks)
        );
        assert_eq!(chunk.heading_path, ["Book", "Sheet"]);
    }
    assert!(chunks.iter().any(|chunk| chunk.text.contains("Before.")));
    assert_eq!(chunks.last().map(|chunk| chunk.text.as_str()), Some("After."));
    // In a fence it is no table.
    let fenced = format!("# Book\n\n```\n| id | name |\n| --- | --- |\n{rows}```\n");
    let chunks = chunk(&fenced, DocumentKind::Office, &characters(200, 0));
    assert_eq!(
        chunks.iter().filter(|chunk| chunk.text.contains("| id")).count(),
        1
    );
}

/// If this fails and the change is meant, raise `ALGORITHM` in `settings.rs`, or indexes keep chunks of both kinds.
#[test]
fn the_algorithm_is_the_one_that_the_fingerprint_names() {
    let settings = tokens(48, 12);
    let csv = (0..80).fold("id,name\n".to_owned(), |rows, row| {
        format!("{rows}{row},name of {row}\n")
    });
    let json = (0..80)
        .map(|item| format!("{{\"id\":{item},\"of\":[{item},2]}}"))
        .collect::<Vec<_>>()
        .join("\n");
    let code = (0..20).fold(String::new(), |code, item| {
        format!("{code}fn f{item}() {{\n    g({item});\n    h({item});\n}}\n")
    });
    let documents = [
        (DocumentKind::Markdown, manual(30)),
        (DocumentKind::Text, prose(1, 300)),
        (DocumentKind::Csv, csv),
        (DocumentKind::Json, json),
        (DocumentKind::Code(Language::Rust), code),
    ];
    let mut ends = String::new();
    for (kind, document) in documents {
        let chunks = chunk(&document, kind, &settings);
        let hash = super::super::pack::content_key(page(&chunks).as_bytes());
        let sum: usize = chunks
            .iter()
            .map(|chunk| chunk.range.start * 31 + chunk.range.end)
            .sum();
        writeln!(ends, "{kind:?}: {} chunks, {hash:x} {sum}", chunks.len()).unwrap();
    }
    assert_snapshot!(ends, @r##"
    Markdown: 233 chunks, 194a5605c64f15a5 159597767
    Text: 300 chunks, 9b211f24b92797c6 304565772
    Csv: 16 chunks, 173efcc0795a5a81 257476
    Json: 27 chunks, c6182b6976c3aa24 713137
    Code(Rust): 8 chunks, c437e4492de8327b 72566
    "##);
}
