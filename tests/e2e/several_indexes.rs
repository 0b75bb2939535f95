//! One `longshore up` serves several indexes: made, paused and deleted over HTTP, each true to its own folder, whatever
//! becomes of the others and of the process.

use anyhow::ensure;
use serde_json::{Value, json};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;
use tests::wait;

fn source(docs: &Docs) -> String {
    docs.path().to_string_lossy().into_owned()
}

#[test]
fn an_index_is_made_beside_the_first_and_goes_again() -> anyhow::Result<()> {
    let docs = Docs::with_files(12, 1)?;
    let notes = Docs::with_files(3, 1)?;
    notes.write("pump.md", "# Bilge\n\nThe float switch starts the pump.\n")?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    up.finds("docs", "topic7x0r0", &["part-0/doc-7.md"])?;

    up.create("notes", &source(&notes))?;
    up.finds("notes", "float", &["pump.md"])?;
    ensure!(up.find("docs", "float")?.is_empty(), "indexes do not mix");
    ensure!(
        up.find("notes", "topic7x0r0")?.is_empty(),
        "the same words in another index are not found"
    );
    let (status, _) = up.ask(
        "POST",
        "/indexes",
        Some(&json!({ "name": "notes", "source": source(&notes) })),
    )?;
    ensure!(status == 200, "asking again is fine: {status}");
    let (status, answer) = up.ask(
        "POST",
        "/indexes",
        Some(&json!({ "name": "docs", "source": source(&notes) })),
    )?;
    ensure!(status == 409, "{status} {answer}");
    let (status, answer) = up.ask(
        "POST",
        "/indexes",
        Some(&json!({ "name": "nowhere", "source": "/no/such/folder" })),
    )?;
    ensure!(
        status == 400 && answer.to_string().contains("/no/such/folder"),
        "{status} {answer}"
    );

    // Both folders are watched.
    notes.write("new.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    up.finds("notes", "fresnel", &["new.md"])?;
    docs.write("new.md", "# Anemometer\n\nIt measures wind.\n")?;
    up.finds("docs", "anemometer", &["new.md"])?;

    let (status, answer) = up.ask("DELETE", "/indexes/notes", None)?;
    ensure!(
        status == 202 && answer["state"] == "DELETING",
        "{status} {answer}"
    );
    ensure!(
        up.find("notes", "float").is_err(),
        "what is on its way out is not searched"
    );
    wait::until("the index to be gone", || {
        let found = up.find("docs", "topic7x0r0")?;
        ensure!(found == ["part-0/doc-7.md"], "while the other goes: {found:?}");
        let (ready, answer) = up.ask("GET", "/readyz", None)?;
        ensure!(ready == 200, "while the other goes: {answer}");
        Ok((up.indexes()? == ["docs"]).then_some(()))
    })?;
    let (status, answer) = up.ask("GET", "/indexes/notes/search?q=float", None)?;
    ensure!(status == 404, "{status} {answer}");
    ensure!(
        !longshore.data_dir().join("collections/notes").exists(),
        "the points are gone from the disk"
    );
    ensure!(notes.file("pump.md").exists(), "the source is never touched");

    // Under the same name, from scratch.
    notes.remove("new.md")?;
    up.create("notes", &source(&notes))?;
    up.finds("notes", "float", &["pump.md"])?;
    ensure!(up.find("notes", "fresnel")?.is_empty());
    ensure!(up.stop()?.success());
    Ok(())
}

#[test]
fn a_restart_finds_all_indexes() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let notes = Docs::with_files(2, 1)?;
    let model = Model::start()?;
    let longshore = Longshore::with_model(&model.url(), &["--name", "zebra"])?;
    let up = longshore.up(&docs, &[])?;
    up.create("notes", &source(&notes))?;
    for index in ["zebra", "notes"] {
        up.finds(index, "topic0x0r0", &["part-0/doc-0.md"])?;
        up.finds(index, "topic1x0r0", &["part-0/doc-1.md"])?;
    }
    up.kill()?;

    // Commands are about the first, whatever comes first in the alphabet.
    docs.write("only-docs.md", "# Anemometer\n\nIt measures wind.\n")?;
    notes.write("only-notes.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    let status = longshore.json(&["status"])?;
    ensure!(status["id"] == "zebra", "{status}");
    let before = model.counts().texts;
    let ran = longshore.once_ok(&docs)?;
    for line in ["index zebra · 3 files indexed", "index notes · 3 files indexed"] {
        ensure!(ran.stderr.contains(line), "{line} is missing in {}", ran.stderr);
    }
    let texts = model.counts().texts - before;
    ensure!(texts == 2, "{texts} texts were embedded for two new chunks");
    ensure!(longshore.search("anemometer")? == ["only-docs.md"]);
    ensure!(longshore.search("fresnel")?.is_empty());

    let up = longshore.up(&docs, &[])?;
    up.finds("notes", "fresnel", &["only-notes.md"])?;
    up.finds("zebra", "anemometer", &["only-docs.md"])?;
    let (status, answer) = up.ask("GET", "/indexes/notes/search?q=lens&mode=hybrid", None)?;
    ensure!(
        status == 200 && answer["hits"][0]["path"] == "only-notes.md",
        "{answer}"
    );
    ensure!(longshore.json(&["status"])?["id"] == "zebra");
    Ok(())
}

#[test]
fn a_deletion_outlives_the_process() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    let notes = Docs::with_files(3, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    up.create("notes", &source(&notes))?;
    up.create("more", &source(&notes))?;
    for index in ["docs", "notes", "more"] {
        up.finds(index, "topic1x0r0", &["part-0/doc-1.md"])?;
    }
    let (status, _) = up.ask("DELETE", "/indexes/notes", None)?;
    ensure!(status == 202);
    ensure!(up.indexes()?.contains(&"notes*".to_owned()));
    up.kill()?;
    let points = longshore.data_dir().join("collections/notes");
    ensure!(points.exists(), "it died before the points were gone");

    // The next one goes on, and finds the others.
    let up = longshore.up(&docs, &[])?;
    up.lists(&["docs", "more"])?;
    ensure!(!points.exists());
    up.finds("docs", "topic1x0r0", &["part-0/doc-1.md"])?;
    up.finds("more", "topic1x0r0", &["part-0/doc-1.md"])?;

    // The folder's own index may go as well, and its points with it; the next `up` makes it anew.
    let (status, _) = up.ask("DELETE", "/indexes/docs", None)?;
    ensure!(status == 202);
    up.kill()?;
    ensure!(longshore.data_dir().join("vectors").exists());
    let up = longshore.up(&docs, &[])?;
    ensure!(up.log().contains("index docs is being deleted"), "{}", up.log());
    up.lists(&["more"])?;
    ensure!(!longshore.data_dir().join("vectors").exists());
    up.finds("more", "topic1x0r0", &["part-0/doc-1.md"])?;
    ensure!(up.stop()?.success());
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("topic1x0r0")? == ["part-0/doc-1.md"]);
    Ok(())
}

