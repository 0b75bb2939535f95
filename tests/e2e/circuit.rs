//! A model that is down is left alone: few requests, no attempt in vain, nothing charged, and all of it visible.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::embedding_server::faults::Fault;
use tests::folder::Docs;
use tests::longshore::{Longshore, Up};
use tests::model::Model;
use tests::wait;

const FILES: usize = 60;
/// Requests at a time.
const IN_FLIGHT: u64 = 2;
/// Files at a time.
const SLOTS: f64 = 4.0;

const FLAGS: &[&str] = &[
    "--name",
    "docs",
    "--embedding-batch-size",
    "1",
    "--embedding-max-in-flight",
    "2",
    "--slots",
    "4",
    "--circuit-open",
    "300ms",
    "--circuit-max-open",
    "1s",
    "--step-retry",
    "*:first=100ms,max=200ms",
];

/// What the running system answers.
struct Asked<'a> {
    up: &'a Up,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Asked<'a> {
    fn new(up: &'a Up) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self { up, runtime })
    }

    fn text(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.up.url());
        Ok(self
            .runtime
            .block_on(async { reqwest::get(url).await?.text().await })?)
    }

    fn json(&self, path: &str) -> anyhow::Result<Value> {
        serde_json::from_str(&self.text(path)?).with_context(|| format!("{path} is no JSON"))
    }

    /// The state of the model's circuit, and the failures in a row.
    fn circuit(&self) -> anyhow::Result<(String, u64)> {
        let all = self.json("/dependencies")?;
        let model = all["dependencies"]
            .as_array()
            .context("no list")?
            .iter()
            .find(|one| one["dependency"] == "embedder:test-model")
            .with_context(|| format!("the model is not in {all}"))?;
        let failures = model["reports"][0]["failures"].as_u64().context("no count")?;
        Ok((model["state"].as_str().unwrap_or_default().to_owned(), failures))
    }

    fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let metrics = self.text("/metrics")?;
        let line = metrics.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_whitespace().last());
        Ok(value.map_or(Ok(0.0), str::parse)?)
    }
}

fn down() -> Fault {
    Fault::Status {
        status: 503,
        message: "down".to_owned(),
    }
}

