//! What happens in the container of a fleet's index, and what is reported of it.

use anyhow::ensure;
use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::{EVENTS_KEY, Fleet};
use crate::azurite::ACCOUNT;

impl Fleet {
    /// An Event Grid event about a blob.
    pub fn event(&mut self, kind: &str, path: &str) -> Value {
        self.events += 1;
        let account = format!(
            "/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
        );
        let name = self.container.name();
        json!({
            "topic": account,
            "subject": format!("/blobServices/default/containers/{name}/blobs/{path}"),
            "eventType": format!("Microsoft.Storage.{kind}"),
            "id": format!("event-{}", self.events),
            "eventTime": "2026-01-01T00:00:00Z",
            "dataVersion": "", "metadataVersion": "1",
            "data": {
                "api": "PutBlob",
                "sequencer": format!("{:032}", self.events),
                "url": format!("https://{ACCOUNT}.blob.core.windows.net/{name}/{path}"),
            }
        })
    }

    /// An Event Grid event about a rename of a blob or directory.
    pub fn rename_event(&mut self, kind: &str, from: &str, to: &str) -> Value {
        let mut event = self.event(kind, to);
        let name = self.container.name().to_owned();
        let url = |path: &str| format!("https://{ACCOUNT}.dfs.core.windows.net/{name}/{path}");
        event["data"]["sourceUrl"] = json!(url(from));
        event["data"]["destinationUrl"] = json!(url(to));
        event
    }

    /// Reports events, which must be accepted.
    ///
    /// # Errors
    /// When they are not.
    pub fn report(&mut self, events: &[Value]) -> anyhow::Result<()> {
        let (status, answer) = self.post("/events/azure", &Value::Array(events.to_vec()))?;
        ensure!(status == 200, "events were answered by {status}: {answer}");
        Ok(())
    }

    /// Reports events as a sender does that traces; they must be accepted.
    ///
    /// # Errors
    /// When they are not.
    pub fn report_traced(&mut self, events: &[Value], traceparent: &str) -> anyhow::Result<()> {
        let request = self
            .http
            .post(format!("{}/events/azure", self.control[0].url()?))
            .header("traceparent", traceparent)
            .bearer_auth(EVENTS_KEY)
            .json(events);
        let status = self.runtime.block_on(async { request.send().await })?.status();
        ensure!(status == 200, "events were answered by {status}");
        Ok(())
    }

    /// Writes a blob, without telling anybody.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn write(&mut self, path: &str, text: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.container.put(path, text.to_owned()))?;
        self.truth.insert(path.to_owned(), text.to_owned());
        Ok(())
    }

    /// Writes a blob that is no text, without telling anybody. `word` is in it, and in no other one.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn write_document(&mut self, path: &str, content: Vec<u8>, word: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.container.put(path, content))?;
        self.truth.insert(path.to_owned(), format!("# {word} {word}"));
        Ok(())
    }

    /// Removes a blob, without telling anybody.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn remove(&mut self, path: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.container.remove(path))?;
        self.truth.remove(path);
        Ok(())
    }

    /// Makes a random change and returns the events about it.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub fn change_something(&mut self) -> anyhow::Result<Vec<Value>> {
        self.changes += 1;
        let round = self.changes;
        let known: Vec<String> = self.truth.keys().cloned().collect();
        let pick = |random: &mut SmallRng| known[random.random_range(0..known.len())].clone();
        let choice = if known.len() < 5 {
            0
        } else {
            self.random.random_range(0..10)
        };
        match choice {
            0..=3 => {
                let path = format!("docs/new-{round}.md");
                self.write(&path, &text(&path, round))?;
                Ok(vec![self.event("BlobCreated", &path)])
            }
            4..=6 => {
                let path = pick(&mut self.random);
                self.write(&path, &text(&path, round))?;
                Ok(vec![self.event("BlobCreated", &path)])
            }
            7 => {
                let path = pick(&mut self.random);
                self.remove(&path)?;
                Ok(vec![self.event("BlobDeleted", &path)])
            }
            _ => {
                let from = pick(&mut self.random);
                let to = format!("moved/{round}.md");
                let body = self.truth[&from].clone();
                self.write(&to, &body)?;
                self.remove(&from)?;
                Ok(vec![self.rename_event("BlobRenamed", &from, &to)])
            }
        }
    }

    /// Repeats some events and changes their order.
    pub fn shuffle(&mut self, events: &mut Vec<Value>) {
        let again: Vec<Value> = events
            .iter()
            .filter(|_| self.random.random_bool(0.3))
            .cloned()
            .collect();
        events.extend(again);
        events.shuffle(&mut self.random);
    }
}

/// A document of several chunks with a word of its own and one of its revision.
#[must_use]
pub fn text(path: &str, revision: usize) -> String {
    let word: String = path.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut text = format!("# {word}x{revision} rev{revision}end\n\n");
    for paragraph in 0..3 {
        let line =
            format!("{word}x{revision} rev{revision}end paragraph {paragraph} about cranes and quays. ");
        text.push_str(&line.repeat(4));
        text.push_str("\n\n");
    }
    text
}
