//! Requests about collections.

use std::sync::Arc;

use qdrant_client::qdrant::alias_operations::Action;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    AliasDescription, ChangeAliases, CollectionClusterInfoRequest, CollectionClusterInfoResponse,
    CollectionConfig, CollectionDescription, CollectionExists, CollectionExistsRequest,
    CollectionExistsResponse, CollectionInfo, CollectionOperationResponse, CollectionParams,
    CollectionStatus, CreateCollection, CreateShardKeyRequest, CreateShardKeyResponse, DeleteCollection,
    DeleteShardKeyRequest, DeleteShardKeyResponse, Distance, GetCollectionInfoRequest,
    GetCollectionInfoResponse, ListAliasesRequest, ListAliasesResponse, ListCollectionAliasesRequest,
    ListCollectionsRequest, ListCollectionsResponse, ListShardKeysRequest, ListShardKeysResponse, Modifier,
    PayloadSchemaInfo, SparseVectorConfig, SparseVectorParams, UpdateCollection,
    UpdateCollectionClusterSetupRequest, UpdateCollectionClusterSetupResponse, VectorParams, VectorParamsMap,
    VectorsConfig, collections_server,
};
use shared::vectors::Vectors;
use tonic::{Request, Response, Status};

use super::collections::{About, Collections, failed};
use super::unsupported::unsupported;

pub(super) struct Api(pub(super) Arc<Collections>);

#[tonic::async_trait]
impl collections_server::Collections for Api {
    async fn get(
        &self,
        request: Request<GetCollectionInfoRequest>,
    ) -> Result<Response<GetCollectionInfoResponse>, Status> {
        let collection = self.0.get(&request.get_ref().collection_name).await?;
        let count = collection.vectors.count().await.map_err(failed)?;
        Ok(Response::new(GetCollectionInfoResponse {
            result: Some(info(&collection.about(), count)),
            time: 0.0,
        }))
    }

    async fn list(
        &self,
        _: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        let names = self.0.names().await.into_iter();
        Ok(Response::new(ListCollectionsResponse {
            collections: names.map(|name| CollectionDescription { name }).collect(),
            time: 0.0,
        }))
    }

    async fn create(
        &self,
        request: Request<CreateCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let request = request.into_inner();
        let dense_size = dense_size(&request)?;
        self.0.create(&request.collection_name, dense_size).await?;
        done(true)
    }

    async fn delete(
        &self,
        request: Request<DeleteCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        done(self.0.delete(&request.get_ref().collection_name).await?)
    }

    async fn update_aliases(
        &self,
        request: Request<ChangeAliases>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        // The server makes several changes in one step; here there is only one to make.
        let mut actions = request.into_inner().actions.into_iter();
        match (actions.next().and_then(|action| action.action), actions.next()) {
            (Some(Action::CreateAlias(alias)), None) => {
                self.0.set_alias(alias.alias_name, alias.collection_name).await?;
            }
            (Some(Action::DeleteAlias(alias)), None) => self.0.delete_alias(&alias.alias_name).await?,
            _ => return Err(Status::unimplemented("one alias can be made or deleted")),
        }
        done(true)
    }

    async fn list_collection_aliases(
        &self,
        request: Request<ListCollectionAliasesRequest>,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        let wanted = &request.get_ref().collection_name;
        self.listed(|collection| collection == wanted).await
    }

    async fn list_aliases(
        &self,
        _: Request<ListAliasesRequest>,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        self.listed(|_| true).await
    }

    async fn collection_exists(
        &self,
        request: Request<CollectionExistsRequest>,
    ) -> Result<Response<CollectionExistsResponse>, Status> {
        let exists = self.0.exists(&request.get_ref().collection_name).await;
        Ok(Response::new(CollectionExistsResponse {
            result: Some(CollectionExists { exists }),
            time: 0.0,
        }))
    }

    unsupported! {
        update(UpdateCollection) -> CollectionOperationResponse;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest)
            -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}

impl Api {
    async fn listed(
        &self,
        wanted: impl Fn(&str) -> bool + Send,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        let aliases = self.0.aliases().await.into_iter();
        Ok(Response::new(ListAliasesResponse {
            aliases: aliases
                .filter(|(_, collection_name)| wanted(collection_name))
                .map(|(alias_name, collection_name)| AliasDescription {
                    alias_name,
                    collection_name,
                })
                .collect(),
            time: 0.0,
        }))
    }
}
fn done(result: bool) -> Result<Response<CollectionOperationResponse>, Status> {
    Ok(Response::new(CollectionOperationResponse { result, time: 0.0 }))
}

/// The layout, if it is one that Longshore asks for: Edge lays out no other.
fn dense_size(request: &CreateCollection) -> Result<Option<usize>, Status> {
    let other = || {
        Status::unimplemented("collections have a vector \"dense\" and terms \"bm25\", or only the latter")
    };
    let sparse = request.sparse_vectors_config.as_ref().ok_or_else(other)?;
    let idf = sparse
        .map
        .get("bm25")
        .is_some_and(|terms| terms.modifier == Some(Modifier::Idf.into()));
    if !idf || sparse.map.len() != 1 {
        return Err(other());
    }
    let config = request
        .vectors_config
        .as_ref()
        .and_then(|vectors| vectors.config.as_ref());
    match config {
        None => Ok(None),
        Some(Config::Params(_)) => Err(other()),
        Some(Config::ParamsMap(vectors)) => match (vectors.map.get("dense"), vectors.map.len()) {
            (None, 0) => Ok(None),
            (Some(dense), 1) if dense.distance == i32::from(Distance::Cosine) && dense.size > 0 => {
                usize::try_from(dense.size).map(Some).map_err(|_| other())
            }
            _ => Err(other()),
        },
    }
}

fn info(about: &About, count: u64) -> CollectionInfo {
    let dense = about.dense_size.map(|size| {
        let params = VectorParams {
            size: size as u64,
            distance: Distance::Cosine.into(),
            ..VectorParams::default()
        };
        ("dense".to_owned(), params)
    });
    let terms = SparseVectorParams {
        modifier: Some(Modifier::Idf.into()),
        ..SparseVectorParams::default()
    };
    let params = CollectionParams {
        shard_number: 1,
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(VectorParamsMap {
                map: dense.into_iter().collect(),
            })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: [("bm25".to_owned(), terms)].into(),
        }),
        ..CollectionParams::default()
    };
    let schema = |data_type: i32| PayloadSchemaInfo {
        data_type,
        ..PayloadSchemaInfo::default()
    };
    CollectionInfo {
        status: CollectionStatus::Green.into(),
        config: Some(CollectionConfig {
            params: Some(params),
            ..CollectionConfig::default()
        }),
        payload_schema: about
            .indexes
            .iter()
            .map(|(field, data_type)| (field.clone(), schema(*data_type)))
            .collect(),
        points_count: Some(count),
        ..CollectionInfo::default()
    }
}
