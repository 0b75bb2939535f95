//! What is printed: the API's answer for programs, tables for people.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::wait;

use super::Remote;

#[test]
fn programs_get_the_answer_of_the_api() -> anyhow::Result<()> {
    let docs = Docs::with_files(12, 2)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    wait::until("everything to be indexed", || {
        let status = remote.json(&["status"])?;
        Ok((status["stats"]["by_state"]["INDEXED"] == 12).then_some(()))
    })?;
    let name = Docs::name(3);
    let cases: &[(&[&str], &str)] = &[
        (&["index", "settings"], "/index-settings"),
        (&["index", "generations", "list"], "/indexes/docs/generations"),
        (&["status", &name], &format!("/indexes/docs/files/{name}")),
        (&["usage"], "/indexes/docs/usage"),
        (&["approvals"], "/approvals"),
        (&["backlog"], "/backlog"),
        (&["dead-letters"], "/dead-letters"),
        (&["openapi"], "/openapi.json"),
        (&["search", "topic3x1r0"], "/indexes/docs/search?q=topic3x1r0"),
        (&["document", &name], &format!("/indexes/docs/documents/{name}")),
        (&["index", "show"], "/indexes/docs"),
    ];
    for (args, path) in cases {
        let (status, answer) = up.ask("GET", path, None)?;
        ensure!(status == 200, "{path}: {status}");
        ensure!(remote.json(args)? == answer, "{args:?} is not {path}");
    }
    let paths = |lines: Vec<Value>| -> Vec<String> {
        lines
            .iter()
            .filter_map(|file| file["path"].as_str().map(str::to_owned))
            .collect()
    };
    ensure!(paths(remote.lines(&["files"])?).len() == 12);
    ensure!(paths(remote.lines(&["files", "-n", "5"])?).len() == 5);
    ensure!(paths(remote.lines(&["files", "--prefix", &name])?) == std::slice::from_ref(&name));

    let text = remote.says(&["document", &name])?;
    ensure!(text.contains("topic3x1r0"), "{text}");
    let filtered = remote.json(&["search", "topic3x1r0", "--glob", "**/*.txt"])?;
    ensure!(
        filtered["hits"].as_array().is_some_and(Vec::is_empty),
        "{filtered}"
    );
    let filtered = remote.json(&[
        "search",
        "topic3x1r0",
        "--path",
        &name,
        "--by-file",
        "--modified-from",
        "1d",
        "--highlight",
    ])?;
    ensure!(
        filtered["hits"][0]["path"] == name && filtered["hits"][0]["marked"].is_string(),
        "{filtered}"
    );
    let plan = remote.json(&["plan"])?;
    ensure!(plan["unchanged"] == 12, "{plan}");
    let plan = remote.says(&["plan", "--full"])?;
    ensure!(
        plan.contains("12 as they are") && plan.contains("tokens"),
        "{plan}"
    );
    let dependencies = remote.says(&["dependencies"])?;
    ensure!(
        dependencies.contains("vectors") && dependencies.contains("ok"),
        "{dependencies}"
    );
    Ok(())
}

#[test]
fn tables_stand_and_quiet_is_quiet() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    docs.write("bad.exe", b"MZ\0\0not text\0")?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    longshore.once_ok(&docs)?;
    let ran = longshore.run(&["files"])?;
    let lines: Vec<&str> = ran.stdout.lines().collect();
    ensure!(lines.len() == 4 && lines[0].starts_with("STATE"), "{lines:#?}");
    let column = lines[0].find("PATH").context("no column")?;
    for name in ["bad.exe".to_owned(), Docs::name(0), Docs::name(1)] {
        let line = lines
            .iter()
            .find(|line| line.contains(&name))
            .context("it is not listed")?;
        ensure!(line.find(&name) == Some(column), "{lines:#?}");
    }
    ensure!(
        !ran.stdout.contains('\u{1b}'),
        "no colours where nobody sees them"
    );
    let quiet = longshore.run(&["search", "zeppelin", "--quiet"])?;
    ensure!(
        quiet.code() == 0 && quiet.stdout.is_empty() && quiet.stderr.is_empty(),
        "{quiet:?}"
    );
    let quiet = longshore.run(&["status", "nowhere.md", "-q"])?;
    ensure!(quiet.code() == 4 && quiet.stderr.contains("error"), "{quiet:?}");
    for args in [
        &["index", "list"][..],
        &["keys", "list"],
        &["audit"],
        &["runs"],
        &["approvals"],
        &["openapi"],
        &["backlog"],
    ] {
        let ran = longshore.run(args)?;
        ensure!(
            ran.code() == 0,
            "{args:?} without a running process: {}",
            ran.stderr
        );
    }
    Ok(())
}

#[test]
fn shells_take_the_completions() -> anyhow::Result<()> {
    let longshore = Longshore::new(&[])?;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = longshore.run(&["completions", shell])?;
        ensure!(
            ran.code() == 0 && ran.stdout.contains("longshore"),
            "{shell}: {}",
            ran.stderr
        );
    }
    let made = longshore.json(&["completions", "bash"])?;
    let script = made["script"].as_str().context("no script")?;
    let file = longshore.data_dir().join("completions.bash");
    std::fs::write(&file, script)?;
    let parsed = std::process::Command::new("bash").arg("-n").arg(&file).output()?;
    ensure!(
        parsed.status.success(),
        "{}",
        String::from_utf8_lossy(&parsed.stderr)
    );
    Ok(())
}
