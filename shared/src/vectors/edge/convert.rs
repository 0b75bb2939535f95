//! Between this crate's types and the engine's.

use std::collections::HashMap;

use qdrant_edge::external::serde_json::{Value, from_value};
use qdrant_edge::{
    AnyVariants, Condition, FacetRequest, FacetValue, FieldCondition, Filter, JsonPath, Match, MatchAny,
    NamedQuery, PointInsertOperations, PointOperations, PointStructPersisted, QueryEnum, Record, ScoredPoint,
    ScrollRequest, UpdateOperation, VectorInternal, VectorPersisted, VectorStructInternal,
    VectorStructPersisted, WithPayloadInterface, WithVector,
};
use uuid::Uuid;

use super::config::{BM25, DENSE};
use super::journal::Change;
use crate::ids::{ChunkHash, ClaimId, PointId};
use crate::vectors::filter::{self, Test};
use crate::vectors::{Hit, Payload, Point, SparseVector, VectorsError};

/// Points that one look-up by hash reads at most.
const PAGE: usize = 1000;

/// More claims than fit on any disk.
const EVERY: usize = u32::MAX as usize;

/// The engine's form of an update.
pub(super) fn update(change: Change) -> Result<UpdateOperation, VectorsError> {
    let operation = match change {
        Change::Upsert(points) => {
            let points = points.into_iter().map(persisted).collect::<Result<_, _>>()?;
            PointOperations::UpsertPoints(PointInsertOperations::PointsList(points))
        }
        Change::Delete(claims) => PointOperations::DeletePointsByFilter(any("claim", &claims)),
    };
    Ok(UpdateOperation::PointOperation(operation))
}

fn persisted(point: Point) -> Result<PointStructPersisted, VectorsError> {
    let terms = qdrant_edge::SparseVector {
        indices: point.bm25.indices,
        values: point.bm25.values,
    };
    let mut vectors = HashMap::from([(BM25.to_owned(), VectorPersisted::Sparse(terms))]);
    if let Some(dense) = point.dense {
        vectors.insert(DENSE.to_owned(), VectorPersisted::Dense(dense));
    }
    let fields = filter::stored(&point.payload)
        .ok_or_else(|| VectorsError::Refused("a payload cannot be written as JSON".to_owned()))?;
    let payload = qdrant_edge::Payload(fields);
    Ok(PointStructPersisted {
        id: qdrant_edge::PointId::Uuid(point.id.0),
        vector: VectorStructPersisted::Named(vectors),
        payload: Some(payload),
    })
}

/// A top-level field of the payload.
pub(super) fn field_path(field: &str) -> JsonPath {
    JsonPath {
        first_key: field.to_owned(),
        rest: Vec::new(),
    }
}

/// Points whose field has any of the values.
fn any<T: ToString>(field: &str, values: &[T]) -> Filter {
    let values = AnyVariants::Strings(values.iter().map(ToString::to_string).collect());
    let condition = FieldCondition::new_match(field_path(field), Match::Any(MatchAny { any: values }));
    Filter::new_must(Condition::Field(condition))
}

/// The engine's form of a filter; `None` when everything matches.
pub(super) fn filter(wanted: &filter::Filter) -> Option<Filter> {
    if wanted.is_empty() {
        return None;
    }
    let tests = filter::tests(wanted);
    let group = |tests: Vec<Test>| {
        Condition::Filter(Filter {
            should: Some(tests.into_iter().map(test).collect()),
            ..Filter::new()
        })
    };
    Some(Filter {
        must: Some(tests.must.into_iter().map(group).collect()),
        must_not: Some(tests.must_not.into_iter().map(test).collect()),
        ..Filter::new()
    })
}

fn test(wanted: Test) -> Condition {
    let any = |field, texts: Vec<String>| {
        let any = AnyVariants::Strings(texts.into_iter().collect());
        Condition::Field(FieldCondition::new_match(
            field_path(field),
            Match::Any(MatchAny { any }),
        ))
    };
    match wanted {
        Test::AnyOf(field, texts) => any(field, texts),
        Test::NoneOf(field, texts) => Condition::Filter(Filter::new_must_not(any(field, texts))),
    }
}

pub(super) fn of_claim(claim: ClaimId) -> Filter {
    any("claim", &[claim])
}

/// Every claim with its number of points.
pub(super) fn all_claims() -> FacetRequest {
    FacetRequest {
        key: field_path("claim"),
        limit: EVERY,
        filter: None,
        exact: true,
    }
}

pub(super) fn claim(value: FacetValue) -> Result<ClaimId, VectorsError> {
    match value {
        FacetValue::Uuid(uuid) => Ok(ClaimId(Uuid::from_u128(uuid))),
        FacetValue::Keyword(text) => text
            .parse()
            .map_err(|_| damaged(&format!("{text:?} for a claim"))),
        FacetValue::Int(_) | FacetValue::Bool(_) => Err(damaged("a claim that is not a text")),
    }
}

