//! A fleet's control planes as their clients see them.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{ADMIN_KEY, EVENTS_KEY, Fleet, INDEX};
use crate::wait;

impl Fleet {
    /// Reads from the first control plane.
    ///
    /// # Errors
    /// When it does not answer with JSON.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.control[0].url()?);
        Ok(self.runtime.block_on(async {
            self.http
                .get(url)
                .bearer_auth(ADMIN_KEY)
                .send()
                .await?
                .error_for_status()?
                .json()
                .await
        })?)
    }

    /// Runs the index and waits until each file of the run is done.
    ///
    /// # Errors
    /// When the run is not begun, or is not over in time.
    pub fn run(&mut self, query: &str) -> anyhow::Result<()> {
        let (status, answer) = self.post(&format!("/indexes/{INDEX}/run?{query}"), &Value::Null)?;
        ensure!(status == 202, "{status} {answer}");
        let run = answer["run"].as_str().context("no run")?.to_owned();
        wait::until("a run to be over", || {
            let run = self.get(&format!("/runs/{run}"))?;
            Ok((run["state"] == "COMPLETED").then_some(()))
        })
    }

    /// Posts to the first control plane; status and answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        self.send(reqwest::Method::POST, path, "application/json", body.to_string())
    }

    /// Sends anything to the first control plane; status and answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn send(
        &mut self,
        method: reqwest::Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{path}", self.control[0].url()?);
        let key = if path.starts_with("/events") {
            EVENTS_KEY
        } else {
            ADMIN_KEY
        };
        let request = self
            .http
            .request(method, url)
            .header("content-type", content_type)
            .bearer_auth(key)
            .body(body);
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        })
    }

    /// Paths that a search of the whole index shows, with the revision of each.
    ///
    /// # Errors
    /// When the search fails, or shows two revisions of a file.
    pub fn search(&mut self, query: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let query = query.replace(' ', "%20");
        let answer = self.get(&format!(
            "/indexes/{INDEX}/search?mode=full_text&limit=100&q={query}"
        ))?;
        let mut shown: BTreeMap<String, String> = BTreeMap::new();
        for hit in answer["hits"].as_array().context("no hits")? {
            let path = hit["path"].as_str().unwrap_or_default().to_owned();
            let etag = hit["etag"].as_str().unwrap_or_default().to_owned();
            if let Some(other) = shown.get(&path) {
                ensure!(
                    *other == etag,
                    "{path} is shown in two versions, {other} and {etag}"
                );
            }
            shown.insert(path, etag);
        }
        Ok(shown)
    }
}
