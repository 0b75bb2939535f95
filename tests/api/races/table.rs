//! A race for each operation that may change something: what it is about, and how many clients must be told what.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::arena::{Answers, CLIENTS, Request};

use super::ground::{FILES, Ground};

/// Clients beside the one that decides.
const OTHERS: usize = CLIENTS - 1;

type Race = fn(&mut Ground<'_>) -> anyhow::Result<()>;

/// By the operation's id in the document.
pub(crate) const RACES: &[(&str, Race)] = &[
    ("keys_create", keys_create),
    ("keys_revoke", keys_revoke),
    ("keys_rotate", keys_rotate),
    ("logging_set", logging_set),
    ("logging_reset", logging_reset),
    ("events_any", |ground| events(ground, "events_any", &blob_event())),
    ("events_azure", |ground| {
        events(ground, "events_azure", &blob_event())
    }),
    ("events_s3_bucket", |ground| {
        events(ground, "events_s3_bucket", &bucket_event())
    }),
    ("events_gcs_push", |ground| {
        events(ground, "events_gcs_push", &pushed_event())
    }),
    ("events_any_handshake", |ground| {
        handshake(ground, "events_any_handshake")
    }),
    ("events_azure_handshake", |ground| {
        handshake(ground, "events_azure_handshake")
    }),
    ("events_s3_handshake", |ground| {
        handshake(ground, "events_s3_handshake")
    }),
    ("events_gcs_handshake", |ground| {
        handshake(ground, "events_gcs_handshake")
    }),
    ("indexes_create", indexes_create),
    ("indexes_change", indexes_change),
    ("indexes_pause", |ground| {
        indexes_set(ground, "indexes_pause", "PAUSED")
    }),
    ("indexes_resume", |ground| {
        indexes_set(ground, "indexes_resume", "ACTIVE")
    }),
    ("indexes_delete", indexes_delete),
    ("approvals_approve", approvals_approve),
    ("approvals_reject", approvals_reject),
    ("generations_begin", generations_begin),
    ("generations_roll_back", generations_roll_back),
    ("generations_swap", generations_swap),
    ("generations_undo", generations_undo),
    ("generations_drop_one", generations_drop_one),
    ("runs_plan", runs_plan),
    ("runs_start", runs_start),
    ("runs_cancel", runs_cancel),
    ("search_by_body", search_by_body),
    ("mcp_message", mcp_message),
    ("status_suspend", status_suspend),
    ("status_resume", status_resume),
    ("status_terminate", status_terminate),
    ("status_rewind", status_rewind),
    ("status_purge", status_purge),
    ("status_purge_many", status_purge_many),
];

fn nothing(_: usize) -> Request {
    Request::default()
}

/// The audit log has each request of a race, and as many of them with a status as were answered by it.
fn audited(ground: &Ground<'_>, operation: &str, part: &str, answers: &Answers) -> anyhow::Result<()> {
    let entries = ground.arena.audited(operation, part)?;
    for (status, count) in answers.statuses() {
        let with = entries.iter().filter(|entry| entry["status"] == status).count();
        ensure!(
            with == count,
            "{count} were answered by {status}, the log has {entries:?}"
        );
    }
    ensure!(entries.len() == CLIENTS, "not one entry for each: {entries:?}");
    Ok(())
}

fn key(ground: &Ground<'_>) -> anyhow::Result<String> {
    let wanted = json!({ "name": "raced for", "scopes": ["search"] });
    let made = ground.arena.does(&Method::POST, "/apiKeys", Some(wanted), 201)?;
    Ok(made["key"]["id"].as_str().context("no id")?.to_owned())
}

fn keys_create(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let wanted = json!({ "name": "racer", "scopes": ["search"] });
    let answers = ground
        .arena
        .race("keys_create", &[], |_| Request::of(wanted.clone()))?;
    answers.are(&[(201, CLIENTS)])?;
    answers.differ("/secret")?;
    let made = answers.differ("/key/id")?;
    let keys = ground.arena.get("/apiKeys?limit=1000")?;
    let listed: BTreeSet<String> = keys["keys"]
        .as_array()
        .context("no keys")?
        .iter()
        .filter(|key| key["name"] == "racer")
        .filter_map(|key| Some(key["id"].as_str()?.to_owned()))
        .collect();
    ensure!(listed == made, "{listed:?} are listed, {made:?} were made");
    Ok(())
}

fn keys_revoke(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let key = key(ground)?;
    let answers = ground.arena.race("keys_revoke", &[&key], nothing)?;
    answers.are(&[(200, CLIENTS)])?;
    audited(ground, "keys_revoke", &key, &answers)
}

fn keys_rotate(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let key = key(ground)?;
    let answers = ground.arena.race("keys_rotate", &[&key], nothing)?;
    answers.are(&[(200, 1), (409, OTHERS)])?;
    audited(ground, "keys_rotate", &key, &answers)
}

/// The latest one counts, whichever that is.
fn logging_set(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let filter = |client: usize| format!("info,control_plane::p{client}=debug");
    let answers = ground.arena.race("logging_set", &[], |client| {
        Request::of(json!({ "filter": filter(client) }))
    })?;
    answers.are(&[(200, CLIENTS)])?;
    audited(ground, "logging_set", "/logging", &answers)?;
    let set = answers.differ("/change/filter")?;
    let now = ground.arena.get("/logging")?;
    let now = now["change"]["filter"].as_str().context("none is set")?;
    ensure!(set.contains(now), "{now} was set by nobody");
    ground.arena.does(&Method::DELETE, "/logging", None, 200)?;
    Ok(())
}

fn logging_reset(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let wanted = json!({ "filter": "info", "for_seconds": 600 });
    ground.arena.does(&Method::PUT, "/logging", Some(wanted), 200)?;
    let answers = ground.arena.race("logging_reset", &[], nothing)?;
    answers.are(&[(200, CLIENTS)])?;
    ensure!(ground.arena.get("/logging")? == json!({}), "one is set");
    Ok(())
}

/// About a container that no index is made from.
fn blob_event() -> Value {
    json!([{
        "topic": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/nobodys",
        "subject": "/blobServices/default/containers/none/blobs/a.md",
        "eventType": "Microsoft.Storage.BlobCreated", "id": "event-of-a-race",
        "eventTime": "2026-01-01T00:00:00Z", "dataVersion": "", "metadataVersion": "1",
        "data": { "api": "PutBlob", "sequencer": "1", "url": "https://nobodys.blob.core.windows.net/none/a.md" },
    }])
}

fn bucket_event() -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": { "bucket": { "name": "nobodys" }, "object": { "key": "a.md", "sequencer": "01" } },
    }] })
}

