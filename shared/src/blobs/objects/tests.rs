use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};

use super::*;
use crate::blobs::conformance;

async fn put(store: &InMemory, path: &str, text: &str) {
    let path = Path::parse(path).unwrap();
    store.put(&path, PutPayload::from(text.to_owned())).await.unwrap();
}

#[tokio::test]
async fn conforms() {
    let store = Arc::new(InMemory::new());
    let writer = Arc::clone(&store);
    let write = async |path: &BlobPath, text: Option<&str>| {
        let path = Path::parse(path.as_str()).unwrap();
        match text {
            Some(text) => drop(
                writer
                    .put(&path, PutPayload::from(text.to_owned()))
                    .await
                    .unwrap(),
            ),
            None => writer.delete(&path).await.unwrap(),
        }
    };
    conformance::run(&Objects::new(store), write).await;
}

#[tokio::test]
async fn type_and_metadata_are_kept() {
    let store = Arc::new(InMemory::new());
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "text/x-odd".into());
    attributes.insert(Attribute::Metadata("department".into()), "harbour".into());
    let options = PutOptions {
        attributes,
        ..PutOptions::default()
    };
    let payload = PutPayload::from_static(b"text");
    store
        .put_opts(&Path::parse("a.odd").unwrap(), payload, options)
        .await
        .unwrap();
    let blobs = Objects::new(store);
    let path = BlobPath::new("a.odd").unwrap();
    let meta = blobs.head(&path).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/x-odd"));
    assert_eq!(
        meta.metadata.get("department").map(String::as_str),
        Some("harbour")
    );
    assert_eq!(blobs.read(&path, &meta.etag, 100).await.unwrap().meta, meta);
}

#[tokio::test]
async fn placeholders_of_folders_are_left_out() {
    let store = Arc::new(InMemory::new());
    put(&store, "a/b.md", "text").await;
    let listed = Objects::new(store).list("").await.unwrap();
    assert_eq!(listed.len(), 1);
}
