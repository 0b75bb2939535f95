use shared::blobs::source::Source;

use super::*;

fn rules(chunking: serde_json::Value) -> Rules {
    let mut settings = IndexSettings::new(Source::Folder("/docs".into()), "english");
    settings.chunking = serde_json::from_value(chunking).unwrap();
    let process = PipelineSettings {
        max_file_bytes: 1000,
        inline_bytes: 0,
        chunk: ChunkSettings::default(),
    };
    Rules::of(&settings, &process).unwrap()
}

fn chunk(size: Size, overlap: usize, strategy: Strategy) -> ChunkSettings {
    ChunkSettings::new(size, overlap, strategy).unwrap()
}

#[test]
fn both_services_know_the_same_types() {
    let named: Vec<Option<FileType>> = DocumentType::ALL.iter().map(|of| file_type(*of)).collect();
    assert_eq!(named, FileType::ALL.map(Some));
}

#[test]
fn what_is_absent_is_as_the_process_is_set() {
    let rules = rules(serde_json::json!({}));
    assert_eq!(rules.chunk_of(None), ChunkSettings::default());
    assert_eq!(rules.chunk_of(Some(FileType::Pdf)), ChunkSettings::default());
    assert_eq!((rules.max_file_bytes, rules.longest_attempt), (1000, None));
}

#[test]
fn types_differ_from_the_rest_in_what_they_name() {
    let rules = rules(serde_json::json!({
        "size": 100, "strategy": "recursive",
        "types": { "pdf": { "overlap": 20 }, "code": { "size": 400, "unit": "characters", "strategy": "auto" } },
    }));
    // The overlap of the process, 64, is too much for chunks of 100.
    assert_eq!(
        rules.chunk_of(None),
        chunk(Size::Tokens(100), 50, Strategy::Recursive)
    );
    let pdf = rules.chunk_of(Some(FileType::Pdf));
    assert_eq!(pdf, chunk(Size::Tokens(100), 20, Strategy::Recursive));
    let code = rules.chunk_of(Some(FileType::Code));
    assert_eq!(code, chunk(Size::Characters(400), 50, Strategy::Auto));
}