fn pushed_event() -> Value {
    json!({ "message": { "messageId": "1", "attributes": {
        "eventType": "OBJECT_FINALIZE", "bucketId": "nobodys", "objectId": "a.md", "objectGeneration": "1",
    } }, "subscription": "projects/p/subscriptions/s" })
}

fn events(ground: &mut Ground<'_>, operation: &str, event: &Value) -> anyhow::Result<()> {
    let answers = ground
        .arena
        .race(operation, &[], |_| Request::of(event.clone()))?;
    answers.are(&[(200, CLIENTS)])?;
    ensure!(
        answers
            .of(200)
            .all(|receipt| receipt["unowned"] == 1 && receipt["refused"] == 0),
        "{answers:?}"
    );
    Ok(())
}

fn handshake(ground: &mut Ground<'_>, operation: &str) -> anyhow::Result<()> {
    ground
        .arena
        .race(operation, &[], |_| {
            Request::default().with("WebHook-Request-Origin", "eventgrid.azure.net")
        })?
        .are(&[(200, CLIENTS)])
}

fn indexes_create(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.name();
    let wanted = ground.wanted(&name);
    let answers = ground
        .arena
        .race("indexes_create", &[], |_| Request::of(wanted.clone()))?;
    answers.are(&[(201, 1), (200, OTHERS)])?;
    // Each another one under the same name.
    let name = ground.name();
    let wanted = ground.wanted(&name);
    let answers = ground.arena.race("indexes_create", &[], |client| {
        let mut wanted = wanted.clone();
        wanted["prefix"] = json!(format!("{name}/{client}"));
        Request::of(wanted)
    })?;
    answers.are(&[(201, 1), (409, OTHERS)])?;
    let made = answers.of(201).next().context("nobody made it")?;
    let index = ground.arena.get(&format!("/indexes/{name}"))?;
    ensure!(
        index["settings"] == made["settings"],
        "{made} was answered, but it is {index}"
    );
    Ok(())
}

