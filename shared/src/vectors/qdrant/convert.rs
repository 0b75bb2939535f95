//! Between this crate's types and the server's.

use std::collections::HashMap;

use qdrant_client::qdrant::facet_value::Variant as Facet;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::vector_output::Vector as Stored;
use qdrant_client::qdrant::{
    Condition, DeletePoints, DenseVector, FacetCounts, FacetHit, Filter, GetPoints, NamedVectors,
    PointStruct, PointsSelector, QueryPoints, RetrievedPoint, ScoredPoint, ScrollPoints, UpsertPoints, Value,
    Vector, VectorInput, VectorsOutput, VectorsSelector, WithVectorsSelector, WriteOrdering,
    WriteOrderingType, query, vector, vector_input, vectors, with_vectors_selector,
};
use uuid::Uuid;

use super::schema::{BM25, DENSE};
use crate::ids::{ChunkHash, ClaimId, PointId};
use crate::vectors::filter::{self, Test};
use crate::vectors::{Hit, Payload, Point, SparseVector, VectorsError};

/// Most points that one request asks for or skips; more than fit on any server.
const EVERY: usize = u32::MAX as usize;

/// The collection that a request is for, and the whole seconds that the server has for it.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) collection: &'a str,
    pub(super) timeout: u64,
}

/// Weak: the server may apply concurrent writes in different orders on different replicas. No two writes of ours concern
/// the same point at the same time (point ids are unique per attempt, and a claim's points are deleted after the writes of
/// them were answered or given up), and a late write that a delete overtakes leaves points of a dead claim, which search
/// does not show and the scrub removes. Strong would send every write through one node and fail while that is down.
fn ordering() -> WriteOrdering {
    WriteOrdering {
        r#type: WriteOrderingType::Weak.into(),
    }
}

/// Writes points. With `wait` the server syncs its log and applies the write before it answers.
pub(super) fn upsert(target: Target<'_>, points: Vec<Point>) -> Result<UpsertPoints, VectorsError> {
    Ok(UpsertPoints {
        collection_name: target.collection.to_owned(),
        wait: Some(true),
        points: points.into_iter().map(point).collect::<Result<_, _>>()?,
        ordering: Some(ordering()),
        timeout: Some(target.timeout),
        ..UpsertPoints::default()
    })
}

/// Removes all points of the claims.
pub(super) fn delete(target: Target<'_>, claims: &[ClaimId]) -> DeletePoints {
    DeletePoints {
        collection_name: target.collection.to_owned(),
        wait: Some(true),
        points: Some(PointsSelector {
            points_selector_one_of: Some(PointsSelectorOneOf::Filter(any_of("claim", claims))),
        }),
        ordering: Some(ordering()),
        timeout: Some(target.timeout),
        ..DeletePoints::default()
    }
}

fn point(point: Point) -> Result<PointStruct, VectorsError> {
    let mut named = HashMap::new();
    if let Some(dense) = point.dense {
        named.insert(
            DENSE.to_owned(),
            vector::Vector::Dense(DenseVector { data: dense }),
        );
    }
    // A text without words has no vector of terms, rather than an empty one.
    if !point.bm25.indices.is_empty() {
        named.insert(BM25.to_owned(), vector::Vector::Sparse(sparse(point.bm25)));
    }
    let vectors = named.into_iter().map(|(name, vector)| {
        let vector = Vector {
            vector: Some(vector),
            ..Vector::default()
        };
        (name, vector)
    });
    Ok(PointStruct {
        id: Some(point.id.0.to_string().into()),
        payload: fields(&point.payload)?,
        vectors: Some(qdrant_client::qdrant::Vectors {
            vectors_options: Some(vectors::VectorsOptions::Vectors(NamedVectors {
                vectors: vectors.collect(),
            })),
        }),
    })
}

fn sparse(terms: SparseVector) -> qdrant_client::qdrant::SparseVector {
    qdrant_client::qdrant::SparseVector {
        values: terms.values,
        indices: terms.indices,
    }
}

