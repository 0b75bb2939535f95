//! One image to Markdown, by a model that sees, behind an OpenAI-compatible chat endpoint.
//!
//! `async-openai` writes addresses and headers; requests, answers and transport are replaced as for
//! [embeddings](shared::embedder::openai). Failures are spoken of as those of [remote converters](crate::remote).

mod answer;
mod request;
mod settings;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use async_openai::Client;
use async_openai::config::{Config, OpenAIConfig};
use async_openai::error::OpenAIError;
use bytes::Bytes;
use shared::outbound::{Refusal, Said, Transport};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use self::answer::Completion;
use self::request::{Habits, Request};
use crate::remote::{Places, RemoteError, Service, base_url, check_key, codes, refused};

pub use answer::Reading;
pub use settings::{VisionArgs, VisionSettings};

/// Raised when the prompt changes, or answers are read in another way.
const VERSION: u32 = 1;
/// Largest image, in bytes; hosted models take 20 MB.
const MAX_IMAGE: usize = 20 << 20;
/// Longest answer, in bytes: many times what the largest number of tokens can be.
const MAX_REPLY: usize = 8 << 20;
/// The types of images that models take.
const MIMES: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/// A model that reads images.
pub struct Vision {
    client: Client<Box<dyn Config>>,
    service: Service,
    settings: VisionSettings,
    places: Places,
    /// What this endpoint was found not to take.
    no_max_tokens: AtomicBool,
    no_temperature: AtomicBool,
}

impl Vision {
    /// A model behind an endpoint. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// When a setting cannot be right; the text says what to change.
    pub fn new(settings: VisionSettings) -> Result<Self, String> {
        let url = base_url(&settings.base_url, "VISION_BASE_URL", "VISION_API_KEY")?;
        check_key(settings.api_key.as_ref(), "VISION_API_KEY")?;
        if settings.model.trim().is_empty() {
            return Err("VISION_MODEL is empty".to_owned());
        }
        let base = url.as_str().trim_end_matches('/');
        let transport = Transport::new(settings.timeout, MAX_REPLY)
            .map_err(|error| format!("no http client: {error}"))?
            .into_openai(settings.api_key.is_some());
        let key = settings.api_key.as_ref().map_or("", |key| key.expose());
        // The crate's defaults come from the environment, so each of them is replaced.
        let config = OpenAIConfig::new()
            .with_api_base(base)
            .with_api_key(key)
            .with_org_id("")
            .with_project_id("");
        let config: Box<dyn Config> = Box::new(config);
        Ok(Self {
            client: Client::with_config(config).with_http_service(transport),
            service: Service {
                what: format!("vision model {} at {base}", settings.model),
                url_setting: "VISION_BASE_URL and VISION_MODEL",
                key_setting: "VISION_API_KEY",
                key: settings.api_key.clone(),
                timeout: settings.timeout,
            },
            places: Places::new(settings.max_in_flight, settings.timeout, settings.retry.clone()),
            settings,
            no_max_tokens: AtomicBool::new(false),
            no_temperature: AtomicBool::new(false),
        })
    }

