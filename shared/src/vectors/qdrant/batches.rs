//! How many points go into one request.
//!
//! A request that is too large is refused by proxies on the way and holds up the requests beside it; one that is too small
//! costs a disk sync of the server for little. A point is never split, so one that is larger than a request goes alone.

use crate::vectors::{Payload, Point};

/// Most points in a request.
const POINTS: usize = 256;

/// Bytes beyond which a request takes no further point. With the last point's text on top, requests stay under the 4 MiB
/// that gRPC libraries and proxies take by default.
const BYTES: usize = 3 * 1024 * 1024;

/// Splits points, in their order, into requests.
pub(super) fn split(points: Vec<Point>) -> Vec<Vec<Point>> {
    split_at(points, POINTS, BYTES)
}

fn split_at(points: Vec<Point>, max_points: usize, max_bytes: usize) -> Vec<Vec<Point>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for point in points {
        let size = size(&point);
        if !batch.is_empty() && (batch.len() == max_points || bytes + size > max_bytes) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(point);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Roughly the point's bytes on the wire, rather too many.
fn size(point: &Point) -> usize {
    /// Ids, hash, field names, numbers and the tags around them.
    const REST: usize = 400;
    let Payload {
        path,
        heading_path,
        text,
        mime,
        etag,
        metadata,
        ..
    } = &point.payload;
    let texts = path.as_str().len() + text.len() + mime.len() + etag.len();
    let headings: usize = heading_path.iter().map(|heading| heading.len() + 8).sum();
    let notes: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len() + 16)
        .sum();
    let dense = point.dense.as_ref().map_or(0, |vector| vector.len() * 4);
    // An index is a variable-length number of up to five bytes.
    let terms = point.bm25.indices.len() * 9;
    REST + texts + headings + notes + dense + terms
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::ClaimId;
    use crate::vectors::conformance::point;

    fn points(lengths: &[usize]) -> Vec<Point> {
        let claim = ClaimId::generate();
        (0..)
            .zip(lengths)
            .map(|(n, length)| point("a.md", claim, n, &"anchor ".repeat(*length), Some(8)))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_point_goes_once_and_in_order(lengths in prop::collection::vec(0usize..200, 0..40)) {
            let points = points(&lengths);
            let batches = split_at(points.clone(), 7, 2500);
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= 7);
                prop_assert!(batch.len() == 1 || batch.iter().map(size).sum::<usize>() <= 2500);
            }
            prop_assert_eq!(batches.concat(), points);
        }
    }
}
