//! Between the server's messages and the engine's types.

use std::collections::HashMap;

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    self as proto, Filter, NamedVectorsOutput, PointStruct, QueryPoints, RetrievedPoint, ScoredPoint, Value,
    VectorOutput, VectorsOutput, WithPayloadSelector, WithVectorsSelector, query, vector, vector_input,
    vector_output, vectors, vectors_output, with_payload_selector, with_vectors_selector,
};
use qdrant_edge::{
    AnyVariants, Condition, FieldCondition, JsonPath, Match, MatchAny, NamedQuery, PointId, QueryEnum,
    Record, SearchRequest, VectorInternal, VectorStructInternal, WithPayloadInterface, WithVector,
};
use shared::ids::ClaimId;
use shared::vectors::{Point, SparseVector};
use tonic::Status;
use uuid::Uuid;

use super::collections::About;

/// A top-level field of the payload.
pub(super) fn field(name: &str) -> JsonPath {
    JsonPath {
        first_key: name.to_owned(),
        rest: Vec::new(),
    }
}

/// A filter: conditions that must hold and such that must not, each on a field that is indexed.
pub(super) fn filter(filter: Option<&Filter>, about: &About) -> Result<Option<qdrant_edge::Filter>, Status> {
    filter.map(|filter| group(filter, about)).transpose()
}

fn group(filter: &Filter, about: &About) -> Result<qdrant_edge::Filter, Status> {
    let all = |conditions: &[proto::Condition]| -> Result<Option<Vec<Condition>>, Status> {
        if conditions.is_empty() {
            return Ok(None);
        }
        let conditions = conditions
            .iter()
            .map(|condition| self::condition(condition, about));
        conditions.collect::<Result<_, _>>().map(Some)
    };
    if filter.min_should.is_some() {
        return Err(Status::unimplemented(
            "a filter without a number of conditions to meet",
        ));
    }
    Ok(qdrant_edge::Filter {
        should: all(&filter.should)?,
        must: all(&filter.must)?,
        must_not: all(&filter.must_not)?,
        min_should: None,
    })
}

fn condition(condition: &proto::Condition, about: &About) -> Result<Condition, Status> {
    let other = || Status::unimplemented("a condition is a list of texts, or a filter");
    match condition.condition_one_of.as_ref().ok_or_else(other)? {
        ConditionOneOf::Filter(nested) => group(nested, about).map(Condition::Filter),
        ConditionOneOf::Field(wanted) => {
            check_index(&wanted.key, about)?;
            let key = field(&wanted.key);
            let any = Match::Any(MatchAny {
                any: AnyVariants::Strings(texts(wanted).ok_or_else(other)?.iter().cloned().collect()),
            });
            Ok(Condition::Field(FieldCondition::new_match(key, any)))
        }
        _ => Err(other()),
    }
}

fn texts(condition: &proto::FieldCondition) -> Option<&[String]> {
    match condition.r#match.as_ref()?.match_value.as_ref()? {
        MatchValue::Keywords(keywords) => Some(&keywords.strings),
        MatchValue::Keyword(keyword) => Some(std::slice::from_ref(keyword)),
        _ => None,
    }
}

/// The one condition of a filter: a field has any of some texts.
fn any_of(filter: &Filter) -> Result<(&str, &[String]), Status> {
    let other = || Status::unimplemented("a filter is one condition: a field has any of some texts");
    let Filter {
        should,
        must,
        must_not,
        min_should,
    } = filter;
    let [condition] = must.as_slice() else {
        return Err(other());
    };
    if !should.is_empty() || !must_not.is_empty() || min_should.is_some() {
        return Err(other());
    }
    let Some(ConditionOneOf::Field(condition)) = &condition.condition_one_of else {
        return Err(other());
    };
    let texts = texts(condition).ok_or_else(other)?;
    Ok((&condition.key, texts))
}

/// As the server does in strict mode.
pub(super) fn check_index(key: &str, about: &About) -> Result<(), Status> {
    if about.indexes.contains_key(key) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "Bad request: Index required but not found for \"{key}\" of one of the following types: [keyword, uuid]"
    )))
}

/// The claims whose points a filter selects: nothing else is deleted.
pub(super) fn claims(filter: &Filter, about: &About) -> Result<Vec<ClaimId>, Status> {
    let (key, values) = any_of(filter)?;
    check_index(key, about)?;
    if key != "claim" {
        return Err(Status::unimplemented("points are deleted by claim"));
    }
    let parsed = values.iter().map(|value| value.parse()).collect::<Result<_, _>>();
    parsed.map_err(|_| Status::invalid_argument("Wrong input: a claim is not a UUID"))
}

pub(super) fn point_id(id: Option<&proto::PointId>) -> Result<PointId, Status> {
    match id.and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Uuid(text)) => Uuid::parse_str(text)
            .map(PointId::Uuid)
            .map_err(|_| Status::invalid_argument(format!("Unable to parse UUID: {text}"))),
        Some(PointIdOptions::Num(number)) => Ok(PointId::NumId(*number)),
        None => Err(Status::invalid_argument("No ID options provided")),
    }
}

pub(super) fn id(id: PointId) -> proto::PointId {
    match id {
        PointId::Uuid(uuid) => uuid.to_string().into(),
        PointId::NumId(number) => number.into(),
    }
}

