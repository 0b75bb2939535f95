//! From a request to its answer.

use std::sync::OnceLock;
use std::time::Instant;

use crate::context::Context;
use crate::protocol::{Answer, Outcome, Request, Task};
use crate::tools::Tools;
use crate::{FileType, Input, Options, detect, run};

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
    let outcome = match detect::refuse_blocked(format, &options.open) {
        Err(error) => Outcome::Error(error),
        Ok(()) if skip.contains(&file_type) => Outcome::TypeOnly,
        Ok(()) => run(format, input, &Context::new(options)).map_or_else(Outcome::Error, Outcome::Document),
    };
    Answer {
        file_type: Some(file_type),
        outcome,
    }
}

/// Lets a program of the system do it.
fn with_tools(request: &Request, input: &Input<'_>, deadline: Instant) -> Answer {
    // Looked for once: they are asked for their versions.
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    let tools = TOOLS.get_or_init(Tools::find);
    let file_type = match crate::file_type(input) {
        Ok(file_type) => file_type,
        Err(error) => {
            return Answer {
                file_type: None,
                outcome: Outcome::Error(error),
            };
        }
    };
    let outcome = match &request.task {
        Task::Native { .. } => Ok(Outcome::TypeOnly),
        Task::Poppler => tools
            .pdftotext(input, &request.options, deadline)
            .map(|document| Outcome::Document(document.tidied())),
        Task::Ocr { pages, languages } => tools
            .ocr(input, file_type, pages, languages, deadline)
            .map(|document| Outcome::Document(document.tidied())),
        Task::Render { page, max_edge } => tools
            .render(input, *page, *max_edge, deadline)
            .map(Outcome::Image),
    };
    Answer {
        file_type: Some(file_type),
        outcome: outcome.unwrap_or_else(Outcome::Error),
    }
}
