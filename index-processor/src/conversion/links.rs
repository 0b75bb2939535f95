//! The links of the chain at work on one file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use convert::sandbox::Sandbox;
use convert::{ConvertError, Document, FileType, Request, Task, Unread};
use futures::{StreamExt, stream};
use shared::circuit::{CIRCUIT_OPEN, Dependency, DependencyKind, Refused, Verdict};
use shared::retry::Failure;

use super::chain::{Answer, Link, Links};
use super::page_images::Pages;
use super::{Conversion, File, Outcome};
use crate::remote::{RemoteError, RemoteRequest, codes};
use crate::vision::Vision;

/// Pages that one OCR process reads in one go: its time limit is for so many.
const OCR_BATCH: usize = 10;
/// Requests for one file that are under way at a time; the sandbox and the model have limits of their own.
const AHEAD: usize = 4;

/// The converters of a process, at work on one file.
pub(super) struct FileLinks<'a> {
    conversion: &'a Conversion,
    sandbox: &'a Sandbox,
    file: &'a File,
    file_type: FileType,
    /// What the parsers said when the type was asked for, if they were let read at once.
    native: Mutex<Option<Result<Document, ConvertError>>>,
    tokens: AtomicU64,
}

impl<'a> FileLinks<'a> {
    /// Finds out what the file is. Where parsers come first they read it in the same go, unless `type_only`.
    pub(super) async fn look(
        conversion: &'a Conversion,
        sandbox: &'a Sandbox,
        file: &'a File,
        type_only: bool,
    ) -> Result<Self, Outcome> {
        let parsers_first =
            |file_type: &FileType| conversion.chains.of(*file_type).first() == Some(&Link::Native);
        let skip = FileType::ALL
            .into_iter()
            .filter(|file_type| type_only || !parsers_first(file_type))
            .collect();
        let mut links = Self {
            conversion,
            sandbox,
            file,
            file_type: FileType::Text,
            native: Mutex::default(),
            tokens: AtomicU64::new(0),
        };
        let answer = match links.ask(Task::Native { skip }).await {
            Ok(answer) => answer,
            Err(failure) => return Err(Outcome::down(failure)),
        };
        let native = match answer.outcome {
            convert::Outcome::TypeOnly => None,
            convert::Outcome::Document(document) => Some(Ok(document)),
            // Refused by policy: no other converter is asked.
            convert::Outcome::Error(error @ ConvertError::Blocked { .. }) => {
                return Err(Outcome::new(Err(error), answer.file_type));
            }
            convert::Outcome::Error(error) => Some(Err(error)),
            convert::Outcome::Image(_) => Some(Err(nonsense())),
        };
        match (answer.file_type, native) {
            (Some(file_type), native) => {
                links.file_type = file_type;
                links.native = Mutex::new(native);
                Ok(links)
            }
            // The child did not live to say what the file is; another one looks no further than that.
            (None, Some(Err(error @ ConvertError::Failed { .. }))) => {
                let skip = FileType::ALL.to_vec();
                match links.ask(Task::Native { skip }).await {
                    Ok(convert::Answer {
                        file_type: Some(file_type),
                        ..
                    }) => {
                        links.file_type = file_type;
                        links.native = Mutex::new(Some(Err(error)));
                        Ok(links)
                    }
                    _ => Err(Outcome::new(Err(error), None)),
                }
            }
            (None, Some(Err(error))) => Err(Outcome::new(Err(error), None)),
            (None, _) => Err(Outcome::new(Err(nonsense()), None)),
        }
    }

    pub(super) fn file_type(&self) -> FileType {
        self.file_type
    }

