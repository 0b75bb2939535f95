//! Requests about points.

use std::sync::Arc;

use qdrant_client::qdrant::facet_value::Variant;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    BatchResult, ClearPayloadPoints, CountPoints, CountResponse, CountResult, CreateFieldIndexCollection,
    CreateVectorNameRequest, DeleteFieldIndexCollection, DeletePayloadPoints, DeletePointVectors,
    DeletePoints, DeleteVectorNameRequest, DiscoverBatchPoints, DiscoverBatchResponse, DiscoverPoints,
    DiscoverResponse, FacetCounts, FacetHit, FacetResponse, FieldType, GetPoints, GetResponse,
    PayloadSchemaType, PointsOperationResponse, QueryBatchPoints, QueryBatchResponse, QueryGroupsResponse,
    QueryPointGroups, QueryPoints, QueryResponse, RecommendBatchPoints, RecommendBatchResponse,
    RecommendGroupsResponse, RecommendPointGroups, RecommendPoints, RecommendResponse, ScoredPoint,
    ScrollPoints, ScrollResponse, SearchBatchPoints, SearchBatchResponse, SearchGroupsResponse,
    SearchMatrixOffsetsResponse, SearchMatrixPairsResponse, SearchMatrixPoints, SearchPointGroups,
    SearchPoints, SearchResponse, SetPayloadPoints, UpdateBatchPoints, UpdateBatchResponse,
    UpdatePointVectors, UpdateResult, UpdateStatus, UpsertPoints, points_server,
};
use qdrant_edge::{CountRequest, FacetRequest, FacetValue, ScrollRequest};
use shared::vectors::Vectors;
use shared::vectors::filter::TAGS;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::collections::{Collections, failed};
use super::convert;
use super::unsupported::unsupported;

pub(super) struct Api(pub(super) Arc<Collections>);

#[tonic::async_trait]
impl points_server::Points for Api {
    async fn upsert(
        &self,
        request: Request<UpsertPoints>,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let points = request.points.into_iter().map(convert::point);
        let points = points.collect::<Result<_, _>>()?;
        collection.vectors.upsert(points).await.map_err(failed)?;
        updated(request.wait)
    }

    async fn delete(
        &self,
        request: Request<DeletePoints>,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let selector = request
            .points
            .and_then(|selector| selector.points_selector_one_of);
        let Some(PointsSelectorOneOf::Filter(filter)) = selector else {
            return Err(Status::unimplemented("points are deleted by filter"));
        };
        let claims = convert::claims(&filter, &collection.about())?;
        collection.vectors.delete_claims(&claims).await.map_err(failed)?;
        updated(request.wait)
    }

    async fn create_field_index(
        &self,
        request: Request<CreateFieldIndexCollection>,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let data_type = match (request.field_name.as_str(), request.field_type()) {
            ("file_id" | "claim", FieldType::Uuid) => PayloadSchemaType::Uuid,
            ("chunk_hash" | TAGS, FieldType::Keyword) => PayloadSchemaType::Keyword,
            _ => return Err(Status::unimplemented("Longshore has no such index")),
        };
        collection
            .add_index(request.field_name, data_type.into())
            .map_err(|error| Status::internal(error.to_string()))?;
        updated(request.wait)
    }

