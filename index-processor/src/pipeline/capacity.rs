//! What the machine gives to all files in work together, of whatever index.

use shared::retry::Failure;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit};

/// Bytes that one permit of memory stands for.
const PERMIT_BYTES: u64 = 1024;
/// A file is counted as so many times its size while it is worked on: bytes, Markdown, chunks, vectors.
const SIZE_FACTOR: u64 = 4;
/// From this attempt on a file is converted while no other is: it may be what killed the process.
const SOLO_FROM_ATTEMPT: u32 = 3;

/// Processors and memory of one process.
pub struct Capacity {
    cpu: Semaphore,
    memory: Semaphore,
    memory_permits: u64,
    solo: RwLock<()>,
}

/// A place among the conversions, or all of them.
pub(super) enum Turn<'a> {
    Shared { _guard: RwLockReadGuard<'a, ()> },
    Alone { _guard: RwLockWriteGuard<'a, ()> },
}

impl Capacity {
    /// `cpu_slots` conversions at a time; `memory_bytes` for files in work, so that a slow dependency slows intake, never
    /// memory.
    #[must_use]
    pub fn new(cpu_slots: usize, memory_bytes: u64) -> Self {
        let most = u64::from(u32::MAX).min(Semaphore::MAX_PERMITS as u64);
        let memory_permits = (memory_bytes / PERMIT_BYTES).clamp(1, most);
        Self {
            cpu: Semaphore::new(cpu_slots.clamp(1, Semaphore::MAX_PERMITS)),
            memory: Semaphore::new(usize::try_from(memory_permits).unwrap_or(Semaphore::MAX_PERMITS)),
            memory_permits,
            solo: RwLock::new(()),
        }
    }

    /// Waits until there is memory for a file of this size; a file larger than all of it has it alone.
    pub(super) async fn reserve(&self, size: u64) -> Result<SemaphorePermit<'_>, Failure> {
        let wanted = (size.saturating_mul(SIZE_FACTOR) / PERMIT_BYTES).clamp(1, self.memory_permits);
        self.memory
            .acquire_many(u32::try_from(wanted).unwrap_or(u32::MAX))
            .await
            .map_err(|_closed| stopping())
    }

    /// Waits for a processor.
    pub(super) async fn processor(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.cpu.acquire().await.map_err(|_closed| stopping())
    }

    /// A file that may have killed the process is converted while no other one is.
    pub(super) async fn turn(&self, attempt: u32) -> Turn<'_> {
        if attempt >= SOLO_FROM_ATTEMPT {
            Turn::Alone {
                _guard: self.solo.write().await,
            }
        } else {
            Turn::Shared {
                _guard: self.solo.read().await,
            }
        }
    }
}

fn stopping() -> Failure {
    Failure::throttled("stopping", "longshore is stopping")
}
