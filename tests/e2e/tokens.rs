//! Promise 7: no token is paid twice for the same text.

use std::time::Duration;

use anyhow::ensure;
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;

const FILES: usize = 30;

/// Small chunks, so that a section is a chunk of its own.
const CHUNKS: &[&str] = &[
    "--chunk-unit",
    "characters",
    "--chunk-size",
    "900",
    "--chunk-overlap",
    "0",
];

#[test]
fn only_new_text_is_embedded() -> anyhow::Result<()> {
    let docs = Docs::with_files(FILES, 3)?;
    let model = Model::start()?;
    let longshore = Longshore::with_model(&model.url(), CHUNKS)?;
    let texts_of = |what: &str| -> anyhow::Result<u64> {
        model.reset();
        longshore.once_ok(&docs)?;
        println!("{what}: {:?}", model.counts());
        Ok(model.counts().texts)
    };

    longshore.once_ok(&docs)?;
    let cold = model.counts();
    // One text asked the model for the size of its vectors.
    ensure!(
        cold.texts >= 3 * FILES as u64 && cold.repeated == 0,
        "cold: {cold:?}"
    );
    ensure!(
        cold.requests < FILES as u64,
        "chunks of many files share requests: {cold:?}"
    );

    ensure!(texts_of("nothing changed")? == 0);
    ensure!(
        model.counts().requests == 0,
        "an unchanged folder asks nothing at all"
    );

    docs.write(&Docs::name(4), Docs::text(4, 3, 1))?;
    docs.write(&Docs::name(14), Docs::text(14, 3, 1))?;
    let edited = texts_of("two sections edited")?;
    ensure!(
        (2..=4).contains(&edited),
        "two edited sections cost {edited} texts"
    );

    docs.rename("part-0", "renamed")?;
    docs.rename("part-1/doc-15.md", "doc-15-moved.md")?;
    ensure!(texts_of("eleven files moved")? == 0);
    ensure!(longshore.search("topic15x2r0")? == ["doc-15-moved.md"]);

    std::fs::copy(docs.file("part-2/doc-20.md"), docs.file("copy.md"))?;
    ensure!(texts_of("a file copied")? == 0);
    ensure!(
        longshore.search("topic20x0r0")?.len() == 2,
        "both copies are found"
    );

    for number in 20..30 {
        let file = std::fs::File::options()
            .write(true)
            .open(docs.file(&Docs::name(number)))?;
        file.set_modified(file.metadata()?.modified()? + Duration::from_secs(5))?;
    }
    ensure!(texts_of("ten files touched")? == 0);

    docs.remove("copy.md")?;
    docs.remove(&Docs::name(21))?;
    ensure!(texts_of("two files removed")? == 0);
    ensure!(longshore.search("topic21x0r0")?.is_empty());

    for mode in ["vector", "hybrid"] {
        let found = longshore.search_as("topic15x2r0", mode)?;
        ensure!(!found.is_empty(), "{mode} found nothing");
    }
    Ok(())
}

/// An edit that keeps size and modification time is noticed all the same.
#[test]
fn an_edit_that_hides_its_time_is_noticed() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("a.md", "# Quay\n\nred buoy\n")?;
    let longshore = Longshore::new(&[])?;
    longshore.once_ok(&docs)?;
    let before = std::fs::metadata(docs.file("a.md"))?.modified()?;
    docs.write("a.md", "# Quay\n\nfog horn\n")?;
    std::fs::File::options()
        .write(true)
        .open(docs.file("a.md"))?
        .set_modified(before)?;
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("fog horn")? == ["a.md"]);
    ensure!(longshore.search("red buoy")?.is_empty());
    Ok(())
}