fn fields(payload: &Payload) -> Result<HashMap<String, Value>, VectorsError> {
    // The server's integers are signed, and the client would round what is too large for them.
    if i64::try_from(payload.start.max(payload.end)).is_err() {
        return Err(VectorsError::Refused(
            "a chunk lies beyond the numbers that the vector store can hold".to_owned(),
        ));
    }
    let fields = filter::stored(payload)
        .ok_or_else(|| VectorsError::Refused("a payload cannot be written as JSON".to_owned()))?;
    Ok(qdrant_client::Payload::from(fields).into())
}

fn payload(stored: HashMap<String, Value>) -> Result<Payload, VectorsError> {
    let json = serde_json::Value::from(qdrant_client::Payload::from(stored));
    serde_json::from_value(json).map_err(|error| damaged(&format!("a payload that cannot be read ({error})")))
}

/// Points whose field has any of the values.
fn any_of<T: ToString>(field: &str, values: &[T]) -> Filter {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    Filter::must([Condition::matches(field, values)])
}

/// The server's form of a filter; `None` when everything matches.
pub(super) fn filter(wanted: &filter::Filter) -> Option<Filter> {
    if wanted.is_empty() {
        return None;
    }
    let tests = filter::tests(wanted);
    let group = |tests: Vec<Test>| Filter::should(tests.into_iter().map(test)).into();
    Some(Filter {
        must: tests.must.into_iter().map(group).collect(),
        must_not: tests.must_not.into_iter().map(test).collect(),
        ..Filter::default()
    })
}

fn test(wanted: Test) -> Condition {
    match wanted {
        Test::AnyOf(field, texts) => Condition::matches(field, texts),
        Test::NoneOf(field, texts) => Filter::must_not([Condition::matches(field, texts)]).into(),
    }
}

pub(super) fn of_claim(claim: ClaimId) -> Filter {
    any_of("claim", &[claim])
}

/// At most `limit` claims with their numbers of points.
pub(super) fn claims(target: Target<'_>, limit: u64) -> FacetCounts {
    FacetCounts {
        collection_name: target.collection.to_owned(),
        key: "claim".to_owned(),
        limit: Some(limit),
        // Otherwise claims are listed whose points are deleted.
        exact: Some(true),
        timeout: Some(target.timeout),
        ..FacetCounts::default()
    }
}

pub(super) fn claim(hit: FacetHit) -> Result<ClaimId, VectorsError> {
    match hit.value.and_then(|value| value.variant) {
        Some(Facet::StringValue(text)) => text
            .parse()
            .map_err(|_| damaged(&format!("{text:?} for a claim"))),
        Some(Facet::IntegerValue(_) | Facet::BoolValue(_)) | None => {
            Err(damaged("a claim that is not a text"))
        }
    }
}

/// At most `limit` points that have one of the hashes, with their hash and dense vector.
pub(super) fn vectors_of(target: Target<'_>, hashes: &[ChunkHash], limit: u32) -> ScrollPoints {
    ScrollPoints {
        collection_name: target.collection.to_owned(),
        filter: Some(any_of("chunk_hash", hashes)),
        limit: Some(limit),
        with_payload: Some(vec!["chunk_hash"].into()),
        with_vectors: dense_too(true),
        timeout: Some(target.timeout),
        ..ScrollPoints::default()
    }
}

pub(super) fn hash_and_vector(point: RetrievedPoint) -> Option<(ChunkHash, Vec<f32>)> {
    let hash = point.payload.get("chunk_hash")?.as_str()?.parse().ok()?;
    Some((hash, dense(point.vectors)?))
}

fn dense(stored: Option<VectorsOutput>) -> Option<Vec<f32>> {
    match stored?.get_vector_by_name(DENSE)? {
        Stored::Dense(dense) => Some(dense.data),
        Stored::Sparse(_) | Stored::MultiDense(_) => None,
    }
}

/// What to ask for so that dense vectors come along.
fn dense_too(wanted: bool) -> Option<WithVectorsSelector> {
    wanted.then(|| WithVectorsSelector {
        selector_options: Some(with_vectors_selector::SelectorOptions::Include(VectorsSelector {
            names: vec![DENSE.to_owned()],
        })),
    })
}

