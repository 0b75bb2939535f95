//! The `longshore` binary, run as people run it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::folder::Docs;
use crate::service::signal;
use crate::wait;

/// A data folder and the binary to use it with.
pub struct Longshore {
    data: TempDir,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed for programs.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

impl Ran {
    /// The exit code; -1 when a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }
}

impl Longshore {
    /// A fresh data folder. `flags` are given to every `up`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(flags: &[&str]) -> anyhow::Result<Self> {
        Ok(Self {
            data: tempfile::Builder::new().prefix("data-").tempdir()?,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            environment: Vec::new(),
        })
    }

    /// With a model behind an endpoint.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn with_model(url: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let model = ["--embedding-base-url", url, "--embedding-model", "test-model"];
        Self::new(&[&model, flags].concat())
    }

    /// With a variable in the environment of every command.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same data folder with other flags.
    #[must_use]
    pub fn with_flags(mut self, flags: &[&str]) -> Self {
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// A command on the data folder, with nothing from the surrounding environment that could change it.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if [
                "EMBEDDING_",
                "LONGSHORE_",
                "CHUNK_",
                "FILE_INDEXING_",
                "INDEXER_",
                "DATABASE_",
                "AMQP_",
                "QDRANT_",
                "CONVERTER_",
                "EVENTS_",
                "OCR_",
                "ARTIFACT_",
                "REMOTE_CONVERTER",
                "VISION_",
                "OTEL_",
            ]
            .iter()
            .any(|p| name.starts_with(p))
            {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .arg("--data-dir")
            .arg(self.data_dir())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// `longshore ARGS`, until it ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> anyhow::Result<Ran> {
        let output = self.command(args).output().context("starting longshore")?;
        Ok(Ran {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The arguments of `up DIR`.
    #[must_use]
    pub fn up_args(&self, docs: &Path, more: &[&str]) -> Vec<String> {
        let mut args = vec!["up".to_owned(), docs.to_string_lossy().into_owned()];
        args.extend(self.flags.iter().cloned());
        args.extend(more.iter().map(|flag| (*flag).to_owned()));
        args
    }

    /// `longshore up DIR --once`, whatever comes of it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn once(&self, docs: &Docs) -> anyhow::Result<Ran> {
        self.run(&self.up_args(docs.path(), &["--once"]))
    }

    /// `longshore up DIR --once`, which must succeed.
    ///
    /// # Errors
    /// When it does not exit with 0.
    pub fn once_ok(&self, docs: &Docs) -> anyhow::Result<Ran> {
        let ran = self.once(docs)?;
        ensure!(
            ran.code() == 0,
            "up --once ended with {}: {}{}",
            ran.code(),
            ran.stdout,
            ran.stderr
        );
        Ok(ran)
    }

    /// Starts `longshore up DIR` on a free port and waits until it serves.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn up(&self, docs: &Docs, more: &[&str]) -> anyhow::Result<Up> {
        let mut args = self.up_args(docs.path(), more);
        if !more.contains(&"--listen") {
            args.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
        }
        let mut child = self
            .command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().context("no standard error")?;
        let reader = collect(stderr, Arc::clone(&log));
        let mut up = Up {
            child,
            log,
            reader: Some(reader),
            url: String::new(),
        };
        up.url = wait::until("longshore to serve", || {
            if let Some(status) = up.child.try_wait()? {
                bail!("longshore ended with {status}: {}", up.log());
            }
            Ok(up
                .log()
                .split_whitespace()
                .find(|word| word.starts_with("http://") || word.starts_with("https://"))
                .and_then(|url| url.split("/indexes").next().map(str::to_owned)))
        })?;
        Ok(up)
    }

    /// The JSON that a command prints.
    ///
    /// # Errors
    /// When it fails or prints something else.
    pub fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        let ran = self.run(&[args, &["--json"]].concat())?;
        ensure!(
            ran.code() == 0,
            "{args:?} ended with {}: {}",
            ran.code(),
            ran.stderr
        );
        serde_json::from_str(&ran.stdout).with_context(|| format!("{args:?} printed {}", ran.stdout))
    }

    /// Paths that a search finds, best first, each once.
    ///
    /// # Errors
    /// When the search fails.
    pub fn search(&self, query: &str) -> anyhow::Result<Vec<String>> {
        self.search_as(query, "full_text")
    }

    /// Paths that a search of this mode finds, best first, each once.
    ///
    /// # Errors
    /// When the search fails.
    pub fn search_as(&self, query: &str, mode: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.json(&["search", query, "--mode", mode, "--limit", "100"])?;
        let mut paths: Vec<String> = Vec::new();
        for hit in answer["hits"].as_array().context("no hits")? {
            let path = hit["path"].as_str().context("no path")?.to_owned();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Every known file as `STATE code path`, tombstones left out; the code is that of its last failure or skip.
    ///
    /// # Errors
    /// When the listing fails.
    pub fn files(&self) -> anyhow::Result<Vec<String>> {
        let ran = self.run(&["files", "--json"])?;
        ensure!(ran.code() == 0, "files ended with {}: {}", ran.code(), ran.stderr);
        ran.stdout
            .lines()
            .map(|line| {
                let file: Value = serde_json::from_str(line)?;
                let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                Ok([
                    text(&file["state"]),
                    text(&file["last_error"]["code"]),
                    text(&file["path"]),
                ]
                .join(" "))
            })
            .collect()
    }
}

/// A running `longshore up`; killed when dropped.
pub struct Up {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    url: String,
}

impl Up {
    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed for people so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks over HTTP; status and answer. What is no JSON comes as text.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.request(method, format!("{}{path}", self.url));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        })
    }

    /// Makes an index.
    ///
    /// # Errors
    /// When it was there, or is refused.
    pub fn create(&self, name: &str, source: &str) -> anyhow::Result<()> {
        let wanted = serde_json::json!({ "name": name, "source": source });
        let (status, answer) = self.ask("POST", "/indexes", Some(&wanted))?;
        ensure!(status == 201, "making {name} was answered by {status}: {answer}");
        Ok(())
    }

    /// Paths that a full-text search of an index finds, best first, each once.
    ///
    /// # Errors
    /// When the search is refused.
    pub fn find(&self, index: &str, query: &str) -> anyhow::Result<Vec<String>> {
        let path = format!("/indexes/{index}/search?mode=full_text&limit=100&q={query}");
        let (status, answer) = self.ask("GET", &path, None)?;
        ensure!(
            status == 200,
            "a search of {index} was answered by {status}: {answer}"
        );
        let hits = answer["hits"].as_array().context("no hits")?;
        let mut paths: Vec<String> = Vec::new();
        for path in hits.iter().filter_map(|hit| hit["path"].as_str()) {
            if !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        }
        Ok(paths)
    }

    /// Waits until a search of an index finds exactly these paths.
    ///
    /// # Errors
    /// When it does not.
    pub fn finds(&self, index: &str, query: &str, expected: &[&str]) -> anyhow::Result<()> {
        wait::until(&format!("{query} to be found in {index} at {expected:?}"), || {
            Ok((self.find(index, query)? == expected).then_some(()))
        })
    }

    /// Names of the indexes, with `*` behind those that are on their way out.
    ///
    /// # Errors
    /// When the list is refused.
    pub fn indexes(&self) -> anyhow::Result<Vec<String>> {
        let (status, answer) = self.ask("GET", "/indexes", None)?;
        ensure!(status == 200, "the list was answered by {status}: {answer}");
        let name = |index: &Value| {
            let going = if index["state"] == "DELETING" { "*" } else { "" };
            format!("{}{going}", index["id"].as_str().unwrap_or("?"))
        };
        Ok(answer.as_array().context("no list")?.iter().map(name).collect())
    }

    /// Waits until these indexes are listed, as [`Up::indexes`] writes them.
    ///
    /// # Errors
    /// When they are not.
    pub fn lists(&self, expected: &[&str]) -> anyhow::Result<()> {
        wait::until(&format!("the indexes to be {expected:?}"), || {
            Ok((self.indexes()? == expected).then_some(()))
        })
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        signal(&self.child, "-TERM")?;
        let status = wait::until("longshore to stop", || Ok(self.child.try_wait()?))?;
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
        Ok(status)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(stream: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = into.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    })
}

/// The `longshore` that was built beside the tests.
///
/// # Panics
/// When it was not built: then no test can say anything.
#[must_use]
pub fn binary() -> PathBuf {
    built("longshore")
}

/// A binary that was built beside the tests.
///
/// # Panics
/// When it was not built: then no test can say anything.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    // Tests lie in `deps`, below the binaries; a benchmark lies beside them.
    let mut beside = test.parent().unwrap_or(Path::new(""));
    if beside.ends_with("deps") {
        beside = beside.parent().unwrap_or(beside);
    }
    let built = beside.join(name);
    assert!(
        built.exists(),
        "{} is not there: run `cargo build --workspace --bins` first",
        built.display()
    );
    built
}
