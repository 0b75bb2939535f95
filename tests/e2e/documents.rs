//! Documents of every format, through the front door: found with the place they are in; what cannot be read is seen, and
//! takes nothing down with it.

use anyhow::{Context, ensure};
use convert::fixtures::{self, Text, hostile};
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;

/// The best hit for a word in a file.
fn hit(longshore: &Longshore, word: &str, path: &str) -> anyhow::Result<Value> {
    let answer = longshore.json(&["search", word, "--limit", "100"])?;
    let hits = answer["hits"].as_array().context("no hits")?;
    let hit = hits.iter().find(|hit| hit["path"] == path);
    hit.cloned().with_context(|| format!("{word} is not found in {path}: {answer}"))
}

/// Where a hit is: the fields of its place, those that are there.
fn place(hit: &Value) -> String {
    let fields = ["attachment", "page", "slide", "sheet"];
    let words = fields.iter().filter(|name| !hit[**name].is_null());
    words.map(|name| format!("{name} {}", hit[*name])).collect::<Vec<_>>().join(", ")
}

fn status(longshore: &Longshore, path: &str) -> anyhow::Result<Value> {
    longshore.json(&["status", path])
}

/// The detail of the latest commit.
fn committed(status: &Value) -> anyhow::Result<&Value> {
    let history = status["history"].as_array().context("no history")?;
    let entry = history.iter().rev().find(|entry| entry["event"] == "committed");
    Ok(&entry.context("nothing was committed")?["detail"])
}

#[test]
fn every_format_is_found_with_its_place() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    let mut names = Vec::new();
    for fixture in fixtures::all() {
        docs.write(fixture.name, &fixture.bytes)?;
        names.push(fixture.name);
    }
    let longshore = Longshore::new(&[])?;
    longshore.once_ok(&docs)?;
    let blocked = ["report.doc", "report.ppt", "report.xls"];
    for file in longshore.files()? {
        let name = file.rsplit(' ').next().unwrap_or_default();
        let expected = if blocked.contains(&name) { "SKIPPED legacy_office" } else { "INDEXED -" };
        ensure!(file == format!("{expected} {name}"), "{file}");
    }
    let word = Text::known().word;
    for name in names.iter().filter(|name| !blocked.contains(name)) {
        let hit = hit(&longshore, &word, name)?;
        ensure!(hit["text"].as_str().is_some_and(|text| text.contains(&word)), "{name}: {hit}");
        ensure!(hit["converter"].as_str().is_some_and(|name| !name.is_empty()), "{name}: {hit}");
    }
    for (name, word, expected) in [
        ("report.pdf", &*word, "page 1"),
        ("report.pdf", "canvas", "page 2"),
        ("scanned.pdf", &*word, "page 1"),
        ("report.pptx", &*word, "slide 2"),
        ("report.odp", &*word, "slide 2"),
    ] {
        let found = place(&hit(&longshore, word, name)?);
        ensure!(found == expected, "{word} in {name} is at {found}, not at {expected}");
    }
    for (name, field) in [
        ("report.xlsx", "sheet"),
        ("report.ods", "sheet"),
        ("report.zip", "attachment"),
    ] {
        let found = hit(&longshore, "Cormorant", name)?;
        ensure!(!found[field].is_null(), "{name} has no {field}: {found}");
    }
    Ok(())
}

