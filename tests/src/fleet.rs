//! A whole fleet on this machine: PostgreSQL, RabbitMQ, Azurite, a vector server, a model, and the services as processes.

mod interface;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::{SeedableRng, rngs::SmallRng};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use self::source::text;
use crate::azurite::{Azurite, Container};
use crate::model::Model;
use crate::postgres::Postgres;
use crate::qdrant_front::process::FrontProcess;
use crate::rabbitmq::RabbitMq;
use crate::service::Service;

/// The index that tests work with.
pub const INDEX: &str = "docs";
/// The key that opens everything.
pub const ADMIN_KEY: &str = "admin-key-of-the-tests-fleet";
/// What senders of events know.
const EVENTS_KEY: &str = "open-sesame";
/// Longest wait for a fleet to have caught up; it may have to wait for leases and backoffs first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that runs.
pub struct Fleet {
    /// The ledger's server.
    pub postgres: Postgres,
    /// The broker.
    pub rabbit: RabbitMq,
    /// The store of blobs.
    pub azurite: Azurite,
    /// The vector server.
    pub vectors: FrontProcess,
    /// The model.
    pub model: Model,
    /// The container that the index is made from.
    pub container: Container,
    /// Control planes that run.
    pub control: Vec<Service>,
    /// Processors that run.
    pub processors: Vec<Service>,
    /// What the container should hold, by path.
    pub truth: BTreeMap<String, String>,
    /// Choices.
    pub random: SmallRng,
    environment: Vec<(&'static str, String)>,
    runtime: Runtime,
    http: reqwest::Client,
    events: u64,
    changes: usize,
    _folder: TempDir,
}

/// How services are set so that tests need not wait: short leases, early repetitions.
const CONTROL: &[&str] = &[
    "--sweep-seconds",
    "1",
    "--rewake-seconds",
    "2",
    "--orphan-age-seconds",
    "5",
    "--max-retries",
    "50",
    "--generation-refusal-seconds",
    "3",
];
const PROCESSOR: &[&str] = &[
    "--lease-seconds",
    "4",
    "--slots",
    "8",
    "--max-retries",
    "50",
    "--drain-seconds",
    "5",
    "--circuit-open",
    "500ms",
    "--circuit-max-open",
    "2s",
    "--chunk-unit",
    "characters",
    "--chunk-size",
    "400",
    "--chunk-overlap",
    "0",
];

impl Fleet {
    /// Starts the backends and one control plane with an index on an empty container, and no processor.
    ///
    /// # Errors
    /// When something is not installed or does not start.
    pub fn start(seed: u64) -> anyhow::Result<Self> {
        Self::start_with(seed, &[])
    }

    /// The same with more variables in the environment of every service, or others than it would have.
    ///
    /// # Errors
    /// When something is not installed or does not start.
    pub fn start_with(seed: u64, variables: &[(&'static str, String)]) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let folder = tempfile::Builder::new().prefix("fleet-").tempdir()?;
        let rabbit = std::thread::spawn(RabbitMq::start);
        let azurite = Azurite::start()?;
        let postgres = Postgres::start()?;
        let database = postgres.database("longshore")?;
        let vectors = FrontProcess::start(&folder.path().join("vectors"), None)?;
        let model = Model::start()?;
        let container = runtime.block_on(azurite.container("container-one"))?;
        let rabbit = rabbit.join().ok().context("starting RabbitMQ panicked")??;
        let mut environment = vec![
            ("DATABASE_URL", database),
            ("AMQP_URL", rabbit.url()),
            ("QDRANT_URL", vectors.url()),
            ("EMBEDDING_BASE_URL", model.url()),
            ("EMBEDDING_MODEL", "test-model".to_owned()),
            ("EVENTS_KEY", EVENTS_KEY.to_owned()),
            ("LONGSHORE_ADMIN_KEY", ADMIN_KEY.to_owned()),
            ("LONGSHORE_LOG", "info".to_owned()),
            ("RECONCILE_SECONDS", "5".to_owned()),
        ];
        environment.extend(azurite.environment());
        environment.extend(variables.iter().cloned());
        let mut fleet = Self {
            postgres,
            rabbit,
            azurite,
            vectors,
            model,
            container,
            control: Vec::new(),
            processors: Vec::new(),
            truth: BTreeMap::new(),
            random: SmallRng::seed_from_u64(seed),
            environment,
            runtime,
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(30))
                .build()?,
            events: 0,
            changes: 0,
            _folder: folder,
        };
        fleet.add_control()?;
        let source = fleet.container.source();
        let made = fleet.post("/indexes", &json!({ "name": INDEX, "source": source }))?;
        ensure!(made.0 == 201, "the index was not made: {made:?}");
        Ok(fleet)
    }

    /// Adds a control plane.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_control(&mut self) -> anyhow::Result<()> {
        let mut control = Service::start("control-plane", &self.environment, CONTROL)?;
        control.url()?;
        self.control.push(control);
        Ok(())
    }

    /// Kills the first control plane as a power cut would, and starts another.
    ///
    /// # Errors
    /// When the other does not start.
    pub fn replace_control(&mut self) -> anyhow::Result<()> {
        self.control.remove(0).kill()?;
        self.add_control()
    }

