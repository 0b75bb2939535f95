//! A PostgreSQL server of the test's own: made in a temporary folder, on a free port, killed when dropped.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use crate::wait;

/// The superuser.
const USER: &str = "longshore";
/// The superuser's password; tests look for it in error texts.
pub const PASSWORD: &str = "p@ss:w/rd";
const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd";

/// A server and its data. Stopping and starting it again keeps data and port.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    options: Vec<String>,
    server: Mutex<Option<Child>>,
}

impl Postgres {
    /// A server that does not wait for the disk: what it has committed survives the death of its processes, not that of
    /// the machine.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the text has its log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&["fsync=off"])
    }

    /// A server with settings such as `fsync=on`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the text has its log.
    pub fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
        let postgres = Self {
            folder: tempfile::Builder::new().prefix("postgres-").tempdir()?,
            programs: programs()?,
            port: TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port(),
            options: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            server: Mutex::default(),
        };
        postgres.make_data()?;
        postgres.start_again()?;
        Ok(postgres)
    }

    fn make_data(&self) -> anyhow::Result<()> {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        if let Some((user, group)) = other_user()? {
            chown(self.folder.path(), Some(user), Some(group))?;
            chown(&password, Some(user), Some(group))?;
        }
        let made = self
            .as_owner("initdb")?
            .args([
                "--no-sync",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .args(["--username", USER, "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .context("starting initdb")?;
        ensure!(
            made.status.success(),
            "initdb failed: {}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of PostgreSQL's programs, as a user that owns the folder: the server refuses to run as root.
    fn as_owner(&self, program: &str) -> anyhow::Result<Command> {
        let program = self.programs.join(program);
        let mut command = match other_user()? {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command
                    // Nobody is left behind when the test is killed.
                    .args(["--clear-groups", "--pdeathsig", "KILL"])
                    .args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--"])
                    .arg(program);
                command
            }
        };
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("LC_ALL", "C");
        Ok(command)
    }

    /// Starts the server on its data and waits until it serves, recovery included. Nothing happens when it runs.
    ///
    /// # Errors
    /// When it does not start; the text has its log.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let mut server = self.server();
        let started = wait::until("PostgreSQL to serve", || {
            let running = match server.as_mut() {
                Some(child) => child.try_wait()?.is_none(),
                None => false,
            };
            if !running {
                // Also when it ended at once: after a kill, the children of the last server may still hold its memory.
                *server = Some(self.spawn()?);
            }
            Ok(self.is_ready()?.then_some(()))
        });
        started.with_context(|| fs::read_to_string(self.log()).unwrap_or_default())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let mut command = self.as_owner("postgres")?;
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-h", "127.0.0.1"]);
        for setting in ["shared_buffers=32MB", "max_connections=100", "max_wal_size=256MB"] {
            command.args(["-c", setting]);
        }
        for setting in &self.options {
            command.args(["-c", setting]);
        }
        command
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting postgres")
    }

    fn is_ready(&self) -> anyhow::Result<bool> {
        let mut command = Command::new(self.programs.join("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        Ok(command.status().context("starting pg_isready")?.success())
    }

    /// Stops the server in good order: running statements are cancelled, connections closed.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&self) -> anyhow::Result<()> {
        let mut server = self.server();
        if let Some(child) = server.as_mut() {
            let told = Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()?;
            ensure!(told.success(), "the server cannot be told to stop");
            child.wait()?;
        }
        *server = None;
        Ok(())
    }

    /// `kill -9`: nothing is flushed, nobody is told.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&self) -> anyhow::Result<()> {
        let mut server = self.server();
        if let Some(child) = server.as_mut() {
            child.kill()?;
            child.wait()?;
        }
        *server = None;
        Ok(())
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new database that sorts text as people do, so that nobody relies on the order of bytes without asking for it;
    /// returns its URL.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        self.sql(
            "postgres",
            &format!(
                "CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
            ),
        )?;
        Ok(self.url(name))
    }

    /// The URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as(USER, PASSWORD_IN_URL, database)
    }

    /// The URL of a database for a user.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Runs statements; returns what they print, one row per line, columns parted by `|`.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn sql(&self, database: &str, statements: &str) -> anyhow::Result<String> {
        let ran = Command::new(self.programs.join("psql"))
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
            .args([
                "-p",
                &self.port.to_string(),
                "-U",
                USER,
                "-d",
                database,
                "-c",
                statements,
            ])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .context("starting psql")?;
        ensure!(
            ran.status.success(),
            "{statements}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// The folder of PostgreSQL's programs: the newest that is installed, or the one in the path.
fn programs() -> anyhow::Result<PathBuf> {
    let has_server = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let mut installed: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir("/usr/lib/postgresql").into_iter().flatten() {
        let entry = entry?;
        let version = entry
            .file_name()
            .to_str()
            .and_then(|version| version.parse().ok());
        installed.push((version.unwrap_or(0), entry.path().join("bin")));
    }
    installed.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest_first = installed.into_iter().rev().map(|(_, folder)| folder);
    match newest_first.chain(std::env::split_paths(&path)).find(has_server) {
        Some(folder) => Ok(folder),
        None => bail!("this test needs PostgreSQL's server: apt-get install postgresql"),
    }
}

/// Whom the server runs as when the test runs as root, which PostgreSQL refuses: the user of the package.
fn other_user() -> anyhow::Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")
        .map_or_else(|_| Path::new("/").metadata(), Ok)?
        .uid()
        != 0
    {
        return Ok(None);
    }
    let id = |what: &str| -> anyhow::Result<u32> {
        let said = Command::new("id").args([what, "postgres"]).output()?;
        let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        text.parse()
            .context("this test runs as root and there is no user postgres: apt-get install postgresql")
    };
    Ok(Some((id("-u")?, id("-g")?)))
}
