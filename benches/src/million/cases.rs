//! What is asked of an index, the same whatever its size.

use anyhow::{Context, ensure};
use serde_json::Value;

use super::desk::{Ask, Desk};
use super::filling::{kind_of, next_of, path_of};
use super::lives::Kind;
use super::table::Timings;

/// A question, with what a right answer has.
pub(crate) struct Case {
    pub(crate) title: &'static str,
    pub(crate) ask: Ask,
    /// Entries on the page, where it is one.
    pub(crate) entries: Option<usize>,
    /// It works through every file, and is asked once.
    pub(crate) heavy: bool,
}

/// Entries of an answer that is a page.
pub(crate) fn entries(body: &Value) -> usize {
    let list = ["files", "history", "runs"]
        .iter()
        .find_map(|name| body[*name].as_array());
    list.or(body.as_array()).map_or(0, Vec::len)
}

/// Places in listings: they are only known by going there.
pub(crate) struct Places {
    middle: String,
    last: String,
    /// A continuation of `/status`.
    status: String,
    /// Each page on the way, a thousand files long.
    pub(crate) walk: Timings,
    /// Files met on it.
    pub(crate) met: usize,
}

/// Goes through all files by cursor, a thousand at a time.
pub(crate) async fn walk(desk: &Desk) -> anyhow::Result<Places> {
    const PAGE: usize = 1000;
    let base = format!("/indexes/{}/files?limit={PAGE}", desk.index);
    let (mut walk, mut met, mut cursors) = (Timings::default(), 0, Vec::new());
    let mut ask = Ask::get(&base);
    loop {
        let answer = desk.ask(&ask).await?;
        walk.add(answer.took);
        met += entries(&answer.body);
        let Some(cursor) = answer.body["cursor"].as_str() else {
            break;
        };
        cursors.push(cursor.to_owned());
        ask = Ask::get(format!("{base}&cursor={cursor}"));
    }
    let expected = (0..desk.files).filter(|n| kind_of(*n) != Kind::Deleted).count();
    ensure!(met == expected, "the walk met {met} files of {expected}");
    let mut status = Ask::get(format!("/status?top={PAGE}&instanceIdPrefix={}:", desk.index));
    // As deep as the smaller index allows.
    for _ in 0..50.min(desk.files / PAGE / 2) {
        let answer = desk.ask(&status).await?;
        let token = answer
            .headers
            .get("x-ms-continuation-token")
            .context("no continuation")?;
        status.token = Some(token.to_str()?.to_owned());
    }
    Ok(Places {
        middle: cursors.get(cursors.len() / 2).context("one page only")?.clone(),
        last: cursors.last().context("one page only")?.clone(),
        status: status.token.context("no continuation")?,
        walk,
        met,
    })
}

/// Every question to this index.
pub(crate) fn all(desk: &Desk, places: &Places, run: &str) -> anyhow::Result<Vec<Case>> {
    let index = &desk.index;
    let files = |query: &str| Ask::get(format!("/indexes/{index}/files?{query}"));
    let deep = |cursor: &str| files(&format!("limit=1000&cursor={cursor}"));
    let half = desk.files / 2;
    let indexed = next_of(Kind::Indexed, half, desk.files)?;
    let folder = path_of(half)
        .rsplit_once("/part")
        .map_or_else(String::new, |(folder, _)| format!("{folder}/"));
    let status = |query: &str, token: Option<&str>| Ask {
        token: token.map(str::to_owned),
        ..Ask::get(format!("/status?{query}"))
    };
    let of_index = format!("instanceIdPrefix={index}:");
    let page = |title, ask, entries| Case {
        title,
        ask,
        entries,
        heavy: false,
    };
    let one = |title, ask| page(title, ask, None);
    Ok(vec![
        page("files: first 100", files(""), Some(100)),
        page("files: first 1000", files("limit=1000"), Some(1000)),
        page(
            "files: 1000 in the middle, by cursor",
            deep(&places.middle),
            Some(1000),
        ),
        page("files: the last page", deep(&places.last), None),
        page("files: state=INDEXED", files("state=INDEXED"), Some(100)),
        page("files: state=FAILED", files("state=FAILED"), Some(100)),
        page(
            "files: state=PROCESSING,PUBLISHING",
            files("state=PROCESSING,PUBLISHING"),
            Some(100),
        ),
        page("files: state=DELETED", files("state=DELETED"), Some(100)),
        page(
            "files: a folder by prefix",
            files(&format!("limit=1000&prefix={folder}")),
            None,
        ),
        page(
            "files: FAILED in a department",
            files("state=FAILED&prefix=department-000/"),
            Some(100),
        ),
        page(
            "files: a prefix that nothing has",
            files("prefix=nothing/"),
            Some(0),
        ),
        page("files: partial", files("partial=true"), Some(100)),
        page(
            "files: a common error code",
            files("error_code=conversion_failed&state=FAILED"),
            Some(100),
        ),
        page(
            "files: a rare error code, state=FAILED",
            files("error_code=encrypted&state=FAILED"),
            Some(100),
        ),
        page(
            "files: an error code that nothing has",
            files("error_code=no_such"),
            Some(0),
        ),
        one("one file", Ask::get(format!("/indexes/{index}/files/{indexed}"))),
        page(
            "its history",
            Ask::get(format!("/indexes/{index}/history/{indexed}")),
            None,
        ),
        one("why", Ask::get(format!("/indexes/{index}/why?path={indexed}"))),
        one("indexes, with counts", Ask::get("/indexes")),
        one("one index, with counts", Ask::get(format!("/indexes/{index}"))),
        one("metrics", Ask::get("/metrics")),
        one("backlog", Ask::get("/backlog")),
        one("readyz", Ask::get("/readyz")),
        one("usage", Ask::get(format!("/indexes/{index}/usage"))),
        page(
            "runs: first 50",
            Ask::get(format!("/indexes/{index}/runs")),
            Some(50),
        ),
        one("one run, with counts", Ask::get(format!("/runs/{run}"))),
        page("status: first 100", status("", None), Some(100)),
        page(
            "status: 1000 files further on, by continuation",
            status(&format!("top=1000&{of_index}"), Some(&places.status)),
            Some(1000),
        ),
        page(
            "status: Failed files",
            status(&format!("runtimeStatus=Failed&{of_index}"), None),
            Some(100),
        ),
        page(
            "status: Pending and Running files",
            status(&format!("runtimeStatus=Pending,Running&{of_index}"), None),
            Some(100),
        ),
        page(
            "status: created before there was anything",
            status(&format!("createdTimeTo=2000-01-01T00:00:00Z&{of_index}"), None),
            Some(0),
        ),
        page("approvals, one of which waits", Ask::get("/approvals"), Some(1)),
        Case {
            heavy: true,
            ..one("plan", Ask::post(format!("/indexes/{index}/plan"), None))
        },
    ])
}
