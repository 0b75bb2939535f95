//! The breakers of a process.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

use super::breaker::{Breaker, BreakerPolicy, CircuitState, Ended, Ticket};
use super::dependency::Dependency;
use super::metrics::{DependencyMetrics, RequestOutcome};
use super::report::DependencyReport;
use crate::embedder::batching::Counts;

/// What an error says about the dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is there: what went wrong is the request's own affair, or it asks for patience, which others see to.
    Answered,
    /// It cannot be used; why, without secrets.
    Failed(String),
}

/// A request that was not sent, because the circuit is open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{dependency} is not asked for now, it failed {failures} times in a row: {reason}; the next try is in {} s", wait.as_secs() + 1)]
pub struct Refused {
    /// What is down.
    pub dependency: Dependency,
    /// How often it failed.
    pub failures: u32,
    /// What it failed with last.
    pub reason: String,
    /// When to come back.
    pub wait: Duration,
}

/// The name of a failure whose request was not sent.
pub const CIRCUIT_OPEN: &str = "circuit_open";

impl Refused {
    /// As the failure of a step: not the file's fault.
    #[must_use]
    pub fn failure(&self) -> crate::retry::Failure {
        crate::retry::Failure::throttled(CIRCUIT_OPEN, self.to_string()).retry_after(Some(self.wait))
    }
}

/// Told when something about the circuits changed.
pub type Watch = watch::Receiver<u64>;

/// The breakers of a process, one a dependency. Clones share them.
#[derive(Clone)]
pub struct Circuits {
    inner: Arc<Inner>,
}

struct Inner {
    policy: BreakerPolicy,
    refuses: bool,
    known: Mutex<BTreeMap<Dependency, Known>>,
    changes: watch::Sender<u64>,
    metrics: Option<DependencyMetrics>,
}

struct Known {
    breaker: Breaker,
    since: Instant,
    reason: Option<String>,
    /// Attempts that were begun to find out whether it is back.
    scouts: u32,
}

impl Default for Circuits {
    fn default() -> Self {
        Self::new(BreakerPolicy::default())
    }
}

impl Circuits {
    /// Breakers that refuse while they are open.
    #[must_use]
    pub fn new(policy: BreakerPolicy) -> Self {
        Self::make(policy, true, None)
    }

    /// Breakers that show what they see and refuse nothing: for a process whose callers would rather wait for an answer.
    #[must_use]
    pub fn watching() -> Self {
        let policy = BreakerPolicy {
            failures: 2,
            ..BreakerPolicy::default()
        };
        Self::make(policy, false, None)
    }

    /// The same with what is counted of dependencies, see [`DependencyMetrics`].
    ///
    /// # Errors
    /// When a name is taken.
    pub fn counted(self, registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = DependencyMetrics::register(registry)?;
        Ok(Self::make(
            self.inner.policy.clone(),
            self.inner.refuses,
            Some(metrics),
        ))
    }

    fn make(policy: BreakerPolicy, refuses: bool, metrics: Option<DependencyMetrics>) -> Self {
        Self {
            inner: Arc::new(Inner {
                policy,
                refuses,
                known: Mutex::default(),
                changes: watch::Sender::new(0),
                metrics,
            }),
        }
    }

    /// Shows how many requests of a kind (`read`, `write`) a dependency may get at once, which something else finds out.
    pub fn show_limit(
        &self,
        dependency: &Dependency,
        kind: &str,
        read: impl Fn() -> usize + Send + Sync + 'static,
    ) {
        if let Some(metrics) = &self.inner.metrics {
            metrics.sample_limit(dependency, kind, read);
        }
    }

    /// Shows what happens in front of an embedding model.
    pub fn show_embedder(&self, dependency: &Dependency, counts: &Arc<Counts>) {
        if let Some(metrics) = &self.inner.metrics {
            metrics.sample_embedder(dependency, counts);
        }
    }

