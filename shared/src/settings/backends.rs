//! Where ledger, queue and vector store are.

use clap::Args;

use crate::secret::Secret;

/// The ledger.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Ledger (PostgreSQL)")]
pub struct LedgerArgs {
    /// Database of the ledger: postgres://USER:PASSWORD@HOST/DATABASE, with ?sslmode=require for TLS.
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = ""
    )]
    pub database_url: Secret,

    /// Most connections to the database.
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub database_pool_size: u16,
}

/// The work queue.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Work queue (RabbitMQ)")]
pub struct QueueArgs {
    /// The broker: amqp://USER:PASSWORD@HOST/VHOST, or amqps:// for TLS.
    #[arg(
        long,
        env = "AMQP_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = ""
    )]
    pub amqp_url: Secret,

    /// Prefix of exchange and queue names.
    #[arg(long, env = "AMQP_PREFIX", default_value = "longshore", value_name = "NAME")]
    pub amqp_prefix: String,
}

/// The vector store.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Vector store (Qdrant)")]
pub struct VectorArgs {
    /// The server's gRPC address, for example http://localhost:6334.
    #[arg(long, env = "QDRANT_URL", value_name = "URL")]
    pub qdrant_url: Option<String>,

    /// Its API key. Give it as the environment variable: a command line can be read by others.
    #[arg(
        long,
        env = "QDRANT_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub qdrant_api_key: Secret,

    /// Prefix of collection names.
    #[arg(long, env = "QDRANT_PREFIX", default_value = "longshore", value_name = "NAME")]
    pub qdrant_prefix: String,
}
