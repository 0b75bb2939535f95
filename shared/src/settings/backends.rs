//! Where ledger, queue and vector store are.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;

use crate::ids::IndexId;
use crate::ledger::postgres::{PostgresLedger, PostgresSettings};
use crate::ledger::{ControlLedger, LedgerError};
use crate::queue::QueueError;
use crate::queue::rabbit::{RabbitQueue, RabbitSettings};
use crate::secret::Secret;
use crate::vectors::VectorsError;
use crate::vectors::qdrant::{QdrantSettings, QdrantStore};

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

    /// Schema for the tables, made when it is not there [default: the user's own].
    #[arg(long, env = "DATABASE_SCHEMA", value_name = "NAME")]
    pub database_schema: Option<String>,
}

impl LedgerArgs {
    /// Checks the settings without connecting.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.settings()?.check()
    }

    /// Connects, and brings the tables up to date.
    ///
    /// # Errors
    /// As [`PostgresLedger::connect`].
    pub async fn open(&self) -> Result<Arc<dyn ControlLedger>, LedgerError> {
        Ok(PostgresLedger::connect(&self.settings()?).await?)
    }

    fn settings(&self) -> Result<PostgresSettings, LedgerError> {
        if self.database_url.is_empty() {
            return Err(LedgerError::Unavailable(
                "DATABASE_URL is not set: give the address of a PostgreSQL database".to_owned(),
            ));
        }
        Ok(PostgresSettings {
            pool_size: usize::from(self.database_pool_size),
            schema: self.database_schema.clone(),
            ..PostgresSettings::new(self.database_url.clone())
        })
    }
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

impl QueueArgs {
    /// Checks the settings; connects at first use. `dedicated` are the indexes with a queue of their own, `only` the one that
    /// a processor is deployed for.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn open(
        &self,
        dedicated: BTreeSet<IndexId>,
        only: Option<IndexId>,
    ) -> Result<Arc<RabbitQueue>, QueueError> {
        if self.amqp_url.is_empty() {
            return Err(QueueError::Unavailable(
                "AMQP_URL is not set: give the address of a RabbitMQ broker".to_owned(),
            ));
        }
        Ok(Arc::new(RabbitQueue::new(RabbitSettings {
            prefix: self.amqp_prefix.clone(),
            dedicated,
            only,
            ..RabbitSettings::new(self.amqp_url.clone())
        })?))
    }
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
    #[arg(
        long,
        env = "QDRANT_COLLECTION_PREFIX",
        default_value = "longshore",
        value_name = "NAME"
    )]
    pub qdrant_collection_prefix: String,
}

impl VectorArgs {
    /// Checks the settings; connects at first use.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn open(&self) -> Result<Arc<QdrantStore>, VectorsError> {
        let Some(url) = &self.qdrant_url else {
            return Err(VectorsError::Refused(
                "QDRANT_URL is not set: give the gRPC address of a Qdrant server".to_owned(),
            ));
        };
        Ok(Arc::new(QdrantStore::connect(&QdrantSettings {
            api_key: (!self.qdrant_api_key.is_empty()).then(|| self.qdrant_api_key.clone()),
            prefix: self.qdrant_collection_prefix.clone(),
            ..QdrantSettings::new(url)
        })?))
    }
}
