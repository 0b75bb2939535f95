//! How commands reach an index: over HTTP, at the address that `--url` names or where a `longshore up` runs, otherwise by
//! opening the data folder. All speak the same API, the last without a socket.

mod events;
mod key;
mod request;

use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Response, StatusCode};
use control_plane::http::errors::Problem;
use control_plane::http::indexes::IndexStatus;
use futures::TryStreamExt;
use reqwest::{Url, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;
use tower::ServiceExt;

pub(crate) use self::events::{Event, Events};
pub(crate) use self::request::Request;
use crate::args::GlobalArgs;
use crate::backends::BackendArgs;
use crate::data_dir::{DataDir, Holder, admin_key};
use crate::embedded::{self, Embedded};
use crate::failure::Failure;
use crate::output::line;

/// Largest answer that is read in-process; far above any page.
const MAX_ANSWER_BYTES: usize = 1 << 28;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A way to the API, and what the command line says of all commands.
pub(crate) struct Client {
    base: Url,
    way: Way,
    /// The index that was named with `--index`.
    named: Option<String>,
    /// The one that a data folder is about when none was named.
    main: Option<String>,
    only: OnceCell<String>,
    json: bool,
}

enum Way {
    /// A control plane that was named.
    Remote(reqwest::Client),
    /// A `longshore up` on this machine.
    Running(reqwest::Client),
    Here {
        router: Router,
        embedded: Box<Embedded>,
    },
}

/// An answer that is not a problem.
pub(crate) struct Answer {
    headers: HeaderMap,
    bytes: Bytes,
}

impl Client {
    /// Finds the API.
    pub(crate) async fn connect(global: &GlobalArgs) -> anyhow::Result<Self> {
        let client = |base, way, main| Self {
            base,
            way,
            named: global.index.clone(),
            main,
            only: OnceCell::new(),
            json: global.json,
        };
        if let Some(url) = global.address()? {
            let http = remote(global)?;
            return Ok(client(url, Way::Remote(http), None));
        }
        let elsewhere = BackendArgs::from_environment()?.has_ledger();
        match DataDir::existing(&global.data_dir, elsewhere)? {
            Holder::Us(folder) => {
                let embedded = embedded::reopen(folder).await?;
                let router =
                    control_plane::http::router(embedded.api(embedded.indexes(None), &embedded.tasks));
                let main = embedded.index.as_str().to_owned();
                let way = Way::Here {
                    router,
                    embedded: Box::new(embedded),
                };
                let base = Url::parse("http://index.invalid/")?;
                Ok(client(base, way, Some(main)))
            }
            Holder::Other(running) => {
                let folder = global.data_dir.display();
                let Some((url, main)) = running.and_then(|running| Some((running.url?, running.index)))
                else {
                    bail!(
                        "the data folder {folder} is in use by a process that does not serve HTTP: wait until it has ended"
                    );
                };
                let base =
                    Url::parse(&url).with_context(|| format!("{folder} names a strange address, {url}"))?;
                let http = running_here(global)?;
                let main = main.map(|main| main.as_str().to_owned());
                Ok(client(base, Way::Running(http), main))
            }
        }
    }

    /// Does something work on the indexes now?
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.way, Way::Here { .. })
    }

    /// Is it the machine that a folder of documents is on?
    pub(crate) fn is_here(&self) -> bool {
        !matches!(self.way, Way::Remote(_))
    }

    /// When what was asked for takes effect, for people.
    pub(crate) fn when(&self) -> &'static str {
        if self.is_live() {
            "now"
        } else {
            "at the next `longshore up`"
        }
    }

    /// Are answers printed for programs?
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The index that was named with `--index`, if one was: for lists that go over all of them otherwise.
    pub(crate) fn asked_index(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The index that a command is about: the one named, or the only one.
    pub(crate) async fn index(&self) -> anyhow::Result<&str> {
        if let Some(index) = self.named.as_ref().or(self.main.as_ref()) {
            return Ok(index);
        }
        let only = self.only.get_or_try_init(|| self.only_index()).await?;
        Ok(only)
    }

    /// The same, where a command takes it as an argument as well.
    pub(crate) async fn index_or(&self, argument: Option<&str>) -> anyhow::Result<String> {
        match (argument, &self.named) {
            (Some(one), Some(other)) if one != other => Err(Failure::usage(format!(
                "two indexes are named, {one} and {other}: leave one of them out"
            ))),
            (Some(name), _) => Ok(name.to_owned()),
            (None, _) => Ok(self.index().await?.to_owned()),
        }
    }

    async fn only_index(&self) -> anyhow::Result<String> {
        let indexes: Vec<IndexStatus> = self.read(Request::get(["indexes"])).await?;
        let names: Vec<&str> = indexes.iter().map(|index| index.index.id.as_str()).collect();
        match *names {
            [] => Err(Failure::NotFound(
                "there is no index yet: make one with `longshore index create`".to_owned(),
            )
            .into()),
            [only] => Ok(only.to_owned()),
            _ => Err(Failure::usage(format!(
                "there are several indexes ({}): say which one with --index NAME",
                names.join(", ")
            ))),
        }
    }

    /// The path of something of the index.
    pub(crate) async fn of_index(&self, rest: &[&str]) -> anyhow::Result<Vec<String>> {
        let path = ["indexes", self.index().await?];
        Ok(path.iter().chain(rest).map(|part| (*part).to_owned()).collect())
    }

    /// Sends a request; what the API refuses is an error.
    pub(crate) async fn send(&self, request: Request) -> anyhow::Result<Answer> {
        let response = self.respond(&request).await?;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| self.broken(&error))?;
        if !parts.status.is_success() {
            return Err(self.problem(parts.status.as_u16(), &parts.headers, &bytes).into());
        }
        Ok(Answer {
            headers: parts.headers,
            bytes,
        })
    }

    /// Sends a request and takes the answer as what it is.
    pub(crate) async fn read<T: DeserializeOwned>(&self, request: Request) -> anyhow::Result<T> {
        self.send(request).await?.read()
    }

    /// Sends a request and shows its answer: to programs as it came, to people as `show` does.
    pub(crate) async fn show<T: DeserializeOwned>(
        &self,
        request: Request,
        show: impl FnOnce(&T),
    ) -> anyhow::Result<()> {
        self.present(&self.send(request).await?, show)
    }

    /// Shows an answer: to programs as it came, to people as `show` does.
    pub(crate) fn present<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        show: impl FnOnce(&T),
    ) -> anyhow::Result<()> {
        if self.json {
            line(&serde_json::to_string_pretty(&answer.read::<Value>()?)?);
        } else {
            show(&answer.read()?);
        }
        Ok(())
    }

    /// The body of an answer that goes on and on.
    async fn stream(&self, request: &Request) -> anyhow::Result<Body> {
        let response = self.respond(request).await?;
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            let bytes = to_bytes(body, MAX_ANSWER_BYTES)
                .await
                .map_err(|error| self.broken(&error))?;
            return Err(self.problem(parts.status.as_u16(), &parts.headers, &bytes).into());
        }
        Ok(body)
    }

    /// Sends a request and gives back status and body of the answer as they are.
    pub(crate) async fn pass(&self, request: &Request) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let (parts, body) = self.respond(request).await?.into_parts();
        let bytes = to_bytes(body, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| self.broken(&error))?;
        Ok((parts.status, bytes.to_vec()))
    }

    /// Follows server-sent events.
    pub(crate) fn follow(&self, request: Request) -> Events<'_> {
        Events::new(self, request)
    }

    /// Lets go of the data folder, everything written.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.way {
            Way::Remote(_) | Way::Running(_) => Ok(()),
            Way::Here { embedded, .. } => embedded.close().await,
        }
    }

    async fn respond(&self, request: &Request) -> anyhow::Result<Response<Body>> {
        let url = request.url(&self.base)?;
        match &self.way {
            Way::Remote(http) | Way::Running(http) => {
                let answer = http
                    .execute(request.over_http(url)?)
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                let mut response = Response::builder().status(answer.status());
                if let Some(headers) = response.headers_mut() {
                    headers.extend(answer.headers().clone());
                }
                let body = answer.bytes_stream().map_err(reqwest::Error::without_url);
                Ok(response.body(Body::from_stream(body))?)
            }
            Way::Here { router, .. } => Ok(router.clone().oneshot(request.in_process(&url)?).await?),
        }
    }

    fn who(&self) -> String {
        match &self.way {
            Way::Remote(_) => format!("the control plane at {}", self.base),
            Way::Running(_) => format!("the running longshore at {}", self.base),
            Way::Here { .. } => "the data folder".to_owned(),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut why = String::new();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            // The innermost cause is the one that people can do something about.
            why = format!(": {error}");
            cause = error.source();
        }
        let text = if error.is_timeout() {
            format!("{} does not answer in time", self.who())
        } else {
            format!("{} cannot be reached{why}", self.who())
        };
        Failure::Unreachable(text).into()
    }

    fn broken(&self, error: &axum::Error) -> anyhow::Error {
        Failure::Unreachable(format!("{} broke off its answer: {error}", self.who())).into()
    }

    /// What an answer other than success says.
    fn problem(&self, status: u16, headers: &HeaderMap, bytes: &[u8]) -> Failure {
        if let Ok(problem) = serde_json::from_slice::<Problem>(bytes) {
            return Failure::Problem(problem);
        }
        if let Some(place) = headers.get("location").filter(|_| (300..400).contains(&status)) {
            let place = String::from_utf8_lossy(place.as_bytes());
            return Failure::Strange(
                status,
                format!("{} has moved to {place}: use that with --url", self.base),
            );
        }
        let said = String::from_utf8_lossy(bytes);
        let said: String = said.trim().chars().take(200).collect();
        Failure::Strange(
            status,
            format!(
                "what answers at {} is no control plane of longshore: status {status}, {said:?}",
                self.base
            ),
        )
    }
}

impl Answer {
    /// One of its headers.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }

    /// As what it is.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.bytes).context("the answer is not what this build of longshore expects")
    }
}

/// For an address that was named: through a proxy where the environment names one, and with no key but one that was given
/// for it.
fn remote(global: &GlobalArgs) -> anyhow::Result<reqwest::Client> {
    built(reqwest::Client::builder(), key::given(global)?)
}

/// For the `longshore up` of a data folder: also with the key that lies there.
fn running_here(global: &GlobalArgs) -> anyhow::Result<reqwest::Client> {
    let key = match key::given(global)? {
        Some(key) => Some(key),
        None => key::of_machine(&admin_key(&global.data_dir)),
    };
    built(reqwest::Client::builder().no_proxy(), key)
}

fn built(
    client: reqwest::ClientBuilder,
    key: Option<shared::secret::Secret>,
) -> anyhow::Result<reqwest::Client> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        key::put(&mut headers, &key)?;
    }
    let client = client
        .default_headers(headers)
        .connect_timeout(CONNECT)
        // A key is for the address that was named, and a POST does not become a GET.
        .redirect(redirect::Policy::none());
    Ok(client.build()?)
}
