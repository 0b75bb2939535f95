//! A request, however it is sent.

use anyhow::Context;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;

/// A request to the API.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: Method,
    path: Path,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<Value>,
}

#[derive(Clone, Debug)]
enum Path {
    /// Its parts, as they are.
    Parts(Vec<String>),
    /// Path and query, encoded, with a slash in front.
    Encoded(String),
}

impl Request {
    fn new<S: Into<String>>(method: Method, path: impl IntoIterator<Item = S>) -> Self {
        Self {
            method,
            path: Path::Parts(path.into_iter().map(Into::into).collect()),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// Reads.
    pub(crate) fn get<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Asks for something to be done.
    pub(crate) fn post<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::POST, path)
    }

    /// Changes something.
    pub(crate) fn patch<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// Puts something in place of what is there.
    pub(crate) fn put<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Removes something.
    pub(crate) fn delete<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// What somebody else made: path and query, and a body by POST.
    pub(crate) fn encoded(uri: String, body: Option<Value>) -> Self {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        Self {
            path: Path::Encoded(uri),
            body,
            ..Self::new(method, [""; 0])
        }
    }

    /// With a parameter.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and texts are given as they are"
    )]
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// With a parameter, where there is a value for it.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> anyhow::Result<Self> {
        let value = HeaderValue::from_str(value).with_context(|| format!("{name} cannot be {value:?}"))?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    /// With a body.
    pub(crate) fn body(mut self, body: &impl Serialize) -> anyhow::Result<Self> {
        self.body = Some(serde_json::to_value(body)?);
        Ok(self)
    }

    /// Its address below that of the API, which may have a path in front.
    pub(super) fn url(&self, base: &Url) -> anyhow::Result<Url> {
        let mut url = base.clone();
        match &self.path {
            Path::Parts(parts) => {
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().extend(parts);
                }
            }
            Path::Encoded(uri) => url = Url::parse(&format!("{}{uri}", base.as_str().trim_end_matches('/')))?,
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }

    /// For a server.
    pub(super) fn over_http(&self, url: Url) -> anyhow::Result<reqwest::Request> {
        let mut request = reqwest::Request::new(self.method.clone(), url);
        request.headers_mut().extend(self.headers.clone());
        if let Some(body) = &self.body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }

    /// For a router in this process: path and query are all of a URL that counts without a socket.
    pub(super) fn in_process(&self, url: &Url) -> anyhow::Result<axum::http::Request<Body>> {
        let uri = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = axum::http::Request::builder()
            .method(self.method.clone())
            .uri(uri);
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
            if self.body.is_some() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
        }
        let body = self
            .body
            .as_ref()
            .map_or_else(Body::empty, |body| Body::from(body.to_string()));
        Ok(request.body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_below_that_of_the_api() {
        let request = Request::get(["indexes", "docs", "files", "a b", "c?d#e.md"])
            .with("state", "FAILED,SKIPPED")
            .with_some("limit", None::<u32>)
            .with_some("cursor", Some("ü&x=1"));
        let url = |base: &str| request.url(&Url::parse(base).unwrap()).unwrap().to_string();
        let path = "indexes/docs/files/a%20b/c%3Fd%23e.md?state=FAILED%2CSKIPPED&cursor=%C3%BC%26x%3D1";
        assert_eq!(url("http://host:1"), format!("http://host:1/{path}"));
        assert_eq!(url("https://host/search"), format!("https://host/search/{path}"));
        assert_eq!(url("https://host/search/"), format!("https://host/search/{path}"));
        let made = Request::encoded("/indexes/a%20b?x=1".to_owned(), None);
        let url = made.url(&Url::parse("https://host/search/").unwrap()).unwrap();
        assert_eq!(url.as_str(), "https://host/search/indexes/a%20b?x=1");
    }
}
