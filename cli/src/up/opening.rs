//! What has to hold before anything is started: a folder that can be read, settings that make sense, and a data folder that
//! belongs to them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use control_plane::indexes::{IndexError, Indexes};
use shared::blobs::source::Source;
use shared::clock::{Clock, SystemClock};
use shared::embedder::codes;
use shared::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use shared::ids::IndexId;
use shared::index_parts::Models;
use shared::index_settings::{IndexSettings, ModelSettings};
use shared::ledger::{IndexRecord, IndexState, Role};
use shared::models::Models as NamedModels;
use shared::retry::{Failure, FailureClass, RetryPolicy, retry};
use tokio::net::TcpListener;

use crate::args::UpArgs;
use crate::data_dir::DataDir;
use crate::embedded::{self, Embedded};
use crate::output::note;

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

/// Opens the data folder, making the folder's index when it is not there.
pub(super) async fn open(folder: DataDir, root: &Path, args: &UpArgs) -> anyhow::Result<Embedded> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = args.backends.open_ledger(&folder, &clock).await?;
    let wanted = args
        .name
        .clone()
        .unwrap_or_else(|| IndexId::from_free_text(&root.file_name().unwrap_or_default().to_string_lossy()));
    if wanted.generation() > 1 {
        bail!(
            "{wanted} is the name of a generation: give --name {} for the index",
            wanted.base()
        );
    }
    let records = ledger.indexes().await?;
    args.backends.check_alone(&folder, &records, &wanted)?;
    let embedding = args.embedding.settings();
    let main = embedded::main_index(&folder, &records)?.unwrap_or_else(|| wanted.clone());
    let generations = records.iter().filter(|record| record.id.base() == wanted);
    match generations.max_by_key(|record| record.role == Role::Live) {
        // On its way out: what it was made with matters no more.
        Some(record) if record.state == IndexState::Deleting => {}
        Some(record) => check_same(record, root, args, embedding.as_ref(), folder.path())?,
        None if main != wanted => return refuse(folder.path(), "the name", main.as_str(), wanted.as_str()),
        None => {
            let settings = new_index(root, args, embedding.as_ref()).await?;
            folder.set_main_index(&main)?;
            ledger
                .ensure_index(&wanted, &serde_json::to_value(&settings)?)
                .await?;
        }
    }
    if folder.main_index().is_none() {
        folder.set_main_index(&main)?;
    }
    let models = Models::Moved(NamedModels::from(embedding));
    let breakers = args.circuits.policy();
    embedded::assemble(
        folder,
        clock,
        ledger,
        &args.backends,
        wanted,
        &main,
        models,
        breakers,
    )
}

/// The settings of an index of the folder.
async fn new_index(
    root: &Path,
    args: &UpArgs,
    embedding: Option<&EmbeddingSettings>,
) -> anyhow::Result<IndexSettings> {
    // Refuse a language that is not known before anything is asked or written.
    shared::embedder::bm25::Bm25::new(&args.language)?;
    let embedding = match embedding {
        Some(settings) => Some(ask_model(settings).await?),
        None => None,
    };
    Ok(IndexSettings {
        embedding,
        ..IndexSettings::new(Source::Folder(root.to_path_buf()), &args.language)
    })
}

/// Can the index of the folder be used? Others may fail and are tried again; without this one there is nothing to run for.
pub(super) async fn check_usable(indexes: &Indexes, index: &IndexId) -> anyhow::Result<()> {
    match indexes.get(index).await {
        Ok(_) => Ok(()),
        Err(IndexError::Deleting(_)) => {
            note(&format!(
                "index {index} is being deleted; start again when it is gone to make it anew"
            ));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
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

/// An index belongs to one folder, language and model: vectors of different models cannot be compared.
fn check_same(
    record: &IndexRecord,
    root: &Path,
    args: &UpArgs,
    embedding: Option<&EmbeddingSettings>,
    folder: &Path,
) -> anyhow::Result<()> {
    let stored = IndexSettings::of(record)?;
    let source = Source::Folder(root.to_path_buf());
    if stored.source != source {
        return refuse(
            folder,
            "the source",
            &stored.source.to_string(),
            &source.to_string(),
        );
    }
    // What was changed while it ran holds, or nothing that was changed would outlive the process: flags say what an index is
    // made with. Another model always takes another generation, another language may be set in place.
    let another = record.id.generation() > 1;
    if stored.language != args.language {
        if !another && record.revision <= 1 {
            return refuse(folder, "the language", &stored.language, &args.language);
        }
        changed_since(record, "language", &stored.language, &args.language);
    }
    let before = stored
        .embedding
        .as_ref()
        .map_or("none", |model| model.model.as_str());
    let now = embedding.map_or("none", |settings| settings.model.as_str());
    if before != now {
        if !another {
            return refuse(folder, "the embedding model", before, now);
        }
        changed_since(record, "embedding model", before, now);
    }
    Ok(())
}

fn changed_since(record: &IndexRecord, what: &str, holds: &str, asked: &str) {
    let index = record.id.base();
    note(&format!(
        "index {index} was given the {what} {holds} since it was made, so {asked} is not used for it"
    ));
}

fn refuse<T>(folder: &Path, what: &str, before: &str, now: &str) -> anyhow::Result<T> {
    let folder = folder.display();
    bail!(
        "the data folder {folder} holds an index with {what} {before}, now {what} {now} is asked for: \
         use another --data-dir for it, or delete {folder} to begin anew; a running `longshore up` makes further indexes \
         with POST /indexes"
    )
}
