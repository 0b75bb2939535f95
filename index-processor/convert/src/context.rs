//! What a conversion may do, and what it has done so far: files inside files share one allowance.

use std::cell::Cell;
use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::{ConvertError, Document, FileType, Input};

/// What a conversion may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Types that are opened although they are [blocked by default](FileType::is_blocked_by_default).
    pub open: Vec<FileType>,
    /// Most bytes of text that a file may become.
    pub max_output_bytes: u64,
    /// Most bytes that a file's compressed parts may unpack to, all together.
    pub max_unpacked_bytes: u64,
    /// Most files inside a file, at every depth together.
    pub max_members: u32,
    /// Files inside files inside a file.
    pub max_depth: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            max_output_bytes: 64 << 20,
            max_unpacked_bytes: 512 << 20,
            max_members: 1000,
            max_depth: 4,
        }
    }
}

/// The allowance of one file and of everything inside it.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    unpacked: Cell<u64>,
    members: Cell<u32>,
    depth: Cell<u32>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self {
            options,
            unpacked: Cell::new(0),
            members: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    /// What is left to unpack, in bytes. A reader is limited to it and one byte more before it reads, so that an archive
    /// bomb ends early; [`unpacked`](Self::unpacked) then counts.
    pub(crate) fn unpack_left(&self) -> u64 {
        self.options
            .max_unpacked_bytes
            .saturating_sub(self.unpacked.get())
    }

    /// Counts unpacked bytes.
    pub(crate) fn unpacked(&self, bytes: u64) -> Result<(), ConvertError> {
        let total = self.unpacked.get().saturating_add(bytes);
        self.unpacked.set(total);
        if total > self.options.max_unpacked_bytes {
            return Err(ConvertError::failed(
                "too_large_unpacked",
                format!(
                    "the file unpacks to more than {} MiB; index its parts by themselves",
                    self.options.max_unpacked_bytes >> 20
                ),
            ));
        }
        Ok(())
    }

    /// Reads a compressed stream to its end, within the allowance; `what` names the file in the error.
    pub(crate) fn unpack(&self, reader: impl Read, what: &str) -> Result<Vec<u8>, ConvertError> {
        let mut bytes = Vec::new();
        let read = reader
            .take(self.unpack_left().saturating_add(1))
            .read_to_end(&mut bytes);
        self.unpacked(bytes.len() as u64)?;
        read.map_err(|error| ConvertError::corrupt(what, error))?;
        Ok(bytes)
    }

    /// May another file inside be converted?
    pub(crate) fn has_room_for_member(&self) -> bool {
        self.members.get() < self.options.max_members
    }

    /// Refuses text of more than the allowed `bytes`. A converter whose output may be much larger than its input asks on the
    /// way, before it has filled the memory.
    pub(crate) fn output(&self, bytes: usize) -> Result<(), ConvertError> {
        if bytes as u64 <= self.options.max_output_bytes {
            return Ok(());
        }
        Err(ConvertError::failed(
            "output_too_large",
            format!(
                "the file has more than {} MiB of text; split it",
                self.options.max_output_bytes >> 20
            ),
        ))
    }

    /// Converts a file that is inside this one.
    pub(crate) fn nested(&self, input: &Input<'_>) -> Result<Document, ConvertError> {
        if self.depth.get() >= self.options.max_depth {
            return Err(ConvertError::failed(
                "nested_too_deep",
                format!(
                    "files are nested more than {} deep; index them by themselves",
                    self.options.max_depth
                ),
            ));
        }
        if !self.has_room_for_member() {
            return Err(ConvertError::failed(
                "too_many_members",
                format!(
                    "there are more than {} files inside; index them by themselves",
                    self.options.max_members
                ),
            ));
        }
        self.members.set(self.members.get() + 1);
        self.depth.set(self.depth.get() + 1);
        let converted = crate::convert_within(input, self);
        self.depth.set(self.depth.get() - 1);
        converted
    }
}
