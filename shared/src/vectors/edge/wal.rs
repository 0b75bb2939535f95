//! Edge's write-ahead log: kept from growing.
//!
//! Edge writes every update to the log and never reads it back, neither to recover nor to replicate. Its length still
//! matters: the position of an update in the log is the update's version, and an update with a version below that of
//! the point it is about is ignored. So the log is replaced by an empty one that *starts* where the old one ended:
//! a "closed" log file without entries, named after the position that follows it.
//!
//! The format is that of Edge's `wal` module: files `open-<n>` and `closed-<first position>`; each has an 8-byte
//! header (`wal`, version 0, a checksum seed) and entries of an 8-byte little-endian length, the data, padding to 8
//! bytes and a 4-byte checksum, of which length and checksum take part in the alignment.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const HEADER: [u8; 8] = *b"wal\0\0\0\0\0";
const LENGTH_BYTES: u64 = 8;
const CHECKSUM_BYTES: u64 = 4;

/// Bytes in the finished files of the log of the shard in `dir`.
pub(super) fn finished_bytes(dir: &Path) -> io::Result<u64> {
    files(&dir.join("wal"))?
        .into_iter()
        .filter(|file| file.first.is_some())
        .map(|file| file.bytes())
        .sum()
}

/// Replaces the log of the closed shard in `dir` by an empty one that continues its positions.
///
/// A crash at any moment leaves the old log, or the new one ready to be moved in place by the next call.
pub(super) fn empty(dir: &Path) -> io::Result<()> {
    let (log, fresh, stale) = (dir.join("wal"), dir.join("wal.fresh"), dir.join("wal.stale"));
    if !log.exists() {
        return if fresh.exists() {
            move_into_place(dir, &fresh, &log)
        } else {
            Ok(())
        };
    }
    let next = next_position(&log)?;
    remove(&fresh)?;
    fs::create_dir(&fresh)?;
    let mut file = File::create(fresh.join(format!("closed-{next}")))?;
    file.write_all(&HEADER)?;
    file.sync_all()?;
    File::open(&fresh)?.sync_all()?;
    remove(&stale)?;
    fs::rename(&log, &stale)?;
    move_into_place(dir, &fresh, &log)?;
    remove(&stale)
}

fn move_into_place(dir: &Path, fresh: &Path, log: &Path) -> io::Result<()> {
    fs::rename(fresh, log)?;
    File::open(dir)?.sync_all()
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// One file of a log.
struct LogFile {
    path: PathBuf,
    /// The position of a finished file's first entry; `None` for one that is being written.
    first: Option<u64>,
}

impl LogFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.path)?.len())
    }

    /// Entries in the file. Checksums are not looked at: a position too many does no harm.
    fn entries(&self) -> io::Result<u64> {
        let bytes = self.bytes()?;
        let mut file = File::open(&self.path)?;
        let (mut offset, mut entries) = (HEADER.len() as u64, 0);
        while offset + LENGTH_BYTES + CHECKSUM_BYTES < bytes {
            let mut length = [0; 8];
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut length)?;
            let length = u64::from_le_bytes(length);
            if length == 0 || length > bytes - offset {
                break;
            }
            offset += (LENGTH_BYTES + length + CHECKSUM_BYTES).next_multiple_of(8);
            entries += 1;
        }
        Ok(entries)
    }
}

fn next_position(log: &Path) -> io::Result<u64> {
    let files = files(log)?;
    let finished = files
        .iter()
        .filter(|file| file.first.is_some())
        .max_by_key(|file| file.first);
    let mut next = match finished {
        Some(file) => file.first.unwrap_or(0) + file.entries()?,
        None => 0,
    };
    for file in files.iter().filter(|file| file.first.is_none()) {
        next += file.entries()?;
    }
    Ok(next)
}

fn files(log: &Path) -> io::Result<Vec<LogFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(log)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if let Some(first) = name.strip_prefix("closed-").and_then(|first| first.parse().ok()) {
            files.push(LogFile {
                path: entry.path(),
                first: Some(first),
            });
        } else if name.starts_with("open-") {
            files.push(LogFile {
                path: entry.path(),
                first: None,
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_between_the_renames_is_made_good() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal.fresh")).unwrap();
        fs::write(dir.path().join("wal.fresh/closed-7"), HEADER).unwrap();
        fs::create_dir(dir.path().join("wal.stale")).unwrap();
        empty(dir.path()).unwrap();
        assert_eq!(next_position(&dir.path().join("wal")).unwrap(), 7);
        empty(dir.path()).unwrap();
        assert_eq!(next_position(&dir.path().join("wal")).unwrap(), 7);
        assert!(!dir.path().join("wal.stale").exists());
    }

    #[test]
    fn a_new_folder_has_no_log_to_empty() {
        let dir = tempfile::tempdir().unwrap();
        empty(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
