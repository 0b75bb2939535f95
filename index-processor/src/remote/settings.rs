//! Which service, where, and how much at a time.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::Url;
use shared::retry::RetryPolicy;
use shared::secret::Secret;

use super::RemoteConverter;
use super::docling::Docling;
use super::document_intelligence::DocumentIntelligence;
use super::unstructured::Unstructured;

/// Conversion by a service, for files that no converter of ours can read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Remote conversion (files are sent to the service)")]
pub struct RemoteArgs {
    /// The kind of service.
    #[arg(long, env = "REMOTE_CONVERTER", value_enum)]
    pub remote_converter: Option<RemoteKind>,

    /// Its address, such as `http://localhost:5001` (Docling), `https://api.unstructuredapp.io` or
    /// `https://NAME.cognitiveservices.azure.com`.
    #[arg(long, env = "REMOTE_CONVERTER_URL", value_name = "URL")]
    pub remote_converter_url: Option<String>,

    /// Its key. Give it as the environment variable: a command line can be read by others.
    #[arg(
        long,
        env = "REMOTE_CONVERTER_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub remote_converter_key: Secret,

    /// Longest time for one file.
    #[arg(long, env = "REMOTE_CONVERTER_TIMEOUT_SECONDS", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub remote_converter_timeout_seconds: u64,

    /// Most files at a time.
    #[arg(long, env = "REMOTE_CONVERTER_MAX_IN_FLIGHT", default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub remote_converter_max_in_flight: u16,
}

/// The services that are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RemoteKind {
    /// docling-serve.
    Docling,
    /// The partition endpoint of the Unstructured API.
    Unstructured,
    /// Azure Document Intelligence, the layout model.
    Azure,
}

/// Settings of a service.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Where it is, without the API's own path.
    pub url: String,
    /// Its key, if it wants one.
    pub key: Option<Secret>,
    /// Longest time for one conversion.
    pub timeout: Duration,
    /// Most conversions at a time; fewer while the service is overloaded.
    pub max_in_flight: usize,
    /// Longest answer, in bytes.
    pub max_reply: usize,
    /// First wait between two questions whether a conversion is done; it grows to ten times as much.
    pub poll: Duration,
    /// When a conversion is tried again in place.
    pub retry: RetryPolicy,
}

impl ServiceSettings {
    /// A service at an address, all else as by default.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            key: None,
            timeout: Duration::from_secs(300),
            max_in_flight: 4,
            max_reply: 128 << 20,
            poll: Duration::from_millis(500),
            retry: RetryPolicy {
                max_attempts: 3,
                max_retry_after: Duration::from_secs(30),
                ..RetryPolicy::default()
            },
        }
    }
}

impl RemoteArgs {
    /// The service, if one is set. Sends nothing yet.
    ///
    /// # Errors
    /// When settings are missing or cannot be right; the text says what to change.
    pub fn open(&self) -> Result<Option<Arc<dyn RemoteConverter>>, String> {
        let (kind, url) = match (self.remote_converter, self.remote_converter_url.as_deref()) {
            (None, None | Some("")) => return Ok(None),
            (None, Some(_)) => {
                return Err(
                    "--remote-converter-url needs --remote-converter: docling, unstructured or azure"
                        .to_owned(),
                );
            }
            (Some(_), None | Some("")) => {
                return Err(
                    "--remote-converter needs --remote-converter-url, the address of the service".to_owned(),
                );
            }
            (Some(kind), Some(url)) => (kind, url),
        };
        let settings = ServiceSettings {
            key: (!self.remote_converter_key.is_empty()).then(|| self.remote_converter_key.clone()),
            timeout: Duration::from_secs(self.remote_converter_timeout_seconds),
            max_in_flight: usize::from(self.remote_converter_max_in_flight),
            ..ServiceSettings::new(url)
        };
        Ok(Some(match kind {
            RemoteKind::Docling => Arc::new(Docling::new(settings)?),
            RemoteKind::Unstructured => Arc::new(Unstructured::new(settings)?),
            RemoteKind::Azure => Arc::new(DocumentIntelligence::new(settings)?),
        }))
    }
}

/// An address to put paths behind.
pub(crate) fn base_url(text: &str, url_setting: &str, key_setting: &str) -> Result<Url, String> {
    // The parser reads `localhost:5001` as a scheme and its path.
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
        _ => {
            return Err(format!(
                "{url_setting} is not an address: it must start with http:// or https://"
            ));
        }
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(format!(
            "{url_setting} must not hold credentials, a query or a fragment: give the key as {key_setting}"
        ));
    }
    Ok(url)
}

/// A key that a header can carry.
pub(crate) fn check_key(key: Option<&Secret>, key_setting: &str) -> Result<(), String> {
    let readable = |key: &Secret| key.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_none_or(readable) {
        return Ok(());
    }
    Err(format!(
        "{key_setting} holds a character that no key has, such as a line break"
    ))
}
