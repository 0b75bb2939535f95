//! The child of the crate's own tests. It answers a file named `probe:…` by doing what a document that has taken over a
//! converter might; no other program knows these probes.

mod nested;
mod probes;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(ended) = convert::child::run_if_asked_with(probes::work) {
        return ended;
    }
    nested::run()
}
