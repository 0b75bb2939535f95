//! What has to hold before anything is started: a folder that can be read, settings that make sense, and a data folder that
//! belongs to them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use shared::blobs::source::Source;
use shared::clock::{Clock, SystemClock};
use shared::embedder::codes;
use shared::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use shared::ids::IndexId;
use shared::index_settings::{IndexSettings, ModelSettings};
use shared::retry::{Failure, FailureClass, RetryPolicy, retry};
use tokio::net::TcpListener;

use crate::args::UpArgs;
use crate::data_dir::DataDir;
use crate::embedded::{self, Embedded};

/// Served here when nothing else is asked for.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7700);

/// The absolute path of a folder that can be listed.
pub(super) fn readable_folder(dir: &Path) -> anyhow::Result<PathBuf> {
    let shown = dir.display();
    let absolute = dir.canonicalize().with_context(|| {
        format!("the folder {shown} cannot be opened: check the path, and that this account may enter it")
    })?;
    if !absolute.is_dir() {
        bail!("{shown} is not a folder: give the folder that holds the documents");
    }
    std::fs::read_dir(&absolute)
        .with_context(|| format!("the folder {shown} cannot be listed: give this account read permission"))?;
    Ok(absolute)
}

pub(super) async fn listen(args: &UpArgs) -> anyhow::Result<Option<TcpListener>> {
    let address = match (args.listen, args.once) {
        (Some(address), _) => address,
        (None, false) => DEFAULT_LISTEN,
        (None, true) => return Ok(None),
    };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: choose another address with --listen, for example 127.0.0.1:0 for any free port")
    })?;
    Ok(Some(listener))
}

/// Opens the index of a data folder, making it on the first run.
pub(super) async fn open(folder: DataDir, root: &Path, args: &UpArgs) -> anyhow::Result<Embedded> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = args.backends.open_ledger(&folder, &clock).await?;
    let index = args
        .name
        .clone()
        .unwrap_or_else(|| IndexId::from_free_text(&root.file_name().unwrap_or_default().to_string_lossy()));
    args.backends.check_alone(&*ledger, &index).await?;
    let embedding = args.embedding.settings();
    let stored = ledger.indexes().await?.into_iter().next();
    let settings = match stored {
        Some(record) => {
            let stored = IndexSettings::of(&record)?;
            check_same(
                &record.id,
                &index,
                &stored,
                root,
                args,
                embedding.as_ref(),
                folder.ledger().parent(),
            )?;
            stored
        }
        None => {
            let embedding = match &embedding {
                Some(settings) => Some(ask_model(settings).await?),
                None => None,
            };
            let settings = IndexSettings {
                embedding,
                ..IndexSettings::new(Source::Folder(root.to_path_buf()), &args.language)
            };
            // Refuse a language that is not known before anything is written.
            shared::embedder::bm25::Bm25::new(&settings.language)?;
            ledger
                .ensure_index(&index, &serde_json::to_value(&settings)?)
                .await?;
            settings
        }
    };
    embedded::assemble(folder, clock, ledger, &args.backends, index, settings, embedding).await
}

/// Learns the size of the model's vectors, and that endpoint, key and model are right.
async fn ask_model(settings: &EmbeddingSettings) -> anyhow::Result<ModelSettings> {
    let embedder = OpenAiEmbedder::new(settings.clone())?;
    // Trouble that passes is waited for; what only a person can mend is said at once.
    let policy = RetryPolicy {
        max_attempts: 4,
        ..RetryPolicy::default()
    };
    let dimensions = retry(&policy, |_| async {
        embedder
            .probe()
            .await
            .map_err(|failure| match codes::needs_a_person(&failure) {
                true => Failure {
                    class: FailureClass::Permanent,
                    ..failure
                },
                false => failure,
            })
    })
    .await
    .context("the embedding model does not answer, so the index cannot be made")?;
    Ok(ModelSettings {
        url: settings.base_url.clone(),
        model: settings.model.clone(),
        dimensions,
        azure_api_version: settings.azure_api_version.clone(),
        shortened_to: None,
    })
}

/// A data folder belongs to one folder, language and model: vectors of different models cannot be compared.
fn check_same(
    stored_name: &IndexId,
    name: &IndexId,
    stored: &IndexSettings,
    root: &Path,
    args: &UpArgs,
    embedding: Option<&EmbeddingSettings>,
    folder: Option<&Path>,
) -> anyhow::Result<()> {
    let folder = folder.unwrap_or(Path::new("")).display();
    let refuse = |what: &str, before: &str, now: &str| {
        bail!(
            "the data folder {folder} holds an index with {what} {before}, now {what} {now} is asked for: \
             use another --data-dir for it, or delete {folder} to begin anew"
        )
    };
    if stored_name != name {
        return refuse("the name", stored_name.as_str(), name.as_str());
    }
    let source = Source::Folder(root.to_path_buf());
    if stored.source != source {
        return refuse("the source", &stored.source.to_string(), &source.to_string());
    }
    if stored.language != args.language {
        return refuse("the language", &stored.language, &args.language);
    }
    let before = stored
        .embedding
        .as_ref()
        .map_or("none", |model| model.model.as_str());
    let now = embedding.map_or("none", |settings| settings.model.as_str());
    if before != now {
        return refuse("the embedding model", before, now);
    }
    Ok(())
}
