use serde_json::json;

use super::*;
use crate::blobs::source::Source;
use crate::index_settings::ModelSettings;

fn current() -> IndexSettings {
    let source = Source::S3 {
        bucket: "docs".to_owned(),
    };
    let mut settings = IndexSettings::new(source, "english");
    settings.files.exclude = vec!["**/tmp/**".to_owned()];
    settings.files.max_bytes = Some(1000);
    settings
}

fn fields_of(patch: &Value) -> Vec<&'static str> {
    let changed = change(&current(), patch).unwrap();
    changed.fields.iter().map(|field| field.name).collect()
}

fn problems_of(patch: &Value) -> String {
    match change(&current(), patch) {
        Err(NotChanged::Invalid(problems)) => problems.join("; "),
        other => panic!("{patch} led to {other:?}"),
    }
}

#[test]
fn only_what_is_named_changes() {
    let changed = change(&current(), &json!({"files": {"include": ["**/*.md"]}})).unwrap();
    assert_eq!(changed.settings.files.include, ["**/*.md"]);
    assert_eq!(changed.settings.files.exclude, ["**/tmp/**"]);
    assert_eq!(
        fields_of(&json!({"files": {"include": ["**/*.md"]}})),
        ["files.include"]
    );
    assert!(fields_of(&json!({})).is_empty());
    assert!(fields_of(&json!({"files": {"max_bytes": 1000}, "language": "english"})).is_empty());
}

#[test]
fn null_takes_a_setting_back_to_its_default() {
    let changed = change(&current(), &json!({"files": {"max_bytes": null}})).unwrap();
    assert_eq!(changed.settings.files.max_bytes, None);
    assert_eq!(
        fields_of(&json!({"files": null})),
        ["files.exclude", "files.max_bytes"]
    );
    assert!(
        fields_of(&json!({"language": null, "prefix": null, "retry": null, "embedding": null})).is_empty()
    );
}

#[test]
fn types_are_merged_one_by_one() {
    let mut settings = current();
    for (patch, types) in [
        (
            json!({"pdf": {"size": 100}, "code": {"strategy": "recursive"}}),
            2,
        ),
        (json!({"pdf": {"overlap": 10}}), 2),
        (json!({"code": null}), 1),
    ] {
        let patch = json!({"chunking": {"types": patch}});
        let changed = change(&settings, &patch).unwrap();
        assert_eq!(
            changed.fields.iter().map(|field| field.name).collect::<Vec<_>>(),
            ["chunking.types"]
        );
        settings = changed.settings;
        assert_eq!(settings.chunking.types.len(), types);
    }
    let pdf = settings.chunking.types[&crate::index_settings::DocumentType::Pdf];
    assert_eq!((pdf.size, pdf.overlap), (Some(100), Some(10)));
}

#[test]
fn every_wrong_value_is_told_by_its_name() {
    let long = "a".repeat(2000);
    let cases = [
        (json!([1]), "object"),
        (json!("x"), "object"),
        (json!({"nonsense": 1}), "nonsense: there is no such setting"),
        (
            json!({"files": {"inclde": []}}),
            "files.inclde: there is no such setting",
        ),
        (
            json!({"embedding": {"size": 3}}),
            "embedding.size: there is no such setting",
        ),
        (json!({"files": 3}), "files: "),
        (json!({"files": {"include": "a"}}), "files.include: "),
        (json!({"files": {"include": [7]}}), "files.include: "),
        (json!({"files": {"include": ["[a"]}}), "files.include[0]: "),
        (json!({"files": {"include": [""]}}), "files.include[0]: "),
        (json!({"files": {"exclude": ["a", "/a"]}}), "files.exclude[1]: "),
        (json!({"files": {"exclude": [long]}}), "files.exclude[0]: "),
        (json!({"files": {"exclude": ["\u{0}"]}}), "files.exclude[0]: "),
        (json!({"files": {"max_bytes": 0}}), "files.max_bytes: "),
        (json!({"files": {"max_bytes": -1}}), "files.max_bytes: "),
        (json!({"files": {"max_bytes": 1.5}}), "files.max_bytes: "),
        (
            json!({"files": {"max_bytes": 5_000_000_000_u64}}),
            "files.max_bytes: ",
        ),
        (json!({"files": {"skip_types": ["exe"]}}), "files.skip_types: "),
        (
            json!({"limits": {"attempt_minutes": 0}}),
            "limits.attempt_minutes: ",
        ),
        (
            json!({"limits": {"attempt_minutes": 1441}}),
            "limits.attempt_minutes: ",
        ),
        (json!({"chunking": {"size": 31}}), "chunking.size: 31"),
        (json!({"chunking": {"size": 1_048_577}}), "chunking.size: "),
        (
            json!({"chunking": {"size": 100, "overlap": 51}}),
            "chunking.overlap: 51",
        ),
        (
            json!({"chunking": {"overlap": 4_000_000_000_u32}}),
            "chunking.overlap: ",
        ),
        (json!({"chunking": {"unit": "characters"}}), "chunking.unit: "),
        (
            json!({"chunking": {"unit": "words", "size": 100}}),
            "chunking.unit: ",
        ),
        (
            json!({"chunking": {"strategy": "semantic"}}),
            "chunking.strategy: ",
        ),
        (
            json!({"chunking": {"types": {"exe": {"size": 100}}}}),
            "chunking.types.exe.size: ",
        ),
        (
            json!({"chunking": {"types": {"pdf": {"size": 1}}}}),
            "chunking.types.pdf.size: 1",
        ),
        (
            json!({"chunking": {"types": {"pdf": {"sizes": 100}}}}),
            "chunking.types.pdf.sizes: ",
        ),
        (json!({"approval": {"share": 1.1}}), "approval.share: "),
        (json!({"approval": {"files": -3}}), "approval.files: "),
        (
            json!({"budget": {"price_per_million_tokens": -0.1}}),
            "budget.price_per_million_tokens: ",
        ),
        (
            json!({"budget": {"tokens_per_day": "many"}}),
            "budget.tokens_per_day: ",
        ),
        (json!({"prefix": "a/../b"}), "prefix: "),
        (json!({"prefix": 1}), "prefix: "),
        (json!({"language": "klingon"}), "language: "),
        (json!({"source": 1}), "source: "),
        (json!({"source": null}), "source"),
    ];
    for (patch, told) in cases {
        let problems = problems_of(&patch);
        assert!(problems.contains(told), "{patch} is answered by {problems:?}");
    }
}

