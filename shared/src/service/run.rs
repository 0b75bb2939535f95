//! The frame of a service's `main`.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use super::{alive, logging, stop_on_signal};
use crate::settings::{Loaded, ServiceArgs, SettingsError, load};
use crate::shutdown::Tasks;
use crate::trace::layer::{self, Exporting};

/// Exit code for settings that cannot be used.
const USAGE: u8 = 2;

/// Reads the settings, starts logging and a runtime, and runs `work` until it ends. Exit codes: 0 when it ended as told,
/// 1 when it failed, 2 when the settings cannot be used.
///
/// `service` picks what every service has out of the settings, and where this one answers HTTP. `check` looks at what the types of the settings cannot: addresses, combinations. It must not connect to anything.
pub fn run<S, W, F>(
    service: impl Fn(&S) -> (&ServiceArgs, SocketAddr),
    check: impl Fn(&Loaded<S>) -> Result<(), String>,
    work: W,
) -> ExitCode
where
    S: CommandFactory + FromArgMatches,
    W: FnOnce(Loaded<S>, Tasks) -> F,
    F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>>,
{
    let loaded = match load::<S>(std::env::args_os()) {
        Ok(loaded) => loaded,
        Err(SettingsError::Clap(error)) => {
            // Help and version are no errors; clap knows where each goes.
            error.print().ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
        Err(error) => return refuse(&error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads can be started: {error}")),
    };
    let (common, listen) = service(&loaded.args);
    if common.health {
        return match runtime.block_on(alive::ask(listen)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        };
    }
    // Clients are made while checking, and want a runtime around them.
    let entered = runtime.enter();
    if let Err(why) = common.tracing.check().and_then(|()| check(&loaded)) {
        return refuse(&why);
    }
    if common.check_config {
        std::io::stdout().write_all(loaded.listing.as_bytes()).ok();
        return ExitCode::SUCCESS;
    }
    let exporting = match log(common, S::command().get_name()) {
        Ok(exporting) => exporting,
        Err(why) => return refuse(&why),
    };
    drop(entered);
    let ended = runtime.block_on(async {
        let tasks = Tasks::new();
        stop_on_signal(&tasks, || {
            tracing::info!("stopping; a second signal stops at once")
        });
        let ended = Box::pin(work(loaded, tasks)).await;
        exporting.finish().await;
        ended
    });
    // Blocking calls that hang must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn refuse(why: &str) -> ExitCode {
    say(why);
    ExitCode::from(USAGE)
}

fn fail(why: &str) -> ExitCode {
    say(why);
    ExitCode::FAILURE
}

fn say(why: &str) {
    writeln!(std::io::stderr(), "error: {why}").ok();
}

/// Starts logging, and tracing where that is on. Each has its own filter: traces are complete whatever is logged.
fn log(args: &ServiceArgs, service: &str) -> Result<Exporting, String> {
    let filter = args
        .log
        .parse()
        .map_err(|error| format!("--log {:?} is not a filter: {error}", args.log))?;
    let (traces, exporting) = layer::start(&args.tracing, service)?;
    logging::start(filter, args.log_format, std::io::stderr, traces)?;
    Ok(exporting)
}
