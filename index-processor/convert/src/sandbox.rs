//! Conversion in child processes that no document can break.
//!
//! A [`Sandbox`] keeps a few children of each [`Profile`] warm and gives each one document at a time. A document that crashes its
//! child, hangs it, or fills its memory ends in a [`ConvertError`](crate::ConvertError) with a code of its own; the child is
//! replaced, and the next document does not notice. Whoever stops waiting for a document ends its child.
//!
//! A document that breaks a child which has converted others before gets a second try in a new one: what it becomes does not
//! depend on what came before it, nor on a child that somebody killed. A document that takes too long gets none.

mod cause;
mod process;
mod settings;
mod stderr;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::FileType;
use crate::protocol::{Answer, Outcome, Profile, Request};
pub use settings::SandboxSettings;

use cause::Cause;
use process::{ChildProcess, Ran};

/// Converter children, and who waits for them.
pub struct Sandbox {
    settings: SandboxSettings,
    parsers: Pool,
    tools: Pool,
    reported: [AtomicBool; 2],
}

/// The children of one profile.
struct Pool {
    /// One permit for each child that may exist; whoever has one may take an idle child or start one.
    slots: Semaphore,
    idle: Mutex<Vec<ChildProcess>>,
}

/// What became of a document, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the file turned out to be; `None` when that is not known.
    pub file_type: Option<FileType>,
    /// What became of it. A document that broke its child is an [`Outcome::Error`] here.
    pub outcome: Outcome,
    /// Time waited for a child to be free.
    pub waited: Duration,
    /// Time from then on.
    pub took: Duration,
    /// Children that were started for this document; none when a warm one took it.
    pub started: u32,
    /// Children that this document broke.
    pub broken: u32,
}

/// Why a document was not tried at all. It has nothing to do with the document: later it may work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// No child process could be started.
    #[error("no converter process could be started: {reason}")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
    /// The sandbox was closed.
    #[error("the converter processes have been closed")]
    Closed,
}

impl Sandbox {
    /// A sandbox without children; the first documents start them.
    #[must_use]
    pub fn new(settings: SandboxSettings) -> Self {
        let pool = |children: usize| Pool {
            slots: Semaphore::new(children.max(1)),
            idle: Mutex::default(),
        };
        Self {
            parsers: pool(settings.parsers),
            tools: pool(settings.tools),
            settings,
            reported: Default::default(),
        }
    }

    /// Starts up to `count` children of a profile before there is work for them. Returns how many are idle.
    ///
    /// # Errors
    /// When one cannot be started, or the sandbox was closed.
    pub async fn warm(&self, profile: Profile, count: usize) -> Result<usize, SandboxError> {
        let pool = self.pool(profile);
        let mut started: Vec<(SemaphorePermit<'_>, ChildProcess)> = Vec::new();
        while pool.idle().len() + started.len() < count {
            let Ok(permit) = pool.slots.try_acquire() else {
                break;
            };
            started.push((permit, self.start(profile).await?));
        }
        let mut idle = pool.idle();
        idle.extend(started.into_iter().map(|(_, child)| child));
        Ok(idle.len())
    }

    /// Converts one file, once a child is free; first come, first served. Dropping the future ends the child.
    ///
    /// # Errors
    /// When no child can be started, or the sandbox was closed. Whatever the document causes is in the [`Reply`].
    pub async fn run(
        &self,
        profile: Profile,
        request: &Request,
        bytes: Bytes,
    ) -> Result<Reply, SandboxError> {
        let pool = self.pool(profile);
        let begun = Instant::now();
        let _slot = pool
            .slots
            .acquire()
            .await
            .map_err(|_closed| SandboxError::Closed)?;
        let waited = begun.elapsed();
        let begun = Instant::now();
        let mut started = 0;
        let mut broken = 0;
        let answer = loop {
            if bytes.len() as u64 > self.settings.memory_bytes {
                break self.broke(Cause::OutOfMemory, &bytes);
            }
            // Whoever is idle may have been killed by the same hand, so a second try is in a new one.
            let warm = if broken == 0 { pool.take() } else { None };
            let mut child = match warm {
                Some(child) => child,
                None => {
                    started += 1;
                    self.start(profile).await?
                }
            };
            let is_used = child.documents() > 0;
            let cause = match child.run(&self.settings, request, &bytes).await {
                Ran::Answered { answer, worn: false } => {
                    pool.put(child);
                    break answer;
                }
                Ran::Answered { answer, worn: true } => {
                    child.end().await;
                    break answer;
                }
                Ran::Broken(cause) => cause,
            };
            broken += 1;
            if !(is_used && cause.may_be_of_others()) {
                break self.broke(cause, &bytes);
            }
        };
        Ok(Reply {
            file_type: answer.file_type,
            outcome: answer.outcome,
            waited,
            took: begun.elapsed(),
            started,
            broken,
        })
    }

    /// Ends the children that are idle, and the others after the document that they have. Who waits is told.
    pub async fn close(&self) {
        for pool in [&self.parsers, &self.tools] {
            pool.slots.close();
            let idle = std::mem::take(&mut *pool.idle());
            for child in idle {
                child.end().await;
            }
        }
    }

    fn broke(&self, cause: Cause, bytes: &Bytes) -> Answer {
        Answer {
            file_type: None,
            outcome: Outcome::Error(cause.into_error(&self.settings, bytes.len())),
        }
    }

    async fn start(&self, profile: Profile) -> Result<ChildProcess, SandboxError> {
        let (child, confinement) = ChildProcess::start(&self.settings, profile)
            .await
            .map_err(|reason| SandboxError::Unavailable { reason })?;
        if !self.reported[usize::from(profile == Profile::Tools)].swap(true, Ordering::Relaxed) {
            let name = profile.name();
            if confinement.is_complete() {
                tracing::info!("{name} converters are confined: {confinement:?}");
            } else {
                tracing::warn!(
                    "{name} converters are confined in part only, this system lacks the rest: {confinement:?}"
                );
            }
        }
        Ok(child)
    }

    fn pool(&self, profile: Profile) -> &Pool {
        match profile {
            Profile::Parser => &self.parsers,
            Profile::Tools => &self.tools,
        }
    }
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<ChildProcess>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The child that was used last, whose memory is warmest; the dead are left out.
    fn take(&self) -> Option<ChildProcess> {
        let mut idle = self.idle();
        while let Some(mut child) = idle.pop() {
            if child.is_alive() {
                return Some(child);
            }
        }
        None
    }

    fn put(&self, child: ChildProcess) {
        // Under the lock, so that `close` either sees the child or is seen.
        let mut idle = self.idle();
        if !self.slots.is_closed() {
            idle.push(child);
        }
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