    /// Adds a processor.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_processor(&mut self) -> anyhow::Result<()> {
        let mut processor = Service::start("index-processor", &self.environment, PROCESSOR)?;
        processor.url()?;
        self.processors.push(processor);
        Ok(())
    }

    /// Runs a service to its end with some variables replaced; its exit code and what it logged.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn try_service(
        &self,
        binary: &str,
        replaced: &[(&'static str, String)],
        flags: &[&str],
    ) -> anyhow::Result<(i32, String)> {
        let mut environment = self.environment.clone();
        environment.extend(replaced.iter().cloned());
        let output = Service::command(binary, &environment, flags)
            .stdout(std::process::Stdio::piped())
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&text).into_owned(),
        ))
    }

    /// Waits until nothing is left to do, then checks that the index is true to the container, whatever way one looks
    /// at it.
    ///
    /// # Errors
    /// When it is not, in time.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        let began = std::time::Instant::now();
        loop {
            match self.check() {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE => {
                    return Err(error.context(format!(
                        "the index is not true to the container:\n{}",
                        self.logs()
                    )));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn check(&mut self) -> anyhow::Result<()> {
        let backlog = self.get("/backlog")?;
        ensure!(backlog["backlog"] == 0, "there is work: {backlog}");
        let index = self.get(&format!("/indexes/{INDEX}"))?;
        let failed = &index["stats"]["by_state"]["FAILED"];
        ensure!(failed.is_null(), "files failed: {index}");
        let mut listed = BTreeSet::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!(
                "/indexes/{INDEX}/files?state=INDEXED&limit=1000{cursor}"
            ))?;
            for file in page["files"].as_array().context("no files")? {
                listed.insert(file["path"].as_str().unwrap_or_default().to_owned());
            }
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let truth: BTreeSet<String> = self.truth.keys().cloned().collect();
        ensure!(
            listed == truth,
            "files differ: {:?}",
            listed.symmetric_difference(&truth).collect::<Vec<_>>()
        );
        let (points, chunks) = (
            self.get("/readyz")?["points"].as_u64(),
            index["stats"]["chunks"].as_u64(),
        );
        ensure!(
            points == chunks,
            "the vector store holds {points:?} points, the ledger counts {chunks:?}"
        );
        // Each document has a word of its own and one of its revision.
        for (path, text) in self.truth.clone() {
            let words: Vec<&str> = text.split_whitespace().skip(1).take(2).collect();
            let shown = self.search(words[0])?;
            ensure!(
                shown.keys().eq([&path]),
                "{path} is found as {shown:?} by {}",
                words[0]
            );
            let answer = self.get(&format!("/indexes/{INDEX}/search?mode=full_text&q={}", words[0]))?;
            let found = answer["hits"][0]["text"].as_str().unwrap_or_default();
            ensure!(
                found.contains(words[1]),
                "{path} is shown in another revision than {}: {found:?}",
                words[1]
            );
        }
        Ok(())
    }

    /// The last lines that every service logged.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut logs = String::new();
        for (name, services) in [
            ("control-plane", &self.control),
            ("index-processor", &self.processors),
        ] {
            for (number, service) in services.iter().enumerate() {
                let log = service.log();
                let lines: Vec<&str> = log.lines().collect();
                logs.push_str(&format!("--- {name} {number}\n"));
                for line in &lines[lines.len().saturating_sub(15)..] {
                    logs.push_str(&format!("{line}\n"));
                }
            }
        }
        logs
    }

    /// The history of commits, from the ledger: no two claims of a file may have overlapped, and fences only grow.
    ///
    /// # Errors
    /// When they did.
    pub fn check_history(&self) -> anyhow::Result<()> {
        let twice = self.postgres.sql(
            "longshore",
            "SELECT file_id, claim_id, COUNT(*) FROM history WHERE event = 'committed' GROUP BY 1, 2 HAVING COUNT(*) > 1",
        )?;
        ensure!(twice.trim().is_empty(), "a claim committed twice: {twice}");
        let overlap = self.postgres.sql(
            "longshore",
            "SELECT committed.file_id, committed.n FROM history committed
             WHERE committed.event = 'committed' AND committed.claim_id IS DISTINCT FROM (
                SELECT claimed.claim_id FROM history claimed
                WHERE claimed.index_id = committed.index_id AND claimed.file_id = committed.file_id
                    AND claimed.event = 'claimed' AND claimed.n < committed.n
                ORDER BY claimed.n DESC LIMIT 1)",
        )?;
        ensure!(
            overlap.trim().is_empty(),
            "a claim committed after another had begun: {overlap}"
        );
        let backwards = self.postgres.sql(
            "longshore",
            "SELECT file_id FROM (
                SELECT file_id, seq, LAG(seq) OVER (PARTITION BY index_id, file_id ORDER BY n) AS before
                FROM history WHERE event = 'committed') AS commits WHERE seq < before",
        )?;
        ensure!(
            backwards.trim().is_empty(),
            "an older change replaced a newer one: {backwards}"
        );
        Ok(())
    }
}
