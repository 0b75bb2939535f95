//! The partition endpoint of the [Unstructured API](https://docs.unstructured.io/api-reference/partition/overview), hosted or
//! self-hosted (`general/v0/general`).
//!
//! It answers with a list of elements, from which `markdown` makes text. It has no pages to choose: files are sent whole, and
//! what was not asked for is dropped from the answer.

mod markdown;

use std::time::Duration;

use async_trait::async_trait;
use convert::{Document, FileType};

use self::markdown::Element;
use super::error::RemoteError;
use super::http::Http;
use super::pages;
use super::{RemoteConverter, RemoteRequest, ServiceSettings};

/// Raised when other fields are sent, or answers are read in another way.
const VERSION: u32 = 1;

/// An Unstructured API.
#[derive(Debug)]
pub struct Unstructured {
    http: Http,
}

impl Unstructured {
    /// A service at an address. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// When a setting cannot be right.
    pub fn new(settings: ServiceSettings) -> Result<Self, String> {
        // One request is one conversion. It is the conversion's limit that is to end it, as only that one says what to do.
        let timeout = settings.timeout + Duration::from_secs(5);
        Ok(Self {
            http: Http::new("unstructured", "unstructured-api-key", timeout, settings)?,
        })
    }

    async fn elements(&self, request: &RemoteRequest<'_>) -> Result<Vec<Element>, RemoteError> {
        let form = Http::form(&[
            ("strategy", strategy(request.file_type)),
            ("output_format", "application/json"),
            // No type is left out of table recognition, as PDFs are by default.
            ("skip_infer_table_types", "[]"),
            ("coordinates", "false"),
        ])
        .part("files", self.http.file_part(request)?);
        let url = self.http.url(&["general", "v0", "general"]);
        let request = self
            .http
            .post(url)
            .header(reqwest::header::ACCEPT, "application/json")
            .multipart(form);
        let answer = self.http.send(request).await?;
        self.http.json(answer.body).await
    }
}

#[async_trait]
impl RemoteConverter for Unstructured {
    fn name(&self) -> &'static str {
        "unstructured"
    }

    fn fingerprint(&self) -> String {
        format!("unstructured/v0/{VERSION}")
    }

    fn handles(&self, file_type: FileType) -> bool {
        matches!(
            file_type,
            FileType::Pdf
                | FileType::Docx
                | FileType::Pptx
                | FileType::Xlsx
                | FileType::Doc
                | FileType::Ppt
                | FileType::Xls
                | FileType::Odt
                | FileType::Rtf
                | FileType::Epub
                | FileType::Html
                | FileType::Eml
                | FileType::Msg
                | FileType::Image
        )
    }

    async fn convert(&self, request: &RemoteRequest<'_>) -> Result<Document, RemoteError> {
        let elements = self.http.conversion(|| self.elements(request)).await?;
        let file_type = request.file_type;
        // Tables go through a parser of HTML, which is work, and not ours.
        let texts = tokio::task::spawn_blocking(move || markdown::texts(&elements, file_type))
            .await
            .map_err(|_| self.http.bad_reply("its tables cannot be read"))?;
        // A page without elements is blank, or does not exist; which of them is not told.
        let texts = pages::only_wanted(request, texts);
        let document = pages::document(self.name(), request, &texts, Vec::new());
        self.http.not_empty(request, document)
    }
}

/// Files come here because reading their text was not enough, so pages and images get the strategy that looks at them.
fn strategy(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Pdf | FileType::Image => "hi_res",
        _ => "auto",
    }
}
