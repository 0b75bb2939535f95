//! Settings of the HTTP interface, as flags, variables and file entries; the same for the control plane and `longshore up`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use shared::ledger::ControlLedger;
use shared::secret::Secret;

use super::guard::{Guard, LimitSettings, Place};
use super::keys::first;
use super::serve::Tls;
use crate::metrics::Metrics;

/// Shortest admin key, in characters.
const SHORTEST_KEY: usize = 24;

/// Who may send requests, and how many.
#[derive(Clone, Debug, Args)]
#[command(
    next_help_heading = "Access (on a loopback address no key is asked for, unless one of the first two is set)"
)]
pub struct HttpArgs {
    /// A key that may do everything, of at least 24 characters. It is compared, never stored: to change it, start with
    /// another one. Give it as the environment variable: a command line can be read by others.
    #[arg(
        long,
        env = "LONGSHORE_ADMIN_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub admin_key: Secret,

    /// When there has never been a key, make one that may do everything and write it to this file, for this account only.
    #[arg(long, env = "LONGSHORE_BOOTSTRAP_KEY_FILE", value_name = "FILE")]
    pub bootstrap_key_file: Option<PathBuf>,

    /// Answer everybody who can reach the address, without keys. Whoever can reach it can do everything.
    #[arg(long, env = "LONGSHORE_INSECURE_NO_KEYS")]
    pub insecure_no_keys: bool,

    /// Chain of certificates in PEM, for TLS; read again when it changes.
    #[arg(long, env = "LONGSHORE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM.
    #[arg(long, env = "LONGSHORE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Largest body of a request in KiB, of anything but events (2 MiB).
    #[arg(long, env = "LONGSHORE_MAX_BODY_KIB", default_value_t = 1024, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub max_body_kib: u32,

    /// Longest time from request to answer.
    #[arg(long, env = "LONGSHORE_REQUEST_TIMEOUT_SECONDS", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub request_timeout_seconds: u64,

    /// Requests that are worked on at a time; others are told to come again.
    #[arg(long, env = "LONGSHORE_MAX_REQUESTS", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_requests: u32,

    /// Requests per second of one key; 0 for any number.
    #[arg(long, env = "LONGSHORE_RATE_PER_KEY", default_value_t = 500, value_name = "N")]
    pub rate_per_key: u32,

    /// Days for which the audit log is kept.
    #[arg(long, env = "LONGSHORE_AUDIT_DAYS", default_value_t = 365, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub audit_days: u32,
}

impl HttpArgs {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn check(&self) -> Result<(), String> {
        let length = self.admin_key.expose().chars().count();
        if !self.admin_key.is_empty() && length < SHORTEST_KEY {
            return Err(format!(
                "LONGSHORE_ADMIN_KEY has {length} characters: give at least {SHORTEST_KEY}, for example those of \
                 `openssl rand -hex 32`"
            ));
        }
        if self.insecure_no_keys && self.asks_for_keys() {
            return Err(
                "--insecure-no-keys contradicts an admin key or a file for the first key: leave one of them out"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn asks_for_keys(&self) -> bool {
        !self.admin_key.is_empty() || self.bootstrap_key_file.is_some()
    }

    /// Where requests come from, when one listens at `address`.
    fn place(&self, address: SocketAddr) -> Place {
        if self.insecure_no_keys {
            Place::Unlocked
        } else if self.asks_for_keys() || !address.ip().to_canonical().is_loopback() {
            Place::Anywhere
        } else {
            Place::Machine
        }
    }

    /// A guard for requests at `address`. Where keys are asked for and there has never been one, the first is made and
    /// written to the file that the settings name, otherwise to `file`.
    ///
    /// # Errors
    /// When a setting cannot work, the first key cannot be written, or there would be no key at all.
    pub async fn guard(
        &self,
        address: SocketAddr,
        file: Option<&Path>,
        events_key: Option<Secret>,
        ledger: Arc<dyn ControlLedger>,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Guard> {
        self.check().map_err(anyhow::Error::msg)?;
        let place = self.place(address);
        if place == Place::Anywhere {
            let file = self.bootstrap_key_file.as_deref().or(file);
            if let Some(file) =
                file.filter(|_| self.admin_key.is_empty() || self.bootstrap_key_file.is_some())
            {
                if first::ensure(&*ledger, file).await? {
                    tracing::info!("the first API key is in {}", file.display());
                }
            } else if self.admin_key.is_empty() && !ledger.any_key().await? {
                bail!(
                    "keys are asked for at {address}, and there is none: set LONGSHORE_ADMIN_KEY, or have one made with \
                     --bootstrap-key-file FILE, or listen on 127.0.0.1 only (--insecure-no-keys answers everybody)"
                );
            }
        }
        if place == Place::Unlocked && !address.ip().to_canonical().is_loopback() {
            tracing::warn!(
                "everybody who can reach {address} can do everything, because of --insecure-no-keys"
            );
        }
        let limits = LimitSettings {
            body: self.max_body_kib as usize * 1024,
            timeout: Duration::from_secs(self.request_timeout_seconds),
            concurrent: self.max_requests as usize,
            rate: self.rate_per_key,
        };
        let admin = Some(&self.admin_key).filter(|key| !key.is_empty());
        Ok(Guard::new(place, admin, events_key, &limits, ledger, metrics))
    }

    /// The certificate, where there is one.
    ///
    /// # Errors
    /// When it cannot be used.
    pub async fn tls(&self) -> anyhow::Result<Option<Tls>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(Tls::load(certificate, key).await?)),
            _ => Ok(None),
        }
    }

    /// For how long the audit log is kept.
    #[must_use]
    pub fn audit_kept(&self) -> Duration {
        Duration::from_secs(u64::from(self.audit_days) * 24 * 3600)
    }
}

#[cfg(test)]
mod tests;
