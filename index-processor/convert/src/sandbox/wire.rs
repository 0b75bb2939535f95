//! The parent's end of the pipes. The child may have been taken over by a document, so nothing it says is believed: neither
//! lengths, nor that text is text, nor that parts lie within it, nor that a code is a code.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::cause::printable;
use crate::protocol::frame::{self, Lengths, MAX_HEADER, PREFIX};
use crate::protocol::{Answer, Answered, Outcome, Shape};
use crate::{About, ConvertError, Document};

/// Documents up to this size, in bytes, are sent together with their header: one wake-up of the child less.
const TOGETHER: usize = 64 << 10;

/// Longest reason that is taken from a child, in characters.
const MAX_REASON: usize = 2000;

/// Longest name that is taken from a child, in bytes.
const MAX_NAME: usize = 100;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WireError {
    /// The child is gone, or about to be.
    Gone,
    /// It wants to send more than is taken.
    TooLarge,
    /// It sent what it should not have.
    Nonsense(&'static str),
}

impl From<io::Error> for WireError {
    fn from(_gone: io::Error) -> Self {
        Self::Gone
    }
}

/// Sends a request and reads its answer, both at once: a child that answers early does not wait for a full pipe. Returns
/// also whether the child asks to be replaced.
pub(super) async fn exchange(
    to: &mut (impl AsyncWrite + Unpin),
    from: &mut (impl AsyncRead + Unpin),
    order: &impl Serialize,
    bytes: &[u8],
    max_body: u64,
) -> Result<(Answer, bool), WireError> {
    let mut head = frame::head(order, bytes.len())?;
    let send = async {
        if bytes.len() <= TOGETHER {
            head.extend_from_slice(bytes);
            to.write_all(&head).await?;
        } else {
            to.write_all(&head).await?;
            to.write_all(bytes).await?;
        }
        Ok(())
    };
    let ((), (answered, body)) = tokio::try_join!(send, read(from, max_body))?;
    accept(answered, body)
}

/// The next frame.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    max_body: u64,
) -> Result<(T, Vec<u8>), WireError> {
    let mut prefix = [0; PREFIX];
    from.read_exact(&mut prefix).await?;
    let lengths = Lengths::parse(prefix);
    if lengths.header > MAX_HEADER {
        return Err(WireError::Nonsense("its header is too long"));
    }
    if lengths.body > max_body {
        return Err(WireError::TooLarge);
    }
    let header = exactly(from, lengths.header.into()).await?;
    let header =
        serde_json::from_slice(&header).map_err(|_| WireError::Nonsense("its header is malformed"))?;
    Ok((header, exactly(from, lengths.body).await?))
}

async fn exactly(from: &mut (impl AsyncRead + Unpin), length: u64) -> Result<Vec<u8>, WireError> {
    // Room grows with what arrives, not with what was announced.
    let mut bytes = Vec::with_capacity(Lengths::first_room(length));
    from.take(length).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(WireError::Gone)
    }
}

fn accept(answered: Answered, body: Vec<u8>) -> Result<(Answer, bool), WireError> {
    let outcome = match answered.outcome {
        Shape::Document(about) => Outcome::Document(document(about, body)?),
        Shape::Image if body.starts_with(b"\x89PNG") => Outcome::Image(body),
        Shape::Image => return Err(WireError::Nonsense("its image is not PNG")),
        Shape::TypeOnly => Outcome::TypeOnly,
        Shape::Error(error) => Outcome::Error(of_child(error)?),
    };
    let answer = Answer {
        file_type: answered.file_type,
        outcome,
    };
    Ok((answer, answered.retire))
}

fn document(about: About, markdown: Vec<u8>) -> Result<Document, WireError> {
    let markdown = String::from_utf8(markdown).map_err(|_| WireError::Nonsense("its text is not UTF-8"))?;
    let mut before = 0;
    for part in &about.parts {
        if part.start < before || !markdown.is_char_boundary(part.start) {
            return Err(WireError::Nonsense("its parts are not within the text"));
        }
        before = part.start;
    }
    if !is_name(&about.converter) || !is_name(&about.mime) {
        return Err(WireError::Nonsense("its names are not names"));
    }
    Ok(Document { markdown, about })
}

/// Codes become labels of metrics, reasons become lines of logs.
fn of_child(mut error: ConvertError) -> Result<ConvertError, WireError> {
    let (ConvertError::Unsupported { code, reason }
    | ConvertError::Blocked { code, reason }
    | ConvertError::Failed { code, reason }) = &mut error;
    let is_code = code
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_code || !is_name(code) {
        return Err(WireError::Nonsense("its error code is not one"));
    }
    *reason = printable(reason, MAX_REASON);
    Ok(error)
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
