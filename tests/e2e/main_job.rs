//! The main job: a folder becomes an index, stays true to it, and can be searched and asked about.

use anyhow::ensure;
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::wait;

#[test]
fn a_folder_becomes_a_searchable_index() -> anyhow::Result<()> {
    let docs = Docs::with_files(25, 2)?;
    docs.write(
        "notes/pump.txt",
        "The bilge pump starts when the float switch rises.",
    )?;
    docs.write("page.html", "<html><title>T</title><body><h1>Harbour</h1><p>The crane lifts containers.</p><script>var hidden = 1</script></body></html>")?;
    docs.write("data.json", r#"{"vessel": {"name": "Aurora", "tonnage": 1200}}"#)?;
    docs.write("table.csv", "port,depth\nRotterdam,24\nHamburg,15\n")?;
    docs.write(
        "code.rs",
        "/// Casts off.\nfn cast_off(lines: usize) -> usize { lines - 1 }\n",
    )?;
    docs.write("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    docs.write("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 legacy")?;
    let longshore = Longshore::new(&[])?;

    let ran = longshore.once_ok(&docs)?;
    ensure!(
        ran.stderr.contains("30 files indexed, 2 skipped, 0 failed"),
        "the summary says {}",
        ran.stderr
    );
    for (query, path) in [
        ("bilge pump", "notes/pump.txt"),
        ("containers crane", "page.html"),
        ("Aurora tonnage", "data.json"),
        ("Rotterdam depth", "table.csv"),
        ("cast_off lines", "code.rs"),
        ("topic17x1r0", "part-1/doc-17.md"),
    ] {
        let found = longshore.search(query)?;
        ensure!(
            found.first().is_some_and(|first| first == path),
            "{query} found {found:?}"
        );
    }
    ensure!(longshore.search("hidden")?.is_empty(), "scripts are not content");
    let skipped: Vec<_> = longshore
        .files()?
        .into_iter()
        .filter(|file| file.starts_with("SKIPPED"))
        .collect();
    ensure!(skipped.len() == 2, "{skipped:?}");

    let hit = &longshore.json(&["search", "topic3x1r0"])?["hits"][0];
    ensure!(hit["path"] == "part-0/doc-3.md", "{hit}");
    ensure!(
        hit["heading_path"] == serde_json::json!(["Document word3", "Section 1 of 3"])
            || hit["heading_path"] == serde_json::json!(["Document word3"]),
        "{hit}"
    );
    let (start, end) = (hit["range"]["start"].as_u64(), hit["range"]["end"].as_u64());
    let source = Docs::text(3, 2, 0);
    let range = usize::try_from(start.unwrap_or(0))?..usize::try_from(end.unwrap_or(0))?;
    ensure!(
        source[range].contains("topic3x1r0"),
        "the range leads to the text"
    );

    ensure!(
        !ran.stderr.contains("unchanged"),
        "nothing was there before: {}",
        ran.stderr
    );

    let again = longshore.once_ok(&docs)?;
    ensure!(
        again.stderr.contains("32 unchanged"),
        "the second pass says {}",
        again.stderr
    );
    Ok(())
}

#[test]
fn commands_print_for_people_and_for_programs() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("guide.md", "# Guide\n\n## Mooring\n\nTie the bow line first.\n")?;
    docs.write("bad.exe", b"MZ\0\0not text\0")?;
    let longshore = Longshore::new(&["--name", "harbour"])?;
    longshore.once_ok(&docs)?;

    let search = longshore.run(&["search", "bow line"])?;
    ensure!(
        search.stdout.contains("guide.md") && search.stdout.contains("Guide › Mooring"),
        "{}",
        search.stdout
    );
    ensure!(
        search.stdout.contains("Tie the bow line first"),
        "{}",
        search.stdout
    );
    let nothing = longshore.run(&["search", "zeppelin"])?;
    ensure!(nothing.code() == 0 && nothing.stdout.is_empty() && nothing.stderr.contains("nothing found"));

    let files = longshore.run(&["files", "--status", "SKIPPED"])?;
    ensure!(
        files.stdout.contains("bad.exe") && !files.stdout.contains("guide.md"),
        "{}",
        files.stdout
    );
    let status = longshore.run(&["status"])?;
    ensure!(
        status.stdout.contains("harbour") && status.stdout.contains("INDEXED"),
        "{}",
        status.stdout
    );
    let one = longshore.run(&["status", "guide.md"])?;
    for word in ["INDEXED", "enqueued", "claimed", "committed", "convert", "chunk"] {
        ensure!(one.stdout.contains(word), "{word} is missing in {}", one.stdout);
    }
    let unknown = longshore.run(&["status", "nowhere.md"])?;
    ensure!(
        unknown.code() == 4 && unknown.stderr.contains("never seen"),
        "{}",
        unknown.stderr
    );
    let vector = longshore.run(&["search", "x", "--mode", "vector"])?;
    ensure!(
        vector.code() == 1 && vector.stderr.contains("--embedding-base-url"),
        "{}",
        vector.stderr
    );
    let retry = longshore.run(&["retry"])?;
    ensure!(retry.stdout.contains("nothing to try again"), "{}", retry.stdout);
    Ok(())
}

#[test]
fn a_watched_folder_stays_true() -> anyhow::Result<()> {
    let docs = Docs::with_files(12, 1)?;
    let longshore = Longshore::new(&[])?;
    let up = longshore.up(&docs, &[])?;
    let finds = |query: &str, expected: &[&str]| {
        wait::until(&format!("{query} to be found in {expected:?}"), || {
            let found = longshore.search(query)?;
            Ok((found == expected).then_some(()))
        })
    };
    finds("topic7x0r0", &["part-0/doc-7.md"])?;

    docs.write("new/deep/file.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    finds("fresnel", &["new/deep/file.md"])?;

    docs.write("part-0/doc-7.md", Docs::text(7, 1, 1))?;
    finds("topic7x0r1", &["part-0/doc-7.md"])?;
    finds("topic7x0r0", &[])?;

    // Editors write a new file and move it over the old one.
    docs.write("part-0/.doc-7.md.swp", "scratch")?;
    docs.write("part-0/.doc-7.md.tmp", Docs::text(7, 1, 2))?;
    docs.rename("part-0/.doc-7.md.tmp", "part-0/doc-7.md")?;
    finds("topic7x0r2", &["part-0/doc-7.md"])?;

    docs.rename("new/deep/file.md", "new/moved.md")?;
    finds("fresnel", &["new/moved.md"])?;
    docs.rename("new", "renamed")?;
    finds("fresnel", &["renamed/moved.md"])?;
    docs.remove("renamed/moved.md")?;
    finds("fresnel", &[])?;

    // A folder that arrives complete.
    let other = Docs::new()?;
    other.write("in/a.md", "# Anemometer\n\nIt measures wind.\n")?;
    std::fs::rename(other.file("in"), docs.file("arrived"))?;
    finds("anemometer", &["arrived/a.md"])?;

    ensure!(up.stop()?.success(), "a stop is no failure");
    finds("topic7x0r2", &["part-0/doc-7.md"])?;
    Ok(())
}

#[test]
fn http_answers() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    let longshore = Longshore::new(&["--name", "harbour"])?;
    let up = longshore.up(&docs, &[])?;
    wait::until("the files", || {
        Ok((longshore.search("topic2x0r0")?.len() == 1).then_some(()))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let get = |path: &str| -> anyhow::Result<(u16, String)> {
        runtime.block_on(async {
            let answer = reqwest::get(format!("{}{path}", up.url())).await?;
            Ok((answer.status().as_u16(), answer.text().await?))
        })
    };
    ensure!(get("/healthz")?.0 == 200);
    ensure!(get("/readyz")?.1.contains("\"ready\":true"));
    let (status, found) = get("/indexes/harbour/search?q=topic2x0r0&mode=full_text&limit=1")?;
    let found: Value = serde_json::from_str(&found)?;
    ensure!(
        status == 200 && found["hits"][0]["path"] == "part-0/doc-2.md",
        "{found}"
    );
    let (_, page) = get("/indexes/harbour/files?limit=2")?;
    let page: Value = serde_json::from_str(&page)?;
    ensure!(
        page["files"].as_array().is_some_and(|files| files.len() == 2) && page["cursor"].is_string(),
        "{page}"
    );
    let (_, file) = get("/indexes/harbour/files/part-0/doc-1.md")?;
    ensure!(file.contains("\"committed\""), "{file}");
    let (_, runs) = get("/indexes/harbour/runs")?;
    let runs: Value = serde_json::from_str(&runs)?;
    let run = get(&format!(
        "/runs/{}",
        runs["runs"][0]["id"].as_str().unwrap_or_default()
    ))?;
    ensure!(run.0 == 200 && run.1.contains("\"completed_at\":1"), "{run:?}");
    let (_, metrics) = get("/metrics")?;
    for name in [
        "longshore_files{index=\"harbour\",state=\"INDEXED\"} 3",
        "longshore_backlog{index=\"harbour\",lane=\"fast\"} 0",
        "longshore_file_indexing_seconds_count 3",
        "longshore_event_to_searchable_seconds_count 3",
    ] {
        ensure!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    for (path, code, hint) in [
        ("/indexes/other/search?q=x", 404, "GET /indexes"),
        ("/indexes/harbour/search", 400, "q"),
        ("/indexes/harbour/search?q=", 400, "empty"),
        ("/indexes/harbour/search?q=x&limit=0", 400, "limit"),
        ("/indexes/harbour/search?q=x&mode=magic", 400, "mode"),
        ("/indexes/harbour/files?state=LOST", 400, "PENDING"),
        ("/indexes/harbour/files/a%2F..%2Fetc%2Fpasswd", 400, "relative"),
        ("/runs/17", 400, "invalid_path"),
        ("/nowhere", 404, "/openapi.json"),
    ] {
        let (status, body) = get(path)?;
        ensure!(
            status == code && body.contains(hint),
            "{path} answered {status} {body}"
        );
    }
    Ok(())
}
