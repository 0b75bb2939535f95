//! How a collection is laid out on disk and when it is indexed.

use std::path::Path;

use qdrant_edge::{
    CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeSparseVectorParams, EdgeVectorParams,
    FieldIndexOperations, KeywordIndexParams, Modifier, PayloadFieldSchema, PayloadSchemaParams,
    UpdateOperation, UuidIndexParams, WalOptions,
};

use super::convert;
use crate::vectors::VectorsError;

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const BM25: &str = "bm25";

/// Sizes at which upkeep sets in. Tests have small ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Dense vectors of so many points are indexed by a graph (HNSW); fewer are searched one by one, which takes some
    /// milliseconds and misses nothing.
    pub(super) graph_from_points: usize,
    /// Least size in KiB of the vectors (dense or sparse) at which a segment is rewritten into its read-only form,
    /// whose indexes are mapped from disk instead of held in memory.
    pub(super) rewrite_from_kib: usize,
    /// The log is emptied once its finished files have so many bytes. Emptying takes as long as opening.
    pub(super) log_bytes: u64,
    /// Size in bytes of one file of the log.
    pub(super) log_file_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            graph_from_points: 20_000,
            rewrite_from_kib: 30_000,
            log_bytes: 64 * 1024 * 1024,
            log_file_bytes: 32 * 1024 * 1024,
        }
    }
}

/// The layout of a collection. Everything that can be on disk is: the operating system keeps in memory what is used.
pub(super) fn layout(dense_size: Option<usize>, limits: Limits) -> EdgeConfig {
    let terms = EdgeSparseVectorParams::builder()
        .modifier(Modifier::Idf)
        .on_disk(true)
        .build();
    let graph_from_kib = limits.graph_from_points * dense_size.unwrap_or(0) * size_of::<f32>() / 1024;
    let mut config = EdgeConfig::builder()
        .on_disk_payload(true)
        .sparse_vector(BM25, terms)
        .wal_options(WalOptions {
            segment_capacity: limits.log_file_bytes,
            ..WalOptions::default()
        })
        .optimizers(EdgeOptimizersConfig {
            indexing_threshold: Some(graph_from_kib.max(limits.rewrite_from_kib)),
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
pub(super) fn payload_indexes() -> [UpdateOperation; 3] {
    // No extra links in the graph for these fields: a filter on them leaves few points, which are searched one by one.
    let uuid = UuidIndexParams {
        enable_hnsw: Some(false),
        ..UuidIndexParams::default()
    };
    let keyword = KeywordIndexParams {
        enable_hnsw: Some(false),
        ..KeywordIndexParams::default()
    };
    [
        ("file_id", PayloadSchemaParams::Uuid(uuid.clone())),
        ("claim", PayloadSchemaParams::Uuid(uuid)),
        ("chunk_hash", PayloadSchemaParams::Keyword(keyword)),
    ]
    .map(|(field, schema)| {
        UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(CreateIndex {
            field_name: convert::field_path(field),
            field_schema: Some(PayloadFieldSchema::FieldParams(schema)),
        }))
    })
}
