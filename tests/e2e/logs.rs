//! What is logged can be followed by the ids of a file, and how much of it is changed while everything runs.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use convert::fixtures::{self, Text};
use serde_json::{Value, json};
use shared::blob_path::BlobPath;
use shared::ids::{FileId, IndexId};
use tests::embedding_server::faults::Fault;
use tests::folder::Docs;
use tests::longshore::{Longshore, Up};
use tests::model::Model;
use tests::wait;

/// The lines that are logs; the rest is for whoever started it.
fn lines(up: &Up) -> anyhow::Result<Vec<Value>> {
    let log = up.log();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
        .collect()
}

/// Waits for a line of a file whose message contains this.
fn line_of(up: &Up, file: &str, says: &str) -> anyhow::Result<Value> {
    let id = FileId::of(&IndexId::new("main")?, &BlobPath::new(file)?).to_string();
    wait::until(&format!("a line of {file} that says {says:?}"), || {
        let of_file = |line: &Value| line["file.id"] == id.as_str();
        let says = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains(says));
        Ok(lines(up)?.into_iter().find(|line| of_file(line) && says(line)))
    })
}

fn messages(up: &Up, level: &str) -> anyhow::Result<Vec<String>> {
    let of_level = lines(up)?.into_iter().filter(|line| line["level"] == level);
    Ok(of_level
        .filter_map(|line| Some(line["message"].as_str()?.to_owned()))
        .collect())
}

#[test]
fn every_line_of_work_on_a_file_has_its_ids() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    let model = Model::start()?;
    let flags = ["--name", "main", "--log", "debug", "--log-format", "json"];
    let longshore = Longshore::with_model(&model.url(), &flags)?;
    let up = longshore.up(&docs, &[])?;
    model.set(|faults| faults.next = [Fault::Throttle { retry_after: None }].into());
    docs.write("good.md", "# Good\n\nA sentence about lighthouses.\n")?;
    docs.write("bad.docx", &fixtures::docx(&Text::known())[..700])?;

    let mut claims = BTreeSet::new();
    for (file, says) in [
        ("good.md", "is begun"),
        ("good.md", "embedding again"),
        ("good.md", "is committed: indexed"),
        ("bad.docx", "failed at convert"),
    ] {
        let line = line_of(&up, file, says)?;
        let text = |name: &str| line[name].as_str().with_context(|| format!("no {name}: {line}"));
        ensure!(text("index.id")? == "main", "{line}");
        claims.insert((file, text("claim.id")?.to_owned()));
        for name in ["timestamp", "level", "target"] {
            text(name)?;
        }
        let flat = line.as_object().context("no object")?;
        ensure!(
            flat.values().all(|value| !value.is_object() && !value.is_array()),
            "{line}"
        );
    }
    ensure!(claims.len() == 2, "not one attempt for each: {claims:?}");
    let failed = line_of(&up, "bad.docx", "failed at convert")?;
    ensure!(
        failed["level"] == "ERROR" && failed["step"] == "convert" && failed["code"].is_string(),
        "{failed}"
    );
    // What dependencies say below info is never written: it holds what goes over their wires.
    let own = [
        "control_plane",
        "convert",
        "index_processor",
        "longshore",
        "shared",
    ];
    for line in lines(&up)? {
        let target = line["target"].as_str().context("no target")?;
        let is_own = own.contains(&target.split("::").next().unwrap_or_default());
        ensure!(is_own || line["level"] != "DEBUG", "{line}");
    }
    Ok(())
}

#[test]
fn one_call_turns_debug_on_for_a_while() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let flags = ["--name", "main", "--log", "info"];
    let longshore = Longshore::new(&flags)?.with_variable("LONGSHORE_LOG_FORMAT", "json");
    let up = longshore.up(&docs, &[])?;
    up.finds("main", "topic0x0r0", &[&Docs::name(0)])?;
    ensure!(messages(&up, "DEBUG")?.is_empty(), "{}", up.log());

    let set = longshore.json(&["logging", "set", "debug", "--for", "10m"])?;
    ensure!(
        set["change"]["filter"] == "debug" && set["change"]["seconds_left"] == 600,
        "{set}"
    );
    ensure!(longshore.json(&["logging", "show"])?["change"]["filter"] == "debug");
    wait::until("the filter to be taken", || {
        let said = messages(&up, "INFO")?;
        Ok(said.iter().any(|text| text.contains("for a while")).then_some(()))
    })?;
    docs.write("second.md", "# Second\n\nA sentence about harbours.\n")?;
    let line = line_of(&up, "second.md", "is committed: indexed")?;
    ensure!(line["level"] == "DEBUG" && line["claim.id"].is_string(), "{line}");

    ensure!(longshore.json(&["logging", "reset"])? == json!({}));
    wait::until("its own filter to be taken", || {
        let said = messages(&up, "INFO")?;
        Ok(said
            .iter()
            .any(|text| text.contains("its own filter"))
            .then_some(()))
    })?;
    let before = messages(&up, "DEBUG")?.len();
    docs.write("third.md", "# Third\n\nA sentence about quays.\n")?;
    up.finds("main", "quays", &["third.md"])?;
    ensure!(messages(&up, "DEBUG")?.len() == before, "{}", up.log());

    // One that has ended by itself is as if it had been reset; whoever set it is in the audit log, and on the line.
    let (status, set) = up.ask(
        "PUT",
        "/logging",
        Some(&json!({ "filter": "debug", "for_seconds": 5 })),
    )?;
    ensure!(status == 200, "{set}");
    wait::until("it to end by itself", || {
        let said = messages(&up, "INFO")?;
        let ends = said.iter().filter(|text| text.contains("its own filter")).count();
        Ok((ends == 2).then_some(()))
    })?;
    let audit = longshore.run(&["audit", "--json"])?.stdout;
    let entries: Vec<Value> = audit
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let requests: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry["action"] == "logging_set")
        .filter_map(|entry| entry["request_id"].as_str())
        .collect();
    let said = lines(&up)?;
    let with_request: BTreeSet<&str> = said
        .iter()
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains("for every process"))
        })
        .filter_map(|line| line["request.id"].as_str())
        .collect();
    ensure!(
        requests.len() == 2 && requests == with_request,
        "{requests:?} {with_request:?}"
    );
    let refused = longshore.run(&["logging", "set", "lapin=trace"])?;
    ensure!(
        refused.code() != 0 && refused.stderr.contains("may hold keys"),
        "{}",
        refused.stderr
    );
    Ok(())
}