fn indexes_change(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.indexed()?;
    let path = format!("/indexes/{name}");
    let seen = ground.arena.ask(&Method::GET, &path, None)?;
    let change = |client: usize| json!({ "budget": { "tokens_per_day": 1_000_000 + client } });
    let answers = ground.arena.race("indexes_change", &[&name], |client| {
        Request::of(change(client)).with("If-Match", &seen.etag)
    })?;
    answers.are(&[(200, 1), (412, OTHERS)])?;
    audited(ground, "indexes_change", &name, &answers)?;
    let winner = answers.of(200).next().context("nobody changed it")?;
    let index = ground.arena.get(&path)?;
    let changed = index["revision"].as_u64().zip(seen.body["revision"].as_u64());
    ensure!(changed.is_some_and(|(now, before)| now == before + 1), "{index}");
    ensure!(
        index["settings"] == winner["index"]["settings"],
        "{index} {winner}"
    );

    // Without it, each is made to what is there; whoever finds others changing it all the time is told so.
    let before = index["revision"].as_u64().context("no revision")?;
    let answers = ground.arena.race("indexes_change", &[&name], |client| {
        Request::of(json!({ "files": { "max_bytes": 1_000_000 + client } }))
    })?;
    answers.are_done(200, &[409])?;
    let done = answers.of(200).count() as u64;
    let index = ground.arena.get(&path)?;
    ensure!(
        index["revision"].as_u64() == Some(before + done),
        "{index} {answers:?}"
    );
    Ok(())
}

fn indexes_set(ground: &mut Ground<'_>, operation: &str, state: &str) -> anyhow::Result<()> {
    let name = ground.index()?;
    let path = format!("/indexes/{name}");
    if state == "ACTIVE" {
        ground
            .arena
            .does(&Method::POST, &format!("{path}/pause"), None, 200)?;
    }
    let answers = ground.arena.race(operation, &[&name], nothing)?;
    answers.are(&[(200, CLIENTS)])?;
    ensure!(
        answers.of(200).all(|index| index["state"] == state),
        "{answers:?}"
    );
    ensure!(ground.arena.get(&path)?["state"] == state);
    Ok(())
}

fn indexes_delete(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.index()?;
    // It has nothing in it that would take long: who comes last may find it gone.
    let answers = ground.arena.race("indexes_delete", &[&name], nothing)?;
    answers.are_done(202, &[404])?;
    audited(ground, "indexes_delete", &name, &answers)?;
    let now = ground
        .arena
        .ask(&Method::GET, &format!("/indexes/{name}"), None)?;
    ensure!(
        now.status == 404 || now.body["state"] == "DELETING",
        "it is neither gone nor going: {now:?}"
    );
    // Somebody who makes it again is told to wait, by whom ever it is asked.
    let wanted = ground.wanted(&name);
    let again = ground.arena.ask(&Method::POST, "/indexes", Some(wanted))?;
    ensure!([201, 409].contains(&again.status), "{again:?}");
    Ok(())
}

