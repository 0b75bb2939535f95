//! Ctrl-C and SIGTERM.

use crate::shutdown::Tasks;

/// Ctrl-C or SIGTERM ends the process in order, after telling so through `say`; a second one at once, with exit code 130.
pub fn stop_on_signal(tasks: &Tasks, say: impl FnOnce() + Send + 'static) {
    let stopper = tasks.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = stopper.stopping().cancelled_owned() => return,
            () = signalled() => {}
        }
        say();
        stopper.stop();
    });
    // Not one of the tasks that are waited for: it ends with the process.
    let stop = tasks.stopping();
    drop(Tasks::new().spawn(async move {
        stop.cancelled().await;
        signalled().await;
        std::process::exit(130);
    }));
}

async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    drop(tokio::signal::ctrl_c().await);
}