#[test]
fn pages_that_were_not_read_are_listed_until_they_are() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("mixed.pdf", fixtures::mixed_pdf(&Text::known()))?;
    docs.write("scan.pdf", fixtures::scanned_pdf(&Text::new("Skerryvore")))?;
    docs.write("whole.pdf", fixtures::pdf(&Text::new("Fastnet")))?;
    let longshore = Longshore::new(&["--converters", "pdf=native"])?;
    longshore.once_ok(&docs)?;
    ensure!(
        longshore.files()? == ["INDEXED - mixed.pdf", "SKIPPED needs_ocr scan.pdf", "INDEXED - whole.pdf"],
        "{:?}",
        longshore.files()?
    );
    let partial = longshore.run(&["files", "--partial"])?.stdout;
    ensure!(partial.contains("mixed.pdf") && partial.contains("page 4"), "{partial}");
    ensure!(!partial.contains("whole.pdf"), "{partial}");
    let before = status(&longshore, "mixed.pdf")?;
    ensure!(before["file"]["version"]["missing"][0]["code"] == "needs_ocr", "{before}");
    ensure!(committed(&before)?["missing"][0]["parts"] == "page 4", "{before}");
    let index = longshore.json(&["status"])?;
    ensure!(index["stats"]["partial"] == 1, "{index}");

    // Other converters are other settings: the next start reads what was left.
    let longshore = longshore.with_flags(&["--converters", "pdf=native,ocr"]);
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("Skerryvore")? == ["scan.pdf"]);
    let after = status(&longshore, "mixed.pdf")?;
    ensure!(after["file"]["version"]["missing"].is_null(), "{after}");
    let tried = &committed(&after)?["tried"];
    ensure!(tried[0]["outcome"] == "read_in_part" && tried[1]["link"] == "ocr", "{after}");
    Ok(())
}

#[test]
fn a_document_that_breaks_its_converter_fails_alone() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("hang.pdf", hostile::doubling_forms_pdf(32))?;
    docs.write("password.pdf", hostile::encrypted_pdf(&Text::known()))?;
    docs.write("broken.docx", &fixtures::docx(&Text::known())[..700])?;
    docs.write("bomb.zip", hostile::zip_bomb())?;
    for number in 0..20 {
        docs.write(&format!("good-{number}.docx"), fixtures::docx(&Text::new(&format!("Word{number}x"))))?;
    }
    let longshore = Longshore::new(&[
        "--converter-timeout",
        "3",
        "--converter-memory",
        "256",
        "--converters",
        "pdf=native",
    ])?;
    let ran = longshore.once(&docs)?;
    ensure!(ran.code() == 3, "ended with {}: {}", ran.code(), ran.stderr);
    let files = longshore.files()?;
    let code = |name: &str| {
        let file = files.iter().find(|file| file.ends_with(&format!(" {name}")));
        file.map_or("", |file| file.as_str().rsplit_once(' ').map_or("", |(state, _)| state))
    };
    ensure!(
        ["FAILED converter_timeout", "FAILED converter_out_of_memory"].contains(&code("hang.pdf")),
        "{files:?}"
    );
    ensure!(code("password.pdf") == "FAILED password_protected", "{files:?}");
    ensure!(code("broken.docx") == "FAILED corrupt", "{files:?}");
    ensure!(code("bomb.zip") == "FAILED too_large_unpacked", "{files:?}");
    for number in 0..20 {
        ensure!(longshore.search(&format!("Word{number}x"))? == [format!("good-{number}.docx")]);
    }
    // The content is remembered: another start does not try again.
    let again = longshore.once(&docs)?;
    ensure!(again.code() == 3, "ended with {}: {}", again.code(), again.stderr);
    let hang = status(&longshore, "hang.pdf")?;
    ensure!(hang["file"]["failure_count"] == 1, "{hang}");
    Ok(())
}

#[test]
fn kept_conversions_are_not_made_again() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("scan.pdf", fixtures::scanned_pdf(&Text::known()))?;
    docs.write("report.docx", fixtures::docx(&Text::known()))?;
    let kept = tempfile::tempdir()?;
    let store = kept.path().join("artifacts").to_string_lossy().into_owned();
    let longshore = Longshore::new(&["--artifact-store", &store])?;
    longshore.once_ok(&docs)?;
    let first = status(&longshore, "scan.pdf")?;
    ensure!(committed(&first)?["kept_conversion"].is_null(), "{first}");

    // Cut otherwise: every file is made again, from what was kept.
    let longshore = longshore.with_flags(&["--artifact-store", &store, "--chunk-size", "100", "--chunk-overlap", "0"]);
    longshore.once_ok(&docs)?;
    for name in ["scan.pdf", "report.docx"] {
        let second = status(&longshore, name)?;
        ensure!(committed(&second)?["kept_conversion"] == true, "{name}: {second}");
    }
    let hit = hit(&longshore, &Text::known().word, "scan.pdf")?;
    ensure!(place(&hit) == "page 1", "{hit}");
    Ok(())
}
