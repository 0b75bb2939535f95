//! How a collection is laid out on the server, and whether one that is there is of the wanted shape.

use std::collections::HashMap;

use qdrant_client::qdrant::payload_index_params::IndexParams;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionInfo, CreateCollection, CreateFieldIndexCollection, Distance, FieldType, KeywordIndexParams,
    Modifier, OptimizersConfigDiff, PayloadIndexParams, PayloadSchemaType, SparseVectorConfig,
    SparseVectorParams, UuidIndexParams, VectorParams, VectorParamsMap, VectorsConfig,
};

use crate::vectors::VectorsError;
use crate::vectors::filter::TAGS;

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const BM25: &str = "bm25";

/// Fields that points are found by, and how each is indexed.
const INDEXES: [(&str, FieldType, PayloadSchemaType); 4] = [
    ("file_id", FieldType::Uuid, PayloadSchemaType::Uuid),
    ("claim", FieldType::Uuid, PayloadSchemaType::Uuid),
    ("chunk_hash", FieldType::Keyword, PayloadSchemaType::Keyword),
    (TAGS, FieldType::Keyword, PayloadSchemaType::Keyword),
];

/// The request that makes a collection. Shards, replicas, quantisation and the like are left to the server's settings.
pub(super) fn create(collection: &str, dense_size: Option<usize>, timeout: u64) -> CreateCollection {
    let dense = |size: usize| VectorParams {
        size: size as u64,
        distance: Distance::Cosine.into(),
        ..VectorParams::default()
    };
    let vectors = dense_size.map(|size| (DENSE.to_owned(), dense(size)));
    let terms = SparseVectorParams {
        modifier: Some(Modifier::Idf.into()),
        ..SparseVectorParams::default()
    };
    CreateCollection {
        collection_name: collection.to_owned(),
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(VectorParamsMap {
                map: vectors.into_iter().collect(),
            })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: HashMap::from([(BM25.to_owned(), terms)]),
        }),
        // The payload is mostly text, which is read for hits only.
        on_disk_payload: Some(true),
        optimizers_config: Some(OptimizersConfigDiff {
            // What is written must be found at once, before it is indexed too.
            prevent_unoptimized: Some(false),
            ..OptimizersConfigDiff::default()
        }),
        timeout: Some(timeout),
        ..CreateCollection::default()
    }
}

/// The requests that make the payload indexes which `found` does not have.
pub(super) fn missing_indexes(
    collection: &str,
    found: &CollectionInfo,
    timeout: u64,
) -> Vec<CreateFieldIndexCollection> {
    INDEXES
        .into_iter()
        .filter(|(field, _, stored_as)| {
            let stored = found.payload_schema.get(*field).map(|schema| schema.data_type);
            stored != Some(i32::from(*stored_as))
        })
        .map(|(field, field_type, _)| CreateFieldIndexCollection {
            collection_name: collection.to_owned(),
            wait: Some(true),
            field_name: field.to_owned(),
            field_type: Some(field_type.into()),
            field_index_params: Some(PayloadIndexParams {
                index_params: Some(index_params(field_type)),
            }),
            timeout: Some(timeout),
            ..CreateFieldIndexCollection::default()
        })
        .collect()
}

/// No extra links in the graph for these fields: a filter on them leaves few points, which are searched one by one.
fn index_params(field_type: FieldType) -> IndexParams {
    if field_type == FieldType::Uuid {
        IndexParams::UuidIndexParams(UuidIndexParams {
            enable_hnsw: Some(false),
            ..UuidIndexParams::default()
        })
    } else {
        IndexParams::KeywordIndexParams(KeywordIndexParams {
            enable_hnsw: Some(false),
            ..KeywordIndexParams::default()
        })
    }
}

/// Is the collection of the wanted shape?
pub(super) fn check(found: &CollectionInfo, dense_size: Option<usize>) -> Result<(), VectorsError> {
    let found = shape(found);
    let wanted = wanted(dense_size);
    if found == wanted {
        Ok(())
    } else {
        Err(VectorsError::Mismatch { found, wanted })
    }
}

fn wanted(dense_size: Option<usize>) -> String {
    match dense_size {
        Some(size) => format!("dense vectors of {size} dimensions and BM25 terms"),
        None => "no dense vectors and BM25 terms".to_owned(),
    }
}