/// A point to write.
pub(super) fn point(point: PointStruct) -> Result<Point, Status> {
    let wrong = |what: String| Status::invalid_argument(format!("Wrong input: {what}"));
    let PointId::Uuid(id) = point_id(point.id.as_ref())? else {
        return Err(Status::unimplemented("ids are UUIDs"));
    };
    let json = serde_json::Value::from(qdrant_client::Payload::from(point.payload));
    let payload = serde_json::from_value(json)
        .map_err(|error| wrong(format!("the stand-in holds Longshore's payloads only: {error}")))?;
    let mut read = Point {
        id: shared::ids::PointId(id),
        payload,
        dense: None,
        bm25: SparseVector::default(),
    };
    let options = point.vectors.and_then(|vectors| vectors.vectors_options);
    let Some(vectors::VectorsOptions::Vectors(named)) = options else {
        return Err(wrong("Expected some vectors".to_owned()));
    };
    for (name, value) in named.vectors {
        match (name.as_str(), value.vector) {
            ("dense", Some(vector::Vector::Dense(dense))) => read.dense = Some(dense.data),
            ("bm25", Some(vector::Vector::Sparse(terms))) => {
                read.bm25 = SparseVector {
                    indices: terms.indices,
                    values: terms.values,
                };
            }
            _ => return Err(wrong(format!("Not existing vector name error: {name}"))),
        }
    }
    Ok(read)
}

/// A search: the nearest to a vector.
pub(super) fn search(request: QueryPoints, about: &About) -> Result<SearchRequest, Status> {
    let other = || Status::unimplemented("a query is for the nearest to one vector, without prefetch");
    let filter = filter(request.filter.as_ref(), about)?;
    if !request.prefetch.is_empty() || request.score_threshold.is_some() {
        return Err(other());
    }
    let Some(query::Variant::Nearest(nearest)) = request.query.and_then(|query| query.variant) else {
        return Err(other());
    };
    let vector = match nearest.variant {
        Some(vector_input::Variant::Dense(dense)) => VectorInternal::Dense(dense.data),
        Some(vector_input::Variant::Sparse(terms)) => VectorInternal::Sparse(qdrant_edge::SparseVector {
            indices: terms.indices,
            values: terms.values,
        }),
        _ => return Err(other()),
    };
    Ok(SearchRequest {
        query: QueryEnum::Nearest(NamedQuery {
            query: vector,
            using: request.using,
        }),
        filter,
        params: None,
        limit: limit(request.limit)?,
        offset: usize::try_from(request.offset.unwrap_or(0)).unwrap_or(usize::MAX),
        with_payload: Some(with_payload(request.with_payload.as_ref(), false)),
        with_vector: Some(with_vector(request.with_vectors.as_ref())),
        score_threshold: None,
    })
}

/// A limit; 10 when the request has none.
pub(super) fn limit(limit: Option<u64>) -> Result<usize, Status> {
    match limit {
        Some(0) => Err(Status::invalid_argument(
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
        )),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        None => Ok(10),
    }
}

pub(super) fn with_payload(selector: Option<&WithPayloadSelector>, by_default: bool) -> WithPayloadInterface {
    match selector.and_then(|selector| selector.selector_options.as_ref()) {
        Some(with_payload_selector::SelectorOptions::Enable(enable)) => WithPayloadInterface::Bool(*enable),
        Some(with_payload_selector::SelectorOptions::Include(include)) => {
            WithPayloadInterface::Fields(include.fields.iter().map(|name| field(name)).collect())
        }
        Some(with_payload_selector::SelectorOptions::Exclude(_)) => WithPayloadInterface::Bool(true),
        None => WithPayloadInterface::Bool(by_default),
    }
}

pub(super) fn with_vector(selector: Option<&WithVectorsSelector>) -> WithVector {
    match selector.and_then(|selector| selector.selector_options.as_ref()) {
        Some(with_vectors_selector::SelectorOptions::Enable(enable)) => WithVector::Bool(*enable),
        Some(with_vectors_selector::SelectorOptions::Include(include)) => {
            WithVector::Selector(include.names.clone())
        }
        None => WithVector::Bool(false),
    }
}

fn fields(payload: Option<qdrant_edge::Payload>) -> HashMap<String, Value> {
    let fields = payload.map(|payload| payload.0).unwrap_or_default();
    qdrant_client::Payload::from(fields).into()
}

pub(super) fn scored(point: qdrant_edge::ScoredPoint) -> ScoredPoint {
    ScoredPoint {
        id: Some(id(point.id)),
        payload: fields(point.payload),
        score: point.score,
        version: point.version,
        vectors: vectors_of(point.vector),
        ..ScoredPoint::default()
    }
}

pub(super) fn retrieved(record: Record) -> RetrievedPoint {
    RetrievedPoint {
        id: Some(id(record.id)),
        payload: fields(record.payload),
        vectors: vectors_of(record.vector),
        ..RetrievedPoint::default()
    }
}

fn vectors_of(stored: Option<VectorStructInternal>) -> Option<VectorsOutput> {
    let Some(VectorStructInternal::Named(vectors)) = stored else {
        return None;
    };
    let vectors = vectors.into_iter().filter_map(|(name, vector)| {
        let vector = match vector {
            VectorInternal::Dense(data) => vector_output::Vector::Dense(proto::DenseVector { data }),
            VectorInternal::Sparse(terms) => vector_output::Vector::Sparse(proto::SparseVector {
                values: terms.values,
                indices: terms.indices,
            }),
            VectorInternal::MultiDense(_) => return None,
        };
        let output = VectorOutput {
            vector: Some(vector),
            ..VectorOutput::default()
        };
        Some((name, output))
    });
    Some(VectorsOutput {
        vectors_options: Some(vectors_output::VectorsOptions::Vectors(NamedVectorsOutput {
            vectors: vectors.collect(),
        })),
    })
}
