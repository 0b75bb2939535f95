//! How a collection is laid out on disk and when it is indexed.

use std::path::Path;

use qdrant_edge::{
    CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeSparseVectorParams, EdgeVectorParams,
    FieldIndexOperations, JsonPath, KeywordIndexParams, Modifier, PayloadFieldSchema, PayloadSchemaParams,
    UpdateOperation, UuidIndexParams,
};

use crate::vectors::VectorsError;

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const BM25: &str = "bm25";

/// Dense vectors of so many points are indexed by a graph (HNSW); fewer are searched one by one, which takes some
/// milliseconds and misses nothing.
const GRAPH_FROM_POINTS: usize = 20_000;

/// Least size in KiB of the vectors (dense or sparse) at which a segment is rewritten into its read-only form, whose
/// indexes are mapped from disk instead of held in memory.
const REWRITE_FROM_KIB: usize = 30_000;

/// The layout of a collection. Everything that can be on disk is: the operating system keeps in memory what is used.
pub(super) fn layout(dense_size: Option<usize>) -> EdgeConfig {
    let terms = EdgeSparseVectorParams::builder()
        .modifier(Modifier::Idf)
        .on_disk(true)
        .build();
    let graph_from_kib = GRAPH_FROM_POINTS * dense_size.unwrap_or(0) * size_of::<f32>() / 1024;
    let mut config = EdgeConfig::builder()
        .on_disk_payload(true)
        .sparse_vector(BM25, terms)
        .optimizers(EdgeOptimizersConfig {
            indexing_threshold: Some(graph_from_kib.max(REWRITE_FROM_KIB)),
            ..EdgeOptimizersConfig::default()
        });
    if let Some(size) = dense_size {
        config = config.vector(
            DENSE,
            EdgeVectorParams::builder(size, Distance::Cosine)
                .on_disk(true)
                .build(),
        );
    }
    config.build()
}

/// Is what is stored in `dir`, if anything, of the wanted shape?
pub(super) fn check(dir: &Path, dense_size: Option<usize>) -> Result<(), VectorsError> {
    let stored = match EdgeConfig::load(dir) {
        None => return Ok(()),
        Some(Ok(config)) => config,
        Some(Err(error)) => {
            return Err(VectorsError::Unavailable(format!(
                "cannot read the settings of the vectors in {}: {error}",
                dir.display()
            )));
        }
    };
    let found = stored.vectors.get(DENSE).map(|vector| vector.size);
    let name = |size: Option<usize>| match size {
        Some(size) => format!("dense vectors of {size} dimensions"),
        None => "no dense vectors".to_owned(),
    };
    if found == dense_size {
        Ok(())
    } else {
        Err(VectorsError::Mismatch {
            found: name(found),
            wanted: name(dense_size),
        })
    }
}

/// The operations that make the payload indexes; an index that exists already stays as it is.
pub(super) fn payload_indexes() -> Result<Vec<UpdateOperation>, VectorsError> {
    // No extra links in the graph for these fields: a filter on them leaves few points, which are searched one by one.
    let uuid = || {
        PayloadSchemaParams::Uuid(UuidIndexParams {
            enable_hnsw: Some(false),
            ..UuidIndexParams::default()
        })
    };
    let keyword = || {
        PayloadSchemaParams::Keyword(KeywordIndexParams {
            enable_hnsw: Some(false),
            ..KeywordIndexParams::default()
        })
    };
    [("file_id", uuid()), ("claim", uuid()), ("chunk_hash", keyword())]
        .into_iter()
        .map(|(field, schema)| {
            Ok(UpdateOperation::FieldIndexOperation(
                FieldIndexOperations::CreateIndex(CreateIndex {
                    field_name: path(field)?,
                    field_schema: Some(PayloadFieldSchema::FieldParams(schema)),
                }),
            ))
        })
        .collect()
}

fn path(field: &str) -> Result<JsonPath, VectorsError> {
    field
        .parse()
        .map_err(|()| VectorsError::Refused(format!("{field:?} is not a payload field")))
}