#[test]
fn nothing_is_nested_without_end() {
    let mut patch = json!(1);
    for _ in 0..100 {
        patch = json!({ "embedding": patch });
    }
    assert!(problems_of(&patch).contains("deeply"));
}

#[test]
fn what_takes_another_index_or_generation_is_refused_as_such() {
    let source = change(&current(), &json!({"source": "s3://other"}));
    assert_eq!(source, Err(NotChanged::Fixed(vec!["source"])));
    let mut with_model = current();
    with_model.embedding = Some(ModelSettings {
        shortened_to: None,
        url: "http://model".to_owned(),
        model: "one".to_owned(),
        dimensions: 3,
        azure_api_version: None,
    });
    for patch in [json!({"embedding": {"model": "two"}}), json!({"embedding": null})] {
        let changed = change(&with_model, &patch);
        assert_eq!(
            changed,
            Err(NotChanged::NeedsGeneration(vec!["embedding"])),
            "{patch}"
        );
    }
    let same = change(&with_model, &json!({"embedding": {"model": "one"}})).unwrap();
    assert!(same.fields.is_empty());
    let semantic = change(&with_model, &json!({"chunking": {"strategy": "semantic"}})).unwrap();
    assert_eq!(semantic.fields[0].name, "chunking.strategy");
}

#[test]
fn a_stamp_changes_with_what_decides_the_points() {
    let stamp = current().stamp();
    for patch in [
        json!({"files": {"max_bytes": 5, "skip_types": ["pdf"]}, "limits": {"attempt_minutes": 3}}),
        json!({"approval": {"files": 0}, "language": "English"}),
    ] {
        assert_eq!(
            change(&current(), &patch).unwrap().settings.stamp(),
            stamp,
            "{patch}"
        );
    }
    let mut seen = std::collections::BTreeSet::from([stamp]);
    for patch in [
        json!({"language": "german"}),
        json!({"chunking": {"size": 100}}),
        json!({"chunking": {"overlap": 10}}),
        json!({"chunking": {"types": {"pdf": {"size": 100}}}}),
        json!({"chunking": {"types": {"code": {"size": 100}}}}),
    ] {
        let other = change(&current(), &patch).unwrap().settings.stamp();
        assert!(seen.insert(other), "{patch} leaves the stamp as it is");
    }
}

#[test]
fn what_is_no_setting_is_wrong_for_every_index() {
    for patch in [
        json!([]),
        json!({"size": 1}),
        json!({"files": {"no_such_field": 1}}),
    ] {
        let NotChanged::Invalid(problems) = check_names(&patch).unwrap_err() else {
            panic!("{patch}")
        };
        assert_eq!(problems.join("; "), problems_of(&patch));
    }
    // Whether an index can be so is another question.
    check_names(&json!({"files": {"max_bytes": "many"}, "source": null})).unwrap();
}