    /// Tokens that the vision model charged so far.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    async fn ask(&self, task: Task) -> Result<convert::Answer, Failure> {
        let profile = task.profile();
        let request = Request {
            task,
            name: self.file.name.clone(),
            content_type: self.file.content_type.clone(),
            options: self.conversion.options.clone(),
        };
        let reply = self.sandbox.run(profile, &request, self.file.bytes.clone()).await;
        let reply = reply.map_err(|error| Failure::throttled("converter_unavailable", error.to_string()))?;
        Ok(convert::Answer {
            file_type: reply.file_type,
            outcome: reply.outcome,
        })
    }

    /// The text that a child makes.
    async fn text(&self, task: Task) -> Answer {
        match self.ask(task).await {
            Ok(answer) => Answer::Read(match answer.outcome {
                convert::Outcome::Document(document) => Ok(document),
                convert::Outcome::Error(error) => Err(error),
                convert::Outcome::TypeOnly | convert::Outcome::Image(_) => Err(nonsense()),
            }),
            Err(failure) => Answer::Down(failure),
        }
    }

    async fn native(&self) -> Answer {
        let known = self.native.lock().unwrap_or_else(PoisonError::into_inner).take();
        match known {
            Some(result) => Answer::Read(result),
            None => self.text(Task::Native { skip: Vec::new() }).await,
        }
    }

    async fn poppler(&self) -> Answer {
        if self.conversion.tools.pdftotext.is_none() {
            return Answer::Absent("install poppler-utils".to_owned());
        }
        match self.text(Task::Poppler).await {
            Answer::Read(Ok(document)) => Answer::Read(Ok(unread_where_blank(document))),
            other => other,
        }
    }

    async fn ocr(&self, pages: &[u32]) -> Answer {
        if !self.conversion.tools.can_ocr(self.file_type) {
            return Answer::Absent("install tesseract-ocr and poppler-utils for OCR".to_owned());
        }
        let read = |pages: Vec<u32>| {
            let languages = self.conversion.reading.languages.clone();
            self.text(Task::Ocr { pages, languages })
        };
        if pages.is_empty() {
            return read(Vec::new()).await;
        }
        let wanted = &pages[..pages.len().min(self.conversion.reading.max_pages as usize)];
        let batches: Vec<Vec<u32>> = wanted.chunks(OCR_BATCH).map(<[u32]>::to_vec).collect();
        let mut batches = stream::iter(batches).map(read).buffered(AHEAD);
        let mut document: Option<Document> = None;
        let mut error = None;
        while let Some(answer) = batches.next().await {
            match answer {
                Answer::Read(Ok(batch)) => {
                    document = Some(match document {
                        Some(before) => before.followed_by(batch),
                        None => batch,
                    });
                }
                Answer::Read(Err(why)) => error = error.or(Some(why)),
                other => return other,
            }
        }
        match (document, error) {
            (Some(document), _) => Answer::Read(Ok(document)),
            (None, Some(error)) => Answer::Read(Err(error)),
            (None, None) => Answer::Absent("OCR_MAX_PAGES is 0".to_owned()),
        }
    }

    async fn remote(&self, pages: &[u32]) -> Answer {
        let Some(remote) = self
            .conversion
            .remote
            .as_ref()
            .filter(|remote| remote.handles(self.file_type))
        else {
            return Answer::Absent(format!(
                "set a conversion service that reads {} files",
                self.file_type
            ));
        };
        let request = RemoteRequest {
            name: &self.file.name,
            bytes: &self.file.bytes,
            file_type: self.file_type,
            content_type: self.file.content_type.as_deref(),
            pages,
        };
        match self
            .guarded(DependencyKind::Converter, remote.convert(&request))
            .await
        {
            Ok(document) => Answer::Read(Ok(document.tidied())),
            Err(error) => refusal(error),
        }
    }

    async fn vision(&self, pages: &[u32]) -> Answer {
        let Some(vision) = &self.conversion.vision else {
            return Answer::Absent("set a vision model".to_owned());
        };
        if self.file_type == FileType::Image {
            return self.see_image(vision).await;
        }
        if self.conversion.tools.pdftoppm.is_none() {
            return Answer::Absent("install poppler-utils, which makes images of pages".to_owned());
        }
        if pages.is_empty() {
            return Answer::Absent(
                "a vision model is asked for single pages, and it is not known which there are".to_owned(),
            );
        }
        let wanted = &pages[..pages.len().min(self.conversion.reading.max_pages as usize)];
        let mut seen = stream::iter(wanted.to_vec())
            .map(|page| async move { (page, self.see_page(vision, page).await) })
            .buffered(AHEAD);
        let mut read = Pages::new("vision");
        while let Some((page, seen)) = seen.next().await {
            match seen {
                Ok(reading) => read.push(page, &reading.markdown, reading.warning),
                Err(Answer::Read(Err(error))) => read.failed(page, &error),
                Err(other) => return other,
            }
        }
        Answer::Read(Ok(read.into_document("application/pdf")))
    }

    /// Asks a service, unless its circuit is open.
    async fn guarded<T>(
        &self,
        kind: DependencyKind,
        request: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        match &self.conversion.circuits {
            Some(circuits) => {
                let circuit = circuits.of(Dependency::only(kind));
                circuit.call(request, verdict, not_asked).await
            }
            None => request.await,
        }
    }

    async fn see_page(&self, vision: &Vision, page: u32) -> Result<crate::vision::Reading, Answer> {
        let task = Task::Render {
            page,
            max_edge: self.conversion.reading.max_edge,
        };
        match self.ask(task).await {
            Ok(answer) => match answer.outcome {
                convert::Outcome::Image(png) => self.see(vision, png.into(), "image/png").await,
                convert::Outcome::Error(error) => Err(Answer::Read(Err(error))),
                convert::Outcome::Document(_) | convert::Outcome::TypeOnly => {
                    Err(Answer::Read(Err(nonsense())))
                }
            },
            Err(failure) => Err(Answer::Down(failure)),
        }
    }

    async fn see_image(&self, vision: &Vision) -> Answer {
        let mime = media_type(&self.file.bytes);
        match self.see(vision, self.file.bytes.clone(), mime).await {
            Ok(reading) => {
                let mut read = Pages::new("vision");
                read.push(1, &reading.markdown, reading.warning);
                Answer::Read(Ok(read.into_document(mime)))
            }
            Err(answer) => answer,
        }
    }

    async fn see(&self, vision: &Vision, image: Bytes, mime: &str) -> Result<crate::vision::Reading, Answer> {
        let reading = self
            .guarded(DependencyKind::Vision, vision.read(image, mime))
            .await
            .map_err(refusal)?;
        self.tokens.fetch_add(reading.tokens, Ordering::Relaxed);
        Ok(reading)
    }
}

