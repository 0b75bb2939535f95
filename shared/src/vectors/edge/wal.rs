//! Edge's write-ahead log: kept from growing.
//!
//! Edge writes every update to the log and never reads it back, neither to recover nor to replicate. Its length still
//! matters: the position of an update in the log is the update's version, and an update with a version below that of
//! the point it is about is ignored. So the log is replaced by an empty one that *starts* where the old one ended:
//! a "closed" log file without entries, named after the position that follows it.
//!
//! That file does not last. When Edge finishes its first file it removes the empty one and then gives its name to the
//! full one; killed in between, it leaves a log that seems to start at 0, and whoever opens it would have deletes
//! acknowledged and ignored. So a note beside the files says where the log starts (`start-<position>`, which Edge
//! passes over), and no log starts before the versions that the segments say they hold.
//!
//! The format is that of Edge's `wal` module: files `open-<n>` and `closed-<first position>`; each has an 8-byte
//! header (`wal`, version 0, a checksum seed) and entries of an 8-byte little-endian length, the data, padding to 8
//! bytes and a 4-byte checksum, of which length and checksum take part in the alignment.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::segments;

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
    let next = next_position(&log)?.max(segments::next_version(dir)?);
    remove(&fresh)?;
    fs::create_dir(&fresh)?;
    let mut file = File::create(fresh.join(format!("closed-{next}")))?;
    file.write_all(&HEADER)?;
    file.sync_all()?;
    File::create(fresh.join(format!("start-{next}")))?.sync_all()?;
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
    /// The position of a finished file's first entry, or the one that a note says; `None` for one that is being written.
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
    let (mut finished, mut open) = (0, 0);
    for file in files(log)? {
        match file.first {
            Some(first) => finished = finished.max(first + file.entries()?),
            None => open += file.entries()?,
        }
    }
    Ok(finished + open)
}

fn files(log: &Path) -> io::Result<Vec<LogFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(log)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let first = name
            .strip_prefix("closed-")
            .or_else(|| name.strip_prefix("start-"))
            .and_then(|first| first.parse().ok());
        if let Some(first) = first {
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
    fn a_crash_while_the_first_file_is_finished_loses_no_position() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("wal");
        fs::create_dir(&log).unwrap();
        fs::write(log.join("closed-7"), HEADER).unwrap();
        empty(dir.path()).unwrap();
        // Two entries of four bytes, and room for more; the engine has removed the empty file and renamed nothing yet.
        let entry = [&4_u64.to_le_bytes()[..], b"data", b"hash"].concat();
        fs::write(
            log.join("open-1"),
            [&HEADER[..], &entry, &entry, &[0; 32]].concat(),
        )
        .unwrap();
        fs::write(log.join("open-2"), HEADER).unwrap();
        fs::remove_file(log.join("closed-7")).unwrap();
        assert_eq!(next_position(&log).unwrap(), 9);
        // It gets the name of the removed one.
        fs::rename(log.join("open-1"), log.join("closed-7")).unwrap();
        assert_eq!(next_position(&log).unwrap(), 9);
        empty(dir.path()).unwrap();
        assert_eq!(next_position(&log).unwrap(), 9);
    }

    #[test]
    fn a_new_folder_has_no_log_to_empty() {
        let dir = tempfile::tempdir().unwrap();
        empty(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
