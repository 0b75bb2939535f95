//! The journal: updates on disk, in order, until the engine has flushed them.
//!
//! A flush of the engine costs some sixty syncs, an append to this file one. So a group of updates is durable once it is in
//! the journal; the engine flushes when the journal has grown, and only then the journal is emptied. Whoever opens the
//! collection applies what the journal holds, which is harmless for updates that were flushed already.
//!
//! The file is a row of frames: the length of the body (4 bytes, little endian), the first 16 bytes of the body's BLAKE3
//! hash, the body. The first frame that is cut short or damaged ends the journal: a crash happened while it was
//! written, so nobody was told that it is safe.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use uuid::Uuid;

use crate::ids::{ClaimId, PointId};
use crate::vectors::{Point, SparseVector};

const LENGTH_BYTES: usize = 4;
const HASH_BYTES: usize = 16;

const UPSERT: u8 = 0;
const DELETE: u8 = 1;

/// One update.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// Points to write.
    Upsert(Vec<Point>),
    /// Claims whose points go.
    Delete(Vec<ClaimId>),
}

/// The open file.
pub(super) struct Journal {
    file: File,
    /// Where the next frame goes.
    end: u64,
}

impl Journal {
    /// Opens the journal in a folder, or makes one, and applies what it holds.
    pub(super) fn open<E: From<io::Error>>(
        dir: &Path,
        mut apply: impl FnMut(Change) -> Result<(), E>,
    ) -> Result<Self, E> {
        let path = dir.join("journal");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        File::open(dir)?.sync_all()?;
        let mut reader = BufReader::new(&file);
        let mut end = 0;
        while let Some(body) = read_frame(&mut reader)? {
            let Some(change) = decode(&body) else { break };
            apply(change)?;
            end += (LENGTH_BYTES + HASH_BYTES + body.len()) as u64;
        }
        Ok(Self { file, end })
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Adds frames; they are durable when this returns `Ok`. After an error the journal is what it was before.
    pub(super) fn append<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        let before = self.end;
        let appended = self.write(frames);
        if appended.is_err() {
            self.end = before;
            // If this fails too, the next frame overwrites what is left.
            self.file.set_len(before).ok();
        }
        appended
    }

    fn write<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        for frame in frames {
            self.file.write_all(frame)?;
            self.end += frame.len() as u64;
        }
        self.file.sync_data()
    }

    /// Forgets everything, once the engine has flushed it.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.end = 0;
        self.file.set_len(0)?;
        self.file.sync_data()
    }
}

fn read_frame(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; LENGTH_BYTES + HASH_BYTES];
    if !read_whole(reader, &mut header)? {
        return Ok(None);
    }
    let (length, hash) = header.split_at(LENGTH_BYTES);
    let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let intact = body.len() as u64 == length && blake3::hash(&body).as_bytes()[..HASH_BYTES] == *hash;
    Ok(intact.then_some(body))
}

/// Fills the buffer, or says that the file ends first.
fn read_whole(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The frame of a change.
pub(super) fn frame(change: &Change) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; LENGTH_BYTES + HASH_BYTES];
    encode(change, &mut frame)?;
    let body = &frame[LENGTH_BYTES + HASH_BYTES..];
    let (length, hash) = (length(body.len())?, blake3::hash(body));
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    frame[LENGTH_BYTES..][..HASH_BYTES].copy_from_slice(&hash.as_bytes()[..HASH_BYTES]);
    Ok(frame)
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidInput, "more than 4 GiB in one update"))
}

fn encode(change: &Change, out: &mut Vec<u8>) -> io::Result<()> {
    match change {
        Change::Upsert(points) => {
            out.push(UPSERT);
            out.extend(length(points.len())?.to_le_bytes());
            for point in points {
                out.extend(point.id.0.as_bytes());
                let payload = serde_json::to_vec(&point.payload)?;
                out.extend(length(payload.len())?.to_le_bytes());
                out.extend(payload);
                out.push(u8::from(point.dense.is_some()));
                encode_floats(point.dense.as_deref().unwrap_or_default(), out)?;
                encode_floats(&point.bm25.values, out)?;
                out.extend(point.bm25.indices.iter().flat_map(|index| index.to_le_bytes()));
            }
        }
        Change::Delete(claims) => {
            out.push(DELETE);
            out.extend(length(claims.len())?.to_le_bytes());
            out.extend(claims.iter().flat_map(|claim| claim.0.into_bytes()));
        }
    }
    Ok(())
}

