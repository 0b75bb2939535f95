//! `longshore up DIR`: the whole system in one process.
//!
//! Order matters: hold the data folder, open the ledger, begin to watch, take over what a killed process left, start the worker,
//! compare folder and ledger, serve. What changes during the first comparison is noticed by the watch.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use control_plane::dispatch::{DispatchSettings, Dispatcher};
use control_plane::http;
use control_plane::intake::folder::{FolderWatch, WatchSettings};
use control_plane::reconciler::Reconciler;
use control_plane::upkeep::{Upkeep, UpkeepSettings};
use index_processor::chunk::{ChunkSettings, Size, Strategy};
use index_processor::lease::{LeaseSettings, Leases};
use index_processor::pipeline::{Pipeline, PipelineSettings};
use index_processor::worker::{Worker, WorkerSettings};
use shared::clock::{Clock, SystemClock};
use shared::embedder::codes;
use shared::embedder::openai::{EmbeddingSettings, OpenAiEmbedder};
use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::ledger::{FileFilter, IndexStats, Ledger, SweepPolicy};
use shared::queue::memory::MemoryQueue;
use shared::retry::{Failure, FailureClass, RetryPolicy, retry};
use shared::shutdown::Tasks;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::args::{ChunkArgs, ChunkStrategy, ChunkUnit, DataArgs, EmbeddingArgs, UpArgs};
use crate::data_dir::DataDir;
use crate::embedded::{self, Embedded, IndexSettings, ModelSettings};
use crate::output::{self, grouped, note, plural, span};
use crate::progress::Progress;

/// Served here when nothing else is asked for.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7700);
/// Finished, and something failed or waits for a decision.
const INCOMPLETE: u8 = 3;
/// Memory for files in work, in bytes.
const MEMORY_BYTES: u64 = 128 << 20;
/// Between looks at the ledger while something is going on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Without work for this long, the vector store is given time for its upkeep.
const IDLE_BEFORE_UPKEEP: Duration = Duration::from_secs(2);
/// Longest wait for tasks at the end.
const DRAIN: Duration = Duration::from_secs(15);

/// Runs until done (`--once`) or told to stop.
pub(crate) async fn run(data: &DataArgs, args: UpArgs) -> anyhow::Result<u8> {
    let root = readable_folder(&args.dir)?;
    let chunk = chunk_settings(&args.chunk, args.embedding.embedding_model.is_some())?;
    let listener = listen(&args).await?;
    let folder = DataDir::create(&data.data_dir)?;
    let embedded = open(folder, &root, &args).await?;
    let up = Up::assemble(embedded, &args, chunk)?;
    up.run(listener, &args).await
}