#[test]
fn a_model_that_is_down_is_left_alone() -> anyhow::Result<()> {
    let docs = Docs::with_files(FILES, 1)?;
    docs.write("leaving.md", "# Leaving\n\nThis one goes.\n")?;
    let model = Model::start()?;
    let longshore = Longshore::with_model(&model.url(), FLAGS)?;
    longshore.once_ok(&docs)?;

    model.reset();
    model.fail_next(100_000, down());
    for number in 0..FILES {
        docs.write(&Docs::name(number), Docs::text(number, 1, 1))?;
    }
    let up = longshore.up(&docs, &[])?;
    let asked = Asked::new(&up)?;
    // It opens, is probed, and stays open.
    wait::until("some probes to fail", || {
        Ok((asked.circuit()?.1 >= 9).then_some(()))
    })?;
    let requests = model.counts().requests;
    let (_, failures) = asked.circuit()?;
    ensure!(
        requests <= failures + IN_FLIGHT,
        "{requests} requests, but only {failures} of them were let through for a reason"
    );
    ensure!(
        failures < FILES as u64,
        "{failures} probes: the test is too slow to say anything"
    );
    let tried = asked.metric("longshore_attempts_total{outcome=\"retried\"}")?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let probes = failures as f64;
    ensure!(
        tried <= SLOTS + probes + 2.0,
        "{tried} attempts were made in vain, with {probes} probes"
    );
    wait::until("the others to wait", || {
        Ok((asked.metric("longshore_held_back_wakeups")? >= 20.0).then_some(()))
    })?;

    // Visible on the index and on a file that was never tried.
    let index = wait::until("the index to say why", || {
        let index = asked.json("/indexes/docs")?;
        Ok((!index["waiting_for"][0].is_null()).then_some(index))
    })?;
    let waiting = &index["waiting_for"][0];
    ensure!(waiting["dependency"] == "embedder:test-model", "{index}");
    ensure!(
        waiting["last_error"]
            .as_str()
            .is_some_and(|why| why.contains("503")),
        "{index}"
    );
    let files = asked.json("/indexes/docs/files?state=PENDING&limit=1000")?;
    let untried = files["files"]
        .as_array()
        .context("no files")?
        .iter()
        .find(|file| file["last_error"].is_null())
        .context("every file was tried")?;
    ensure!(untried["attempts"] == 0, "{untried}");
    let path = untried["path"].as_str().context("no path")?;
    // The probe of the moment may be this one, and it is running then.
    wait::until("the file to say why", || {
        let file = asked.json(&format!("/indexes/docs/files/{path}"))?;
        Ok((file["waiting_for"][0]["dependency"] == "embedder:test-model").then_some(()))
    })?;

    // What is gone from the folder needs no model.
    docs.remove("leaving.md")?;
    wait::until("the removal", || {
        let file = asked.json("/indexes/docs/files/leaving.md")?;
        Ok((file["file"]["state"] == "DELETED").then_some(()))
    })?;

    // A file that was tried says at which step.
    let tried = files["files"]
        .as_array()
        .context("no files")?
        .iter()
        .find(|file| file["last_error"]["step"] == "embed")
        .context("no file names its step")?;
    ensure!(tried["failure_count"] == 0, "charged: {tried}");

    // The model is back: everything is indexed, and nothing was charged.
    model.reset();
    model.set(|faults| faults.next.clear());
    wait::until("every file", || {
        let indexed = asked.json("/indexes/docs/files?state=INDEXED&limit=1000")?;
        let current = |file: &&Value| file["desired_seq"] == file["applied_seq"];
        let count = indexed["files"]
            .as_array()
            .map_or(0, |files| files.iter().filter(current).count());
        Ok((count == FILES).then_some(()))
    })?;
    let files = asked.json("/indexes/docs/files?limit=1000")?;
    for file in files["files"].as_array().context("no files")? {
        ensure!(
            file["failure_count"] == 0 && file["last_error"].is_null(),
            "charged: {file}"
        );
    }
    ensure!(longshore.search("topic41x0r1")? == ["part-4/doc-41.md"]);
    wait::until("the circuit to close", || {
        Ok((asked.circuit()?.0 == "CLOSED").then_some(()))
    })?;
    wait::until("the index to wait for nothing", || {
        let index = asked.json("/indexes/docs")?;
        Ok(index["waiting_for"].is_null().then_some(()))
    })?;
    ensure!(
        asked
            .metric("longshore_circuit_state{dependency=\"embedder:test-model\"}")?
            .abs()
            < 0.5
    );
    ensure!(asked.metric("longshore_held_back_wakeups")?.abs() < 0.5);
    Ok(())
}

#[test]
fn a_step_has_its_own_limit_and_failures_are_counted_for_ever() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("odd.md", "# Odd\n\nThe reply about this is odd.\n")?;
    let model = Model::start()?;
    // In place a request is tried five times; what is left of it is one failure of the step.
    let flags = [FLAGS, &["--step-retry", "embed:attempts=1"]].concat();
    let longshore = Longshore::with_model(&model.url(), &flags)?;
    longshore.once_ok(&docs)?;
    let failures = |longshore: &Longshore| -> anyhow::Result<Value> {
        let status = longshore.json(&["status", "odd.md"])?;
        Ok(status["file"].clone())
    };
    for (revision, total) in [(1, 1), (2, 2)] {
        docs.write(
            "odd.md",
            format!("# Odd\n\nThe reply about revision {revision} is odd.\n"),
        )?;
        model.fail_next(10_000, Fault::WrongCount);
        let ran = longshore.once(&docs)?;
        ensure!(ran.code() == 3, "ended with {}: {}", ran.code(), ran.stderr);
        model.set(|faults| faults.next.clear());
        let file = failures(&longshore)?;
        ensure!(file["state"] == "FAILED", "{file}");
        ensure!(file["last_error"]["step"] == "embed", "{file}");
        ensure!(file["failure_count"] == total, "after one attempt each: {file}");
    }
    Ok(())
}
