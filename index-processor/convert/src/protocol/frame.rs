//! Frames: the length of the header and of the bytes, the header as JSON, the bytes.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the header.
pub(crate) const PREFIX: usize = 12;

/// Longest header. An archive of a thousand files with a dozen pages each has a megabyte of parts.
pub(crate) const MAX_HEADER: u32 = 32 << 20;

/// What is read at once before the lengths that the other side states are believed.
const FIRST_ROOM: u64 = 1 << 20;

/// What follows a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) header: u32,
    pub(crate) body: u64,
}

impl Lengths {
    pub(crate) fn parse(prefix: [u8; PREFIX]) -> Self {
        let [a, b, c, d, body @ ..] = prefix;
        Self {
            header: u32::from_le_bytes([a, b, c, d]),
            body: u64::from_le_bytes(body),
        }
    }

    /// How much room to make before anything has arrived.
    pub(crate) fn first_room(length: u64) -> usize {
        usize::try_from(length.min(FIRST_ROOM)).unwrap_or(0)
    }
}

/// Prefix and header, ready to be sent before `body` bytes.
pub(crate) fn head<T: Serialize>(header: &T, body: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; PREFIX];
    serde_json::to_writer(&mut head, header)?;
    let length = u32::try_from(head.len() - PREFIX)
        .ok()
        .filter(|length| *length <= MAX_HEADER)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the header of a frame is too long"))?;
    let prefix = length
        .to_le_bytes()
        .into_iter()
        .chain((body as u64).to_le_bytes());
    for (place, byte) in head.iter_mut().zip(prefix) {
        *place = byte;
    }
    Ok(head)
}

pub(crate) fn write<T: Serialize>(to: &mut impl Write, header: &T, body: &[u8]) -> io::Result<()> {
    to.write_all(&head(header, body.len())?)?;
    to.write_all(body)
}

/// The next frame; `None` when the other side has closed.
pub(crate) fn read<T: DeserializeOwned>(
    from: &mut impl Read,
    max_body: u64,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    match from.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let lengths = Lengths::parse(prefix);
    if lengths.header > MAX_HEADER || lengths.body > max_body {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
    }
    let header = exactly(from, u64::from(lengths.header))?;
    let header = serde_json::from_slice(&header)?;
    Ok(Some((header, exactly(from, lengths.body)?)))
}

fn exactly(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    // The whole length at once: the child's reads are of what its parent sends, and a document is not moved while it grows.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let mut pipe = Vec::new();
        write(&mut pipe, &("header", 1), b"body").unwrap();
        write(&mut pipe, &("empty", 2), b"").unwrap();
        let mut from = pipe.as_slice();
        let first: (String, u32) = ("header".into(), 1);
        assert_eq!(read(&mut from, 4).unwrap(), Some((first, b"body".to_vec())));
        let second: (String, u32) = ("empty".into(), 2);
        assert_eq!(read(&mut from, 4).unwrap(), Some((second, Vec::new())));
        assert_eq!(read::<(String, u32)>(&mut from, 4).unwrap(), None);
    }

    #[test]
    fn lengths_are_checked_before_anything_is_read() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"header", b"12345").unwrap();
        let error = read::<String>(&mut pipe.as_slice(), 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut absurd = u32::MAX.to_le_bytes().to_vec();
        absurd.extend(0_u64.to_le_bytes());
        let error = read::<String>(&mut absurd.as_slice(), u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_that_ends_early_is_an_error() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"header", b"12345").unwrap();
        pipe.pop();
        let error = read::<String>(&mut pipe.as_slice(), 5).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
