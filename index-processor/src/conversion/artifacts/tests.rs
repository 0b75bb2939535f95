use convert::{DocumentKind, Part, Place};
use object_store::memory::InMemory;

use super::*;

const KEY: Key<'static> = Key {
    content_hash: "0123abcd",
    file_type: FileType::Pdf,
    fingerprint: "f00d",
};

fn document() -> Document {
    Document {
        markdown: "# Title\n\ntext\n".to_owned(),
        about: About {
            kind: DocumentKind::Office,
            mime: "application/pdf".to_owned(),
            title: Some("Title".to_owned()),
            converter: "pdf+tesseract".to_owned(),
            warnings: vec!["a guess".to_owned()],
            parts: vec![Part {
                start: 0,
                place: Place::page(1),
                unread: None,
            }],
        },
    }
}

#[tokio::test]
async fn a_document_comes_back_under_its_own_key_only() {
    let artifacts = Artifacts {
        store: Arc::new(InMemory::new()),
    };
    assert_eq!(artifacts.get(&KEY).await, None);
    artifacts.put(&KEY, &document()).await;
    assert_eq!(artifacts.get(&KEY).await, Some(document()));
    for other in [
        Key {
            content_hash: "0123abce",
            ..KEY
        },
        Key {
            file_type: FileType::Docx,
            ..KEY
        },
        Key {
            fingerprint: "f00e",
            ..KEY
        },
    ] {
        assert_eq!(artifacts.get(&other).await, None, "{}", other.path());
    }
}

#[tokio::test]
async fn a_torn_or_foreign_object_is_none() {
    let artifacts = Artifacts {
        store: Arc::new(InMemory::new()),
    };
    artifacts.put(&KEY, &document()).await;
    let whole = artifacts
        .store
        .get(&KEY.path())
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    for bytes in [
        &whole[..whole.len() - 1],
        b"{}\ntext",
        b"",
        b"\n",
        b"no JSON\n\xFF",
    ] {
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        artifacts.store.put(&KEY.path(), bytes.into()).await.unwrap();
        assert_eq!(artifacts.get(&KEY).await, None);
    }
}

#[tokio::test]
async fn a_folder_is_made_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::Folder(folder.path().join("kept/markdown"));
    let artifacts = Artifacts::open(&source, &BTreeMap::new()).unwrap();
    artifacts.put(&KEY, &document()).await;
    let again = Artifacts::open(&source, &BTreeMap::new()).unwrap();
    assert_eq!(again.get(&KEY).await, Some(document()));
}
