//! Prometheus as a child process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::wait;

/// The folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs `promtool` in the repository.
///
/// # Errors
/// When it is not installed.
pub fn promtool(arguments: &[&str]) -> anyhow::Result<Output> {
    Command::new("promtool")
        .args(arguments)
        .current_dir(repository())
        .output()
        .context("promtool does not start: apt-get install prometheus")
}

/// A running Prometheus with a store of its own; killed when dropped.
pub struct Prometheus {
    child: Child,
    url: String,
    http: reqwest::Client,
    runtime: Runtime,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with a configuration.
    ///
    /// # Errors
    /// When it is not installed, or does not become ready.
    pub fn start(configuration: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir()?;
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("prometheus does not start: apt-get install prometheus")?;
        let prometheus = Self {
            child,
            url: format!("http://{address}"),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(10))
                .build()?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            _folder: folder,
        };
        wait::until("Prometheus to be ready", || {
            let url = format!("{}/-/ready", prometheus.url);
            let answer = prometheus
                .runtime
                .block_on(async { prometheus.http.get(url).send().await })?;
            Ok(answer.status().is_success().then_some(()))
        })?;
        Ok(prometheus)
    }

    /// Asks its API; the `data` of the answer.
    ///
    /// # Errors
    /// When it is not a success; the text is Prometheus's own.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        let url = Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters)?;
        let answer: Value = self
            .runtime
            .block_on(async { self.http.get(url).send().await?.json().await })?;
        ensure!(answer["status"] == "success", "{path} {parameters:?}: {answer}");
        Ok(answer["data"].clone())
    }

    /// Evaluates an expression now: how many series it has that are numbers.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub fn numbers(&self, expression: &str) -> anyhow::Result<usize> {
        let data = self.api("query", &[("query", expression)])?;
        let series = data["result"]
            .as_array()
            .with_context(|| format!("no vector: {data}"))?;
        let is_number = |series: &&Value| {
            let value = series["value"][1].as_str().unwrap_or("NaN");
            value.parse::<f64>().is_ok_and(f64::is_finite)
        };
        Ok(series.iter().filter(is_number).count())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
