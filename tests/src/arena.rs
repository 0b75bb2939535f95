//! Clients that ask a service for the same at the same moment. Operations are named as in the service's own document, which
//! has their methods and addresses, so that a race is never run for a route that is not there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::wait;

/// Clients in a race.
pub const CLIENTS: usize = 8;

/// A service, and clients of it.
pub struct Arena {
    base: String,
    key: String,
    http: Client,
    document: Value,
    runtime: Runtime,
}

/// What one client sends.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Query string, without `?`.
    pub query: String,
    /// JSON, if any.
    pub body: Option<Value>,
    /// Headers beside those of every request.
    pub headers: Vec<(&'static str, String)>,
}

impl Request {
    /// With a body.
    #[must_use]
    pub fn of(body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::default()
        }
    }

    /// With a query string.
    #[must_use]
    pub fn asking(query: &str) -> Self {
        Self {
            query: query.to_owned(),
            ..Self::default()
        }
    }

    /// With a header as well.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What an answer says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The tag of what was read or made; empty when there is none.
    pub etag: String,
    /// The JSON; null when it is none.
    pub body: Value,
}

/// The answers of a race, one for each client.
#[derive(Debug)]
pub struct Answers(pub Vec<Answer>);

impl Answers {
    /// How many had which status.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for answer in &self.0 {
            *statuses.entry(answer.status).or_default() += 1;
        }
        statuses
    }

    /// Checks that the statuses are these, so many times each.
    ///
    /// # Errors
    /// When they are others; the text has the answers.
    pub fn are(&self, expected: &[(u16, usize)]) -> anyhow::Result<()> {
        let expected: BTreeMap<u16, usize> = expected.iter().copied().collect();
        ensure!(
            self.statuses() == expected,
            "answered by {:?}, not {expected:?}: {self:?}",
            self.statuses()
        );
        Ok(())
    }

    /// Checks that at least one client was told `done`, and the others that or one of `late`.
    ///
    /// # Errors
    /// When it was not so; the text has the answers.
    pub fn are_done(&self, done: u16, late: &[u16]) -> anyhow::Result<()> {
        let statuses = self.statuses();
        ensure!(
            statuses.contains_key(&done)
                && statuses
                    .keys()
                    .all(|status| *status == done || late.contains(status)),
            "answered by {statuses:?}, not {done} and for the others {late:?}: {self:?}"
        );
        Ok(())
    }

    /// What those with a status were told.
    pub fn of(&self, status: u16) -> impl Iterator<Item = &Value> {
        let of = move |answer: &&Answer| answer.status == status;
        self.0.iter().filter(of).map(|answer| &answer.body)
    }

    /// Checks that a text in the answers is another one for each client.
    ///
    /// # Errors
    /// When two have the same, or one has none.
    pub fn differ(&self, pointer: &str) -> anyhow::Result<BTreeSet<String>> {
        let text = |answer: &Answer| Some(answer.body.pointer(pointer)?.as_str()?.to_owned());
        let texts: BTreeSet<String> = self.0.iter().filter_map(text).collect();
        ensure!(texts.len() == self.0.len(), "{pointer} is {texts:?} in {self:?}");
        Ok(texts)
    }
}

