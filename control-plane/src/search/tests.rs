use std::collections::HashMap;

use shared::blob_path::BlobPath;
use shared::ids::{ChunkHash, ClaimId, PointId};
use shared::place::Place;
use shared::vectors::{Hit, Payload};

use super::live::live_but_not_found;
use super::*;

mod overtaken;
pub(crate) mod shelf;
mod speed;
mod torn;

pub(super) fn hit(file: &str, claim: ClaimId) -> Hit {
    let index = IndexId::new("docs").unwrap();
    let path = BlobPath::new(file).unwrap();
    Hit {
        id: PointId::of(claim, 0),
        score: 1.0,
        payload: Payload {
            file_id: FileId::of(&index, &path),
            claim,
            path,
            ordinal: 0,
            chunk_hash: ChunkHash::of("x"),
            heading_path: Vec::new(),
            text: "x".to_owned(),
            start: 0,
            end: 1,
            place: Place::default(),
            converter: String::new(),
            mime: "text/plain".to_owned(),
            etag: "e".to_owned(),
            modified: None,
            metadata: std::collections::BTreeMap::new(),
        },
        dense: None,
    }
}

#[test]
fn a_version_that_was_replaced_while_searching_is_noticed() {
    // By whatever clocks the claims were made.
    for (old, new) in [(1, 2), (2, 1)].map(|(a, b)| (ClaimId::made_at(a), ClaimId::made_at(b))) {
        let file = hit("a", old).payload.file_id;
        let live = HashMap::from([(file, new)]);
        assert_eq!(
            live_but_not_found(&[hit("a", old)], &live),
            live,
            "only the old version was found"
        );
        let both = [hit("a", old), hit("a", new), hit("a", old)];
        assert!(
            live_but_not_found(&both, &live).is_empty(),
            "the new one was found too"
        );
        assert!(
            live_but_not_found(&[hit("b", old)], &live).is_empty(),
            "another file"
        );
    }
}
