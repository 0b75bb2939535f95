//! Tells somebody that removals wait, and what was decided.
//!
//! Requests follow [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
//! an id that stays the same when a request is repeated, a timestamp, and, with a secret, a signature over both and the body. A
//! state is told at least once; an endpoint that does not answer holds nothing up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use shared::clock::Clock;
use shared::ids::IndexId;
use shared::ledger::{Approval, ControlLedger, LedgerError};
use shared::outbound::{Refusal, Transport};
use shared::retry::RetryPolicy;
use shared::secret::Secret;
use tokio::time::Instant;

/// Longest wait for the endpoint's answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer is not read; this much of it is taken off the line.
const MAX_REPLY: usize = 64 << 10;
/// Approvals told in a pass.
const MOST: u32 = 100;

/// An endpoint that wants to know of approvals.
pub struct Webhook {
    transport: Transport,
    url: Secret,
    secret: Option<hmac::Key>,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    /// Approvals that could not be told: how often, and when to try again.
    waiting: Mutex<HashMap<(IndexId, u64), (u32, Instant)>>,
}

/// What is sent.
#[derive(Serialize)]
struct Message<'a> {
    /// `approval.waiting`, `approval.approved`, `approval.kept`, `approval.withdrawn`.
    r#type: String,
    /// When the request was made, in Unix milliseconds.
    sent_at: i64,
    /// The approval as the API shows it.
    data: &'a Approval,
}

/// The webhook's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWebhook {
    /// The text is no address.
    #[error("APPROVAL_WEBHOOK_URL is not an http or https address")]
    Url,
    /// No TLS on this system.
    #[error("the webhook cannot be called: {0}")]
    Transport(String),
}

impl Webhook {
    /// An endpoint; with a secret, requests are signed. A secret as Standard Webhooks writes it, `whsec_` and Base64, stands for
    /// its bytes; any other for itself.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &Secret, secret: Option<&Secret>, clock: Arc<dyn Clock>) -> Result<Self, InvalidWebhook> {
        let scheme = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !url.expose().parse().is_ok_and(|uri| scheme(&uri)) {
            return Err(InvalidWebhook::Url);
        }
        let transport = Transport::new(TIMEOUT, MAX_REPLY)
            .map_err(|error| InvalidWebhook::Transport(error.to_string()))?;
        Ok(Self {
            transport,
            url: url.clone(),
            secret: secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &key_bytes(secret.expose()))),
            clock,
            retry: RetryPolicy {
                initial: Duration::from_secs(2),
                max: Duration::from_secs(300),
                ..RetryPolicy::default()
            },
            waiting: Mutex::default(),
        })
    }

    /// Tells every state that was not told.
    ///
    /// # Errors
    /// When the ledger fails. An endpoint that fails is asked again later.
    pub async fn tell_all(&self, ledger: &dyn ControlLedger) -> Result<(), LedgerError> {
        for approval in ledger.untold_approvals(MOST).await? {
            let key = (approval.index.clone(), approval.number);
            let tries = match self.waiting().get(&key) {
                Some((_, again)) if *again > Instant::now() => continue,
                Some((tries, _)) => *tries,
                None => 0,
            };
            match self.tell(&approval).await {
                Ok(()) => {
                    ledger
                        .note_told(&approval.index, approval.number, approval.state)
                        .await?;
                    self.waiting().remove(&key);
                }
                Err(refusal) => {
                    let wait = self.retry.delay(tries + 1, rand::random());
                    tracing::warn!(
                        index.id = %approval.index,
                        "the webhook was not told of approval {}: {}; again in {wait:?}",
                        approval.number, said(&refusal)
                    );
                    self.waiting().insert(key, (tries + 1, Instant::now() + wait));
                }
            }
        }
        Ok(())
    }

    async fn tell(&self, approval: &Approval) -> Result<(), Refusal> {
        let now = self.clock.now();
        let state = approval.state.name().to_ascii_lowercase();
        let message = Message {
            r#type: format!("approval.{state}"),
            sent_at: now,
            data: approval,
        };
        let body =
            serde_json::to_string(&message).map_err(|error| Refusal::Unreachable(error.to_string()))?;
        let id = format!("{}-{}-{state}", approval.index, approval.number);
        let seconds = (now / 1000).to_string();
        let mut request = self
            .transport
            .client()
            .post(self.url.expose())
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &seconds);
        if let Some(key) = &self.secret {
            let signed = hmac::sign(key, format!("{id}.{seconds}.{body}").as_bytes());
            request = request.header("webhook-signature", format!("v1,{}", STANDARD.encode(signed)));
        }
        let request = request
            .body(body)
            .build()
            .map_err(|_| Refusal::Unreachable("the request could not be made".to_owned()))?;
        self.transport.exchange(request).await.map(drop)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<(IndexId, u64), (u32, Instant)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_bytes(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix("whsec_");
    encoded
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// A refusal in words; the address may be a secret and is left out.
fn said(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Status { status, .. } => format!("it answered {status}"),
        Refusal::TimedOut => "it did not answer in time".to_owned(),
        Refusal::Unreachable(why) => why.clone(),
        Refusal::TooLong => "its answer is too long".to_owned(),
    }
}
