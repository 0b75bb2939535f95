//! Azurite, Microsoft's emulator of Azure Blob Storage, as a child process.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use shared::clock::{Clock, SystemClock};
use tempfile::TempDir;

use crate::wait;

/// The account that the emulator comes with; its key is public too:
/// <https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running emulator; killed when dropped.
pub struct Azurite {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Azurite {
    /// Starts an emulator on a free port, with its data in a temp folder.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("azurite-").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program()?)
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &port.to_string(),
                "--silent",
            ])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--location"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting azurite-blob")?;
        let azurite = Self {
            child,
            port,
            _folder: folder,
        };
        wait::until("azurite to listen", || {
            Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        })?;
        Ok(azurite)
    }

    /// For `AZURITE_BLOB_STORAGE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a process needs in its environment to use the emulator.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
            ("AZURITE_BLOB_STORAGE_URL", self.url()),
        ]
    }

    /// Makes a container and returns it. The storage library has no such call, so the request is made and signed here
    /// (<https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>).
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn container(&self, name: &str) -> anyhow::Result<Container> {
        let date = http_date();
        let headers = format!("x-ms-date:{date}\nx-ms-version:2021-08-06\n");
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container");
        let signed = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}{resource}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY)?);
        let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let answer = reqwest::Client::new()
            .put(format!("{}/{ACCOUNT}/{name}?restype=container", self.url()))
            .header("x-ms-date", &date)
            .header("x-ms-version", "2021-08-06")
            .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
            .send()
            .await?;
        ensure!(
            answer.status().is_success(),
            "no container: {}",
            answer.text().await?
        );
        let store = MicrosoftAzureBuilder::new()
            .with_account(ACCOUNT)
            .with_access_key(KEY)
            .with_container_name(name)
            .with_endpoint(format!("{}/{ACCOUNT}", self.url()))
            .with_allow_http(true)
            .build()?;
        Ok(Container {
            name: name.to_owned(),
            store,
        })
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A container to write to.
pub struct Container {
    name: String,
    store: MicrosoftAzure,
}

impl Container {
    /// As the source of an index.
    #[must_use]
    pub fn source(&self) -> String {
        format!("azure://{ACCOUNT}/{}", self.name)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a blob.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn put(&self, path: &str, content: impl Into<Bytes>) -> anyhow::Result<()> {
        self.store
            .put(&Path::parse(path)?, PutPayload::from(content.into()))
            .await?;
        Ok(())
    }

    /// Removes a blob.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn remove(&self, path: &str) -> anyhow::Result<()> {
        self.store.delete(&Path::parse(path)?).await?;
        Ok(())
    }
}

/// `azurite-blob`, from `PATH` or from where `tests/run.sh` puts it.
fn program() -> anyhow::Result<PathBuf> {
    let installed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/tools/azurite/node_modules/.bin/azurite-blob"
    );
    let mut places = vec![PathBuf::from(installed)];
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path).map(|folder| folder.join("azurite-blob")));
    places
        .into_iter()
        .find(|place| place.exists())
        .context("Azurite is not installed: npm install --prefix target/tools/azurite azurite")
}

/// The time as HTTP writes it (RFC 9110, section 5.6.7).
fn http_date() -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = SystemClock.now().unsigned_abs() / 1000;
    let mut days = seconds / 86_400;
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or(0)];
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{weekday}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT",
        days + 1,
        MONTHS[month]
    )
}
