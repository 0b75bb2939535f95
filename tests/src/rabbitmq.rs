//! A RabbitMQ broker of one's own, as a plain child process: the Debian package's server with its data, ports, name and
//! cookie in a temp folder, as root or as anybody.
//!
//! Tests that need no control over the broker also run on one that is there already: set `AMQP_TEST_URL`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use crate::wait;

/// Where packages put the server's scripts; those on the `PATH` of a Debian system insist on the user `rabbitmq`.
const SCRIPTS: [&str; 3] = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin"];

/// A broker; killed when dropped.
pub struct RabbitMq {
    scripts: PathBuf,
    folder: TempDir,
    amqp: u16,
    distribution: u16,
    names: u16,
    /// Erlang's name server. Ours, so that it goes when we go.
    epmd: Child,
    server: Option<Child>,
}

/// The address of a broker that is there already, if tests are to use one.
#[must_use]
pub fn given_url() -> Option<String> {
    let url = std::env::var_os("AMQP_TEST_URL")?;
    Some(url.to_string_lossy().into_owned()).filter(|url| !url.is_empty())
}

impl RabbitMq {
    /// Starts a broker on free ports and waits until it serves.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let scripts = SCRIPTS
            .iter()
            .map(PathBuf::from)
            .find(|folder| folder.join("rabbitmq-env").exists())
            .context("RabbitMQ is not installed: apt-get install rabbitmq-server")?;
        let folder = tempfile::Builder::new().prefix("rabbitmq-").tempdir()?;
        let [amqp, distribution, names] = free_ports()?;
        fs::write(
            folder.path().join("rabbitmq.conf"),
            format!("listeners.tcp.default = 127.0.0.1:{amqp}\ndisk_free_limit.absolute = 10MB\n"),
        )?;
        fs::write(folder.path().join("enabled_plugins"), "[].")?;
        let epmd = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &names.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("Erlang is not installed: apt-get install rabbitmq-server")?;
        let mut broker = Self {
            scripts,
            folder,
            amqp,
            distribution,
            names,
            epmd,
            server: None,
        };
        wait::until("epmd to listen", || Ok(listens(names).then_some(())))?;
        broker.resume()?;
        Ok(broker)
    }

    /// Where it serves, with the user that may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as("guest", "guest", "%2f")
    }

    /// Where it serves, for another user or vhost.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str, vhost: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", self.amqp)
    }

    /// Starts it again, with the data that it had.
    ///
    /// # Errors
    /// When it runs already or does not start.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "the broker runs already");
        let log = fs::File::create(self.path("server.log"))?;
        let server = self
            .command("rabbitmq-server")
            // Without it the script stays between us and the server, and a signal would reach the script alone.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.server = Some(server);
        let port = self.amqp;
        wait::until("the broker to take connections", || {
            if let Some(server) = &mut self.server
                && let Some(status) = server.try_wait()?
            {
                let log = fs::read_to_string(self.folder.path().join("server.log"))?;
                bail!("rabbitmq-server ended with {status}: {log}");
            }
            Ok(greets(port).then_some(()))
        })
        .map(drop)
    }

    /// Stops it in an orderly way.
    ///
    /// # Errors
    /// When it does not run or does not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("the broker does not run")?;
        let pid = server.id().to_string();
        ensure!(
            Command::new("kill").args(["-TERM", &pid]).status()?.success(),
            "kill failed"
        );
        wait::until("the broker to stop", || Ok(server.try_wait()?)).map(drop)
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("the broker does not run")?;
        server.kill()?;
        server.wait()?;
        Ok(())
    }

    /// `rabbitmqctl ARGS`; what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn ctl(&self, args: &[&str]) -> anyhow::Result<String> {
        let ran = self.command("rabbitmqctl").arg("-q").args(args).output()?;
        ensure!(
            ran.status.success(),
            "rabbitmqctl {args:?} ended with {}: {}{}",
            ran.status,
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(self.scripts.join(script));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["RABBITMQ_", "ERL_", "NOTIFY_SOCKET"]
                .iter()
                .any(|p| name.starts_with(p))
            {
                command.env_remove(name);
            }
        }
        command
            // The cookie, which must belong to who runs the server.
            .env("HOME", self.folder.path())
            .env("RABBITMQ_CONF_ENV_FILE", self.path("no-environment-file"))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", self.path("data"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env("RABBITMQ_NODENAME", format!("longshore-{}@localhost", self.amqp))
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("ERL_EPMD_PORT", self.names.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            // Two threads and no spinning: it shares the machine with the tests.
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2 +sbwt none")
            .env("RABBITMQ_CTL_ERL_ARGS", "+S 1:1 +sbwt none")
            .stdin(Stdio::null());
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        for child in self.server.iter_mut().chain([&mut self.epmd]) {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        // Held until all are found, so that none is found twice.
        listeners.push(listener);
    }
    Ok(ports)
}

fn listens(port: u16) -> bool {
    connect(port).is_ok()
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Does it answer the header of the protocol with a method? Listeners start last, so it is ready then; asking with
/// `rabbitmqctl await_startup` would cost seconds each time.
fn greets(port: u16) -> bool {
    const METHOD: u8 = 1;
    let greeting = || {
        let mut stream = connect(port)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        std::io::Result::Ok(first[0])
    };
    greeting().is_ok_and(|first| first == METHOD)
}
