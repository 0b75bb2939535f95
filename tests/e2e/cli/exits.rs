//! How commands end, as scripts see it.

use anyhow::ensure;
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;

use super::Remote;

#[test]
fn scripts_can_go_by_the_exit_codes() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    let other = Docs::new()?;
    let elsewhere = format!("file://{}", other.path().canonicalize()?.display());
    let cases: &[(&[&str], i32, &str)] = &[
        (&["status"], 0, ""),
        (&["search", "x", "--mode", "vector"], 1, "--embedding-base-url"),
        (&["files", "--status", "NONSENSE"], 2, "NONSENSE"),
        (&["search"], 2, "QUERY"),
        (&["search", "x", "--modified-from", "yesterday"], 2, "2026-03-01"),
        (&["index", "set", "chunking"], 2, "KEY=VALUE"),
        (&["index", "delete", "docs"], 2, "--yes"),
        (&["index", "show", "docs", "--index", "other"], 2, "two indexes"),
        (&["index", "show", "nowhere"], 4, "longshore index list"),
        (&["status", "nowhere.md"], 4, "never seen"),
        (&["document", "nowhere.md"], 4, "longshore files"),
        (&["approve", "7"], 4, "longshore approvals"),
        (
            &["runs", "show", "01a1fe55-9e45-72ca-8271-d6d6c0b0c336"],
            4,
            "longshore runs",
        ),
        (&["index", "create", "docs", "--source", &elsewhere], 7, "docs"),
    ];
    for (args, code, says) in cases {
        let ran = remote.ends(args, *code)?;
        ensure!(ran.stderr.contains(says), "{args:?} says {}", ran.stderr);
    }
    let refused = remote.ends(&["index", "show", "nowhere", "--json"], 4)?;
    let problem: Value = serde_json::from_str(&refused.stderr)?;
    ensure!(
        problem["code"] == "index_not_found" && problem["request_id"].is_string(),
        "{problem}"
    );
    ensure!(refused.stdout.is_empty(), "{}", refused.stdout);

    let url = up.url().to_owned();
    drop(up);
    let gone = Remote::new(&url)?.ends(&["status"], 6)?;
    ensure!(gone.stderr.contains("cannot be reached"), "{}", gone.stderr);
    let gone = Remote::new(&url)?.ends(&["status", "--json"], 6)?;
    let problem: Value = serde_json::from_str(&gone.stderr)?;
    ensure!(problem["code"] == "unreachable", "{problem}");
    Ok(())
}

#[test]
fn what_is_no_control_plane_is_told_so() -> anyhow::Result<()> {
    let model = Model::start()?;
    let strange = Remote::new(&model.url())?.ends(&["status"], 1)?;
    ensure!(strange.stderr.contains("no control plane"), "{}", strange.stderr);
    for url in ["nonsense", "ftp://host", "http://key@host"] {
        Remote::new(url)?.ends(&["status"], 2)?;
    }
    let longshore = Longshore::new(&[])?;
    let docs = Docs::new()?;
    let folder = docs.path().to_string_lossy().into_owned();
    let up = longshore.run(&["up", &folder, "--url", "http://localhost:1"])?;
    ensure!(up.code() == 2 && up.stderr.contains("--url"), "{}", up.stderr);
    Ok(())
}

#[test]
fn failed_files_are_an_outcome_of_their_own() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    docs.write("damaged.pdf", b"%PDF-1.7\nnothing of the kind")?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let once = longshore.run(&longshore.up_args(docs.path(), &["--once", "--json"]))?;
    ensure!(once.code() == 3, "{} {}", once.code(), once.stderr);
    let indexes: Value = serde_json::from_str(&once.stdout)?;
    ensure!(indexes[0]["stats"]["by_state"]["FAILED"] == 1, "{indexes}");
    let up = longshore.up(&docs, &[])?;
    let remote = Remote::new(up.url())?;
    let ran = remote.ends(&["run", "--retry", "--watch"], 3)?;
    ensure!(
        ran.stdout.contains("1 failed") && ran.stdout.contains("failed  1 file with"),
        "{}",
        ran.stdout
    );
    Ok(())
}