    async fn get(&self, request: Request<GetPoints>) -> Result<Response<GetResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let ids = request.ids.iter().map(|id| convert::point_id(Some(id)));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let with_payload = convert::with_payload(request.with_payload.as_ref(), true);
        let with_vector = convert::with_vector(request.with_vectors.as_ref());
        let records = collection
            .vectors
            .read(move |edge| edge.retrieve(&ids, Some(with_payload), Some(with_vector)))
            .await
            .map_err(failed)?;
        Ok(Response::new(GetResponse {
            result: records.into_iter().map(convert::retrieved).collect(),
            ..GetResponse::default()
        }))
    }

    async fn scroll(&self, request: Request<ScrollPoints>) -> Result<Response<ScrollResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let offset = request.offset.as_ref().map(|id| convert::point_id(Some(id)));
        let scroll = ScrollRequest {
            offset: offset.transpose()?,
            limit: Some(convert::limit(request.limit.map(u64::from))?),
            filter: convert::filter(request.filter.as_ref(), &collection.about())?,
            with_payload: Some(convert::with_payload(request.with_payload.as_ref(), true)),
            with_vector: convert::with_vector(request.with_vectors.as_ref()),
            order_by: None,
        };
        let (records, next) = collection
            .vectors
            .read(move |edge| edge.scroll(scroll))
            .await
            .map_err(failed)?;
        Ok(Response::new(ScrollResponse {
            next_page_offset: next.map(convert::id),
            result: records.into_iter().map(convert::retrieved).collect(),
            ..ScrollResponse::default()
        }))
    }

    async fn query(&self, request: Request<QueryPoints>) -> Result<Response<QueryResponse>, Status> {
        Ok(Response::new(QueryResponse {
            result: self.nearest(request.into_inner()).await?,
            ..QueryResponse::default()
        }))
    }

    async fn query_batch(
        &self,
        request: Request<QueryBatchPoints>,
    ) -> Result<Response<QueryBatchResponse>, Status> {
        let mut result = Vec::new();
        for query in request.into_inner().query_points {
            result.push(BatchResult {
                result: self.nearest(query).await?,
            });
        }
        Ok(Response::new(QueryBatchResponse {
            result,
            ..QueryBatchResponse::default()
        }))
    }

    async fn count(&self, request: Request<CountPoints>) -> Result<Response<CountResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let count = CountRequest {
            filter: convert::filter(request.filter.as_ref(), &collection.about())?,
            exact: request.exact.unwrap_or(true),
        };
        let count = collection.vectors.read(move |edge| edge.count(count)).await;
        Ok(Response::new(CountResponse {
            result: Some(CountResult {
                count: count.map_err(failed)? as u64,
            }),
            ..CountResponse::default()
        }))
    }

    async fn facet(&self, request: Request<FacetCounts>) -> Result<Response<FacetResponse>, Status> {
        let request = request.into_inner();
        let collection = self.0.get(&request.collection_name).await?;
        let about = collection.about();
        convert::check_index(&request.key, &about)?;
        let facet = FacetRequest {
            key: convert::field(&request.key),
            limit: convert::limit(request.limit)?,
            filter: convert::filter(request.filter.as_ref(), &about)?,
            exact: request.exact.unwrap_or(false),
        };
        let facets = collection.vectors.read(move |edge| edge.facet(facet)).await;
        let hits = facets.map_err(failed)?.hits.into_iter().map(|hit| {
            let value = match hit.value {
                FacetValue::Uuid(number) => Variant::StringValue(Uuid::from_u128(number).to_string()),
                FacetValue::Keyword(text) => Variant::StringValue(text),
                FacetValue::Int(number) => Variant::IntegerValue(number),
                FacetValue::Bool(bool) => Variant::BoolValue(bool),
            };
            FacetHit {
                value: Some(qdrant_client::qdrant::FacetValue { variant: Some(value) }),
                count: hit.count as u64,
            }
        });
        Ok(Response::new(FacetResponse {
            hits: hits.collect(),
            ..FacetResponse::default()
        }))
    }

    unsupported! {
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}

impl Api {
    async fn nearest(&self, request: QueryPoints) -> Result<Vec<ScoredPoint>, Status> {
        let collection = self.0.get(&request.collection_name).await?;
        let search = convert::search(request, &collection.about())?;
        let points = collection.vectors.read(move |edge| edge.search(search)).await;
        Ok(points.map_err(failed)?.into_iter().map(convert::scored).collect())
    }
}

/// The server applies a write before it answers only when asked to wait.
fn updated(wait: Option<bool>) -> Result<Response<PointsOperationResponse>, Status> {
    let status = if wait == Some(true) {
        UpdateStatus::Completed
    } else {
        UpdateStatus::Acknowledged
    };
    Ok(Response::new(PointsOperationResponse {
        result: Some(UpdateResult {
            operation_id: None,
            status: status.into(),
        }),
        ..PointsOperationResponse::default()
    }))
}