fn encode_floats(values: &[f32], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend(length(values.len())?.to_le_bytes());
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(())
}

/// A change, or `None` when the body makes no sense.
fn decode(body: &[u8]) -> Option<Change> {
    let (kind, mut rest) = body.split_first()?;
    let input = &mut rest;
    let count = number(input)?;
    let change = match *kind {
        UPSERT => Change::Upsert((0..count).map(|_| decode_point(input)).collect::<Option<_>>()?),
        DELETE => Change::Delete(
            (0..count)
                .map(|_| id(input).map(ClaimId))
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    };
    input.is_empty().then_some(change)
}

fn decode_point(input: &mut &[u8]) -> Option<Point> {
    let id = PointId(id(input)?);
    let length = number(input)?;
    let payload = serde_json::from_slice(input.split_off(..length)?).ok()?;
    let has_dense = input.split_off_first()? == &1;
    let dense = words(input)?.map(f32::from_le_bytes).collect();
    let values: Vec<_> = words(input)?.map(f32::from_le_bytes).collect();
    let indices = input.split_off(..values.len().checked_mul(4)?)?.as_chunks().0;
    let indices = indices.iter().map(|index| u32::from_le_bytes(*index)).collect();
    Some(Point {
        id,
        payload,
        dense: has_dense.then_some(dense),
        bm25: SparseVector { indices, values },
    })
}

fn id(input: &mut &[u8]) -> Option<Uuid> {
    Uuid::from_slice(input.split_off(..16)?).ok()
}

fn number(input: &mut &[u8]) -> Option<usize> {
    let bytes = input.split_off(..4)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// A counted row of 4-byte words.
fn words<'a>(input: &mut &'a [u8]) -> Option<impl Iterator<Item = [u8; 4]> + use<'a>> {
    let count = number(input)?;
    Some(
        input
            .split_off(..count.checked_mul(4)?)?
            .as_chunks()
            .0
            .iter()
            .copied(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::conformance::point;

    fn changes() -> Vec<Change> {
        let claim = ClaimId::generate();
        let bare = point("b.md", claim, 1, "", None);
        vec![
            Change::Upsert(vec![point("ä.md", claim, 0, "anchor ballast", Some(8)), bare]),
            Change::Delete(vec![claim, ClaimId::generate()]),
            Change::Upsert(vec![]),
        ]
    }

    fn read(dir: &Path) -> (Journal, Vec<Change>) {
        let mut held = vec![];
        let journal = Journal::open(dir, |change| {
            held.push(change);
            io::Result::Ok(())
        });
        (journal.unwrap(), held)
    }

    fn append(journal: &mut Journal, changes: &[Change]) {
        let frames: Vec<_> = changes.iter().map(|change| frame(change).unwrap()).collect();
        journal.append(frames.iter().map(Vec::as_slice)).unwrap();
    }

    #[test]
    fn what_was_appended_is_held_until_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let changes = changes();
        append(&mut read(dir.path()).0, &changes);
        let (mut journal, held) = read(dir.path());
        assert_eq!(held, changes);
        append(&mut journal, &changes[..1]);
        let (mut journal, held) = read(dir.path());
        assert_eq!(held, [&changes[..], &changes[..1]].concat());
        journal.clear().unwrap();
        assert_eq!(read(dir.path()).1, []);
    }

    #[test]
    fn a_torn_or_damaged_end_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let changes = changes();
        append(&mut read(dir.path()).0, &changes[..1]);
        let path = dir.path().join("journal");
        let first = std::fs::read(&path).unwrap();
        let second = frame(&changes[1]).unwrap();
        for cut in 0..second.len() {
            std::fs::write(&path, [&first[..], &second[..cut]].concat()).unwrap();
            let (mut journal, held) = read(dir.path());
            assert_eq!(held, changes[..1], "cut at {cut}");
            append(&mut journal, &changes[2..]);
            assert_eq!(
                read(dir.path()).1,
                [&changes[..1], &changes[2..]].concat(),
                "cut at {cut}"
            );

            let mut flipped = second.clone();
            flipped[cut] ^= 1;
            std::fs::write(&path, [&first[..], &flipped].concat()).unwrap();
            assert_eq!(read(dir.path()).1, changes[..1], "flipped at {cut}");
        }
    }
}
