use proptest::prelude::*;

use super::*;
use crate::{Document, Options, convert};

fn run_named(name: &str, text: &str) -> Document {
    convert(
        &Input {
            name,
            bytes: text.as_bytes(),
            content_type: None,
        },
        &Options::default(),
    )
    .unwrap()
}

fn run(text: &str) -> Document {
    run_named("a.json", text)
}

#[test]
fn a_long_line_is_laid_out_without_touching_values() {
    let text = r#"{"big":123456789012345678901234567890.10,"list":[1,2, 3],"text":"a\u00e9 [,{:\"","twice":1,"twice":2,"empty":[ ],"none":{},"deep":[{"a":null},["a very long text that does not fit on one line together with all the others","b"]]}"#;
    insta::assert_snapshot!(run(text).markdown, @r#"
    {
      "big": 123456789012345678901234567890.10,
      "list": [1, 2, 3],
      "text": "a\u00e9 [,{:\"",
      "twice": 1,
      "twice": 2,
      "empty": [],
      "none": {},
      "deep": [
        {
          "a": null
        },
        [
          "a very long text that does not fit on one line together with all the others",
          "b"
        ]
      ]
    }
    "#);
}

#[test]
fn what_somebody_laid_out_stays() {
    let text = "{\n    \"a\":1,\n\n  \"b\" : [1,\n 2] }\n";
    assert_eq!(run(text).markdown, text);
    assert_eq!(run("[1,2]").markdown, "[1,2]", "short enough");
}

#[test]
fn lines_are_lines_under_any_name() {
    let lines = "{\"a\":1}\n\n{\"a\":2}\n";
    for name in ["a.json", "a.jsonl", "a.ndjson"] {
        let document = run_named(name, lines);
        assert_eq!(
            (document.about.kind, document.about.mime),
            (DocumentKind::Json, "application/x-ndjson".to_owned()),
            "{name}"
        );
        assert_eq!(document.markdown, lines);
    }
    assert_eq!(
        run_named("a.jsonl", "{\n\"a\": 1\n}").about.mime,
        "application/json"
    );
}

#[test]
fn what_is_not_json_is_text_with_a_warning() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for text in [
        "{\"a\": 1",
        "{a: 1}",
        "{} x",
        "{\"a\": 1}\n{\"a\"",
        &deep,
        &"[".repeat(100_000),
    ] {
        let document = run(text);
        assert_eq!(document.about.kind, DocumentKind::Text);
        assert_eq!(document.markdown, text);
        assert_eq!(document.about.warnings.len(), 1);
    }
    assert_eq!(
        run(&deep).about.warnings,
        ["indexed as plain text: JSON: it is nested more than 127 levels deep"]
    );
}

#[test]
fn what_is_called_json_can_be_parsed() {
    let text = "[".repeat(127) + &"]".repeat(127);
    let document = run(&text);
    assert_eq!(document.about.kind, DocumentKind::Json);
    assert!(serde_json::from_str::<serde_json::Value>(&document.markdown).is_ok());
}

#[test]
fn brackets_alone_do_not_blow_up() {
    let nest = "[".repeat(100) + &"]".repeat(100);
    let text = format!("[{}]", vec![nest; 2_000].join(","));
    assert_eq!(run(&text).markdown, text);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\[\\]{}:,\"\\\\ ]{0,90}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn laying_out_moves_white_space_only(value in any_json()) {
        let text = value.to_string();
        let laid_out = layout::laid_out(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&laid_out).unwrap(), value);
    }
}
