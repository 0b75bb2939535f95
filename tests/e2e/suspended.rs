//! A suspended file stays suspended through `kill -9`: what changes meanwhile is recorded, and waits.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::wait;

/// Sends a request and reads its answer.
fn ask(method: reqwest::Method, url: &str) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let answer = reqwest::Client::new().request(method, url).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    })
}

#[test]
fn a_suspended_file_outlives_its_process() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("held.md", "the first word is anchor")?;
    docs.write("free.md", "the first word is anchor")?;
    let longshore = Longshore::new(&[])?;
    let up = longshore.up(&docs, &[])?;
    let listed = wait::until("both files", || {
        let page = ask(
            reqwest::Method::GET,
            &format!("{}/status?runtimeStatus=Completed&instanceIdPrefix=", up.url()),
        )?;
        let files: Vec<Value> = page.as_array().context("a list")?.clone();
        let files: Vec<Value> = files.into_iter().filter(|one| one["name"] == "file").collect();
        Ok((files.len() == 2).then_some(files))
    })?;
    let held = listed
        .iter()
        .find(|one| one["input"]["path"] == "held.md")
        .context("held.md is listed")?;
    let id = held["instanceId"].as_str().context("an id")?.to_owned();
    let status = ask(
        reqwest::Method::POST,
        &format!("{}/status/{id}/suspend?reason=later", up.url()),
    )?;
    ensure!(status["customStatus"]["suspended"]["by"] == "file", "{status}");
    docs.write("held.md", "now the second word is capstan")?;
    wait::until("the change to be recorded", || {
        let status = ask(reqwest::Method::GET, &format!("{}/status/{id}", up.url()))?;
        Ok((status["runtimeStatus"] == "Suspended").then_some(()))
    })?;
    up.kill()?;

    let up = longshore.up(&docs, &[])?;
    docs.write("free.md", "here too the second word is capstan")?;
    wait::until("the other file's change", || {
        Ok((longshore.search("capstan")? == ["free.md"]).then_some(()))
    })?;
    let status = ask(reqwest::Method::GET, &format!("{}/status/{id}", up.url()))?;
    ensure!(status["runtimeStatus"] == "Suspended", "{status}");
    ensure!(
        longshore.search("anchor")? == ["held.md"],
        "its old version is shown"
    );
    ask(reqwest::Method::POST, &format!("{}/status/{id}/resume", up.url()))?;
    wait::until("the held change", || {
        let mut found = longshore.search("capstan")?;
        found.sort();
        Ok((found == ["free.md", "held.md"]).then_some(()))
    })?;
    // What is committed is found before its attempt is over.
    wait::until("its attempt to be over", || {
        let status = ask(
            reqwest::Method::GET,
            &format!("{}/status/{id}?showHistory=true", up.url()),
        )?;
        Ok((status["runtimeStatus"] == "Completed").then_some(()))
    })?;
    Ok(())
}
