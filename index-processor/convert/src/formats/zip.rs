//! Archives: every member under its path, in the order of the paths.
//!
//! What a member unpacks to is counted while it is read, so that a bomb ends at the allowance, whatever sizes it states.

use std::borrow::Cow;
use std::io::Cursor;

use zip::ZipArchive;
use zip::result::ZipError;

use super::members::{Added, Members};
use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "zip",
    version: 1,
    run,
};

/// Folders that programs keep their own things in.
const HIDDEN_FOLDERS: [&str; 4] = ["__MACOSX", ".git", ".svn", ".hg"];

/// Files that systems leave behind, in lower case.
const HIDDEN_FILES: [&str; 3] = [".ds_store", "thumbs.db", "desktop.ini"];

fn run(input: &Input<'_>, _: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    let mut archive = ZipArchive::new(Cursor::new(input.bytes)).map_err(unreadable)?;
    let mut members = Members::new(context, String::new(), "", 1);
    let entries = entries(&archive, &mut members);
    for (done, (name, index)) in entries.iter().enumerate() {
        if members.is_full(entries.len() - done, entries.len()) {
            break;
        }
        let added = match read(&mut archive, *index, context) {
            Ok(bytes) => members.add(&Input {
                name,
                bytes: &bytes,
                content_type: None,
            }),
            Err(error) => members.add_unread(name, error),
        };
        match added {
            // Nothing behind a bomb could be read either.
            Added::Unread(error) if error.code() == "too_large_unpacked" => return Err(error),
            Added::Unread(_) | Added::Converted | Added::Skipped => {}
        }
    }
    finish(members, entries.len())
}

/// Names and numbers of the members that are worth a look, in the order of their names.
fn entries(archive: &ZipArchive<Cursor<&[u8]>>, members: &mut Members<'_, '_>) -> Vec<(String, usize)> {
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index_data(index) else {
            continue;
        };
        let name = entry
            .name()
            .unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw()))
            .into_owned();
        if entry.is_dir() || is_hidden(&name) {
            continue;
        }
        if entry.is_symlink() {
            members.skip(&name);
            continue;
        }
        entries.push((name, index));
    }
    entries.sort();
    entries
}

/// Unpacks one member.
fn read(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    context: &Context<'_>,
) -> Result<Vec<u8>, ConvertError> {
    let entry = archive.by_index_data(index).map_err(unreadable)?;
    // A bomb that is honest about itself need not be unpacked.
    if entry.size() > context.unpack_left() && entry.size() < u64::from(u32::MAX) * 1024 {
        context.unpacked(entry.size())?;
    }
    let file = archive.by_index(index).map_err(unreadable)?;
    context.unpack(file, "file in an archive")
}

fn is_hidden(name: &str) -> bool {
    let name: Cow<'_, str> = name.replace('\\', "/").into();
    let mut segments = name.split('/').rev();
    let file = segments.next().unwrap_or_default();
    file.starts_with("._")
        || HIDDEN_FILES.contains(&file.to_lowercase().as_str())
        || segments.any(|folder| HIDDEN_FOLDERS.contains(&folder))
}

fn finish(members: Members<'_, '_>, entries: usize) -> Result<Converted, ConvertError> {
    if members.converted() == 0 {
        return Err(match members.failure() {
            Some(error) => error.clone(),
            None if entries == 0 => {
                ConvertError::unsupported("empty", "the archive is empty, there is nothing to index")
            }
            None => ConvertError::unsupported(
                "nothing_inside",
                format!("none of the {entries} files in the archive is of a type that is indexed"),
            ),
        });
    }
    let whole = members.finish();
    Ok(Converted {
        markdown: whole.markdown,
        kind: DocumentKind::Office,
        mime: "application/zip",
        title: None,
        warnings: whole.warnings,
        parts: whole.parts,
    })
}

/// Why an archive, or a member of it, cannot be read.
pub(super) fn unreadable(error: ZipError) -> ConvertError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            ConvertError::password_protected("archive")
        }
        ZipError::CompressionMethodNotSupported(method) => ConvertError::failed(
            "compression_not_supported",
            format!(
                "the archive is compressed with method {method}, which is not read here; pack it anew with Deflate"
            ),
        ),
        ZipError::UnsupportedArchive(what) => ConvertError::failed(
            "compression_not_supported",
            format!(
                "the archive is packed in a way that is not read here ({what}); pack it anew with Deflate"
            ),
        ),
        error => ConvertError::corrupt("archive", error),
    }
}

#[cfg(test)]
mod tests;