#[test]
fn a_deletion_that_died_half_way_is_finished() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let notes = Docs::with_files(3, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    up.create("notes", &source(&notes))?;
    up.finds("notes", "topic1x0r0", &["part-0/doc-1.md"])?;
    ensure!(up.ask("DELETE", "/indexes/notes", None)?.0 == 202);
    up.kill()?;
    // As after a death between points and rows, with part of the points left.
    let points = longshore.data_dir().join("collections/notes/g1");
    for entry in std::fs::read_dir(&points)?.take(1) {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    // A short run is enough for it.
    longshore.once_ok(&docs)?;
    let up = longshore.up(&docs, &[])?;
    up.lists(&["docs"])?;
    ensure!(!longshore.data_dir().join("collections/notes").exists());
    Ok(())
}

#[test]
fn an_index_covers_its_part_of_the_folder_only() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let notes = Docs::new()?;
    notes.write("in/a.md", "# Anemometer\n\nIt measures wind.\n")?;
    notes.write("out/a.md", "# Anemometer\n\nIt measures wind.\n")?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    let wanted = json!({ "name": "notes", "source": source(&notes), "prefix": "in" });
    ensure!(up.ask("POST", "/indexes", Some(&wanted))?.0 == 201);
    up.finds("notes", "anemometer", &["in/a.md"])?;
    // What changes beside it is seen by the same watch.
    notes.write("out/b.md", "# Barometer\n\nIt measures pressure.\n")?;
    notes.write("in/b.md", "# Barometer\n\nIt measures pressure.\n")?;
    up.finds("notes", "barometer", &["in/b.md"])?;
    let (_, files) = up.ask("GET", "/indexes/notes/files", None)?;
    let paths: Vec<&Value> = files["files"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|file| &file["path"])
        .collect();
    ensure!(paths == ["in/a.md", "in/b.md"], "{files}");
    Ok(())
}

