//! What is in a compound file of Microsoft (CFB), told by the names of the streams at its top: the class of its root is
//! often not set.

use std::io::Cursor;
use std::panic::catch_unwind;

use cfb::CompoundFile;

/// How every compound file starts.
pub(super) const SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// Size of an entry in the directory, and where in it the length of its name is, in bytes.
const ENTRY: usize = 128;
const NAME_LENGTH: usize = 64;

/// What a compound file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An office document behind a password.
    Encrypted,
    /// A message of Outlook.
    Message,
    Word,
    Excel,
    PowerPoint,
    Unknown,
}

/// Looks at the names; those of a damaged file are looked for where they may be.
pub(super) fn content(bytes: &[u8]) -> Content {
    let names = catch_unwind(|| {
        let container = CompoundFile::open(Cursor::new(bytes)).ok()?;
        let entries = container.read_root_storage();
        Some(told(entries.map(|entry| entry.name().to_owned())))
    });
    match names {
        Ok(Some(content)) => content,
        Ok(None) | Err(_) => told(bytes.chunks_exact(ENTRY).filter_map(name)),
    }
}

/// What these names tell; those of other programs may stand among them.
fn told(names: impl Iterator<Item = String>) -> Content {
    let contents = names.map(|name| match name.as_str() {
        "EncryptedPackage" | "EncryptionInfo" => Content::Encrypted,
        "__properties_version1.0" | "__nameid_version1.0" => Content::Message,
        "WordDocument" => Content::Word,
        "Workbook" | "Book" => Content::Excel,
        "PowerPoint Document" => Content::PowerPoint,
        _ if name.starts_with("__substg1.0_") => Content::Message,
        _ => Content::Unknown,
    });
    // A message holds its attachments, which in a damaged file cannot be told from the message.
    contents
        .min_by_key(|content| match content {
            Content::Message => 0,
            Content::Encrypted => 1,
            Content::Word => 2,
            Content::Excel => 3,
            Content::PowerPoint => 4,
            Content::Unknown => 5,
        })
        .unwrap_or(Content::Unknown)
}

/// The name in an entry of the directory, if it is one of a stream or folder.
fn name(entry: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes([
        *entry.get(NAME_LENGTH)?,
        *entry.get(NAME_LENGTH + 1)?,
    ]));
    let is_entry = matches!(entry.get(NAME_LENGTH + 2)?, 1 | 2);
    if !is_entry || !(4..=NAME_LENGTH).contains(&length) {
        return None;
    }
    let (units, _) = entry.get(..length - 2)?.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).ok()
}
