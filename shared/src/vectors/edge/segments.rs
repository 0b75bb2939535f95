//! More than one segment to write to.
//!
//! Adding a term to the engine's writable term index walks the whole list of the points that have the term, so that the cost of a
//! point grows with the size of its segment. New points go to the smallest writable segment; with several of them
//! each stays small. The engine makes one by itself, the others are made here: as a shard of its own, whose only segment
//! then moves into the collection. A segment is a folder, and moving it is atomic.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use qdrant_edge::external::serde_json::{Value, from_slice};
use qdrant_edge::{EdgeConfig, EdgeShard, OperationResult};

use super::config::BM25;

/// Adds writable segments to the closed shard in `dir` until it has so many.
pub(super) fn top_up(dir: &Path, layout: &EdgeConfig, writable: usize) -> OperationResult<()> {
    let segments = dir.join("segments");
    fs::create_dir_all(&segments)?;
    let nursery = dir.join("segment.fresh");
    for _ in count_writable(&segments)?..writable {
        if nursery.exists() {
            fs::remove_dir_all(&nursery)?;
        }
        fs::create_dir(&nursery)?;
        // Empty, it costs no flush; it gets its payload indexes with the others.
        drop(EdgeShard::new(&nursery, layout.clone())?);
        for segment in folders(&nursery.join("segments"))? {
            if let Some(name) = segment.file_name() {
                fs::rename(&segment, segments.join(name))?;
            }
        }
        fs::remove_dir_all(&nursery)?;
    }
    fs::File::open(&segments)?.sync_all()?;
    Ok(())
}

/// The version that follows those of all updates that the segments of the shard in `dir` had at their last flush.
pub(super) fn next_version(dir: &Path) -> io::Result<u64> {
    let segments = dir.join("segments");
    if !segments.exists() {
        return Ok(0);
    }
    let versions = states(&segments)?.filter_map(|state| state["version"].as_u64());
    Ok(versions.max().map_or(0, |version| version.saturating_add(1)))
}

/// Segments whose term index is the writable one.
fn count_writable(segments: &Path) -> io::Result<usize> {
    let writable =
        |state: &Value| state["config"]["sparse_vector_data"][BM25]["index"]["index_type"] == "MutableRam";
    Ok(states(segments)?.filter(writable).count())
}

/// What the segments say about themselves. One that cannot be read is the engine's to complain about.
fn states(segments: &Path) -> io::Result<impl Iterator<Item = Value>> {
    let state = |segment: PathBuf| from_slice(&fs::read(segment.join("segment.json")).ok()?).ok();
    Ok(folders(segments)?.into_iter().filter_map(state))
}

fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<_>> = fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    Ok(paths?.into_iter().filter(|path| path.is_dir()).collect())
}
