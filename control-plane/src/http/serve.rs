//! Connections: plain or TLS, until told to stop.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use futures::FutureExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long open requests are waited for at the end; streams end then.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// Most bytes of a request's line and headers.
const HEADERS: usize = 64 * 1024;
/// The same on HTTP/2.
const HEADERS_2: u32 = 64 * 1024;
/// Between looks whether certificate or key have changed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A certificate, and the files that it is from.
#[derive(Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
    /// Hash of both files.
    loaded: blake3::Hash,
}

impl Tls {
    /// Reads a chain of certificates and its private key, both PEM.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together.
    pub async fn load(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        // Fails when there is one already, which will do.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let config = RustlsConfig::from_pem_file(certificate, key).await;
        Ok(Self {
            config: config.with_context(|| explain(certificate, key))?,
            loaded: hash(certificate, key)
                .await
                .with_context(|| explain(certificate, key))?,
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Takes over other files when they are there, for as long as it is asked. Files that cannot be used leave the old ones
    /// in place.
    async fn keep_fresh(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (certificate, key) = (&self.certificate, &self.key);
            let Ok(now) = hash(certificate, key).await else {
                tracing::warn!("{}; the old ones are kept", explain(certificate, key));
                continue;
            };
            if now == self.loaded {
                continue;
            }
            self.loaded = now;
            match self.config.reload_from_pem_file(certificate, key).await {
                Ok(()) => tracing::info!("the certificate {} was read again", certificate.display()),
                Err(error) => {
                    tracing::warn!(%error, "{}; the old ones are kept", explain(certificate, key));
                }
            }
        }
    }
}

fn explain(certificate: &Path, key: &Path) -> String {
    format!(
        "certificate {} and key {} cannot be used: both must be PEM, readable for this account, and belong together",
        certificate.display(),
        key.display()
    )
}

async fn hash(certificate: &Path, key: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tokio::fs::read(certificate).await?);
    hasher.update(&tokio::fs::read(key).await?);
    Ok(hasher.finalize())
}

/// Serves until told to stop; open requests are finished, within 10 s.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    tls: Option<Tls>,
    stop: CancellationToken,
) -> io::Result<()> {
    let handle = Handle::<SocketAddr>::new();
    let mut server = axum_server::Server::from_listener(listener).handle(handle.clone());
    server.http_builder().http1().max_buf_size(HEADERS);
    server.http_builder().http2().max_header_list_size(HEADERS_2);
    let routes = routes.into_make_service();
    let (mut serving, fresh) = match tls {
        None => (server.serve(routes).boxed(), std::future::pending().boxed()),
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls.config.clone());
            let serving = server.acceptor(acceptor).serve(routes);
            (serving.boxed(), tls.keep_fresh().boxed())
        }
    };
    tokio::select! {
        biased;
        served = &mut serving => return served,
        () = stop.cancelled() => handle.graceful_shutdown(Some(LAST_REQUESTS)),
        () = fresh => {}
    }
    serving.await
}