    /// The breaker of a dependency, which is known from now on.
    #[must_use]
    pub fn of(&self, dependency: Dependency) -> Circuit {
        self.inner.with(&dependency, |_, _| ());
        Circuit {
            inner: Arc::clone(&self.inner),
            dependency,
        }
    }

    /// Told of changes from now on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.inner.changes.subscribe()
    }

    /// Is it worth beginning an attempt that needs all of these? While one of them is half open, as many attempts as it
    /// lets probes through are begun to find out; each is one until its [`Scouts`] are dropped.
    ///
    /// # Errors
    /// The one to wait for.
    pub fn begin(&self, needs: &[Dependency]) -> Result<Scouts, Refused> {
        let mut scouts = Scouts {
            inner: Arc::clone(&self.inner),
            out: Vec::new(),
        };
        if !self.inner.refuses {
            return Ok(scouts);
        }
        let now = Instant::now();
        let most = self.inner.policy.probes.max(1);
        let mut all = self.inner.lock();
        for dependency in needs {
            let Some(known) = all.get(dependency) else {
                continue;
            };
            let wait = match known.breaker.state(now) {
                CircuitState::Closed => continue,
                CircuitState::HalfOpen if known.scouts < most => {
                    scouts.out.push(dependency.clone());
                    continue;
                }
                // The one that is out will tell.
                CircuitState::HalfOpen => self.inner.policy.first_open,
                CircuitState::Open => known.wait(now),
            };
            let refused = known.refused(dependency, wait);
            scouts.out.clear();
            return Err(refused);
        }
        for dependency in &scouts.out {
            if let Some(known) = all.get_mut(dependency) {
                known.scouts += 1;
            }
        }
        drop(all);
        Ok(scouts)
    }

    /// The longest time until one of these may be asked again; zero when all may be.
    #[must_use]
    pub fn wait(&self, needs: &[Dependency]) -> Duration {
        let now = Instant::now();
        let known = self.inner.lock();
        needs
            .iter()
            .filter_map(|dependency| known.get(dependency))
            .map(|known| known.wait(now))
            .max()
            .unwrap_or_default()
    }

    /// What this process sees, by dependency.
    #[must_use]
    pub fn report(&self) -> Vec<DependencyReport> {
        let now = Instant::now();
        let known = self.inner.lock();
        known
            .iter()
            .map(|(dependency, known)| DependencyReport {
                dependency: dependency.clone(),
                state: known.breaker.state(now),
                since: now.saturating_duration_since(known.since),
                failures: known.breaker.failures(),
                next_probe: known
                    .breaker
                    .probe_at()
                    .map(|at| at.saturating_duration_since(now)),
                last_error: known.reason.clone(),
            })
            .collect()
    }
}

