//! How a collection is laid out on disk and when it is indexed.

use std::path::Path;

use qdrant_edge::{
    CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeSparseVectorParams, EdgeVectorParams,
    FieldIndexOperations, HnswIndexConfig, KeywordIndexParams, Modifier, PayloadFieldSchema,
    PayloadSchemaParams, UpdateOperation, UuidIndexParams, WalOptions,
};

use super::convert;
use crate::vectors::VectorsError;
use crate::vectors::filter::TAGS;

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const BM25: &str = "bm25";

/// Segments beyond which upkeep merges the smallest.
const SEGMENTS: usize = 12;

/// Sizes at which upkeep sets in. Tests have small ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Segments to write to.
    pub(super) writable_segments: usize,
    /// Least size in KiB of the vectors (dense or sparse) at which a segment is rewritten into its read-only form,
    /// whose indexes are mapped from disk instead of held in memory.
    pub(super) rewrite_from_kib: usize,
    /// The engine flushes once the journal has so many bytes; a crash makes opening as much longer as applying them takes.
    pub(super) journal_bytes: u64,
    /// The log is emptied once its finished files have so many bytes. Emptying takes as long as opening.
    pub(super) log_bytes: u64,
    /// Size in bytes of one file of the log.
    pub(super) log_file_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            writable_segments: 4,
            rewrite_from_kib: 2_000,
            journal_bytes: 32 * 1024 * 1024,
            log_bytes: 64 * 1024 * 1024,
            log_file_bytes: 32 * 1024 * 1024,
        }
    }
}

/// The layout of a collection.
///
/// Dense vectors have no graph (HNSW): comparing a query with all of them takes some milliseconds per 10,000, misses
/// nothing, and costs a writer nothing, while a graph takes the writer's time and finds neighbours only most of the time.
///
/// Everything that can be on disk is: the operating system keeps in memory what is used.
pub(super) fn layout(dense_size: Option<usize>, limits: Limits) -> EdgeConfig {
    let terms = EdgeSparseVectorParams::builder()
        .modifier(Modifier::Idf)
        .on_disk(true)
        .build();
    let mut config = EdgeConfig::builder()
        .on_disk_payload(true)
        .sparse_vector(BM25, terms)
        .wal_options(WalOptions {
            segment_capacity: limits.log_file_bytes,
            ..WalOptions::default()
        })
        .hnsw_config(HnswIndexConfig {
            m: 0,
            payload_m: Some(0),
            ..HnswIndexConfig::default()
        })
        .optimizers(EdgeOptimizersConfig {
            indexing_threshold: Some(limits.rewrite_from_kib),
            default_segment_number: Some(SEGMENTS),
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
pub(super) fn payload_indexes() -> [UpdateOperation; 4] {
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
        ("chunk_hash", PayloadSchemaParams::Keyword(keyword.clone())),
        (TAGS, PayloadSchemaParams::Keyword(keyword)),
    ]
    .map(|(field, schema)| {
        UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(CreateIndex {
            field_name: convert::field_path(field),
            field_schema: Some(PayloadFieldSchema::FieldParams(schema)),
        }))
    })
}
