//! `longshore convert`: what a file becomes, and why.

use anyhow::{Context, ensure};
use convert::fixtures::{self, Text, hostile};
use serde_json::Value;
use tests::folder::Docs;
use tests::longshore::Longshore;

#[test]
fn one_file_is_printed_as_markdown() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("report.docx", fixtures::docx(&Text::known()))?;
    let longshore = Longshore::new(&[])?;
    let file = docs.file("report.docx").to_string_lossy().into_owned();
    let ran = longshore.run(&["convert", &file])?;
    ensure!(ran.code() == 0, "{}", ran.stderr);
    ensure!(ran.stdout.contains("| Albatross |") && ran.stdout.contains("# Arrivals"), "{}", ran.stdout);
    ensure!(ran.stderr.contains("docx") && ran.stderr.contains("by office"), "{}", ran.stderr);
    ensure!(!longshore.data_dir().join("ledger.sqlite").exists(), "it needs no index");
    let again = longshore.run(&["convert", &file])?;
    ensure!(again.stdout == ran.stdout, "the same file gives the same text");
    Ok(())
}

#[test]
fn json_says_what_was_tried() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("mixed.pdf", fixtures::mixed_pdf(&Text::known()))?;
    let longshore = Longshore::new(&[])?;
    let file = docs.file("mixed.pdf").to_string_lossy().into_owned();
    let whole = longshore.json(&["convert", &file])?;
    ensure!(whole["result"] == "converted" && whole["type"] == "pdf", "{whole}");
    let tried: Vec<_> = whole["tried"]
        .as_array()
        .context("nothing was tried")?
        .iter()
        .map(|tried| format!("{} {}", tried["link"], tried["outcome"]))
        .collect();
    ensure!(tried.first().is_some_and(|first| first == r#""native" "read_in_part""#), "{tried:?}");
    ensure!(tried.last().is_some_and(|last| last == r#""ocr" "read""#), "{tried:?}");
    ensure!(whole["parts"].as_array().is_some_and(|parts| parts.len() == 4), "{whole}");
    let text = whole["markdown"].as_str().context("no text")?;
    ensure!(text.matches(&Text::known().word).count() >= 2, "{text}");

    let native = longshore.json(&["convert", &file, "--converter", "native"])?;
    ensure!(native["result"] == "partial", "{native}");
    ensure!(native["parts"][3]["unread"]["code"] == "needs_ocr", "{native}");
    Ok(())
}

#[test]
fn a_folder_goes_to_a_folder() -> anyhow::Result<()> {
    let docs = Docs::new()?;
    docs.write("a/report.odt", fixtures::odt(&Text::known()))?;
    docs.write("a/report.rtf", fixtures::rtf(&Text::known()))?;
    docs.write("notes.md", "# Notes\n\nplain\n")?;
    docs.write("secret.pdf", hostile::encrypted_pdf(&Text::known()))?;
    docs.write("old.doc", fixtures::doc(&Text::known()))?;
    let longshore = Longshore::new(&[])?;
    let folder = docs.path().to_string_lossy().into_owned();
    let out = tempfile::tempdir()?;
    let to = out.path().join("new").to_string_lossy().into_owned();

    let refused = longshore.run(&["convert", &folder])?;
    ensure!(refused.code() == 1 && refused.stderr.contains("--output"), "{}", refused.stderr);

    let ran = longshore.run(&["convert", &folder, "--output", &to])?;
    ensure!(ran.code() == 3, "{}", ran.stderr);
    ensure!(ran.stderr.contains("5 files in") && ran.stderr.contains("3 converted, 1 skipped, 1 failed"), "{}", ran.stderr);
    for name in ["a/report.odt.md", "a/report.rtf.md", "notes.md.md"] {
        let text = std::fs::read_to_string(out.path().join("new").join(name))?;
        ensure!(!text.is_empty(), "{name} is empty");
    }
    let reports = longshore.run(&["convert", &folder, "--output", &to, "--json"])?.stdout;
    let reports: Vec<Value> = reports.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let codes: Vec<_> = reports.iter().filter_map(|report| report["error"]["code"].as_str()).collect();
    ensure!(codes == ["legacy_office", "password_protected"], "{codes:?}");

    let opened = longshore.run(&["convert", &docs.file("old.doc").to_string_lossy(), "--open-types", "doc"])?;
    ensure!(opened.code() == 0 && opened.stdout.contains(&Text::known().word), "{}", opened.stderr);
    Ok(())
}

#[test]
fn mistakes_are_named() -> anyhow::Result<()> {
    let longshore = Longshore::new(&[])?;
    for (args, words) in [
        (vec!["convert", "no/such/file.pdf"], "no/such/file.pdf is not there"),
        (vec!["convert", "x", "--converter", "magic"], "native, poppler, ocr"),
        (vec!["convert", "x", "--converters", "docx=ocr"], "ocr cannot read docx"),
        (vec!["convert", "x", "--open-types", "exe"], "is not a file type"),
        (vec!["convert", "."  , "--json", "--remote-converter", "docling"], "URL"),
    ] {
        let ran = longshore.run(&args)?;
        ensure!(ran.code() != 0 && ran.stderr.contains(words), "{args:?}: {} {}", ran.code(), ran.stderr);
    }
    Ok(())
}