impl Known {
    fn wait(&self, now: Instant) -> Duration {
        self.breaker
            .probe_at()
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    fn refused(&self, dependency: &Dependency, wait: Duration) -> Refused {
        Refused {
            dependency: dependency.clone(),
            failures: self.breaker.failures(),
            reason: self.reason.clone().unwrap_or_default(),
            wait,
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Dependency, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on a breaker; afterwards, whoever watches is told if its state is another.
    fn with<T>(&self, dependency: &Dependency, work: impl FnOnce(&mut Known, Instant) -> T) -> T {
        let now = Instant::now();
        let mut all = self.lock();
        let known = all.entry(dependency.clone()).or_insert_with(|| {
            if let Some(metrics) = &self.metrics {
                metrics.know(dependency);
            }
            Known {
                breaker: Breaker::new(self.policy.clone()),
                since: now,
                reason: None,
                scouts: 0,
            }
        });
        let before = known.breaker.probe_at();
        let was = known.breaker.state(now);
        let done = work(known, now);
        let is = known.breaker.state(now);
        if was != is {
            known.since = now;
        }
        if let Some(metrics) = &self.metrics {
            metrics.set_state(dependency, is);
        }
        let changed = was != is || before != known.breaker.probe_at();
        let failures = known.breaker.failures();
        let reason = known.reason.clone().unwrap_or_default();
        drop(all);
        if changed {
            match is {
                CircuitState::Open => {
                    tracing::warn!(
                        "{dependency} is left alone for a while after {failures} failures in a row: {reason}"
                    );
                }
                CircuitState::Closed if was != is => tracing::info!("{dependency} answers again"),
                CircuitState::Closed | CircuitState::HalfOpen => {}
            }
            self.tell();
        }
        done
    }

    fn tell(&self) {
        self.changes
            .send_modify(|change| *change = change.wrapping_add(1));
    }
}

/// Attempts that find out whether something is back; dropped when they end.
pub struct Scouts {
    inner: Arc<Inner>,
    out: Vec<Dependency>,
}

impl Drop for Scouts {
    fn drop(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let mut known = self.inner.lock();
        for dependency in &self.out {
            if let Some(known) = known.get_mut(dependency) {
                known.scouts = known.scouts.saturating_sub(1);
            }
        }
        drop(known);
        self.inner.tell();
    }
}

/// The breaker of one dependency.
#[derive(Clone)]
pub struct Circuit {
    inner: Arc<Inner>,
    dependency: Dependency,
}

/// A request under way; dropped without a word, nobody waited for its end.
struct UnderWay<'a> {
    circuit: &'a Circuit,
    ticket: Option<Ticket>,
    began: Instant,
}

impl Circuit {
    /// What it belongs to.
    #[must_use]
    pub fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    /// Sends a request, unless the circuit is open, and learns from how it ended. `judge` reads errors, `refused` makes the
    /// error of a request that is not sent.
    ///
    /// # Errors
    /// Those of the request, and what `refused` makes.
    pub async fn call<T, E>(
        &self,
        request: impl Future<Output = Result<T, E>>,
        judge: impl FnOnce(&E) -> Verdict,
        refused: impl FnOnce(&Refused) -> E,
    ) -> Result<T, E> {
        let admitted = self.inner.with(&self.dependency, |known, now| {
            if !self.inner.refuses {
                return Ok(known.breaker.admit_anyway());
            }
            let admitted = known.breaker.admit(now);
            admitted.map_err(|wait| known.refused(&self.dependency, wait))
        });
        let ticket = admitted.map_err(|why| {
            self.count(RequestOutcome::Refused, None);
            refused(&why)
        })?;
        let mut under_way = UnderWay {
            circuit: self,
            ticket: Some(ticket),
            began: Instant::now(),
        };
        let result = request.await;
        let verdict = result.as_ref().err().map_or(Verdict::Answered, judge);
        under_way.end(verdict);
        result
    }

    fn count(&self, outcome: RequestOutcome, began: Option<Instant>) {
        if let Some(metrics) = &self.inner.metrics {
            metrics.ended(&self.dependency, outcome, began.map(|began| began.elapsed()));
        }
    }
}

impl UnderWay<'_> {
    fn end(&mut self, verdict: Verdict) {
        let Some(ticket) = self.ticket.take() else { return };
        let outcome = match verdict {
            Verdict::Answered => RequestOutcome::Answered,
            Verdict::Failed(_) => RequestOutcome::Failed,
        };
        self.circuit.count(outcome, Some(self.began));
        self.circuit.inner.with(&self.circuit.dependency, |known, now| {
            let how = match verdict {
                Verdict::Answered => Ended::Answered,
                Verdict::Failed(why) => {
                    known.reason = Some(why);
                    Ended::Failed
                }
            };
            known.breaker.ended(ticket, how, now, rand::random());
        });
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.circuit.count(RequestOutcome::Abandoned, Some(self.began));
            self.circuit.inner.with(&self.circuit.dependency, |known, now| {
                known.breaker.ended(ticket, Ended::Unknown, now, 1.0);
            });
        }
    }
}

#[cfg(test)]
mod tests;
