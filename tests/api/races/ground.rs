//! What there must be before clients race for it.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::arena::Arena;
use tests::folder::Docs;
use tests::wait;

/// A service with a source that tests may change.
pub(crate) struct Ground<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) source: String,
    pub(crate) write: &'a mut dyn FnMut(&str, &str) -> anyhow::Result<()>,
    pub(crate) remove: &'a mut dyn FnMut(&str) -> anyhow::Result<()>,
    /// Indexes made so far.
    pub(crate) indexes: usize,
    /// Of those, the ones that no race has taken yet.
    pub(crate) ready: Vec<String>,
}

/// Indexes that are made together, because services learn of new ones from time to time only.
const TOGETHER: usize = 16;

/// Files in an index that has some.
pub(crate) const FILES: usize = 3;

impl Ground<'_> {
    /// What makes an index of a folder of the source that has its name.
    pub(crate) fn wanted(&self, name: &str) -> Value {
        json!({ "name": name, "source": self.source, "prefix": name })
    }

    /// A name that no index has.
    pub(crate) fn name(&mut self) -> String {
        self.indexes += 1;
        format!("raced-{}", self.indexes)
    }

    /// An index of a folder of its own, with files in it that may not be worked on yet. None of them goes unasked.
    pub(crate) fn index(&mut self) -> anyhow::Result<String> {
        let name = self.name();
        for number in 0..FILES {
            (self.write)(&format!("{name}/{number}.md"), &Docs::text(number, 1, 0))?;
        }
        let mut wanted = self.wanted(&name);
        wanted["approval"] = json!({ "files": 0, "share": 0.0, "decide_after_seconds": null });
        self.arena.does(&Method::POST, "/indexes", Some(wanted), 201)?;
        Ok(name)
    }

    /// An index whose files are indexed.
    pub(crate) fn indexed(&mut self) -> anyhow::Result<String> {
        if self.ready.is_empty() {
            for _ in 0..TOGETHER {
                let name = self.index()?;
                self.ready.push(name);
            }
        }
        let name = self.ready.pop().context("there is none")?;
        self.arena.indexed(&name, FILES)?;
        Ok(name)
    }

    /// A paused index with files that wait, in a run that goes on; its name and the run.
    pub(crate) fn waiting(&mut self) -> anyhow::Result<(String, String)> {
        let name = self.indexed()?;
        let path = format!("/indexes/{name}");
        self.arena
            .does(&Method::POST, &format!("{path}/pause"), None, 200)?;
        let run = self.arena.run(&name, "full=true")?;
        self.arena.until("the files to wait", &path, |index| {
            index["stats"]["by_state"]["PENDING"] == FILES
        })?;
        Ok((name, run))
    }

    /// A file of an index as an instance.
    pub(crate) fn instance(&self, index: &str) -> anyhow::Result<String> {
        let files = self.arena.get(&format!("/indexes/{index}/files"))?;
        let id = files["files"][0]["file_id"].as_str().context("no file")?;
        Ok(format!("{index}:{id}"))
    }

    /// An index all of whose files are gone from the source, which waits for a decision; its name and the approval's number.
    pub(crate) fn asking(&mut self) -> anyhow::Result<(String, String)> {
        let name = self.indexed()?;
        for number in 0..FILES {
            (self.remove)(&format!("{name}/{number}.md"))?;
        }
        // Over, so that no comparison is under way that has read the files before they were decided on.
        let run = self.arena.run(&name, "")?;
        self.arena.over(&run, "COMPLETED")?;
        let path = format!("/approvals?index={name}&state=WAITING");
        let asked = self.arena.until("the removals to wait", &path, |approvals| {
            approvals[0]["files"] == FILES
        })?;
        Ok((name, asked[0]["number"].to_string()))
    }

    /// A paused index with a second generation that is being built, and was compared with the source.
    pub(crate) fn building(&mut self) -> anyhow::Result<String> {
        let name = self.indexed()?;
        let path = format!("/indexes/{name}");
        self.arena
            .does(&Method::POST, &format!("{path}/pause"), None, 200)?;
        let next = json!({ "language": "german" });
        self.arena
            .does(&Method::POST, &format!("{path}/generations"), Some(next), 202)?;
        self.arena
            .until("it to be compared", &format!("{path}~2"), |index| {
                !index["comparison"].is_null()
            })?;
        Ok(name)
    }

    /// A paused index whose second generation is live and whose first is kept.
    pub(crate) fn swapped(&mut self) -> anyhow::Result<String> {
        let name = self.building()?;
        let path = format!("/indexes/{name}/generations/2/swap");
        self.arena.does(&Method::POST, &path, None, 200)?;
        self.generations(&name, &[(1, "RETIRED"), (2, "LIVE")])?;
        Ok(name)
    }

    /// Waits until an index has these generations.
    pub(crate) fn generations(&self, index: &str, expected: &[(u64, &str)]) -> anyhow::Result<()> {
        wait::until(&format!("the generations to be {expected:?}"), || {
            let list = self.arena.get(&format!("/indexes/{index}/generations"))?;
            let generations = list["generations"].as_array().context("no list")?;
            let found: Vec<(u64, &str)> = generations
                .iter()
                .filter_map(|one| Some((one["number"].as_u64()?, one["state"].as_str()?)))
                .collect();
            ensure!(found == expected, "they are {found:?}");
            Ok(Some(()))
        })
    }
}