#[async_trait]
impl Links for FileLinks<'_> {
    async fn run(&self, link: Link, pages: &[u32]) -> Answer {
        match link {
            Link::Native => self.native().await,
            Link::Poppler => self.poppler().await,
            Link::Ocr => self.ocr(pages).await,
            Link::Remote => self.remote(pages).await,
            Link::Vision => self.vision(pages).await,
        }
    }
}

/// A reader that sees no images does not know of a page without text whether there is any on it.
fn unread_where_blank(mut document: Document) -> Document {
    let ends: Vec<usize> = document
        .about
        .parts
        .iter()
        .skip(1)
        .map(|part| part.start)
        .chain([document.markdown.len()])
        .collect();
    for (part, end) in document.about.parts.iter_mut().zip(ends) {
        let text = document.markdown.get(part.start..end).unwrap_or_default();
        if text.trim().is_empty() && part.unread.is_none() {
            part.unread = Some(Unread {
                code: "needs_ocr".to_owned(),
                reason: "no text was found on the page; if it shows any, OCR can read it".to_owned(),
            });
        }
    }
    document
}

/// What a service's failure says about the service. One that asks to slow down is there.
fn verdict(error: &RemoteError) -> Verdict {
    match error {
        RemoteError::Unavailable { code, .. } if *code == codes::THROTTLED => Verdict::Answered,
        RemoteError::Unavailable { reason, .. } | RemoteError::Misconfigured { reason, .. } => {
            Verdict::Failed(reason.clone())
        }
        RemoteError::Refused { .. } | RemoteError::Failed { .. } => Verdict::Answered,
    }
}

fn not_asked(why: &Refused) -> RemoteError {
    RemoteError::Unavailable {
        code: CIRCUIT_OPEN,
        reason: why.to_string(),
        retry_after: Some(why.wait),
    }
}

/// What a service's failure means for the chain.
fn refusal(error: RemoteError) -> Answer {
    match error.into_convert_error() {
        Ok(error) => Answer::Read(Err(error)),
        Err(failure) => Answer::Down(failure),
    }
}

/// The type of an image that a vision model may take, by how it starts; anything else is for the model to refuse.
fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "image/unknown",
    }
}

/// A child that answers something else than it was asked.
fn nonsense() -> ConvertError {
    ConvertError::failed(
        "converter_crashed",
        "the converting process gave an answer that makes no sense for this file",
    )
}
