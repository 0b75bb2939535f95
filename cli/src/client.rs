//! How commands reach an index: over HTTP when a `longshore up` runs, otherwise by opening the data folder. Both speak
//! the same API, the second without a socket.

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::args::DataArgs;
use crate::backends::BackendArgs;
use crate::data_dir::{DataDir, Holder, admin_key};
use crate::embedded::{self, Embedded};

/// Largest answer that is read in-process; far above any page.
const MAX_ANSWER_BYTES: usize = 1 << 28;

/// A way to an index.
pub(crate) struct Client {
    base: Url,
    index: String,
    way: Way,
}

enum Way {
    Http(reqwest::Client),
    Here { router: Router, embedded: Box<Embedded> },
}

impl Client {
    /// Finds the index of a data folder.
    pub(crate) async fn connect(data: &DataArgs) -> anyhow::Result<Self> {
        let elsewhere = BackendArgs::from_environment()?.has_ledger();
        match DataDir::existing(&data.data_dir, elsewhere)? {
            Holder::Us(folder) => {
                let embedded = embedded::reopen(folder).await?;
                let router =
                    control_plane::http::router(embedded.api(embedded.indexes(None), &embedded.tasks));
                let index = embedded.index.as_str().to_owned();
                let way = Way::Here {
                    router,
                    embedded: Box::new(embedded),
                };
                Ok(Self {
                    base: Url::parse("http://index.invalid/")?,
                    index,
                    way,
                })
            }
            Holder::Other(running) => {
                let folder = data.data_dir.display();
                let Some((url, index)) = running.and_then(|running| Some((running.url?, running.index)))
                else {
                    bail!(
                        "the data folder {folder} is in use by a process that does not serve HTTP: wait until it has ended"
                    );
                };
                let mut client = Self {
                    base: Url::parse(&url)
                        .with_context(|| format!("{folder} names a strange address, {url}"))?,
                    index: String::new(),
                    way: Way::Http(http_client(&data.data_dir)?),
                };
                client.index = match index {
                    Some(index) => index.as_str().to_owned(),
                    None => {
                        // Another build runs there, which serves one index.
                        let indexes: Vec<Value> = client.get(&["indexes"], &[]).await?;
                        let name = indexes.first().and_then(|index| index["id"].as_str());
                        name.context("the running longshore has no index")?.to_owned()
                    }
                };
                Ok(client)
            }
        }
    }

    /// Does a `longshore up` run?
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.way, Way::Http(_))
    }

    /// The index.
    pub(crate) fn index(&self) -> &str {
        &self.index
    }

    /// The path of something of the index.
    pub(crate) fn of_index<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["indexes", self.index.as_str()], rest].concat()
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> anyhow::Result<T> {
        self.call("GET", path, query, None).await
    }

    /// Asks for something to be done.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> anyhow::Result<T> {
        self.call("POST", path, query, body).await
    }

    /// Lets go of the data folder, everything written.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.way {
            Way::Http(_) => Ok(()),
            Way::Here { embedded, .. } => embedded.close().await,
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> anyhow::Result<T> {
        let url = self.url(path, query)?;
        let (status, bytes) = self.exchange(method, url, body).await?;
        if !status.is_success() {
            let told: Option<Value> = serde_json::from_slice(&bytes).ok();
            match told.as_ref().and_then(|told| told["detail"].as_str()) {
                Some(message) => bail!("{message}"),
                None => bail!("the request failed: {}", String::from_utf8_lossy(&bytes)),
            }
        }
        serde_json::from_slice(&bytes).context("the answer is not what this build of longshore expects")
    }

    /// Sends a request as it is, with a body by POST, and gives back status and body of the answer as they are.
    pub(crate) async fn send(&self, uri: &str, body: Option<Value>) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let method = if body.is_some() { "POST" } else { "GET" };
        self.exchange(method, self.base.join(uri)?, body).await
    }

    async fn exchange(
        &self,
        method: &'static str,
        url: Url,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        match &self.way {
            Way::Http(http) => {
                let request = match method {
                    "POST" => http.post(url),
                    _ => http.get(url),
                };
                let request = match body {
                    Some(body) => request.json(&body),
                    None => request,
                };
                let answer = request
                    .send()
                    .await
                    .context("the running longshore does not answer")?;
                let status = answer.status();
                let bytes = answer.bytes().await;
                Ok((
                    status,
                    bytes
                        .context("the running longshore broke off its answer")?
                        .to_vec(),
                ))
            }
            Way::Here { router, .. } => {
                let uri = in_process_uri(&url);
                let request = Request::builder().method(method).uri(uri);
                let request = match body {
                    Some(body) => request
                        .header(CONTENT_TYPE, "application/json")
                        .body(Body::from(body.to_string())),
                    None => request.body(Body::empty()),
                }?;
                let answer = router.clone().oneshot(request).await?;
                let status = answer.status();
                Ok((
                    status,
                    to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await?.to_vec(),
                ))
            }
        }
    }

    /// The URL of something.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Url> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

/// A client that shows the key of this machine, where there is one.
fn http_client(folder: &std::path::Path) -> anyhow::Result<reqwest::Client> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let key = variable("LONGSHORE_API_KEY")
        .or_else(|| variable("LONGSHORE_ADMIN_KEY"))
        .or_else(|| std::fs::read_to_string(admin_key(folder)).ok());
    let mut headers = HeaderMap::new();
    if let Some(key) = key.as_deref().map(str::trim).filter(|key| !key.is_empty()) {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .context("the API key holds characters that no key has: look at LONGSHORE_API_KEY")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let client = reqwest::Client::builder().no_proxy().default_headers(headers);
    Ok(client.build()?)
}

/// Path and query, which is all of a URL that counts without a socket.
fn in_process_uri(url: &Url) -> String {
    url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    )
}
