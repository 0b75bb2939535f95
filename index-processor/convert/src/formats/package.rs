//! The ZIP package that office documents of today are.

use std::io::{Cursor, Read, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::ConvertError;
use crate::context::Context;

/// More than what one byte of a compressed file can unpack to: the limit of DEFLATE is 1,032.
const MAX_EXPANSION: u64 = 1040;

/// A package whose parts are read within the allowance.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// The kind of file, for people.
    what: &'static str,
}

impl<'a> Package<'a> {
    pub(super) fn open(bytes: &'a [u8], what: &'static str) -> Result<Self, ConvertError> {
        let archive =
            ZipArchive::new(Cursor::new(bytes)).map_err(|error| ConvertError::corrupt(what, error))?;
        Ok(Self { archive, what })
    }

    /// Is there a part of this name?
    pub(super) fn contains(&self, name: &str) -> bool {
        self.archive.index_for_name(name).is_some()
    }

    /// Unpacks a part; `None` when there is none of that name.
    pub(super) fn read(
        &mut self,
        name: &str,
        context: &Context<'_>,
    ) -> Result<Option<Vec<u8>>, ConvertError> {
        let part = match self.archive.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(refused(self.what, &error)),
        };
        let mut bytes = Vec::new();
        part.take(context.unpack_left().saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| ConvertError::corrupt(self.what, format!("{name}: {error}")))?;
        context.unpacked(bytes.len() as u64)?;
        Ok(Some(bytes))
    }

    /// The package with other content in some of its parts, which are not packed.
    pub(super) fn with(&mut self, changes: &[(&str, &str)]) -> Result<Vec<u8>, ConvertError> {
        let what = self.what;
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for at in 0..self.archive.len() {
            let part = self
                .archive
                .by_index_raw(at)
                .map_err(|error| refused(what, &error))?;
            let change = changes
                .iter()
                .find(|(name, _)| part.name().is_ok_and(|found| found == *name));
            let written = match change {
                None => writer.raw_copy_file(part),
                Some((name, content)) => {
                    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                    let started = writer.start_file(*name, plain);
                    started.and_then(|()| Ok(writer.write_all(content.as_bytes())?))
                }
            };
            written.map_err(|error| refused(what, &error))?;
        }
        let written = writer.finish().map_err(|error| refused(what, &error))?;
        Ok(written.into_inner())
    }

    /// The package for a library that unpacks the same parts again and again: its XML is not packed, and its pictures, sounds and
    /// fonts are empty. `change` gets each part of XML, or nothing when it cannot be unpacked, and gives what takes its place;
    /// what it gives nothing for stays as it is.
    pub(super) fn unpacked(
        &mut self,
        context: &Context<'_>,
        mut change: impl FnMut(&str, Option<Vec<u8>>) -> Option<Vec<u8>>,
    ) -> Result<Vec<u8>, ConvertError> {
        let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let what = self.what;
        let names: Vec<String> = self
            .archive
            .file_names()
            .filter_map(|name| Some(name.ok()?.into_owned()))
            .collect();
        for name in names {
            let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
            let content = if is_xml {
                // A part that is damaged may be one that nobody needs.
                let read = match self.read(&name, context) {
                    Err(error) if error.code() != "corrupt" => return Err(error),
                    read => read.ok().flatten(),
                };
                change(&name, read)
            } else {
                Some(Vec::new())
            };
            let written = match content {
                Some(content) => writer
                    .start_file(&*name, plain)
                    .and_then(|()| Ok(writer.write_all(&content)?)),
                None => match self.archive.index_for_name(&name) {
                    Some(at) => self
                        .archive
                        .by_index_raw(at)
                        .and_then(|part| writer.raw_copy_file(part)),
                    None => Ok(()),
                },
            };
            written.map_err(|error| refused(what, &error))?;
        }
        let written = writer.finish().map_err(|error| refused(what, &error))?;
        Ok(written.into_inner())
    }

    /// Counts what all parts unpack to, for libraries that unpack by themselves. The sizes that the package states may lie,
    /// so parts that could be more than what is left are unpacked to see.
    pub(super) fn count_all(&mut self, context: &Context<'_>) -> Result<(), ConvertError> {
        let mut stated = 0u64;
        let mut packed = 0u64;
        for at in 0..self.archive.len() {
            let part = self
                .archive
                .by_index_raw(at)
                .map_err(|error| refused(self.what, &error))?;
            if part.encrypted() {
                return Err(ConvertError::password_protected(self.what));
            }
            stated = stated.saturating_add(part.size());
            packed = packed.saturating_add(part.compressed_size());
        }
        if stated > context.unpack_left() || packed.saturating_mul(MAX_EXPANSION) <= context.unpack_left() {
            return context.unpacked(stated);
        }
        for at in 0..self.archive.len() {
            let Ok(part) = self.archive.by_index(at) else {
                // Whether the part is needed shows later.
                continue;
            };
            let mut part = part.take(context.unpack_left().saturating_add(1));
            match std::io::copy(&mut part, &mut std::io::sink()) {
                Ok(bytes) => context.unpacked(bytes)?,
                Err(_) => continue,
            }
        }
        Ok(())
    }
}

fn refused(what: &'static str, error: &ZipError) -> ConvertError {
    match error {
        ZipError::UnsupportedArchive(why) if *why == ZipError::PASSWORD_REQUIRED => {
            ConvertError::password_protected(what)
        }
        _ => ConvertError::corrupt(what, error),
    }
}
