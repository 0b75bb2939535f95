//! From a request to its answer.

use std::time::Instant;

use crate::context::Context;
use crate::protocol::{Answer, Outcome, Request, Task};
use crate::{ConvertError, FileType, Input, Options, detect, run};

/// What a child does with a request in production.
#[must_use]
pub fn convert_request(request: &Request, input: &Input<'_>, deadline: Instant) -> Answer {
    match &request.task {
        Task::Native { skip } => native(input, &request.options, skip),
        Task::Poppler | Task::Ocr { .. } | Task::Render { .. } => with_tools(request, input, deadline),
    }
}

fn native(input: &Input<'_>, options: &Options, skip: &[FileType]) -> Answer {
    let format = match detect::detect(input) {
        Ok(format) => format,
        Err(error) => {
            return Answer {
                file_type: None,
                outcome: Outcome::Error(error),
            };
        }
    };
    let file_type = format.file_type();
    let outcome = if skip.contains(&file_type) {
        Outcome::TypeOnly
    } else {
        detect::refuse_blocked(format, &options.open)
            .and_then(|()| run(format, input, &Context::new(options)))
            .map_or_else(Outcome::Error, Outcome::Document)
    };
    Answer {
        file_type: Some(file_type),
        outcome,
    }
}

/// Where the programs are called from.
fn with_tools(_request: &Request, input: &Input<'_>, _deadline: Instant) -> Answer {
    Answer {
        file_type: crate::file_type(input).ok(),
        outcome: Outcome::Error(ConvertError::unsupported(
            "needs_ocr",
            "this build runs no program for this file",
        )),
    }
}
