//! A budget is never overspent: embedding stops with its reason, everything else goes on, and raising it is all that it takes.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::folder::Docs;
use tests::longshore::{Longshore, Up};
use tests::model::Model;
use tests::wait;

const FILES: usize = 20;
/// Enough for a few files, each of which has some two hundred tokens.
const BUDGET: u64 = 1000;

fn get(up: &Up, path: &str) -> anyhow::Result<Value> {
    let (status, answer) = up.ask("GET", path, None)?;
    ensure!(status == 200, "{path} was answered by {status}: {answer}");
    Ok(answer)
}

fn files(up: &Up, state: &str) -> anyhow::Result<Vec<Value>> {
    let page = get(up, &format!("/indexes/thrifty/files?state={state}&limit=1000"))?;
    Ok(page["files"].as_array().context("no files")?.clone())
}

/// Waits until this many files are indexed, and all others that there are wait for the budget.
fn rests(up: &Up, all: usize) -> anyhow::Result<Vec<Value>> {
    wait::until("the rest to wait for the budget", || {
        let (done, waiting) = (files(up, "INDEXED")?, files(up, "PENDING")?);
        let spent = |file: &Value| file["last_error"]["code"] == "budget_spent";
        let at_rest = done.len() + waiting.len() == all && waiting.iter().all(spent);
        ensure!(at_rest, "{} are indexed, and {waiting:?} are pending", done.len());
        Ok((!waiting.is_empty()).then_some(waiting))
    })
}

/// Checks both what the index says that it used, and what the model was asked for: texts of documents, at four bytes a token.
fn not_overspent(up: &Up, model: &Model) -> anyhow::Result<()> {
    let usage = wait::until("the usage to be written", || {
        let usage = get(up, "/indexes/thrifty/usage")?;
        Ok((usage["days"][0]["embedded"].as_u64() > Some(0)).then_some(usage))
    })?;
    let used = usage["days"][0]["tokens"].as_u64();
    ensure!(
        usage["tokens_per_day"] == BUDGET && used <= Some(BUDGET),
        "overspent: {usage}"
    );
    let texts = model.records().into_iter().flat_map(|record| record.texts);
    // A start and a search ask for others.
    let documents = texts.filter(|text| text.contains("Sentence"));
    let asked: usize = documents.map(|text| text.len().div_ceil(4)).sum();
    ensure!(
        asked as u64 <= BUDGET,
        "the model was asked for {asked} tokens: {usage}"
    );
    Ok(())
}

/// The number in the name of a document.
fn number_of(path: &str) -> anyhow::Result<String> {
    let number = path.trim_end_matches(".md").rsplit('-').next();
    Ok(number.context("no number")?.to_owned())
}

#[test]
fn a_budget_is_not_overspent_and_can_be_raised() -> anyhow::Result<()> {
    let (main, docs) = (Docs::new()?, Docs::with_files(FILES, 1)?);
    let model = Model::start()?;
    let flags = ["--name", "main", "--embedding-batch-size", "1", "--slots", "4"];
    let longshore = Longshore::with_model(&model.url(), &flags)?;
    let up = longshore.up(&main, &[])?;
    model.reset();
    let wanted = json!({
        "name": "thrifty", "source": format!("file://{}", docs.path().display()),
        "budget": { "tokens_per_day": BUDGET },
    });
    let (status, made) = up.ask("POST", "/indexes", Some(&wanted))?;
    ensure!(status == 201, "{made}");

    // It stops with its reason, which says what to do, and the budget is not overspent.
    let waiting = rests(&up, FILES)?;
    ensure!(waiting.len() < FILES, "nothing was embedded at all");
    let why = waiting[0]["last_error"]["message"].as_str().unwrap_or_default();
    ensure!(
        why.contains(&BUDGET.to_string()) && why.contains("tokens_per_day"),
        "{why}"
    );
    ensure!(
        waiting.iter().all(|file| file["failure_count"] == 0),
        "waiting is charged: {waiting:?}"
    );
    not_overspent(&up, &model)?;

    // Search goes on in all modes, with what there is.
    let done = files(&up, "INDEXED")?;
    let shown = done[0]["path"].as_str().context("no path")?.to_owned();
    let number = number_of(&shown)?;
    for mode in ["full_text", "hybrid", "vector"] {
        let path = format!("/indexes/thrifty/search?mode={mode}&limit=100&q=topic{number}x0r0");
        let answer = get(&up, &path)?;
        let paths: Vec<&Value> = answer["hits"]
            .as_array()
            .context("no hits")?
            .iter()
            .map(|hit| &hit["path"])
            .collect();
        ensure!(
            paths.contains(&&json!(shown)),
            "{mode} does not show {shown}: {answer}"
        );
    }
    // What needs no new vectors goes on as well: what goes, and what has only moved.
    docs.rename(&shown, "moved.md")?;
    wait::until("the moved file", || {
        let moved = files(&up, "INDEXED")?;
        Ok(moved.iter().any(|file| file["path"] == "moved.md").then_some(()))
    })?;
    // Also what goes while it waits: nobody looks at it before midnight, unless it is told.
    let gone = waiting[0]["path"].as_str().context("no path")?;
    docs.remove(gone)?;
    wait::until("the removed file", || {
        let left = files(&up, "PENDING")?;
        Ok(left.iter().all(|file| file["path"] != *gone).then_some(()))
    })?;
    let edited = done[1]["path"].as_str().context("no path")?;
    let its = number_of(edited)?;
    // Larger than what may be left, smaller than a day's budget.
    docs.write(edited, Docs::text(its.parse()?, 5, 1))?;
    wait::until("the edited file to wait for the budget", || {
        let waiting = files(&up, "PENDING")?;
        let waits = |file: &Value| file["path"] == edited && file["last_error"]["code"] == "budget_spent";
        Ok(waiting.iter().any(waits).then_some(()))
    })?;
    let before = format!("topic{its}x0r0");
    up.finds("thrifty", &before, &[edited])?;
    docs.remove(edited)?;
    up.finds("thrifty", &before, &[])?;

    // A restart forgets nothing of it.
    up.kill()?;
    let up = longshore.up(&main, &[])?;
    rests(&up, FILES - 2)?;
    not_overspent(&up, &model)?;

    let patch = json!({ "budget": { "tokens_per_day": 100 * BUDGET } });
    let (status, changed) = up.ask("PATCH", "/indexes/thrifty", Some(&patch))?;
    ensure!(status == 200, "{changed}");
    wait::until("the rest to go on", || {
        let done = files(&up, "INDEXED")?.len();
        Ok((done == FILES - 2).then_some(()))
    })?;
    up.finds("thrifty", &format!("topic{number}x0r0"), &["moved.md"])?;
    Ok(())
}