#[test]
fn a_paused_index_waits_and_the_others_go_on() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let notes = Docs::with_files(1, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    up.create("notes", &source(&notes))?;
    up.finds("notes", "topic0x0r0", &["part-0/doc-0.md"])?;
    let (status, answer) = up.ask("POST", "/indexes/notes/pause", None)?;
    ensure!(status == 200 && answer["state"] == "PAUSED", "{answer}");
    notes.write("new.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    docs.write("new.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    up.finds("docs", "fresnel", &["new.md"])?;
    wait::until("the change to be recorded", || {
        let (_, index) = up.ask("GET", "/indexes/notes", None)?;
        Ok((index["stats"]["backlog"] == 1).then_some(()))
    })?;
    ensure!(
        up.find("notes", "fresnel")?.is_empty(),
        "a paused index does no work"
    );
    up.kill()?;

    // What waits for a person is not waited for.
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 3 && ran.stderr.contains("index notes is paused with 1 file to do"),
        "{}",
        ran.stderr
    );
    let up = longshore.up(&docs, &[])?;
    ensure!(up.ask("POST", "/indexes/notes/resume", None)?.0 == 200);
    up.finds("notes", "fresnel", &["new.md"])?;
    Ok(())
}

#[test]
fn a_data_folder_of_a_build_that_knew_one_index_goes_on() -> anyhow::Result<()> {
    let docs = Docs::with_files(3, 1)?;
    let notes = Docs::with_files(2, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    longshore.once_ok(&docs)?;
    let name = longshore.data_dir().join("main-index");
    std::fs::remove_file(&name)?;
    ensure!(longshore.search("topic1x0r0")? == ["part-0/doc-1.md"]);
    let up = longshore.up(&docs, &[])?;
    up.create("a-notes", &source(&notes))?;
    up.finds("a-notes", "topic1x0r0", &["part-0/doc-1.md"])?;
    up.finds("docs", "topic2x0r0", &["part-0/doc-2.md"])?;
    ensure!(up.stop()?.success());
    ensure!(std::fs::read_to_string(&name)? == "docs");
    ensure!(longshore.search("topic2x0r0")? == ["part-0/doc-2.md"]);

    // Without the name nobody knows whose the points are; nothing is guessed.
    std::fs::remove_file(&name)?;
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 1 && ran.stderr.contains("a-notes, docs") && ran.stderr.contains("main-index"),
        "{}",
        ran.stderr
    );
    Ok(())
}

#[test]
fn a_source_that_is_gone_holds_up_no_other() -> anyhow::Result<()> {
    let docs = Docs::with_files(2, 1)?;
    let notes = Docs::with_files(2, 1)?;
    let longshore = Longshore::new(&["--name", "docs"])?;
    let up = longshore.up(&docs, &[])?;
    up.create("notes", &source(&notes))?;
    up.finds("notes", "topic1x0r0", &["part-0/doc-1.md"])?;
    ensure!(up.stop()?.success());
    let (place, away) = (notes.path().to_owned(), notes.path().with_extension("away"));
    std::fs::rename(&place, &away)?;
    docs.write("new.md", "# Lighthouse\n\nThe fresnel lens turns.\n")?;
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() == 3 && ran.stderr.contains("index notes is not compared"),
        "{} {}",
        ran.code(),
        ran.stderr
    );
    ensure!(longshore.search("fresnel")? == ["new.md"]);
    let up = longshore.up(&docs, &[])?;
    up.finds("docs", "fresnel", &["new.md"])?;
    // It comes back while others are served.
    std::fs::rename(&away, &place)?;
    notes.write("back.md", "# Barometer\n\nIt measures pressure.\n")?;
    up.finds("notes", "barometer", &["back.md"])?;
    up.finds("notes", "topic1x0r0", &["part-0/doc-1.md"])?;
    Ok(())
}

#[test]
fn events_are_taken() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let longshore = Longshore::new(&[])?;
    let event = json!([{
        "topic": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/acct",
        "subject": "/blobServices/default/containers/none/blobs/a.md",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": "event-1",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "", "metadataVersion": "1",
        "data": { "api": "PutBlob", "sequencer": "1", "url": "https://acct.blob.core.windows.net/none/a.md" },
    }]);
    let up = longshore.up(&docs, &[])?;
    let (status, receipt) = up.ask("POST", "/events/azure", Some(&event))?;
    ensure!(status == 200 && receipt["unowned"] == 1, "{status} {receipt}");
    ensure!(up.stop()?.success());
    let longshore = longshore.with_variable("EVENTS_KEY", "open-sesame");
    let up = longshore.up(&docs, &[])?;
    ensure!(up.ask("POST", "/events/azure", Some(&event))?.0 == 401);
    ensure!(up.ask("POST", "/events/azure?key=open-sesame", Some(&event))?.0 == 200);
    Ok(())
}
