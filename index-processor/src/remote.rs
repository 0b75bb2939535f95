//! Conversion by a service: the last links of the chain, for what no converter of ours can read.
//!
//! Services need the network, so they are asked by the worker and not by the sandboxed child; all that comes back is text.
//! [`RemoteConverter`] is the one trait. Behind it are [`docling`], [`unstructured`] and [`document_intelligence`], which share
//! their HTTP edge: bounded answers, time limits, no redirects, at most so many conversions at a time, and one way
//! to say whose fault a failure is ([`RemoteError`]). See `docs/decisions/remote-conversion.md`.

pub mod docling;
pub mod document_intelligence;
mod error;
mod http;
mod media;
mod pages;
mod places;
mod refusal;
mod settings;
mod tables;
pub mod unstructured;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use convert::{Document, FileType};

pub use error::{RemoteError, codes};
pub use settings::{RemoteArgs, RemoteKind, ServiceSettings};

pub(crate) use places::Places;
pub(crate) use refusal::{Service, refused};
pub(crate) use settings::{base_url, check_key};

/// A file to convert.
#[derive(Clone, Copy, Debug)]
pub struct RemoteRequest<'a> {
    /// Its name or path. It is not sent: services get `document` and the ending of the type.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a Bytes,
    /// What it is, as found by [`convert::file_type`].
    pub file_type: FileType,
    /// Its media type as the source states it, where content does not tell.
    pub content_type: Option<&'a str>,
    /// The pages that are wanted, from 1; all of them if empty. Only PDFs and TIFFs have any; for others it is ignored.
    pub pages: &'a [u32],
}

/// A service that makes Markdown from files.
#[async_trait]
pub trait RemoteConverter: Send + Sync + fmt::Debug {
    /// The name in documents and settings.
    fn name(&self) -> &'static str;

    /// Names what decides the text that a file becomes, as far as it is known here: documents made under another one are made
    /// again. The models of a service can change without it.
    fn fingerprint(&self) -> String;

    /// Whether the service reads files of this type.
    fn handles(&self, file_type: FileType) -> bool;

    /// Converts one file, or some of its pages.
    ///
    /// Pages and slides come back as [parts](convert::Part) with their numbers in the file. Those that the service could not
    /// read have `unread` set; blank ones are empty. A conversion may be asked for again after a lost answer; it then costs
    /// twice.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the request or the wait; what a service has begun it may finish for nobody.
    async fn convert(&self, request: &RemoteRequest<'_>) -> Result<Document, RemoteError>;
}

#[cfg(test)]
pub(crate) mod tests;