/// The shape in words; those of [`wanted`] when it is one of ours.
fn shape(found: &CollectionInfo) -> String {
    let params = found.config.as_ref().and_then(|config| config.params.as_ref());
    let config = params
        .and_then(|params| params.vectors_config.as_ref())
        .and_then(|vectors| vectors.config.as_ref());
    let dense = match config {
        None => "no dense vectors".to_owned(),
        Some(Config::Params(_)) => "a vector without a name".to_owned(),
        Some(Config::ParamsMap(vectors)) => match vectors.map.get(DENSE) {
            None => "no dense vectors".to_owned(),
            Some(dense) if dense.distance == i32::from(Distance::Cosine) => {
                format!("dense vectors of {} dimensions", dense.size)
            }
            Some(_) => "dense vectors that are not compared by cosine".to_owned(),
        },
    };
    let terms = params
        .and_then(|params| params.sparse_vectors_config.as_ref())
        .and_then(|sparse| sparse.map.get(BM25));
    let terms = match terms {
        None => "no BM25 terms",
        Some(terms) if terms.modifier == Some(Modifier::Idf.into()) => "BM25 terms",
        Some(_) => "terms that are not weighted by their rarity",
    };
    format!("{dense} and {terms}")
}

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::{CollectionConfig, CollectionParams, PayloadSchemaInfo};

    use super::*;

    /// What the server tells of a collection that was made by `request`.
    fn made_by(request: CreateCollection) -> CollectionInfo {
        CollectionInfo {
            config: Some(CollectionConfig {
                params: Some(CollectionParams {
                    vectors_config: request.vectors_config,
                    sparse_vectors_config: request.sparse_vectors_config,
                    ..CollectionParams::default()
                }),
                ..CollectionConfig::default()
            }),
            ..CollectionInfo::default()
        }
    }

    #[test]
    fn what_was_made_is_what_is_wanted() {
        for size in [None, Some(8), Some(3072)] {
            assert_eq!(check(&made_by(create("c", size, 1)), size), Ok(()));
        }
        // A server may leave out an empty map.
        let mut without = create("c", None, 1);
        without.vectors_config = None;
        assert_eq!(check(&made_by(without), None), Ok(()));
    }

    #[test]
    fn other_shapes_are_named() {
        let eight = || create("c", Some(8), 1);
        let mut unnamed = eight();
        unnamed.vectors_config = Some(VectorsConfig {
            config: Some(Config::Params(VectorParams::default())),
        });
        let mut euclid = eight();
        if let Some(Config::ParamsMap(vectors)) = euclid.vectors_config.as_mut().unwrap().config.as_mut() {
            vectors.map.get_mut(DENSE).unwrap().distance = Distance::Euclid.into();
        }
        let mut plain = eight();
        plain
            .sparse_vectors_config
            .as_mut()
            .unwrap()
            .map
            .get_mut(BM25)
            .unwrap()
            .modifier = None;
        let mut termless = eight();
        termless.sparse_vectors_config = None;
        for (made, wanted, named) in [
            (eight(), Some(9), "dense vectors of 8 dimensions and BM25 terms"),
            (eight(), None, "dense vectors of 8 dimensions and BM25 terms"),
            (create("c", None, 1), Some(8), "no dense vectors and BM25 terms"),
            (unnamed, Some(8), "a vector without a name and BM25 terms"),
            (
                euclid,
                Some(8),
                "dense vectors that are not compared by cosine and BM25 terms",
            ),
            (
                plain,
                Some(8),
                "dense vectors of 8 dimensions and terms that are not weighted by their rarity",
            ),
            (
                termless,
                Some(8),
                "dense vectors of 8 dimensions and no BM25 terms",
            ),
        ] {
            let Err(VectorsError::Mismatch { found, .. }) = check(&made_by(made), wanted) else {
                panic!("{named} was taken for {wanted:?}");
            };
            assert_eq!(found, named);
        }
    }

    #[test]
    fn only_missing_indexes_are_made() {
        let mut found = CollectionInfo::default();
        assert_eq!(missing_indexes("c", &found, 1).len(), 4);
        for (field, _, stored_as) in INDEXES {
            let stored = PayloadSchemaInfo {
                data_type: stored_as.into(),
                ..PayloadSchemaInfo::default()
            };
            found.payload_schema.insert(field.to_owned(), stored);
        }
        assert_eq!(missing_indexes("c", &found, 1), []);
        found.payload_schema.get_mut("claim").unwrap().data_type = PayloadSchemaType::Keyword.into();
        let missing = missing_indexes("c", &found, 1);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].field_name, "claim");
    }
}
