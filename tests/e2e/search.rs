//! Searches with filters, and documents read back, from what the real pipeline makes of files.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::folder::Docs;
use tests::longshore::{Longshore, Up};
use tests::wait;

/// Words of a text, without regard to the white space between them.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

struct Desk {
    up: Up,
    index: String,
    http: reqwest::Client,
}

impl Desk {
    async fn get(&self, rest: &str) -> anyhow::Result<Value> {
        let url = format!("{}/indexes/{}/{rest}", self.up.url(), self.index);
        Ok(self.http.get(url).send().await?.json().await?)
    }

    /// Paths that a search finds, in alphabetical order.
    async fn found(&self, filter: Value) -> anyhow::Result<Vec<String>> {
        let body = json!({"query": "harbour", "limit": 100, "group_by_file": true, "filter": filter});
        let url = format!("{}/indexes/{}/search", self.up.url(), self.index);
        let answer: Value = self.http.post(url).json(&body).send().await?.json().await?;
        let hits = answer["hits"].as_array().with_context(|| answer.to_string())?;
        let mut paths: Vec<String> = hits
            .iter()
            .filter_map(|hit| hit["path"].as_str().map(str::to_owned))
            .collect();
        paths.sort_unstable();
        Ok(paths)
    }

    /// A document, put together from parts of at most so many bytes.
    async fn read(&self, path: &str, max_bytes: usize) -> anyhow::Result<String> {
        let mut text = String::new();
        let mut from = 0;
        loop {
            let part = self
                .get(&format!("documents/{path}?from={from}&max_bytes={max_bytes}"))
                .await?;
            text.push_str(part["text"].as_str().with_context(|| part.to_string())?);
            match part["next"].as_u64() {
                Some(next) => from = next,
                None => return Ok(text),
            }
            // The white space that was between two parts is not in either.
            text.push('\n');
        }
    }
}

#[test]
fn files_are_found_by_filters_and_read_back() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let docs = Docs::new()?;
    let markdown = format!("# Harbour\n\n{}", Docs::text(1, 12, 0));
    let table: String = (0..400)
        .map(|row| format!("| harbour {row} | {row} |\n"))
        .collect();
    let table = format!("| name | depth |\n| --- | --- |\n{table}");
    let code = (0..60)
        .map(|n| format!("/// The harbour number {n}.\nfn harbour_{n}() -> usize {{\n    {n}\n}}\n\n"))
        .collect::<String>();
    docs.write("guides/long.md", &markdown)?;
    docs.write("guides/table.md", &table)?;
    docs.write("src/code.rs", &code)?;
    docs.write("notes/plain.txt", "The harbour is deep.\n")?;
    docs.write(
        "data/ships.json",
        r#"{"ships": [{"name": "Aurora", "harbour": "Hamburg"}]}"#,
    )?;

    let longshore = Longshore::new(&[
        "--name",
        "harbour",
        "--chunk-unit",
        "characters",
        "--chunk-size",
        "300",
        "--chunk-overlap",
        "60",
    ])?;
    let up = longshore.up(&docs, &[])?;
    runtime.block_on(async {
        let http = reqwest::Client::new();
        let index = "harbour".to_owned();
        let desk = Desk { up, index, http };
        let deadline = tokio::time::Instant::now() + wait::PATIENCE;
        while desk.found(json!({})).await?.len() < 5 {
            ensure!(
                tokio::time::Instant::now() < deadline,
                "not everything is found: {}",
                desk.up.log()
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }

        for (filter, expected) in [
            (
                json!({"prefixes": ["guides/"]}),
                &["guides/long.md", "guides/table.md"][..],
            ),
            (
                json!({"globs": ["**/*.{rs,txt}"]}),
                &["notes/plain.txt", "src/code.rs"],
            ),
            (json!({"types": ["application/json"]}), &["data/ships.json"]),
            (json!({"modified_at": {"before": 1_000}}), &[]),
            (
                json!({"modified_at": {"from": 1_000}, "prefixes": ["notes/"]}),
                &["notes/plain.txt"],
            ),
        ] {
            let found = desk.found(filter.clone()).await?;
            ensure!(found == expected, "{filter} finds {found:?}");
        }

        for (path, original) in [
            ("guides/long.md", &markdown),
            ("guides/table.md", &table),
            ("src/code.rs", &code),
        ] {
            let whole = desk.read(path, 1_000_000).await?;
            ensure!(
                words(&whole) == words(original),
                "{path} reads {whole:.2000} instead of {original:.2000}"
            );
        }
        let parts = desk.read("guides/long.md", 700).await?;
        let same =
            parts.split_whitespace().collect::<String>() == markdown.split_whitespace().collect::<String>();
        ensure!(same, "in parts it reads {parts:.2000}");
        let json = desk.read("data/ships.json", 1_000_000).await?;
        ensure!(json.contains("Aurora"), "{json}");
        Ok(())
    })
}
