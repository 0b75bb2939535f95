//! A worker that is killed in the middle of its work: it keeps a child of each profile busy until somebody ends it.

use std::process::ExitCode;

use bytes::Bytes;
use convert::sandbox::{Sandbox, SandboxSettings};
use convert::{Options, Profile, Request, Task};

pub(super) fn run() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        let sandbox = Sandbox::new(SandboxSettings::default());
        let request = |name: &str| Request {
            task: Task::Native { skip: Vec::new() },
            name: name.to_owned(),
            content_type: None,
            options: Options::default(),
        };
        let (parser, tools) = (request("probe:hang"), request("probe:program hangs"));
        // Neither ends by itself.
        let ended = tokio::join!(
            sandbox.run(Profile::Parser, &parser, Bytes::new()),
            sandbox.run(Profile::Tools, &tools, Bytes::new()),
        );
        drop(ended);
    });
    ExitCode::FAILURE
}