/// A page of the points that have one of the hashes, with their hash and dense vector.
pub(super) fn vectors_of(hashes: &[ChunkHash]) -> ScrollRequest {
    ScrollRequest {
        limit: Some(PAGE.max(hashes.len())),
        filter: Some(any("chunk_hash", hashes)),
        with_payload: Some(WithPayloadInterface::Fields(vec![field_path("chunk_hash")])),
        with_vector: WithVector::Selector(vec![DENSE.to_owned()]),
        ..ScrollRequest::default()
    }
}

pub(super) fn hash_and_vector(record: Record) -> Option<(ChunkHash, Vec<f32>)> {
    let hash = record.payload?.0.get("chunk_hash")?.as_str()?.parse().ok()?;
    Some((hash, dense(record.vector)?))
}

fn dense(stored: Option<VectorStructInternal>) -> Option<Vec<f32>> {
    match stored? {
        VectorStructInternal::Named(mut vectors) => match vectors.remove(DENSE)? {
            VectorInternal::Dense(vector) => Some(vector),
            VectorInternal::Sparse(_) | VectorInternal::MultiDense(_) => None,
        },
        VectorStructInternal::Single(_) | VectorStructInternal::MultiDense(_) => None,
    }
}

/// What to ask for so that dense vectors come along.
pub(super) fn dense_too(wanted: bool) -> Option<WithVector> {
    wanted.then(|| WithVector::Selector(vec![DENSE.to_owned()]))
}

pub(super) fn nearest(vector: Vec<f32>) -> QueryEnum {
    QueryEnum::Nearest(NamedQuery {
        query: VectorInternal::Dense(vector),
        using: Some(DENSE.to_owned()),
    })
}

pub(super) fn matching(terms: SparseVector) -> QueryEnum {
    let terms = qdrant_edge::SparseVector {
        indices: terms.indices,
        values: terms.values,
    };
    QueryEnum::Nearest(NamedQuery {
        query: VectorInternal::Sparse(terms),
        using: Some(BM25.to_owned()),
    })
}

/// A search that returns payloads.
pub(super) fn search(
    query: QueryEnum,
    filter: Option<Filter>,
    (offset, limit): (usize, usize),
    with_dense: bool,
) -> qdrant_edge::SearchRequest {
    qdrant_edge::SearchRequest {
        offset,
        with_payload: Some(true.into()),
        with_vector: dense_too(with_dense),
        ..rank(query, filter, limit)
    }
}

/// A search that returns ids and scores.
pub(super) fn rank(query: QueryEnum, filter: Option<Filter>, limit: usize) -> qdrant_edge::SearchRequest {
    qdrant_edge::SearchRequest {
        query,
        filter,
        params: None,
        limit,
        offset: 0,
        with_payload: None,
        with_vector: None,
        score_threshold: None,
    }
}

pub(super) fn point_id(id: &qdrant_edge::PointId) -> Option<PointId> {
    match id {
        qdrant_edge::PointId::Uuid(uuid) => Some(PointId(*uuid)),
        qdrant_edge::PointId::NumId(_) => None,
    }
}

pub(super) fn hit(point: ScoredPoint) -> Result<Hit, VectorsError> {
    let id = point_id(&point.id).ok_or_else(|| damaged("a point whose id is a number"))?;
    Ok(Hit {
        id,
        score: point.score,
        payload: payload(point.payload)?,
        dense: dense(point.vector),
    })
}

/// Puts payloads to ranked ids; an id whose point went away meanwhile is left out.
pub(super) fn with_payloads(
    ranked: Vec<(PointId, f32)>,
    records: Vec<Record>,
) -> Result<Vec<Hit>, VectorsError> {
    let mut records: HashMap<_, _> = records
        .into_iter()
        .filter_map(|record| Some((point_id(&record.id)?, record)))
        .collect();
    ranked
        .into_iter()
        .filter_map(|(id, score)| {
            records.remove(&id).map(|record| {
                Ok(Hit {
                    id,
                    score,
                    payload: payload(record.payload)?,
                    dense: dense(record.vector),
                })
            })
        })
        .collect()
}

/// Payloads by id.
pub(super) fn payloads(records: Vec<Record>) -> Result<HashMap<PointId, Payload>, VectorsError> {
    records
        .into_iter()
        .filter_map(|record| Some((point_id(&record.id)?, record.payload)))
        .map(|(id, stored)| Ok((id, payload(stored)?)))
        .collect()
}

fn payload(stored: Option<qdrant_edge::Payload>) -> Result<Payload, VectorsError> {
    let fields = stored.map(|payload| payload.0).unwrap_or_default();
    from_value(Value::Object(fields))
        .map_err(|error| damaged(&format!("a payload that cannot be read ({error})")))
}

fn damaged(what: &str) -> VectorsError {
    VectorsError::Unavailable(format!("the vector store holds {what}"))
}
