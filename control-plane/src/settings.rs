//! Settings of a control plane, as flags, variables and file entries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser};
use shared::clock::Clock;
use shared::ids::IndexId;
use shared::secret::Secret;
use shared::settings::{EmbeddingArgs, LedgerArgs, QueueArgs, ServiceArgs, VectorArgs};

use crate::approvals::webhook::{InvalidWebhook, Webhook};
use crate::generations::{GenerationSettings, Limits};
use crate::http::settings::HttpArgs;
use crate::search::SearchSettings;

/// Takes blob events, keeps source, ledger and vector store in step, wakes index processors, and serves search. Any number of
/// replicas work side by side.
#[derive(Debug, Parser)]
#[command(name = "control-plane", version = shared::version::VERSION, max_term_width = 100)]
pub struct ControlPlaneSettings {
    /// What every service has.
    #[command(flatten)]
    pub service: ServiceArgs,

    /// Where the ledger is.
    #[command(flatten)]
    pub ledger: LedgerArgs,

    /// Where the work queue is.
    #[command(flatten)]
    pub queue: QueueArgs,

    /// Where the vector store is.
    #[command(flatten)]
    pub vectors: VectorArgs,

    /// The model.
    #[command(flatten)]
    pub embedding: EmbeddingArgs,

    /// How work is handed out.
    #[command(flatten)]
    pub dispatch: DispatchArgs,

    /// Repairs.
    #[command(flatten)]
    pub upkeep: UpkeepArgs,

    /// Approvals.
    #[command(flatten)]
    pub approvals: ApprovalArgs,

    /// Generations.
    #[command(flatten)]
    pub generations: GenerationArgs,

    /// Events.
    #[command(flatten)]
    pub events: EventArgs,

    /// Searches.
    #[command(flatten)]
    pub search: SearchSettings,
    /// Who may send requests.
    #[command(flatten)]
    pub http: HttpArgs,

    /// Address for HTTP; port 0 takes a free one, which is logged.
    #[arg(
        long,
        env = "LONGSHORE_LISTEN",
        default_value = "0.0.0.0:7700",
        value_name = "ADDRESS",
        help_heading = "Service"
    )]
    pub listen: SocketAddr,
}

/// How work is handed out.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Dispatch")]
pub struct DispatchArgs {
    /// Wake-ups of an index that are under way at a time: a huge backfill cannot starve a small index.
    #[arg(long, env = "DISPATCH_WINDOW", default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub dispatch_window: u32,

    /// A wake-up that led to nothing for this long counts as lost.
    #[arg(long, env = "DISPATCH_REWAKE_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub rewake_seconds: u64,

    /// Indexes with a queue of their own, for processors started with --index.
    #[arg(long, env = "DEDICATED_INDEXES", value_name = "NAME", value_delimiter = ',')]
    pub dedicated_indexes: Vec<IndexId>,
}

/// Repairs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Repairs")]
pub struct UpkeepArgs {
    /// Time between full comparisons of source, ledger and vector store.
    #[arg(long, env = "RECONCILE_SECONDS", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub reconcile_seconds: u64,

    /// Time between looks for claims whose lease ran out.
    #[arg(long, env = "SWEEP_SECONDS", default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub sweep_seconds: u64,

    /// Attempts after which a file is FAILED; also those that a dead processor began.
    #[arg(long, env = "FILE_INDEXING_MAX_RETRIES", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_retries: u32,

    /// Longest time that one attempt at a file may take.
    #[arg(long, env = "INDEXER_STALE_FILE_TIMEOUT_MINUTES", default_value_t = 15, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub stale_timeout: u64,

    /// Time after which points that nothing refers to are removed.
    #[arg(long, env = "ORPHAN_AGE_SECONDS", default_value_t = 3600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub orphan_age_seconds: u64,

    /// For new indexes that do not say: removals wait for approval when they are more than this many files and more than the
    /// share below.
    #[arg(long, env = "DELETION_GUARD_FILES", default_value_t = 10, value_name = "N")]
    pub deletion_guard_files: u64,

    /// For new indexes that do not say: share of an index, from 0 to 1.
    #[arg(
        long,
        env = "DELETION_GUARD_SHARE",
        default_value_t = 0.1,
        value_name = "SHARE"
    )]
    pub deletion_guard_share: f64,
}

/// Approvals.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Approvals")]
pub struct ApprovalArgs {
    /// Address that is told when removals wait for approval, and what was decided (Standard Webhooks) [default: nobody is told].
    #[arg(
        long,
        env = "APPROVAL_WEBHOOK_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = ""
    )]
    pub approval_webhook_url: Secret,

    /// Secret that requests to it are signed with [default: they are not signed].
    #[arg(
        long,
        env = "APPROVAL_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        default_value = ""
    )]
    pub approval_webhook_secret: Secret,
}

impl ApprovalArgs {
    /// The webhook, if there is one.
    ///
    /// # Errors
    /// When its address is none.
    pub fn webhook(&self, clock: Arc<dyn Clock>) -> Result<Option<Webhook>, InvalidWebhook> {
        if self.approval_webhook_url.is_empty() {
            return Ok(None);
        }
        let secret = Some(&self.approval_webhook_secret).filter(|secret| !secret.is_empty());
        Webhook::new(&self.approval_webhook_url, secret, clock).map(Some)
    }
}

/// Generations of an index.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Generations")]
pub struct GenerationArgs {
    /// Time that the generation before is kept for an undo after another became live.
    #[arg(long, env = "GENERATION_RETENTION_SECONDS", default_value_t = 604_800, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=315_360_000))]
    pub generation_retention_seconds: u64,

    /// A build is rolled back when no file of it was done for this long.
    #[arg(long, env = "GENERATION_STALL_SECONDS", default_value_t = 21_600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub generation_stall_seconds: u64,

    /// A build is rolled back when the model has refused for this long: its key, its name, its quota.
    #[arg(long, env = "GENERATION_REFUSAL_SECONDS", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub generation_refusal_seconds: u64,

    /// A build is rolled back when more files than this failed that had not failed before, and more than the share below.
    #[arg(long, env = "GENERATION_FAILED_FILES", default_value_t = 10, value_name = "N")]
    pub generation_failed_files: u64,

    /// Share of an index, from 0 to 1.
    #[arg(
        long,
        env = "GENERATION_FAILED_SHARE",
        default_value_t = 0.05,
        value_name = "SHARE"
    )]
    pub generation_failed_share: f64,
}

impl GenerationArgs {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> GenerationSettings {
        GenerationSettings {
            retention: Duration::from_secs(self.generation_retention_seconds),
            limits: Limits {
                failed_files: self.generation_failed_files,
                failed_share: self.generation_failed_share,
                refusal: Duration::from_secs(self.generation_refusal_seconds),
                stall: Duration::from_secs(self.generation_stall_seconds),
            },
            ..GenerationSettings::default()
        }
    }
}

/// Events.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Events")]
pub struct EventArgs {
    /// Secret that senders of events may give in place of an API key with the scope "ingest", as "Authorization: Bearer …", as
    /// x-longshore-key, or as ?key=….
    #[arg(
        long,
        env = "EVENTS_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub events_key: Secret,

    /// Queue of a broker to take blob events from; it must exist.
    #[arg(long, env = "EVENTS_AMQP_QUEUE", value_name = "NAME")]
    pub events_amqp_queue: Option<String>,

    /// The broker of that queue [default: the one of the work queue].
    #[arg(
        long,
        env = "EVENTS_AMQP_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = ""
    )]
    pub events_amqp_url: Secret,
}