/// The one decision about an approval, as it is stored.
fn decided(ground: &Ground<'_>, index: &str, number: &str, state: &str) -> anyhow::Result<()> {
    let path = format!("/indexes/{index}/approvals/{number}");
    let approval = ground
        .arena
        .until("the decision to be carried out", &path, |approval| {
            !approval["finished_at"].is_null()
        })?;
    ensure!(
        approval["state"] == state && approval["passed"] == FILES && approval["files"] == FILES,
        "{approval}"
    );
    let all = ground.arena.get(&format!("/approvals?index={index}"))?;
    ensure!(
        all.as_array().is_some_and(|all| all.len() == 1),
        "it was asked more than once: {all}"
    );
    Ok(())
}

fn approvals_approve(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, number) = ground.asking()?;
    let answers = ground
        .arena
        .race("approvals_approve", &[&name, &number], |client| {
            Request::of(json!({ "files": FILES, "note": format!("client {client}") }))
        })?;
    answers.are(&[(200, 1), (409, OTHERS)])?;
    audited(ground, "approvals_approve", &format!("/{name}/"), &answers)?;
    decided(ground, &name, &number, "APPROVED")?;
    let winner = answers.of(200).next().context("nobody decided")?;
    let approval = ground.arena.get(&format!("/indexes/{name}/approvals/{number}"))?;
    ensure!(approval["note"] == winner["note"], "{approval} {winner}");
    ground
        .arena
        .until("the files to go", &format!("/indexes/{name}"), |index| {
            index["stats"]["by_state"]["DELETED"] == FILES
        })?;
    Ok(())
}

fn approvals_reject(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, number) = ground.asking()?;
    let answers = ground
        .arena
        .race("approvals_reject", &[&name, &number], |_| Request::of(json!({})))?;
    answers.are(&[(200, 1), (409, OTHERS)])?;
    audited(ground, "approvals_reject", &format!("/{name}/"), &answers)?;
    decided(ground, &name, &number, "KEPT")?;
    let index = ground.arena.get(&format!("/indexes/{name}"))?;
    ensure!(index["stats"]["by_state"]["INDEXED"] == FILES, "{index}");
    // Too late to decide otherwise.
    let path = format!("/indexes/{name}/approvals/{number}/approve");
    ground
        .arena
        .does(&Method::POST, &path, Some(json!({ "files": FILES })), 409)?;
    Ok(())
}

fn generations_begin(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.indexed()?;
    ground
        .arena
        .does(&Method::POST, &format!("/indexes/{name}/pause"), None, 200)?;
    let languages = [
        "german", "french", "spanish", "italian", "dutch", "danish", "swedish", "finnish",
    ];
    let answers = ground.arena.race("generations_begin", &[&name], |client| {
        Request::of(json!({ "language": languages[client % languages.len()] }))
    })?;
    answers.are(&[(202, 1), (409, OTHERS)])?;
    audited(ground, "generations_begin", &format!("/{name}/"), &answers)?;
    ground.generations(&name, &[(1, "LIVE"), (2, "BUILDING")])
}

fn generations_roll_back(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.building()?;
    let answers = ground
        .arena
        .race("generations_roll_back", &[&name, "2"], nothing)?;
    answers.are(&[(200, 1), (409, OTHERS)])?;
    audited(ground, "generations_roll_back", &format!("/{name}/"), &answers)?;
    let list = ground.arena.get(&format!("/indexes/{name}/generations"))?;
    ensure!(list["generations"][0]["state"] == "LIVE", "{list}");
    Ok(())
}

fn generations_swap(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.building()?;
    let answers = ground.arena.race("generations_swap", &[&name, "2"], nothing)?;
    answers.are(&[(200, 1), (409, OTHERS)])?;
    audited(ground, "generations_swap", &format!("/{name}/"), &answers)?;
    ground.generations(&name, &[(1, "RETIRED"), (2, "LIVE")])
}

