//! What every format becomes. After a change of a converter: read the difference, then `cargo insta accept`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write as _;

use convert::fixtures::{self, Text};
use convert::{Document, FileType, Input, Options, convert};

/// Needs OCR or something else that is not in this program.
const PICTURES: [&str; 2] = ["scanned.pdf", "report.png"];

fn options() -> Options {
    Options {
        open: FileType::ALL.into(),
        ..Options::default()
    }
}

fn describe(document: &Document) -> String {
    let about = &document.about;
    let mut out = format!("{:?}, {}, by {}\n", about.kind, about.mime, about.converter);
    if let Some(title) = &about.title {
        writeln!(out, "title: {title}").unwrap();
    }
    for warning in &about.warnings {
        writeln!(out, "warning: {warning}").unwrap();
    }
    for part in &about.parts {
        let unread = part
            .unread
            .as_ref()
            .map(|unread| format!(", unread: {} ({})", unread.code, unread.reason));
        writeln!(
            out,
            "from {}: {}{}",
            part.start,
            part.place,
            unread.unwrap_or_default()
        )
        .unwrap();
    }
    out + "\n" + &document.markdown
}

#[test]
fn every_format_becomes_the_markdown_on_file() {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("golden");
    settings.bind(|| {
        insta::allow_duplicates!({
            for fixture in fixtures::all() {
                let input = Input {
                    name: fixture.name,
                    bytes: &fixture.bytes,
                    content_type: None,
                };
                let shown = match convert(&input, &options()) {
                    Ok(document) => describe(&document),
                    Err(error) => format!("{}: {error}", error.code()),
                };
                insta::assert_snapshot!(fixture.name, shown);
            }
        });
    });
}

#[test]
fn the_word_is_found_in_every_format() {
    let word = Text::known().word;
    for fixture in fixtures::all() {
        let input = Input {
            name: fixture.name,
            bytes: &fixture.bytes,
            content_type: None,
        };
        let found = convert(&input, &options()).is_ok_and(|document| document.markdown.contains(&word));
        assert_eq!(found, !PICTURES.contains(&fixture.name), "{}", fixture.name);
    }
}

#[test]
fn content_decides_when_the_name_says_nothing_or_lies() {
    // What has no mark of its own is told apart by name.
    let by_name = [
        "report.csv",
        "report.md",
        "report.rs",
        "report.txt",
        "windows-1252.txt",
    ];
    for fixture in fixtures::all()
        .into_iter()
        .filter(|fixture| !by_name.contains(&fixture.name))
    {
        let of = |name| {
            let input = Input {
                name,
                bytes: &fixture.bytes,
                content_type: None,
            };
            convert::file_type(&input)
        };
        let known = of(fixture.name);
        assert!(known.is_ok(), "{}: {known:?}", fixture.name);
        assert_eq!(of("download"), known, "{} without an extension", fixture.name);
    }
}

#[test]
fn fixtures_are_the_same_every_time() {
    for (one, other) in fixtures::all().into_iter().zip(fixtures::all()) {
        assert!(one == other, "{}", one.name);
    }
}
