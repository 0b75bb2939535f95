//! Which model, where, and how much at a time.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use shared::retry::RetryPolicy;
use shared::secret::Secret;

use super::Vision;

/// A model that reads images and scanned pages.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Vision model (images are sent to it)")]
pub struct VisionArgs {
    /// Base URL of an OpenAI-compatible endpoint, for example http://localhost:11434/v1 (Ollama).
    #[arg(long, env = "VISION_BASE_URL", value_name = "URL")]
    pub vision_base_url: Option<String>,

    /// Model that takes images, for example gpt-4.1-mini or qwen2.5vl.
    #[arg(long, env = "VISION_MODEL", value_name = "MODEL")]
    pub vision_model: Option<String>,

    /// Key of the endpoint. Give it as the environment variable: a command line can be read by others.
    #[arg(
        long,
        env = "VISION_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub vision_api_key: Secret,

    /// Longest answer to one image, in tokens.
    #[arg(long, env = "VISION_MAX_TOKENS", default_value_t = 8192, value_name = "N", value_parser = clap::value_parser!(u32).range(256..=65_536))]
    pub vision_max_tokens: u32,

    /// Longest time for one image.
    #[arg(long, env = "VISION_TIMEOUT_SECONDS", default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub vision_timeout_seconds: u64,

    /// Most images at a time.
    #[arg(long, env = "VISION_MAX_IN_FLIGHT", default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub vision_max_in_flight: u16,
}

/// Settings of a model.
#[derive(Clone, Debug)]
pub struct VisionSettings {
    /// The address in front of `/chat/completions`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// Its key, if it wants one.
    pub api_key: Option<Secret>,
    /// Longest answer, in tokens.
    pub max_tokens: u32,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Most requests at a time; fewer while the endpoint is overloaded.
    pub max_in_flight: usize,
    /// When a request is tried again in place.
    pub retry: RetryPolicy,
}

impl VisionSettings {
    /// A model at an address, all else as by default.
    #[must_use]
    pub fn new(base_url: &str, model: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            model: model.to_owned(),
            api_key: None,
            max_tokens: 8192,
            timeout: Duration::from_secs(120),
            max_in_flight: 4,
            retry: RetryPolicy {
                max_attempts: 4,
                max_retry_after: Duration::from_secs(60),
                ..RetryPolicy::default()
            },
        }
    }
}

impl VisionArgs {
    /// The model, if one is set. Sends nothing yet.
    ///
    /// # Errors
    /// When settings are missing or cannot be right; the text says what to change.
    pub fn open(&self) -> Result<Option<Arc<Vision>>, String> {
        let set = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
        match (set(&self.vision_base_url), set(&self.vision_model)) {
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err("--vision-base-url needs --vision-model, a model that takes images".to_owned())
            }
            (None, Some(_)) => Err(
                "--vision-model needs --vision-base-url, for example http://localhost:11434/v1".to_owned(),
            ),
            (Some(url), Some(model)) => {
                let settings = VisionSettings {
                    api_key: (!self.vision_api_key.is_empty()).then(|| self.vision_api_key.clone()),
                    max_tokens: self.vision_max_tokens,
                    timeout: Duration::from_secs(self.vision_timeout_seconds),
                    max_in_flight: usize::from(self.vision_max_in_flight),
                    ..VisionSettings::new(&url, &model)
                };
                Ok(Some(Arc::new(Vision::new(settings)?)))
            }
        }
    }
}
