//! Every operation that a service describes, asked in every way that must be refused. The service's own document drives it,
//! so a route that is added is walked as well.

use anyhow::{Context, ensure};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Bodies are refused from here on, those of events too.
const TOO_LARGE: usize = 3 << 20;
/// What no cursor is.
const ODD_CURSORS: [&str; 8] = [
    "%00",
    "..%2F..%2Fetc",
    "%F0%9F%A6%80",
    "-1",
    "%27%3B--",
    "%FF",
    "9999999999999999999999",
    "",
];

/// A service to walk through.
pub struct Walk {
    base: String,
    admin: String,
    http: Client,
    document: Value,
}

/// One operation of the document.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    described: &'a Value,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Walked {
    /// Operations.
    pub operations: usize,
    /// Requests that were refused as they must be.
    pub refused: usize,
}

impl Walk {
    /// Reads the document of the service at `base`, with a key that may do everything.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn begin(base: &str, admin: &str) -> anyhow::Result<Self> {
        let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
        let answer = http
            .get(format!("{base}/openapi.json"))
            .bearer_auth(admin)
            .send()
            .await?;
        Ok(Self {
            document: answer.error_for_status()?.json().await?,
            base: base.to_owned(),
            admin: admin.to_owned(),
            http,
        })
    }

    /// Asks everything.
    ///
    /// # Errors
    /// When something is answered that must not be; the text has the request.
    pub async fn everything(&self) -> anyhow::Result<Walked> {
        let foreign = self
            .key(&json!({ "name": "foreign", "scopes": ["admin"], "indexes": ["somewhere-else"] }))
            .await?;
        let mut scoped = Vec::new();
        for scope in ["search", "ingest"] {
            let key = self.key(&json!({ "name": scope, "scopes": [scope] })).await?;
            scoped.push((scope, key));
        }
        let mut walked = Walked::default();
        for operation in self.operations() {
            let one = self.one(&operation, &foreign, &scoped);
            let (method, path) = (&operation.method, operation.path);
            walked.refused += one.await.with_context(|| format!("{method} {path}"))?;
            walked.operations += 1;
        }
        for path in [
            "/",
            "/nowhere",
            "/indexes/",
            "/openapi.json/",
            "//healthz",
            "/healthz/x",
        ] {
            for (key, expected) in [(None, 401), (Some(&self.admin), 404)] {
                let request = self.http.get(format!("{}{path}", self.base));
                self.refuses(with(request, key), expected).await.context(path)?;
            }
        }
        Ok(walked)
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let mut all = Vec::new();
        for (path, item) in self.document["paths"].as_object().into_iter().flatten() {
            for (method, described) in item.as_object().into_iter().flatten() {
                if let Ok(method) = method.to_uppercase().parse() {
                    all.push(Operation {
                        method,
                        path,
                        described,
                    });
                }
            }
        }
        all
    }

    async fn one(
        &self,
        operation: &Operation<'_>,
        foreign: &str,
        scoped: &[(&str, String)],
    ) -> anyhow::Result<usize> {
        let security = operation.described["security"]
            .as_array()
            .context("it does not say who may do it")?;
        let url = format!("{}{}", self.base, filled(operation)?);
        let ask = |key: Option<&String>| with(self.http.request(operation.method.clone(), &url), key);
        if security
            .iter()
            .any(|way| way.as_object().is_some_and(serde_json::Map::is_empty))
        {
            ensure!(
                ["service_alive", "service_ready"].contains(&operation.id()),
                "it is answered without a key, and is not health"
            );
            let answer = ask(None).send().await?;
            ensure!(
                answer.status() != StatusCode::UNAUTHORIZED,
                "health asks for a key"
            );
            return Ok(0);
        }
        let mut refused = 0;
        for wrong in [
            None,
            Some("wrong".to_owned()),
            Some("lsk_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            Some(format!("{}x", self.admin)),
            Some(scoped[0].1.replace("lsk_", "lsk-")),
            Some(format!("{}{}", &scoped[0].1[..13], &scoped[1].1[13..])),
        ] {
            self.refuses(ask(wrong.as_ref()), 401).await?;
            refused += 1;
        }
        for (scope, key) in scoped {
            if !security.iter().any(|way| way["key"][0] == **scope) {
                self.refuses(ask(Some(key)), 403)
                    .await
                    .with_context(|| format!("with the scope {scope}"))?;
                refused += 1;
            }
        }
        let about_all = ["keys", "audit"].contains(&operation.tag());
        if operation.path.contains("{index}") || about_all {
            let foreign = foreign.to_owned();
            let body = &operation.described["requestBody"]["content"]["application/json"]["example"];
            let request = ask(Some(&foreign));
            let request = if body.is_null() {
                request
            } else {
                request.json(body)
            };
            self.refuses(request, 403).await.context("for a foreign index")?;
            refused += 1;
        }
        refused += self.bodies(operation, &ask).await?;
        refused += self.queries(operation, &url).await?;
        Ok(refused)
    }

    /// Bodies that are too large, or say more than there is to say.
    async fn bodies(
        &self,
        operation: &Operation<'_>,
        ask: &impl Fn(Option<&String>) -> RequestBuilder,
    ) -> anyhow::Result<usize> {
        if operation.method == Method::GET || operation.method == Method::OPTIONS {
            return Ok(0);
        }
        let admin = Some(&self.admin);
        let large = ask(admin).header("content-type", "application/json");
        let large = large.body(" ".repeat(TOO_LARGE));
        self.refuses(large, 413).await.context("with an oversized body")?;
        let media = &operation.described["requestBody"]["content"]["application/json"];
        if media.is_null() || ["events", "mcp"].contains(&operation.tag()) {
            return Ok(1);
        }
        let mut body = media["example"].clone();
        let fields = body
            .as_object_mut()
            .context("the example of its body is no object")?;
        fields.insert("no_such_field".to_owned(), json!(1));
        let detail = self
            .refuses(ask(admin).json(&body), 400)
            .await
            .context("with an unknown field")?;
        ensure!(
            detail.contains("no_such_field"),
            "it does not name the unknown field: {detail}"
        );
        let typed = ask(admin).header("content-type", "text/plain").body("{}");
        self.refuses(typed, 415)
            .await
            .context("with another content type")?;
        let broken = ask(admin)
            .header("content-type", "application/json")
            .body("{\"a\": ");
        self.refuses(broken, 400).await.context("with half a body")?;
        let zero = ask(admin).json(&json!({ "a": "\0" }));
        self.refuses(zero, 400).await.context("with a zero character")?;
        Ok(5)
    }

    /// Queries that say more than there is to say, and cursors that are none.
    async fn queries(&self, operation: &Operation<'_>, url: &str) -> anyhow::Result<usize> {
        let parameters = operation.described["parameters"].as_array();
        let names: Vec<&str> = parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        if names.is_empty() {
            return Ok(0);
        }
        let ask = |query: &str| {
            let url = format!("{url}?{query}");
            with(
                self.http.request(operation.method.clone(), url),
                Some(&self.admin),
            )
        };
        let detail = self
            .refuses(ask("no_such_parameter=1"), 400)
            .await
            .context("with an unknown parameter")?;
        ensure!(
            detail.contains("no_such_parameter"),
            "it does not name the unknown parameter: {detail}"
        );
        let mut refused = 1;
        for name in names.iter().filter(|name| name.contains("cursor")) {
            for odd in ODD_CURSORS.iter().copied().chain([&*"x".repeat(6000)]) {
                let answer = ask(&format!("{name}={odd}")).send().await?;
                let status = answer.status();
                ensure!(!status.is_server_error(), "{name}={odd} is answered by {status}");
                refused += usize::from(status.is_client_error());
            }
        }
        Ok(refused)
    }

    /// A request that must be refused, by a problem; returns its detail.
    async fn refuses(&self, request: RequestBuilder, expected: u16) -> anyhow::Result<String> {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let header = |name: &str| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (kind, id) = (header("content-type"), header("x-request-id"));
        let text = answer.text().await?;
        ensure!(status == expected, "answered by {status}, not {expected}: {text}");
        ensure!(
            kind == "application/problem+json",
            "{status} is not a problem but {kind:?}: {text}"
        );
        let problem: Value = serde_json::from_str(&text)?;
        ensure!(
            problem["status"] == status && problem["code"].is_string() && problem["request_id"] == id,
            "not a whole problem: {problem}"
        );
        Ok(problem["detail"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes a key; its secret.
    ///
    /// # Errors
    /// When it is not made.
    pub async fn key(&self, wanted: &Value) -> anyhow::Result<String> {
        let request = self.http.post(format!("{}/apiKeys", self.base)).json(wanted);
        let answer = request.bearer_auth(&self.admin).send().await?;
        let made: Value = answer.error_for_status()?.json().await?;
        Ok(made["secret"].as_str().context("no secret")?.to_owned())
    }

    /// Sends the same request many times at once; the statuses, sorted.
    ///
    /// # Errors
    /// When one is not answered.
    pub async fn race(&self, method: Method, path: &str, times: usize) -> anyhow::Result<Vec<u16>> {
        let url = format!("{}{path}", self.base);
        let requests =
            (0..times).map(|_| with(self.http.request(method.clone(), &url), Some(&self.admin)).send());
        let mut statuses = Vec::new();
        for answer in futures::future::join_all(requests).await {
            statuses.push(answer?.status().as_u16());
        }
        statuses.sort_unstable();
        Ok(statuses)
    }

    /// The JSON at a path.
    ///
    /// # Errors
    /// When it is not answered with any.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.admin);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.described["operationId"].as_str().unwrap_or_default()
    }

    fn tag(&self) -> &str {
        self.described["tags"][0].as_str().unwrap_or_default()
    }
}

fn with(request: RequestBuilder, key: Option<&String>) -> RequestBuilder {
    match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    }
}

/// The path with something in each place: the document's example, or what its schema asks for. What a handler's extractors take
/// of a path must be right, or nothing else of the request is looked at.
fn filled(operation: &Operation<'_>) -> anyhow::Result<String> {
    let mut path = operation.path.to_owned();
    let parameters = operation.described["parameters"].as_array();
    for parameter in parameters
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "path")
    {
        let name = parameter["name"].as_str().context("a parameter without a name")?;
        let schema = &parameter["schema"];
        let example = [&parameter["example"], &schema["example"], &schema["examples"][0]];
        let example = example.iter().find_map(|example| match example {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let value = match (name, example, schema["type"].as_str()) {
            ("index", ..) => "docs".to_owned(),
            (_, Some(example), _) => example,
            (_, None, Some("integer")) => "1".to_owned(),
            // Most are ids; what else it is, it is not there.
            (_, None, _) => "0198c0de-7a11-7000-8000-000000000009".to_owned(),
        };
        path = path.replace(&format!("{{{name}}}"), &value);
    }
    ensure!(!path.contains('{'), "a part of the path is not described");
    Ok(path)
}
