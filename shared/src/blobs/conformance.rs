//! What every source must do. Backends call [`run`] from their own tests.

use super::{BlobError, Blobs};
use crate::blob_path::BlobPath;

/// # Panics
/// Never: the paths are literals.
#[expect(clippy::unwrap_used, reason = "literal paths")]
fn path(path: &str) -> BlobPath {
    BlobPath::new(path).unwrap()
}

async fn listed(blobs: &dyn Blobs, prefix: &str) -> Vec<String> {
    let mut paths: Vec<_> = blobs
        .list(prefix)
        .await
        .expect("it can be listed")
        .into_iter()
        .map(|entry| entry.path.to_string())
        .collect();
    paths.sort();
    paths
}

/// Runs the suite on an empty source. `write` puts a blob, or removes it with `None`.
///
/// # Panics
/// When the source breaks the contract.
pub async fn run<W>(blobs: &dyn Blobs, write: W)
where
    W: AsyncFn(&BlobPath, Option<&str>),
{
    assert!(listed(blobs, "").await.is_empty(), "it begins empty");
    let names = [
        "a.md",
        "docs/b.md",
        "docs/deep/c.md",
        "docs-old/d.md",
        "docs/mit Umlaut ä & 100% + #1 (x).md",
    ];
    for name in names {
        write(&path(name), Some(name)).await;
    }
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(listed(blobs, "").await, sorted);
    assert_eq!(
        listed(blobs, "docs").await,
        ["docs/b.md", "docs/deep/c.md", names[4]],
        "a prefix ends at a slash"
    );
    assert_eq!(listed(blobs, "docs/").await.len(), 3, "with or without its own");
    assert_eq!(
        listed(blobs, "docs/b.md").await,
        ["docs/b.md"],
        "a prefix can be a blob"
    );
    assert!(listed(blobs, "nothing").await.is_empty());

    for name in names {
        let meta = blobs.head(&path(name)).await.expect("it is there");
        assert_eq!((meta.path.as_str(), meta.size), (name, name.len() as u64));
        let blob = blobs
            .read(&path(name), &meta.etag, 1000)
            .await
            .expect("it can be read");
        assert_eq!(blob.bytes, name.as_bytes());
        assert_eq!(blob.meta.etag, meta.etag);
        let entry = blobs.list(name).await.expect("it can be listed").remove(0);
        let listed = entry.meta.expect("it has a description");
        assert_eq!(listed.etag, meta.etag, "listing and look agree on the tag");
    }

    let a = path("a.md");
    let before = blobs.head(&a).await.expect("it is there");
    write(&a, Some("another text")).await;
    assert_eq!(blobs.read(&a, &before.etag, 1000).await, Err(BlobError::Changed));
    let after = blobs.head(&a).await.expect("it is there");
    assert_ne!(after.etag, before.etag, "new content, new tag");
    let large = blobs.read(&a, &after.etag, 5).await;
    assert!(
        matches!(large, Err(BlobError::TooLarge { limit: 5, .. })),
        "{large:?}"
    );

    write(&a, None).await;
    assert_eq!(blobs.head(&a).await, Err(BlobError::NotFound));
    assert!(matches!(
        blobs.read(&a, &after.etag, 1000).await,
        Err(BlobError::NotFound | BlobError::Changed)
    ));
    assert_eq!(
        blobs.head(&path("docs")).await,
        Err(BlobError::NotFound),
        "a folder is no blob"
    );
    assert!(!listed(blobs, "").await.contains(&"a.md".to_owned()));
}
