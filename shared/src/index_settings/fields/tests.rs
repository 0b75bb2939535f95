use std::collections::BTreeSet;

use utoipa::PartialSchema;

use super::*;
use crate::index_settings::{ApprovalSettings, Budget, Chunking, FileRules, IndexSettings, Limits};

/// The names of a type's fields, as its description for the OpenAPI document has them.
fn properties<T: PartialSchema>() -> Vec<String> {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    properties.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn every_setting_is_in_the_table_and_nothing_else() {
    let sections = [
        ("files", properties::<FileRules>()),
        ("limits", properties::<Limits>()),
        ("chunking", properties::<Chunking>()),
        ("approval", properties::<ApprovalSettings>()),
        ("budget", properties::<Budget>()),
    ];
    let mut settings = BTreeSet::new();
    for name in properties::<IndexSettings>() {
        match sections.iter().find(|(section, _)| *section == name) {
            Some((_, fields)) => settings.extend(fields.iter().map(|field| format!("{name}.{field}"))),
            None => {
                settings.insert(name);
            }
        }
    }
    let table: BTreeSet<String> = FIELDS.iter().map(|field| field.name.to_owned()).collect();
    assert_eq!(table, settings, "the table in fields.rs names every setting once");
    assert_eq!(table.len(), FIELDS.len());
}

#[test]
fn places_below_a_setting_belong_to_it() {
    assert_eq!(
        field_of("chunking.types.pdf.size").unwrap().name,
        "chunking.types"
    );
    assert_eq!(field_of("embedding.model").unwrap().name, "embedding");
    assert!(field_of("chunking").is_none() && field_of("chunking.sizes").is_none() && field_of("").is_none());
}

#[test]
fn effects_have_the_names_that_json_gives_them() {
    for effect in Effect::ALL {
        assert_eq!(serde_json::to_value(effect).unwrap(), effect.name());
    }
}

#[test]
fn the_page_is_as_the_table_says() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/index-settings.md");
    if std::env::var_os("LONGSHORE_BLESS").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page(),
        "docs/index-settings.md is not what the table says; run this test with LONGSHORE_BLESS=1"
    );
}

/// Builds that are older than a setting refuse a section that has it, so it is not written before somebody sets it
/// (`skip_serializing_if`): this stays as it is.
#[test]
fn what_nobody_has_set_is_not_written() {
    let source: crate::blobs::source::Source = "s3://bucket".to_owned().try_into().unwrap();
    let written = serde_json::json!({
        "source": "s3://bucket", "prefix": "", "language": "english", "embedding": null,
        "files": {}, "limits": {}, "chunking": {}, "budget": {}, "retry": {},
        "approval": { "files": 10, "share": 0.1, "decide_after_seconds": 604_800, "otherwise": "keep" },
    });
    let settings = IndexSettings::new(source, "english");
    assert_eq!(serde_json::to_value(&settings).unwrap(), written);
}

#[test]
fn sections_of_later_builds_are_passed_over_and_kept() {
    let mut stored = serde_json::json!({ "source": "s3://bucket", "later": { "a": [1] } });
    let settings: IndexSettings = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(
        settings.stamp(),
        IndexSettings::new(settings.source.clone(), "english").stamp()
    );
    let patch = serde_json::json!({ "limits": { "attempt_minutes": 5 } });
    let changed = crate::index_settings::change(&settings, &patch).unwrap();
    let written = serde_json::to_value(&changed.settings).unwrap();
    assert_eq!(written["later"], stored["later"]);
    assert_eq!(written["limits"]["attempt_minutes"], 5);
    // Half a rule may be worse than none.
    stored["limits"] = serde_json::json!({ "later": 1 });
    let error = serde_json::from_value::<IndexSettings>(stored).unwrap_err();
    assert!(error.to_string().contains("later"), "{error}");
}
