//! Opening a source by its name. Credentials come from the process's settings and environment, in the variables that the
//! providers' own tools use.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::Objects;
use super::errors::brief;
use crate::blobs::Blobs;
use crate::blobs::folder::{Folder, FolderError};
use crate::blobs::source::Source;
use crate::secret::Secret;

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is no good.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A setting of the source is missing or wrong.
    #[error("the source {source_name} cannot be opened: {why}")]
    Settings {
        /// The source.
        source_name: Source,
        /// What is wrong.
        why: String,
    },
}

/// Opens a source. `options` are its own settings and come before the environment: names as in the environment
/// (`AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_KEY`, `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`, …), in
/// either case. Nothing is asked of the source yet.
///
/// Without a key, Azure uses the managed or workload identity of the machine, S3 its instance role and GCS its service
/// account. `AZURE_STORAGE_USE_EMULATOR=true` and `AZURITE_BLOB_STORAGE_URL` select the emulator.
///
/// # Errors
/// See [`OpenError`]; values of options are never in the text.
pub fn open(source: &Source, options: &BTreeMap<String, Secret>) -> Result<Arc<dyn Blobs>, OpenError> {
    match source {
        Source::Folder(path) => Ok(Arc::new(Folder::open(path)?)),
        Source::Azure { .. } | Source::S3 { .. } | Source::Gcs { .. } => {
            Ok(Arc::new(Objects::new(open_store(source, options)?)))
        }
    }
}

/// The store behind a name, to read and to write; a folder is made if it is not there. As [`open`] otherwise.
///
/// # Errors
/// As [`open`].
pub fn open_store(
    source: &Source,
    options: &BTreeMap<String, Secret>,
) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let wrong = |error: object_store::Error| OpenError::Settings {
        source_name: source.clone(),
        why: brief(&error.to_string()),
    };
    Ok(match source {
        Source::Folder(path) => {
            std::fs::create_dir_all(path).map_err(|error| OpenError::Settings {
                source_name: source.clone(),
                why: format!("the folder cannot be made: {error}"),
            })?;
            Arc::new(LocalFileSystem::new_with_prefix(path).map_err(wrong)?)
        }
        Source::Azure { account, container } => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_account(account)
                .with_container_name(container)
                .with_retry(retries());
            for (name, value) in options {
                let key = key::<AzureConfigKey>(source, name)?;
                builder = builder.with_config(key, value.expose());
            }
            Arc::new(builder.build().map_err(wrong)?)
        }
        Source::S3 { bucket } => {
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retries());
            for (name, value) in options {
                let key = key::<AmazonS3ConfigKey>(source, name)?;
                builder = builder.with_config(key, value.expose());
            }
            Arc::new(builder.build().map_err(wrong)?)
        }
        Source::Gcs { bucket } => {
            let mut builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(ClientOptions::default())
                .with_retry(retries());
            for (name, value) in options {
                let key = key::<GoogleConfigKey>(source, name)?;
                builder = builder.with_config(key, value.expose());
            }
            Arc::new(builder.build().map_err(wrong)?)
        }
    })
}

fn key<K: FromStr>(source: &Source, name: &str) -> Result<K, OpenError> {
    K::from_str(&name.to_ascii_lowercase()).map_err(|_| OpenError::Settings {
        source_name: source.clone(),
        why: format!("it has no option {name:?}"),
    })
}

/// Short: what does not heal within seconds is the ledger's to try again, and a slot is not held meanwhile.
fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(15),
        ..RetryConfig::default()
    }
}
