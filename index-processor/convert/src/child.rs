//! The process that conversion runs in.
//!
//! It is this very program, started with [`ARGUMENT`]: it gives up everything that converting does not need (`confine`), and
//! only then reads its first document. It may crash, hang or run out of memory; its parent ([`crate::sandbox`]) sees to that.

mod confine;
mod setup;
mod work;

use std::any::Any;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::protocol::{Answer, Answered, Hello, Order, Outcome, Request, frame};
use crate::{ConvertError, Input};

pub(crate) use setup::{STACK, Setup};
pub use work::convert_request;

/// The first argument of a process that is to be a converter child.
pub const ARGUMENT: &str = "converter-child";

/// Time between two looks at whether the parent still lives.
const WATCH: Duration = Duration::from_secs(1);

/// What a child does with a request.
pub type Work = fn(&Request, &Input<'_>, Instant) -> Answer;

/// Is the child, when this process was started as one; `None` otherwise. For the first line of `main`: there must be no other
/// thread yet, since they would not be confined.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    run_if_asked_with(convert_request)
}

/// As [`run_if_asked`], with other work than converting: tests see through it what a document that has taken over the child
/// could do.
#[must_use]
pub fn run_if_asked_with(work: Work) -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let setup = arguments.next().unwrap_or_default();
    let ended = Setup::parse(&setup).and_then(|setup| run(&setup, work));
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    })
}

#[expect(clippy::print_stderr, reason = "the parent reads it")]
fn explain(error: &io::Error) {
    eprintln!("converter child: {error}");
}

fn run(setup: &Setup, work: Work) -> io::Result<()> {
    let (mut from, to) = take_pipes()?;
    // Never closed before the process ends: the parent takes the end of the pipe for the end of the process.
    let to = Box::leak(Box::new(to));
    let confinement = confine::confine(setup)?;
    frame::write(to, &Hello { confinement }, &[])?;
    let (ended, end) = mpsc::channel();
    let (profile, max_input) = (setup.profile, setup.max_input_bytes);
    std::thread::Builder::new()
        .name("convert".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let result = serve(&mut from, to, max_input, work);
            // The receiver waits for this.
            ended.send(result).ok()
        })
        .map_err(|error| io::Error::other(format!("no thread for {} work: {error}", profile.name())))?;
    loop {
        match end.recv_timeout(WATCH) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("the thread has ended")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
        if parent != setup.parent {
            // With the programs that it runs; nobody is left to do it.
            rustix::process::kill_current_process_group(Signal::KILL)?;
        }
    }
}

/// The pipes to the parent, away from where others read and print: whatever a parser or a program that it starts prints goes
/// to standard error, and it reads nothing.
fn take_pipes() -> io::Result<(File, File)> {
    let from = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let to = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((from.into(), to.into()))
}

fn serve(from: &mut File, to: &mut File, max_input: u64, work: Work) -> io::Result<()> {
    while let Some((order, bytes)) = frame::read::<Order<Request>>(from, max_input)? {
        confine::allow_cpu(order.cpu_seconds)?;
        let deadline = Instant::now() + inner_limit(Duration::from_millis(order.wall_millis));
        let request = &order.request;
        let input = Input {
            name: &request.name,
            bytes: &bytes,
            content_type: request.content_type.as_deref(),
        };
        let done = catch_unwind(AssertUnwindSafe(|| work(request, &input, deadline)));
        let retire = done.is_err();
        let answer = done.unwrap_or_else(|panic| panicked(&*panic));
        let (outcome, body) = answer.outcome.into_frame();
        let answered = Answered {
            file_type: answer.file_type,
            outcome,
            retire,
        };
        frame::write(to, &answered, &body)?;
    }
    Ok(())
}

/// The limit of what the child itself waits for: early enough that it can say what it waited for.
fn inner_limit(wall: Duration) -> Duration {
    wall.saturating_sub((wall / 10).min(Duration::from_secs(5)))
}

fn panicked(panic: &(dyn Any + Send)) -> Answer {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    Answer {
        file_type: None,
        outcome: Outcome::Error(ConvertError::failed(
            "converter_panicked",
            format!(
                "the converter met something in this file that it does not expect ({message}); save it anew"
            ),
        )),
    }
}
