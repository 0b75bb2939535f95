//! What is refused, and who wins.

use anyhow::ensure;
use serde_json::json;

use super::desk::{Answer, Desk};

fn says(answer: &Answer, status: u16, code: &str, told: &str) -> anyhow::Result<()> {
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    ensure!(
        answer.status == status && answer.body["code"] == code && detail.contains(told),
        "expected {status}, {code} and {told:?}, got {answer:?}"
    );
    Ok(())
}

pub(crate) async fn nonsense_is_refused(desk: &Desk) -> anyhow::Result<()> {
    let before = desk.get("/indexes/docs").await?;
    for (patch, told) in [
        (json!([]), "object"),
        (json!({ "colour": "red" }), "colour"),
        (json!({ "files": { "includes": [] } }), "files.includes"),
        (json!({ "files": { "include": ["{a"] } }), "files.include[0]"),
        (json!({ "files": { "exclude": ["/a"] } }), "files.exclude[0]"),
        (json!({ "files": { "max_bytes": 0 } }), "files.max_bytes"),
        (json!({ "files": { "skip_types": ["exe"] } }), "files.skip_types"),
        (
            json!({ "limits": { "attempt_minutes": "long" } }),
            "limits.attempt_minutes",
        ),
        (json!({ "chunking": { "size": 3 } }), "chunking.size"),
        (
            json!({ "chunking": { "size": 64, "overlap": 60 } }),
            "chunking.overlap",
        ),
        (
            json!({ "chunking": { "strategy": "semantic" } }),
            "chunking.strategy",
        ),
        (
            json!({ "chunking": { "types": { "pdf": { "unit": "tokens" } } } }),
            "chunking.types.pdf.unit",
        ),
        (json!({ "approval": { "share": 2 } }), "approval.share"),
        (
            json!({ "budget": { "price_per_million_tokens": -1 } }),
            "budget.price_per_million_tokens",
        ),
        (json!({ "language": "martian" }), "language"),
        (json!({ "prefix": "a//b" }), "prefix"),
    ] {
        let answer = desk.patch(patch.clone()).await?;
        says(&answer, 400, "invalid_settings", told)?;
        // What cannot be changed to cannot be made either; the type of a field is told by the reader of bodies.
        if patch.is_object() {
            let mut wanted = json!({ "name": "other", "source": "file:///nowhere" });
            if let (Some(wanted), Some(patch)) = (wanted.as_object_mut(), patch.as_object()) {
                wanted.extend(patch.clone());
            }
            let made = desk.post("/indexes", wanted).await?;
            ensure!(made.status == 400, "{patch} is answered by {made:?}");
        }
    }
    let answer = desk.patch(json!({ "source": "s3://elsewhere" })).await?;
    says(&answer, 409, "setting_fixed", "source")?;
    let model = json!({ "url": "http://127.0.0.1:1", "model": "m", "dimensions": 3 });
    let answer = desk.patch(json!({ "embedding": model })).await?;
    says(&answer, 400, "bad_request", "embedding")?;
    let answer = desk
        .send("/indexes/nobody", &[], "application/json", "{}")
        .await?;
    says(&answer, 404, "index_not_found", "nobody")?;
    let answer = desk.send("/indexes/docs", &[], "text/plain", "{}").await?;
    ensure!(answer.status == 415, "{answer:?}");
    let answer = desk
        .send("/indexes/docs", &[], "application/json", "{\"files\": ")
        .await?;
    says(&answer, 400, "invalid_body", "")?;
    let large = format!("{{\"prefix\": \"{}\"}}", "a/".repeat(1_100_000));
    let answer = desk
        .send("/indexes/docs", &[], "application/json", &large)
        .await?;
    ensure!(answer.status == 413, "{}", answer.status);
    let after = desk.get("/indexes/docs").await?;
    ensure!(after.etag == before.etag, "a refused change changed something");
    // What is so already is no change.
    let answer = desk
        .patch(json!({ "files": { "exclude": ["**/*.tmp"] }, "language": "english" }))
        .await?;
    ensure!(answer.status == 200 && answer.etag == before.etag, "{answer:?}");
    ensure!(
        answer.body["effects"].as_array().is_some_and(Vec::is_empty),
        "{answer:?}"
    );
    let guide = desk.get("/index-settings").await?;
    ensure!(
        guide.body["settings"]
            .as_array()
            .is_some_and(|settings| settings.len() > 10),
        "{guide:?}"
    );
    Ok(())
}

pub(crate) async fn one_of_two_clients_wins(desk: &Desk) -> anyhow::Result<()> {
    let json_type = "application/merge-patch+json";
    for round in 1..=10_u64 {
        let seen = desk.get("/indexes/docs").await?.etag;
        let change = |files: u64| json!({ "approval": { "files": files } }).to_string();
        let (one, other) = (change(round * 1000), change(round * 1000 + 1));
        let condition = [("if-match", seen.as_str())];
        let (one, other) = tokio::join!(
            desk.send("/indexes/docs", &condition, json_type, &one),
            desk.send("/indexes/docs", &condition, json_type, &other),
        );
        let (one, other) = (one?, other?);
        let (won, lost) = if one.status == 200 {
            (one, other)
        } else {
            (other, one)
        };
        ensure!(won.status == 200, "{won:?}");
        says(&lost, 412, "settings_changed", "read the index again")?;
        let now = desk.get("/indexes/docs").await?;
        ensure!(now.etag == won.etag && now.etag != seen, "{now:?} after {won:?}");
        ensure!(
            now.body["settings"]["approval"] == won.body["index"]["settings"]["approval"],
            "{now:?}"
        );
    }
    // Without a condition, changes of different settings both stay.
    let (one, other) = tokio::join!(
        desk.patch(json!({ "approval": { "files": 10 } })),
        desk.patch(json!({ "budget": { "tokens_per_day": 5_000_000 } })),
    );
    let (one, other) = (one?, other?);
    ensure!(one.status == 200 && other.status == 200, "{one:?} {other:?}");
    let now = desk.index().await?;
    ensure!(
        now["settings"]["approval"]["files"] == 10
            && now["settings"]["budget"]["tokens_per_day"] == 5_000_000,
        "{now}"
    );
    // Of several tags one is enough; a weak one is none.
    let etag = desk.get("/indexes/docs").await?.etag;
    for (condition, status) in [
        (format!("\"x\", {etag}"), 200),
        ("*".to_owned(), 200),
        (format!("W/{etag}"), 412),
        ("nonsense".to_owned(), 412),
        (String::new(), 412),
    ] {
        let answer = desk
            .send(
                "/indexes/docs",
                &[("if-match", condition.as_str())],
                json_type,
                "{}",
            )
            .await?;
        ensure!(answer.status == status, "{condition:?} is answered by {answer:?}");
    }
    Ok(())
}

pub(crate) async fn a_deleted_index_takes_no_change(desk: &Desk) -> anyhow::Result<()> {
    let answer = desk.delete("/indexes/docs").await?;
    ensure!(answer.status == 202, "{answer:?}");
    let answer = desk.patch(json!({ "prefix": "kept" })).await?;
    says(&answer, 409, "index_deleting", "")
}
