//! Whole fleets in one thread, from a seed.
//!
//! Workers, control planes, their dispatcher, repairs and search are the production code. Simulated is only what stands
//! behind their traits: the ledger is the model with a line that loses answers and delivers late, the vector store, the
//! source, the embedding model and the broker likewise, and time is tokio's paused time, which jumps to the next thing that
//! happens. Processes die and freeze at any await. A checker watches every row, every write and every search, and holds
//! them against the promises.
//!
//! Everything is decided by the seed, so a run that breaks a promise can be watched again.

mod broker;
mod bug;
mod dice;
mod embedder;
mod fleet;
mod history;
mod ledger;
mod line;
mod plan;
mod process;
mod source;
mod story;
mod supervisor;
mod trace;
mod vectors;
mod world;

use std::sync::Arc;

pub use bug::Bug;
pub use world::Violation;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The same for each run of a seed.
    pub hash: u64,
    /// Things that happened.
    pub events: usize,
    /// The promise that was broken, if one was.
    pub violation: Option<Violation>,
    /// The last events, those of the broken promise's file only.
    pub trace: String,
}

/// Runs a seed, with a planted bug or without.
///
/// # Errors
/// When the run could not be made; a broken promise is an [`Outcome`].
pub fn run(seed: u64, bug: Option<Bug>) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let world = runtime.block_on(async {
        let world = Arc::new(world::World::new(seed, bug));
        tokio::select! {
            biased;
            () = world.violated.cancelled() => {}
            ended = story::tell(Arc::clone(&world)) => ended?,
        }
        anyhow::Ok(world)
    })?;
    let (hash, events) = world.trace.summary();
    let violation = world.violation();
    let file = violation.as_ref().and_then(|violation| violation.file.as_deref());
    Ok(Outcome {
        hash,
        events,
        trace: world.trace.about(file),
        violation,
    })
}
