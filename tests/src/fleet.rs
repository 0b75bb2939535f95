//! A whole fleet on this machine: PostgreSQL, RabbitMQ, Azurite, a vector server, a model, and the services as processes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::azurite::{ACCOUNT, Azurite, Container};
use crate::model::Model;
use crate::postgres::Postgres;
use crate::qdrant_front::process::FrontProcess;
use crate::rabbitmq::RabbitMq;
use crate::service::Service;
use crate::wait;

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

    /// Reads from the first control plane.
    ///
    /// # Errors
    /// When it does not answer with JSON.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.control[0].url()?);
        Ok(self.runtime.block_on(async {
            self.http
                .get(url)
                .bearer_auth(ADMIN_KEY)
                .send()
                .await?
                .error_for_status()?
                .json()
                .await
        })?)
    }

    /// Runs the index and waits until each file of the run is done.
    ///
    /// # Errors
    /// When the run is not begun, or is not over in time.
    pub fn run(&mut self, query: &str) -> anyhow::Result<()> {
        let (status, answer) = self.post(&format!("/indexes/{INDEX}/run?{query}"), &Value::Null)?;
        ensure!(status == 202, "{status} {answer}");
        let run = answer["run"].as_str().context("no run")?.to_owned();
        wait::until("a run to be over", || {
            let run = self.get(&format!("/runs/{run}"))?;
            Ok((run["state"] == "COMPLETED").then_some(()))
        })
    }

    /// Posts to the first control plane; status and answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        self.send(reqwest::Method::POST, path, "application/json", body.to_string())
    }

    /// Sends anything to the first control plane; status and answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn send(
        &mut self,
        method: reqwest::Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{path}", self.control[0].url()?);
        let key = if path.starts_with("/events") {
            EVENTS_KEY
        } else {
            ADMIN_KEY
        };
        let request = self
            .http
            .request(method, url)
            .header("content-type", content_type)
            .bearer_auth(key)
            .body(body);
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        })
    }

    /// Paths that a search of the whole index shows, with the revision of each.
    ///
    /// # Errors
    /// When the search fails, or shows two revisions of a file.
    pub fn search(&mut self, query: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let query = query.replace(' ', "%20");
        let answer = self.get(&format!(
            "/indexes/{INDEX}/search?mode=full_text&limit=100&q={query}"
        ))?;
        let mut shown: BTreeMap<String, String> = BTreeMap::new();
        for hit in answer["hits"].as_array().context("no hits")? {
            let path = hit["path"].as_str().unwrap_or_default().to_owned();
            let etag = hit["etag"].as_str().unwrap_or_default().to_owned();
            if let Some(other) = shown.get(&path) {
                ensure!(
                    *other == etag,
                    "{path} is shown in two versions, {other} and {etag}"
                );
            }
            shown.insert(path, etag);
        }
        Ok(shown)
    }

    /// An Event Grid event about a blob.
    pub fn event(&mut self, kind: &str, path: &str) -> Value {
        self.events += 1;
        let account = format!(
            "/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
        );
        let name = self.container.name();
        json!({
            "topic": account,
            "subject": format!("/blobServices/default/containers/{name}/blobs/{path}"),
            "eventType": format!("Microsoft.Storage.{kind}"),
            "id": format!("event-{}", self.events),
            "eventTime": "2026-01-01T00:00:00Z",
            "dataVersion": "", "metadataVersion": "1",
            "data": {
                "api": "PutBlob",
                "sequencer": format!("{:032}", self.events),
                "url": format!("https://{ACCOUNT}.blob.core.windows.net/{name}/{path}"),
            }
        })
    }

    /// An Event Grid event about a rename of a blob or directory.
    pub fn rename_event(&mut self, kind: &str, from: &str, to: &str) -> Value {
        let mut event = self.event(kind, to);
        let name = self.container.name().to_owned();
        let url = |path: &str| format!("https://{ACCOUNT}.dfs.core.windows.net/{name}/{path}");
        event["data"]["sourceUrl"] = json!(url(from));
        event["data"]["destinationUrl"] = json!(url(to));
        event
    }

    /// Reports events, which must be accepted.
    ///
    /// # Errors
    /// When they are not.
    pub fn report(&mut self, events: &[Value]) -> anyhow::Result<()> {
        let (status, answer) = self.post("/events/azure", &Value::Array(events.to_vec()))?;
        ensure!(status == 200, "events were answered by {status}: {answer}");
        Ok(())
    }

    /// Reports events as a sender does that traces; they must be accepted.
    ///
    /// # Errors
    /// When they are not.
    pub fn report_traced(&mut self, events: &[Value], traceparent: &str) -> anyhow::Result<()> {
        let request = self
            .http
            .post(format!("{}/events/azure", self.control[0].url()?))
            .header("traceparent", traceparent)
            .bearer_auth(EVENTS_KEY)
            .json(events);
        let status = self.runtime.block_on(async { request.send().await })?.status();
        ensure!(status == 200, "events were answered by {status}");
        Ok(())
    }

    /// Writes a blob, without telling anybody.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn write(&mut self, path: &str, text: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.container.put(path, text.to_owned()))?;
        self.truth.insert(path.to_owned(), text.to_owned());
        Ok(())
    }

    /// Writes a blob that is no text, without telling anybody. `word` is in it, and in no other one.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn write_document(&mut self, path: &str, content: Vec<u8>, word: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.container.put(path, content))?;
        self.truth.insert(path.to_owned(), format!("# {word} {word}"));
        Ok(())
    }

    /// Removes a blob, without telling anybody.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn remove(&mut self, path: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.container.remove(path))?;
        self.truth.remove(path);
        Ok(())
    }

    /// Makes a random change and returns the events about it.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn change_something(&mut self) -> anyhow::Result<Vec<Value>> {
        self.changes += 1;
        let round = self.changes;
        let known: Vec<String> = self.truth.keys().cloned().collect();
        let pick = |random: &mut SmallRng| known[random.random_range(0..known.len())].clone();
        let choice = if known.len() < 5 {
            0
        } else {
            self.random.random_range(0..10)
        };
        match choice {
            0..=3 => {
                let path = format!("docs/new-{round}.md");
                self.write(&path, &text(&path, round))?;
                Ok(vec![self.event("BlobCreated", &path)])
            }
            4..=6 => {
                let path = pick(&mut self.random);
                self.write(&path, &text(&path, round))?;
                Ok(vec![self.event("BlobCreated", &path)])
            }
            7 => {
                let path = pick(&mut self.random);
                self.remove(&path)?;
                Ok(vec![self.event("BlobDeleted", &path)])
            }
            _ => {
                let from = pick(&mut self.random);
                let to = format!("moved/{round}.md");
                let body = self.truth[&from].clone();
                self.write(&to, &body)?;
                self.remove(&from)?;
                Ok(vec![self.rename_event("BlobRenamed", &from, &to)])
            }
        }
    }

    /// Repeats some events and changes their order.
    pub fn shuffle(&mut self, events: &mut Vec<Value>) {
        let again: Vec<Value> = events
            .iter()
            .filter(|_| self.random.random_bool(0.3))
            .cloned()
            .collect();
        events.extend(again);
        events.shuffle(&mut self.random);
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

/// A document of several chunks with a word of its own and one of its revision.
#[must_use]
pub fn text(path: &str, revision: usize) -> String {
    let word: String = path.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut text = format!("# {word}x{revision} rev{revision}end\n\n");
    for paragraph in 0..3 {
        let line =
            format!("{word}x{revision} rev{revision}end paragraph {paragraph} about cranes and quays. ");
        text.push_str(&line.repeat(4));
        text.push_str("\n\n");
    }
    text
}
