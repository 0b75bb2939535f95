//! [docling-serve](https://github.com/docling-project/docling-serve), API v1.
//!
//! Conversions are submitted, asked for and fetched (`…/convert/file/async`, `…/status/poll`, `…/result`): the synchronous form
//! ends with 504 after the server's `DOCLING_SERVE_MAX_SYNC_WAIT` (two minutes), throws the work away, and holds a connection
//! that proxies like to cut.

mod result;

use std::time::Duration;

use async_trait::async_trait;
use convert::{Document, FileType};
use serde::Deserialize;
use shared::outbound::Answer;

use self::result::{PAGE_BREAK, Result as Converted};
use super::error::{RemoteError, codes};
use super::http::{Http, Progress};
use super::pages::{self, PageText};
use super::{RemoteConverter, RemoteRequest, ServiceSettings};

/// Raised when other fields are sent, or answers are read in another way.
const VERSION: u32 = 1;
/// Longest time for one request; conversions take longer, but each of their requests is short.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the server is asked to hold a question back until there is news.
const LONG_POLL_SECONDS: &str = "5";
/// Most times that a file is sent for some of its pages.
const MAX_RUNS: usize = 4;

/// A docling-serve.
#[derive(Debug)]
pub struct Docling {
    http: Http,
}

/// The state of a task; other fields are not needed.
#[derive(Deserialize)]
struct Task {
    task_id: String,
    task_status: String,
    /// Only newer servers say it.
    #[serde(default)]
    error_message: Option<String>,
}

impl Docling {
    /// A service at an address. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// When a setting cannot be right.
    pub fn new(settings: ServiceSettings) -> Result<Self, String> {
        let timeout = settings.timeout.min(REQUEST_TIMEOUT);
        Ok(Self {
            http: Http::new("docling", "x-api-key", timeout, settings)?,
        })
    }

    async fn run(
        &self,
        request: &RemoteRequest<'_>,
        range: Option<(u32, u32)>,
    ) -> Result<Converted, RemoteError> {
        let task = self.submit(request, range).await?;
        self.http.poll(Some(Duration::ZERO), || self.ask(&task)).await?;
        let url = self.http.url(&["v1", "result", &task]);
        let answer = self.http.send(self.http.get(url)).await;
        self.http.json(self.known(answer)?.body).await
    }

    async fn submit(
        &self,
        request: &RemoteRequest<'_>,
        range: Option<(u32, u32)>,
    ) -> Result<String, RemoteError> {
        let mut form = Http::form(&[
            ("to_formats", "md"),
            ("image_export_mode", "placeholder"),
            ("do_ocr", "true"),
            ("abort_on_error", "false"),
            ("target_type", "inbody"),
            ("md_page_break_placeholder", PAGE_BREAK),
        ]);
        if let Some(format) = input_format(request.file_type) {
            form = form.text("from_formats", format);
        }
        if pages::place(request.file_type, 1).is_some() {
            // Markdown alone does not tell the numbers of its pages: see `result`.
            form = form.text("to_formats", "json");
        }
        if let Some((first, last)) = range {
            form = form
                .text("page_range", first.to_string())
                .text("page_range", last.to_string());
        }
        let form = form.part("files", self.http.file_part(request)?);
        let url = self.http.url(&["v1", "convert", "file", "async"]);
        let answer = self.http.send(self.http.post(url).multipart(form)).await?;
        let task: Task = self.http.json(answer.body).await?;
        // It becomes a part of addresses.
        let is_plain = |id: &str| {
            (1..=128).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !is_plain(&task.task_id) {
            return Err(self.http.bad_reply("the task's id is odd"));
        }
        Ok(task.task_id)
    }

    async fn ask(&self, task: &str) -> Result<Progress<()>, RemoteError> {
        let mut url = self.http.url(&["v1", "status", "poll", task]);
        url.query_pairs_mut().append_pair("wait", LONG_POLL_SECONDS);
        let answer = self.http.send(self.http.get(url)).await;
        let task: Task = self.http.json(self.known(answer)?.body).await?;
        match task.task_status.as_str() {
            "pending" | "started" => Ok(Progress::Pending(None)),
            // The result tells what was converted, and what was not.
            "success" | "partial_success" | "skipped" => Ok(Progress::Done(())),
            "failure" => Err(RemoteError::failed(
                codes::CONVERSION_FAILED,
                format!(
                    "{} failed on the file, see its log{}",
                    self.http.service,
                    self.http.quote(task.error_message.as_deref().unwrap_or_default())
                ),
            )),
            _ => Err(self.http.bad_reply("the task is in no known state")),
        }
    }

    /// A task that was there a moment ago and is not any more is no matter of settings.
    fn known(&self, answer: Result<Answer, RemoteError>) -> Result<Answer, RemoteError> {
        answer.map_err(|error| match error {
            RemoteError::Misconfigured { code, .. } if code == codes::MISCONFIGURED => RemoteError::failed(
                codes::TASK_LOST,
                format!(
                    "{} does not know the conversion that it began: it was restarted, or several of them share an \
                     address without sharing a queue",
                    self.http.service
                ),
            ),
            other => other,
        })
    }

    async fn texts(&self, request: &RemoteRequest<'_>) -> Result<(Vec<PageText>, Vec<String>), RemoteError> {
        let ranges = if pages::is_paged(request) && !request.pages.is_empty() {
            pages::runs(request.pages, MAX_RUNS)
                .into_iter()
                .map(Some)
                .collect()
        } else {
            vec![None]
        };
        let mut texts = Vec::new();
        let mut warnings = Vec::new();
        for range in ranges {
            let converted = self.run(request, range).await?;
            texts.extend(converted.into_texts(&self.http, request, range, &mut warnings)?);
        }
        Ok((texts, warnings))
    }
}

#[async_trait]
impl RemoteConverter for Docling {
    fn name(&self) -> &'static str {
        "docling"
    }

    fn fingerprint(&self) -> String {
        format!("docling/v1/{VERSION}")
    }

    fn handles(&self, file_type: FileType) -> bool {
        input_format(file_type).is_some()
    }

    async fn convert(&self, request: &RemoteRequest<'_>) -> Result<Document, RemoteError> {
        let (texts, warnings) = self.http.conversion(|| self.texts(request)).await?;
        let document = pages::document(self.name(), request, &texts, warnings);
        self.http.not_empty(request, document)
    }
}

/// What Docling calls the types that it reads.
fn input_format(file_type: FileType) -> Option<&'static str> {
    match file_type {
        FileType::Pdf => Some("pdf"),
        FileType::Docx => Some("docx"),
        FileType::Pptx => Some("pptx"),
        FileType::Xlsx => Some("xlsx"),
        FileType::Html => Some("html"),
        FileType::Image => Some("image"),
        _ => None,
    }
}
