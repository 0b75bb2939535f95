//! Several collections side by side, and what is left of one that was removed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::blob_path::BlobPath;
use crate::ids::{ChunkHash, ClaimId, FileId, PointId};
use crate::place::Place;
use crate::vectors::{Payload, Point, SparseVector};

fn index(name: &str) -> IndexId {
    IndexId::new(name).unwrap()
}

fn point(index: &IndexId) -> Point {
    let path = BlobPath::new("a.md").unwrap();
    let claim = ClaimId::made_at(1);
    Point {
        id: PointId::of(claim, 0),
        payload: Payload {
            file_id: FileId::of(index, &path),
            claim,
            path,
            ordinal: 0,
            chunk_hash: ChunkHash::of("a"),
            heading_path: Vec::new(),
            text: "a".to_owned(),
            start: 0,
            end: 1,
            place: Place::default(),
            mime: "text/markdown".to_owned(),
            converter: String::new(),
            modified: None,
            etag: "1".to_owned(),
            metadata: BTreeMap::new(),
        },
        dense: None,
        bm25: SparseVector {
            indices: vec![1],
            values: vec![1.0],
        },
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

struct Data {
    folder: tempfile::TempDir,
}

impl Data {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> EdgeFolders {
        EdgeFolders::new(self.path("collections")).with_home(index("docs"), self.path("vectors"))
    }
}

#[tokio::test]
async fn each_collection_has_its_own_points() {
    let data = Data::new();
    let (docs, notes) = (index("docs"), index("notes"));
    let store = data.open();
    let first = store.open(&docs, 1, None).await.unwrap();
    let next = store.open(&docs, 2, None).await.unwrap();
    let other = store.open(&notes, 1, None).await.unwrap();
    assert!(
        names(data.folder.path()).is_empty(),
        "nothing is made before it is used"
    );
    first.upsert(vec![point(&docs)]).await.unwrap();
    other.upsert(vec![point(&notes)]).await.unwrap();
    // Asked for again, it is the same collection: a second one could not open the folder.
    assert_eq!(
        store.open(&docs, 1, None).await.unwrap().count().await.unwrap(),
        1
    );
    assert_eq!(next.count().await.unwrap(), 0);
    assert_eq!(names(data.folder.path()), ["collections", "vectors"]);
    assert!(matches!(
        store.open(&docs, 1, Some(8)).await,
        Err(VectorsError::Mismatch { .. })
    ));
    store.close().await.unwrap();
    let store = data.open();
    assert_eq!(
        store.open(&notes, 1, None).await.unwrap().count().await.unwrap(),
        1
    );
    assert_eq!(
        store.open(&docs, 1, None).await.unwrap().count().await.unwrap(),
        1
    );
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_removed_index_leaves_nothing_and_its_handles_make_nothing_again() {
    let data = Data::new();
    let (docs, notes) = (index("docs"), index("notes"));
    let store = data.open();
    let used = store.open(&docs, 1, None).await.unwrap();
    let unused = store.open(&docs, 2, None).await.unwrap();
    let other = store.open(&notes, 1, None).await.unwrap();
    used.upsert(vec![point(&docs)]).await.unwrap();
    other.upsert(vec![point(&notes)]).await.unwrap();
    store.remove(&docs, 1).await.unwrap();
    store.remove(&docs, 1).await.unwrap();
    assert_eq!(unused.count().await.unwrap(), 0, "the other generation is there");
    // Its ledger index may be named as well.
    store.remove(&docs.of_generation(2), 2).await.unwrap();
    for late in [used, unused] {
        assert!(matches!(
            late.upsert(vec![point(&docs)]).await,
            Err(VectorsError::Unavailable(_))
        ));
    }
    assert_eq!(names(data.folder.path()), ["collections"]);
    assert_eq!(names(&data.path("collections")), ["notes"]);
    assert_eq!(other.count().await.unwrap(), 1);
    let again = store.open(&docs, 1, None).await.unwrap();
    assert_eq!(
        again.count().await.unwrap(),
        0,
        "a new index under the name begins empty"
    );
    store.close().await.unwrap();
}