fn generations_undo(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let undone = [(1, "LIVE"), (2, "RETIRED")];
    let name = ground.swapped()?;
    // The one before lacks nothing, so it may be live again before the last client has asked.
    let answers = ground.arena.race("generations_undo", &[&name, "2"], nothing)?;
    answers.are_done(202, &[409])?;
    ground.generations(&name, &undone)?;
    let name = ground.swapped()?;
    let answers = ground
        .arena
        .race("generations_undo", &[&name, "2"], |_| Request::asking("now=true"))?;
    answers.are_done(200, &[409])?;
    ground.generations(&name, &undone)
}

fn generations_drop_one(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.swapped()?;
    let answers = ground
        .arena
        .race("generations_drop_one", &[&name, "1"], nothing)?;
    answers.are_done(202, &[404])?;
    audited(ground, "generations_drop_one", &format!("/{name}/"), &answers)?;
    let index = ground.arena.get(&format!("/indexes/{name}"))?;
    ensure!(index["generation"] == 2, "{index}");
    Ok(())
}

fn runs_plan(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.indexed()?;
    let answers = ground
        .arena
        .race("runs_plan", &[&name], |_| Request::asking("full=true"))?;
    answers.are(&[(200, CLIENTS)])?;
    let index = ground.arena.get(&format!("/indexes/{name}"))?;
    ensure!(
        index["stats"]["by_state"]["INDEXED"] == FILES,
        "a plan did something: {index}"
    );
    Ok(())
}

fn runs_start(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.indexed()?;
    let answers = ground
        .arena
        .race("runs_start", &[&name], |_| Request::asking("full=true"))?;
    answers.are(&[(202, CLIENTS)])?;
    // Each has its own, and a file is done in one of them at a time.
    for run in answers.differ("/run")? {
        ground.arena.over(&run, "COMPLETED")?;
    }
    let index = ground.arena.get(&format!("/indexes/{name}"))?;
    ensure!(
        index["stats"]["by_state"]["INDEXED"] == FILES && index["stats"]["backlog"] == 0,
        "{index}"
    );
    Ok(())
}

fn runs_cancel(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, run) = ground.waiting()?;
    let answers = ground.arena.race("runs_cancel", &[&run], nothing)?;
    answers.are(&[(200, CLIENTS)])?;
    audited(ground, "runs_cancel", &run, &answers)?;
    let over = ground.arena.over(&run, "CANCELLED")?;
    ensure!(over["counts"]["cancelled"] == FILES, "{over}");
    let index = ground.arena.get(&format!("/indexes/{name}"))?;
    ensure!(
        index["stats"]["by_state"]["INDEXED"] == FILES,
        "not given back: {index}"
    );
    Ok(())
}

fn search_by_body(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let name = ground.indexed()?;
    let query = json!({ "query": "document", "mode": "hybrid" });
    let answers = ground
        .arena
        .race("search_by_body", &[&name], |_| Request::of(query.clone()))?;
    answers.are(&[(200, CLIENTS)])?;
    let first = &answers.0[0].body["hits"];
    ensure!(
        first[0].is_object() && answers.of(200).all(|answer| answer["hits"] == *first),
        "the same question has several answers: {answers:?}"
    );
    Ok(())
}

fn mcp_message(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    ground
        .arena
        .race("mcp_message", &[], |_| {
            Request::of(message.clone()).with("accept", "application/json, text/event-stream")
        })?
        .are(&[(200, CLIENTS)])
}

fn status_suspend(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, run) = ground.waiting()?;
    for instance in [ground.instance(&name)?, run] {
        let answers = ground.arena.race("status_suspend", &[&instance], nothing)?;
        answers.are(&[(202, CLIENTS)])?;
        ensure!(
            answers
                .of(202)
                .all(|answer| answer["runtimeStatus"] == "Suspended"),
            "{answers:?}"
        );
    }
    Ok(())
}

