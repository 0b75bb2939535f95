//! Orderly ends: every task is spawned here, told to stop, and awaited.

pub mod confinement;

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one component or process.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future in the background until it ends by itself; it should watch [`Tasks::stopping`].
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match confinement::current() {
            Some(within) => self.tracker.spawn(confinement::confined(within, task)),
            None => self.tracker.spawn(task),
        }
    }

    /// The signal to stop: `token.cancelled().await` returns when [`Tasks::stop`] was called.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells every task to stop; returns at once.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops and waits for every task, at most `deadline`. Returns whether all ended.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok()
    }
}