/// The absolute path of a folder that can be listed.
fn readable_folder(dir: &Path) -> anyhow::Result<PathBuf> {
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

fn chunk_settings(args: &ChunkArgs, has_model: bool) -> anyhow::Result<ChunkSettings> {
    let size = match args.chunk_unit {
        ChunkUnit::Tokens => Size::Tokens(args.chunk_size),
        ChunkUnit::Characters => Size::Characters(args.chunk_size),
    };
    let strategy = match args.chunk_strategy {
        ChunkStrategy::Auto => Strategy::Auto,
        ChunkStrategy::Recursive => Strategy::Recursive,
        ChunkStrategy::Semantic => Strategy::Semantic,
    };
    let settings = ChunkSettings::new(size, args.chunk_overlap, strategy)?;
    if strategy == Strategy::Semantic && !has_model {
        bail!(
            "--chunk-strategy semantic cuts by meaning: it needs --embedding-base-url and --embedding-model"
        );
    }
    Ok(settings)
}

async fn listen(args: &UpArgs) -> anyhow::Result<Option<TcpListener>> {
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

fn embedding_settings(args: &EmbeddingArgs) -> Option<EmbeddingSettings> {
    let (url, model) = (args.embedding_base_url.as_ref()?, args.embedding_model.as_ref()?);
    Some(EmbeddingSettings {
        dimensions: args.embedding_dimensions,
        azure_api_version: args.embedding_azure_api_version.clone(),
        batch_size: usize::from(args.embedding_batch_size),
        max_in_flight: usize::from(args.embedding_max_in_flight),
        api_key: embedded::secret(&args.embedding_api_key),
        ..EmbeddingSettings::new(url, model)
    })
}

/// Opens the index of a data folder, making it on the first run.
async fn open(folder: DataDir, root: &Path, args: &UpArgs) -> anyhow::Result<Embedded> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = embedded::open_ledger(&folder, &clock).await?;
    let index = args
        .name
        .clone()
        .unwrap_or_else(|| IndexId::from_free_text(&root.file_name().unwrap_or_default().to_string_lossy()));
    let embedding = embedding_settings(&args.embedding);
    let stored = ledger.indexes().await?.into_iter().next();
    let settings = match stored {
        Some(record) => {
            let stored = embedded::stored_settings(&record)?;
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
                source: root.to_path_buf(),
                language: args.language.clone(),
                embedding,
            };
            // Refuse a language that is not known before anything is written.
            shared::embedder::bm25::Bm25::new(&settings.language)?;
            ledger
                .ensure_index(&index, &serde_json::to_value(&settings)?)
                .await?;
            settings
        }
    };
    embedded::assemble(folder, clock, ledger, index, settings, embedding)
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
    if stored.source != root {
        return refuse(
            "the source",
            &stored.source.display().to_string(),
            &root.display().to_string(),
        );
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

/// A running system.
struct Up {
    embedded: Embedded,
    pipeline: Arc<Pipeline>,
    worker: Arc<Worker>,
    dispatcher: Dispatcher,
    reconciler: Arc<Reconciler>,
    upkeep: Upkeep,
    metrics: Arc<index_processor::metrics::Metrics>,
    settled: Arc<Notify>,
}

impl Up {
    fn assemble(embedded: Embedded, args: &UpArgs, chunk: ChunkSettings) -> anyhow::Result<Self> {
        let metrics = Arc::new(index_processor::metrics::Metrics::register(&embedded.registry)?);
        let queue = Arc::new(MemoryQueue::default());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let pipeline = Arc::new(Pipeline::new(
            Arc::clone(&embedded.blobs),
            Arc::clone(&embedded.vectors),
            embedded.embedder.clone(),
            Arc::clone(&embedded.bm25),
            PipelineSettings {
                max_file_bytes: args.max_file_size << 20,
                memory_bytes: MEMORY_BYTES,
                cpu_slots: cores,
                chunk,
            },
            Arc::clone(&metrics),
        ));
        let owner = format!("embedded-{}", std::process::id());
        let stale_after = Duration::from_secs(args.stale_timeout * 60);
        let settled = Arc::new(Notify::new());
        let worker = Arc::new(Worker {
            ledger: Arc::clone(&embedded.ledger),
            queue: Arc::clone(&queue) as _,
            pipeline: Arc::clone(&pipeline),
            leases: Arc::new(Leases::new(
                owner.clone(),
                Arc::clone(&embedded.ledger),
                LeaseSettings::default(),
            )),
            owner,
            settings: WorkerSettings {
                slots: usize::from(args.slots),
                max_attempts: args.max_retries,
                stale_after,
                ..WorkerSettings::default()
            },
            clock: Arc::clone(&embedded.clock),
            settled: Arc::clone(&settled),
            nudge: Arc::clone(&embedded.nudge),
            metrics: Arc::clone(&metrics),
        });
        let dispatcher = Dispatcher {
            ledger: Arc::clone(&embedded.ledger),
            queue,
            nudge: Arc::clone(&embedded.nudge),
            settings: DispatchSettings {
                queue_began_empty: true,
                ..DispatchSettings::default()
            },
            began: Instant::now(),
            metrics: Arc::clone(&embedded.metrics),
        };
        let reconciler = embedded.reconciler(pipeline.fingerprint());
        let defaults = UpkeepSettings::default();
        let upkeep = Upkeep {
            index: embedded.index.clone(),
            ledger: Arc::clone(&embedded.ledger),
            vectors: Arc::clone(&embedded.vectors),
            reconciler: Arc::clone(&reconciler),
            clock: Arc::clone(&embedded.clock),
            nudge: Arc::clone(&embedded.nudge),
            metrics: Arc::clone(&embedded.metrics),
            settings: UpkeepSettings {
                reconcile_every: Duration::from_secs(args.reconcile_every),
                sweep: SweepPolicy {
                    stale_after,
                    max_attempts: args.max_retries,
                    ..defaults.sweep
                },
                ..defaults
            },
        };
        Ok(Self {
            embedded,
            pipeline,
            worker,
            dispatcher,
            reconciler,
            upkeep,
            metrics,
            settled,
        })
    }

    async fn run(self, listener: Option<TcpListener>, args: &UpArgs) -> anyhow::Result<u8> {
        let tasks = Tasks::new();
        stop_on_signal(&tasks);
        let watch = if args.once { None } else { self.watch() };
        // The data folder is ours alone, so whoever held files here before is dead.
        let all = SweepPolicy {
            stale_after: Duration::ZERO,
            delay: Duration::ZERO,
            ..self.upkeep.settings.sweep
        };
        self.upkeep.sweep(all).await?;

        let Self {
            embedded,
            worker,
            dispatcher,
            reconciler,
            upkeep,
            metrics,
            settled,
            pipeline,
        } = self;
        let worker = tasks.spawn(worker.run(tasks.stopping()));
        tasks.spawn(dispatcher.run(tasks.stopping()));
        upkeep.start(&tasks);
        let url = listener
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose()?
            .map(|at| format!("http://{at}"));
        embedded.data.announce(url.clone())?;
        if let Some(listener) = listener {
            let api = embedded.api(Some(Arc::clone(&reconciler)));
            tasks.spawn(http::serve(listener, api, tasks.stopping()));
        }
        if let Some(url) = &url {
            note(&format!(
                "index {} · {url}/indexes/{}/search?q=…",
                embedded.index, embedded.index
            ));
        }
        let view = View {
            embedded: &embedded,
            reconciler: &reconciler,
            metrics: &metrics,
            settled: &settled,
        };
        let code = if args.once {
            view.once(&tasks, Duration::from_secs(args.patience)).await
        } else {
            if let Some(watch) = watch {
                tasks.spawn(watch.run(
                    Arc::clone(&reconciler),
                    WatchSettings::default(),
                    tasks.stopping(),
                ));
            }
            view.follow(&tasks, &upkeep).await
        };
        if !tasks.drain(DRAIN).await {
            tracing::warn!("some tasks did not end in time");
        }
        drop(worker);
        drop(pipeline);
        let closed = embedded.close().await;
        let code = code?;
        closed?;
        Ok(code)
    }

    /// Begins to watch the folder; without a watch changes are found by comparing from time to time.
    fn watch(&self) -> Option<FolderWatch> {
        match FolderWatch::begin(&self.embedded.settings.source) {
            Ok(watch) => Some(watch),
            Err(error) => {
                note(&format!(
                    "the folder cannot be watched ({error}); changes are found every {} s instead. \
                     On Linux, raise fs.inotify.max_user_watches",
                    self.upkeep.settings.reconcile_every.as_secs()
                ));
                None
            }
        }
    }
}

/// What the foreground looks at while the tasks work.
struct View<'a> {
    embedded: &'a Embedded,
    reconciler: &'a Reconciler,
    metrics: &'a index_processor::metrics::Metrics,
    settled: &'a Notify,
}

impl View<'_> {
    /// Works until folder and index are equal.
    async fn once(&self, tasks: &Tasks, patience: Duration) -> anyhow::Result<u8> {
        let started = Instant::now();
        loop {
            let plan = self.reconciler.everything("scan").await?;
            // A comparison that finds nothing new, with nothing left to do, is the proof.
            let stats = self.stats().await?;
            if plan.changes.is_empty() && stats.backlog == 0 {
                self.summary(&stats, plan.unchanged as u64, started).await?;
                return Ok(if is_complete(&stats) { 0 } else { INCOMPLETE });
            }
            if !self.catch_up(tasks, Some(patience)).await? {
                let stats = self.stats().await?;
                self.summary(&stats, 0, started).await?;
                let why = if tasks.stopping().is_cancelled() {
                    "stopped".to_owned()
                } else {
                    format!("gave up after {} s without progress", patience.as_secs())
                };
                note(&format!(
                    "{why} with {} to do; run the same command again to go on",
                    plural(stats.backlog, "file")
                ));
                return Ok(INCOMPLETE);
            }
        }
    }

    /// Keeps the index true until told to stop.
    async fn follow(&self, tasks: &Tasks, upkeep: &Upkeep) -> anyhow::Result<u8> {
        let started = Instant::now();
        let stop = tasks.stopping();
        let plan = self.reconciler.everything("scan").await?;
        if !plan.changes.is_empty() || self.stats().await?.backlog > 0 {
            self.catch_up(tasks, None).await?;
        }
        self.summary(&self.stats().await?, plan.unchanged as u64, started)
            .await?;
        note("watching for changes; stop with Ctrl-C");
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.settled.notified() => {
                    self.catch_up(tasks, None).await?;
                }
                () = tokio::time::sleep(IDLE_BEFORE_UPKEEP) => {
                    if let Err(error) = upkeep.vectors_upkeep().await {
                        tracing::warn!(%error, "upkeep of the vector store failed");
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.settled.notified() => {}
                    }
                }
            }
        }
        Ok(0)
    }

    /// Shows progress until nothing is pending or running. `false` when told to stop, or when nothing has moved for as
    /// long as patience lasts.
    async fn catch_up(&self, tasks: &Tasks, patience: Option<Duration>) -> anyhow::Result<bool> {
        let stop = tasks.stopping();
        let mut stats = self.stats().await?;
        let mut progress = Progress::begin(&stats);
        let mut moved = (Instant::now(), self.movement());
        let caught_up = loop {
            if stats.backlog == 0 {
                break true;
            }
            let movement = self.movement();
            if movement != moved.1 {
                moved = (Instant::now(), movement);
            }
            let stuck = moved.0.elapsed();
            if stop.is_cancelled() || patience.is_some_and(|patience| stuck >= patience) {
                break false;
            }
            let trouble = if stuck > Duration::from_secs(2) {
                self.trouble().await?
            } else {
                None
            };
            progress.update(&stats, trouble.as_deref());
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            stats = self.stats().await?;
        };
        progress.end();
        Ok(caught_up)
    }

    /// A number that moves when work gets done.
    fn movement(&self) -> u64 {
        let done = ["indexed", "kept", "skipped", "deleted", "cleaned", "failed"];
        let ended: u64 = done
            .iter()
            .map(|end| self.metrics.attempts.with_label_values(&[end]).get())
            .sum();
        ended + self.metrics.chunks_embedded.get() + self.metrics.chunks_upserted.get()
    }

    /// Why a pending file waits.
    async fn trouble(&self) -> anyhow::Result<Option<String>> {
        let pending = FileFilter {
            states: vec![FileState::Pending],
            ..FileFilter::default()
        };
        let waiting = self
            .embedded
            .ledger
            .files(&self.embedded.index, &pending, 1)
            .await?;
        Ok(waiting
            .into_iter()
            .find_map(|file| file.last_error)
            .map(|failure| failure.to_string()))
    }

    async fn stats(&self) -> anyhow::Result<IndexStats> {
        Ok(self.embedded.ledger.stats(&self.embedded.index).await?)
    }

    async fn summary(&self, stats: &IndexStats, unchanged: u64, started: Instant) -> anyhow::Result<()> {
        let of = |state| stats.by_state.get(&state).copied().unwrap_or(0);
        let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut text = format!(
            "{} indexed, {} skipped, {} failed · {} · {} read · {}",
            plural(of(FileState::Indexed), "file"),
            grouped(of(FileState::Skipped)),
            grouped(of(FileState::Failed)),
            plural(stats.chunks, "chunk"),
            output::bytes(stats.bytes),
            span(took),
        );
        if unchanged > 0 {
            text.push_str(&format!(" · {} unchanged", grouped(unchanged)));
        }
        note(&text);
        if of(FileState::Failed) > 0 {
            self.list_failures().await?;
        }
        let held = of(FileState::AwaitingApproval);
        if held > 0 {
            note(&format!(
                "{} vanished from the folder at once; they stay searchable until you decide: \
                 `longshore approve` removes them, `longshore approve --reject` keeps them",
                plural(held, "file")
            ));
        }
        Ok(())
    }

    async fn list_failures(&self) -> anyhow::Result<()> {
        const SHOWN: u32 = 10;
        let failed = FileFilter {
            states: vec![FileState::Failed],
            ..FileFilter::default()
        };
        for file in self
            .embedded
            .ledger
            .files(&self.embedded.index, &failed, SHOWN)
            .await?
        {
            let why = file
                .last_error
                .map_or_else(String::new, |failure| failure.to_string());
            note(&format!("  failed  {}  {why}", file.path));
        }
        note("  all of them: `longshore files --status FAILED`; try again: `longshore retry`");
        Ok(())
    }
}

/// Does search show everything that the folder holds and nothing else?
fn is_complete(stats: &IndexStats) -> bool {
    [FileState::Failed, FileState::AwaitingApproval]
        .iter()
        .all(|state| !stats.by_state.contains_key(state))
}

/// Ctrl-C or SIGTERM ends the process in order; a second one at once.
fn stop_on_signal(tasks: &Tasks) {
    let stopper = tasks.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = stopper.stopping().cancelled_owned() => return,
            () = signalled() => {}
        }
        note("stopping; again to stop at once");
        stopper.stop();
    });
    // Not one of the tasks that are waited for: it ends with the process.
    let stop = tasks.stopping();
    drop(Tasks::new().spawn(async move {
        stop.cancelled().await;
        signalled().await;
        std::process::exit(130);
    }));
}

async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    drop(tokio::signal::ctrl_c().await);
}
