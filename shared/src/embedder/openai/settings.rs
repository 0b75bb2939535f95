//! Which model, where, and how much at once.

use std::fmt;
use std::time::Duration;

use crate::embedder::codes;
use crate::retry::Failure;
use crate::secret::Secret;

/// Settings of a dense embedding model. The names are those of the environment variables.
#[derive(Clone, Debug)]
pub struct EmbeddingSettings {
    /// `EMBEDDING_BASE_URL`: the address in front of `/embeddings`, such as `https://api.openai.com/v1` or
    /// `http://localhost:11434/v1`. On Azure the resource (`https://NAME.openai.azure.com`) or its deployment's address.
    pub base_url: String,
    /// `EMBEDDING_MODEL`: the model's name; on Azure that of the deployment, unless the address holds it.
    pub model: String,
    /// `EMBEDDING_API_KEY`: not needed by most local servers.
    pub api_key: Option<Secret>,
    /// `EMBEDDING_DIMENSIONS`: shortens vectors, where the model can; without it the model's own length.
    pub dimensions: Option<u32>,
    /// `EMBEDDING_AZURE_API_VERSION`: makes this Azure OpenAI, with its addresses and its key header. Not needed for
    /// Azure's `/openai/v1` addresses.
    pub azure_api_version: Option<String>,
    /// `EMBEDDING_BATCH_SIZE` (100): most texts in one request. OpenAI takes 2,048.
    pub batch_size: usize,
    /// `EMBEDDING_BATCH_TOKENS` (100,000): most tokens in one request, by
    /// [`estimate`](crate::embedder::batching::estimate_tokens). OpenAI takes 300,000, which this default cannot exceed,
    /// as the estimate is at least a third of the truth.
    pub batch_tokens: u64,
    /// `EMBEDDING_MAX_IN_FLIGHT` (8): most requests under way; fewer while the endpoint is overloaded.
    pub max_in_flight: usize,
    /// `EMBEDDING_TIMEOUT_SECONDS` (60): longest time for one request, its reply included.
    pub timeout: Duration,
}

impl EmbeddingSettings {
    /// A model at an address, all else as by default.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            dimensions: None,
            azure_api_version: None,
            batch_size: 100,
            batch_tokens: 100_000,
            max_in_flight: 8,
            timeout: Duration::from_secs(60),
        }
    }

    /// Finds what cannot work before it is tried.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let wrong = |message: &str| Err(Failure::throttled(codes::MISCONFIGURED, message));
        let url = match reqwest::Url::parse(&self.base_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            _ => return wrong("EMBEDDING_BASE_URL is not an http or https address"),
        };
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return wrong(
                "EMBEDDING_BASE_URL must not hold credentials or a query, use EMBEDDING_API_KEY and \
                 EMBEDDING_AZURE_API_VERSION",
            );
        }
        if self.model.trim().is_empty() {
            return wrong("EMBEDDING_MODEL is empty");
        }
        if self.dimensions == Some(0) {
            return wrong("EMBEDDING_DIMENSIONS must be above 0, or unset for the model's own");
        }
        let readable = |key: &Secret| key.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if !self.api_key.as_ref().is_none_or(readable) {
            return wrong("EMBEDDING_API_KEY holds a character that no key has, such as a line break");
        }
        Ok(())
    }

    /// The resource's address and the deployment's name, whichever way the address was given.
    pub(super) fn azure_deployment(&self) -> (&str, &str) {
        let base = self.base_url.trim_end_matches('/');
        let base = base.strip_suffix("/embeddings").unwrap_or(base);
        match base.split_once("/openai/deployments/") {
            Some((resource, deployment)) => (resource, deployment),
            None => (base.strip_suffix("/openai").unwrap_or(base), &self.model),
        }
    }
}

/// Names the model and where it is, as error messages do.
impl fmt::Display for EmbeddingSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "embedding model {} at {}", self.model, self.base_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_azure_address() {
        let mut settings = EmbeddingSettings::new("https://x.openai.azure.com/", "small");
        assert_eq!(
            settings.azure_deployment(),
            ("https://x.openai.azure.com", "small")
        );
        settings.base_url = "https://x.openai.azure.com/openai/deployments/mine/embeddings".to_owned();
        assert_eq!(
            settings.azure_deployment(),
            ("https://x.openai.azure.com", "mine")
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        let good = EmbeddingSettings::new("http://localhost:11434/v1", "m");
        assert_eq!(good.check(), Ok(()));
        let key = |key: &str| Some(Secret::new(key));
        let cases = [
            (
                "BASE_URL",
                EmbeddingSettings {
                    base_url: "localhost:11434".to_owned(),
                    ..good.clone()
                },
            ),
            (
                "BASE_URL",
                EmbeddingSettings {
                    base_url: "http://me:pass@host/v1".to_owned(),
                    ..good.clone()
                },
            ),
            (
                "MODEL",
                EmbeddingSettings {
                    model: " ".to_owned(),
                    ..good.clone()
                },
            ),
            (
                "DIMENSIONS",
                EmbeddingSettings {
                    dimensions: Some(0),
                    ..good.clone()
                },
            ),
            (
                "API_KEY",
                EmbeddingSettings {
                    api_key: key("sk-1\nsk-2"),
                    ..good
                },
            ),
        ];
        for (name, settings) in cases {
            let failure = settings.check().unwrap_err();
            assert!(failure.message.contains(name), "{failure}");
            assert!(
                !failure.message.contains("sk-1") && !failure.message.contains("pass@"),
                "{failure}"
            );
        }
    }

    #[test]
    fn the_key_never_shows() {
        let settings = EmbeddingSettings {
            api_key: Some(Secret::new("sk-1")),
            ..EmbeddingSettings::new("http://x", "m")
        };
        assert!(!format!("{settings:?} {settings}").contains("sk-1"));
    }
}