/// The search, with dense vectors in its answer when they are wanted.
pub(super) fn with_vectors(search: QueryPoints, wanted: bool) -> QueryPoints {
    QueryPoints {
        with_vectors: dense_too(wanted),
        ..search
    }
}

/// Which vectors to compare, and with what.
pub(super) enum Nearest {
    /// Dense vectors by cosine.
    Dense(Vec<f32>),
    /// Shared terms by BM25.
    Terms(SparseVector),
}

/// A search. Payloads come along when `with_payload`.
pub(super) fn search(
    target: Target<'_>,
    nearest: Nearest,
    filter: Option<Filter>,
    (offset, limit): (usize, usize),
    with_payload: bool,
) -> QueryPoints {
    let (using, variant) = match nearest {
        Nearest::Dense(data) => (DENSE, vector_input::Variant::Dense(DenseVector { data })),
        Nearest::Terms(terms) => (BM25, vector_input::Variant::Sparse(sparse(terms))),
    };
    let input = VectorInput {
        variant: Some(variant),
    };
    QueryPoints {
        collection_name: target.collection.to_owned(),
        query: Some(qdrant_client::qdrant::Query {
            variant: Some(query::Variant::Nearest(input)),
        }),
        using: Some(using.to_owned()),
        filter,
        limit: Some(limit.min(EVERY) as u64),
        offset: Some(offset.min(EVERY) as u64),
        with_payload: Some(with_payload.into()),
        timeout: Some(target.timeout),
        ..QueryPoints::default()
    }
}

pub(super) fn hit(point: ScoredPoint) -> Result<Hit, VectorsError> {
    Ok(Hit {
        id: point_id(point.id)?,
        score: point.score,
        payload: payload(point.payload)?,
        dense: dense(point.vectors),
    })
}

/// The ids of a ranking, best first.
pub(super) fn ids(points: Vec<ScoredPoint>) -> Result<Vec<PointId>, VectorsError> {
    points.into_iter().map(|point| point_id(point.id)).collect()
}

/// Points by id, with their payloads.
pub(super) fn points(target: Target<'_>, ids: impl Iterator<Item = PointId>, with_dense: bool) -> GetPoints {
    GetPoints {
        collection_name: target.collection.to_owned(),
        ids: ids.map(|id| id.0.to_string().into()).collect(),
        with_payload: Some(true.into()),
        with_vectors: dense_too(with_dense),
        timeout: Some(target.timeout),
        ..GetPoints::default()
    }
}

/// Puts payloads to ranked ids; an id whose point went away meanwhile is left out.
pub(super) fn with_payloads(
    ranked: Vec<(PointId, f32)>,
    points: Vec<RetrievedPoint>,
) -> Result<Vec<Hit>, VectorsError> {
    let mut by_id = HashMap::new();
    for point in points {
        by_id.insert(point_id(point.id.clone())?, point);
    }
    ranked
        .into_iter()
        .filter_map(|(id, score)| {
            by_id.remove(&id).map(|point| {
                Ok(Hit {
                    id,
                    score,
                    payload: payload(point.payload)?,
                    dense: dense(point.vectors),
                })
            })
        })
        .collect()
}

/// Payloads by id.
pub(super) fn payloads(points: Vec<RetrievedPoint>) -> Result<HashMap<PointId, Payload>, VectorsError> {
    points
        .into_iter()
        .map(|point| Ok((point_id(point.id)?, payload(point.payload)?)))
        .collect()
}

fn point_id(id: Option<qdrant_client::qdrant::PointId>) -> Result<PointId, VectorsError> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Uuid(text)) => Uuid::parse_str(&text)
            .map(PointId)
            .map_err(|_| damaged(&format!("{text:?} for the id of a point"))),
        Some(PointIdOptions::Num(_)) | None => Err(damaged("a point whose id is not a UUID")),
    }
}

fn damaged(what: &str) -> VectorsError {
    VectorsError::Unavailable(format!("the vector store holds {what}"))
}

#[cfg(test)]
mod tests;
