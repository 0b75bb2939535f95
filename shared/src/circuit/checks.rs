//! Asks what nobody else would ask: the health of what a process depends on, also while it has no work.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{Circuit, Circuits, Dependency, Verdict};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks a dependency whether it is there; the error says what is wrong, without secrets.
pub type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What to look at.
#[derive(Default)]
pub struct Checks {
    all: Vec<(Circuit, Ask)>,
}

impl Checks {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at this as well.
    #[must_use]
    pub fn and<F>(
        mut self,
        circuits: &Circuits,
        dependency: Dependency,
        ask: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let circuit = circuits.of(dependency);
        self.all.push((circuit, Box::new(move || Box::pin(ask()))));
        self
    }

    /// Looks at everything once, side by side.
    pub async fn look(&self) {
        let looks = self.all.iter().map(|(circuit, ask)| async move {
            let asked = async {
                tokio::time::timeout(PATIENCE, ask())
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
            };
            let judge = |why: &String| Verdict::Failed(why.clone());
            if let Err(why) = circuit.call(asked, judge, ToString::to_string).await {
                tracing::debug!("{} was looked at: {why}", circuit.dependency());
            }
        });
        futures::future::join_all(looks).await;
    }

    /// Looks from time to time until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            self.look().await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