impl Arena {
    /// Reads the document of the service at `base`, with a key that may do everything.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn open(base: &str, key: &str) -> anyhow::Result<Self> {
        let mut arena = Self {
            base: base.to_owned(),
            key: key.to_owned(),
            http: Client::builder().no_proxy().pool_max_idle_per_host(0).build()?,
            document: Value::Null,
            runtime: Runtime::new()?,
        };
        arena.document = arena.get("/openapi.json")?;
        Ok(arena)
    }

    /// Every operation that may change something, which is all but GET.
    #[must_use]
    pub fn changing(&self) -> BTreeSet<String> {
        let items = self.document["paths"].as_object().into_iter().flatten();
        let operations = items.flat_map(|(_, item)| item.as_object().into_iter().flatten());
        operations
            .filter(|(method, _)| *method != "get")
            .filter_map(|(_, described)| Some(described["operationId"].as_str()?.to_owned()))
            .collect()
    }

    fn operation(&self, id: &str) -> anyhow::Result<(Method, String)> {
        for (path, item) in self.document["paths"].as_object().into_iter().flatten() {
            for (method, described) in item.as_object().into_iter().flatten() {
                if described["operationId"] == id {
                    return Ok((method.to_uppercase().parse()?, path.clone()));
                }
            }
        }
        anyhow::bail!("there is no operation {id}")
    }

    /// Clients ask for an operation at the same moment; `places` are the values in its address, in their order, and
    /// `request` is what the client with a number sends.
    ///
    /// # Errors
    /// When one is not answered, or answered by a server's error.
    pub fn race(
        &self,
        operation: &str,
        places: &[&str],
        request: impl Fn(usize) -> Request,
    ) -> anyhow::Result<Answers> {
        let (method, path) = self.operation(operation)?;
        let path = filled(&path, places)?;
        let requests = (0..CLIENTS).map(|client| self.request(&method, &path, &request(client)));
        let requests: Vec<RequestBuilder> = requests.collect();
        let sent = requests.into_iter().map(answered);
        let answers: anyhow::Result<Vec<Answer>> = self
            .runtime
            .block_on(futures::future::join_all(sent))
            .into_iter()
            .collect();
        let answers = Answers(answers.with_context(|| format!("{method} {path}"))?);
        ensure!(
            answers.statuses().keys().all(|status| *status < 500),
            "{method} {path} is answered by {answers:?}"
        );
        Ok(answers)
    }

    fn request(&self, method: &Method, path: &str, request: &Request) -> RequestBuilder {
        let query = if request.query.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{query}{}", self.base, request.query);
        let mut builder = self.http.request(method.clone(), url).bearer_auth(&self.key);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        match &request.body {
            Some(body) => builder.json(body),
            None => builder,
        }
    }

    /// One client asks.
    ///
    /// # Errors
    /// When it is not answered.
    pub fn ask(&self, method: &Method, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        let request = Request {
            body,
            ..Request::default()
        };
        self.runtime
            .block_on(answered(self.request(method, path, &request)))
    }

    /// Asks for something that must be answered so.
    ///
    /// # Errors
    /// When it is not.
    pub fn does(
        &self,
        method: &Method,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> anyhow::Result<Value> {
        let answer = self.ask(method, path, body)?;
        ensure!(
            answer.status == status,
            "{method} {path} was answered by {answer:?}, not {status}"
        );
        Ok(answer.body)
    }

    /// The JSON at a path.
    ///
    /// # Errors
    /// When it is not answered with 200.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.does(&Method::GET, path, None, 200)
    }

    /// Waits until what is at a path is as it should be.
    ///
    /// # Errors
    /// When it is not in time; the text has what it was last.
    pub fn until(&self, what: &str, path: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        wait::until(what, || {
            let now = self.get(path)?;
            ensure!(is(&now), "{path} is {now}");
            Ok(Some(now))
        })
    }

    /// Waits until a run is over, in this state, and checks that its counts are exact; the run.
    ///
    /// # Errors
    /// When it is not over in time, or its counts do not add up.
    pub fn over(&self, run: &str, state: &str) -> anyhow::Result<Value> {
        let path = format!("/runs/{run}");
        let over = self.until("the run to be over", &path, |run| run["state"] == state)?;
        let counts = over["counts"].as_object().context("no counts")?;
        let counted: u64 = counts.values().filter_map(Value::as_u64).sum();
        ensure!(
            over["total"] == over["done"] && over["done"] == counted,
            "counts do not add up: {over}"
        );
        Ok(over)
    }

    /// Begins a run of an index; its id.
    ///
    /// # Errors
    /// When it is refused.
    pub fn run(&self, index: &str, query: &str) -> anyhow::Result<String> {
        let path = format!("/indexes/{index}/run?{query}");
        let begun = self.does(&Method::POST, &path, None, 202)?;
        Ok(begun["run"].as_str().context("no run")?.to_owned())
    }

    /// Waits until an index has so many files that are indexed, and nothing to do.
    ///
    /// # Errors
    /// When it has not, in time.
    pub fn indexed(&self, index: &str, files: usize) -> anyhow::Result<Value> {
        let what = format!("{files} files of {index} to be indexed");
        self.until(&what, &format!("/indexes/{index}"), |index| {
            index["stats"]["by_state"]["INDEXED"] == files && index["stats"]["backlog"] == 0
        })
    }

    /// The audit log's entries of an operation at an address with `part` in it.
    ///
    /// # Errors
    /// When the log is not shown.
    pub fn audited(&self, operation: &str, part: &str) -> anyhow::Result<Vec<Value>> {
        let audit = self.get("/audit?limit=1000")?;
        let entries = audit["entries"].as_array().context("no entries")?;
        let of = |entry: &&Value| {
            entry["action"] == operation && entry["path"].as_str().is_some_and(|path| path.contains(part))
        };
        Ok(entries.iter().filter(of).cloned().collect())
    }
}

async fn answered(request: RequestBuilder) -> anyhow::Result<Answer> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok());
    let etag = etag.unwrap_or_default().to_owned();
    let text = answer.text().await?;
    Ok(Answer {
        status,
        etag,
        body: serde_json::from_str(&text).unwrap_or_default(),
    })
}

fn filled(path: &str, places: &[&str]) -> anyhow::Result<String> {
    let mut parts = Vec::new();
    let mut places = places.iter();
    for part in path.split('/') {
        parts.push(if part.starts_with('{') {
            *places.next().with_context(|| format!("{path} has more places"))?
        } else {
            part
        });
    }
    ensure!(places.next().is_none(), "{path} has fewer places");
    Ok(parts.join("/"))
}