    /// Names what decides the text that an image becomes: texts made under another one are made again.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!(
            "vision/{}/{}/{VERSION}",
            self.settings.model, self.settings.max_tokens
        )
    }

    /// Reads one image. `mime` is `image/png`, `image/jpeg`, `image/webp` or `image/gif`.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Refused`] when the model does not want to read this image, or cannot; the others as for remote converters.
    pub async fn read(&self, image: Bytes, mime: &str) -> Result<Reading, RemoteError> {
        let mime = mime.split(';').next().unwrap_or_default().trim();
        if !MIMES.contains(&mime) {
            return Err(RemoteError::refused(
                codes::REFUSED,
                format!(
                    "vision models read {}, not this type of image: save it as PNG",
                    MIMES.join(", ")
                ),
            ));
        }
        if image.len() > MAX_IMAGE {
            return Err(RemoteError::refused(
                codes::TOO_LARGE,
                format!(
                    "the image has {} MiB, vision models take 20: make it smaller",
                    image.len() >> 20
                ),
            ));
        }
        let url = request::data_url(&image, mime);
        drop(image);
        self.places.attempts(&self.service, || self.attempt(&url)).await
    }

    /// Asks, and learns what the endpoint does not take: newer models of OpenAI refuse `max_tokens` and any temperature, and
    /// servers that follow the older API refuse what replaced the former. It is learnt once the same image goes without.
    async fn attempt(&self, image: &str) -> Result<Reading, RemoteError> {
        let mut habits = Habits {
            max_tokens: !self.no_max_tokens.load(Ordering::Relaxed),
            temperature: !self.no_temperature.load(Ordering::Relaxed),
        };
        loop {
            let error = match self.ask(image, habits).await {
                Ok(completion) => {
                    self.no_max_tokens.store(!habits.max_tokens, Ordering::Relaxed);
                    self.no_temperature.store(!habits.temperature, Ordering::Relaxed);
                    return completion.reading(&self.service, self.settings.max_tokens);
                }
                Err(error) => error,
            };
            if habits.max_tokens && blames(&error, "max_tokens") {
                habits.max_tokens = false;
            } else if habits.temperature && blames(&error, "temperature") {
                habits.temperature = false;
            } else {
                return Err(self.error(&error));
            }
        }
    }

    async fn ask(&self, image: &str, habits: Habits) -> Result<Completion, OpenAIError> {
        let request = Request::new(&self.settings.model, image, self.settings.max_tokens, habits);
        // The crate logs the bodies of replies that it cannot read. They are not ours to show.
        self.client
            .chat()
            .create_byot(request)
            .with_subscriber(Dispatch::none())
            .await
    }

    /// Errors of the crate, in our words. Its own texts are not passed on: they may hold what was sent or received.
    fn error(&self, error: &OpenAIError) -> RemoteError {
        match error {
            OpenAIError::Boxed(_) if let Some(refusal) = Refusal::of(error) => self.refusal(refusal),
            OpenAIError::JSONDeserialize(error, _) => RemoteError::failed(
                codes::BAD_REPLY,
                format!(
                    "{} sent an answer that is not a chat completion: {:?} error at line {} column {}",
                    self.service,
                    error.classify(),
                    error.line(),
                    error.column()
                ),
            ),
            _ => RemoteError::unavailable(
                codes::UNAVAILABLE,
                format!("{}: the request failed", self.service),
            ),
        }
    }

    fn refusal(&self, refusal: &Refusal) -> RemoteError {
        // One request is all there is, so a model that takes too long may do so with this image for ever.
        if matches!(refusal, Refusal::TimedOut) {
            let seconds = self.settings.timeout.as_secs_f32();
            return RemoteError::failed(
                codes::TOO_SLOW,
                format!(
                    "{} did not read the image within {seconds} s: raise VISION_TIMEOUT_SECONDS",
                    self.service
                ),
            );
        }
        if let Refusal::Status { status, body, .. } = refusal
            && status.is_client_error()
        {
            let said = Said::read(body);
            let is_blind = said.mentions(&["support image", "image input", "multimodal", "multi-modal"]);
            if is_blind || said.mentions(&["model_not_found", "unknown model"]) {
                return RemoteError::misconfigured(
                    codes::MISCONFIGURED,
                    format!(
                        "{} does not exist or does not see, check VISION_MODEL{}",
                        self.service,
                        said.quote(self.service.key.as_ref(), &[])
                    ),
                );
            }
            if said.mentions(&["max_tokens", "max_completion_tokens"]) {
                return RemoteError::misconfigured(
                    codes::MISCONFIGURED,
                    format!(
                        "{} does not take {} tokens, check VISION_MAX_TOKENS{}",
                        self.service,
                        self.settings.max_tokens,
                        said.quote(self.service.key.as_ref(), &[])
                    ),
                );
            }
            if said.mentions(&["content_filter", "content_policy"]) {
                return answer::unwilling(&self.service);
            }
        }
        refused(refusal, &self.service)
    }
}

/// Whether a request was refused for this field.
fn blames(error: &OpenAIError, field: &str) -> bool {
    matches!(Refusal::of(error), Some(Refusal::Status { status, body, .. })
        if matches!(status.as_u16(), 400 | 422) && Said::read(body).mentions(&[field]))
}

/// Without the client, which holds the key.
impl fmt::Debug for Vision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vision")
            .field("settings", &self.settings)
            .finish()
    }
}

#[cfg(test)]
mod tests;
