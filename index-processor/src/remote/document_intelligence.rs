//! [Azure Document Intelligence](https://learn.microsoft.com/azure/ai-services/document-intelligence/), the layout model
//! (`prebuilt-layout`) of API version 2024-11-30, in Azure or in its container.

mod markdown;
mod operation;

use std::time::Duration;

use async_trait::async_trait;
use convert::{Document, FileType};
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use shared::outbound::{Answer, asked_wait};

use self::operation::{Analysis, Operation};
use super::error::{RemoteError, codes};
use super::http::{Http, Progress};
use super::pages;
use super::{RemoteConverter, RemoteRequest, ServiceSettings};

/// Raised when something else is asked for, or answers are read in another way.
const VERSION: u32 = 1;
/// The version of the API.
const API_VERSION: &str = "2024-11-30";
/// Longest time for one request; an analysis takes longer, but each of its requests is short.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Most runs of pages that are named: a bound for the length of the address.
const MAX_RUNS: usize = 100;

/// A Document Intelligence resource.
#[derive(Debug)]
pub struct DocumentIntelligence {
    http: Http,
}

impl DocumentIntelligence {
    /// A resource at its endpoint. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// When a setting cannot be right.
    pub fn new(settings: ServiceSettings) -> Result<Self, String> {
        let timeout = settings.timeout.min(REQUEST_TIMEOUT);
        Ok(Self {
            http: Http::new(
                "azure document intelligence",
                "ocp-apim-subscription-key",
                timeout,
                settings,
            )?,
        })
    }

    async fn analyze(&self, request: &RemoteRequest<'_>) -> Result<Analysis, RemoteError> {
        let mut url = self.http.url(&[
            "documentintelligence",
            "documentModels",
            "prebuilt-layout:analyze",
        ]);
        url.query_pairs_mut()
            .append_pair("api-version", API_VERSION)
            .append_pair("outputContentFormat", "markdown")
            // Offsets are counted in these.
            .append_pair("stringIndexType", "unicodeCodePoint");
        if pages::is_paged(request) && !request.pages.is_empty() {
            url.query_pairs_mut()
                .append_pair("pages", &page_list(request.pages));
        }
        let submit = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(request.bytes.clone());
        let accepted = self.http.send(submit).await?;
        let operation = self.operation_of(&accepted)?;
        self.http
            .poll(asked_wait(&accepted.headers), || self.ask(&operation))
            .await
    }

    async fn ask(&self, operation: &Url) -> Result<Progress<Analysis>, RemoteError> {
        let answer = self.http.send(self.http.get(operation.clone())).await;
        let answer = answer.map_err(|error| match error {
            RemoteError::Misconfigured { code, .. } if code == codes::MISCONFIGURED => RemoteError::failed(
                codes::TASK_LOST,
                format!("{} does not know the analysis that it began", self.http.service),
            ),
            other => other,
        })?;
        let state: Operation = self.http.json(answer.body).await?;
        match state.status.as_str() {
            "notStarted" | "running" => Ok(Progress::Pending(asked_wait(&answer.headers))),
            "succeeded" => state
                .analyze_result
                .map(Progress::Done)
                .ok_or_else(|| self.http.bad_reply("there is no result in it")),
            "failed" | "canceled" | "skipped" => Err(state.error(&self.http)),
            _ => Err(self.http.bad_reply("the analysis is in no known state")),
        }
    }

    /// Where to ask. The key goes with the question, so it is only asked at the address that was set.
    fn operation_of(&self, accepted: &Answer) -> Result<Url, RemoteError> {
        let location = accepted
            .headers
            .get("operation-location")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| Url::parse(value).ok())
            .ok_or_else(|| self.http.bad_reply("it does not say where to ask for the result"))?;
        if location.origin() != self.http.url(&[]).origin() || !location.username().is_empty() {
            return Err(RemoteError::misconfigured(
                codes::MISCONFIGURED,
                format!(
                    "{} sends us to another address for the result ({}): set REMOTE_CONVERTER_URL to the one that answers",
                    self.http.service,
                    location.origin().ascii_serialization()
                ),
            ));
        }
        Ok(location)
    }
}

#[async_trait]
impl RemoteConverter for DocumentIntelligence {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn fingerprint(&self) -> String {
        format!("azure-layout/{API_VERSION}/{VERSION}")
    }

    fn handles(&self, file_type: FileType) -> bool {
        matches!(
            file_type,
            FileType::Pdf
                | FileType::Image
                | FileType::Docx
                | FileType::Pptx
                | FileType::Xlsx
                | FileType::Html
        )
    }

    async fn convert(&self, request: &RemoteRequest<'_>) -> Result<Document, RemoteError> {
        let analysis = self.http.conversion(|| self.analyze(request)).await?;
        let warnings = analysis.warnings(&self.http);
        let file_type = request.file_type;
        // Tables go through a parser of HTML, which is work, and not ours.
        let texts = tokio::task::spawn_blocking(move || markdown::texts(&analysis, file_type))
            .await
            .map_err(|_| self.http.bad_reply("its tables cannot be read"))?;
        let document = pages::document(
            self.name(),
            request,
            &pages::only_wanted(request, texts),
            warnings,
        );
        self.http.not_empty(request, document)
    }
}

/// `1-3,7`.
fn page_list(pages: &[u32]) -> String {
    let runs = pages::runs(pages, MAX_RUNS).into_iter();
    runs.map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    })
    .collect::<Vec<_>>()
    .join(",")
}
