//! What a child is told when it starts. It is an argument: the environment of a child is not the worker's, so that no secret
//! gets there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::protocol::Profile;

/// Stack of the thread that converts, in bytes: parsers recurse as deep as a document nests.
pub(crate) const STACK: usize = 64 << 20;

/// What a child is told when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) profile: Profile,
    /// Id of the process that it must not outlive.
    pub(crate) parent: i32,
    /// Memory for converting, in bytes, beside what the program itself takes.
    pub(crate) memory_bytes: u64,
    /// Largest document, in bytes.
    pub(crate) max_input_bytes: u64,
    /// Largest file that it may write, in bytes.
    pub(crate) max_file_bytes: u64,
    /// Where it may write.
    pub(crate) temp_dir: Option<PathBuf>,
    /// What it may read and run.
    pub(crate) readable: Vec<PathBuf>,
}

impl Setup {
    pub(crate) fn parse(argument: &OsStr) -> io::Result<Self> {
        Ok(serde_json::from_slice(argument.as_encoded_bytes())?)
    }

    pub(crate) fn to_argument(&self) -> io::Result<OsString> {
        Ok(serde_json::to_string(self)?.into())
    }
}
