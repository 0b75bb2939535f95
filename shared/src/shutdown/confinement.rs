//! A process within the process, for simulations: tasks that stop, freeze and die together, at any await.
//!
//! Whatever a confined future spawns through [`Tasks`](super::Tasks) is confined with it, as threads belong to their
//! process. Nothing is confined in production; there it costs one look at a task-local per spawned task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

tokio::task_local! {
    static CONFINEMENT: Arc<dyn Confinement>;
}

/// What a task may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Go on.
    Go,
    /// Not now; the waker was kept.
    Wait,
    /// Never again: the task is dropped where it stands.
    Gone,
}

/// Decides over the tasks of one simulated process.
pub trait Confinement: Send + Sync + 'static {
    /// Asked before each poll of each task. [`Permit::Wait`] promises to wake the context's waker later.
    fn permit(&self, context: &mut Context<'_>) -> Permit;
}

/// Runs a future, and all that it spawns, under `confinement`. A future that is [`Permit::Gone`] never completes.
pub async fn confined<F: Future>(confinement: Arc<dyn Confinement>, future: F) -> F::Output {
    Confined {
        confinement,
        future: Some(Box::pin(future)),
    }
    .await
}

/// The confinement that the caller runs under.
pub(super) fn current() -> Option<Arc<dyn Confinement>> {
    CONFINEMENT.try_with(Arc::clone).ok()
}

struct Confined<F> {
    confinement: Arc<dyn Confinement>,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Confined<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let confinement = Arc::clone(&self.confinement);
        match (confinement.permit(context), &mut self.future) {
            (Permit::Go, Some(future)) => {
                CONFINEMENT.sync_scope(confinement, || future.as_mut().poll(context))
            }
            (Permit::Gone, _) => {
                self.future = None;
                Poll::Pending
            }
            (Permit::Go | Permit::Wait, _) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

    use super::super::Tasks;
    use super::*;

    /// 0 goes, 1 waits, 2 is gone.
    #[derive(Default)]
    struct Switch(AtomicU8);

    impl Confinement for Switch {
        fn permit(&self, context: &mut Context<'_>) -> Permit {
            match self.0.load(Ordering::SeqCst) {
                0 => Permit::Go,
                1 => {
                    context.waker().wake_by_ref();
                    Permit::Wait
                }
                _ => Permit::Gone,
            }
        }
    }

    #[tokio::test]
    async fn tasks_of_a_confined_task_stop_with_it() {
        let (switch, steps) = (Arc::new(Switch::default()), Arc::new(AtomicUsize::new(0)));
        let tasks = Tasks::new();
        let inner = (tasks.clone(), Arc::clone(&steps));
        let step = async move {
            let (tasks, steps) = inner;
            tasks.spawn(async move {
                loop {
                    steps.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            });
        };
        confined(Arc::clone(&switch) as _, step).await;
        let moves = async || {
            let before = steps.load(Ordering::SeqCst);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            steps.load(Ordering::SeqCst) > before
        };
        assert!(moves().await);
        switch.0.store(1, Ordering::SeqCst);
        assert!(!moves().await, "it waits");
        switch.0.store(0, Ordering::SeqCst);
        assert!(moves().await, "it goes on");
        switch.0.store(2, Ordering::SeqCst);
        assert!(!moves().await, "it is gone");
        assert_eq!(Arc::strong_count(&steps), 1, "and was dropped");
    }
}