fn status_resume(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, run) = ground.waiting()?;
    for instance in [ground.instance(&name)?, run] {
        let path = format!("/status/{instance}/suspend");
        ground.arena.does(&Method::POST, &path, None, 202)?;
        let answers = ground.arena.race("status_resume", &[&instance], nothing)?;
        answers.are(&[(202, CLIENTS)])?;
        ensure!(
            answers
                .of(202)
                .all(|answer| answer["runtimeStatus"] != "Suspended"),
            "{answers:?}"
        );
    }
    Ok(())
}

fn status_terminate(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, run) = ground.waiting()?;
    let file = ground.instance(&name)?;
    let answers = ground.arena.race("status_terminate", &[&file], nothing)?;
    answers.are(&[(202, 1), (410, OTHERS)])?;
    audited(ground, "status_terminate", &name, &answers)?;
    // A run may have ended by the time the last one asks; it has ended once all the same.
    let answers = ground.arena.race("status_terminate", &[&run], nothing)?;
    answers.are_done(202, &[410])?;
    let over = ground.arena.over(&run, "CANCELLED")?;
    ensure!(
        over["counts"]["failed"] == 1 && over["counts"]["cancelled"] == FILES - 1,
        "{over}"
    );
    Ok(())
}

fn status_rewind(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let (name, run) = ground.waiting()?;
    let file = ground.instance(&name)?;
    let path = format!("/status/{file}/terminate");
    ground.arena.does(&Method::POST, &path, None, 202)?;
    // Whoever comes after the first finds nothing that failed.
    let answers = ground.arena.race("status_rewind", &[&file], nothing)?;
    answers.are_done(202, &[409])?;
    ground
        .arena
        .does(&Method::POST, &format!("/indexes/{name}/resume"), None, 200)?;
    ground.arena.over(&run, "COMPLETED")?;
    // The same of a run that is over with a file that failed in it.
    let again = ground.indexed()?;
    ground
        .arena
        .does(&Method::POST, &format!("/indexes/{again}/pause"), None, 200)?;
    let run = ground.arena.run(&again, "full=true")?;
    ground
        .arena
        .until("the files to wait", &format!("/indexes/{again}"), |index| {
            index["stats"]["by_state"]["PENDING"] == FILES
        })?;
    let path = format!("/status/{}/terminate", ground.instance(&again)?);
    ground.arena.does(&Method::POST, &path, None, 202)?;
    let answers = ground.arena.race("status_rewind", &[&run], nothing)?;
    answers.are_done(202, &[409])?;
    ground
        .arena
        .does(&Method::POST, &format!("/indexes/{again}/resume"), None, 200)?;
    let over = ground.arena.over(&run, "COMPLETED")?;
    // A file that settles and comes back counts again: once, whoever asked.
    ensure!(
        over["total"] == FILES + 1 && over["counts"]["failed"] == 1,
        "the file was taken up more than once: {over}"
    );
    Ok(())
}

/// A run that is over.
fn ended(ground: &mut Ground<'_>) -> anyhow::Result<String> {
    let name = ground.indexed()?;
    let run = ground.arena.run(&name, "full=true")?;
    ground.arena.over(&run, "COMPLETED")?;
    Ok(run)
}

fn purged(answers: &Answers) -> u64 {
    let counts = answers.of(200).map(|answer| answer["instancesDeleted"].as_u64());
    counts.flatten().sum()
}

fn status_purge(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let run = ended(ground)?;
    let answers = ground.arena.race("status_purge", &[&run], nothing)?;
    answers.are_done(200, &[404])?;
    ensure!(purged(&answers) == 1, "it went more than once: {answers:?}");
    Ok(())
}

fn status_purge_many(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    let run = ended(ground)?;
    let query = format!("createdTimeFrom=2020-01-01T00:00:00Z&instanceIdPrefix={run}");
    let answers = ground
        .arena
        .race("status_purge_many", &[], |_| Request::asking(&query))?;
    answers.are(&[(200, CLIENTS)])?;
    ensure!(purged(&answers) == 1, "it went more than once: {answers:?}");
    ground
        .arena
        .does(&Method::GET, &format!("/runs/{run}"), None, 404)?;
    Ok(())
}
